"""Two courses of frames laid over each other in time: which stretch of one is the other, and how fast it runs.

A match is a line ``place = shift + speed × moment`` through the similarities of a clip's frames (at moments) to an
item's frames (at places). Candidate lines go through the strong pairs, and each votes with all the evidence that lies
on it: the generalised Hough transform over (shift, speed), as in Douze, Jégou & Schmid 2010 ("An image-based approach
to video copy detection with spatio-temporal post-filtering"). The part of the clip that the line explains is the run
with the greatest sum above a threshold (Bentley 1984). numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Course", "Floats", "Match", "align", "background", "steps"]

Floats = NDArray[np.floating[Any]]

SPEEDS = (1.0, 0.8, 0.85, 0.9, 0.95, 1.05, 1.1, 1.15, 1.2, 1.25)
"""At once real time first: where the evidence is the same, nothing was sped up."""
FINER_SPEEDS = 5
"""How many between two of ``SPEEDS`` are tried around the best of them."""
STRONGEST = 4
"""How many of a frame's nearest places propose lines."""
PROPOSED = 6000
"""So many lines at most; a clip with more frames proposes fewer for each."""
SHIFTS = 96
"""How finely the best line's shift is looked for."""
FLAT = 0.99
"""Shifts whose evidence is this share of the best one's are as good: the middle of them is taken."""
ODD_SPEED = 0.03
"""What a line loses for a speed of 1.25 or 0.8, as a share of the clip's frames: noise must not bend time."""
EXPLAINED = 0.2
"""Evidence of a frame from which on it rather belongs to the match than not."""


@dataclass(frozen=True, slots=True)
class Course:
    """An item's frames: ``spans`` float64 (s, 2) in seconds, ascending; each frame stands for its span."""

    spans: Floats

    @property
    def middles(self) -> Floats:
        middles: Floats = self.spans.mean(axis=1)
        return middles

    @property
    def end(self) -> float:
        return float(self.spans[:, 1].max())

    def at(self, places: Floats) -> NDArray[np.int64]:
        """The frame that stands for each place; -1 where none does."""
        found = np.searchsorted(self.spans[:, 0], places, side="right") - 1
        inside = (found >= 0) & (places < self.spans[np.maximum(found, 0), 1])
        return np.where(inside, found, -1)


@dataclass(frozen=True, slots=True)
class Match:
    """A stretch of the clip, the stretch of the item that it is, and how sure that is."""

    clip: tuple[float, float]
    """Seconds in the clip."""
    item: tuple[float, float]
    """Seconds in the item."""
    shift: float
    speed: float
    """Seconds of the item that pass in a second of the clip."""
    coverage: float
    """The share of the clip's frames that are matched, 0 to 1."""
    similarity: float
    """The mean similarity of those."""
    matched: int
    best: tuple[int, int]
    """The pair with the greatest similarity: the clip's frame, the item's frame."""
    slack: float
    """By so many seconds either way the shift could be another, for all that the frames say."""

    @property
    def score(self) -> float:
        """Higher is closer: comparable between items that are matched with the same clip."""
        return self.similarity * self.coverage


def background(similarities: Sequence[Floats]) -> Floats:
    """A clip's (m, s) similarities to each of some items: (m,) what each of its frames has in common with anything."""
    middle: Floats = np.median([np.median(each, axis=1) for each in similarities], axis=0)
    return middle


def align(similarities: Floats, moments: Floats, length: float, course: Course, usual: Floats) -> Match | None:
    """The best line through ``similarities`` (m, s), at most 1, of frames at ``moments`` (m,) of a clip of ``length``.

    ``usual`` (m,): what each frame has in common with anything, as ``background`` has it. None where no frame has more
    than that in common with the item. A clip that reaches over the item's ends is matched with what is there.
    """
    evidence = np.clip((similarities - usual[:, None]) / np.maximum(1.0 - usual[:, None], 1e-3), 0.0, 1.0)
    votes = _Votes(evidence, np.asarray(moments, dtype=np.float64), course)
    line = votes.best(_proposals(evidence, votes.moments, course))
    if line is None:
        return None
    shift, speed, slack = votes.refined(*line)
    places = shift + speed * votes.moments
    frames = course.at(places)
    inside = frames >= 0
    onto = np.where(inside, frames, 0)
    along = np.where(inside, evidence[np.arange(len(evidence)), onto], 0.0)
    first, last = _run(along - EXPLAINED)
    covered = np.flatnonzero(inside[first : last + 1]) + first
    if not len(covered):
        return None
    here = similarities[covered, frames[covered]]
    # the clip's own ends, where the match reaches its first or last frame; else half way to the next one
    gap = float(np.median(np.diff(moments))) / 2 if len(moments) > 1 else length / 2
    start = 0.0 if first == 0 else max(float(moments[first]) - gap, 0.0)
    end = length if last == len(moments) - 1 else min(float(moments[last]) + gap, length)
    low, high = float(course.spans[0, 0]), course.end
    item = (float(np.clip(shift + speed * start, low, high)), float(np.clip(shift + speed * end, low, high)))
    return Match(
        clip=(start, end),
        item=item,
        shift=shift,
        speed=speed,
        coverage=len(covered) / len(moments),
        similarity=float(here.mean()),
        matched=len(covered),
        best=(top := int(covered[int(np.argmax(here))]), int(frames[top])),
        slack=slack,
    )


def steps(start: float, end: float, most: int, *, finest: float = 0.25) -> Floats:
    """[start, end) in equal parts: (n, 2) seconds, none shorter than ``finest`` and no more than ``most``."""
    count = max(1, min(most, int(np.ceil((end - start) / finest - 1e-9))))
    edges = np.linspace(start, end, count + 1)
    return np.stack([edges[:-1], edges[1:]], axis=1)


def _proposals(evidence: Floats, moments: Floats, course: Course) -> Floats:
    """(h, 2) lines (shift, speed) through the strongest pairs, each at several places of the item's frame's span."""
    frames = min(STRONGEST, evidence.shape[1])
    within = (0.5, 0.0, 0.25, 0.75, 1.0)
    fits = PROPOSED // (len(SPEEDS) * len(within) * frames)
    chosen = np.arange(len(evidence))
    if len(chosen) > fits:  # the frames that say the most
        chosen = np.sort(np.argsort(-evidence.max(axis=1), kind="stable")[:fits])
    strong = np.argsort(-evidence[chosen], axis=1, kind="stable")[:, :frames]
    rows, ranks = np.nonzero(np.take_along_axis(evidence[chosen], strong, axis=1) > EXPLAINED)
    columns, rows = strong[rows, ranks], chosen[rows]
    spans = course.spans[columns]
    lines = [
        np.stack([spans[:, 0] + share * (spans[:, 1] - spans[:, 0]) - speed * moments[rows], np.full(len(rows), speed)])
        for speed in SPEEDS
        for share in within
    ]
    return np.concatenate(lines, axis=1).T


class _Votes:
    """What the frames say to a line: the evidence at the places where it puts them."""

    def __init__(self, evidence: Floats, moments: Floats, course: Course) -> None:
        self.moments = moments
        self._evidence = evidence
        self._course = course

    def of(self, lines: Floats) -> Floats:
        """(h, 2) lines to (h,) sums, less what an odd speed costs."""
        places = lines[:, :1] + lines[:, 1:] * self.moments[None, :]
        frames = self._course.at(places)
        found = self._evidence[np.arange(len(self.moments))[None, :], np.maximum(frames, 0)]
        odd = np.abs(np.log(lines[:, 1])) / np.log(1.25)
        votes: Floats = np.where(frames >= 0, found, 0.0).sum(axis=1) - ODD_SPEED * odd * len(self.moments)
        return votes

    def best(self, lines: Floats) -> tuple[float, float] | None:
        if not len(lines):
            return None
        votes = self.of(lines)
        at = int(np.argmax(votes))
        return float(lines[at, 0]), float(lines[at, 1])

    def refined(self, shift: float, speed: float) -> tuple[float, float, float]:
        """(shift, speed, slack): the line in the middle of those about as good as this one, and how far they reach."""
        middle = float(self.moments.mean())
        widths = np.diff(self._course.spans, axis=1)
        frame = int(np.clip(self._course.at(np.array([shift + speed * middle]))[0], 0, len(widths) - 1))
        reach = float(np.clip(widths[max(frame - 1, 0) : frame + 2].max(), 0.25, 10.0))
        # turned about the clip's middle: a change of speed alone moves both ends, not the whole
        anchors = shift + speed * middle + np.linspace(-reach, reach, SHIFTS + 1)
        near = np.linspace(max(speed - 0.05, 0.78), min(speed + 0.05, 1.28), 2 * FINER_SPEEDS + 1)
        near = np.unique(np.append(near, [speed, 1.0] if abs(speed - 1.0) <= 0.05 else [speed]))
        grid = np.stack(np.meshgrid(near, anchors, indexing="ij"), axis=-1).reshape(-1, 2)
        lines = np.stack([grid[:, 1] - grid[:, 0] * middle, grid[:, 0]], axis=1)
        votes = self.of(lines).reshape(len(near), len(anchors))
        fastest = int(np.argmax(votes.max(axis=1)))
        row = votes[fastest]
        best = int(np.argmax(row))
        good = row >= FLAT * row[best]
        first = last = best
        while first > 0 and good[first - 1]:
            first -= 1
        while last < len(row) - 1 and good[last + 1]:
            last += 1
        found = float(near[fastest])
        slack = float(anchors[last] - anchors[first]) / 2
        return float((anchors[first] + anchors[last]) / 2) - found * middle, found, slack


def _run(gains: Floats) -> tuple[int, int]:
    """The first and last place of the run with the greatest sum."""
    best, best_run = -np.inf, (0, 0)
    total, start = 0.0, 0
    for at, gain in enumerate(gains.tolist()):
        if total <= 0:
            total, start = 0.0, at
        total += gain
        if total > best:
            best, best_run = total, (start, at)
    return best_run
