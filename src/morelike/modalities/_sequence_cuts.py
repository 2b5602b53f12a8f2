"""Where a sequence is cut: a short one is whole, a long one has windows, and a genome has pieces for its sketch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from morelike.errors import DecodeError, QueryError, UsageError
from morelike.modalities._sequence_letters import ALPHABETS, Alphabet, unknown_letters
from morelike.types import WHOLE, Metadata, SegmentSpec, Span

__all__ = ["GENOME", "GENOME_PIECE", "SEQUENCE", "part_of", "pieces", "settled", "windows"]

SEQUENCE, GENOME = "sequence", "genome"
GENOME_PIECE = 1 << 24
"""Bases of one sketch: the sketch store takes 65 536 hashes, which are 65 million bases at one in a thousand."""
_GENOME_LEAST = 5000
"""Bases: of fewer, one in a thousand hashes says too little."""
_WINDOW = 2000
_NARROWEST, _WIDEST = 20, 10_000_000
_CLOSEST = 100  # windows that may cover one base
_MOST = 100_000  # windows of one sequence
_SAYS_NOTHING = 0.9
"""A window is left out where more of its letters than this are N or X: a gap of an assembly."""


def settled(given: Metadata) -> dict[str, Any]:
    """``alphabet`` auto, dna or protein; ``window`` and ``hop`` in letters, 2 000 and half of it. Raises UsageError."""
    alphabet = given.get("alphabet", "auto")
    if alphabet not in ("auto", *ALPHABETS):
        raise UsageError(f"alphabet is {alphabet!r}", hint=f"one of auto, {', '.join(ALPHABETS)}; RNA is read as DNA")
    window = _letters(given.get("window", _WINDOW), "window")
    if not _NARROWEST <= window <= _WIDEST:
        raise UsageError(f"a window of {window} letters", hint=f"{_NARROWEST} to {_WIDEST:,} are possible")
    hop = _letters(given.get("hop", max(window // 2, 1)), "hop")
    closest = -(-window // _CLOSEST)
    if not closest <= hop <= window:
        hint = f"{closest} to {window} are possible: a longer one would leave parts out"
        raise UsageError(f"a hop of {hop} letters for windows of {window}", hint=hint)
    return {"alphabet": alphabet, "window": window, "hop": hop}


def _letters(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e12:
        raise UsageError(f"{name} is {value!r}, which is no number of letters", hint=f"give letters: {name}=500")
    if value != int(value):
        raise UsageError(f"{name} is {value!r} letters", hint=f"give a whole number: {name}={round(value)}")
    return int(value)


def part_of(length: int, at: Span) -> tuple[int, int]:
    """(start, end) of ``at`` in a sequence of ``length`` letters. Raises QueryError where it has no such part."""
    if at == WHOLE:
        return 0, length
    if at.unit != "bases":
        raise QueryError(f"a sequence has no {at.unit}", hint="give a range of bases, counted from 0")
    start, end = int(max(at.start, 0)), int(min(at.end, length))
    if start >= end:
        what = f"{at.start:,.0f} to {at.end:,.0f} is no part of {length:,} letters"
        raise QueryError(what, hint="give a range within it")
    return start, end


def windows(letters: str, options: Metadata, at: Span, name: str, alphabet: Alphabet) -> Iterator[SegmentSpec]:
    """Kind ``sequence``: one where it is no longer than window and hop together, else windows each hop, the last one
    ending where the sequence does; without those of which hardly a letter is known.

    Raises QueryError as ``part_of`` does, DecodeError where there are more than 100 000.
    """
    start, end = part_of(len(letters), at)
    window, hop = int(options["window"]), int(options["hop"])
    if end - start <= window + hop:
        yield SegmentSpec(SEQUENCE, WHOLE if at == WHOLE else Span("bases", float(start), float(end)))
        return
    if (end - start) / hop > _MOST:
        told = f"{name} has {end - start:,} letters: that is {(end - start) / hop:,.0f} windows"
        least = -(-(end - start) // _MOST)
        raise DecodeError(told, hint=f"in a collection with a hop of {least} or more it can be used")
    starts = [*range(start, end - window + 1, hop)]
    if starts[-1] + window < end:
        starts.append(end - window)
    unknown = np.concatenate([[0], np.cumsum(unknown_letters(letters[start:end], alphabet))])
    known = [one for one in starts if unknown[one - start + window] - unknown[one - start] <= _SAYS_NOTHING * window]
    for one in known or starts[:1]:
        yield SegmentSpec(SEQUENCE, Span("bases", float(one), float(one + window)))


def pieces(letters: str, at: Span) -> Iterator[SegmentSpec]:
    """Kind ``genome``: the whole of DNA of 5 000 bases or more, in pieces of 16.8 million. Raises QueryError."""
    start, end = part_of(len(letters), at)
    if end - start < _GENOME_LEAST:
        return
    for one in range(start, end, GENOME_PIECE):
        last = min(one + GENOME_PIECE, end)
        whole = at == WHOLE and last - one == len(letters)
        yield SegmentSpec(GENOME, WHOLE if whole else Span("bases", float(one), float(last)))
