"""Recordings that are one, and recordings that lie in longer ones, by the landmarks that ``add`` made of them."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterator

import numpy as np

from morelike.dedup.agreement import Agreement, Sound, agreement, together
from morelike.dedup.groups import Likeness, Pair, pair_of
from morelike.dedup.looking import Alike, Looking, duration_of, lengths_apart
from morelike.prepare import map_ahead
from morelike.search.reading import spread
from morelike.search.recording import moments_needed
from morelike.types import Ids, Segment, Space

__all__ = ["Recordings", "contained", "near"]

CANDIDATES = 32
"""So many pieces of other recordings that share most with each piece are looked at."""
MOST_PIECES = 16
"""So many pieces of each recording are looked for, evenly spread."""
BESIDE = 2
"""Ticks by which the shifts of a recording's pieces may differ and still be the same one."""
LATE = 1.0
"""Seconds by which a copy may begin sooner or later."""
ALONG = 0.2
"""The share of places that do not agree at which nothing is left of a copy's score."""
GAP = 2.0
"""So many places in a row may disagree for nothing."""
SHARED = 0.8
"""A copy shares half as many of its landmarks at least, whatever was done to it; of two songs at once neither does."""
COVERED, HEARD = 0.8, 0.15
"""What lies in another recording agrees with it in so many places, and in so many landmarks."""
END = 3.0
"""Seconds at either end of what agrees that have no landmarks of their own."""
SOUNDS = 32
"""How many recordings are kept in memory: a megabyte for each ten minutes."""


class Recordings:
    """The look at items with segments of a space of landmarks."""

    def __init__(self, looking: Looking, space: Space) -> None:
        self._looking = looking
        self._space = space
        self._tick = float(space.card.options["tick"])
        self._sounds: OrderedDict[str, Sound] = OrderedDict()

    def pairs(self) -> Alike:
        """See ``Look``."""
        lengths = {item.id: duration_of(item) for item in self._looking.items()}
        near_ones: dict[Pair, Likeness] = {}
        held: dict[tuple[str, str], Likeness] = {}
        pairs = self._candidates(lengths)
        self._looking.teller.begin("pairs compared", len(pairs))
        for at, (longer, shorter) in enumerate(pairs):
            if self._looking.stop.is_set():
                break
            long, short = self._sound(longer, lengths[longer]), self._sound(shorter, lengths[shorter])
            found = agreement(short, long)
            if found is not None and self._no_chance(short, found):
                same = near(short, long, found, self._looking.threshold)
                part = contained(short, long, found) if same is None else None
                if same is not None:
                    near_ones[pair_of(longer, shorter)] = same
                elif part is not None:
                    held[longer, shorter] = part
            self._looking.teller.at(at + 1)
        return Alike(near_ones, held)

    def compare(self, one: str, other: str) -> Likeness | None:
        """See ``Look``."""
        items = [self._looking.item(item_id) for item_id in (one, other)]
        sounds = [self._sound(item.id, duration_of(item)) for item in items if item is not None]
        if len(sounds) < 2 or self._looking.stop.is_set():
            return None
        short, long = sorted(sounds, key=lambda sound: sound.seconds)
        found = agreement(short, long)
        if found is None or not self._no_chance(short, found):
            return None
        return near(short, long, found, self._looking.threshold)

    def _candidates(self, lengths: dict[str, float]) -> list[tuple[str, str]]:
        """(longer, shorter) of which some landmarks agree at one shift, those of one longer one together."""
        looking = self._looking
        found: set[tuple[str, str]] = set()
        looking.teller.begin("recordings looked at", len(lengths))

        def wanted() -> Iterator[str]:
            for item_id in lengths:
                if looking.stop.is_set():
                    return
                yield item_id

        with looking.pool() as pool:
            for item_id, others in map_ahead(pool, self._alike, wanted(), looking.stores.settings.look_ahead):
                looking.looked_at += 1
                looking.teller.at(looking.looked_at)
                for other in others if isinstance(others, list) else []:
                    if other in lengths:
                        longer, shorter = sorted((item_id, other), key=lambda one: (-lengths[one], one))
                        found.add((longer, shorter))
        return sorted(found)

    def _alike(self, item_id: str) -> list[str]:
        """Other items that may hold this one: what of its pieces they share, added up at each shift."""
        looking, stores = self._looking, self._looking.stores
        pieces = spread(self._pieces(item_id), MOST_PIECES)
        votes: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
        moments = 0
        for piece, sketch in zip(pieces, stores.sketches.fetch(self._space, _ids(pieces)), strict=True):
            if sketch is None or looking.stop.is_set():
                continue
            moments += len(np.unique(sketch.at))
            ids, shared, shifts = stores.sketches.search(self._space, sketch, CANDIDATES)
            known = stores.catalog.segments(looking.collection, ids)
            for identifier, count, shift in zip(ids.tolist(), shared.tolist(), shifts.tolist(), strict=True):
                other = known.get(identifier)
                if other is not None and other.item_id != item_id:
                    begins = round((other.span.start - piece.span.start) / self._tick)
                    votes[other.item_id][begins + shift] += count
        needed = moments_needed(moments, stores.sketches.count(self._space))
        return [other for other, at_shift in votes.items() if _joint(at_shift) >= needed]

    def _no_chance(self, short: Sound, found: Agreement) -> bool:
        segments = self._looking.stores.sketches.count(self._space)
        return found.moments >= moments_needed(len(np.unique(short.at)), segments)

    def _pieces(self, item_id: str) -> list[Segment]:
        return self._looking.timed(self._space.kind, item_id)

    def _sound(self, item_id: str, seconds: float) -> Sound:
        if item_id not in self._sounds:
            pieces = self._pieces(item_id)
            sketches = self._looking.stores.sketches.fetch(self._space, _ids(pieces))
            there = [(piece.span.start, sketch) for piece, sketch in zip(pieces, sketches, strict=True) if sketch]
            self._sounds[item_id] = together(there, self._tick, seconds)
            while len(self._sounds) > SOUNDS:
                self._sounds.popitem(last=False)
        self._sounds.move_to_end(item_id)
        return self._sounds[item_id]


def near(short: Sound, long: Sound, found: Agreement, threshold: float) -> Likeness | None:
    """Whether the one is a copy of the other: as long, from the beginning, and the same in nearly every place."""
    if not _as_one(short, long, found):
        return None
    why = {
        "places": max(1 - (1 - found.places) / ALONG, 0.0),
        "gap": min(GAP / max(found.gap, 1), 1.0),
        "landmarks": min(found.share / SHARED, 1.0),
    }
    score = min(why.values())
    if score < threshold:
        return None
    return Likeness(round(score, 4), {name: round(value, 4) for name, value in why.items()})


def contained(short: Sound, long: Sound, found: Agreement) -> Likeness | None:
    """Whether the shorter one lies in the longer one: where, and how much of it does."""
    if found.coverage < COVERED or found.share < HEARD or _as_one(short, long, found):
        return None
    first, last = found.part
    first = 0.0 if first < END else first
    last = short.seconds if short.seconds - last < END else last
    begins, ends = max(found.offset + first, 0.0), min(found.offset + last, long.seconds)
    why = {"from": round(begins, 2), "to": round(ends, 2), "coverage": round(found.coverage, 4)}
    return Likeness(round(found.coverage, 4), why)


def _as_one(short: Sound, long: Sound, found: Agreement) -> bool:
    return long.seconds - short.seconds <= lengths_apart(long.seconds) and abs(found.offset) <= LATE


def _joint(at_shift: dict[int, int]) -> int:
    """The most that one shift has, with those beside it."""
    return max(sum(at_shift.get(shift + beside, 0) for beside in range(-BESIDE, BESIDE + 1)) for shift in at_shift)


def _ids(segments: list[Segment]) -> Ids:
    return np.array([segment.id for segment in segments], dtype=np.int64)
