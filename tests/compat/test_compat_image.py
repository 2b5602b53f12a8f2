"""``serve --compat image``: what the older picture server's clients of 2022 send, and what they get."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from compat_http import refused
from compat_pictures import LOADED, Pictures, picture_server

from morelike.collection import OpenCollection
from morelike.server.compat.served import Served
from morelike.testing.images import write_images

pytestmark = pytest.mark.xdist_group("port 5000")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pictures]:
    with picture_server(tmp_path_factory.mktemp("image"), real="image") as running:
        yield running


# -- the routes as they were


def test_the_web_client_goes_through_its_day(pictures: Pictures) -> None:
    """Count, load, progress, count, search, show, clear: each request as it sends it, each answer to the letter."""
    client = pictures.client
    (path, *_) = write_images(pictures.root / "day", 3, seed=20)
    assert client.post("/img/count").text == "null"
    answer = client.post("/img/load", json={"File": str(pictures.root / "day")})
    assert (answer.status_code, answer.text) == (200, f'"{LOADED}"')
    assert client.get("/progress").text == '"current: 3, total: 3"'
    assert client.post("/img/count").text == "3"

    found = client.post("/img/search", data={"topk": "2"}, files={"image": ("blob", path.read_bytes())})

    rows = found.json()
    assert rows[0][0] == str(path)
    assert len(rows) == 2
    assert pictures.shown(rows[0][0]) == (200, path.read_bytes())
    assert client.post("/img/drop").text == '"ok"'
    assert client.post("/img/count").text == "null"
    assert client.post("/img/drop").text == '"Milvus doesn\'t have a collection named milvus_img_search"'


def test_rows_are_paths_and_squared_distances(pictures: Pictures, loaded: list[Path]) -> None:
    """``[[path, distance], …]``, the nearest first, 2 - 2 cos as squared L2 of unit vectors is."""
    rows = pictures.search("four", loaded[2].read_bytes())
    hits = pictures.library.collection("four").search(loaded[2], k=10)

    assert rows == [[hit.source, pytest.approx(2 - 2 * hit.unit["cosine"], abs=1e-6)] for hit in hits]
    distances = [distance for _, distance in rows]
    assert rows[0][0] == str(loaded[2])
    assert distances == sorted(distances)
    assert distances[0] < 1e-5 < distances[1]
    assert distances[3] <= 4


@pytest.mark.parametrize(("topk", "rows"), [(None, 4), ("", 4), ("1", 1), ("3", 3), ("1000", 4)])
def test_topk_says_how_many(pictures: Pictures, loaded: list[Path], topk: str | None, rows: int) -> None:
    """As many rows as there are, at most ``topk``; ten where the form has none."""
    answer = pictures.client.post(
        "/img/search",
        params={"table_name": "four"},
        files={"image": ("query.jpg", loaded[0].read_bytes())},
        data={} if topk is None else {"topk": topk},
    )

    assert len(answer.json()) == rows


def test_ten_rows_where_the_form_says_nothing(pictures: Pictures) -> None:
    """The server's own TOP_K is 10, whatever there is."""
    (first, *_) = write_images(pictures.root / "twelve", 12, seed=40, size=32)
    pictures.load(pictures.root / "twelve", "twelve")

    answer = pictures.client.post(
        "/img/search", params={"table_name": "twelve"}, files={"image": ("q.jpg", first.read_bytes())}
    )

    assert len(answer.json()) == 10


def test_an_upload_is_numbered_and_found(pictures: Pictures, loaded: list[Path]) -> None:
    """The number is positive, the same for the same picture, and one that JavaScript holds exactly."""
    picture = loaded[0].read_bytes()
    first, again = pictures.upload("kept", picture, "a.jpg"), pictures.upload("kept", picture, "b.jpg")
    other = pictures.upload("kept", loaded[1].read_bytes(), "a.jpg")

    said = [answer.json() for answer in (first, again, other)]
    numbers = [int(sentence.removeprefix("Successfully loaded data: ")) for sentence in said]
    assert numbers[0] == numbers[1] != numbers[2]
    assert all(0 < number < 2**53 for number in numbers)
    assert pictures.count("kept") == 3


def test_an_upload_is_kept_by_the_library(pictures: Pictures, loaded: list[Path]) -> None:
    """Its bytes are served from there; no file of its name, or of a path in its name, comes to be anywhere."""
    picture = loaded[3].read_bytes()
    name = "../../root/up & away #1.jpg"
    assert pictures.upload("uploads", picture, name).status_code == 200

    ((path, distance),) = pictures.search("uploads", picture)

    assert distance < 1e-5
    assert path.endswith("/up%20%26%20away%20%231.jpg")
    assert pictures.shown(path) == (200, picture)
    assert not list(pictures.root.parent.rglob("*away*"))


def test_count_is_a_number_or_null(pictures: Pictures, loaded: list[Path]) -> None:
    """By GET and by POST, of the table that the query names."""
    named = {"table_name": "four"}

    assert pictures.client.post("/img/count", params=named).text == "4"
    assert pictures.client.get("/img/count", params=named).text == "4"
    assert pictures.client.post("/img/count", params={"table_name": "nothing"}).text == "null"


def test_any_page_may_ask(pictures: Pictures) -> None:
    """The web client comes from another port: the answer and the browser's question before it allow that."""
    origin = {"Origin": "http://localhost:8001"}
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}

    assert pictures.client.post("/img/count", headers=origin).headers["access-control-allow-origin"] == "*"
    before = pictures.client.options("/img/load", headers={**origin, **asking})
    assert before.status_code == 200
    assert before.headers["access-control-allow-origin"] == "*"


# -- what it mends


@pytest.mark.parametrize(
    "name",
    [
        "plain.jpg",
        "a&b=c.jpg",
        "tag #1.jpg",
        "1+1.jpg",
        "100%.jpg",
        "100%41.jpg",
        "what?.jpg",
        "a b  c.jpg",
        "semi;colon.jpg",
        "back\\slash.jpg",
        'it\'s "so".jpg',
        "<b>.jpg",
        "海 naïve.jpg",
        "%2e%2e%2f.jpg",
    ],
)
def test_every_path_can_be_shown(pictures: Pictures, name: str) -> None:
    """A page that puts a path behind ``image_path=`` as it is gets the picture, whatever characters are in its name."""
    folder = pictures.root / f"names & more {len(name)} {ord(name[0])}"
    (made,) = write_images(folder, 1, seed=len(name) + ord(name[0]), size=32)
    path = made.rename(folder / name)
    pictures.upload("names", path.read_bytes(), "other.jpg")
    pictures.load(folder, "names")

    paths = [stored for stored, _ in pictures.search("names", path.read_bytes(), 2) if not stored.startswith("upload")]

    assert [pictures.shown(stored) for stored in paths] == [(200, path.read_bytes())]
    assert not set("&#+? ") & set(paths[0])


def test_a_script_that_encodes_gets_it_too(pictures: Pictures) -> None:
    """``requests.get(params={"image_path": path})`` encodes once more what came encoded."""
    (made,) = write_images(pictures.root / "encoded", 1, seed=77, size=32)
    path = made.rename(made.with_name("a & b.jpg"))
    pictures.load(pictures.root / "encoded", "encoded")

    ((stored, _),) = pictures.search("encoded", path.read_bytes())

    assert stored.endswith("/a%20%26%20b.jpg")
    assert pictures.client.get("/data", params={"image_path": stored}).content == path.read_bytes()
    assert pictures.client.get("/data", params={"image_path": str(path)}).content == path.read_bytes()


def test_only_indexed_pictures_are_given_away(pictures: Pictures, loaded: list[Path]) -> None:
    """Not a file beside them, not one by a way around, not one that the server itself could read."""
    beside = Path(shutil.copy(loaded[0], pictures.root / "four" / "later.jpg"))
    around = f"{loaded[0].parent}/../four/{loaded[0].name}"
    try:
        for path in (str(beside), around, "/etc/passwd", "../../etc/passwd", loaded[0].name, f"{loaded[0]}/", "\0"):
            sentence = refused(pictures.client.get("/data", params={"image_path": path}), 404)
            assert "no table has such a file" in sentence
    finally:
        beside.unlink()
    refused(pictures.client.get("/data"), 400)


def test_a_picture_of_a_dropped_table_is_given_away_no_more(pictures: Pictures) -> None:
    """The file stays where it is, and is not served any longer."""
    (path,) = write_images(pictures.root / "dropped", 1, seed=78)
    pictures.load(pictures.root / "dropped", "dropped")
    assert pictures.shown(str(path))[0] == 200

    pictures.client.post("/img/drop", params={"table_name": "dropped"})

    assert pictures.shown(str(path))[0] == 404
    assert path.is_file()


def test_a_changed_picture_is_not_shown_from_memory(pictures: Pictures, loaded: list[Path]) -> None:
    """A path may hold another picture tomorrow: browsers ask again, and get nothing again while it is the same."""
    first = pictures.client.get("/data", params={"image_path": str(loaded[0])})
    again = pictures.client.get(
        "/data", params={"image_path": str(loaded[0])}, headers={"If-None-Match": first.headers["etag"]}
    )

    assert "no-cache" in first.headers["cache-control"]
    assert again.status_code == 304


@pytest.mark.parametrize("name", ["a;drop table", "a b", "1st", "x" * 65, "ü", "a'--", "../a", "a\n"])
def test_names_of_tables_are_names(pictures: Pictures, loaded: list[Path], name: str) -> None:
    """Anything else is refused at each route, in a sentence, and nothing comes of it."""
    client, query = pictures.client, {"params": {"table_name": name}}
    image = {"image": ("a.jpg", loaded[0].read_bytes())}
    before = pictures.library.names()
    answers = [
        client.post("/img/count", **query),
        client.post("/img/drop", **query),
        client.post("/img/search", **query, files=image),
        client.post("/img/upload", **query, files=image),
        client.post("/img/load", json={"Table": name, "File": str(pictures.root / "four")}),
    ]

    for answer in answers:
        assert "cannot be a table's name" in refused(answer, 400)
    assert pictures.library.names() == before


def test_errors_are_errors(pictures: Pictures, loaded: list[Path], tmp_path: Path) -> None:
    """Each has a status that says so and one sentence; none of them makes a table."""
    client, picture = pictures.client, {"image": ("a.jpg", loaded[0].read_bytes())}
    four = {"table_name": "four"}
    before = pictures.library.names()

    neither = client.post("/img/upload", params=four)
    assert refused(neither, 400) == "Image and url are required"
    assert "no file named image" in refused(client.post("/img/search", params=four), 400)
    assert "no table nothing" in refused(
        client.post("/img/search", params={"table_name": "nothing"}, files=picture), 404
    )
    assert "topk is 0" in refused(client.post("/img/search", params=four, files=picture, data={"topk": 0}), 400)
    assert "topk" in refused(client.post("/img/search", params=four, files=picture, data={"topk": "x"}), 422)
    assert "topk is 1001" in refused(client.post("/img/search", params=four, files=picture, data={"topk": 1001}), 400)
    assert "picture" in refused(client.post("/img/search", params=four, files={"image": ("a.jpg", b"text")}), 422)
    assert "names no folder" in refused(client.post("/img/load", json={"Table": "four"}), 400)
    assert "no-such" in refused(
        client.post("/img/load", json={"Table": "four", "File": str(pictures.root / "no-such")}), 422
    )
    assert "may be read" in refused(client.post("/img/load", json={"Table": "four", "File": str(tmp_path)}), 422)
    assert refused(client.post("/img/load", data=b"{", headers={"Content-Type": "application/json"}), 422)
    assert "GET /img/nothing" in refused(client.get("/img/nothing"), 404)
    assert refused(client.get("/img/load"), 405)
    assert pictures.library.names() == before


def test_an_upload_that_is_no_picture(pictures: Pictures, loaded: list[Path]) -> None:
    """It is refused with its reason; one that is empty too; what is there stays."""
    assert "not a picture" in refused(pictures.upload("four", b"no picture", "a.jpg"), 422)
    assert refused(pictures.upload("four", b"", "a.jpg"), 422)
    assert pictures.count("four") == len(loaded)


def test_a_table_that_holds_something_else(pictures: Pictures) -> None:
    """A collection of sounds in the same library is no table of this server, and is neither read nor dropped."""
    pictures.library.collection("sounds", modality="audio", encoder="classic-audio")

    for route in ("/img/count", "/img/drop"):
        assert "audio" in refused(pictures.client.post(route, params={"table_name": "sounds"}), 409)
    assert "sounds" in pictures.library.names()


def test_a_fault_is_told_to_any_page(pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody expected has a sentence and the log's number, and a web client of another port may read it."""

    def fail(*_: object) -> None:
        raise RuntimeError("unheard of")

    monkeypatch.setattr(Served, "count_rows", fail)
    answer = pictures.client.post("/img/count", headers={"Origin": "http://localhost:8001"})

    assert "see the log under" in refused(answer, 500)
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_part_that_is_not_there_is_refused(pictures: Pictures, loaded: list[Path]) -> None:
    """In the words of this server, with the picture's size beside them."""
    size = loaded[0].stat().st_size
    asked_for = {"Range": f"bytes={size}-"}

    answer = pictures.client.get("/data", params={"image_path": str(loaded[0])}, headers=asked_for)

    assert str(size) in refused(answer, 416)
    assert answer.headers["content-range"] == f"bytes */{size}"


def test_a_table_that_is_dropped_while_a_picture_comes(
    pictures: Pictures, loaded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upload is refused for that, and not for the picture."""
    monkeypatch.setattr(OpenCollection, "found_at", lambda *_: {})

    assert "removed while it was added" in refused(pictures.upload("gone", loaded[0].read_bytes()), 409)
