"""Searching, on a library of this machine and on one behind a server."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from morelike.errors import FilterError, NoSuchItem, QueryError, UnknownName, UsageError
from morelike.hits import GroupedHits
from morelike.search.filter import parse_filter
from morelike.testing.toys import COLOURS, ToyEncoder
from morelike.types import Blob, Example, Query

pytestmark = pytest.mark.xdist_group("library suite")
Twenty = Callable[[str], Any]


@pytest.fixture
def photos(side: Any, twenty: Twenty) -> Any:
    return twenty(side.name)


def _found(hits: Any) -> list[tuple[str, float]]:
    return [(hit.item, round(float(hit.score), 5)) for hit in hits]


def _path(photos: Any, name: str) -> str:
    """Of a file that was added from this machine."""
    return str(photos.items(filter=f"name = '{name}'")[0].sources[0].uri)


def test_every_form_of_an_example_gives_the_same_answer(photos: Any) -> None:
    """A path, bytes, an open file, a picture, an array, a blob, an example."""
    path = _path(photos, "00003.jpg")
    data = Path(path).read_bytes()
    picture = Image.open(io.BytesIO(data))
    expected = _found(photos.search(path, k=4))

    assert expected[0][1] == pytest.approx(1.0, abs=1e-4)
    for example in (data, io.BytesIO(data), picture, np.asarray(picture), Blob.from_bytes(data, "x.jpg")):
        assert _found(photos.search(example, k=4)) == expected
    assert _found(photos.search((path, 0.5), k=4)) == expected
    assert _found(photos.search(Example("blob", Blob.from_bytes(data, "x.jpg")), k=4)) == expected


def test_an_item_is_found_by_its_id_and_left_out(photos: Any) -> None:
    """More like this does not mean this; the beginning of an id is enough."""
    item = photos.items()[0]

    hits = photos.search(item.id[:10], k=50)

    assert len(hits) == 19
    assert item.id not in {hit.item for hit in hits}


def test_a_vector_is_an_example(photos: Any) -> None:
    """As the encoder would give it, here that of a word."""
    encoder = ToyEncoder()
    green = encoder.prepare("image", np.full((8, 8, 3), COLOURS["green"], dtype=np.uint8))

    assert photos.search(green, k=1)[0].source.endswith("green.png")


def test_words_find_what_they_name(photos: Any) -> None:
    """Alone, and as parts that pull and push."""
    assert photos.search(text="red", k=1)[0].source.endswith("red.png")
    away = photos.search(text="red", minus=[("text:red", 3)], k=20)
    barely = photos.search(text="red", minus=[("text:blue", 0.01)], k=1)
    assert away[0].score == pytest.approx(-photos.search(text="red", k=20)[19].score, abs=1e-4)
    assert barely[0].source.endswith("red.png")
    assert _found(photos.search(plus=["text:red"], k=3)) == _found(photos.search(text="red", k=3))


def test_a_part_of_a_picture_is_an_example(photos: Any) -> None:
    """Its left half is red, its right half blue."""
    both = np.zeros((40, 80, 3), dtype=np.uint8)
    both[:, :40], both[:, 40:] = COLOURS["red"], COLOURS["blue"]

    assert photos.search(both, crop=(0, 0, 0.5, 1), k=1)[0].source.endswith("red.png")
    assert photos.search(both, crop=(0.5, 0, 1, 1), k=1)[0].source.endswith("blue.png")


def test_filter_threshold_and_pages(photos: Any) -> None:
    """Only what matches; nothing below; pages join to the whole."""
    whole = _found(photos.search(text="red", k=50))

    assert len(whole) == 20
    assert {hit.source[-4:] for hit in photos.search(text="red", k=50, filter="name like '*.jpg'")} == {".jpg"}
    assert _found(photos.search(text="red", k=50, threshold=whole[3][1] - 1e-4)) == whole[:4]
    first, rest = photos.search(text="red", k=5), photos.search(text="red", k=50, offset=5)
    assert (first.more, rest.more) == (True, False)
    assert _found(first) + _found(rest) == whole


def test_hits_say_all_that_they_are(side: Any, twenty: Twenty) -> None:
    """Unit, kind, span, segment, percentile, metadata: as the library itself has them."""
    item = twenty("local").items()[3].id

    ours, other = twenty("local").search(item, k=3), twenty(side.name).search(item, k=3)

    assert other.hits == ours.hits
    assert (other.more, other.nothing_similar, other.unknown_words) == (ours.more, False, ())
    assert other[0].percentile is not None


def test_an_explanation_has_times(photos: Any) -> None:
    """Seconds a stage, where they are asked for."""
    assert photos.search(text="red", explain=True).timings.keys() >= {"vectors"}


def test_a_query_is_an_example(photos: Any) -> None:
    """With its parts, its filter, its page."""
    expression = parse_filter("(name = 'red.png' or name like 'gr*') and width >= 10 and not tag = 'x'")
    query = Query((Example("text", "red"),), k=5, filter=expression)

    assert [hit.source.rpartition("/")[2] for hit in photos.search(query)] == ["red.png", "green.png"]


def test_many_queries_are_answered_in_order(photos: Any) -> None:
    """Of words, of items, of files; as each alone."""
    data = Image.new("RGB", (9, 9), COLOURS["green"])
    stream = io.BytesIO()
    data.save(stream, "PNG")
    queries = [Query((Example("text", name),), k=2) for name in COLOURS]
    queries += [Query((Example("blob", Blob.from_bytes(stream.getvalue(), "g.png")),), k=2)] * 40
    queries += [Query((Example("item", photos.items()[0].id),), k=2)]

    found = photos.search_many(queries)

    assert [_found(hits) for hits in found] == [_found(photos.search(query)) for query in queries]
    with pytest.raises(NoSuchItem, match="no item"):
        photos.search_many([queries[0], Query((Example("item", "ffffffffff"),))])


def test_two_examples_are_compared(photos: Any) -> None:
    """In the unit of a hit."""
    item = photos.items(filter="name = 'red.png'")[0]

    assert photos.compare(item.id, _path(photos, "red.png"))["cosine"] == pytest.approx(1.0, abs=1e-5)
    assert photos.compare(item.id, _path(photos, "blue.png"))["cosine"] < 0.9


def test_several_collections_are_asked_at_once(side: Any, twenty: Twenty) -> None:
    """One list, groups by modality, each collection's own page, and who is silent, with the reason."""
    dumb = side.collection(side.folder(2, seed=90), encoder=ToyEncoder("deaf"))
    twenty(side.name)

    found = side.library.search(text="red", k=3, collections=["twenty", dumb.name])

    assert isinstance(found, GroupedHits)
    assert [one.collection for one in found] == ["twenty"] * 3
    assert found.fused[0].hit.source.endswith("red.png")
    assert [(group.modality, group.collections) for group in found.groups] == [("image", ("twenty",))]
    assert _found(found.answers["twenty"]) == _found(one.hit for one in found)
    (silent,) = found.silent
    assert (silent.collection, type(silent.answer), silent.modality) == (dumb.name, QueryError, "image")
    assert found.more
    with pytest.raises(UsageError, match="no collection is meant"):
        side.library.search(text="red", collections="nothing*")


def test_an_example_for_several_collections(side: Any, twenty: Twenty) -> None:
    """A file, and an item that only one of them has."""
    folder = side.folder(3, seed=70)
    mine = side.collection(folder)
    item = twenty(side.name).items(filter="name = 'red.png'")[0]

    by_file = side.library.search(folder / "00001.jpg", k=2, collections=[mine.name, "twenty"])
    by_item = side.library.search(item.id, k=4, collections=[mine.name, "twenty"])

    assert by_file.answers[mine.name][0].score == pytest.approx(1.0, abs=1e-4)
    assert {one.collection for one in by_item} == {mine.name, "twenty"}
    assert not by_item.silent


def test_hits_show_themselves(photos: Any) -> None:
    """As lines, and in a notebook with their pictures."""
    hits = photos.search(text="red", k=2)

    assert "red.png" in repr(hits)
    html = hits._repr_html_()
    assert html.count("<img") == 2
    assert "data:image/" in html


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"text": "red", "filter": "width >="}, FilterError),
        ({"text": "red", "mode": "nonsense"}, UnknownName),
        ({"example": "ffffffffff"}, NoSuchItem),
        ({"example": "no such file.jpg"}, QueryError),
        ({"example": b"nothing that is a picture"}, Exception),
        ({}, QueryError),
        ({"example": b"x", "at": (5, 3)}, QueryError),
        ({"example": np.zeros(3, dtype=np.float32)}, QueryError),
        ({"text": "red", "k": 0}, QueryError),
        ({"text": "red", "mode": "substructure"}, QueryError),
    ],
    ids=["filter", "mode", "item", "file", "bytes", "nothing", "at", "vector", "k", "unsuited"],
)
def test_both_refuse_in_the_same_words(twenty: Twenty, asked: dict[str, Any], error: type[Exception]) -> None:
    """The class, the sentence, the hint."""
    told = []
    for name in ("local", "remote"):
        with pytest.raises(error) as caught:
            twenty(name).search(**asked)
        told.append((type(caught.value), getattr(caught.value, "message", ""), getattr(caught.value, "hint", "")))

    assert told[0] == told[1]
