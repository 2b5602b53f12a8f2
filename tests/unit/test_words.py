"""The words of a text, folded."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from morelike.words import MOST_TERMS, folded, is_unspaced, terms_asked, terms_of, wordless


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The FOXES jumped!", ["the", "foxe", "jumped"]),
        ("Cafés, naïve; São", ["cafe", "naive", "sao"]),
        ("libraries series classes bus glass is gas", ["library", "sery", "classe", "bus", "glass", "is", "gas"]),
        ("straße ｆｕｌｌ ﬁne", ["strasse", "full", "fine"]),
        ("don't e-mail 3.5", ["don", "t", "e", "mail", "3", "5"]),
        ("東京へ go", ["東", "京", "へ", "go"]),
        ("", []),
        (" … 🦊 ", []),
    ],
)
def test_folding(text: str, words: list[str]) -> None:
    """Case, accents, width and plurals do not matter; a character of an unspaced script is a word."""
    assert folded(text) == words


@given(st.text())
def test_folding_again_changes_nothing(text: str) -> None:
    """What is kept of a text is found as the text is: its words fold to themselves."""
    words = folded(text)
    assert folded(" ".join(words)) == words
    assert all(words)


@given(st.text(alphabet="ab東京 ", max_size=30))
def test_what_a_text_says_it_is_found_by(text: str) -> None:
    """Each term that a text asks for, as a query, is among the terms that it is found by."""
    assert set(terms_asked(text)) <= set(terms_of(folded(text)))


def test_terms() -> None:
    """Words, and neighbours of an unspaced script, also where something else than a word parted them."""
    assert list(terms_of(folded("東京 go 京、都"))) == ["東", "京", "go", "京", "都", "東 京", "京 都"]
    assert terms_asked("東京 go go 京") == {"東 京": 1, "go": 2, "京": 1}
    assert is_unspaced("京")
    assert not is_unspaced("go")


def test_long_queries_are_bounded() -> None:
    """At most so many terms, counted at most four times each, and all counts together no more than that."""
    assert terms_asked("fox " * 50) == {"fox": 4}
    many = terms_asked(" ".join(f"w{number % 300}x" for number in range(3000)))
    assert len(many) == MOST_TERMS
    assert set(many.values()) == {1}
    some = terms_asked(" ".join(f"w{number % 100}x" for number in range(3000)))
    assert (len(some), set(some.values())) == (100, {2})


@given(st.text())
@example("?" * 70_000 + "a")
@example("\u2122")
@example("...")
def test_a_text_is_wordless_where_no_word_is_found(text: str) -> None:
    """However far into it the first one stands."""
    assert wordless(text) == (not folded(text))
