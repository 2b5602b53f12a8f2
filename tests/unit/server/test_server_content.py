"""Originals and small pictures: ranges, conditions, names and types."""

from __future__ import annotations

import io
from pathlib import Path

import httpx
import pytest
from PIL import Image
from serving_library import PHOTOS, Served, pictures_in, problem_in

from morelike.server.previews import SIDES, PreviewCache, side_for
from morelike.server.ranges import disposition
from morelike.types import Preview


@pytest.fixture
def original(reading: Served) -> tuple[str, bytes]:
    """(the path of an item's content, its bytes)"""
    path = pictures_in(reading.library.folder.parent / "pictures")[0]
    item = reading.library.collection("photos").items(filter=f"path = '{path}'")[0]
    return f"{PHOTOS}/items/{item.id}/content", path.read_bytes()


def get(served: Served, place: str, **headers: str) -> httpx.Response:
    return served.client.get(place, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_the_original_comes_as_it_was(reading: Served, original: tuple[str, bytes]) -> None:
    """All bytes, the stored type, its digest as the ETag, and no way for a browser to run it."""
    place, data = original

    answer = get(reading, place)

    assert answer.content == data
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-length"] == str(len(data))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"].strip('"') in place
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=10-", 10, None), ("bytes=-7", -7, None), ("bytes=5-999999999", 5, None)],
)
def test_ranges(reading: Served, original: tuple[str, bytes], asked: str, start: int, end: int | None) -> None:
    """206 with the bytes asked for, cut at the end."""
    place, data = original

    answer = get(reading, place, range=asked)

    assert answer.status_code == 206
    assert answer.content == data[start:end]
    first = start if start >= 0 else len(data) + start
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(data)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-9", "bytes=9-5", "lines=1-2", "bytes=", "bytes=-", "bytes=a-b"])
def test_other_ranges_are_answered_by_the_whole(reading: Served, original: tuple[str, bytes], asked: str) -> None:
    """What is no single range of bytes is ignored, as it may be."""
    place, data = original

    answer = get(reading, place, range=asked)

    assert (answer.status_code, answer.content) == (200, data)


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=-0"])
def test_a_range_beyond_the_end(reading: Served, original: tuple[str, bytes], asked: str) -> None:
    """416 says how long the content is."""
    place, data = original

    answer = get(reading, place, range=asked)

    problem_in(answer, 416)
    assert answer.headers["content-range"] == f"bytes */{len(data)}"


def test_conditions(reading: Served, original: tuple[str, bytes]) -> None:
    """304 for who has it; a range of another version is answered by the whole."""
    place, data = original
    etag = get(reading, place).headers["etag"]

    assert get(reading, place, if_none_match=etag).status_code == 304
    assert get(reading, place, if_none_match=f'"x", W/{etag}').status_code == 304
    assert get(reading, place, if_none_match='"x"').status_code == 200
    assert get(reading, place, range="bytes=0-3", if_range=etag).status_code == 206
    assert get(reading, place, range="bytes=0-3", if_range='"x"').content == data


def test_an_original_that_is_gone(served: Served, pictures: Path, tmp_path: Path) -> None:
    """A file that was added in place and moved away is 410, with what to do."""
    path = tmp_path / "there.jpg"
    path.write_bytes(pictures_in(pictures)[1].read_bytes()[:-2] + b"\xff\xd9")
    Image.new("RGB", (50, 40), (9, 99, 200)).save(path)
    collection = served.library.collection("photos")
    served.library.settings.model_copy()  # the library itself may only read the pictures' folder
    inside = pictures / "there.jpg"
    path.rename(inside)
    collection.add(inside, in_place=True)
    item = collection.items(filter="name = 'there.jpg'")[0]
    inside.rename(tmp_path / "elsewhere.jpg")

    problem = problem_in(served.client.get(f"{PHOTOS}/items/{item.id}/content"), 410)

    assert problem["hint"]


def test_names_are_safe_in_a_header() -> None:
    """No name ends the header or its quotes; the real one stands beside, encoded."""
    header = disposition('a"b\r\nSet-Cookie: x=1;é.jpg', shown=True)

    assert "\r" not in header
    assert "\n" not in header
    assert header.count('"') == 2
    assert header.startswith("inline; ")
    assert header.endswith("a%22b%0D%0ASet-Cookie%3A%20x%3D1%3B%C3%A9.jpg")


def test_a_preview_is_small_and_kept(served: Served, library_previews: Path) -> None:
    """A JPEG of at most that side, drawn once: the second answer comes from disk."""
    place = f"{PHOTOS}/items/{served.item()}/preview"

    first = served.client.get(place, params={"side": 64})
    kept = [path for path in library_previews.rglob("*") if path.is_file()]
    assert max(Image.open(io.BytesIO(first.content)).size) == 64
    assert [path.read_bytes() for path in kept] == [first.content]
    kept[0].write_bytes(b"from disk")

    assert served.client.get(place, params={"side": 64}).content == b"from disk"
    assert first.headers["content-type"] == "image/jpeg"
    assert "immutable" in first.headers["cache-control"]
    assert (
        served.client.get(place, params={"side": 64}, headers={"If-None-Match": first.headers["etag"]}).content == b""
    )


@pytest.fixture
def library_previews(served: Served) -> Path:
    return served.library.folder / "previews"


def test_sides_are_few(reading: Served) -> None:
    """Sides are rounded up to those that are kept, and bounded."""
    place = f"{PHOTOS}/items/{reading.item()}/preview"

    assert [side_for(side) for side in (16, 65, 300, 1024)] == [64, 128, 320, 1024]
    same = {reading.client.get(place, params={"side": side}).headers["etag"] for side in (70, 100, 128)}
    assert len(same) == 1
    for side in (0, 15, 1025, 10**9):
        problem_in(reading.client.get(place, params={"side": side}), 422)


def test_a_removed_item_has_no_preview(served: Served) -> None:
    """What is kept on disk is shown only as long as the item is there."""
    place = f"{PHOTOS}/items/{served.item()}"
    assert served.client.get(f"{place}/preview").status_code == 200
    served.client.delete(place)

    problem_in(served.client.get(f"{place}/preview"), 404)


class Drawn:
    """Previews of 100 bytes, and how many were drawn."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> Preview:
        self.count += 1
        return Preview(b"x" * 100, "image/jpeg")


def test_the_cache_on_disk_is_bounded(tmp_path: Path) -> None:
    """Beyond its bytes what was not used for longest goes; what stays is not drawn again."""
    cache = PreviewCache(tmp_path / "previews", 1000)
    draw = Drawn()
    for number in range(10):
        cache.get(f"{number:02x}-a", draw)
        path = tmp_path / "previews" / f"{number:02x}" / f"{number:02x}-a.jpg"
        import os

        os.utime(path, (number, number))
    cache.get("ff-a", draw)

    assert cache.bytes_used() <= 1000
    assert sum(path.stat().st_size for path in (tmp_path / "previews").rglob("*.jpg")) == cache.bytes_used()
    assert draw.count == 11
    cache.get("09-a", draw)
    assert draw.count == 11
    cache.get("00-a", draw)
    assert draw.count == 12


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """A file where its folder should be: each preview is drawn."""
    (tmp_path / "previews").write_text("in the way")
    cache, draw = PreviewCache(tmp_path / "previews", 1000), Drawn()

    assert cache.get("aa-a", draw).data == cache.get("aa-a", draw).data
    assert draw.count == 2


def test_a_cache_of_nothing_keeps_nothing(tmp_path: Path) -> None:
    """``preview_cache_bytes = 0`` turns it off."""
    cache, draw = PreviewCache(tmp_path / "previews", 0), Drawn()
    cache.get("aa-a", draw)

    assert not (tmp_path / "previews").exists()
    assert SIDES[-1] == 1024
