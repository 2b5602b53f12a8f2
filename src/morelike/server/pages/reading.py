"""What a person reads of an item: all its words, or pictures of its pages, with what a hit leads to marked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import Request

from morelike.collection import OpenCollection
from morelike.errors import MorelikeError
from morelike.prepare import decoding
from morelike.protocols import Quotes
from morelike.search.together import in_time
from morelike.server.pages.passages import Run, beginning, leaf_of, runs_of, title_of, visible
from morelike.settings import Settings
from morelike.types import Item, Quote, Span
from morelike.unpacking import configured

__all__ = ["Leaf", "Leaves", "Reading", "Stretch", "asked_for", "leaves_of", "openings", "reading_of"]

Stretch = tuple[int, int]
"""Characters of an item's words, from and to."""
LONGEST = 200_000
"""Characters that the page of an item shows."""
AHEAD = 20_000
"""So many of them before a passage that lies further on."""
SECONDS = 5.0
"""That a person waits for a text."""
SOON = 1.5
"""Seconds that a list waits for the first words of its items."""
MOST_READ = 100_000
"""Bytes of an item whose first words are looked up for a list."""
PAGES = 60
"""Of a document that are shown at once."""
MOST_MARKS = 50
STRETCH = re.compile(r"(\d{1,9})-(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Reading:
    """``before`` the passage, the ``passage`` itself in runs, what comes ``after`` it; ``first``: what number of
    characters is left out before, ``left``: after. ``late``: it could not be read, or not in time.
    """

    before: str = ""
    passage: tuple[Run, ...] = ()
    after: str = ""
    first: int = 0
    left: int = 0
    reply: str = ""
    late: bool = False


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page of a document: its number from 1, and what of the item its picture shows."""

    number: int
    span: Span
    here: bool


@dataclass(frozen=True, slots=True)
class Leaves:
    """Some pages of a document in order, of ``count`` that there are; ``earlier``, ``later``: the page to turn to."""

    shown: Sequence[Leaf]
    count: int
    earlier: int
    later: int


def asked_for(request: Request, name: str) -> list[Stretch]:
    """The stretches that the address names; what cannot be read is passed over."""
    found = (STRETCH.fullmatch(text) for text in request.query_params.getlist(name)[:MOST_MARKS])
    pairs = ((int(one[1]), int(one[2])) for one in found if one)
    return [(start, end) for start, end in pairs if start < end]


def reading_of(
    opened: OpenCollection, settings: Settings, item: Item, passage: Stretch | None, marks: Sequence[Stretch]
) -> Reading | None:
    """Its words around the passage; None where the modality has none to read."""
    modality = configured(opened.modality, settings, opened.options)
    if not isinstance(modality, Quotes):
        return None
    start = max(passage[0] - AHEAD, 0) if passage and passage[1] > LONGEST else 0
    span = Span("characters", float(start), float(start + LONGEST))
    try:
        found = in_time(partial(_quote, opened, modality, span), [item], settings, seconds=SECONDS, name="read")
    except MorelikeError:
        found = []
    quote = found[0][1] if found else None
    if quote is None:
        return Reading(late=True)
    count = item.info.get("characters")
    left = max(count - start - len(quote.text), 0) if isinstance(count, int) and len(quote.text) >= LONGEST else 0
    return _reading(quote, passage, marks, left)


def _reading(quote: Quote, passage: Stretch | None, marks: Sequence[Stretch], left: int) -> Reading:
    text, first = quote.text, quote.start
    reply = visible(quote.reply[:LONGEST])
    inside = [(start - first, end - first) for start, end in marks if end > first]
    if passage is None and inside:
        passage = min(marks)[0], max(end for _, end in marks)
    if passage is None or not 0 <= passage[0] - first < len(text):
        return Reading(visible(text), first=first, left=left, reply=reply)
    start, end = passage[0] - first, min(passage[1] - first, len(text))
    runs = runs_of(text[start:end], [(max(a - start, 0), b - start) for a, b in inside if b > start])
    return Reading(visible(text[:start]), tuple(runs), visible(text[end:]), first, left, reply)


def leaves_of(item: Item, page: int, passage: Stretch | None, marks: Sequence[Stretch]) -> Leaves | None:
    """The pages around that one; None of what has no pages to look at."""
    if leaf_of(None, item.info) is None:
        return None
    count = int(item.info["pages"])
    page = min(page, count)
    first = max((page - 1) // PAGES * PAGES + 1, 1)
    last = min(first + PAGES - 1, count)
    stretch = marks[0] if len(marks) == 1 else passage
    shown = []
    for number in range(first, last + 1):
        here = number == page
        span = Span("page", float(number), float(number))
        if here and stretch:
            span = Span("characters", float(stretch[0]), float(stretch[1]))
        shown.append(Leaf(number, span, here))
    return Leaves(shown, count, max(first - PAGES, 1) if first > 1 else 0, last + 1 if last < count else 0)


def openings(opened: OpenCollection, settings: Settings, items: Sequence[Item]) -> dict[str, str]:
    """By id, the first words of items where a list has nothing else to show: from what the catalog knows, else from
    small originals, as many as come in time.
    """
    modality = configured(opened.modality, settings, opened.options)
    if not isinstance(modality, Quotes):
        return {}
    found = {item.id: said for item in items if (said := _known(item.info))}
    rest = [item for item in items if item.id not in found and leaf_of(None, item.info) is None]
    small = [item for item in rest if item.digest.size <= MOST_READ]
    span = Span("characters", 0.0, 1000.0)
    try:
        read = in_time(partial(_quote, opened, modality, span), small, settings, seconds=SOON, name="read")
    except MorelikeError:
        read = []
    for item, quote in read:
        if quote is not None:
            title = title_of(item.info)
            text = quote.text[len(title) :] if title and quote.text.startswith(title) else quote.text
            found[item.id] = beginning(text)[0]
    return found


def _known(info: Mapping[str, Any]) -> str:
    """Of a row its answer or its content: its title or question is what it is called."""
    found = (info.get(name) for name in ("answer", "content"))
    return next((beginning(one)[0] for one in found if isinstance(one, str) and one.strip()), "")


def _quote(opened: OpenCollection, modality: Quotes, span: Span, item: Item) -> Quote | None:
    blob = opened.blob(item.id)
    with decoding(blob):
        return modality.quote(blob, span)
