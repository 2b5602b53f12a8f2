"""An answer that shows itself: a sequence of hits, a picture grid in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from morelike.types import Answer, Hit, Preview, Span

__all__ = ["Hits"]


class Previews(Protocol):
    """What can draw an item: an open collection."""

    def preview(self, item_id: str, side: int = ..., span: Span = ...) -> Preview: ...


class Hits:
    """One page of hits, best first. ``more``: another page exists (ask with ``offset``).

    ``nothing_similar``: even the best hit is no closer than chance would have it.
    """

    def __init__(self, answer: Answer, previews: Previews) -> None:
        self.hits: tuple[Hit, ...] = answer.hits
        self.more: bool = answer.more
        self.nothing_similar: bool = answer.nothing_similar
        self.timings: Mapping[str, float] = answer.timings
        self._previews = previews

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __getitem__(self, index: int) -> Hit:
        return self.hits[index]

    def __repr__(self) -> str:
        lines = [f"{hit.score:.3f}  {_printable(hit.source)}{_where(hit.span)}" for hit in self.hits]
        return "\n".join([*lines, "…" if self.more else ""]).rstrip() or "no hits"

    def _repr_html_(self) -> str:
        from morelike.display import grid_html

        return grid_html(self.hits, self._previews.preview)


def _where(span: Span) -> str:
    if span.box is not None:
        return "  ({}, {})–({}, {})".format(*span.box)
    if span.unit == "bases":
        return f"  {span.start:,.0f}–{span.end:,.0f}"
    return f"  {span.start:.1f}–{span.end:.1f} s" if span.unit == "seconds" else ""


def _printable(text: str) -> str:
    """A file's name must not command the terminal that shows it."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
