"""``serve --compat video-objects``: what the older server's clients send, and what they get, on its own port."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from compat_http import get, refused
from compat_servers import compat_server
from objects_server import BLUE, RED, VIDEOS, Objects, filling, film, objects_servers, save, search_film

from morelike.testing.images import synthetic_image
from morelike.testing.tiny_onnx import colour_detector

pytestmark = pytest.mark.xdist_group("port 5000")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Objects]:
    """With a detector of red and blue things, video-objects on its own port."""
    with objects_servers(tmp_path_factory.mktemp("own"), colour_detector(side=128), real=VIDEOS) as objects:
        yield objects


@pytest.fixture(scope="module")
def gridded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Objects]:
    """Without one."""
    with objects_servers(tmp_path_factory.mktemp("gridded"), b"") as objects:
        yield objects


@pytest.fixture(scope="module")
def things(own: Objects) -> Objects:
    """With ``things`` in the video server's own table."""
    answer = own.videos.post("/image/load", json={"Table": None, "File": str(own.root / "things")})
    assert (answer.status_code, answer.json()) == (200, {"status": True, "msg": "Successfully loaded data!"})
    return own


def test_objects_are_seen_in_their_seconds(things: Objects) -> None:
    """The address of the film, then a row for each second and object: its name, its picture, how far, and when."""
    address, *rows = search_film(things, film([RED], [RED], [], [BLUE, RED]))
    base = things.servers[VIDEOS]
    assert address.startswith(f"{base}/video/getVideo?video=")
    assert address.endswith(".mp4")
    assert [(row["time"], row["object"]) for row in sorted(rows, key=lambda row: (row["time"], row["object"]))] == [
        ("0000000001", "cola"),
        ("0000000002", "cola"),
        ("0000000004", "cola"),
        ("0000000004", "water"),
    ]
    for row in rows:
        assert set(row) == {"object", "image", "distance", "time"}
        assert 0 <= row["distance"] < 0.5
        name = "cola.red.png" if row["object"] == "cola" else "water.png"
        assert row["image"] == f"{base}/data?image_path={things.root / 'things' / name}"
        assert get(row["image"]).content == (things.root / "things" / name).read_bytes()
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)


def test_the_film_can_be_played(things: Objects) -> None:
    """As it came, and in ranges, which a player asks for to jump; under its content's name, whatever it was called."""
    data = film([RED])
    address = search_film(things, data, name="../../etc/passwd.mp4")[0]
    whole = get(address)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, data, "video/mp4")
    assert "none of those asked for" in refused(get(address, headers={"Range": "bytes=999999999-"}), 416)
    part = get(address, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, data[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(data)}"
    assert search_film(things, data, name="b.mp4")[0] == address


def test_an_avi_is_a_film(things: Objects) -> None:
    """What the client's own example is: searched, and kept as it came, under a name that ends as it did."""
    data = film([BLUE], container="avi")
    address, *rows = search_film(things, data, name="QUERY.AVI")
    assert [row["object"] for row in rows] == ["water"]
    played = get(address)
    assert (played.content, played.headers["content-type"]) == (data, "video/vnd.avi")
    assert address.endswith(".mp4")


@pytest.mark.parametrize("name", ["", "nothing.mp4", "../../etc/passwd", "/etc/passwd", "a" * 5000])
def test_no_other_file_is_played(things: Objects, name: str) -> None:
    """Only films that were searched with have a name."""
    refused(things.videos.get("/video/getVideo", params={"video": name}), 404)


def test_a_film_with_nothing_known(things: Objects) -> None:
    """Its address alone."""
    assert len(search_film(things, film([]))) == 1


def test_the_clients_own_requests(things: Objects) -> None:
    """An empty table name, a body that names one, and a page that comes from elsewhere."""
    assert len(search_film(things, film([RED]), table="")) == 2
    assert things.videos.post("/image/count", json={"table_name": ""}).json() == 2
    assert things.videos.post("/image/load", json={"Table": "", "File": str(things.root / "things")}).ok
    seen = things.videos.get("/progress", headers={"Origin": "http://elsewhere:8001"})
    assert seen.json() == "current: 2, total: 2"
    assert seen.headers["access-control-allow-origin"] == "*"


def test_reading_an_address_drops_nothing(things: Objects) -> None:
    """A table goes by POST alone: a link that is followed leaves it as it is."""
    refused(things.videos.get("/image/drop"), 405)
    assert things.videos.post("/image/count").json() == 2


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        ("/video/search", {"files": {"video": ("a.mp4", b"no film")}}),
        ("/video/search", {}),
        ("/image/load", {"json": {"File": "/etc"}}),
        ("/image/drop", {"params": {"table_name": "a b"}}),
    ],
)
def test_failures_are_sentences(things: Objects, path: str, request_: dict[str, Any]) -> None:
    """What cannot be answered is a 4xx with a sentence, never a 200."""
    assert len(refused(things.videos.post(path, **request_), 400, 403, 404, 415, 422)) > 10


def test_several_films_at_once(things: Objects) -> None:
    """Each client gets its own film's answer."""
    films = [film([RED]), film([BLUE]), film([]), film([RED, BLUE])]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda data: search_film(things, data), films))
    seen = [{row["object"] for row in rows} for _, *rows in answers]
    assert seen == [{"cola"}, {"water"}, set(), {"cola", "water"}]
    assert len({answer[0] for answer in answers}) == 4


def test_a_grid_sees_objects_in_a_film(gridded: Objects) -> None:
    """Without a detector a box that an object fills finds it, once a second."""
    gridded.videos.post("/image/load", json={"File": str(gridded.root / "things")})
    _, *rows = search_film(gridded, film(filling(), []))
    assert [(row["time"], row["object"]) for row in rows] == [("0000000001", "cola")]


def test_a_film_that_is_too_long_is_refused(things: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour is looked at, and no more: the sentence says so."""
    pieces = type(things.servers.library.collection("video_obj_det")).pieces
    monkeypatch.setattr(
        "morelike.collection.OpenCollection.pieces", lambda self, film, **given: pieces(self, film, **given, most=2)
    )
    answer = things.videos.post("/video/search", files={"video": ("a.mp4", film([], [], []))})
    assert "3 frames" in refused(answer, 400)


def test_tables_of_another_kind_are_left_alone(own: Objects) -> None:
    """A collection that holds something else is neither searched nor dropped."""
    pytest.importorskip("av", reason="the extra `video` is not installed")
    own.servers.library.collection("films", modality="video", encoder="classic,classic-audio")
    refused(own.videos.post("/image/drop", params={"table_name": "films"}), 409)
    assert "films" in own.servers.library.names()


def test_the_folder_of_films_goes_with_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """When it has ended nothing of what was uploaded is left."""
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    (tmp_path / "root").mkdir()
    save(synthetic_image(1, 64), tmp_path / "root" / "a.png")
    with compat_server(tmp_path / "library", VIDEOS, allow_roots=(tmp_path / "root",)) as servers:
        client = servers.client(VIDEOS)
        client.post("/image/load", json={"File": str(tmp_path / "root")})
        client.post("/video/search", files={"video": ("a.mp4", film([]))})
        assert [len(list(folder.iterdir())) for folder in temporary.glob("morelike-films-*")] == [1]
    assert not list(temporary.glob("morelike-films-*"))
