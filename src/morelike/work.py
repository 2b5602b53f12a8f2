"""What is in flight during a run: items on their way, and their segments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from morelike.prepare import Reading
from morelike.types import Metadata, Segment, SegmentSpec, segment_id

__all__ = ["Task", "Work"]


@dataclass(slots=True, eq=False)
class Work:
    """An item on its way: what was read, and what its segments have become so far."""

    reading: Reading
    specs: tuple[SegmentSpec, ...] = ()
    info: Metadata = field(default_factory=dict)
    vectors: dict[int, Any] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)
    failed: bool = False

    @property
    def item_id(self) -> str:
        return self.reading.item_id

    @property
    def segments(self) -> tuple[Segment, ...]:
        rows = enumerate(self.specs)
        return tuple(Segment(segment_id(self.item_id, at), at, spec.kind, spec.span, self.item_id) for at, spec in rows)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One segment of an item in work."""

    work: Work
    ordinal: int
    spec: SegmentSpec
