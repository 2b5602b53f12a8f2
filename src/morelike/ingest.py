"""From sources to searchable items: read, claim, split, decode, encode, finish. A plain loop over named stages.

Durable order: blobs, then pending rows, then vectors, and last the transaction that turns items ready. What
``AddReport`` and ``Progress.done`` count is on disk.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from threading import Event, Lock
from time import thread_time
from typing import Any

from morelike.batches import Active
from morelike.cutting import Cutting
from morelike.deletion import delete_items
from morelike.errors import ItemError, SourceError
from morelike.known import DONE, Known
from morelike.ledger import Ledger
from morelike.originals import keep_copies
from morelike.parts import delete_parts, lacks_parts, upsert_parts
from morelike.prepare import (
    Budget,
    EncoderLane,
    Reading,
    chunked,
    decode_pool,
    map_ahead,
    read_blob,
)
from morelike.progress import AddReport, Meter, Progress
from morelike.protocols import Modality
from morelike.sync import drop_gone
from morelike.types import Blob, Claim, Collection, Finished, Source, Space
from morelike.wiring import Stores
from morelike.work import InWork, Options, Part, Work
from morelike.writer import Writer

__all__ = ["Ingest", "Options"]

READERS = 16
"""Threads for what comes over a network: they wait for answers more than they work."""


class Ingest:
    """Adds blobs to one collection. One instance serves one run."""

    def __init__(
        self,
        stores: Stores,
        collection: Collection,
        modality: Modality,
        lane_of: Callable[[Space], EncoderLane],
        spaces: Sequence[Space],
        *,
        options: Options,
        progress: Callable[[Progress], None] | None = None,
        meter: Meter | None = None,
        stop: Event | None = None,
        part: bool = False,
    ) -> None:
        """``meter``: one that counts otherwise, instead of ``progress``. ``part``: of a larger run, whose leader sweeps
        the blob store before it and has the vectors' snapshot written after it.
        """
        self._stores = stores
        self._collection = collection
        self._modality = modality
        self._terms = next((space for space in spaces if space.active and space.card.form == "terms"), None)
        self._active = Active(spaces, lane_of)
        self._options = options
        self._meter = meter or Meter(progress)
        self._ledger = Ledger(stores, collection, self._meter)
        self._workers = stores.settings.workers or os.cpu_count() or 1
        self._window = stores.settings.look_ahead
        self._in_work = InWork()
        self._again: list[Blob] = []
        self._budget = Budget()
        self._failing = Lock()
        self._stop = stop or Event()
        self._is_part = part
        self._known = Known(stores, collection, options, meter=self._meter, ledger=self._ledger, stop=self._stop)
        self._writer = Writer()
        self._to_nothing: deque[Work] = deque()
        self._cutting = Cutting(
            collection,
            modality,
            self._active,
            self._meter,
            self._stop,
            words=self._terms is not None,
            fail=self._fail,
            leave=self._give_up,
        )
        self.ended = False

    def run(self, sources: Iterable[tuple[str, Iterator[Blob]]]) -> AddReport:
        """Add all that ``(origin, blobs)`` pairs yield. Setting ``stop`` ends it soon: what it leaves stays pending.

        Raises StoreError, ModelError and KeyboardInterrupt; what was reported until then stays.
        """
        pool, readers = decode_pool(self._workers), decode_pool(max(READERS, self._workers))
        try:
            if not self._is_part:
                self._writer.do(self._alone, self._stores.blobs.sweep)  # what a crash left half written
            for origin, blobs in sources:
                self._known.begin(origin)
                self._run_one(blobs, pool, readers)
                while self._again:
                    again, self._again = self._again, []
                    self._meter.seen -= len(again)
                    self._run_one(iter(again), pool, readers)
                if self._stop.is_set():
                    break
                if self._options.sync and origin:  # what came from memory or from the ledger lies nowhere
                    seen, waiting = self._known.seen, self._meter.waiting
                    self._meter.removed += drop_gone(self._stores, self._collection, origin, seen, waiting=waiting)
        finally:
            readers.shutdown(wait=True, cancel_futures=True)
            pool.shutdown(wait=True, cancel_futures=True)
            self._writer.close()
            self.ended = True
        self._meter.spend("encode", self._active.seconds)
        return self._meter.report(interrupted=self._stop.is_set())

    def say(self, sentence: str) -> None:
        self._meter.waiting(sentence)

    def expect(self, total: int) -> None:
        """How many blobs are coming, once somebody has counted them."""
        self._meter.total = total

    def _run_one(self, blobs: Iterator[Blob], pool: ThreadPoolExecutor, readers: ThreadPoolExecutor) -> None:
        changed = self._known.changed(blobs)
        readings = map_ahead(readers if "://" in self._known.origin else pool, self._read, changed, self._window)
        works = self._claimed(readings)
        described = map_ahead(pool, self._cutting.describe, works, self._window)
        tasks = self._cutting.tasks(described)
        segments = map_ahead(pool, self._cutting.load, tasks, self._window, cost=lambda task: len(task.ordinals))
        done = self._cutting.encoded(segments, self._part)
        settings = self._stores.settings
        writer = self._writer
        stages = (changed, readings, works, described, tasks, segments, done)
        try:
            for group in chunked(done, settings.commit_items, settings.commit_seconds):
                writer.next(self._finish, group)
        finally:
            for stage in reversed(stages):
                stage.close()
            writer.wait()
            writer.do(self._ledger.flush)
            writer.do(self._alone, self._tidy)

    # Stage by stage. Those named without "map_ahead" above run in the calling thread.

    def _read(self, blob: Blob) -> Reading:
        began = thread_time()
        reading = read_blob(blob, self._modality, self._budget)
        self._meter.spend("read", thread_time() - began)
        return reading

    def _claimed(self, readings: Iterator[tuple[Blob, Reading | ItemError]]) -> Generator[Work]:
        """Ask the catalog by digest; store the blobs of new items and make them pending; pass those on."""
        settings = self._stores.settings
        unclaimed: deque[Future[None]] = deque()
        for window in chunked(readings, min(self._window, settings.commit_items), 0.5):
            good: list[Reading] = []
            for blob, result in window:
                if isinstance(result, ItemError):
                    self._ledger.reject(blob, "", result)
                    if self._options.sync and blob.path is None and isinstance(result, SourceError):
                        self._known.seen.could_not_read(blob.uri)
                else:
                    good.append(result)
            works, copies, claims = self._sort_out(good)
            unclaimed.append(self._writer.later(self._claim, works, copies, claims))
            if self._ledger.full:
                unclaimed.append(self._writer.later(self._ledger.flush))
            yield from works  # the writer keeps the order: no item turns ready before it is claimed
            while len(unclaimed) > 1:
                unclaimed.popleft().result()
        for future in unclaimed:
            future.result()

    def _sort_out(self, readings: list[Reading]) -> tuple[list[Work], list[Reading], list[Claim]]:
        """New items, and copies of what is there or on its way; a copy on its way shares the item's fate."""
        works: list[Work] = []
        copies: list[Reading] = []
        claims: list[Claim] = []
        running = self._in_work.those(reading.item_id for reading in readings)  # before asking: they may finish
        ready = self._ready(reading.item_id for reading in readings)
        for reading in readings:
            item_id = reading.item_id
            if self._in_work.wait(item_id, reading.found):
                pass
            elif item_id in ready or (item_id in running and self._ready([item_id])):  # it finished just now
                self._meter.passed()
                self._known.forgive([reading.blob.uri])
            else:
                self._in_work.begin(item_id)
                works.append(Work(reading))
                claims.append(self._claim_of(reading, copy=False))
                continue
            copies.append(reading)
            claims.append(self._claim_of(reading, copy=True))
        return works, copies, claims

    def _ready(self, item_ids: Iterable[str]) -> set[str]:
        known = self._stores.catalog.known(self._collection, list(item_ids))
        return {item_id for item_id, state in known.items() if state in DONE}

    def _claim_of(self, reading: Reading, *, copy: bool) -> Claim:
        blob = reading.blob
        item_id, earlier = self._known.earlier(blob)
        words = earlier.metadata if item_id == reading.item_id else {}
        source = Source(
            uri=blob.uri,
            name=blob.name,
            size=reading.digest.size,
            modified_ns=blob.modified_ns,
            metadata={**words, **blob.metadata, **self._options.metadata},
            origin=self._known.origin or blob.origin or earlier.origin,
        )
        # a name that is not UTF-8 cannot be found again from its uri: such a file is copied
        may_stay = blob.lasting or (blob.path is not None and blob.uri == str(blob.path))
        in_place = (may_stay and (copy or self._options.in_place)) or (copy and reading.other_bytes)
        return Claim(reading.item_id, reading.digest, reading.media_type, source, in_place, self._options.tags)

    def _claim(self, works: list[Work], copies: list[Reading], claims: list[Claim]) -> None:
        """On the writer's thread: blobs first, then their pending rows."""
        if not claims:
            return
        stores = self._stores
        with stores.lock.hold(f"add to {self._collection.name}", waiting=self._meter.waiting):
            to_keep = {claim.item_id for claim in claims if not claim.in_place}
            self._keep([work for work in works if work.item_id in to_keep])
            unkept = keep_copies(stores, [copy for copy in copies if copy.item_id in to_keep])
            if unkept:
                claims = [replace(claim, in_place=True) if claim.item_id in unkept else claim for claim in claims]
            orphans = stores.catalog.claim(self._collection, claims)
            if orphans:
                self._meter.replaced += len(orphans)
                delete_items(stores, self._collection, orphans)
        for copy in copies:
            self._budget.give(copy.kept)

    def _keep(self, works: list[Work]) -> None:
        """Store the blobs of a group; one that changed under our hands is rejected, the others are stored."""
        try:
            self._stores.blobs.put_many([(work.reading.digest, work.reading.blob) for work in works])
        except ItemError as error:
            if len(works) == 1:
                self._fail(works[0], error)
                return
            for work in works:
                self._keep([work])

    def _give_up(self, work: Work) -> bool:
        """Whether it was this call that did so. Nothing of the item is written from here on, and what was is removed.

        From any thread.
        """
        with self._failing:
            if work.failed:
                return False
            work.failed = True
            if work.long:
                self._to_nothing.append(work)
        self._budget.give(work.reading.kept)
        return True

    def _part(self, work: Work) -> None:
        self._writer.next(self._write_part, work.take())

    def _write_part(self, part: Part) -> None:
        """On the writer's thread: vectors of an item that is not whole yet, and that no search shows until it is."""
        stores = self._stores
        with stores.lock.hold(f"add to {self._collection.name}", waiting=self._meter.waiting):
            self._clean()
            there = {space.id for space in stores.catalog.spaces(self._collection)}
            spaces = {kind: space for kind, space in part.spaces.items() if space.id in there}
            if not part.work.failed:
                part.work.parted = True
                upsert_parts(stores, [replace(part, spaces=spaces)])
        self._meter.tick(part.work.reading.blob.name)

    def _clean(self) -> None:
        """On the writer's thread, under the lock: what was written of items that came to nothing."""
        while self._to_nothing:
            delete_parts(self._stores, self._collection, self._to_nothing.popleft())

    def _tidy(self) -> None:
        self._clean()
        if not self._is_part:
            self._stores.vectors.checkpoint()

    def _finish(self, works: list[Work]) -> None:
        """On the writer's thread: vectors first, then, last, the items turn ready."""
        stores = self._stores
        while True:
            works = [work for work in works if not work.failed]
            with stores.lock.hold(f"add to {self._collection.name}", waiting=self._meter.waiting):
                self._clean()
                self._active.follow(stores.catalog.spaces(self._collection))
                now = self._active.spaces
                stale = [work for work in works if work.spaces is not now or lacks_parts(stores, work)]
                if not stale:
                    upsert_parts(stores, [work.take() for work in works], self._terms)
                    finished = [Finished(work.item_id, work.info, work.segments) for work in works]
                    stores.catalog.finish(self._collection, finished)
                    break
            self._active.encode(
                stale, self._modality, self._fail, self._write_part
            )  # outside the lock: it takes a while
        self._meter.finish([work.item_id for work in works])
        for work in works:
            copies, number = self._in_work.end(work.item_id)
            self._meter.passed(number)
            self._budget.give(work.reading.kept)
            self._known.forgive([work.reading.blob.uri, *(copy.uri for copy in copies)])
        if works:
            self._meter.tick(works[-1].reading.blob.name)

    def _alone(self, action: Callable[[], Any]) -> None:
        with self._stores.lock.hold(f"add to {self._collection.name}", waiting=self._meter.waiting):
            action()

    def _fail(self, work: Work, error: ItemError) -> None:
        """From any thread."""
        if not self._give_up(work):
            return
        self._ledger.reject(work.reading.blob, work.item_id, error)
        copies, _ = self._in_work.end(work.item_id)
        if isinstance(error, SourceError):  # a copy may be had where the first could not
            self._again.extend(copies)
            return
        for copy in copies:
            same = type(error)(f"the same bytes as {work.reading.blob.uri}: {error.message}", hint=error.hint)
            self._ledger.reject(copy, work.item_id, same)
