"""The one way in which blobs get into an open collection, whichever engine has it done: ``Ingest.run``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event

from morelike.ingest import Ingest
from morelike.prepare import EncoderLane
from morelike.progress import Meter, Progress
from morelike.protocols import Modality
from morelike.types import Blob, Collection, Rejection, Space
from morelike.wiring import Stores
from morelike.work import Options

__all__ = ["Adding", "PartMeter", "PartReport", "add_part", "ingest_of"]


@dataclass(frozen=True, slots=True)
class Adding:
    """What an engine is made of: the open collection, and how one run adds to it."""

    stores: Stores
    collection: Collection
    modality: Modality
    lane_of: Callable[[Space], EncoderLane]
    spaces: Sequence[Space]
    options: Options
    progress: Callable[[Progress], None] | None = None
    stop: Event | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class PartReport:
    """What became of a part of a run: as much as a whole run's report is made of."""

    finished: tuple[str, ...] = ()
    """Items; the same one in two parts is one that was added."""
    same: int = 0
    replaced: int = 0
    rejected_before: int = 0
    rejections: tuple[Rejection, ...] = ()
    stages: Mapping[str, float] = field(default_factory=dict)
    interrupted: bool = False


class PartMeter(Meter):
    """Keeps what others have to know of a part, not only how much it was."""

    def __init__(self) -> None:
        super().__init__(None)
        self._finished: list[str] = []
        self._all: list[Rejection] = []

    def finish(self, item_ids: Sequence[str]) -> None:
        self._finished.extend(item_ids)
        super().finish(item_ids)

    def reject(self, rejection: Rejection) -> None:
        self._all.append(rejection)
        super().reject(rejection)

    def part(self, *, interrupted: bool) -> PartReport:
        return PartReport(
            finished=tuple(self._finished),
            same=self.same,
            replaced=self.replaced,
            rejected_before=self.rejected_before,
            rejections=tuple(self._all),
            stages=dict(self._stages),
            interrupted=interrupted,
        )


def ingest_of(adding: Adding, meter: Meter | None = None, *, part: bool = False) -> Ingest:
    """``meter`` and ``part`` as ``Ingest`` takes them."""
    return Ingest(
        adding.stores,
        adding.collection,
        adding.modality,
        adding.lane_of,
        adding.spaces,
        options=adding.options,
        progress=adding.progress,
        meter=meter,
        stop=adding.stop,
        part=part,
    )


def add_part(adding: Adding, sources: Iterable[tuple[str, Iterator[Blob]]], meter: PartMeter) -> PartReport:
    """A part of a run whose leader is elsewhere. Raises what ``Ingest.run`` raises."""
    report = ingest_of(adding, meter, part=True).run(sources)
    return meter.part(interrupted=report.interrupted)
