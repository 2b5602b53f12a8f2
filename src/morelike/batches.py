"""Loaded segments in batches through the encoders, between decoding and writing; and their vectors to the store."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from morelike.errors import ItemError
from morelike.prepare import EncoderLane, load_segment
from morelike.protocols import Modality
from morelike.types import Kind, Space, segment_id
from morelike.wiring import Stores
from morelike.work import Task, Work

__all__ = ["Active", "Batches", "upsert_vectors"]

BATCH = 32
BATCHES_AHEAD = 2

Batch = list[tuple[Task, Any]]


class Batches:
    """Batches by space, a few ahead of the encoder. ``fail`` is told of items that the encoder cannot take."""

    def __init__(self, lane_of: Callable[[Space], EncoderLane], fail: Callable[[Work, ItemError], None]) -> None:
        self._lane_of = lane_of
        self._fail = fail

    def encoded(self, loaded: Iterator[tuple[Task, Any]]) -> Generator[Work]:
        """An item goes on once its last segment has a vector."""
        batches: defaultdict[int, Batch] = defaultdict(list)
        running: deque[tuple[Batch, Future[Any]]] = deque()
        for task, result in loaded:
            if isinstance(result, ItemError):
                self._fail(task.work, result)
            elif (space := task.work.spaces.get(task.spec.kind)) is None:  # found by its words only
                yield from _have(task, None)
            elif not task.work.failed:
                batch = batches[space.id]
                batch.append((task, result))
                if len(batch) >= BATCH:
                    running.append((batch, self._submit(batch)))
                    del batches[space.id]
            while len(running) > BATCHES_AHEAD or (running and running[0][1].done()):
                yield from self._collect(*running.popleft())
        running.extend((batch, self._submit(batch)) for batch in batches.values() if batch)
        while running:
            yield from self._collect(*running.popleft())

    def _submit(self, batch: Batch) -> Future[Any]:
        task = batch[0][0]
        space = task.work.spaces[task.spec.kind]
        return self._lane_of(space).submit(space.kind, [prepared for _, prepared in batch])

    def _collect(self, batch: Batch, future: Future[Any]) -> Iterator[Work]:
        try:
            vectors = future.result()
        except ItemError as error:
            if len(batch) == 1:
                self._fail(batch[0][0].work, error)
                return
            for single in batch:  # find the one that the encoder cannot take; the others go on
                yield from self._collect([single], self._submit([single]))
            return
        for (task, _), vector in zip(batch, vectors, strict=True):
            yield from _have(task, vector)


def _have(task: Task, vector: Any) -> Iterator[Work]:
    work = task.work
    work.vectors[task.ordinal] = vector
    if not work.failed and len(work.vectors) == len(work.specs):
        yield work


class Active:
    """The spaces that get vectors, and their lanes. ``spaces`` is replaced, never changed: an item keeps its own."""

    def __init__(self, spaces: Iterable[Space], lane_of: Callable[[Space], EncoderLane]) -> None:
        self.lane_of = lane_of
        self._seconds: dict[int, tuple[EncoderLane, float]] = {}
        self.spaces = self._chosen(spaces)

    def follow(self, spaces: Iterable[Space]) -> None:
        """A re-embedding may have made others active. Raises SpaceMismatch, ModelError, MissingExtra."""
        active = self._chosen(spaces)
        if active and {space.id for space in active.values()} != {space.id for space in self.spaces.values()}:
            self.spaces = active

    def encode(self, works: Iterable[Work], modality: Modality, fail: Callable[[Work, ItemError], None]) -> None:
        """Give items that have vectors of other spaces the ones of these; ``fail`` is told where that cannot be."""
        for work in works:
            work.spaces = self.spaces
            try:
                for ordinal, spec in enumerate(work.specs):
                    if (space := work.spaces.get(spec.kind)) is not None:
                        lane = self.lane_of(space)
                        prepared = load_segment(modality, lane.encoder, work.reading.blob, spec)
                        work.vectors[ordinal] = lane.submit(space.kind, [prepared]).result()[0]
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


def upsert_vectors(stores: Stores, works: Sequence[Work], terms: Space | None = None) -> None:
    """Write what the items have for each space: vectors, and their texts for ``terms``."""
    rows: defaultdict[int, list[tuple[int, Any]]] = defaultdict(list)
    spaces = {space.id: space for work in works for space in work.spaces.values()}
    for work in works:
        for segment in work.segments:
            if (space := work.spaces.get(segment.kind)) is not None:
                rows[space.id].append((segment.id, work.vectors[segment.ordinal]))
    for space_id, pairs in rows.items():
        ids, vectors = zip(*pairs, strict=True)
        stores.vectors.upsert(spaces[space_id], np.array(ids, dtype=np.int64), np.stack(vectors))
    if terms is not None:
        texts = {segment_id(work.item_id, at): text for work in works for at, text in work.texts.items()}
        stores.terms.upsert(terms, np.array(list(texts), dtype=np.int64), list(texts.values()))
