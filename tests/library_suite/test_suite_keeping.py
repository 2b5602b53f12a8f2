"""Lists, pages, numbers, bytes and pictures, tags and removal, on a library of this machine and behind a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import blake3
import pytest

from morelike.errors import DecodeError, FilterError, NoSuchCollection, NoSuchItem, SpaceMismatch, UsageError
from morelike.types import Blob, Span

pytestmark = pytest.mark.xdist_group("library suite")
Twenty = Callable[[str], Any]
NOBODY = "f" * 64


@pytest.fixture
def photos(side: Any, twenty: Twenty) -> Any:
    return twenty(side.name)


def test_a_collection_says_what_it_is(side: Any, twenty: Twenty) -> None:
    """Name, modality, options, spaces with their cards, vectors, calibration."""
    ours, other = twenty("local"), twenty(side.name)

    assert (other.name, other.modality, other.created_at) == ("twenty", "image", ours.created_at)
    assert dict(other.options) == dict(ours.options)
    assert "20 items" in repr(other)
    (space,) = other.spaces
    assert space.card == ours.spaces[0].card
    assert (space.id, space.kind, space.active) == (ours.spaces[0].id, "image", True)
    assert other.vectors_in(space) == 20
    assert other.calibration(space) == ours.calibration(ours.spaces[0])
    assert not other.reads_text


def test_items_are_listed_in_pages(side: Any, twenty: Twenty) -> None:
    """Whole, and the same as the library itself lists them."""
    ours, other = twenty("local"), twenty(side.name)

    assert other.items() == ours.items()
    assert other.items(offset=3, limit=2) == ours.items()[3:5]
    assert other.items(limit=5000, state=None) == ours.items()
    assert other.items(filter="name like '*.png'", limit=100) == ours.items(filter="name like '*.png'")
    assert other.count(filter="name = 'red.png'") == 1
    with pytest.raises(FilterError):
        other.items(filter="name =")


@pytest.mark.parametrize("sort", ["added", "name", "size"])
def test_items_are_listed_in_other_orders(side: Any, twenty: Twenty, sort: Any) -> None:
    """Either way round, in pages; a sort that there is not is refused."""
    ours, other = twenty("local"), twenty(side.name)
    key = {"added": lambda _: 0, "name": lambda one: one.sources[0].name.lower(), "size": lambda one: one.digest.size}
    known = sorted(ours.items(), key=key[sort])

    assert other.items(sort=sort) == known
    assert other.items(sort=sort, offset=3, limit=2) == known[3:5]
    assert other.items(sort=sort, descending=True) == ours.items(sort=sort, descending=True)
    assert other.items(sort=sort, descending=True)[-1] == known[0]
    with pytest.raises(UsageError):
        other.items(sort="colour")


def test_tags_are_listed_with_how_many_items_have_them(side: Any) -> None:
    """The most frequent first, in pages; those that begin in some way."""
    photos = side.collection(side.folder(3))
    one, two, three = (item.id for item in photos.items())
    photos.tag([one, two, three], ["picture"])
    photos.tag([two, three], ["Auto:cat", "auto:dog"])
    photos.tag([one], ["2026"])

    assert list(photos.tags().items()) == [("picture", 3), ("Auto:cat", 2), ("auto:dog", 2), ("2026", 1)]
    assert list(photos.tags(offset=1, limit=2)) == ["Auto:cat", "auto:dog"]
    assert photos.tags(prefix="auto:") == {"Auto:cat": 2, "auto:dog": 2}
    photos.remove([two])
    assert photos.tags(prefix="p") == {"picture": 2}


def test_an_item_is_found_by_its_beginning(side: Any, twenty: Twenty) -> None:
    """And one that nobody has is not."""
    ours, other = twenty("local"), twenty(side.name)
    item = ours.items()[4]

    assert other.item(item.id) == item
    assert other.item(item.id[:8]) == item
    for wrong in (NOBODY, item.id[:3], "x" * 500):
        with pytest.raises(NoSuchItem):
            other.item(wrong)
    assert other.means(item.id) == "item"
    assert other.means("red") == "text"


def test_what_is_there_is_known(photos: Any) -> None:
    """By id, by uri, by content; unknown ones are left out."""
    item = photos.items()[2]

    assert photos.known([item.id, NOBODY]) == {item.id: "ready"}
    assert photos.found_at([item.sources[0].uri, "/nowhere"]) == {item.sources[0].uri: (item.id, "ready")}
    assert photos.holding([item.digest.blake3, NOBODY]) == {item.digest.blake3: (item.id, "ready")}
    assert photos.items_of([item.id, NOBODY]) == {item.id: item}


def test_sources_are_rows(side: Any, twenty: Twenty) -> None:
    """In order of arrival, those of an origin, those behind a number."""
    ours, other = twenty("local"), twenty(side.name)
    rows = ours.sources()

    assert other.sources() == rows
    assert other.count_sources() == 20
    assert other.sources(origin=rows[0].source.origin, limit=3) == rows[:3]
    assert other.sources(after=rows[4].number, limit=2) == rows[5:7]
    assert other.sources(md5=rows[3].digest.md5) == [rows[3]]


def test_bytes_come_whole_and_in_parts(photos: Any) -> None:
    """As they are on the disk; an id that nobody has is an error."""
    item = photos.items()[0]
    with open(item.sources[0].uri, "rb") as file:  # a uri
        data = file.read()

    blob = photos.blob(item.id)

    assert photos.content(item.id) == data
    assert (blob.size, blob.name) == (len(data), item.sources[0].name)
    with blob.open() as stream:
        stream.seek(-10, 2)
        assert stream.read() == data[-10:]
        stream.seek(5)
        assert stream.read(7) == data[5:12]
    assert photos.link(item.id) is None
    with pytest.raises(NoSuchItem):
        photos.content(NOBODY)


def test_items_are_drawn(photos: Any) -> None:
    """A small picture, whole or of a region; what has no waveform, model or drawing says so."""
    item = photos.items()[0]

    small = photos.preview(item.id, 16)
    region = photos.preview(item.id, 64, Span.region(0, 0, 10, 10))

    assert small.media_type == region.media_type == "image/jpeg"
    assert 0 < small.width <= 96
    assert (region.width, region.height) == (10, 10)
    with pytest.raises(DecodeError, match="no waveform"):
        photos.peaks(item.id)
    for draw in (photos.model, photos.drawing, photos.playable):
        with pytest.raises(NoSuchItem):
            draw(item.id)


def test_segments_are_those_of_the_library(side: Any, twenty: Twenty) -> None:
    """With their ids."""
    item = twenty("local").items()[0].id

    assert twenty(side.name).segments(item) == twenty("local").segments(item)


def test_a_blob_is_told_apart(photos: Any) -> None:
    """By what it is, or would be."""
    assert photos.identity(Blob.from_bytes(b"abc", "x")) == blake3.blake3(b"abc").hexdigest()
    assert not photos.holds_records(Blob.from_bytes(b"abc", "x.jpg"))


def test_items_are_tagged_and_annotated(side: Any) -> None:
    """Added, removed, merged, taken out again; by the beginning of an id, too."""
    photos = side.collection(side.folder(3))
    first, second, third = (item.id for item in photos.items())

    photos.tag([first, second[:12]], add=["cat", "sofa"])
    photos.tag([second], add="dog", remove="cat")
    photos.annotate([first, third], {"year": 2024, "place": "Graz"})
    photos.annotate([third], {"place": None})

    assert [item.tags for item in photos.items()] == [("cat", "sofa"), ("dog", "sofa"), ()]
    assert photos.count(filter="year = 2024") == 2
    assert photos.count(filter="has place") == 1
    for change in (lambda: photos.tag([NOBODY], add=["x"]), lambda: photos.annotate([NOBODY], {"a": 1})):
        with pytest.raises(NoSuchItem):
            change()


def test_items_and_sources_are_removed(side: Any) -> None:
    """How many items went; a source takes its item along when it was the last."""
    folder = side.folder(4)
    photos = side.collection()
    photos.add(folder)
    items = photos.items()

    assert photos.remove([items[0].id[:12]]) == 1
    assert photos.remove_sources([items[1].sources[0].uri, "/nowhere"]) == 1
    assert {item.id for item in photos.items()} == {item.id for item in items[2:]}
    with pytest.raises(NoSuchItem):
        photos.remove([NOBODY])


def test_collections_are_listed_and_dropped(side: Any) -> None:
    """With all that is known of them; a dropped one is gone."""
    library = side.library
    photos = side.collection(side.folder(2))

    (mine,) = [one for one in library.collections() if one.name == photos.name]
    assert (mine.modality, mine.items, mine.rejected) == ("image", 2, 0)
    assert [space.card.name for space in mine.spaces] == ["toy-joint"]
    assert photos.name in library.names("image")
    assert photos.name not in library.names("audio")
    assert len(library.id) == 12

    library.drop(photos.name)

    assert photos.name not in library.names()
    with pytest.raises(NoSuchCollection):
        library.collection(photos.name)
    with pytest.raises(NoSuchCollection):
        library.drop(photos.name)


def test_a_collection_is_made_with_what_it_is_to_be(side: Any) -> None:
    """By an encoder's name; opened as another thing it is refused, as by the library itself."""
    library, name = side.library, f"made-{side.name}"

    made = library.collection(name, modality="image", encoder="classic")

    assert [space.card.name for space in made.spaces] == ["classic"]
    assert library.collection(name, modality="image", encoder="classic").count() == 0
    with pytest.raises(SpaceMismatch, match="made with classic"):
        library.collection(name, encoder="mobilenet-v2")
    with pytest.raises(UsageError, match="holds image, not audio"):
        library.collection(name, modality="audio")
    with pytest.raises(UsageError, match="cannot be changed"):
        library.collection(name, modality="image", options={"regions": "grid"})
    with pytest.raises(UsageError):
        library.collection("no/name", modality="image", encoder="classic")


def test_a_modality_is_guessed_from_what_lies_here(side: Any) -> None:
    """From the first files."""
    assert side.library.guess(side.folder(2)).modality == "image"


@pytest.mark.parametrize(
    "ask",
    [
        lambda library: library.collection("nobody"),
        lambda library: library.collection("twent"),
        lambda library: library.collection("twenty").item(NOBODY),
        lambda library: library.collection("twenty").item("abc"),
        lambda library: library.collection("twenty").remove([NOBODY]),
        lambda library: library.collection("twenty").undo_dedup("nothing"),
        lambda library: library.collection("twenty").items(filter="a b"),
        lambda library: library.collection("twenty", modality="image", options={"nonsense": 1}),
        lambda library: library.collection("new", modality="nonsense"),
        lambda library: library.collection("new", modality="image", encoder="nonsense"),
        lambda library: library.jobs.get("0" * 32),
        lambda library: library.jobs.get("nonsense"),
        lambda library: library.drop("nobody"),
        lambda library: library.doctor(rescue="twenty"),
        lambda library: library.collection("twenty").evaluate(labels="nonsense:x"),
        lambda library: library.collection("twenty").reembed("nonsense"),
        lambda library: library.collection("twenty").rollback(),
        lambda library: library.collection("twenty").tag_auto([]),
        lambda library: library.collection("twenty").not_duplicates(NOBODY, "e" * 64),
        lambda library: library.collection("twenty").drop_space(library.collection("twenty").spaces[0]),
    ],
)
def test_both_refuse_in_the_same_words(here: Any, there: Any, twenty: Twenty, ask: Callable[[Any], Any]) -> None:
    """The class, the sentence, the hint."""
    twenty("local")
    told = []
    for side in (here, there):
        with pytest.raises(Exception) as caught:  # noqa: PT011 # whatever it is, it is the same
            ask(side.library)
        told.append((type(caught.value), getattr(caught.value, "message", ""), getattr(caught.value, "hint", "")))

    assert told[0] == told[1]
