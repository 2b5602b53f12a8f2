"""How far two recordings are one, from their landmarks: at which shift they agree, and in which places.

The hashes that two sketches share vote for the shift between them (Wang 2003). What counts is where in time they agree
there: a copy agrees all along, two recordings with one jingle in a few places only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morelike.types import Sketch

__all__ = ["Agreement", "Sound", "agreement", "together"]

Ints = NDArray[np.int64]

PLACE = 2.0
"""Seconds of a place; a landmark's two peaks are as far apart at the most."""
SOUNDING, AGREEING = 3, 2
"""So many moments in a place are something to compare, and so many that agree are enough."""
COMMON = 64
"""A hash that is in a recording more often than this, a steady tone's, says nothing of when."""


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A whole recording: ``hashes`` uint64 (n,) ascending, ``at`` (n,) in ticks of ``tick`` seconds."""

    hashes: NDArray[np.uint64]
    at: Ints
    seconds: float
    tick: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the shorter of two recordings has of the longer one."""

    offset: float
    """Seconds of the longer one at which the shorter one begins."""
    moments: int
    """Ticks of the shorter one of which a landmark agrees."""
    share: float
    """Of the landmarks where both are, those that agree; the lesser of both sides' shares."""
    coverage: float
    """The share of the shorter one's places that agree; those without any sound do not count."""
    places: float
    """Likewise of all places of both."""
    gap: int
    """The most places of both in a row that do not agree."""
    part: tuple[float, float]
    """Seconds of the shorter one from the first to the last that agrees."""


def together(pieces: Sequence[tuple[float, Sketch]], tick: float, seconds: float) -> Sound:
    """Pieces that begin at these seconds as one."""
    hashes = np.concatenate([np.empty(0, np.uint64), *(sketch.hashes for _, sketch in pieces)])
    ticks = [sketch.at.astype(np.int64) + round(start / tick) for start, sketch in pieces]
    at = np.concatenate([np.empty(0, np.int64), *ticks])
    order = np.argsort(hashes, kind="stable")
    return Sound(hashes[order], at[order], seconds or float(at.max(initial=0) + 1) * tick, tick)


def agreement(short: Sound, long: Sound) -> Agreement | None:
    """At the shift at which most agrees, a tick more or less; None where nothing does."""
    mine, theirs = _matches(short, long)
    if not len(mine):
        return None
    apart = long.at[theirs] - short.at[mine]
    shifts, votes = np.unique(apart, return_counts=True)
    beside = [np.where(_at(shifts, shifts + step) >= 0, votes[_at(shifts, shifts + step)], 0) for step in (-1, 1)]
    joint = votes + beside[0] + beside[1]
    shift = int(shifts[np.lexsort((np.abs(shifts), -votes, -joint))[0]])
    close = np.abs(apart - shift) <= 1
    mine, theirs, apart = mine[close], theirs[close], apart[close]
    moments = np.unique(short.at[mine])
    own, other = _places(short, 0, short), _places(long, shift, short)
    count = len(own)
    agreed = np.bincount(_place(moments, short, count), minlength=count) >= AGREEING
    own_sounds = own >= SOUNDING
    either = own_sounds | (other >= SOUNDING)
    return Agreement(
        offset=(shift + float(np.mean(apart - shift))) * short.tick,
        moments=len(moments),
        share=_share(short, long, shift, mine, theirs),
        coverage=float(agreed[own_sounds].mean()) if own_sounds.any() else 0.0,
        places=float(agreed[either].mean()) if either.any() else 0.0,
        gap=_longest(either & ~agreed),
        part=(float(moments[0]) * short.tick, float(moments[-1] + 1) * short.tick),
    )


def _at(values: Ints, wanted: Ints) -> Ints:
    """Where each wanted one of ascending values stands, -1 for strangers."""
    place = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
    return np.where(values[place] == wanted, place, -1)


def _matches(short: Sound, long: Sound) -> tuple[Ints, Ints]:
    """(place in the short one, place in the long one) of every two equal hashes, but those of common ones."""
    left = np.searchsorted(long.hashes, short.hashes, "left")
    counts = np.searchsorted(long.hashes, short.hashes, "right") - left
    own = np.searchsorted(short.hashes, short.hashes, "right") - np.searchsorted(short.hashes, short.hashes, "left")
    counts = np.where((counts <= COMMON) & (own <= COMMON), counts, 0)
    entry = np.repeat(np.arange(len(short.hashes)), counts)
    place = np.repeat(left - (np.cumsum(counts) - counts), counts) + np.arange(len(entry))
    return entry, place


def _places(sound: Sound, shift: int, short: Sound) -> Ints:
    """How many moments a sound has in each place of the short one, which begins ``shift`` ticks after it."""
    count = max(int(short.seconds / PLACE), 1)
    moments = np.unique(sound.at) - shift
    inside = moments[(moments >= 0) & (moments * short.tick < short.seconds)]
    return np.bincount(_place(inside, short, count), minlength=count)


def _place(moments: Ints, short: Sound, count: int) -> Ints:
    """The last one takes what is left over."""
    return np.minimum((moments * (short.tick / PLACE)).astype(np.int64), count - 1)


def _share(short: Sound, long: Sound, shift: int, mine: Ints, theirs: Ints) -> float:
    """``mine`` and ``theirs``: the landmarks that agree; those count that lie where both are."""
    beside = (long.at >= shift) & ((long.at - shift) * long.tick < short.seconds)
    under = (short.at + shift >= 0) & ((short.at + shift) * short.tick < long.seconds)
    sides = ((under, mine), (beside, theirs))
    return min(len(np.unique(some)) / max(int(where.sum()), 1) for where, some in sides)


def _longest(flags: NDArray[np.bool_]) -> int:
    """The most in a row."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
