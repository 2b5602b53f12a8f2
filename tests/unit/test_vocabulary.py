"""The words of a composer: read as the published training read them, and what is not known is named."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.errors import ModelError
from morelike.vocabulary import MOST_WORDS, Vocabulary

TEXTS = ["add red cube to middle-center", "Make the RED, cube: small!"]
WORDS = ["<UNK>", "add", "red", "cube", "to", "middlecenter", "make", "the", "small"]


def published(text: str) -> list[str]:
    """The words as the published code splits them."""
    plain = text.encode("ascii", "ignore").decode("ascii")
    return plain.translate(str.maketrans(dict.fromkeys(string.punctuation))).strip().lower().split()


def test_words_are_numbered_as_they_first_appear() -> None:
    """Id 0 is <UNK>; punctuation and case are no part of a word, and a hyphen joins."""
    vocabulary = Vocabulary(TEXTS)
    assert vocabulary.words == WORDS
    assert vocabulary.ids("middle-center RED") == [5, 2]
    assert len(vocabulary) == len(WORDS)


def test_a_word_that_is_not_known_is_0() -> None:
    """It keeps its place among the ids."""
    assert Vocabulary(TEXTS).ids("make purple cube") == [6, 0, 3]


@pytest.mark.parametrize("text", ["", "  \n", "-- !", "красный"])
def test_a_text_without_words_has_one_id(text: str) -> None:
    """Ids are never empty: a network has a last word to take."""
    assert Vocabulary(TEXTS).ids(text) == [0]


def test_unknown_words_are_named_as_typed_once() -> None:
    """In their order, without the punctuation around them; case and a repeat make no second one."""
    found = Vocabulary(TEXTS).unknown("Make the Purple-ish cube, purple-ish, hazy. – <UNK> — small !")
    assert found == ("Purple-ish", "hazy", "UNK")


def test_a_word_in_another_script_is_unknown() -> None:
    """A word of which reading leaves nothing is named; one of which it leaves a part is named whole."""
    assert Vocabulary(TEXTS).unknown("красный КРАСНЫЙ café red") == ("красный", "café")


def test_a_list_of_words_gives_the_same_vocabulary() -> None:
    """What a checkpoint keeps is enough."""
    vocabulary = Vocabulary(TEXTS)
    again = Vocabulary.from_words(vocabulary.words)
    assert again.words == vocabulary.words
    assert again.ids("add small cone") == vocabulary.ids("add small cone")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "begins with <UNK>"),
        (["add", "red"], "begins with <UNK>"),
        (["<UNK>", "red", "red"], "'red' twice"),
        (["<UNK>", "Red"], "'Red'"),
        (["<UNK>", "middle-center"], "'middle-center'"),
        (["<UNK>", "two words"], "'two words'"),
        (["<UNK>", ""], "''"),
        (["<UNK>", "<UNK>"], "'<UNK>'"),
        (["<UNK>", "x" * 2000], "characters"),
        (["<UNK>"] * (MOST_WORDS + 1), "more than"),
    ],
)
def test_a_list_that_is_no_vocabulary_is_refused(words: list[str], complaint: str) -> None:
    """Each word must be one that a text can be read as, and there once."""
    with pytest.raises(ModelError, match=complaint):
        Vocabulary.from_words(words)


def test_texts_of_too_many_words_are_refused() -> None:
    """A vocabulary is bounded whatever its texts are."""
    with pytest.raises(ModelError, match="more than"):
        Vocabulary([" ".join(f"w{i}" for i in range(MOST_WORDS))])


@given(st.text(st.characters(max_codepoint=0x7F)))
def test_ascii_is_read_as_published(text: str) -> None:
    """Every ASCII text has the ids that the published reading gives its words."""
    words = published(text)
    vocabulary = Vocabulary([text])
    assert vocabulary.words == ["<UNK>", *dict.fromkeys(words)]
    assert vocabulary.ids(text) == [vocabulary.words.index(word) for word in words] or [0]


@given(st.text())
def test_a_vocabulary_knows_its_own_texts(text: str) -> None:
    """Of the text that it was made of, only words of which reading leaves nothing are unknown; its list is good."""
    vocabulary = Vocabulary([text])
    assert not any(word.isascii() for word in vocabulary.unknown(text))
    assert Vocabulary.from_words(vocabulary.words).ids(text) == vocabulary.ids(text)
