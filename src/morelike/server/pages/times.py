"""Times in addresses, fields and words of the page."""

from __future__ import annotations

from morelike.errors import QueryError, UsageError
from morelike.times import clock, duration, stretch
from morelike.types import Span

__all__ = ["clock", "duration_of", "plain", "range_of", "range_value", "span_words"]


def span_words(span: Span) -> str:
    """``0:03.5–0:08.0``; nothing for a whole."""
    return f"{clock(span.start)}–{clock(span.end)}" if span.unit == "seconds" else ""


def range_value(at: tuple[float, float] | None) -> str:
    """As an address and a field have it: ``3.5-8``; nothing for a whole."""
    return "" if at is None else "-".join(map(plain, at))


def plain(seconds: float) -> str:
    """To the millisecond, without zeros at the end: ``3.5``."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".")


def duration_of(text: str, name: str) -> float:
    """Seconds, as the command line takes them. Raises UsageError on what is ``name``d so."""
    try:
        return round(duration(text.replace(" ", "")), 3)
    except UsageError as error:
        raise UsageError(f"the {name} {text[:40]!r} is no duration", hint=error.hint) from error


def range_of(text: str) -> tuple[float, float]:
    """Seconds from ``3.5-8``, ``1:02-1:10``, ``0:03.5–0:08.0``. Raises QueryError."""
    try:
        start, end = stretch(text)
    except UsageError as error:
        raise QueryError(error.message, hint=error.hint) from error
    return round(start, 3), round(end, 3)
