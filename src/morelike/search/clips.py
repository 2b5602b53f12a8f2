"""A clip looked for in films: which stretch of which item is it. The arithmetic is in ``timeline.py``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection as Container
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.errors import ItemError, OriginalGone
from morelike.originals import stored_blob
from morelike.prepare import load_segments
from morelike.search.clock import Clock
from morelike.search.embed import Embedder
from morelike.search.timeline import Course, Floats, Match, align, background, steps
from morelike.types import Ids, Scores, Segment, SegmentSpec, Space, Span, Vectors
from morelike.vecmath import similarity

__all__ = ["NEAREST", "Aligned", "Aligning", "Clip", "clip_of"]

FEWEST = 3
"""Of fewer frames one is as good as another."""
NEAREST = 100
"""How many segments nearest to each of the clip's frames say which items to look at."""
ITEMS = 50
"""In so many items, the likeliest, the clip is looked for."""
MOST_VECTORS = 20_000
"""So many of their segments at most."""
LOOKED_INTO = (40, 30, 30)
"""How many frames of the best items are decoded, to say more exactly where the clip begins and ends."""
WORTH = 0.6
"""An item whose score is less than this share of the best one's is not decoded."""
BELIEVED = 0.9
"""What is found by those frames must score this share of what was found before."""
COARSE = 1.0
"""Where segments are shorter, in seconds, no frames are decoded."""
FINEST = 0.25
"""Seconds between two of those frames."""
MARGIN = (1.0, 5.0)
"""By how much they reach over the stretch found so far: as far as a segment is long, within these bounds."""


@dataclass(frozen=True, slots=True)
class Clip:
    """An example in time: its frames' ``vectors`` (m, dim), when they are shown, and its ``length`` in seconds."""

    vectors: Vectors
    moments: Floats
    """(m,) seconds since the clip's beginning, ascending."""
    start: float
    """Where in its own film the clip begins."""
    length: float


@dataclass(frozen=True, slots=True)
class Aligned:
    """A clip's match in one item. ``segment``: the item's closest one; ``closest``: that frame's score in the space."""

    item: str
    segment: int
    match: Match
    closest: float
    clip: Clip

    @property
    def score(self) -> float:
        return self.match.score

    def explained(self) -> dict[str, Any]:
        """For people and JSON; seconds of the clip are those of the film that it is a part of."""
        start, end = (round(self.clip.start + second, 3) for second in self.match.clip)
        return {
            "example": [start, end],
            "item": [round(second, 3) for second in self.match.item],
            "speed": round(self.match.speed, 3),
            "frames": self.match.matched,
            "of": len(self.clip.moments),
        }


@dataclass(frozen=True, slots=True)
class _Candidate:
    item: str
    segments: Sequence[Segment]
    course: Course
    vectors: Vectors
    similarities: Floats


def clip_of(spans: NDArray[np.float64] | None, vectors: Vectors) -> Clip | None:
    """The clip whose frames stand for ``spans`` (m, 2); None where they are no course of frames in time."""
    if spans is None or len(spans) < FEWEST or len(spans) != len(vectors):
        return None
    start, end = float(spans[0, 0]), float(spans[-1, 1])
    moments = spans.mean(axis=1) - start
    return Clip(vectors, moments, start, end - start) if end > start and (np.diff(moments) > 0).all() else None


class Aligning:
    """One clip and one space's items."""

    def __init__(self, embedder: Embedder, space: Space, clip: Clip, clock: Clock) -> None:
        self._embedder = embedder
        self._space = space
        self._clip = clip
        self._clock = clock

    def found(self, ids: Ids, scores: Scores, without: Container[str]) -> list[Aligned]:
        """The items that the clip's (m, n) nearest segments lie in, best first; those of no time are left out."""
        candidates = self._candidates(self._likeliest(ids, scores, without))
        if not candidates:
            return []
        usual = background([candidate.similarities for candidate in candidates])
        found = []
        for candidate in candidates:
            if (match := self._match(candidate, usual)) is not None:
                frame, place = match.best
                closest = self._closest(frame, candidate.vectors[place])
                one = Aligned(candidate.item, candidate.segments[place].id, match, closest, self._clip)
                found.append((candidate, one))
        found.sort(key=lambda pair: (-pair[1].score, pair[1].item))
        aligned = [one for _, one in found]
        for at, (most, (candidate, one)) in enumerate(zip(LOOKED_INTO, found, strict=False)):
            if one.score >= WORTH * found[0][1].score:
                aligned[at] = self._looked_into(candidate, one, usual, most)
        return sorted(aligned, key=lambda one: (-one.score, one.item))

    def _match(self, candidate: _Candidate, usual: Floats) -> Match | None:
        return align(candidate.similarities, self._clip.moments, self._clip.length, candidate.course, usual)

    def _likeliest(self, ids: Ids, scores: Scores, without: Container[str]) -> list[str]:
        """The items with the most in common with the clip's frames: the sum of each frame's nearest segment in them."""
        catalog, collection = self._embedder.stores.catalog, self._embedder.collection
        known = catalog.segments(collection, np.unique(ids[ids >= 0]))
        totals: defaultdict[str, float] = defaultdict(float)
        for frame_ids, frame_scores in zip(ids.tolist(), scores.tolist(), strict=True):
            furthest = min((score for score in frame_scores if np.isfinite(score)), default=0.0)
            best: dict[str, float] = {}
            for identifier, score in zip(frame_ids, frame_scores, strict=True):
                segment = known.get(identifier)
                if segment is not None and segment.item_id not in without and segment.span.unit == "seconds":
                    best.setdefault(segment.item_id, score - furthest)
            for item, score in best.items():
                totals[item] += score
        return sorted(totals, key=lambda item: (-totals[item], item))[:ITEMS]

    def _candidates(self, items: Sequence[str]) -> list[_Candidate]:
        candidates: list[_Candidate] = []
        room = MOST_VECTORS
        segments_of = self._embedder.stores.catalog.segments_of(self._embedder.collection, items)
        for item in items:
            timed = [one for one in segments_of.get(item, []) if one.kind == self._space.kind]
            timed = sorted((one for one in timed if one.span.unit == "seconds"), key=lambda one: one.span.start)
            if not timed or (len(timed) > room and candidates):
                continue
            room -= len(timed)
            ids = np.array([one.id for one in timed], dtype=np.int64)
            found, vectors = self._embedder.stores.vectors.fetch(self._space, ids)
            if len(found) < len(ids):  # some went while we look: what is there may do
                there = set(found.tolist())
                timed = [one for one in timed if one.id in there]
            if timed:
                course = Course(np.array([(one.span.start, one.span.end) for one in timed], dtype=np.float64))
                candidates.append(_Candidate(item, timed, course, vectors, self._alike(vectors)))
        return candidates

    def _alike(self, frames: Vectors) -> Floats:
        """(m, s) similarities to the clip's frames, at most 1 whatever the space's metric."""
        return similarity("tanimoto" if self._space.card.form == "bits" else "cosine", self._clip.vectors, frames)

    def _closest(self, frame: int, vector: Vectors) -> float:
        """One pair's score as the space has it."""
        return float(similarity(self._space.card.metric, self._clip.vectors[frame][None], vector[None])[0, 0])

    def _looked_into(self, candidate: _Candidate, one: Aligned, usual: Floats, most: int) -> Aligned:
        """The same match by frames that lie closer together than the item's segments; as it was without its bytes."""
        spans, (low, high) = candidate.course.spans, one.match.item
        reached = (spans[:, 1] > low) & (spans[:, 0] < high)
        widest = float(np.diff(spans[reached], axis=1).max()) if reached.any() else 0.0
        if widest <= COARSE:
            return one
        margin = float(np.clip(widest, *MARGIN))
        low, high = max(low - margin, float(spans[0, 0])), min(high + margin, candidate.course.end)
        around = steps(low, high, most, finest=FINEST)
        try:
            vectors = self._frames(candidate.item, around)
        except (ItemError, OriginalGone):  # what was indexed is still true
            return one
        closer = replace(candidate, course=Course(around), vectors=vectors, similarities=self._alike(vectors))
        match = self._match(closer, usual)
        if match is None or match.score < BELIEVED * one.score:
            return one
        frame, place = match.best
        at = int(np.clip(np.searchsorted(spans[:, 0], around[place].mean(), side="right") - 1, 0, len(spans) - 1))
        closest = self._closest(frame, vectors[place])
        return replace(one, segment=candidate.segments[at].id, match=match, closest=closest)

    def _frames(self, item: str, spans: Floats) -> Vectors:
        """The item's frames at ``spans``, through the same preparation as all others. Raises ItemError."""
        embedder, kind = self._embedder, self._space.kind
        specs = [SegmentSpec(kind, Span("seconds", float(start), float(end))) for start, end in spans]
        lane = embedder.lane(self._space)
        with self._clock.waiting():  # the bytes may lie far away
            blob = stored_blob(embedder.stores, embedder.collection, item)
        prepared = load_segments(embedder.modality, lane.encoder, blob, specs)
        asked = lane.ask(kind, prepared)
        with self._clock.waiting():
            return asked.result()
