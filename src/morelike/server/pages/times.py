"""Times as people read and write them: ``1:02.5``, and a part of a sound or a film: ``0:12.0–0:14.5``."""

from __future__ import annotations

import math
import re

from morelike.errors import QueryError, UsageError
from morelike.types import Span

__all__ = ["clock", "duration_of", "plain", "range_of", "range_value", "span_words"]

_DURATION = re.compile(r"(?:(\d{1,6}(?:\.\d{1,6})?)m)?(?:(\d{1,8}(?:\.\d{1,6})?)s)?(?:(\d{1,9})ms)?")
_TIME = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,8}(?:\.\d{1,6})?)")


def clock(seconds: float) -> str:
    """``0:03.5``; with hours where there are any: ``1:02:03.5``."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    seconds_text = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{seconds_text}" if hours else f"{minutes}:{seconds_text}"


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
    """Seconds from ``2``, ``2s``, ``500ms``, ``1m``, ``1m30s``, ``1:30``. Raises UsageError on what is ``name``d so."""
    given = text.strip().lower().replace(" ", "")
    found = _DURATION.fullmatch(given)
    if found is not None and given:
        minutes, seconds, thousandths = found.groups()
        return round(float(minutes or 0) * 60 + float(seconds or 0) + float(thousandths or 0) / 1000, 3)
    value = _seconds(given)
    if math.isnan(value):
        raise UsageError(f"the {name} {text[:40]!r} is no duration", hint="seconds: 2, 2s, 500ms, 1m30s, 1:30")
    return value


def range_of(text: str) -> tuple[float, float]:
    """Seconds from ``3.5-8``, ``1:02-1:10``, ``0:03.5–0:08.0``. Raises QueryError."""
    edges = [_seconds(part) for part in re.split(r"\s*[-–]\s*", text.strip())]
    if len(edges) != 2 or any(math.isnan(edge) for edge in edges) or edges[0] >= edges[1]:
        raise QueryError(
            f"{text[:40]!r} is no part of a recording", hint="from-to in seconds or minutes: 3.5-8, 1:02-1:10"
        )
    return round(edges[0], 3), round(edges[1], 3)


def _seconds(text: str) -> float:
    found = _TIME.fullmatch(text)
    if found is None:
        return math.nan
    hours, minutes, seconds = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)
