"""``serve --compat video``: what the older video server's clients send, and what they get."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from compat_http import Client, get, refused
from compat_servers import CompatServers, compat_server
from PIL import Image

from morelike.library import Library
from morelike.testing.films import animation, film, film_frame
from morelike.testing.images import synthetic_image

pytestmark = pytest.mark.xdist_group("port 5000")

LOADED = {"status": True, "msg": "Successfully loaded data!"}
SIZE = (96, 72)
FAST = {"preset": "ultrafast"}


@dataclass(frozen=True)
class Video:
    """A running server, a client of it, and the folder that requests may name."""

    client: Client
    library: Library
    root: Path
    base: str

    def load(self, folder: Path, table: str) -> None:
        answer = self.client.post("/video/load", json={"Table": table, "File": str(folder)})
        assert (answer.status_code, answer.json()) == (200, LOADED)

    def search(self, table: str, picture: bytes, name: str = "query.png") -> list[Any]:
        answer = self.client.post("/video/search", params={"table_name": table}, files={"image": (name, picture)})
        assert answer.status_code == 200, answer.text
        rows: list[Any] = answer.json()
        return rows

    def count(self, table: str) -> Any:
        answer = self.client.post("/video/count", params={"table_name": table})
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompatServers]:
    folder = tmp_path_factory.mktemp("video")
    (folder / "root").mkdir()
    with compat_server(folder / "library", "video", allow_roots=(folder / "root",), real="video") as running:
        yield running


@pytest.fixture(scope="module")
def video(servers: CompatServers) -> Video:
    root = servers.library.folder.parent / "root"
    return Video(servers.client("video"), servers.library, root, servers["video"])


@pytest.fixture(scope="module")
def films(video: Video) -> Path:
    """Two films of four seconds, one with sound, and an animation of two, in the table ``films``, which stays."""
    folder = video.root / "films"
    folder.mkdir()
    for seed, sound in ((0, "aac"), (1, "")):
        made = film(seed, scenes=(2.0, 2.0), fps=8, size=SIZE, sound=sound, options=FAST)
        (folder / f"film{seed}.mp4").write_bytes(made)
    (folder / "moving.gif").write_bytes(animation(7, "GIF", frames=20, milliseconds=100, size=SIZE))
    video.load(folder, "films")
    return folder


def frame(seed: int, number: int, scene: int = 0) -> bytes:
    """A frame of ``film(seed, fps=8)`` as a PNG."""
    return png(film_frame(seed, number, SIZE, scene=scene))


def png(picture: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


# -- the routes as they were


def test_the_web_client_goes_through_its_day(video: Video) -> None:
    """Count, load, count, search, play, clear: each request as that client sends it, each answer its own."""
    folder = video.root / "day"
    folder.mkdir()
    (folder / "a.gif").write_bytes(animation(3, "GIF", frames=30, milliseconds=100, size=SIZE))
    post = video.client.post
    assert post("/video/count").json() is None
    answer = post("/video/load", json={"File": str(folder)})
    assert (answer.status_code, answer.json()) == (200, LOADED)
    assert video.client.get("/progress").json() == {"current": 1, "total": 1}
    assert post("/video/count").json() == 3
    found = post("/video/search", files={"image": ("q.png", png(film_frame(3, 5, SIZE)))})
    assert found.status_code == 200
    ((address, distance),) = found.json()
    assert address == f"{video.base}/data?gif_path={folder}/a.gif"
    assert 0 <= distance < 0.1
    played = get(address)
    assert (played.content, played.headers["content-type"]) == ((folder / "a.gif").read_bytes(), "image/gif")
    assert post("/video/drop").json() == "ok"
    answer = post("/video/drop")
    assert (answer.status_code, answer.json()) == (200, "Milvus doesn't have a collection named milvus_video_search")
    assert post("/video/count").json() is None


def test_a_search_answers_a_row_a_film_by_its_nearest_frame(video: Video, films: Path) -> None:
    """``[[address, distance], …]``, the nearest first: squared L2, of the frame of each film that is nearest."""
    picture = frame(1, 20, scene=1)
    rows = video.search("films", picture)
    hits = video.library.collection("films").search(picture, k=10)
    expected = [[f"{video.base}/data?gif_path={hit.source}", 2 - 2 * hit.unit["cosine"]] for hit in hits]
    assert [[address, pytest.approx(far, abs=1e-6)] for address, far in rows] == expected
    assert rows[0][0].endswith("/film1.mp4")
    distances = [far for _, far in rows]
    assert len(rows) == 3
    assert distances == sorted(distances)
    assert distances[0] < 0.2 < distances[1] <= distances[2] <= 4
    assert (hits[0].span.start, hits[0].span.end) == (2.0, 3.0), "frame 20 of 8 a second"


def test_the_count_is_of_frames_one_a_second(video: Video, films: Path) -> None:
    """4 + 4 + 2 seconds; of the sound nothing is kept."""
    assert video.count("films") == 10
    opened = video.library.collection("films")
    assert [space.kind for space in opened.spaces] == ["image"]
    assert opened.options["every"] == 1.0


def test_a_search_answers_with_forty_films(video: Video) -> None:
    """TOP_K was 40, and films are counted, not frames: of 42 films with three frames each, 40 come."""
    folder = video.root / "many"
    folder.mkdir()
    for seed in range(42):
        moving = animation(seed, "GIF", frames=3, milliseconds=1000, size=(48, 36))
        (folder / f"{seed:02}.gif").write_bytes(moving)
    video.load(folder, "many")
    assert video.count("many") == 126
    rows = video.search("many", png(film_frame(9, 0, (48, 36))))
    assert len({address for address, _ in rows}) == len(rows) == 40
    assert rows[0][0].endswith("/09.gif")


def test_a_picture_that_moves_may_be_the_query(video: Video, films: Path) -> None:
    """A GIF dropped onto the page finds itself, and distances still go up."""
    rows = video.search("films", (films / "moving.gif").read_bytes(), "q.gif")
    assert rows[0][0].endswith("/moving.gif")
    assert len(rows) == 3
    assert [far for _, far in rows] == sorted(far for _, far in rows)


# -- what is mended


def test_bad_films_keep_nobody_from_loading(video: Video) -> None:
    """The good ones are loaded, upper case or not; ``current`` reaches ``total``; the ledger says why of the bad."""
    folder = video.root / "mixed"
    folder.mkdir()
    good = film(5, scenes=(2.0,), fps=8, size=SIZE, options=FAST)
    (folder / "GOOD.MP4").write_bytes(good)
    (folder / "deep").mkdir()
    (folder / "deep" / "moving.Gif").write_bytes(animation(8, "GIF", frames=10, milliseconds=100, size=SIZE))
    (folder / "words.avi").write_bytes(b"these are words")
    (folder / "cut.mp4").write_bytes(good[:200])
    (folder / "notes.txt").write_bytes(b"no film, and not said to be one")
    Image.fromarray(synthetic_image(1)).save(folder / "still.gif")
    video.load(folder, "mixed")
    assert video.client.get("/progress").json() == {"current": 5, "total": 5}
    assert video.count("mixed") == 3
    rejected = {Path(row.uri).name for row in video.library.collection("mixed").rejected()}
    assert rejected == {"words.avi", "cut.mp4", "still.gif"}
    names = {address.rpartition("/")[2] for address, _ in video.search("mixed", frame(5, 3))}
    assert names == {"GOOD.MP4", "moving.Gif"}


def test_a_copied_film_has_its_own_row(video: Video) -> None:
    """Two files of the same content are two rows at the same distance; its frames are counted once."""
    folder = video.root / "copies"
    folder.mkdir()
    for name in ("a.gif", "b.gif"):
        (folder / name).write_bytes(animation(4, "GIF", frames=20, milliseconds=100, size=SIZE))
    with ThreadPoolExecutor(2) as pool:
        for load in [pool.submit(video.load, folder, "copies") for _ in range(2)]:
            load.result()
    rows = video.search("copies", png(film_frame(4, 2, SIZE)))
    assert [address.rpartition("/")[2] for address, _ in rows] == ["a.gif", "b.gif"]
    assert rows[0][1] == rows[1][1]
    assert video.count("copies") == 2


def test_an_address_plays_as_it_is_whatever_the_film_is_called(video: Video) -> None:
    """Only what would end or change the address is encoded, and ``/data`` decodes it."""
    folder = video.root / "odd"
    folder.mkdir()
    path = folder / "a & b #1+2%41? ü.gif"
    path.write_bytes(animation(6, "GIF", frames=10, milliseconds=100, size=SIZE))
    video.load(folder, "odd")
    ((address, _),) = video.search("odd", png(film_frame(6, 2, SIZE)))
    assert address == f"{video.base}/data?gif_path={folder}/a%20%26%20b%20%231%2B2%2541%3F%20ü.gif"
    assert get(address).content == path.read_bytes()


def test_films_are_given_away_in_parts_and_nothing_else_is(video: Video, films: Path) -> None:
    """A range is answered with that range; a path of no table with 404."""
    asked = {"gif_path": str(films / "film0.mp4")}
    part = video.client.get("/data", params=asked, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    beside = films / "beside.gif"
    beside.write_bytes(animation(2, "GIF", size=SIZE))
    for path in (beside, films / ".." / "films" / "film0.mp4", "/etc/passwd"):
        refused(video.client.get("/data", params={"gif_path": str(path)}), 404)
    refused(video.client.get("/data"), 400)


def test_what_is_wrong_is_said_with_a_status_that_says_so_too(video: Video, films: Path, tmp_path: Path) -> None:
    """No error comes with 200: a name that is none, a missing table, file, folder or body, a broken upload."""
    post = video.client.post
    picture = {"image": ("q.png", frame(0, 0))}
    for answer in (
        post("/video/load", json={"Table": "a;drop table", "File": str(films)}),
        post("/video/search", params={"table_name": "a;drop table"}, files=picture),
        post("/video/count", params={"table_name": "a;drop table"}),
        post("/video/drop", params={"table_name": "a;drop table"}),
    ):
        assert "letters, digits and _" in refused(answer, 400)
    assert "no table nowhere" in refused(post("/video/search", params={"table_name": "nowhere"}, files=picture), 404)
    assert "image" in refused(post("/video/search", params={"table_name": "films"}), 400)
    bad = {"image": ("q.png", b"these are words")}
    refused(post("/video/search", params={"table_name": "films"}, files=bad), 422)
    assert "folder" in refused(post("/video/load", json={"Table": "films"}), 400)
    refused(post("/video/load"), 422)
    assert "--allow-root" in refused(post("/video/load", json={"Table": "never", "File": str(tmp_path)}), 403, 422)
    assert video.count("never") is None
    refused(video.client.get("/video/nothing"), 404)
