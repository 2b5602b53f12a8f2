"""Texts from the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("markdown_it", reason="Markdown needs the extra `text`")

FAQ = "question,answer,category\nHow do I reset my password?,Click on 'forgot'.,account\nWhere is it?,Next door.,post\n"


@pytest.fixture
def notes(morelike: Any, tmp_path: Path) -> Any:
    """Three notes and two files that are none, in the collection ``notes``, which was guessed."""
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "flood.md").write_text("# Flood\n\nThe river rose. The bridge held against the water. Nobody was hurt.")
    (folder / "bread.txt").write_text("Bread needs flour, water and salt. \x1b[31mKnead it\x1b[0m well.")
    (folder / "cats.html").write_text("<title>Cats</title><p>Cats sleep all day.<p>Dogs do not.")
    (folder / "empty.txt").write_text("")
    (folder / "noise.txt").write_bytes(bytes(range(256)))
    ran = morelike("add", "notes", "notes", "--encoder", "hashed-text")
    assert ran.code == 3, ran.err
    assert "a collection of text: 5 of the 5 first files are" in ran.err
    assert "empty.txt is empty" in ran.out
    assert "noise.txt is no text" in ran.out
    return morelike


@pytest.mark.parametrize("mode", ["similar", "keyword", "hybrid"])
def test_words_are_an_example(notes: Any, mode: str) -> None:
    """As the example itself and as --text, in each mode, with more asked for than there are."""
    for asked in (("which bridge held",), ("--text", "which bridge held")):
        found = notes("search", "notes", *asked, "--mode", mode, "-k", "500", "--json")
        assert found.code == 0, found.err
        hit = found.json["hits"][0]
        assert hit["source"].endswith("flood.md")
        assert hit["metadata"]["title"] == "Flood"
        said = [hit["quote"]["text"][start:end] for start, end in hit["quote"]["marks"]]
        assert said == (["bridge", "held"] if mode == "keyword" else ["The bridge held against the water."])
        assert len(found.json["hits"]) == (1 if mode == "keyword" else 3)


def test_a_file_is_an_example(notes: Any, tmp_path: Path) -> None:
    """A path is read, not searched for as words; a table of texts is no single text."""
    (tmp_path / "asked.txt").write_text("The bridge held against the water.")
    found = notes("search", "notes", "asked.txt", "--json")
    assert found.json["hits"][0]["source"].endswith("flood.md")
    item = found.json["hits"][0]["item"]
    assert notes("search", "notes", item[:12], "--json").json["hits"][0]["item"] != item

    (tmp_path / "faq.csv").write_text(FAQ)
    refused = notes("search", "notes", "faq.csv")
    assert (refused.code, "faq.csv is a table" in refused.err) == (1, True)


def test_the_words_stand_under_each_hit(notes: Any) -> None:
    """Nothing in them commands the terminal."""
    shown = notes("search", "notes", "knead the flour")

    assert shown.code == 0, shown.err
    assert "    Bread needs flour, water and salt. \\x1b[31mKnead it\\x1b[0m well." in shown.out
    assert "\x1b" not in shown.out


def test_a_terminal_shows_the_sentence_in_bold(notes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On two lines at most, with what is left out shown as such."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    shown = notes("search", "notes", "which bridge held", "-k", "1", "--no-picture").out

    assert "Flood · The river rose. \x1b[1mThe bridge held against the \x1b[0m\n\x1b[1mwater.\x1b[0m Nobody" in shown
    assert all(len(line) < 90 for line in shown.splitlines())


def test_questions_show_their_answers(morelike: Any, tmp_path: Path) -> None:
    """A row is an item; a column filters; a row without a question is a reject that says which."""
    (tmp_path / "faq.csv").write_text(FAQ + ",nothing,post\n")
    added = morelike("add", "faq", "faq.csv", "--encoder", "hashed-text")
    assert added.code == 3, added.err
    assert "row 3 of faq.csv has no words in question" in added.out

    shown = morelike("search", "faq", "lost password", "--filter", "category = 'account'")
    assert "    How do I reset my password?" in shown.out
    assert "    → Click on 'forgot'." in shown.out
    assert "Next door" not in shown.out


def test_a_column_can_be_named(morelike: Any, tmp_path: Path) -> None:
    """A table that does not say what is searched is refused with its columns, and read once it was said."""
    (tmp_path / "t.csv").write_text("one,two\na red house,b\nthe green door,c\n")
    refused = morelike("add", "t", "t.csv", "--modality", "text", "--encoder", "hashed-text")
    assert refused.code == 3
    assert "does not say which column is searched: there are one, two" in refused.out
    added = morelike("add", "u", "t.csv", "--modality", "text", "--encoder", "hashed-text", "--option", "column=one")
    assert added.code == 0, added.err
    assert morelike("add", "u", "t.csv").code == 0

    found = morelike("search", "u", "green door", "--json").json["hits"][0]
    assert (found["quote"]["text"], found["metadata"]["two"]) == ("the green door", "c")
    wrong = morelike("add", "v", "t.csv", "--modality", "text", "--option", "chunk=3")
    assert (wrong.code, "chunk is 3" in wrong.err) == (2, True)


def test_eval_and_show_know_texts(notes: Any, morelike: Any) -> None:
    """The measures, and what is known of an item."""
    item = notes("ls", "notes", "--json").json["items"][0]
    assert item["info"]["words"] > 3
    assert notes("eval", "notes", "--json").json["queries"] >= 0


def test_ten_megabytes_are_no_trouble(morelike: Any, tmp_path: Path) -> None:
    """A long book comes in, and its one odd sentence is found in it."""
    book = "The river rose and the bridge held. " * 150_000
    (tmp_path / "book.txt").write_text(book + "Quokkas eat grass. " + book)
    ran = morelike("add", "b", "book.txt", "--modality", "text", "--encoder", "hashed-text")
    assert ran.code == 0, ran.err

    hit = morelike("search", "b", "quokkas grass", "--mode", "keyword", "--json").json["hits"][0]
    assert hit["source"].endswith("book.txt")
    assert "Quokkas" in hit["quote"]["text"]
    assert hit["span"]["start"] > 5_000_000


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--text", "", "--mode", "keyword"), "a keyword search needs words"),
        (("",), "has no words to search for"),
        (("...",), "has no words to search for"),
        (("bridge", "--at", "1"), "is no part in characters"),
    ],
)
def test_what_cannot_be_asked_is_said(notes: Any, asked: tuple[str, ...], said: str) -> None:
    """On standard error, with a hint."""
    ran = notes("search", "notes", *asked)

    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "hint: " in ran.err
