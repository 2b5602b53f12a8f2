"""Films that are one, and clips that lie in longer films: stored frames say where, decoded ones make sure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from morelike.dedup.groups import Likeness, Pair, pair_of
from morelike.dedup.looking import Alike, Looking, duration_of, lengths_apart
from morelike.dedup.moments import Line, Shared, shared
from morelike.errors import DecodeError, ItemError, OriginalGone
from morelike.originals import original
from morelike.prepare import decoding, map_ahead
from morelike.protocols import LoadsRuns
from morelike.search.reading import spread
from morelike.search.timeline import Course, Floats, Match, align, background
from morelike.types import Ids, Item, Kind, Payload, Segment, SegmentSpec, Space, Span, Vectors
from morelike.vecmath import similarity

__all__ = ["Films", "contained", "near"]

KIND: Kind = "image"
ASKED = 32
"""So many of a film's frames, evenly spread, say which other films are like it."""
NEIGHBOURS = 64
"""The segments nearest to each: many are the film's own."""
ITEMS = 6
"""In so many films, the likeliest, each is looked for."""
MOST_FRAMES = 256
MOST_VECTORS = 20_000
USUAL = 0.9
"""What a frame has in common with anything is no more than this, or few films would have nothing in common."""
MATCHED = 0.5
"""The share of a film's stored frames that must follow another film's for it to be decoded."""
STEADY = 0.06
"""A match that is so little faster or slower is first tried at the film's own speed."""
SLACK = (1.0, 6.0)
"""Seconds around a match's place in which the exact one is looked for."""
LATE = 1.0
"""Seconds by which a copy may begin sooner or later."""
STRAY = 8
"""One moment in so many may be unlike in a copy."""
TOGETHER = 2.0
"""What a moment's score counts for: so many that agree one after the other are surer than one picture is."""
COVERED = 0.75
"""So many moments of a clip are those of the film that it lies in."""
_INSTANT = 0.001


@dataclass(frozen=True, slots=True)
class _Task:
    """Two films, and where the shorter one may lie in the longer one: the likeliest place first."""

    longer: str
    shorter: str
    lines: tuple[Line, ...]


class Films:
    """The look at items with frames in time, in a space of vectors."""

    def __init__(self, looking: Looking, space: Space) -> None:
        self._looking = looking
        self._space = space

    def pairs(self) -> Alike:
        """See ``Look``."""
        looking = self._looking
        tasks = self._tasks({item.id: duration_of(item) for item in looking.items()})
        looking.teller.begin("pairs compared", len(tasks))
        near_ones: dict[Pair, Likeness] = {}
        held: dict[tuple[str, str], Likeness] = {}

        def wanted() -> Iterator[_Task]:
            for task in tasks:
                if looking.stop.is_set():
                    return
                yield task

        with looking.pool() as pool:
            results = map_ahead(pool, self._verified, wanted(), looking.stores.settings.look_ahead)
            for at, (task, found) in enumerate(results):
                if isinstance(found, tuple):
                    same, part = found
                    if same is not None:
                        near_ones[pair_of(task.longer, task.shorter)] = same
                    elif part is not None:
                        held[task.longer, task.shorter] = part
                looking.teller.at(at + 1)
        return Alike(near_ones, held)

    def compare(self, one: str, other: str) -> Likeness | None:
        """See ``Look``."""
        items = [item for item in map(self._looking.item, (one, other)) if item is not None]
        if len(items) < 2 or self._looking.stop.is_set():
            return None
        shorter, longer = sorted(items, key=lambda item: (duration_of(item), item.id))
        lines = (_from_the_beginning(duration_of(shorter)),)
        return self._verified(_Task(longer.id, shorter.id, lines))[0]

    def _tasks(self, lengths: dict[str, float]) -> list[_Task]:
        looking = self._looking
        looking.teller.begin("films looked at", len(lengths))
        tasks: dict[tuple[str, str], _Task] = {}

        def wanted() -> Iterator[str]:
            for item_id in lengths:
                if looking.stop.is_set():
                    return
                yield item_id

        def work(item_id: str) -> list[_Task]:
            return self._places(item_id, lengths)

        with looking.pool() as pool:
            for _, found in map_ahead(pool, work, wanted(), looking.stores.settings.look_ahead):
                looking.looked_at += 1
                looking.teller.at(looking.looked_at)
                for task in found if isinstance(found, list) else []:
                    tasks.setdefault((task.longer, task.shorter), task)
        return [tasks[pair] for pair in sorted(tasks)]

    def _places(self, item_id: str, lengths: dict[str, float]) -> list[_Task]:
        """Films at least as long, or nearly, in which this one's frames follow one another."""
        own, vectors = self._frames(item_id)
        if not own:
            return []
        some = spread(list(range(len(own))), MOST_FRAMES)
        frames, spans = vectors[some], _spans([own[at] for at in some])
        least = lengths[item_id] - lengths_apart(lengths[item_id])
        others = self._likeliest(item_id, vectors, lambda other: lengths.get(other, -1.0) >= least)
        courses: dict[str, tuple[Course, Floats]] = {}
        for other in others:
            segments, there = self._frames(other)
            if segments:
                metric = "tanimoto" if self._space.card.form == "bits" else "cosine"
                courses[other] = Course(_spans(segments)), similarity(metric, frames, there)
        if not courses:
            return []
        usual = np.minimum(background([alike for _, alike in courses.values()]), USUAL)
        moments, tasks = spans.mean(axis=1), []
        for other, (course, alike) in courses.items():
            match = align(alike, moments, lengths[item_id], course, usual)
            if match is not None and match.coverage >= MATCHED:
                longer, shorter = sorted((item_id, other), key=lambda one: (-lengths[one], one))
                lines = _lines(match, course, spans)
                if shorter != item_id:  # as long, give or take a little: the place of the one in the other is turned
                    lines = tuple(_turned(line, lengths[shorter]) for line in lines)
                if lengths[longer] - lengths[shorter] <= lengths_apart(lengths[longer]):
                    lines = (_from_the_beginning(lengths[shorter]), *lines)
                tasks.append(_Task(longer, shorter, lines))
        return tasks

    def _likeliest(self, item_id: str, vectors: Vectors, may_be: Callable[[str], bool]) -> list[str]:
        """The others whose frames are nearest to this one's: for each frame, how much nearer than the last one is."""
        stores, collection = self._looking.stores, self._looking.collection
        asked = vectors[spread(list(range(len(vectors))), ASKED)]
        ids, scores = stores.vectors.search(self._space, asked, NEIGHBOURS)
        known = stores.catalog.segments(collection, np.unique(ids[ids >= 0]))
        totals: defaultdict[str, float] = defaultdict(float)
        for frame_ids, frame_scores in zip(ids.tolist(), scores.tolist(), strict=True):
            furthest = min((score for score in frame_scores if np.isfinite(score)), default=0.0)
            best: dict[str, float] = {}
            for identifier, score in zip(frame_ids, frame_scores, strict=True):
                segment = known.get(identifier)
                if segment is not None and segment.item_id != item_id and may_be(segment.item_id):
                    best.setdefault(segment.item_id, score - furthest)
            for other, score in best.items():
                totals[other] += score
        return sorted(totals, key=lambda other: (-totals[other], other))[:ITEMS]

    def _frames(self, item_id: str) -> tuple[list[Segment], Vectors]:
        """A film's stored frames in the order of time."""
        segments = [one for one in self._looking.timed(KIND, item_id) if one.span.unit == "seconds"]
        segments = spread(segments, MOST_VECTORS)
        ids: Ids = np.array([one.id for one in segments], dtype=np.int64)
        found, vectors = self._looking.stores.vectors.fetch(self._space, ids)
        there = set(found.tolist())
        return [one for one in segments if one.id in there], vectors

    def _verified(self, task: _Task) -> tuple[Likeness | None, Likeness | None]:
        """(as near duplicates, as one within the other)."""
        items = [self._looking.item(item_id) for item_id in (task.shorter, task.longer)]
        short, long = items
        if short is None or long is None:
            return None, None
        lengths = duration_of(short), duration_of(long)
        for line in task.lines:
            try:
                found = shared(self._reader(short), self._reader(long), lengths, line)
            except _Unreadable:
                return None, None
            if found is not None:
                same = near(found, lengths, self._looking.threshold)
                part = contained(found, lengths) if same is None else None
                if same is not None or part is not None:
                    return same, part
        return None, None

    def _reader(self, item: Item) -> Callable[[Sequence[float], int], Iterator[Payload]]:
        """Decodes an item's frames; an item of which that fails is passed over."""
        length = duration_of(item)

        def frames(moments: Sequence[float], side: int) -> Iterator[Payload]:
            at = [min(max(moment, _INSTANT), max(length - _INSTANT, _INSTANT)) for moment in moments]
            specs = [SegmentSpec(KIND, Span("seconds", one - _INSTANT, one + _INSTANT)) for one in at]
            modality = self._looking.modality
            number = 0
            try:
                blob = original(self._looking.stores, item)
                with decoding(blob):
                    if not isinstance(modality, LoadsRuns):
                        raise DecodeError(f"{blob.name or blob.uri} has no frames in time")
                    for payload in modality.load_run(blob, specs, {"side": side}):
                        number += 1
                        yield payload
                    if number < len(specs):
                        raise DecodeError(f"{blob.name or blob.uri} ends early")
            except (ItemError, OriginalGone, MemoryError) as error:
                self._looking.pass_over(item, error)
                raise _Unreadable from error

        return frames


class _Unreadable(Exception):
    """It was passed over."""


def near(found: Shared, lengths: tuple[float, float], threshold: float) -> Likeness | None:
    """Whether the one is a copy of the other: as long, from the beginning, and nearly every moment the same."""
    if not _as_one(found, lengths):
        return None
    scores = np.sort(np.minimum(found.scores * TOGETHER, 1.0))
    score = float(scores[len(scores) // STRAY])
    if score < threshold:
        return None
    why = {"moments": score, "coverage": found.coverage, "typical": float(np.median(scores))}
    return Likeness(round(score, 4), {name: round(value, 4) for name, value in why.items()})


def contained(found: Shared, lengths: tuple[float, float]) -> Likeness | None:
    """Whether the shorter one lies in the longer one: where, and how much of it does."""
    if found.coverage < COVERED or _as_one(found, lengths):
        return None
    step = lengths[0] / len(found.scores) / 2
    there = found.at[found.scores > 0]
    # one moment that fails at either end is no other scene yet
    first = 0.0 if (found.scores[:2] > 0).any() else float(there[0]) - step
    last = lengths[0] if (found.scores[-2:] > 0).any() else float(there[-1]) + step
    begins, ends = (found.shift + found.speed * second for second in (first, last))
    why = {
        "from": round(max(begins, 0.0), 2),
        "to": round(min(ends, lengths[1]), 2),
        "coverage": round(found.coverage, 4),
    }
    return Likeness(round(found.coverage, 4), why)


def _as_one(found: Shared, lengths: tuple[float, float]) -> bool:
    return lengths[1] - lengths[0] <= lengths_apart(lengths[1]) and abs(found.shift) <= LATE and found.speed == 1.0


def _lines(match: Match, course: Course, spans: Floats) -> tuple[Line, ...]:
    """A match as the place to look for: at the film's own speed first."""
    widest = max(float(np.diff(some, axis=1).max()) for some in (course.spans, spans))
    slack = float(np.clip(match.slack + widest / 2, *SLACK))
    middle = sum(match.clip) / 2
    found = Line(match.shift, match.speed, slack, match.clip)
    if abs(match.speed - 1) > STEADY:
        return (found,)
    steady = Line(match.shift + (match.speed - 1) * middle, 1.0, slack, match.clip)
    return (steady,) if match.speed == 1.0 else (steady, found)


def _from_the_beginning(length: float) -> Line:
    """Where a copy lies, whatever its few stored frames say."""
    return Line(0.0, 1.0, SLACK[0], (0.0, length))


def _turned(line: Line, length: float) -> Line:
    shift, speed = -line.shift / line.speed, 1 / line.speed
    first, last = (line.shift + line.speed * second for second in line.part)
    return Line(shift, speed, line.slack, (max(first, 0.0), min(last, length)))


def _spans(segments: Sequence[Segment]) -> Floats:
    return np.array([(one.span.start, one.span.end) for one in segments], dtype=np.float64)
