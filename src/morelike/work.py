"""What a run is asked for, and what is in flight: items on their way, their segments, and copies that wait for them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from morelike.prepare import Reading
from morelike.protocols import LoadsRuns, Modality
from morelike.types import Blob, Kind, Metadata, Segment, SegmentSpec, Space, segment_id

__all__ = ["LONG", "RUN", "InWork", "Options", "Part", "Task", "Work", "run_length", "runs"]

COPIES = 1000
"""How many copies of one item are remembered while it is on its way; further ones are only counted."""
RUN = 16
"""How many segments are decoded in one pass, where the modality can."""
LONG = 256
"""An item with more segments has its vectors written as they come, so many at a time."""


@dataclass(frozen=True, slots=True)
class Options:
    """How one ``add`` works."""

    in_place: bool = False
    sync: bool = False
    retry: bool = False
    tags: tuple[str, ...] = ()
    metadata: Metadata = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Work:
    """An item on its way: what was read, and what its segments have become so far."""

    reading: Reading
    specs: tuple[SegmentSpec, ...] = ()
    spaces: Mapping[Kind, Space] = field(default_factory=dict)
    """Whose vectors its segments get: those that were active when its work began."""
    info: Metadata = field(default_factory=dict)
    vectors: dict[int, Any] = field(default_factory=dict)
    """By ordinal, as far as they are not written yet; a sketch stands for a vector."""
    texts: dict[int, str] = field(default_factory=dict)
    left: int = 0
    """How many segments are still on their way."""
    parted: bool = False
    """Whether some of its vectors are in the stores already."""
    failed: bool = False

    @property
    def item_id(self) -> str:
        return self.reading.item_id

    @property
    def long(self) -> bool:
        return len(self.specs) > LONG

    @property
    def segments(self) -> tuple[Segment, ...]:
        rows = enumerate(self.specs)
        return tuple(Segment(segment_id(self.item_id, at), at, spec.kind, spec.span, self.item_id) for at, spec in rows)

    def take(self) -> Part:
        """The vectors that are not written yet; the work lets go of them."""
        part = Part(self, self.spaces, self.vectors)
        self.vectors = {}
        return part


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Vectors of an item, by ordinal, on their way to the stores."""

    work: Work
    spaces: Mapping[Kind, Space]
    vectors: Mapping[int, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Segments of one kind of an item in work, one after the other, to be decoded in one pass."""

    work: Work
    kind: Kind
    ordinals: tuple[int, ...]
    texts: dict[int, str] = field(default_factory=dict)
    """What was read for the keyword index."""

    @property
    def specs(self) -> list[SegmentSpec]:
        return [self.work.specs[ordinal] for ordinal in self.ordinals]


def run_length(modality: Modality) -> int:
    """How many segments of one kind make one task."""
    return RUN if isinstance(modality, LoadsRuns) else 1


def runs(work: Work, length: int) -> Iterator[Task]:
    """The item's segments, up to ``length`` of one kind together, each kind in its order."""
    waiting: defaultdict[Kind, list[int]] = defaultdict(list)
    for ordinal, spec in enumerate(work.specs):
        ordinals = waiting[spec.kind]
        ordinals.append(ordinal)
        if len(ordinals) >= length:
            yield Task(work, spec.kind, tuple(waiting.pop(spec.kind)))
    for kind, ordinals in waiting.items():
        yield Task(work, kind, tuple(ordinals))


class InWork:
    """The items on their way, each with the blobs that turned out to hold the same bytes. Safe from any thread."""

    def __init__(self) -> None:
        self._copies: dict[str, list[Blob]] = {}
        self._further: Counter[str] = Counter()
        self._lock = Lock()

    def begin(self, item_id: str) -> None:
        with self._lock:
            self._copies[item_id] = []

    def those(self, item_ids: Iterable[str]) -> set[str]:
        """Which of the items are on their way."""
        with self._lock:
            return {item_id for item_id in item_ids if item_id in self._copies}

    def wait(self, item_id: str, copy: Blob) -> bool:
        """The copy's fate is the item's; False where the item is not on its way (any more)."""
        with self._lock:
            copies = self._copies.get(item_id)
            if copies is None:
                return False
            if len(copies) < COPIES:
                copies.append(copy)
            else:
                self._further[item_id] += 1
            return True

    def end(self, item_id: str) -> tuple[list[Blob], int]:
        """The item is ready or rejected: its copies, and how many there were with those not remembered."""
        with self._lock:
            copies = self._copies.pop(item_id, [])
            return copies, len(copies) + self._further.pop(item_id, 0)
