"""``serve --compat image-objects`` and ``video-objects``: what the older servers' clients send, and what they get."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import pytest
from compat_servers import CompatServers, compat_server, refused
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from morelike.errors import ModelError
from morelike.testing.images import synthetic_image
from morelike.testing.tiny_onnx import colour_detector, image_tower

SIZE = (200, 152)
RED, BLUE = (230, 20, 20), (20, 20, 230)
IMAGES, VIDEOS = "image-objects", "video-objects"


@dataclass(frozen=True)
class Objects:
    """Both servers over one library, with a detector of red and blue things or without, and what lies in the folder
    that they may read.
    """

    servers: CompatServers
    images: httpx.Client
    videos: httpx.Client
    root: Path


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Objects]:
    """With a detector."""
    with _servers(tmp_path_factory.mktemp("own"), colour_detector(side=128)) as objects:
        yield objects


@pytest.fixture(scope="module")
def gridded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Objects]:
    """Without one."""
    with _servers(tmp_path_factory.mktemp("gridded"), b"") as objects:
        yield objects


@contextmanager
def _servers(folder: Path, detector: bytes) -> Iterator[Objects]:
    root, models = folder / "root", folder / "models"
    _fill(root)
    models.mkdir()
    if detector:
        (models / "detector.onnx").write_bytes(detector)
    with (
        compat_server(folder / "library", IMAGES, VIDEOS, allow_roots=(root,), models_cache=models) as servers,
        servers.client(IMAGES) as images,
        servers.client(VIDEOS) as videos,
    ):
        yield Objects(servers, images, videos, root)


def _fill(root: Path) -> None:
    """``scenes``: pictures with things in them, a copy, and a file that is none; ``things``: one thing a picture."""
    (root / "scenes").mkdir(parents=True)
    (root / "things").mkdir()
    for name, things in {"red": [RED], "blue": [BLUE], "both": [RED, BLUE], "none": []}.items():
        _save(scene(*things), root / "scenes" / f"{name}.png")
    shutil.copy(root / "scenes" / "blue.png", root / "scenes" / "blue &#+%? copy.PNG")
    (root / "scenes" / "broken.jpg").write_bytes(b"no picture")
    (root / "scenes" / "notes.txt").write_text("no picture")
    _save(thing(RED), root / "things" / "cola.red.png")
    _save(thing(BLUE), root / "things" / "water.png")


def scene(*things: tuple[int, int, int], at: int = 0) -> NDArray[np.uint8]:
    """Things as boxes, the red one on the left, the blue one on the right, on a green ground."""
    pixels = np.full((SIZE[1], SIZE[0], 3), (70, 110, 70), np.uint8)
    for colour in things:
        left = 8 + at if colour == RED else 112 + at
        pixels[40:110, left : left + 72] = thing(colour)
    return pixels


def thing(colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A thing alone, as large as the picture: a darker cross on what is red, a darker ring on what is blue."""
    picture = Image.new("RGB", (72, 70), colour)
    draw, darker = ImageDraw.Draw(picture), tuple(level * 3 // 5 for level in colour)
    if colour == RED:
        draw.line((0, 0, 72, 70), fill=darker, width=14)
        draw.line((0, 70, 72, 0), fill=darker, width=14)
    else:
        draw.ellipse((14, 14, 58, 56), outline=darker, width=12)
    return np.asarray(picture)


def _save(pixels: NDArray[np.uint8], path: Path) -> None:
    Image.fromarray(pixels).save(path, "PNG")


def png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def filling() -> NDArray[np.uint8]:
    """A scene whose red thing fills the box in the middle of the grid."""
    pixels = scene()
    pixels[38:114, 50:150] = np.asarray(Image.fromarray(thing(RED)).resize((100, 76)))
    return pixels


def film(*seconds: list[tuple[int, int, int]] | NDArray[np.uint8], container: str = "mp4") -> bytes:
    """A film with these things in each second, or of these pictures."""
    av = pytest.importorskip("av", reason="the extra `video` is not installed")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream("mpeg4" if container == "avi" else "libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for things in seconds:
            for frame in range(5):
                pixels = things if isinstance(things, np.ndarray) else scene(*things, at=frame)
                output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def search_images(objects: Objects, pixels: NDArray[np.uint8], table: str, **form: Any) -> list[Any]:
    answer = objects.images.post(
        "/img/search", params={"table_name": table}, data=form, files={"image": ("query.png", png(pixels))}
    )
    assert answer.status_code == 200, answer.text
    rows: list[Any] = answer.json()
    return rows


def search_film(objects: Objects, data: bytes, table: str = "", name: str = "query.mp4") -> list[Any]:
    answer = objects.videos.post("/video/search", params={"table_name": table}, files={"video": (name, data)})
    assert answer.status_code == 200, answer.text
    rows: list[Any] = answer.json()
    return rows


@pytest.fixture(scope="module")
def scenes(own: Objects) -> Objects:
    """With ``scenes`` in the image server's own table."""
    answer = own.images.post("/img/load", json={"File": str(own.root / "scenes")})
    assert (answer.status_code, answer.json()) == (200, "Successfully loaded data!")
    return own


@pytest.fixture(scope="module")
def things(own: Objects) -> Objects:
    """With ``things`` in the video server's own table."""
    answer = own.videos.post("/image/load", json={"Table": None, "File": str(own.root / "things")})
    assert (answer.status_code, answer.json()) == (200, {"status": True, "msg": "Successfully loaded data!"})
    return own


def test_what_finds_objects_is_said(own: Objects, gridded: Objects) -> None:
    """At start-up each server says whether there is a detector, and what it does without one and how to bring one."""
    assert all("objects are found by detector.onnx" in said for said in own.servers.said)
    assert all("by a grid" in said and "MORELIKE_MODELS" in said for said in gridded.servers.said)
    assert [said.partition(":")[0] for said in own.servers.said] == [IMAGES, VIDEOS]


def test_a_detector_that_is_none_ends_the_start(tmp_path: Path) -> None:
    """A file that cannot find anything is not passed over."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "detector.onnx").write_bytes(image_tower(8, side=64))
    starting = compat_server(tmp_path / "library", IMAGES, models_cache=tmp_path / "models")
    with pytest.raises(ModelError, match=r"detector\.onnx is no detector"), starting:
        pass


def test_every_object_finds_its_own(scenes: Objects) -> None:
    """Two objects in one picture: the answer has what is nearest to either, a row a picture, the nearest first."""
    rows = search_images(scenes, scene(RED, BLUE, at=4), "")
    names = [Path(path).name for path, _ in rows]
    distances = [distance for _, distance in rows]
    assert len(names) == len(set(names)) == 5
    assert set(names[:4]) == {"red.png", "blue.png", "both.png", "blue%20%26%23%2B%25%3F%20copy.PNG"}
    assert distances == sorted(distances)
    assert max(distances[:4]) < 0.1 < distances[4] <= 4
    assert all(isinstance(distance, float) for distance in distances)


def test_an_object_finds_pictures_that_show_it(scenes: Objects) -> None:
    """A red thing is near the pictures with something red, and far from the others."""
    rows = {Path(path).name: distance for path, distance in search_images(scenes, scene(RED, at=4), "")}
    assert max(rows["red.png"], rows["both.png"]) < 0.1 < min(rows["blue.png"], rows["none.png"])


def test_topk_is_for_each_object(scenes: Objects) -> None:
    """One row an object is two for two objects; what is no number of rows is refused."""
    names = {Path(path).name for path, _ in search_images(scenes, scene(RED, BLUE, at=4), "", topk=1)}
    assert len(names) <= 2
    assert names & {"red.png", "both.png"}
    answer = scenes.images.post("/img/search", data={"topk": 0}, files={"image": ("a.png", png(scene(RED)))})
    assert "topk" in refused(answer, 400)


def test_a_picture_without_objects_is_searched_with_whole(scenes: Objects) -> None:
    """It finds itself, at no distance."""
    path, distance = search_images(scenes, scene(), "")[0]
    assert Path(path).name == "none.png"
    assert distance == pytest.approx(0, abs=1e-4)


def test_found_pictures_load(scenes: Objects) -> None:
    """A path of an answer is put behind the address as it is, as the client does, and the very file comes."""
    for path, _ in search_images(scenes, scene(RED, BLUE), ""):
        shown = scenes.images.get(f"/data?image_path={path}")
        (stored,) = parse_qs(urlsplit(f"?image_path={path}").query)["image_path"]
        assert (shown.status_code, shown.content) == (200, Path(stored).read_bytes())
    refused(scenes.images.get("/data", params={"image_path": str(scenes.root / "scenes" / "notes.txt")}), 404)


def test_pictures_are_counted(scenes: Objects) -> None:
    """Copies count, parts do not; no table is null."""
    assert scenes.images.post("/img/count").json() == 5
    assert scenes.images.get("/img/count").json() == 5
    assert scenes.images.post("/img/count", params={"table_name": "nothing"}).json() is None


def test_reading_an_address_drops_nothing(scenes: Objects) -> None:
    """A table goes by POST alone: a link that is followed leaves it as it is."""
    refused(scenes.images.get("/img/drop"), 405)
    refused(scenes.videos.get("/image/drop"), 405)
    assert scenes.images.post("/img/count").json() == 5


def test_progress_is_a_sentence(scenes: Objects) -> None:
    """The bad file is through, too, and the one that is no picture by its name was never meant."""
    assert scenes.images.get("/progress").json() == "current: 6, total: 6"


def test_a_dropped_table_is_gone(own: Objects) -> None:
    """``ok``, then the older server's sentence; the files stay."""
    own.images.post("/img/load", json={"File": str(own.root / "things"), "Table": "short"})
    assert own.images.post("/img/drop", params={"table_name": "short"}).json() == "ok"
    gone = own.images.post("/img/drop", params={"table_name": "short"})
    assert (gone.status_code, gone.json()) == (200, "Milvus doesn't have a collection named short")
    assert (own.root / "things" / "water.png").exists()


@pytest.mark.parametrize(
    ("server", "path", "request_"),
    [
        (IMAGES, "/img/search", {"files": {"image": ("a.png", b"no picture")}}),
        (IMAGES, "/img/search", {}),
        (IMAGES, "/img/search", {"files": {"image": ("a.png", b"")}, "params": {"table_name": "nothing"}}),
        (IMAGES, "/img/load", {"json": {"File": "/etc"}}),
        (IMAGES, "/img/load", {"json": {}}),
        (IMAGES, "/img/count", {"params": {"table_name": "a;drop table b"}}),
        (IMAGES, "/img/upload", {}),
        (VIDEOS, "/video/search", {"files": {"video": ("a.mp4", b"no film")}}),
        (VIDEOS, "/video/search", {}),
        (VIDEOS, "/image/load", {"json": {"File": "/etc"}}),
        (VIDEOS, "/image/drop", {"params": {"table_name": "a b"}}),
    ],
)
def test_failures_are_sentences(
    scenes: Objects, things: Objects, server: str, path: str, request_: dict[str, Any]
) -> None:
    """What cannot be answered is a 4xx with a sentence, never a 200."""
    client = scenes.images if server == IMAGES else things.videos
    assert len(refused(client.post(path, **request_), 400, 403, 404, 415, 422)) > 10


def test_no_table_yet(gridded: Objects) -> None:
    """A search before anything was loaded says what to do."""
    answer = gridded.images.post("/img/search", files={"image": ("a.png", png(scene()))})
    assert "load" in refused(answer, 404)


def test_a_grid_finds_parts(gridded: Objects) -> None:
    """Without a detector a picture is found by what one box of it shows, wherever that is in the query."""
    (gridded.root / "varied").mkdir()
    for seed in range(5):
        _save(synthetic_image(seed, SIZE), gridded.root / "varied" / f"{seed}.png")
    gridded.images.post("/img/load", json={"File": str(gridded.root / "varied"), "Table": "varied"})
    query = synthetic_image(50, SIZE)
    query[:76, :100] = synthetic_image(3, SIZE)[38:114, 50:150]
    rows = search_images(gridded, query, "varied")
    assert Path(rows[0][0]).name == "3.png"
    assert rows[0][1] == pytest.approx(0, abs=1e-4)
    assert rows[1][1] > 0.05
    assert len({path for path, _ in rows}) == len(rows) == 5
    assert gridded.servers.library.collection("varied").options == {"regions": "grid"}


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
        assert httpx.get(row["image"]).content == (things.root / "things" / name).read_bytes()
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)


def test_the_film_can_be_played(things: Objects) -> None:
    """As it came, and in ranges, which a player asks for to jump; under its content's name, whatever it was called."""
    data = film([RED])
    address = search_film(things, data, name="../../etc/passwd.mp4")[0]
    whole = httpx.get(address)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, data, "video/mp4")
    assert "none of those asked for" in refused(httpx.get(address, headers={"Range": "bytes=999999999-"}), 416)
    part = httpx.get(address, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, data[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(data)}"
    assert search_film(things, data, name="b.mp4")[0] == address


def test_an_avi_is_a_film(things: Objects) -> None:
    """What the client's own example is: searched, and kept as it came, under a name that ends as it did."""
    data = film([BLUE], container="avi")
    address, *rows = search_film(things, data, name="QUERY.AVI")
    assert [row["object"] for row in rows] == ["water"]
    played = httpx.get(address)
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
    assert things.videos.post("/image/load", json={"Table": "", "File": str(things.root / "things")}).is_success
    seen = things.videos.get("/progress", headers={"Origin": "http://elsewhere:8001"})
    assert seen.json() == "current: 2, total: 2"
    assert seen.headers["access-control-allow-origin"] == "*"


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
    _save(synthetic_image(1, 64), tmp_path / "root" / "a.png")
    with (
        compat_server(tmp_path / "library", VIDEOS, allow_roots=(tmp_path / "root",)) as servers,
        servers.client(VIDEOS) as client,
    ):
        client.post("/image/load", json={"File": str(tmp_path / "root")})
        client.post("/video/search", files={"video": ("a.mp4", film([]))})
        assert [len(list(folder.iterdir())) for folder in temporary.glob("morelike-films-*")] == [1]
    assert not list(temporary.glob("morelike-films-*"))
