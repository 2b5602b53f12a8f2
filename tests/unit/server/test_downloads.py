"""Several items as one file: originals in an archive, or a table of what is known."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from serving_library import PHOTOS, Served, pictures_in, problem_in

from morelike.collection import OpenCollection
from morelike.server.asked_downloads import MOST_DOWNLOADED, Found
from morelike.server.downloading import CHUNK, Picked, csv_of, names_of, zip_of
from morelike.types import Blob, ContentDigest, Item, Source

PLACE = f"{PHOTOS}/download"
FORMULAS = ("=1+1", "+1", "-1+2", "@SUM(A1)", " =1", "\t=1", "\uff1d1")


def item(number: int = 0, uri: str = "/srv/pictures/beach.jpg", name: str = "", **more: Any) -> Item:
    digest = ContentDigest(f"{number:064x}", "", 10)
    source = Source(uri, name or uri.removeprefix("upload:").rpartition("/")[2], 10)
    made = Item(
        f"{number:064x}",
        "ready",
        digest,
        "image/jpeg",
        {},
        (),
        (source,),
        in_place=False,
        added_at="2026-11-21T10:00:03Z",
        updated_at="",
    )
    return replace(made, **more)


def test_a_zip_has_the_originals(reading: Served) -> None:
    """Byte for byte, stored as they are, under their own names; a browser saves it."""
    items = reading.library.collection("photos").items()
    folder = reading.library.folder.parent / "pictures"

    answer = reading.client.post(PLACE, json={"items": [one.id for one in items]})

    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="photos.zip"')
    assert "content-length" not in answer.headers
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        found = {info.filename: archive.read(info) for info in archive.infolist()}
    assert found == {path.name: path.read_bytes() for path in pictures_in(folder)}


def test_tables_say_what_is_known(reading: Served) -> None:
    """CSV and JSON have the same items in the order asked for, with what the search said of them."""
    first, second = reading.item(0), reading.item(1)
    found: list[Any] = [{"item": second, "score": -0.25, "percentile": 99.5, "span": "0:01–0:02"}, first[:20]]

    rows = [*csv.DictReader(io.StringIO(table(reading, found)))]
    document = reading.client.post(PLACE, json={"items": [*found, "f" * 64], "format": "json"}).json()

    assert [row["id"] for row in rows] == [second, first] == [one["item"] for one in document["items"]]
    assert (rows[0]["score"], rows[0]["percentile"], rows[0]["span"]) == ("-0.25", "99.5", "0:01–0:02")
    assert (rows[1]["score"], rows[1]["media type"]) == ("", "image/jpeg")
    assert int(rows[0]["width"]) == document["items"][0]["info"]["width"]
    assert document["items"][0]["score"] == -0.25
    assert "score" not in document["items"][1]
    assert document["missing"] == ["f" * 64]


def table(served: Served, items: list[Any]) -> str:
    answer = served.client.post(PLACE, json={"items": items, "format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith("\ufeff".encode())
    return answer.content.decode("utf-8-sig")


def test_what_is_gone_is_named(served: Served, pictures: Path) -> None:
    """An item that was removed, and one whose file is gone, are named in the archive; the others are whole."""
    collection = served.library.collection("photos")
    (pictures / "later.png").write_bytes(pictures_in(pictures)[0].read_bytes() + b"\0")
    collection.add(pictures / "later.png", in_place=True)
    lost = collection.items(filter="name = 'later.png'")[0].id
    (pictures / "later.png").unlink()
    kept, removed = served.item(0), served.item(1)
    collection.remove([removed])

    answer = served.client.post(PLACE, json={"items": [lost, removed, kept, kept]})

    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        said = archive.read("errors.txt").decode().splitlines()
    assert len(names) == 2
    assert len(said) == 2
    assert said[0].startswith(removed)
    assert lost in said[1]
    problem_in(served.client.post(PLACE, json={"items": [removed]}), 404)


@pytest.mark.parametrize(
    "asked",
    [{"items": []}, {"items": ["a" * 64] * (MOST_DOWNLOADED + 1)}, {"items": ["a" * 64], "format": "exe"}, {}],
)
def test_what_no_download_is(reading: Served, asked: dict[str, object]) -> None:
    """Nothing, too many, and no known format are refused."""
    problem_in(reading.client.post(PLACE, json=asked), 422)


def test_names_are_safe_and_differ() -> None:
    """No name leads out of the folder that it is unpacked in, is none on Windows, or is another one's."""
    hostile = [
        "../../etc/passwd",
        "C:\\autoexec.bat",
        "/root",
        "CON.txt",
        "a:b?.jpg",
        "..",
        "x. ",
        "errors.txt",
        "\udce9",
    ]
    names = names_of([item(number, f"/data/{number}", name) for number, name in enumerate(hostile)])

    assert names[:6] == ["passwd", "autoexec.bat", "root", "_CON.txt", "a_b_.jpg", "unnamed"]
    assert names[6] == "x"
    assert names[7] == "errors (2).txt"
    long = names_of([item(1, "/data/x", "ä" * 400 + ".jpeg")])[0]
    assert long.endswith(".jpeg")
    assert len(long.encode()) <= 150


def test_files_of_one_name_stand_in_their_folders() -> None:
    """Where two are called alike, each has the name of its folder before it; a number only where that is alike, too."""
    places = ["/p/coffee/original.png", "/p/moon/Original.PNG", "/q/moon/original.png", "upload:original.png"]

    names = names_of([item(number, place) for number, place in enumerate(places)])

    assert names == ["coffee/original.png", "moon/Original.PNG", "moon/original (2).png", "original.png"]


def test_no_cell_is_a_formula() -> None:
    """Names, tags, keys and values of strangers that begin as formulas do are texts for any spreadsheet."""
    shown = [
        Picked(
            Found(item="x", span=""),
            item(number, f"/x/{number}", text, tags=(text,), info={text: text, "shift": -4}),
        )
        for number, text in enumerate(FORMULAS)
    ]

    rows = [*csv.reader(io.StringIO(b"".join(csv_of(shown)).decode("utf-8-sig")))]

    assert len(rows) == 1 + len(FORMULAS)
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell.strip().startswith(("=", "+", "@", "\uff1d")) or cell[:1] == "\t"]
    assert {cell for cell in cells if cell.startswith("-")} == {"-4"}


class Endless(io.RawIOBase):
    """Bytes that nobody holds."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.left = size

    def read(self, size: int = -1) -> bytes:
        assert 0 < size <= CHUNK
        data = bytes(min(size, self.left))
        self.left -= len(data)
        return data


class Large:
    """A collection whose every item has so many bytes, of which fewer may come."""

    def __init__(self, size: int) -> None:
        self.size = size

    def blob(self, item_id: str) -> Blob:
        return Blob(item_id, item_id, lambda: cast("BinaryIO", Endless(self.size)), self.size)


def sent(size: int, announced: int) -> Iterator[bytes]:
    one = item(1, digest=ContentDigest("1" * 64, "", announced))
    return zip_of(cast("OpenCollection", Large(size)), [Picked(Found(item=one.id, span=""), one)])


def test_a_large_file_is_never_whole_in_memory() -> None:
    """400 MB go through in pieces of a quarter of one; each piece is sent before the next is read."""
    size = 400 * 10**6
    pieces = [len(piece) for piece in sent(size, size)]

    assert max(pieces) < 2 * CHUNK
    assert size < sum(pieces) < size + 1000


def test_a_file_that_is_cut_short_is_named() -> None:
    """What was sent of it is there, and the archive says that it is not whole."""
    with zipfile.ZipFile(io.BytesIO(b"".join(sent(100, 1000)))) as archive:
        assert archive.read("beach.jpg") == bytes(100)
        assert "beach.jpg" in archive.read("errors.txt").decode()
