"""Hits show their words, with what answers marked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import morelike
from morelike.collection import OpenCollection
from morelike.errors import EncodeError
from morelike.library import Library
from morelike.search import quoting
from morelike.settings import Settings
from morelike.shapes import hit_shape
from morelike.testing.images import write_images
from morelike.testing.toys import ToyWords
from morelike.types import Hit, Quote

FLOOD = "The river rose for days. The bridge held. Zebras fled."
FAQ = "question,answer,category\nHow do I pay?,By card.,money\nWhere is my parcel?,At the neighbour's.,post\n"


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    """An empty one."""
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def notes(library: Library, tmp_path: Path) -> OpenCollection:
    """A note, and a book of many passages."""
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "flood.md").write_text(f"# Flood\n\n{FLOOD}")
    (folder / "book.txt").write_text(
        "Bread needs flour and salt. " * 100 + "Quokkas eat grass. " + "Knead it well. " * 100
    )
    collection = library.collection("notes", modality="text", encoder=ToyWords())
    assert collection.add(folder).added == 2
    return collection


def marked(hit: Hit) -> list[str]:
    assert hit.quote is not None
    return [hit.quote.text[start:end] for start, end in hit.quote.marks]


def test_a_hit_quotes_its_passage_and_marks_the_sentence(notes: OpenCollection) -> None:
    """In modes similar and hybrid; the quote begins where the hit's span does."""
    for mode in ("similar", "hybrid"):
        hits = {Path(hit.source).name: hit for hit in notes.search(text="which quokkas eat grass", mode=mode)}
        book = hits["book.txt"]
        assert book.quote is not None
        assert book.quote.start == book.span.start
        assert len(book.quote.text) == book.span.end - book.span.start
    hit = next(hit for hit in notes.search("did the bridge hold") if hit.source.endswith("flood.md"))
    assert hit.quote == Quote(f"Flood\n\n{FLOOD}", 0, marks=((32, 48),))
    assert marked(hit) == ["The bridge held."]


def test_keywords_are_marked_where_they_were_asked_for(notes: OpenCollection) -> None:
    """Each of them, in the passage that has them."""
    (hit,) = notes.search(text="quokkas grass", mode="keyword")

    assert marked(hit) == ["Quokkas", "grass"]
    assert hit.span.unit == "characters"


def test_explained_hits_mark_the_nearest_sentence_by_meaning(notes: OpenCollection) -> None:
    """It need not share a word: to the toy encoder the same letters mean the same. Its time is told."""
    found = notes.search(text="dlef sarbez", explain=True)  # the letters of the last sentence
    hit = next(hit for hit in found if hit.source.endswith("flood.md"))

    assert marked(hit) == ["Zebras fled."]
    assert found.timings["quote"] >= 0
    assert marked(next(iter(notes.search(text="dlef sarbez")))) == []


def test_an_example_is_explained_by_meaning_too(notes: OpenCollection, tmp_path: Path) -> None:
    """A file has no words that were asked for; with explain its nearest sentence is marked all the same."""
    (tmp_path / "asked.txt").write_text("dlef sarbez")

    assert marked(next(hit for hit in notes.search(tmp_path / "asked.txt") if "flood" in hit.source)) == []
    explained = notes.search(tmp_path / "asked.txt", explain=True)
    assert marked(next(hit for hit in explained if "flood" in hit.source)) == ["Zebras fled."]


def test_a_sentence_that_cannot_be_encoded_is_marked_by_words(
    library: Library, notes: OpenCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hits stay."""
    prepare = ToyWords.prepare

    def failing(self: ToyWords, kind: str, payload: str) -> object:
        if payload == "Zebras fled.":
            raise EncodeError("no zebras")
        return prepare(self, kind, payload)

    monkeypatch.setattr(ToyWords, "prepare", failing)
    hits = notes.search(text="the bridge", explain=True)

    assert marked(next(hit for hit in hits if hit.source.endswith("flood.md"))) == ["The bridge held."]


def test_a_question_brings_its_answer(library: Library, tmp_path: Path) -> None:
    """The nearest question is searched, filtered by a column, and the answer stands beside it."""
    (tmp_path / "faq.csv").write_text(FAQ)
    faq = library.collection("faq", modality="text", encoder=ToyWords())
    faq.add(tmp_path / "faq.csv")

    hit = faq.search("my parcel", filter="category = 'post'")[0]
    assert hit.quote is not None
    assert (hit.quote.text, hit.quote.reply) == ("Where is my parcel?", "At the neighbour's.")
    assert hit.metadata["answer"] == "At the neighbour's."
    assert hit_shape(hit)["quote"] == {
        "text": "Where is my parcel?",
        "start": 0,
        "page": None,
        "marks": [[0, 19]],
        "reply": "At the neighbour's.",
    }
    assert len(faq.search("my parcel", k=500)) == 2


def test_what_is_gone_is_not_quoted(library: Library, tmp_path: Path) -> None:
    """A file that stayed in place and was deleted since: its hit is there, without words."""
    (tmp_path / "a.txt").write_text(FLOOD)
    (tmp_path / "b.txt").write_text("Bread needs salt.")
    notes = library.collection("notes", modality="text", encoder=ToyWords())
    notes.add(tmp_path / "a.txt", tmp_path / "b.txt", in_place=True)
    (tmp_path / "a.txt").unlink()

    hits = {Path(hit.source).name: hit for hit in notes.search("the river")}
    assert hits["a.txt"].quote is None
    assert "quote" not in hit_shape(hits["a.txt"])
    assert hits["b.txt"].quote is not None


def test_what_comes_late_is_not_quoted(notes: OpenCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hits do not wait for words for ever."""
    monkeypatch.setattr(quoting, "SECONDS", -1.0)

    hits = notes.search("the river")
    assert len(hits) == 2
    assert all(hit.quote is None or hit.quote.text for hit in hits)


def test_pictures_have_no_quotes(library: Library, tmp_path: Path) -> None:
    """And no time is spent on it."""
    write_images(tmp_path / "pictures", 2, seed=1)
    photos = library.collection("photos", modality="image", encoder="classic")
    photos.add(tmp_path / "pictures")

    hits = photos.search(next((tmp_path / "pictures").iterdir()), explain=True)
    assert all(hit.quote is None for hit in hits)
    assert "quote" not in hits.timings


def test_a_notebook_shows_the_words(notes: OpenCollection) -> None:
    """Escaped, with the marks, instead of a picture."""
    shown = notes.search("did the bridge hold")._repr_html_()

    assert "<mark>The bridge held.</mark>" in shown
    assert "<img" not in shown
