"""Hard inputs from the command line: texts, documents and 3D models that are empty, invalid or huge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hard_inputs import HARD, given_of

MODALITIES = ["text", "document", "mesh"]
FAULT = 1


def filled(morelike: Any, modality: str) -> Any:
    """Two good files of the modality in the collection ``things``."""
    given = given_of(modality)
    for name, data in given.good.items():
        Path(name).write_bytes(data)
    added = morelike("add", "things", *given.good, "--modality", modality, "--encoder", given.encoder)
    assert added.code == 0, added.err
    return morelike


@pytest.mark.parametrize("modality", MODALITIES)
def test_more_hits_than_there_are(morelike: Any, modality: str) -> None:
    """All come, the nearest first; behind the last one a sentence says how few there are."""
    given = given_of(modality)
    Path(given.example[0]).write_bytes(given.example[1])
    asked = ("search", "things", given.example[0], "-k", "500")
    found = filled(morelike, modality)(*asked, "--json")

    assert found.code == 0, found.err
    assert len(found.json["hits"]) == 2
    assert Path(found.json["hits"][0]["source"]).name == next(iter(given.good))
    assert "fewer than 3 hits" in morelike(*asked, "--offset", "2").err


@pytest.mark.parametrize(("modality", "what"), HARD)
def test_what_cannot_be_used_is_said(morelike: Any, modality: str, what: str) -> None:
    """Added, it is counted as rejected, with its reason; as an example it is one sentence with a hint at the most."""
    bad = given_of(modality).bad[what]
    Path(bad.name).write_bytes(bad.data)
    added = filled(morelike, modality)("add", "things", bad.name)
    searched = morelike("search", "things", bad.name)

    assert added.code == 3
    assert bad.said in " ".join(added.out.split())
    assert morelike("count", "things").out.strip() == "2"
    assert searched.code == FAULT
    assert bad.said in searched.err
    assert searched.out == ""
    assert len(searched.err.strip().splitlines()) <= 2


@pytest.mark.parametrize("modality", MODALITIES)
def test_ten_megabytes_are_no_trouble(morelike: Any, modality: str) -> None:
    """A good file of that size is an example, and comes in."""
    given = given_of(modality)
    Path(given.huge[0]).write_bytes(given.huge[1])
    found = filled(morelike, modality)("search", "things", given.huge[0], "--json")

    assert found.code == 0, found.err
    assert Path(found.json["hits"][0]["source"]).name == next(iter(given.good))
    assert morelike("add", "things", given.huge[0]).code == 0
    assert morelike("count", "things").out.strip() == "3"


@pytest.mark.parametrize("modality", ["text", "document"])
@pytest.mark.parametrize("words", ["", "...", "\U0001f642"], ids=["empty", "dots", "picture"])
def test_words_that_are_none_are_refused(morelike: Any, modality: str, words: str) -> None:
    """On standard error, with what to do."""
    ran = filled(morelike, modality)("search", "things", "--text", words)

    assert (ran.code, ran.out) == (2, "")
    assert "has no words to search for" in ran.err
    assert "hint: it needs a letter or a digit" in ran.err


@pytest.mark.parametrize(
    ("modality", "name", "data", "said"),
    [
        ("text", "faq.csv", b"question,answer\nwhy?,so\n", "faq.csv is a table, and one text is asked for"),
        ("document", "faq.csv", b"question,answer\nwhy?,so\n", "faq.csv is a table, and one text is asked for"),
        ("text", "faq.jsonl", b'{"question": "why?", "answer": "so"}\n', "faq.jsonl is a table"),
    ],
)
def test_a_table_is_no_example(morelike: Any, modality: str, name: str, data: bytes, said: str) -> None:
    """It says that it is a table, and what to search with; nothing is said of columns that name files."""
    Path(name).write_bytes(data)
    ran = filled(morelike, modality)("search", "things", name)

    assert ran.code == FAULT
    assert said in ran.err
    assert "hint: search with words, or a file of text" in ran.err


def test_a_table_of_sequences_is_an_example_where_it_has_one(morelike: Any) -> None:
    """Of several it says how many there are, and what to do."""
    pytest.importorskip("Bio", reason="sequences need the extra `sequences`")
    Path("one.csv").write_text("name,sequence\na,ACGTTGCAAGTCCA\n")
    Path("two.csv").write_text("name,sequence\na,ACGTTGCAAGTCCA\nb,ACGTTGCATTTACA\n")
    assert morelike("add", "genes", "two.csv", "--modality", "sequence").code == 0

    found = morelike("search", "genes", "one.csv", "--json")
    refused = morelike("search", "genes", "two.csv")

    assert found.json["hits"][0]["unit"]["identity"] == 1
    assert refused.code == FAULT
    assert "two.csv holds 2 sequences, and one is asked for" in refused.err
    assert "a file of its own, or its letters as text" in refused.err
