"""Loaded segments in batches through the encoders: the stage of ``add`` between decoding and writing."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future
from typing import Any

from morelike.errors import ItemError
from morelike.prepare import EncoderLane
from morelike.types import Kind, Space
from morelike.work import Task, Work

__all__ = ["Batches"]

BATCH = 32
BATCHES_AHEAD = 2

Batch = list[tuple[Task, Any]]


class Batches:
    """Batches by kind, a few ahead of the encoder. ``fail`` is told of items that the encoder cannot take."""

    def __init__(
        self,
        lanes: Mapping[int, EncoderLane],
        spaces: Mapping[Kind, Space],
        fail: Callable[[Work, ItemError], None],
    ) -> None:
        self._lanes = lanes
        self._spaces = spaces
        self._fail = fail

    def encoded(self, loaded: Iterator[tuple[Task, Any]]) -> Generator[Work]:
        """An item goes on once its last segment has a vector."""
        batches: defaultdict[str, Batch] = defaultdict(list)
        running: deque[tuple[Batch, Future[Any]]] = deque()
        for task, result in loaded:
            if isinstance(result, ItemError):
                self._fail(task.work, result)
            elif task.spec.kind not in self._spaces:  # found by its words only
                yield from _have(task, None)
            elif not task.work.failed:
                batch = batches[task.spec.kind]
                batch.append((task, result))
                if len(batch) >= BATCH:
                    running.append((batch, self._submit(batch)))
                    del batches[task.spec.kind]
            while len(running) > BATCHES_AHEAD or (running and running[0][1].done()):
                yield from self._collect(*running.popleft())
        running.extend((batch, self._submit(batch)) for batch in batches.values() if batch)
        while running:
            yield from self._collect(*running.popleft())

    def _submit(self, batch: Batch) -> Future[Any]:
        space = self._spaces[batch[0][0].spec.kind]
        return self._lanes[space.id].submit(space.kind, [prepared for _, prepared in batch])

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
