"""The words that a composer has learnt, and their numbers: one reading of a text for training and for search.

As the published code of TIRG (Vo et al. 2019) reads: what is not ASCII is dropped, then punctuation, so that
"middle-center" is the word "middlecenter"; then lower case, and white space parts the words.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Sequence

from morelike.errors import ModelError

__all__ = ["MOST_WORDS", "UNKNOWN", "Vocabulary"]

UNKNOWN = "<UNK>"
"""The word with the id 0; no text holds it, as its brackets are punctuation."""
MOST_WORDS = 100_000
_LONGEST_WORD = 1000
_PUNCTUATION = str.maketrans("", "", string.punctuation)


class Vocabulary:
    """Words and their ids, in the order in which the texts first have them; the id 0 is ``UNKNOWN``'s."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        """Of the words of these texts. Raises ModelError on more than ``MOST_WORDS`` or on an overlong one."""
        self._ids = {UNKNOWN: 0}
        for text in texts:
            for _, word in _read(text):
                if word and word not in self._ids:
                    _check_length(word)
                    self._ids[word] = len(self._ids)
                    _check_count(len(self._ids))

    @classmethod
    def from_words(cls, words: Sequence[str]) -> Vocabulary:
        """Of ``words`` as another vocabulary gave them. Raises ModelError on a list that is none of its lists."""
        _check_count(len(words))
        if not words or words[0] != UNKNOWN:
            raise ModelError(f"a vocabulary begins with {UNKNOWN}", hint="the file is another's, or cut at its front")
        made = cls()
        for word in words[1:]:
            _check_length(word)
            if [(word, word)] != list(_read(word)):
                raise ModelError(
                    f"the vocabulary has {word!r}, which no text can be read as",
                    hint="a word a line, lower case, ASCII, without punctuation",
                )
            if word in made._ids:
                raise ModelError(f"the vocabulary has {word!r} twice", hint="a word a line, each once")
            made._ids[word] = len(made._ids)
        return made

    @property
    def words(self) -> list[str]:
        """By id, ``UNKNOWN`` first: what a checkpoint and a file keep."""
        return list(self._ids)

    def __len__(self) -> int:
        """How many ids, that of ``UNKNOWN`` among them."""
        return len(self._ids)

    def ids(self, text: str) -> list[int]:
        """Of its words in order, 0 for one that is not known; ``[0]`` for a text without words: never empty."""
        return [self._ids.get(word, 0) for _, word in _read(text) if word] or [0]

    def unknown(self, text: str) -> tuple[str, ...]:
        """The words that are not known, as they were typed but for punctuation around them, in order, without repeats.

        A word that reading leaves nothing of, as one in another script, is among them; a lone dash is no word.
        """
        found: dict[str, str] = {}
        for typed, word in _read(text):
            if word not in self._ids and any(map(str.isalnum, typed)):
                found.setdefault(word or typed.casefold(), typed.strip(string.punctuation))
        return tuple(found.values())


def _read(text: str) -> Iterator[tuple[str, str]]:
    """Each word as it was typed, and as it is read, which may be nothing. White space is Unicode's: a non-breaking
    space parts words too, where the published code would join them.
    """
    for typed in text.split():
        yield typed, typed.encode("ascii", "ignore").decode("ascii").translate(_PUNCTUATION).lower()


def _check_count(count: int) -> None:
    if count > MOST_WORDS:
        raise ModelError(f"a vocabulary of more than {MOST_WORDS} words: no composer has one")


def _check_length(word: str) -> None:
    if len(word) > _LONGEST_WORD:
        raise ModelError(f"a vocabulary's word has more than {_LONGEST_WORD} characters: {word[:40]}…")
