"""Hard inputs from Python: texts, documents and 3D models that are empty, invalid or huge; too many hits wanted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hard_inputs import HARD, HUGE, Given, given_of

import morelike
from morelike.collection import OpenCollection
from morelike.errors import ItemError, MorelikeError, QueryError
from morelike.settings import Settings
from morelike.types import Blob

MODALITIES = ["text", "document", "mesh"]


@pytest.fixture
def empty(settings: Settings, request: pytest.FixtureRequest) -> Iterator[OpenCollection]:
    """A collection of the modality that the test names, without items."""
    modality = request.getfixturevalue("modality")
    with morelike.open(settings) as library:
        yield library.collection("things", modality=modality, encoder=given_of(modality).encoder)


@pytest.fixture
def filled(empty: OpenCollection) -> OpenCollection:
    """The same with its two good files."""
    good = given_of(empty.modality).good
    assert empty.add(*(Blob.from_bytes(data, name) for name, data in good.items())).added == 2
    return empty


def first_of(given: Given) -> str:
    return next(iter(given.good))


@pytest.mark.parametrize("modality", MODALITIES)
def test_more_hits_than_there_are(filled: OpenCollection, modality: str) -> None:
    """As many as there are come, the nearest first; none lie behind the last."""
    given = given_of(modality)
    asked = Blob.from_bytes(given.example[1], given.example[0])
    hits = filled.search(asked, k=500)

    assert len(hits) == 2
    assert hits[0].source.endswith(first_of(given))
    assert len(filled.search(asked, k=500, offset=2)) == 0


@pytest.mark.parametrize("modality", MODALITIES)
def test_an_empty_collection_finds_nothing(empty: OpenCollection, modality: str) -> None:
    """And it is no error."""
    given = given_of(modality)

    assert len(empty.search(Blob.from_bytes(given.example[1], given.example[0]), k=500)) == 0


@pytest.mark.parametrize(("modality", "what"), HARD)
def test_what_cannot_be_used_is_said(filled: OpenCollection, modality: str, what: str, tmp_path: Path) -> None:
    """As a thing to add it is a row of the ledger, as an example an error, both with the file's name and the reason."""
    bad = given_of(modality).bad[what]
    path = tmp_path / bad.name
    path.write_bytes(bad.data)
    report = filled.add(path)

    assert (report.added, report.rejected) == (0, 1)
    assert bad.said in next(iter(filled.rejected())).reason
    with pytest.raises(ItemError) as caught:
        filled.search(path)
    assert bad.said in caught.value.message
    assert "no column names a file" not in caught.value.message
    assert filled.count() == 2


@pytest.mark.parametrize("modality", MODALITIES)
def test_ten_megabytes_are_no_trouble(filled: OpenCollection, modality: str, tmp_path: Path) -> None:
    """A good file of that size is an example, and comes in."""
    given = given_of(modality)
    path = tmp_path / given.huge[0]
    path.write_bytes(given.huge[1])

    assert path.stat().st_size >= HUGE
    assert filled.search(path)[0].source.endswith(first_of(given))
    assert filled.add(path).added == 1
    assert {re.split("[/:]", hit.source)[-1] for hit in filled.search(path, k=2)} == {path.name, first_of(given)}


@pytest.mark.parametrize("modality", ["text", "document"])
@pytest.mark.parametrize("mode", ["similar", "hybrid"])
@pytest.mark.parametrize(
    "words",
    ["", " \n", "...", "\U0001f642", "?" * HUGE],
    ids=["empty", "blank", "dots", "picture", "10-mb"],
)
def test_a_text_without_words_is_refused(filled: OpenCollection, modality: str, mode: str, words: str) -> None:
    """Where nothing but words counts: all items would be equally unlike it."""
    assert filled.modality == modality
    with pytest.raises(QueryError, match="has no words to search for") as caught:
        filled.search(text=words, mode=mode)
    assert "a letter or a digit" in caught.value.hint


@pytest.mark.parametrize("modality", ["text", "document"])
@pytest.mark.parametrize(
    "words",
    ["7", "\u2122", "\u5ddd", "... a", "?" * HUGE + " river"],
    ids=["digit", "sign", "character", "letter", "10-mb"],
)
def test_one_letter_or_digit_is_a_query(filled: OpenCollection, modality: str, words: str) -> None:
    """Whatever else is around it; signs that stand for letters count."""
    assert filled.modality == modality
    assert len(filled.search(text=words, k=500)) == 2


@pytest.mark.parametrize("modality", ["mesh"])
@pytest.mark.parametrize("words", ["", "a box", "?" * HUGE], ids=["empty", "words", "10-mb"])
def test_models_are_not_asked_for_with_words(filled: OpenCollection, modality: str, words: str) -> None:
    """However many there are: the sentence says what is."""
    assert filled.modality == modality
    with pytest.raises(MorelikeError, match="cannot be searched with words"):
        filled.search(text=words)
