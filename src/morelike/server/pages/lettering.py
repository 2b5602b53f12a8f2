"""The letters of a sequence in rows of sixty, as databases print them, with what a hit found marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from morelike.collection import OpenCollection
from morelike.errors import MorelikeError
from morelike.prepare import decoding
from morelike.search.together import in_time
from morelike.server.pages.passages import Run, runs_of
from morelike.settings import Settings
from morelike.types import Item, SegmentSpec, Span
from morelike.unpacking import configured

__all__ = ["Letters", "LettersRow", "letters_of", "rows_of"]

WIDE = 60
GROUP = 10
SHOWN = WIDE * 200
"""Letters that a page shows."""
BEFORE = WIDE * 20
"""So many of them before what is marked."""
MOST_READ = 64_000_000
"""Bytes of an item whose letters are read for a page."""
SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class LettersRow:
    """Up to sixty letters in groups of ten; ``number``: of the first, counted from 1."""

    number: int
    runs: Sequence[Run]


@dataclass(frozen=True, slots=True)
class Letters:
    """``first`` letters before the rows and ``left`` after them are not shown. ``marked``: from and to, counted from 1.

    ``late``: they could not be read, or not in time.
    """

    rows: Sequence[LettersRow] = ()
    first: int = 0
    left: int = 0
    marked: tuple[int, int] | None = None
    late: bool = False


def letters_of(
    opened: OpenCollection, settings: Settings, item: Item, stretch: tuple[int, int] | None
) -> Letters | None:
    """Its letters around the stretch (counted from 0); None of what is no sequence."""
    length = item.info.get("length")
    if opened.modality != "sequence" or not isinstance(length, int):
        return None
    if stretch is not None and stretch[0] >= length:
        stretch = None
    first = 0
    if stretch and stretch[1] > SHOWN:
        first = max(stretch[0] - BEFORE, 0) // WIDE * WIDE
    last = min(first + SHOWN, length)
    modality = configured(opened.modality, settings, opened.options)
    spec = SegmentSpec("sequence", Span("bases", float(first), float(last)))

    def read(item: Item) -> str:
        blob = opened.blob(item.id)
        with decoding(blob):
            return str(modality.load(blob, spec, {}))

    if item.digest.size > MOST_READ:
        return Letters(late=True)
    try:
        found = in_time(read, [item], settings, seconds=SECONDS, name="letters")
    except MorelikeError:
        found = []
    if not found:
        return Letters(late=True)
    marked = (stretch[0] + 1, min(stretch[1], length)) if stretch else None
    return Letters(rows_of(found[0][1], first, stretch), first, length - last, marked)


def rows_of(letters: str, first: int = 0, stretch: tuple[int, int] | None = None) -> list[LettersRow]:
    """``first``: letters that came before; what lies in the stretch is marked."""
    rows = []
    for at in range(0, len(letters), WIDE):
        row = letters[at : at + WIDE]
        text = " ".join(row[group : group + GROUP] for group in range(0, len(row), GROUP))
        marks = []
        if stretch:
            start, end = (min(max(edge - first - at, 0), len(row)) for edge in stretch)
            marks = [(_spaced(start), _spaced(end - 1) + 1)] if start < end else []
        rows.append(LettersRow(first + at + 1, tuple(runs_of(text, marks))))
    return rows


def _spaced(place: int) -> int:
    return place + place // GROUP
