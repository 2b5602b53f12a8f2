"""One encoder, the one thread that runs it, and who may go next: queries share batches and go before ``add``'s."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition
from time import perf_counter
from typing import Any

import numpy as np

from morelike.errors import EncodeError, MorelikeError, StoreError, TooBusy
from morelike.protocols import Encoder
from morelike.types import Kind, Vectors

__all__ = ["EncoderLane", "LaneStats", "encoding"]

BULK_WAITING = 8
"""So many batches of ``add`` and its like may wait; whoever brings more is held up."""
QUERIES_IN_A_ROW = 4
"""After so many batches of queries one of ``add``'s gets its turn."""


@contextmanager
def encoding(encoder: Encoder) -> Iterator[None]:
    """An encoder may be anybody's code: what it raises on an item is an EncodeError."""
    try:
        yield
    except (MorelikeError, MemoryError):
        raise
    except Exception as error:
        raise EncodeError(f"the encoder {encoder.card.name} failed: {error!r}") from error


@dataclass(frozen=True, slots=True)
class LaneStats:
    """What a lane has done since it was made, and what waits. A query is one call of ``ask``."""

    encoder: str
    waiting: int
    """Queries that wait now."""
    queries: int
    query_batches: int
    query_payloads: int
    query_seconds: float
    refused: int
    """Queries that found the queue full."""
    bulk_waiting: int
    bulk_batches: int
    bulk_payloads: int
    bulk_seconds: float


@dataclass(slots=True, eq=False)
class _Asked:
    """Payloads of one kind whose vectors somebody waits for."""

    kind: Kind
    payloads: list[Any]
    future: Future[Vectors] = field(default_factory=Future)


@dataclass(slots=True, eq=False)
class _Queue:
    """What waits, and what was done of its sort."""

    waiting: deque[_Asked] = field(default_factory=deque)
    asked: int = 0
    batches: int = 0
    payloads: int = 0
    seconds: float = 0.0

    def take(self, limit: int) -> list[_Asked]:
        """The first that still wants an answer, and those of its kind that fit into one batch with it, in order."""
        taken: list[_Asked] = []
        left: deque[_Asked] = deque()
        room = limit
        while self.waiting:
            asked = self.waiting.popleft()
            fits = not taken or (asked.kind == taken[0].kind and len(asked.payloads) <= room)
            if not fits:
                left.append(asked)
            elif asked.future.set_running_or_notify_cancel():  # nobody waits for a cancelled one
                taken.append(asked)
                room -= len(asked.payloads)
            if taken and room <= 0:
                break
        self.waiting.extendleft(reversed(left))
        return taken


class EncoderLane:
    """Every caller queues here. A free encoder takes what waits at that moment and never waits for more to come.

    A query's vectors are what it would get alone, as far as the encoder's own do not depend on the batch.
    """

    def __init__(self, encoder: Encoder, *, query_batch: int = 16, query_queue: int = 256) -> None:
        self.encoder = encoder
        self._query_batch = query_batch
        self._query_queue = query_queue
        self._queries = _Queue()
        self._bulk = _Queue()
        self._refused = 0
        self._in_a_row = 0
        self._turn = Condition()
        self._closed = False
        # Each call asks the thread for one turn; a turn that finds nothing left to do ends at once.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"encoder {encoder.card.name}")

    @property
    def seconds(self) -> float:
        """How long the encoder itself has worked on what ``submit`` brought."""
        return self._bulk.seconds

    def submit(self, kind: Kind, batch: list[Any]) -> Future[Vectors]:
        """A whole batch of prepared payloads to (n, dim) vectors; waits where too many batches wait already.

        Raises StoreError once the library was closed.
        """
        with self._turn:
            self._turn.wait_for(lambda: self._closed or len(self._bulk.waiting) < BULK_WAITING)
            return self._append(self._bulk, kind, batch)

    def ask(self, kind: Kind, payloads: list[Any]) -> Future[Vectors]:
        """A query's prepared payloads to (n, dim) vectors, in one batch with other queries that wait.

        Raises TooBusy where too many wait, StoreError once the library was closed.
        """
        with self._turn:
            if len(self._queries.waiting) >= self._query_queue and not self._closed:
                self._refused += 1
                raise TooBusy(
                    f"{self._query_queue} queries wait for the encoder {self.encoder.card.name}",
                    hint="ask again in a moment; the setting query_queue bounds how many may wait",
                )
            return self._append(self._queries, kind, payloads)

    def stats(self) -> LaneStats:
        queries, bulk = self._queries, self._bulk
        with self._turn:
            return LaneStats(
                encoder=self.encoder.card.name,
                waiting=len(queries.waiting),
                queries=queries.asked,
                query_batches=queries.batches,
                query_payloads=queries.payloads,
                query_seconds=queries.seconds,
                refused=self._refused,
                bulk_waiting=len(bulk.waiting),
                bulk_batches=bulk.batches,
                bulk_payloads=bulk.payloads,
                bulk_seconds=bulk.seconds,
            )

    def close(self) -> None:
        """The batch at work is finished; what waits gets a StoreError. Repeatable."""
        with self._turn:
            self._closed = True
            left = [*self._queries.waiting, *self._bulk.waiting]
            self._queries.waiting.clear()
            self._bulk.waiting.clear()
            self._turn.notify_all()
        for asked in left:
            if asked.future.set_running_or_notify_cancel():
                asked.future.set_exception(_was_closed())
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _append(self, queue: _Queue, kind: Kind, payloads: list[Any]) -> Future[Vectors]:
        if self._closed:
            raise _was_closed()
        asked = _Asked(kind, payloads)
        try:
            self._thread.submit(self._run)
        except RuntimeError as error:  # the interpreter is going down
            raise _was_closed() from error
        queue.asked += 1
        queue.waiting.append(asked)
        return asked.future

    # On the encoder's thread.

    def _run(self) -> None:
        with self._turn:
            queue, batch = self._next()
            self._turn.notify_all()
        if batch:
            try:
                payloads = [payload for asked in batch for payload in asked.payloads]
                vectors = self._encode(queue, payloads, batch[0].kind)
            except BaseException as error:  # whoever waits gets it
                self._one_by_one(queue, batch, error)
            else:
                _share_out(batch, vectors)

    def _next(self) -> tuple[_Queue, list[_Asked]]:
        starving = self._in_a_row >= QUERIES_IN_A_ROW and self._bulk.waiting
        if self._queries.waiting and not starving and (batch := self._queries.take(self._query_batch)):
            self._in_a_row += 1
            return self._queries, batch
        self._in_a_row = 0
        return self._bulk, self._bulk.take(1)  # made to measure by who submitted it: nothing is put beside it

    def _one_by_one(self, queue: _Queue, batch: list[_Asked], error: BaseException) -> None:
        """Whose payload it is that the encoder cannot take; the others get their vectors."""
        if len(batch) == 1:
            batch[0].future.set_exception(error)
            return
        for asked in batch:
            try:
                asked.future.set_result(self._encode(queue, asked.payloads, asked.kind))
            except BaseException as own:  # likewise
                asked.future.set_exception(own)

    def _encode(self, queue: _Queue, payloads: list[Any], kind: Kind) -> Vectors:
        step = self._query_batch if queue is self._queries else len(payloads)  # one query may have any number of them
        starts = range(0, len(payloads), step) if payloads else [0]
        parts = [self._encode_once(queue, payloads[start : start + step], kind) for start in starts]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _encode_once(self, queue: _Queue, payloads: list[Any], kind: Kind) -> Vectors:
        began = perf_counter()
        try:
            with encoding(self.encoder):
                vectors = self.encoder.encode(kind, payloads)
        finally:
            queue.seconds += perf_counter() - began
            queue.batches += 1
            queue.payloads += len(payloads)
        if len(vectors) != len(payloads):
            card = self.encoder.card
            raise EncodeError(f"the encoder {card.name} gave {len(vectors)} vectors for {len(payloads)} payloads")
        return vectors


def _share_out(batch: list[_Asked], vectors: Vectors) -> None:
    start = 0
    for asked in batch:
        end = start + len(asked.payloads)
        # a copy, so that one who keeps its own vectors does not keep everybody's
        asked.future.set_result(vectors if len(batch) == 1 else vectors[start:end].copy())
        start = end


def _was_closed() -> StoreError:
    return StoreError("the library was closed", hint="open it again")
