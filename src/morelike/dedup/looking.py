"""What every look for duplicates shares: the collection, how it is stopped, and what could not be looked at."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from time import monotonic
from typing import Protocol

from morelike.dedup.groups import Likeness, Pair
from morelike.errors import DecodeError, ItemError, OriginalGone
from morelike.prepare import decode_pool
from morelike.progress import Progress
from morelike.protocols import Modality
from morelike.types import Collection, Item, Kind, Rejection, Segment, Space
from morelike.wiring import Stores

__all__ = ["LENGTHS_APART", "PAGE", "Alike", "Look", "Looking", "Teller", "duration_of", "lengths_apart", "pages"]

PAGE = 500
REJECTIONS_KEPT = 1000
TICK = 0.1
RATE_WINDOW = 10.0
LENGTHS_APART = (1.0, 0.02)
"""Seconds, or a share of the longer one, by which copies of the same film or recording differ at most."""


class Teller:
    """Tells where a run is, as sentences, at most ten times a second."""

    def __init__(self, tell: Callable[[Progress], None] | None) -> None:
        self._tell = tell
        self._told = 0.0
        self._recent: deque[tuple[float, int]] = deque()
        self.begin("", 0)

    def begin(self, what: str, total: int) -> None:
        """``what``: a sentence's beginning, ``pictures looked at``."""
        self._what, self._total = what, total
        self._recent.clear()

    def at(self, done: int, current: str = "") -> None:
        now = monotonic()
        if self._tell is None or (now - self._told < TICK and done < self._total):
            return
        self._told = now
        self._recent.append((now, done))
        while len(self._recent) > 2 and now - self._recent[0][0] > RATE_WINDOW:
            self._recent.popleft()
        since, before = self._recent[0]
        rate = (done - before) / max(now - since, 1e-3) if done > before else 0.0
        eta = (self._total - done) / rate if rate > 0 else None
        sentence = f"{done} of {self._total} {self._what}"
        if eta:
            sentence += f", {round(eta) // 60}:{round(eta) % 60:02} left"
        self._tell(Progress(done, 0, 0, done, self._total, rate, eta, current, note=sentence))


@dataclass(slots=True, eq=False)
class Looking:
    """One look at one collection. ``rejections``: items that could not be looked at, by id."""

    stores: Stores
    collection: Collection
    modality: Modality
    threshold: float
    teller: Teller
    stop: Event
    rejections: dict[str, Rejection] = field(default_factory=dict)
    looked_at: int = 0
    _lock: Lock = field(default_factory=Lock)

    def pool(self) -> ThreadPoolExecutor:
        return decode_pool(self.stores.settings.workers or os.cpu_count() or 1)

    def spaces(self, kind: Kind) -> list[Space]:
        """The active ones of a kind."""
        spaces = self.stores.catalog.spaces(self.collection)
        return [space for space in spaces if space.active and space.kind == kind]

    def timed(self, kind: Kind, item_id: str) -> list[Segment]:
        """An item's segments of a kind in the order of time."""
        own = self.stores.catalog.segments_of(self.collection, [item_id]).get(item_id, [])
        return sorted((one for one in own if one.kind == kind), key=lambda one: one.span.start)

    def items(self) -> Iterator[Item]:
        """Ready items, oldest first, until ``stop`` is set."""
        for page in pages(self.stores, self.collection):
            if self.stop.is_set():
                return
            yield from page

    def item(self, item_id: str) -> Item | None:
        return self.stores.catalog.get_items(self.collection, [item_id]).get(item_id)

    def pass_over(self, item: Item, error: ItemError | OriginalGone | MemoryError) -> None:
        """Note that it could not be looked at, and why. Safe from any thread."""
        uri = item.sources[0].uri if item.sources else item.id
        if isinstance(error, MemoryError):
            error = DecodeError("there is not enough memory to decode it")
        stage = getattr(error, "stage", "source")
        with self._lock:
            if len(self.rejections) < REJECTIONS_KEPT:
                self.rejections[item.id] = Rejection(uri, item.id, stage, str(error))


@dataclass(frozen=True, slots=True)
class Alike:
    """What a look found. ``contained``: by (the one that holds it, the one that lies in it)."""

    near: Mapping[Pair, Likeness]
    contained: Mapping[tuple[str, str], Likeness] = field(default_factory=dict)


class Look(Protocol):
    """A way to find duplicates of one kind of media."""

    def pairs(self) -> Alike:
        """All pairs of ready items. Where the look was stopped, those found until then."""

    def compare(self, one: str, other: str) -> Likeness | None:
        """Two items held against each other as near duplicates, whatever was found before."""


def pages(stores: Stores, collection: Collection) -> Iterator[list[Item]]:
    """Ready items, oldest first."""
    return stores.catalog.pages(collection, size=PAGE)


def duration_of(item: Item) -> float:
    """Seconds; 0 where it has none, or nobody knows."""
    seconds = item.info.get("duration")
    return float(seconds) if isinstance(seconds, int | float) and 0 < seconds < 1e9 else 0.0


def lengths_apart(longer: float) -> float:
    """Seconds by which a copy of something so long may be shorter."""
    seconds, share = LENGTHS_APART
    return max(seconds, share * longer)
