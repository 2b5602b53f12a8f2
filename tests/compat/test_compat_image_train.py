"""``serve --compat image``: the forms of the oldest picture server, whose ``train`` only begins to load."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from compat_http import refused
from compat_pictures import DEADLINE, Held, Pictures, asked, picture_server

from morelike.testing.images import write_images

pytestmark = pytest.mark.xdist_group("port 5000")

TRAIN, PROCESS, COUNT = "/api/v1/train", "/api/v1/process", "/api/v1/count"
DELETE, SEARCH = "/api/v1/delete", "/api/v1/search"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pictures]:
    with picture_server(tmp_path_factory.mktemp("train"), real="image") as running:
        yield running


def train(pictures: Pictures, folder: Path, table: str) -> None:
    """As the web client does it: begin, and ask until the two numbers are the same."""
    answer = pictures.client.post(TRAIN, json={"Table": table, "File": str(folder)})
    assert (answer.status_code, answer.text) == (200, "Start")
    wait_for(lambda: progress(pictures)[0] == progress(pictures)[1])


def progress(pictures: Pictures) -> tuple[int, int]:
    current, total = (int(part.split(":")[1]) for part in pictures.client.get(PROCESS).text.split(","))
    return current, total


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < until, "it never came to that"


def found(pictures: Pictures, picture: bytes, **form: Any) -> list[list[Any]]:
    answer = pictures.client.post(SEARCH, files={"file": ("query.jpg", picture)}, data=form)
    assert answer.status_code == 200, answer.text
    rows: list[list[Any]] = answer.json()
    return rows


def shown(pictures: Pictures, address: str) -> tuple[int, bytes]:
    """The address as a page has it in ``<img src>``."""
    assert address.startswith(f"{pictures.base}/data/")
    parts = urlsplit(address)
    return asked(pictures.base, f"{parts.path}?{parts.query}" if parts.query else parts.path)


def test_its_client_goes_through_its_day(pictures: Pictures) -> None:
    """Train, process, count, search, show, delete: plain text, to the letter."""
    client = pictures.client
    paths = write_images(pictures.root / "day", 3, seed=20)
    assert client.post(COUNT).text == "None"

    train(pictures, pictures.root / "day", "")

    assert client.get(PROCESS).text == "current: 3, total: 3"
    assert client.post(COUNT).text == "3"
    rows = found(pictures, paths[1].read_bytes(), Num=3)
    assert rows[0] == [f"{pictures.base}/data/00001.jpg", pytest.approx(0, abs=1e-5)]
    assert [distance for _, distance in rows] == sorted(distance for _, distance in rows)
    assert shown(pictures, rows[0][0]) == (200, paths[1].read_bytes())
    assert client.post(DELETE).text == "ok"
    assert client.post(DELETE).text == "Milvus doesn't have a collection named milvus_img_search"


def test_one_row_where_nothing_is_said(pictures: Pictures) -> None:
    """``Num`` is 1, and the table the server's own."""
    (path, *_) = write_images(pictures.root / "one", 3, seed=30)
    train(pictures, pictures.root / "one", "one")

    assert len(found(pictures, path.read_bytes(), Table="one")) == 1
    assert len(found(pictures, path.read_bytes(), Table="one", Num=2)) == 2


@pytest.mark.parametrize("way", ["json", "data", "params"])
def test_parameters_may_be_anywhere(pictures: Pictures, way: str) -> None:
    """``Table`` and ``File`` are read from JSON, from a form and from the query, as they were."""
    write_images(pictures.root / way, 2, seed=40)
    table = f"by_{way}"
    answer = pictures.client.post(TRAIN, **{way: {"Table": table, "File": str(pictures.root / way)}})
    assert answer.text == "Start"
    wait_for(lambda: progress(pictures)[0] == progress(pictures)[1])

    assert pictures.client.post(COUNT, **{way: {"Table": table}}).text == "2"
    assert pictures.client.post(DELETE, **{way: {"Table": table}}).text == "ok"


def test_start_comes_before_the_end(pictures: Pictures) -> None:
    """``train`` answers while nothing is loaded yet, and its progress is not at the end from that moment on."""
    encoder = Held("held-for-train")
    pictures.library.collection("slow", modality="image", encoder=encoder)
    write_images(pictures.root / "slow", 4, seed=50, size=40)
    answer = pictures.client.post(TRAIN, json={"Table": "slow", "File": str(pictures.root / "slow")})
    try:
        current, total = progress(pictures)
        assert answer.text == "Start"
        assert current < total
        assert pictures.client.post(COUNT, json={"Table": "slow"}).text == "0"
    finally:
        encoder.go.set()

    wait_for(lambda: progress(pictures) == (4, 4))
    assert pictures.client.post(COUNT, json={"Table": "slow"}).text == "4"


def test_no_more_loads_than_there_is_room_for(pictures: Pictures) -> None:
    """Four run and twelve wait; the next is refused at once, and progress ends when those are through."""
    encoder = Held("held-for-queue")
    pictures.library.collection("queue", modality="image", encoder=encoder)
    folder = pictures.root / "queue"
    write_images(folder, 2, seed=60, size=40)
    given = {"Table": "queue", "File": str(folder)}
    try:
        taken = [pictures.client.post(TRAIN, json=given).text for _ in range(16)]
        sentence = refused(pictures.client.post(TRAIN, json=given), 503)
    finally:
        encoder.go.set()

    assert taken == ["Start"] * 16
    assert "16 loads" in sentence
    wait_for(lambda: progress(pictures)[0] == progress(pictures)[1])
    assert pictures.client.post(COUNT, json={"Table": "queue"}).text == "2"


def test_two_pictures_of_one_name(pictures: Pictures) -> None:
    """Each row's address leads to its own picture, though their file names are the same, in this or another table."""
    one, two = write_images(pictures.root / "names" / "a", 2, seed=70)
    (other,) = write_images(pictures.root / "names" / "b", 1, seed=90)
    copy = Path(shutil.copy(two, pictures.root / "names" / "b" / "copy & more #1.jpg"))
    shutil.copy(two, pictures.root / "names" / "b" / f"{'(' * 60}it's.jpg")  # more than a filter takes
    train(pictures, pictures.root / "names", "names")

    rows = found(pictures, one.read_bytes(), Table="names", Num=10)

    addresses = [address for address, _ in rows]
    pictures_shown = [shown(pictures, address) for address in addresses]
    assert addresses[0].startswith(f"{pictures.base}/data/00000.jpg?image_path=")
    assert {data for _, data in pictures_shown} == {path.read_bytes() for path in (one, two, other)}
    assert {status for status, _ in pictures_shown} == {200}
    assert len(rows) == 5
    assert [shown(pictures, at)[1] for at in addresses if "copy" in at] == [copy.read_bytes()]


def test_only_indexed_names_are_given_away(pictures: Pictures) -> None:
    """Neither a file beside them, nor a path in the name, nor a quote that would end a filter."""
    write_images(pictures.root / "given", 1, seed=95)
    train(pictures, pictures.root / "given", "given")
    (pictures.root / "given" / "later.jpg").write_bytes(b"beside")

    for name in ("later.jpg", "..%2F..%2Fetc%2Fpasswd", "%2e%2e", "x' or name != '", "%00", "'", "\\"):
        assert asked(pictures.base, f"/data/{name}")[0] == 404
    assert asked(pictures.base, "/data/00000.jpg?image_path=/etc/passwd")[0] == 404


def test_what_cannot_begin_is_refused(pictures: Pictures, tmp_path: Path) -> None:
    """At once, with the reason; progress stays where it was, and no table is made."""
    before, tables = progress(pictures), pictures.library.names()

    assert "names no folder" in refused(pictures.client.post(TRAIN, json={"Table": "x"}), 400)
    assert "names no folder" in refused(pictures.client.post(TRAIN), 400)
    assert "may be read" in refused(pictures.client.post(TRAIN, json={"File": str(tmp_path)}), 422)
    gone = {"File": str(pictures.root / "no-such"), "Table": "x"}
    assert "no-such" in refused(pictures.client.post(TRAIN, json=gone), 422)
    wrong = {"File": str(pictures.root), "Table": "a;drop table"}
    assert "table's name" in refused(pictures.client.post(TRAIN, json=wrong), 400)
    assert "no text" in refused(pictures.client.post(TRAIN, json={"File": 1}), 422)
    assert "no JSON" in refused(pictures.client.post(TRAIN, json=["x"]), 422)
    broken = {"Content-Type": "application/json"}
    assert "no JSON" in refused(pictures.client.post(TRAIN, data=b"{", headers=broken), 422)
    long = b'{"File": ' + b"1" * 5000 + b"}"
    assert "no JSON" in refused(pictures.client.post(TRAIN, data=long, headers=broken), 422)
    assert "no file named file" in refused(pictures.client.post(SEARCH), 400)
    assert refused(pictures.client.post(SEARCH, files={"file": ("a.jpg", b"text")}, data={"Table": "none"}), 404)
    assert "table's name" in refused(pictures.client.post(COUNT, json={"Table": "a b"}), 400)

    assert progress(pictures) == before
    assert pictures.library.names() == tables


def test_bad_files_do_not_end_it(pictures: Pictures) -> None:
    """Progress reaches its end, the good ones are there, and the bad one stands in the ledger."""
    write_images(pictures.root / "mixed", 2, seed=97)
    (pictures.root / "mixed" / "bad.jpg").write_bytes(b"no picture")

    train(pictures, pictures.root / "mixed", "mixed")

    assert progress(pictures) == (3, 3)
    assert pictures.client.post(COUNT, json={"Table": "mixed"}).text == "2"
    assert pictures.library.collection("mixed").rejected_count() == 1


def test_the_end_of_the_server_ends_what_was_begun(tmp_path: Path) -> None:
    """A load that nobody waits for is stopped and waited for before the library is closed; a second run goes on."""
    paths = write_images(tmp_path / "root" / "many", 40, seed=100, size=40)
    encoder = Held("held-at-the-end")
    with picture_server(tmp_path) as running:
        running.library.collection("many", modality="image", encoder=encoder)
        assert running.client.post(TRAIN, json={"Table": "many", "File": str(paths[0].parent)}).text == "Start"
        assert encoder.asked.wait(DEADLINE)
        encoder.go.set()

    with picture_server(tmp_path) as again:
        encoder = Held("held-at-the-end")
        encoder.go.set()
        again.library.collection("many", modality="image", encoder=encoder)
        train(again, paths[0].parent, "many")

        assert again.client.post(COUNT, json={"Table": "many"}).text == "40"
        assert again.library.doctor().findings == []


def test_a_name_that_the_database_alone_takes_for_another(pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it finds an item whose sources all have other names, there is no such picture."""
    write_images(pictures.root / "alike", 1, seed=98)
    train(pictures, pictures.root / "alike", "alike")
    items = pictures.library.collection("alike").items()
    monkeypatch.setattr("morelike.server.compat.image_names._with_names", lambda *_: items)

    assert "no table has such a file" in refused(pictures.client.get("/data/ALIKE.jpg"), 404)
