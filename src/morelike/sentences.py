"""Where texts can be parted: at sentences, and into passages of a few of them. Offsets count characters."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["passages", "sentences"]

_ENDS = re.compile(
    r"""(?:[.!?…]["'”’»)\]]*(?=\s)      # a full stop, then space
        |[。！？｡][」』”’）]*              # where no space is written
        |[।॥۔؟።፧]                        # Devanagari, Arabic, Ethiopic
        |\n[ \t\r]*(?:\n|$))             # an empty line
    """,
    re.VERBOSE,
)
_SHORT = re.compile(
    r"(?:^|[\s(\[])(?:[A-Za-zÀ-ž]|Mrs?|Ms|Dr|Prof|St|No|Nr|Fig|Figs|Eq|vs|cf|al|etc|ca|vol|pp?|e\.g|i\.e|z\.B|d\.h|u\.a|bzw)\.$"
)
"""What ends in a full stop without ending a sentence."""
_MARGIN = 12
_SPACE = re.compile(r"\s+")


def sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence, without the white space around it; in order. None of an empty text.

    By punctuation of many scripts and by empty lines; known abbreviations and initials end none.
    """
    found = []
    start = 0
    for match in _ENDS.finditer(text):
        end = match.end()
        at = match.start()
        sign = text[at]
        if sign == "." and _SHORT.search(text[max(at + 1 - _MARGIN, start) : at + 1]):
            continue
        if sign in ".!?…" and _goes_on(text, end):
            continue
        if stripped := _stripped(text, start, end):
            found.append(stripped)
        start = end
    if stripped := _stripped(text, start, len(text)):
        found.append(stripped)
    return found


def passages(text: str, size: int, overlap: int = 0) -> list[tuple[int, int]]:
    """(start, end) of passages of whole sentences, each at most ``size`` characters, in order.

    A sentence that is longer is cut between words, or where there are none. Neighbours share whole sentences of
    together at most ``overlap`` characters. Raises ValueError unless 0 <= overlap < size.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"passages of {size} characters cannot share {overlap}")
    pieces: list[tuple[int, int]] = []
    for start, end in sentences(text):
        if end - start <= size:
            pieces.append((start, end))
        else:
            pieces += _cut(text, start, end, size)
    found: list[tuple[int, int]] = []
    first = 0
    while first < len(pieces):
        last = first
        while last + 1 < len(pieces) and pieces[last + 1][1] - pieces[first][0] <= size:
            last += 1
        found.append((pieces[first][0], pieces[last][1]))
        if last + 1 == len(pieces):
            break
        following = last + 1
        while following - 1 > first and pieces[last][1] - pieces[following - 1][0] <= overlap:
            following -= 1
        while following <= last and pieces[last + 1][1] - pieces[following][0] > size:  # or it would add nothing
            following += 1
        first = following
    return found


def _goes_on(text: str, end: int) -> bool:
    """Whether what follows begins with a small letter: no sentence does."""
    following = _SPACE.match(text, end)
    at = following.end() if following else end
    return at < len(text) and text[at].islower()


def _stripped(text: str, start: int, end: int) -> tuple[int, int] | None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None


def _cut(text: str, start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    while end - start > size:
        at = text.rfind(" ", start + max(size // 2, 1), start + size)
        at = start + size if at < 0 else at
        if stripped := _stripped(text, start, at):
            yield stripped
        start = at
    if stripped := _stripped(text, start, end):
        yield stripped
