"""Which part of some words answers a query: the sentence that shares most with it, or the words themselves.

``asked`` are the query's terms, as ``words.terms_asked`` gives them.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Collection as Container
from collections.abc import Iterator

from morelike.sentences import sentences
from morelike.words import folded, is_unspaced, terms_of

__all__ = ["Mark", "marked_sentence", "marked_words"]

Mark = tuple[int, int]
_MOST = 200
"""Marks of one quote."""


def marked_sentence(text: str, asked: Container[str]) -> tuple[Mark, ...]:
    """The sentence with the most of the terms that are asked for, each counted by how rare it is among the sentences;
    of several the first. None where no term is shared.
    """
    spans = sentences(text)
    shared = [{term for term in terms_of(folded(text[start:end])) if term in asked} for start, end in spans]
    common = Counter(term for terms in shared for term in terms)
    if not common:
        return ()
    weights = [sum(math.log(1 + len(spans) / common[term]) for term in sorted(terms)) for terms in shared]
    return (spans[weights.index(max(weights))],)


def marked_words(text: str, asked: Container[str]) -> tuple[Mark, ...]:
    """Each word that is asked for; at most 200 of them."""
    found: list[Mark] = []
    before: tuple[str, Mark] | None = None
    for start, end in _words(text):
        words = folded(text[start:end])
        alone = len(words) == 1 and is_unspaced(words[0])
        if alone and before is not None and before[1][1] == start and f"{before[0]} {words[0]}" in asked:
            if found and found[-1][1] == start:
                found[-1] = found[-1][0], end
            else:
                found.append((before[1][0], end))
        elif any(word in asked for word in words):
            found.append((start, end))
        before = (words[0], (start, end)) if alone else None
        if len(found) > _MOST:
            break
    return tuple(found[:_MOST])


def _words(text: str) -> Iterator[Mark]:
    """Runs of letters, marks and digits; a letter of a script without spaces alone, with the marks behind it."""
    start = -1
    alone = False
    for at, letter in enumerate(text):
        category = unicodedata.category(letter)[0]
        unspaced = category in "LNM" and is_unspaced(letter)
        if start >= 0 and (category not in "LNM" or ((unspaced or alone) and category != "M")):
            yield start, at
            start = -1
        if start < 0 and category in "LNM":
            start, alone = at, unspaced
    if start >= 0:
        yield start, len(text)
