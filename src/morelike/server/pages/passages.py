"""A hit's words as the page shows them: what they are called, the part around the first mark, the reply under it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from morelike.types import Hit, Quote, Span

__all__ = ["Passage", "Run", "beginning", "leaf_of", "marked_span", "passage_of", "runs_of", "title_of", "visible"]

SHOWN = 420
"""Characters of a passage, or of a reply, that are shown at once."""
LITTLE_MORE = 120
"""What is no longer than that beyond is shown at once, too."""
BEFORE = 120
"""Characters in front of the first mark."""
WHOLE = 20_000
"""Characters of a passage that unfold; the item's page has more."""
TITLE = 200
UNSEEN = {code: " " for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
WORD = re.compile(r"\s\S*\Z")

Mark = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Run:
    """Letters that are marked, or not."""

    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """``title``: the words that name the item, where they begin the passage, with their own marks; ``runs``: the rest,
    or the part of it that is shown at once; ``whole``: all of it where that is more. The same of the reply.
    """

    title: tuple[Run, ...]
    runs: tuple[Run, ...]
    whole: tuple[Run, ...]
    reply: str
    whole_reply: str


def passage_of(hit: Hit) -> Passage | None:
    """None where a hit has no words."""
    if hit.quote is None:
        return None
    quote = hit.quote if hit.unit.get("cosine", 1.0) > 0 else replace(hit.quote, marks=())  # nothing answers
    title, rest = _parted(quote, title_of(hit.metadata))
    shown = _around(rest)
    cut = shown != rest
    reply, more_reply = beginning(quote.reply)
    return Passage(
        tuple(runs_of(title.text, title.marks)),
        tuple(runs_of(shown.text, shown.marks)),
        tuple(runs_of(rest.text[:WHOLE], rest.marks)) if cut else (),
        reply,
        visible(quote.reply[:WHOLE]) if more_reply else "",
    )


def title_of(info: Mapping[str, Any]) -> str:
    """What a text says that it is called: its title, or the question that it is; "" where it says neither."""
    found = (info.get(name) for name in ("title", "question"))
    return next((visible(" ".join(one.split()))[:TITLE] for one in found if isinstance(one, str) and one.strip()), "")


def beginning(text: str) -> tuple[str, bool]:
    """(as much as is shown at once, whether there is more)"""
    text = text.strip()
    if len(text) <= SHOWN + LITTLE_MORE:
        return visible(text), False
    return visible(_to_a_word(text[:SHOWN])) + " …", True


def runs_of(text: str, marks: Sequence[Mark]) -> Iterator[Run]:
    """The text in runs; marks that overlap or lie outside mark what of them is left."""
    at = 0
    for start, end in sorted(marks):
        first, last = max(start, at), min(end, len(text))
        if first >= last:
            continue
        if at < first:
            yield Run(visible(text[at:first]))
        yield Run(visible(text[first:last]), marked=True)
        at = last
    if at < len(text):
        yield Run(visible(text[at:]))


def visible(text: str) -> str:
    """Without what no page can hold or show: control characters, halves of letters. A form feed parts pages."""
    text = text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\f", "\n\n")
    return text.translate(UNSEEN)


def marked_span(hit: Hit) -> Span:
    """The part of an item that its picture shall have marked: the first sentence that answers; else the passage."""
    quote = hit.quote
    if quote is None or hit.span.unit != "characters" or len(quote.marks) != 1:
        return hit.span
    start, end = quote.marks[0]
    return Span("characters", float(quote.start + start), float(quote.start + end))


def leaf_of(hit: Hit | None, info: Mapping[str, Any]) -> Span | None:
    """The part of a document whose page is a picture; None of what has no pages to look at."""
    pages = info.get("pages")
    if info.get("format") != "PDF" or not isinstance(pages, int) or pages < 1:
        return None
    return Span("page", 1.0, 1.0) if hit is None or hit.span.unit == "whole" else marked_span(hit)


def _parted(quote: Quote, title: str) -> tuple[Quote, Quote]:
    """(the title, the rest), each with its own marks; no title where the words do not begin with it."""
    length = len(title)
    if not title or quote.start or len(title) >= TITLE or quote.text[:length] != title:
        return Quote(""), quote
    if quote.text[length : length + 1].strip():  # the beginning of a longer sentence
        return Quote(""), quote
    rest = quote.text[length:].lstrip()
    gone = len(quote.text) - len(rest)
    return (
        Quote(title, marks=tuple((start, min(end, length)) for start, end in quote.marks if start < length)),
        Quote(rest, gone, marks=_moved(quote.marks, gone)),
    )


def _around(quote: Quote) -> Quote:
    """The part around the first mark, cut between words, with … where it is cut."""
    text = quote.text
    if len(text) <= SHOWN + LITTLE_MORE:
        return quote
    first = quote.marks[0][0] if quote.marks else 0
    start = 0 if first <= BEFORE * 2 else first - BEFORE
    if start:
        space = text.find(" ", start, first)
        start = space + 1 if space >= 0 else start
    end = start + len(_to_a_word(text[start : start + SHOWN]))
    before, after = "… " if start else "", " …" if end < len(text) else ""
    inside = _moved([(left, min(right, end)) for left, right in quote.marks if left < end], start - len(before))
    return Quote(before + text[start:end] + after, marks=inside)


def _to_a_word(text: str) -> str:
    """Without a word that is cut; of a script without spaces as it is."""
    shorter = WORD.sub("", text)
    return shorter.rstrip() if len(shorter) > len(text) // 2 else text


def _moved(marks: Sequence[Mark], by: int) -> tuple[Mark, ...]:
    return tuple((max(start - by, 0), end - by) for start, end in marks if end > by)
