"""What is read of a document, whatever its format: its words in parts, and where in them what stands."""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from morelike.modalities._exif import printable
from morelike.types import Metadata
from morelike.words import folded

__all__ = ["MOST_CHARACTERS", "MOST_PARTS", "SEPARATOR", "Line", "Part", "Piece", "Words", "fact", "moment", "together"]

MOST_PARTS: Final = 5000
"""Pages or chapters of one document."""
MOST_CHARACTERS: Final = 10_000_000
SEPARATOR: Final = "\f"
"""Between two parts in the text of the whole, also where one of them has no words."""

_PDF_TIME: Final = re.compile(r"(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?")
_ISO_TIME: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d))?)?)?)?")
_LONGEST_FACT: Final = 300
_EARLIEST: Final = 1000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a scanned page: its characters in the page's text, and its box in parts of the page, 0 to 1."""

    start: int
    end: int
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A page or chapter as it was read. ``drawn``: there is something to be seen on it."""

    text: str
    drawn: bool = False
    lines: tuple[Line, ...] = ()
    """Of a scanned page, in the order of its text."""


@dataclass(frozen=True, slots=True)
class Part:
    """The same in its place: characters ``start`` to ``end`` of the whole."""

    start: int
    end: int
    drawn: bool
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """All words of a document. ``paged``: its parts are pages, counted from 1."""

    text: str
    parts: tuple[Part, ...]
    info: Metadata
    paged: bool

    def at(self, place: int) -> int:
        """Which part that character is of."""
        return max(bisect_right([part.start for part in self.parts], place) - 1, 0)

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        lines = sum(len(part.lines) for part in self.parts)
        return sys.getsizeof(self.text) + 120 * len(self.parts) + 250 * lines


def together(pieces: Sequence[Piece], info: Metadata, *, paged: bool) -> Words:
    """The parts one after the other, and ``words`` and ``characters``, in which spans count, in its info."""
    parts, start = [], 0
    for piece in pieces:
        parts.append(Part(start, start + len(piece.text), piece.drawn, piece.lines))
        start += len(piece.text) + len(SEPARATOR)
    text = SEPARATOR.join(piece.text for piece in pieces)
    words = sum(len(folded(piece.text)) for piece in pieces)
    counted = {"words": words, "characters": len(text)}
    return Words(text, tuple(parts), {**info, **counted}, paged)


def fact(name: str, *values: str) -> dict[str, str]:
    """The first of these that says something, on one line of bounded length, under that name."""
    said = (printable(" ".join(value.split()), _LONGEST_FACT) for value in values)
    return next(({name: value} for value in said if value), {})


def moment(name: str, values: Iterable[str]) -> dict[str, str]:
    """The first that is a date, as ISO 8601 writes it, as far as it is said; without the time zone."""
    for value in (value.strip() for value in values):
        found = (_ISO_TIME if value[4:5] == "-" else _PDF_TIME).match(value)
        numbers = [int(number) for number in found.groups() if number is not None] if found else []
        year, month, day, hour, minute, second = [*numbers, *(1, 1, 1, 0, 0, 0)[len(numbers) :]]
        try:
            written = datetime(year, month, day, hour, minute, second).isoformat()  # noqa: DTZ001 - as it is written
        except ValueError:
            continue
        if year >= _EARLIEST:
            return {name: {1: written[:4], 2: written[:7], 3: written[:10]}.get(len(numbers), written)}
    return {}
