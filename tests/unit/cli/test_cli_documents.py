"""Documents from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from morelike.testing.documents import docx, epub, pdf

pytest.importorskip("pypdfium2_raw", reason="documents need the extra `documents`")

ENCODERS = ("--encoder", "hashed-text,classic")


@pytest.fixture
def papers(morelike: Any, tmp_path: Path) -> Any:
    """A PDF, a letter, a book, and one that is locked, in the collection ``p``, which was guessed."""
    for folder in ("nature", "kitchen"):
        (tmp_path / "papers" / folder).mkdir(parents=True)
    nature, kitchen = tmp_path / "papers" / "nature", tmp_path / "papers" / "kitchen"
    (nature / "rivers.pdf").write_bytes(pdf("Rivers run to the sea.", "A delta is where a river ends."))
    (nature / "delta.epub").write_bytes(epub("<p>In a delta the river slows down.</p>", title="On deltas"))
    (kitchen / "bread.docx").write_bytes(docx("Bread is made of flour and water."))
    (kitchen / "dough.pdf").write_bytes(pdf("Dough is flour and water; it becomes bread."))
    (kitchen / "locked.pdf").write_bytes(pdf("secret", user=b"secret"))
    ran = morelike("add", "p", "papers", *ENCODERS)
    assert ran.code == 3, ran.err
    assert "a collection of document: 5 of the 5" in ran.err
    assert "locked.pdf is encrypted (save it without its password" in ran.out
    return morelike


def test_words_find_a_passage(papers: Any) -> None:
    """With its place, its page and its words; more hits than there are is no fault."""
    ran = papers("search", "p", "--text", "a delta, where a river ends", "-k", "500", "--json")

    assert ran.code == 0, ran.err
    assert len(ran.json["hits"]) == 4
    best = next(hit for hit in ran.json["hits"] if hit["source"].endswith("rivers.pdf"))
    assert best["span"] == {"unit": "characters", "start": 23, "end": 53}
    assert best["quote"]["text"] == "A delta is where a river ends."
    assert best["quote"]["page"] == 2
    assert papers("search", "p", "a delta, where a river ends", "-k", "500", "--json").json["hits"] == ran.json["hits"]


def test_words_find_words(papers: Any) -> None:
    """``--mode keyword``, and ``--filter`` by what the files say of themselves."""
    ran = papers("search", "p", "--text", "delta", "--mode", "keyword", "--json")
    assert {Path(hit["source"]).name for hit in ran.json["hits"]} == {"rivers.pdf", "delta.epub"}

    ran = papers("search", "p", "--text", "delta", "--mode", "hybrid", "--filter", "title = 'On deltas'", "--json")
    assert [Path(hit["source"]).name for hit in ran.json["hits"]] == ["delta.epub"]


def test_a_mistyped_name_is_not_searched_for(papers: Any) -> None:
    """What looks like a file and is none is said to be missing; behind --text it is words."""
    ran = papers("search", "p", "notthere.pdf")

    assert ran.code == 2
    assert "there is no file 'notthere.pdf'" in ran.err
    assert papers("search", "p", "--text", "notthere.pdf").code == 0


def test_a_page_is_named_by_its_number(papers: Any, tmp_path: Path) -> None:
    """--at 2: the second page of the example alone; a page that it does not have is refused."""
    (tmp_path / "both.pdf").write_bytes(pdf("Flour and water make dough, and that becomes bread.", "A river's delta."))

    ran = papers("search", "p", "both.pdf", "--at", "2", "--json")
    assert ran.code == 0, ran.err
    assert "delta" in Path(ran.json["hits"][0]["source"]).name + ran.json["hits"][0]["quote"]["text"]

    assert papers("search", "p", "both.pdf", "--at", "7").code == 2
    assert "is no part in pages" in papers("search", "p", "both.pdf", "--at", "0").err


def test_a_document_is_an_example(papers: Any, tmp_path: Path) -> None:
    """By its words, its pages, or both; so is a picture of a page."""
    (tmp_path / "asked.docx").write_bytes(docx("Water and flour make bread."))
    ran = papers("search", "p", "asked.docx", "-k", "2", "--json")
    assert {Path(hit["source"]).name for hit in ran.json["hits"]} == {"bread.docx", "dough.pdf"}

    Image.new("RGB", (200, 250), "white").save(tmp_path / "page.png")
    ran = papers("search", "p", "page.png", "--json")
    assert ran.code == 0, ran.err
    assert {hit["span"]["unit"] for hit in ran.json["hits"]} == {"page"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (pdf("x", user=b"x"), "is encrypted"),
        (b"%PDF-1.4", "is damaged"),
        (b"", "empty"),
        (b"%PDF-" + bytes(10_000_000), ""),
    ],
    ids=["locked", "broken", "empty", "10-mb"],
)
def test_what_cannot_be_asked_is_said_on_one_line(papers: Any, tmp_path: Path, data: bytes, said: str) -> None:
    """The reason is on standard error with a hint, and nothing else is said."""
    (tmp_path / "asked.pdf").write_bytes(data)
    ran = papers("search", "p", "asked.pdf")

    assert ran.code in {1, 2}
    assert said in ran.err
    assert ran.out == ""
    assert len(ran.err.strip().splitlines()) <= 2


def test_it_is_shown(papers: Any) -> None:
    """What a document says of itself, and what was rejected."""
    items = papers("ls", "p", "--json").json["items"]
    pages = {Path(item["source"]).name: item["info"].get("pages") for item in items}

    assert pages == {"rivers.pdf": 2, "dough.pdf": 1, "bread.docx": None, "delta.epub": None}
    assert "is encrypted" in papers("ls", "p", "--rejected").out


def test_folders_are_labels(papers: Any) -> None:
    """``eval`` measures how well documents on one subject find one another."""
    ran = papers("eval", "p", "--labels", "parent-folder", "--json")

    assert ran.code == 0, ran.err
    assert ran.json["queries"] == 4
    assert 0 <= ran.json["map"] <= 1


def test_options_are_given_by_name(morelike: Any, tmp_path: Path) -> None:
    """--option reaches the modality: shorter passages, pages alone; what it does not know is refused."""
    (tmp_path / "a.pdf").write_bytes(pdf("One sentence of words here. Another sentence of words. " * 3))
    ran = morelike(
        "add", "s", "a.pdf", "--modality", "document", *ENCODERS, "--option", "chunk=60", "--option", "overlap=0"
    )
    assert ran.code == 0, ran.err
    (hit,) = morelike("search", "s", "--text", "sentence", "--json").json["hits"]
    assert 0 < hit["span"]["end"] - hit["span"]["start"] <= 60

    ran = morelike("add", "i", "a.pdf", "--modality", "document", "--encoder", "classic", "--option", "pages=images")
    assert ran.code == 0, ran.err
    assert ran.err == ""

    for wrong in ("pages=none", "ocr=maybe", "columns=2"):
        ran = morelike("add", "x", "a.pdf", "--modality", "document", *ENCODERS, "--option", wrong)
        assert ran.code == 2
        assert wrong.split("=")[0] in ran.err
