"""One query to several collections: who answers, how their hits are one list, and how its pages join."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import morelike
from morelike.collection import OpenCollection
from morelike.errors import DecodeError, QueryError, UnknownName, UsageError
from morelike.hits import GroupedHits
from morelike.library import Library
from morelike.registry import MODALITIES, Row
from morelike.search.several import Placed, fused
from morelike.settings import Settings
from morelike.testing.toys import COLOURS, ToyEncoder, ToyJointEncoder, ToyWords, toy_film
from morelike.types import WHOLE, Blob, Card, Example, Hit, Query

TERMS = Card("bm25", "terms", "terms", 0, "bm25", {"text": {}}, fingerprint="1")
NAMES = ["films", "notes", "paintings", "photos"]


@pytest.fixture
def library(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """Photos with words, paintings without, films with words, and notes with a keyword index."""
    monkeypatch.setitem(MODALITIES._all, "film", Row("morelike.testing.toys:ToyFilm"))
    monkeypatch.setitem(MODALITIES._all, "lines", Row("morelike.testing.toys:ToyLines"))
    with morelike.open(settings) as opened:
        photos = opened.collection("photos", modality="image", encoder=ToyJointEncoder())
        photos.add(*(plain(name, name) for name in ("red", "green", "blue", "yellow")))
        opened.collection("paintings", modality="image", encoder=ToyEncoder()).add(
            plain("red", "madder"), plain("white", "snow")
        )
        films = opened.collection("films", modality="film", encoder=ToyJointEncoder("toy-films"))
        films.add(*(Blob.from_bytes(toy_film([name] * 3), f"{name}.film", uri=f"{name}.film") for name in COLOURS))
        notes = opened.collection("notes", modality="lines", encoder=ToyWords())
        notes._stores.catalog.add_space(notes._record, "terms", TERMS, active=True)
        for name, text in {"rose": "a red rose", "sea": "the sea, the sea"}.items():
            notes.add(Blob.from_bytes(text.encode(), f"{name}.lines", uri=name))
        yield opened


def plain(colour: str, name: str) -> Blob:
    """A picture of one colour, and a pixel that makes it this one's own."""
    picture = np.full((16, 16, 3), COLOURS[colour], dtype=np.uint8)
    picture[0, 0] = np.frombuffer(name.encode().ljust(3)[:3], dtype=np.uint8)
    return picture_of(picture, name)


def picture_of(picture: np.ndarray, name: str) -> Blob:
    import io

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return Blob.from_bytes(stream.getvalue(), f"{name}.png", uri=name)


def silent(found: GroupedHits) -> dict[str, str]:
    return {reply.collection: str(reply.answer) for reply in found.silent}


def test_words_go_to_those_who_know_words(library: Library) -> None:
    """Pictures and films whose encoder takes words answer, notes by their keywords too; the others say why not."""
    found = library.search(text="red")

    assert {group.modality: group.collections for group in found.groups} == {
        "image": ("photos",),
        "film": ("films",),
        "lines": ("notes",),
    }
    assert {group.modality: group.hits[0].hit.source for group in found.groups} == {
        "image": "red",
        "film": "red.film",
        "lines": "rose",
    }
    assert list(silent(found)) == ["paintings"]
    assert "cannot be searched with words" in silent(found)["paintings"]
    assert "morelike reembed paintings --encoder conse-mobilenet-v2" in silent(found)["paintings"]


def test_words_are_looked_for_as_they_stand_and_by_meaning(library: Library) -> None:
    """Where a collection has both, ``auto`` is its hybrid search; another mode is as it was asked for."""
    own = library.collection("notes").search(text="rose", mode="hybrid")

    found = library.search(text="rose", collections=["notes"])

    assert [one.hit for one in found] == list(own)
    assert [one.hit for one in library.search(text="rose", collections="notes", mode="keyword")] == list(
        library.collection("notes").search(text="rose", mode="keyword")
    )


def test_a_picture_goes_to_pictures_and_films(library: Library) -> None:
    """Every collection that compares pictures answers with what it answers alone; notes are left out."""
    red = plain("red", "another")

    found = library.search(red, k=3)

    assert set(found.answers) == {"films", "paintings", "photos"}
    for name, hits in found.answers.items():
        assert list(hits) == list(library.collection(name).search(red, k=3))
    assert list(silent(found)) == ["notes"]


def test_an_item_is_looked_for_elsewhere_by_its_bytes(library: Library) -> None:
    """The id of a photo finds its like in the other collections too; at home it is left out."""
    photos = library.collection("photos")
    red = next(item for item in photos.items() if item.sources[0].uri == "red")

    found = library.search(red.id[:12], k=2)

    assert found.answers["paintings"][0].source == "madder"
    assert found.answers["films"][0].source == "red.film"
    assert [hit.source for hit in found.answers["photos"]] == [hit.source for hit in photos.search(red.id, k=2)]


def test_one_bad_collection_is_a_note(library: Library) -> None:
    """A name that is none, and an example that cannot be read, cost no more than their own answer."""
    found = library.search(text="red", collections=["photos", "nowhere"])
    broken = library.search(Blob.from_bytes(b"\x89PNG\r\n\x1a\nno", "x.png"))

    assert [one.hit.source for one in found][:1] == ["red"]
    assert "nowhere" in silent(found)["nowhere"]
    assert len(broken) == 0
    assert set(silent(broken)) == set(NAMES)
    assert isinstance(next(r.answer for r in broken.silent if r.collection == "photos"), DecodeError)


def test_names_and_globs(library: Library) -> None:
    """All, a name, a glob, several; each once, in the order they were named."""
    assert library.matching() == NAMES
    assert library.matching("photos") == ["photos"]
    assert library.matching(["p*", "photos", "gone"]) == ["paintings", "photos", "gone"]
    for nothing in ([], "x*", ["?"]):
        with pytest.raises(UsageError, match="no collection is meant"):
            library.matching(nothing)


@pytest.mark.parametrize("page", [1, 2, 3, 7])
def test_pages_join(library: Library, page: int) -> None:
    """Whatever the page's length: the pages of the list, and of each group, are the whole, cut."""
    whole = library.search(text="red", k=50)
    assert not whole.more

    pages = [library.search(text="red", k=page, offset=offset) for offset in range(0, len(whole), page)]

    assert [one for found in pages for one in found] == list(whole)
    for group in whole.groups:
        own = [g for found in pages for g in found.groups if g.modality == group.modality]
        assert tuple(one for g in own for one in g.hits) == group.hits
    assert [found.more for found in pages] == [True] * (len(pages) - 1) + [False]


def test_more_than_there_is(library: Library) -> None:
    """A page beyond the end is empty, a page longer than all is all."""
    beyond = library.search(text="red", k=5, offset=5000)

    assert len(beyond) == 0
    assert not beyond.more
    assert len(library.search(text="red", k=9999)) == len(library.search(text="red", k=50))


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"text": "red", "k": 0}, "k is 0"),
        ({"text": "red", "k": 10_001}, "k is 10001"),
        ({"text": "red", "offset": -1}, "the offset is -1"),
        ({"text": "red", "k": 9000, "offset": 9000}, "too deep"),
        ({}, "needs an example"),
        ({"text": "red", "filter": "width >>"}, "filter cannot be read"),
    ],
)
def test_what_nobody_could_answer_is_refused(library: Library, asked: dict[str, object], sentence: str) -> None:
    """Such a query is an error of its own, not of each collection."""
    with pytest.raises(QueryError, match=sentence):
        library.search(**asked)  # type: ignore[arg-type] # on purpose


def test_a_mode_that_is_none_is_refused(library: Library) -> None:
    """With the names there are."""
    with pytest.raises(UnknownName, match="simlar"):
        library.search(text="red", mode="simlar")


def test_an_empty_library_answers_nothing(tmp_path: Path) -> None:
    """No collection, no hits, no fault."""
    with morelike.open(tmp_path / "empty", offline=True) as empty:
        found = empty.search(text="red")

    assert (len(found), found.groups, found.silent, found.more) == (0, (), (), False)
    assert repr(found) == "no hits"


def test_a_whole_query_is_taken_as_it_is(library: Library) -> None:
    """``auto`` is the mode that each collection chooses; weights and parts are the query's."""
    query = Query((Example("text", "red"), Example("text", "blue", -0.5)), mode="auto", k=2)

    assert list(library.search(query).answers["photos"]) == list(
        library.collection("photos").search(Query(query.examples, k=2))
    )


def test_it_shows_itself(library: Library) -> None:
    """As text and in a notebook: groups with their collections, and who is silent; nothing of it is markup."""
    library.collection("photos").add(plain("red", "<b>x"))
    found = library.search(text="red", k=3)

    assert "image: photos" in repr(found)
    assert "paintings is silent" in repr(found)
    assert "<b>x" not in found._repr_html_()
    assert "photos (image)" in found._repr_html_()
    assert found[0] == next(iter(found))


def hit(item: str, percentile: float | None = None) -> Hit:
    return Hit(item, item, 0.5, {}, WHOLE, {}, percentile=percentile)


def test_the_same_item_of_two_collections_stands_once() -> None:
    """What both found is worth more than what one found, and says where else it is."""
    found = fused(
        {"a": ("image", [hit("x"), hit("y")]), "b": ("image", [hit("z"), hit("y")]), "c": ("audio", [hit("y")])}
    )

    assert [(one.hit.item, one.collection, one.also) for one in found[:2]] == [("y", "a", ("b",)), ("x", "a", ())]
    assert found[0].score == pytest.approx(2 / 62)
    assert [one.modality for one in found if one.hit.item == "y"] == ["image", "audio"]


def test_of_one_rank_the_nearer_goes_first() -> None:
    """Percentiles decide between first hits; where one is not known, it goes last."""
    found = fused({"a": ("image", [hit("x")]), "b": ("image", [hit("y", 50.0)]), "c": ("image", [hit("z", 99.0)])})

    assert [one.hit.item for one in found] == ["z", "y", "x"]


@given(
    lists=st.lists(st.lists(st.integers(0, 20), max_size=12, unique=True), max_size=5),
)
def test_fusion_is_reciprocal_ranks(lists: list[list[int]]) -> None:
    """Any lists: every item once, by the sum of 1 / (60 + rank), and no collection's own order is turned round."""
    found = fused({str(at): ("image", [hit(str(item)) for item in own]) for at, own in enumerate(lists)})

    wanted: dict[str, float] = {}
    for own in lists:
        for rank, item in enumerate(own, start=1):
            wanted[str(item)] = wanted.get(str(item), 0.0) + 1 / (60 + rank)
    assert {one.hit.item: one.score for one in found} == pytest.approx(wanted)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for at in range(len(lists)):
        alone = [one for one in found if one.collection == str(at) and not one.also]
        ranks = [lists[at].index(int(one.hit.item)) for one in alone]
        assert ranks == sorted(ranks)


def test_a_placed_hit_is_a_value() -> None:
    """Two of the same are equal."""
    assert Placed("a", "image", hit("x"), 0.5) == Placed("a", "image", hit("x"), 0.5)


def test_many_at_once_answer_alike(library: Library) -> None:
    """Several threads that ask several collections get what one gets."""
    from concurrent.futures import ThreadPoolExecutor

    words = ["red", "green", "blue", "yellow"] * 4
    alone = {word: list(library.search(text=word)) for word in set(words)}
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda word: list(library.search(text=word)), words))

    assert together == [alone[word] for word in words]


def test_the_front_door_knows_it(library: Library) -> None:
    """A name that is no file and no item is looked up in every collection; none has it: words."""
    photos: OpenCollection = library.collection("photos")
    assert [one.hit.item for one in library.search("yellow", k=1, collections="photos")] == [
        next(item.id for item in photos.items() if item.sources[0].uri == "yellow")
    ]
