"""Whether one film shows what another one does at the same time, moment by moment, from a few decoded frames.

Where the shorter film lies is known to some seconds. The frame's exact place is where small pictures of both correlate
best; then moments along the whole shorter film are compared as pictures are. Black and plain moments have no say, and
what moves must agree too: two films of one unmoving camera are not the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.dedup.alignment import Floats
from morelike.dedup.pictures import SKETCH_SIDE, Look, Pictures
from morelike.types import Payload

__all__ = ["Frames", "Line", "Shared", "shared"]

Frames = Callable[[Sequence[float], int], Iterator[Payload]]
"""(ascending seconds, side) to the frames shown then, decoded one after the other."""
Ints = NDArray[np.int64]
Seconds = NDArray[np.floating[Any]]

ANCHORS = 6
"""Moments by which the place is found."""
COARSE = 0.1
"""Seconds between two places that are tried."""
WINDOWS = 3
"""So many times the place is looked for further on, where it seems to be beyond what was tried."""
JITTER = np.arange(-3, 4) * 0.04
"""Seconds around a moment's place in which its very frame is looked for: frame rates may differ."""
MOMENTS = 16
"""So many moments along the shorter film are compared."""
SIDE = SKETCH_SIDE
LOOK_SIDE = 128
"""What is asked of a decoder, which gives about twice as much."""
ALIKE = 0.6
"""The correlation of small pictures below which nothing is looked at more closely."""
AS_GOOD = 0.002
"""Places whose correlation is less by so little are as good: the middle of them is taken."""
PLAIN = 6.0
"""Standard deviation in levels of a moment that has no say."""
FEWEST = 3
"""Of fewer moments that have a say nothing is concluded."""
MOVED = 1.0
"""Levels by which a film's moments must differ from their mean to be more than noise …"""
MOVING_ALIKE = 0.5
"""… and how these differences correlate in a copy, in half of the moments."""
LEAST = 0.25
"""A moment whose score is less shows something else."""


@dataclass(frozen=True, slots=True)
class Line:
    """A shorter film's second t lies at ``shift + speed × t`` of the longer one, give or take ``slack`` seconds."""

    shift: float
    speed: float
    slack: float
    part: tuple[float, float]
    """Seconds of the shorter film that seem to be there."""


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """What was found: ``scores`` (n,) of the moments ``at`` (n,) seconds of the shorter film, 0 where it differs."""

    shift: float
    speed: float
    at: Seconds
    scores: Seconds

    @property
    def coverage(self) -> float:
        return float((self.scores > 0).mean())


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    look: Look
    thumb: Floats
    """(1024,) levels."""


def shared(short: Frames, long: Frames, lengths: tuple[float, float], line: Line) -> Shared | None:
    """Hold them against each other along the line; None where that says nothing. Raises ItemError.

    ``lengths``: the films' seconds, the shorter one's first.
    """
    count = min(MOMENTS, int(lengths[0] / (JITTER[-1] - JITTER[0] + 0.01)))
    shift = _placed(short, long, lengths, line) if count >= FEWEST else None
    if shift is None:
        return None
    at = (np.arange(count) + 0.5) * (lengths[0] / count)
    places = shift + line.speed * at
    inside = (places > 0) & (places < lengths[1])
    own = [_seen(frame) for frame in short(at.tolist(), LOOK_SIDE)]
    there = [seen for seen, known in zip(own, inside, strict=True) if known]
    other, late = _nearest(long, places[inside], there, lengths[1])
    telling = np.array([_telling(one) or _telling(two) for one, two in zip(there, other, strict=True)], dtype=bool)
    outside = [_telling(seen) for seen, known in zip(own, inside, strict=True) if not known]
    if telling.sum() < FEWEST or not _moves_alike(
        *(np.stack([seen.thumb for seen, told in zip(some, telling, strict=True) if told]) for some in (there, other))
    ):
        return None
    scores = np.zeros(count)
    scores[inside] = [_score(one, two) for one, two in zip(there, other, strict=True)]
    counts = np.zeros(count, dtype=bool)
    counts[inside], counts[~inside] = telling, outside
    return Shared(shift + late, line.speed, at[counts], scores[counts])


def _placed(short: Frames, long: Frames, lengths: tuple[float, float], line: Line) -> float | None:
    """The shift at which a few small pictures of both agree best; None where they never do."""
    first, last = line.part
    anchors = first + (np.arange(ANCHORS) + 0.5) * ((last - first) / ANCHORS)
    own = _thumbs(short, anchors)
    reach, shift = round(line.slack / COARSE), line.shift
    for _ in range(WINDOWS):
        middles = np.rint((shift + line.speed * anchors) / COARSE).astype(np.int64)
        tried = middles[:, None] + np.arange(-reach, reach + 1)
        there = (tried >= 0) & (tried * COARSE < lengths[1])
        wanted = np.unique(tried[there])
        if not len(wanted):
            return None
        other = _thumbs(long, wanted * COARSE)
        known = np.minimum(np.searchsorted(wanted, tried), len(wanted) - 1)
        alike = _alike(own, other, known, there)
        both = alike + _moving(own, other[known], there)
        best = int(both.argmax())
        good = np.flatnonzero(both >= both[best] - AS_GOOD)
        middle = float(good.mean()) if good[-1] - good[0] + 1 == len(good) else float(best)
        shift += (middle - reach) * COARSE
        if 0 < best < 2 * reach:
            return shift if alike[best] >= ALIKE else None
    return None


def _alike(own: Floats, other: Floats, known: Ints, there: NDArray[np.bool_]) -> Floats:
    """(t,): the mean correlation of (a, p) pictures with those of (n, p) that ``known`` (a, t) names."""
    mine, theirs = _levelled(own), _levelled(other)
    alike = np.where(there, np.einsum("ap,atp->at", mine, theirs[known]), 0.0)
    plain = ~np.any(mine, axis=1)[:, None] & ~np.any(theirs, axis=1)[known]  # black beside black says nothing
    mean: Floats = alike.sum(axis=0) / np.maximum((there & ~plain).sum(axis=0), ANCHORS / 2)
    return mean


def _moving(own: Floats, other: Floats, there: NDArray[np.bool_]) -> Floats:
    """(t,): how what changes among (a, p) pictures correlates with what changes among (a, t, p); 0 where nothing does.

    An unmoving view hardly says when it is; what moves before it does.
    """
    weight = there[:, :, None].astype(np.float32)
    total = np.maximum(weight.sum(axis=0), 1)
    mine = (own[:, None] - (own[:, None] * weight).sum(axis=0) / total) * weight
    theirs = (other - (other * weight).sum(axis=0) / total) * weight
    strong = [np.sqrt((apart * apart).sum(axis=(0, 2))) for apart in (mine, theirs)]
    enough = np.minimum(*strong) >= MOVED * np.sqrt(total[:, 0] * own.shape[1])
    moving: Floats = np.where(
        enough, (mine * theirs).sum(axis=(0, 2)) / np.maximum(strong[0] * strong[1], 1e-6), 0.0
    ).astype(np.float32)
    return moving


def _nearest(frames: Frames, places: Seconds, wanted: Sequence[_Seen], length: float) -> tuple[list[_Seen], float]:
    """Of the frames about each of the ascending places the one that is most like the wanted one; and how much later
    than the places they are, as a rule."""
    moments = np.clip(places[:, None] + JITTER, 0.0, length)
    decoded = frames(moments.ravel().tolist(), LOOK_SIDE)
    found, late = [], []
    for one in wanted:
        target = _levelled(one.thumb[None])[0]
        best: Payload = None
        alike: list[float] = []
        for frame in islice(decoded, len(JITTER)):
            alike.append(float(_levelled(_thumb(frame)[None])[0] @ target))
            if alike[-1] == max(alike):
                best = frame
        found.append(_seen(best))
        late.append(float(JITTER[np.array(alike) >= max(alike) - AS_GOOD].mean()))
    return found, float(np.median(late)) if late else 0.0


def _score(one: _Seen, other: _Seen) -> float:
    """0 where the moments differ."""
    thumbs = (np.rint(seen.thumb).astype(np.uint8).reshape(1, SIDE, SIDE) for seen in (one, other))
    screened = _PICTURES.screen(*thumbs)
    if not screened.worth[0]:
        return 0.0
    template, picture = (other, one) if screened.turned[0] else (one, other)
    likeness = _PICTURES.compare(template.look, picture.look, screened.maps[0], LEAST)
    return likeness.score if likeness is not None else 0.0


def _moves_alike(one: Floats, other: Floats) -> bool:
    """Whether (n, 1024) small pictures differ from their mean in the same way, at the same time."""
    own, others = one - one.mean(axis=0), other - other.mean(axis=0)
    if min(float(np.sqrt((apart * apart).mean())) for apart in (own, others)) < MOVED:
        return False
    alike = (own * others).sum(axis=1) / np.maximum(np.linalg.norm(own, axis=1) * np.linalg.norm(others, axis=1), 1e-6)
    return float(np.median(alike)) >= MOVING_ALIKE


def _seen(frame: Payload) -> _Seen:
    return _Seen(_PICTURES.look(frame), _thumb(frame))


def _thumb(frame: Payload) -> Floats:
    thumb: Floats = _PICTURES.sketch(frame)[1].astype(np.float32).ravel()
    return thumb


def _thumbs(frames: Frames, moments: Seconds) -> Floats:
    """(n, 1024) small grey pictures."""
    return np.stack([_thumb(frame) for frame in frames(moments.tolist(), SIDE)])


def _levelled(thumbs: Floats) -> Floats:
    """Of mean 0 and length 1; plain ones are 0."""
    apart = thumbs - thumbs.mean(axis=1, keepdims=True)
    length = np.linalg.norm(apart, axis=1, keepdims=True)
    plain = length < PLAIN * SIDE
    levelled: Floats = np.where(plain, 0.0, apart / np.maximum(length, 1e-6)).astype(np.float32)
    return levelled


def _telling(seen: _Seen) -> bool:
    return float(seen.thumb.std()) >= PLAIN


_PICTURES = Pictures()
