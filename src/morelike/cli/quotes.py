"""A hit's words under its line: some of them around what answers the query, and the reply."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from morelike.cli.text import clean

if TYPE_CHECKING:
    from morelike.types import Hit, Quote

__all__ = ["Piece", "quote_lines"]

Piece = tuple[str, bool]
"""Text, and whether it is marked."""
INDENT = "    "
PIPED = 160
LINES = 2
NARROWEST = 20
_BLANKS = re.compile(r"\s+")
_PARAGRAPH = re.compile(r"\s*\n\s*\n\s*")


def quote_lines(hit: Hit) -> list[list[Piece]]:
    """At most two terminal lines of words, and one of the reply; nothing of a hit without words. All is clean."""
    if hit.quote is None:
        return []
    room = shutil.get_terminal_size().columns - len(INDENT) - 1 if sys.stdout.isatty() else PIPED
    room = max(room, NARROWEST)
    lines = [[(INDENT, False), *_excerpt(hit.quote, room * LINES if sys.stdout.isatty() else room)]]
    if hit.quote.reply:
        lines.append([(f"{INDENT}→ {_shortened(_line(hit.quote.reply), room - 2)}", False)])
    return lines


def _excerpt(quote: Quote, room: int) -> Iterator[Piece]:
    """So much of the words, from a little before the first mark on."""
    if any(_is_wide(letter) for letter in quote.text[:room]):
        room //= 2
    first = quote.marks[0][0] if quote.marks else 0
    start = max(min(first - room // 4, len(quote.text) - room), 0)
    if start:
        blank = quote.text.find(" ", start, first)
        start = blank + 1 if blank >= 0 else start
    end = min(start + room - 2, len(quote.text))
    if start:
        yield "…", False
    at = start
    for begins, ends in quote.marks:
        if begins >= end or ends <= at:
            continue
        yield _line(quote.text[at : max(begins, at)]), False
        yield _line(quote.text[max(begins, at) : min(ends, end)]), True
        at = min(ends, end)
    yield _line(quote.text[at:end]), False
    if end < len(quote.text):
        yield "…", False


def _line(text: str) -> str:
    return clean(_BLANKS.sub(" ", _PARAGRAPH.sub(" · ", text)))


def _shortened(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1].rstrip() + "…"


def _is_wide(letter: str) -> bool:
    from rich.cells import cell_len

    return not letter.isascii() and cell_len(letter) > 1
