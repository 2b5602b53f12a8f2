"""Where a recording, or a film's sound track, is cut: a short one is whole, a long one has windows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from morelike.errors import DecodeError, QueryError, UsageError
from morelike.types import WHOLE, Kind, Metadata, SegmentSpec, Span

__all__ = ["PIECE", "part_of", "settled_windows", "windows"]

PIECE = 60.0
"""Seconds in a segment of kind ``recording``."""
_WINDOW = 10.0
_SHORTEST, _LONGEST = 0.1, 600.0
_CLOSEST = 100  # windows that may cover one moment: more make the index large and find nothing further
_TINY = 1e-3
_MOST = 100_000  # windows of one sound


def settled_windows(given: Metadata) -> dict[str, float]:
    """``window`` and ``hop`` in seconds: 10 and 5; of another window half is the hop. Raises UsageError."""
    window = _seconds(given.get("window", _WINDOW), "window")
    if not _SHORTEST <= window <= _LONGEST:
        raise UsageError(f"a window of {window:g} s", hint=f"{_SHORTEST:g} s to {_LONGEST:g} s are possible")
    hop = _seconds(given.get("hop", window / 2), "hop")
    closest = max(window / _CLOSEST, _SHORTEST / 2)
    if not closest * (1 - 1e-9) <= hop <= window:  # a hundredth of a window, however it was rounded
        hint = f"{closest:g} s to {window:g} s are possible: a longer one would leave parts out"
        raise UsageError(f"a hop of {hop:g} s for windows of {window:g} s", hint=hint)
    return {"window": window, "hop": hop}


def _seconds(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UsageError(f"{name} is {value!r}, which is no number of seconds", hint=f"give seconds: {name}=5")
    return float(value)


def windows(
    length: float, options: Metadata, at: Span = WHOLE, kinds: Sequence[Kind] = ("audio", "recording")
) -> Iterator[SegmentSpec]:
    """The segments of a sound of ``length`` seconds, or of its part ``at``, with times of the whole.

    ``audio``: one where it is no longer than window and hop together, else windows each hop, the last one ending where
    the sound does. ``recording``: consecutive pieces of a minute. Raises QueryError as ``part_of`` does, DecodeError
    where there are more than 100 000 windows.
    """
    start, end = part_of(length, at)
    hop = settled_windows(options)["hop"]
    if (end - start) / hop > _MOST:
        hint = f"with a hop of {math.ceil((end - start) / _MOST)} s it can be used"
        raise DecodeError(f"the sound lasts {end - start:.0f} s: that is {(end - start) / hop:,.0f} windows", hint=hint)
    for kind in kinds:
        cuts = _overlapping(start, end, options) if kind == "audio" else _consecutive(start, end)
        spans = [Span("seconds", round(first, 4), round(last, 4)) for first, last in cuts]
        if at == WHOLE and len(spans) == 1:
            spans = [WHOLE]
        yield from (SegmentSpec(kind, span) for span in spans)


def part_of(length: float, at: Span) -> tuple[float, float]:
    """(start, end) of ``at`` in a medium of ``length`` seconds. Raises QueryError where it has no such part."""
    if at == WHOLE:
        return 0.0, length
    if at.unit != "seconds":
        raise QueryError(f"a sound or film has no {at.unit}", hint="give a range of seconds")
    start, end = max(at.start, 0.0), min(at.end, length)
    if start >= end:
        raise QueryError(f"{at.start:g} s to {at.end:g} s is no part of {length:.1f} s", hint="give a range within it")
    return start, end


def _overlapping(start: float, end: float, options: Metadata) -> Iterator[tuple[float, float]]:
    settled = settled_windows(options)
    window, hop = settled["window"], settled["hop"]
    if end - start <= window + hop + _TINY:
        yield start, end
        return
    steps = int((end - start - window) / hop + _TINY)
    left = end - (start + steps * hop + window)
    slide = _TINY < left <= min(hop / 4, window - hop)  # the last one moves a little, rather than being there twice
    for step in range(steps + (not slide)):
        yield start + step * hop, start + step * hop + window
    if left > _TINY:
        yield end - window, end


def _consecutive(start: float, end: float) -> Iterator[tuple[float, float]]:
    pieces = max(int((end - start) / PIECE - _TINY) + 1, 1)
    for piece in range(pieces):
        yield start + piece * PIECE, min(start + (piece + 1) * PIECE, end)
