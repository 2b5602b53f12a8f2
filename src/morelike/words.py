"""The words of a text, folded alike wherever words are compared: keyword search, hashed texts, marked sentences."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from itertools import groupby, pairwise

__all__ = ["MOST_TERMS", "folded", "is_unspaced", "terms_asked", "terms_of", "wordless"]

MOST_TERMS = 256
"""A long text is asked for by this many of its different terms, the first ones."""
_MOST_REPEATS = 4
"""More, and what a long question happens to repeat outweighs what it is about."""

_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U000323af]"  # kana, Han, Hangul
)
"""Words are not parted by spaces, or carry endings."""
_SHORTEST_PLURAL = 4
_LOOKED_AT = 1 << 16
_ACCENTS = re.compile("[\u0300-\u036f]")


def folded(text: str) -> list[str]:
    """The words of a text, in order: letters of any case and width, no accents, no plural; what is neither letter,
    mark nor digit parts them. A character of an unspaced script is a word of its own. Folded again, it is the same.
    """
    apart = unicodedata.normalize("NFKD", text).casefold()
    words = unicodedata.normalize("NFC", _ACCENTS.sub("", apart)).translate(_SPACING).split()
    return [_singular(word) if word[-1] == "s" else word for word in words]


def wordless(text: str) -> bool:
    """Whether there is no word in it; it is read up to the first one."""
    return not any(folded(text[start : start + _LOOKED_AT]) for start in range(0, len(text), _LOOKED_AT))


def is_unspaced(word: str) -> bool:
    """Whether a folded word is a character of a script that is written without spaces."""
    return bool(_UNSPACED.match(word))


def terms_of(words: list[str]) -> Iterator[str]:
    """What a text of these folded words can be found by, in order: its words, and neighbours of an unspaced script."""
    yield from words
    for first, second in pairwise(words):
        if is_unspaced(first) and is_unspaced(second):
            yield f"{first} {second}"


def terms_asked(query: str) -> dict[str, int]:
    """The terms that a query asks for, and how often each counts: as often as the query says it, four times at most,
    and less in a long one, so that the counts make ``MOST_TERMS`` together at the most.

    Of an unspaced script it asks for pairs of neighbours, "東 京"; for one character alone where there is only one.
    """
    terms: Counter[str] = Counter()
    for unspaced, run in groupby(folded(query), key=is_unspaced):
        words = list(run)
        pairs = unspaced and len(words) > 1
        for term in (f"{first} {second}" for first, second in pairwise(words)) if pairs else words:
            if term in terms or len(terms) < MOST_TERMS:
                terms[term] += 1
    cap = _MOST_REPEATS
    while cap > 1 and sum(min(count, cap) for count in terms.values()) > MOST_TERMS:
        cap -= 1
    return {term: min(count, cap) for term, count in terms.items()}


def _singular(word: str) -> str:
    """Without the ending of English plurals, by the three rules of Harman 1991, "How Effective is Suffixing?"."""
    if len(word) < _SHORTEST_PLURAL or word.endswith(("us", "ss")):
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return f"{word[:-3]}y"
    return word[:-1]


class _Spacing(dict[int, str]):
    """What stands for a character: itself in a word, a space between words, itself between spaces. Filled by use."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if unicodedata.category(char)[0] not in "LNM":
            self[code] = " "
        else:
            self[code] = f" {char} " if _UNSPACED.match(char) else char
        return self[code]


_SPACING = _Spacing()
