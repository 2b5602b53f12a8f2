"""Which part of some words answers a query."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.search.marking import marked_sentence, marked_words
from morelike.words import folded, terms_asked

TEXTS = st.text(alphabet=st.sampled_from("abÀ é.!?\n川水橋ก ー1½ﬁ\u0301"), max_size=80) | st.text(max_size=60)


def sentence(text: str, query: str) -> str:
    return "".join(text[start:end] for start, end in marked_sentence(text, terms_asked(query)))


def words(text: str, query: str) -> list[str]:
    return [text[start:end] for start, end in marked_words(text, terms_asked(query))]


@pytest.mark.parametrize(
    ("text", "query", "said"),
    [
        ("The river rose. The bridge held. Nobody came.", "did the bridge hold", "The bridge held."),
        ("The river rose. The bridge held. The cat sat.", "the the the river", "The river rose."),
        ("ÜBER ALLEM. Unter allem.", "uber", "ÜBER ALLEM."),
        ("川が氾濫した。橋は残った。", "橋は?", "橋は残った。"),
        ("The river rose.", "bread", ""),
        ("The river rose.", "", ""),
        ("", "river", ""),
        ("One cat. Another cat.", "cat", "One cat."),
    ],
)
def test_the_sentence_with_the_rarest_shared_words_is_marked(text: str, query: str, said: str) -> None:
    """Words that every sentence has say little; of equals the first; none where nothing is shared."""
    assert sentence(text, query) == said


@pytest.mark.parametrize(
    ("text", "query", "said"),
    [
        ("The river, the RIVER and riverbeds.", "river", ["river", "RIVER"]),
        ("Café CAFÉ cafe", "café", ["Café", "CAFÉ", "cafe"]),
        ("東京都に住む。京都にも。", "京都", ["京都", "京都"]),
        ("川と川", "川", ["川", "川"]),
        ("ﬁne fine", "fine", ["ﬁne", "fine"]),
        ("snake_case", "case", ["case"]),
        ("nothing here", "river", []),
    ],
)
def test_each_word_that_is_asked_for_is_marked(text: str, query: str, said: list[str]) -> None:
    """As keyword search folds them: any case, no accents; pairs of letters where no spaces are written."""
    assert words(text, query) == said


@given(TEXTS, TEXTS)
def test_marks_are_in_order_and_apart(text: str, query: str) -> None:
    """And within the text, in which every marked word shares something with the query."""
    asked = terms_asked(query)
    for marks in (marked_words(text, asked), marked_sentence(text, asked)):
        end = 0
        for start, until in marks:
            assert end <= start < until <= len(text)
            end = until
    shared = {word for term in asked for word in term.split()}
    assert all(shared & set(folded(word)) for word in words(text, query))


def test_a_text_full_of_the_word_has_a_bounded_number_of_marks() -> None:
    """Two hundred say it."""
    assert len(marked_words("a " * 5000, terms_asked("a"))) == 200
