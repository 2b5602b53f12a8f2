"""Loaded segments in batches through the encoders, between decoding and writing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from morelike.errors import ItemError, NoSuchCollection
from morelike.prepare import EncoderLane, load_segments
from morelike.protocols import Modality
from morelike.types import Audio, Kind, Space, Vectors
from morelike.work import LONG, Part, Task, Work, run_length, runs

__all__ = ["Active", "Batches"]

BATCH = 32
BATCH_BYTES = 16 * 1024**2
"""A batch goes once it has so many bytes, however few its rows: ten seconds of sound take more than a megabyte."""
BATCHES_AHEAD = 2

Fail = Callable[[Work, ItemError], None]


@dataclass(slots=True, eq=False)
class _Batch:
    """Prepared payloads on their way to one space; each row is a work and an ordinal."""

    space: Space
    rows: list[tuple[Work, int]] = field(default_factory=list)
    prepared: list[Any] = field(default_factory=list)
    bytes: int = 0

    def add(self, work: Work, ordinal: int, prepared: Any) -> None:
        self.rows.append((work, ordinal))
        self.prepared.append(prepared)
        self.bytes += _bytes_of(prepared)

    @property
    def full(self) -> bool:
        return len(self.rows) >= BATCH or self.bytes >= BATCH_BYTES


class Batches:
    """Batches by space, a few ahead of the encoder.

    ``fail`` is told of items that the encoder cannot take, ``part`` of long items that have vectors to be written.
    Once ``cut_short`` says so, ``leave`` is told of what the encoder has not begun.
    """

    def __init__(
        self,
        lane_of: Callable[[Space], EncoderLane],
        fail: Fail,
        part: Callable[[Work], None],
        *,
        cut_short: Callable[[], bool] = lambda: False,
        leave: Callable[[Work], object] = lambda _: None,
    ) -> None:
        self._lane_of = lane_of
        self._fail = fail
        self._part = part
        self._cut_short = cut_short
        self._leave = leave
        self._open: dict[int, _Batch] = {}

    def encoded(self, loaded: Iterator[tuple[Task, Any]]) -> Generator[Work]:
        """An item goes on once its last segment has a vector."""
        running: deque[tuple[_Batch, Future[Vectors]]] = deque()
        for task, result in loaded:
            if isinstance(result, ItemError):
                self._fail(task.work, result)
            elif not task.work.failed:
                task.work.texts.update(task.texts)
                if (space := task.work.spaces.get(task.kind)) is None:  # found by its words only
                    yield from self._done(task.work, len(task.ordinals))
                else:
                    running.extend(self._filled(space, task, result))
            while len(running) > BATCHES_AHEAD or (running and running[0][1].done()):
                yield from self._collect(*running.popleft())
        left = list(self._open.values()) if self._cut_short() else []
        running.extend((batch, self._submit(batch)) for batch in self._open.values() if batch not in left)
        self._open = {}
        while running:
            batch, future = running.popleft()
            if self._cut_short() and future.cancel():
                left.append(batch)
            else:
                yield from self._collect(batch, future)
        for work in {work for batch in left for work, _ in batch.rows}:
            self._leave(work)

    def _filled(self, space: Space, task: Task, prepared: list[Any]) -> Iterator[tuple[_Batch, Future[Vectors]]]:
        """The batches that these rows fill."""
        for ordinal, one in zip(task.ordinals, prepared, strict=True):
            batch = self._open.setdefault(space.id, _Batch(space))
            batch.add(task.work, ordinal, one)
            if batch.full:
                del self._open[space.id]
                yield batch, self._submit(batch)

    def _submit(self, batch: _Batch) -> Future[Vectors]:
        return self._lane_of(batch.space).submit(batch.space.kind, batch.prepared)

    def _collect(self, batch: _Batch, future: Future[Vectors]) -> Iterator[Work]:
        try:
            vectors = future.result()
        except ItemError as error:
            if len(batch.rows) == 1:
                self._fail(batch.rows[0][0], error)
                return
            for (work, ordinal), prepared in zip(batch.rows, batch.prepared, strict=True):
                single = _Batch(batch.space)  # to find the one that the encoder cannot take; the others go on
                single.add(work, ordinal, prepared)
                yield from self._collect(single, self._submit(single))
            return
        for (work, ordinal), vector in zip(batch.rows, vectors, strict=True):
            work.vectors[ordinal] = vector
            yield from self._done(work, 1)

    def _done(self, work: Work, segments: int) -> Iterator[Work]:
        work.left -= segments
        if work.failed:
            work.vectors.clear()
        elif not work.left:
            yield work
        elif work.long and len(work.vectors) >= LONG:
            self._part(work)


def _bytes_of(prepared: Any) -> int:
    """As far as it can be told."""
    if isinstance(prepared, Audio):
        return prepared.samples.nbytes
    return prepared.nbytes if isinstance(prepared, np.ndarray) else 0


class Active:
    """The spaces that get vectors, and their lanes. ``spaces`` is replaced, never changed: an item keeps its own."""

    def __init__(self, spaces: Iterable[Space], lane_of: Callable[[Space], EncoderLane]) -> None:
        self.lane_of = lane_of
        self._seconds: dict[int, tuple[EncoderLane, float]] = {}
        self.spaces = self._chosen(spaces)

    def follow(self, spaces: Iterable[Space]) -> None:
        """A re-embedding may have made others active. Raises SpaceMismatch, ModelError, MissingExtra, and
        NoSuchCollection where none is left: what would be written now nothing leads to.
        """
        there = list(spaces)
        if not there:
            raise NoSuchCollection("the collection was dropped meanwhile")
        active = self._chosen(there)
        if active and {space.id for space in active.values()} != {space.id for space in self.spaces.values()}:
            self.spaces = active

    def encode(self, works: Iterable[Work], modality: Modality, fail: Fail, write: Callable[[Part], None]) -> None:
        """Give items that have vectors of other spaces the ones of these, run by run.

        ``write`` gets what a long item has in between; ``fail`` is told where it cannot be.
        """
        for work in works:
            work.spaces = self.spaces
            work.vectors.clear()
            try:
                for task in runs(work, run_length(modality)):
                    if (space := work.spaces.get(task.kind)) is None:
                        continue
                    lane = self.lane_of(space)
                    prepared = load_segments(modality, lane.encoder, work.reading.blob, task.specs)
                    work.vectors.update(zip(task.ordinals, lane.submit(space.kind, prepared).result(), strict=True))
                    if work.long and len(work.vectors) >= LONG:
                        write(work.take())
            except ItemError as error:
                fail(work, error)

    @property
    def seconds(self) -> float:
        """How long the encoders have worked since they were first seen here."""
        return sum(lane.seconds - before for lane, before in self._seconds.values())

    def _chosen(self, spaces: Iterable[Space]) -> dict[Kind, Space]:
        active = {space.kind: space for space in spaces if space.active and space.card.form != "terms"}
        for space in active.values():
            if space.id not in self._seconds:
                lane = self.lane_of(space)
                self._seconds[space.id] = lane, lane.seconds
        return active
