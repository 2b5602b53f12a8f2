"""What a run counts, and how it tells. Formatting happens on the command line's floor."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from morelike.types import Rejection

__all__ = ["AddReport", "Counts", "Meter", "Progress"]

TICK = 0.1
RATE_WINDOW = 10.0
REJECTIONS_KEPT = 100


@dataclass(frozen=True, slots=True)
class Counts:
    """How many blobs are through, by what became of them."""

    done: int = 0
    same: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment of a run. ``done`` counts items that are durable and searchable; ``rate`` is items a second, lately."""

    done: int
    same: int
    rejected: int
    seen: int
    total: int | None
    rate: float
    eta: float | None
    current: str
    note: str = ""
    """A sentence while the run waits for another writer."""


@dataclass(frozen=True, slots=True)
class AddReport:
    """What one ``add`` did.

    ``same``: there already, nothing done but perhaps a further source recorded. ``replaced``: items that went because
    the bytes at their only path changed. ``removed``: by ``--sync``. ``rejected_before``: passed over because they were
    rejected earlier and have not changed. ``stages``: CPU seconds for ``read`` and ``decode``, wall seconds for
    ``encode``.
    """

    added: int
    same: int
    replaced: int
    removed: int
    rejected: int
    rejected_before: int
    rejections: tuple[Rejection, ...]
    seconds: float
    stages: Mapping[str, float]
    interrupted: bool


class Meter:
    """Counts from several threads; calls back at most ten times a second."""

    def __init__(self, tell: Callable[[Progress], None] | None, *, same: int = 0) -> None:
        """``same``: how many were there before the run began, which its rate does not count."""
        self._tell = tell
        self._lock = Lock()
        self._began = monotonic()
        self._told = 0.0
        self._recent: deque[tuple[float, int]] = deque([(self._began, same)])
        self._stages: defaultdict[str, float] = defaultdict(float)
        self._rejections: list[Rejection] = []
        self._note = ""
        self.total: int | None = None
        self.seen = 0
        self.done = 0
        self.same = same
        self.replaced = 0
        self.removed = 0
        self.rejected = 0
        self.rejected_before = 0

    def spend(self, stage: str, seconds: float) -> None:
        with self._lock:
            self._stages[stage] += seconds

    def finish(self, item_ids: Sequence[str]) -> None:
        """These are durable and searchable now."""
        self.done += len(item_ids)

    def passed(self, copies: int = 1) -> None:
        """So many turned out to be there already."""
        with self._lock:
            self.same += copies

    def reject(self, rejection: Rejection) -> None:
        with self._lock:
            self.rejected += 1
            if len(self._rejections) < REJECTIONS_KEPT:
                self._rejections.append(rejection)

    def counts(self) -> Counts:
        """How far the run is."""
        return Counts(self.done, self.same, self.rejected)

    def waiting(self, sentence: str) -> None:
        self._note = sentence
        self.tick("", force=True)
        self._note = ""

    def tick(self, current: str, *, force: bool = False) -> None:
        """Tell the caller, if it is time."""
        now = monotonic()
        if self._tell is None or (now - self._told < TICK and not force):
            return
        self._told = now
        counts = self.counts()
        through = counts.done + counts.same + counts.rejected + self.rejected_before
        self._recent.append((now, through))
        while len(self._recent) > 2 and now - self._recent[0][0] > RATE_WINDOW:
            self._recent.popleft()
        since, before = self._recent[0]
        rate = (through - before) / max(now - since, 1e-3)
        eta = (self.total - through) / rate if self.total is not None and rate > 0 else None
        self._tell(
            Progress(
                counts.done, counts.same, counts.rejected, self.seen, self.total, rate, eta, current, note=self._note
            )
        )

    def report(self, *, interrupted: bool) -> AddReport:
        self.tick("", force=True)
        return AddReport(
            added=self.done,
            same=self.same,
            replaced=self.replaced,
            removed=self.removed,
            rejected=self.rejected,
            rejected_before=self.rejected_before,
            rejections=tuple(self._rejections),
            seconds=monotonic() - self._began,
            stages=dict(self._stages),
            interrupted=interrupted,
        )
