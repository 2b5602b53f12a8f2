"""An old server's data into a collection: bytes, then pending rows, then its own vectors, and last the items ready.

The order of durability is that of ``add``, and so are the ledger and what a second run does: what is there is passed
over, so that a run which ended in any way is gone on with by the same call.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from morelike.bundle.plan import check_spaces
from morelike.deletion import delete_items
from morelike.errors import ItemError, SourceError, SpaceMismatch
from morelike.ledger import Ledger
from morelike.moving.places import MOST_VECTORS, Place
from morelike.moving.vectors import FetchesVectors
from morelike.prepare import Budget, Reading, chunked, decode_pool, decoding, map_ahead, read_blob
from morelike.progress import Meter, Progress
from morelike.protocols import Modality
from morelike.types import (
    WHOLE,
    Blob,
    Claim,
    Collection,
    Finished,
    Metadata,
    Rejection,
    Segment,
    Source,
    Space,
    Span,
    segment_id,
)
from morelike.wiring import Stores

__all__ = ["DONE", "Check", "Move", "MoveReport", "Taken"]

DONE: Final = frozenset({"ready", "duplicate"})
_PAGE: Final = 128
_VECTORS: Final = 4096
"""So many vectors are in memory at once, or those of one item."""
_UNIT: Final = 1e-3
"""How far from 1 the length of a vector of a cosine space may be."""


@dataclass(frozen=True, slots=True)
class MoveReport:
    """What one run did. ``vectors``: brought over as they were; none where the files were encoded anew.

    ``same``: paths that were there already. ``rejected``: rows that could not be brought in; the ledger says why.
    """

    collection: str
    encoder: str
    added: int
    same: int
    rejected: int
    vectors: int
    rejections: tuple[Rejection, ...]
    seconds: float
    interrupted: bool


@dataclass(slots=True)
class Taken:
    """A place whose bytes were looked at, and the vectors that it has in Milvus, each with its position."""

    place: Place
    reading: Reading
    info: Metadata
    vectors: list[tuple[int, NDArray[np.float32]]] = field(default_factory=list)


Check = Callable[[Space, Sequence[Taken]], None]
"""Is shown each group of files with their vectors before it is written; raises SpaceMismatch where the card did not
make them.
"""


class Move:
    """Fills one space with an old server's vectors. One instance serves one run.

    ``keep``: store the bytes, which are somewhere else; otherwise files are referred to where they are.
    """

    def __init__(
        self,
        stores: Stores,
        found: Collection,
        modality: Modality,
        space: Space,
        vectors: FetchesVectors,
        *,
        keep: bool,
        origin: str,
        check: Check | None,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
    ) -> None:
        if vectors.dim != space.card.dim:
            raise SpaceMismatch(
                f"the {vectors.where} has {vectors.dim} numbers a vector, and {space.card.name} makes {space.card.dim}",
                hint="name the encoder that made them, or leave --encoder out: then the files are encoded anew",
            )
        self._stores = stores
        self._found = found
        self._modality = modality
        self._space = space
        self._old = vectors
        self._keep = keep
        self._origin = origin
        self._check = check
        self._step = float(found.options["every"]) if "every" in found.options else None
        self._meter = Meter(progress)
        self._ledger = Ledger(stores, found, self._meter)
        self._budget = Budget()
        self._stop = stop or Event()
        self._purpose = f"import into {found.name}"
        self._moved = 0

    def run(self, places: Iterator[Place], total: int | None = None) -> MoveReport:
        """Raises SpaceMismatch, StoreError. What was brought in before stays."""
        self._meter.total = total
        pool = decode_pool(self._stores.settings.workers or os.cpu_count() or 1)
        try:
            with self._stores.lock.hold(self._purpose, waiting=self._meter.waiting):
                self._stores.blobs.sweep()  # what a crash left half written
            for page in chunked(self._until_stopped(places), _PAGE, 2.0):
                self._page(page, pool)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            self._ledger.flush()
        report = self._meter.report(interrupted=self._stop.is_set())
        return MoveReport(
            self._found.name,
            self._space.card.id,
            report.added,
            report.same,
            report.rejected,
            self._moved,
            report.rejections,
            report.seconds,
            report.interrupted,
        )

    def _until_stopped(self, places: Iterable[Place]) -> Iterator[Place]:
        for place in places:
            if self._stop.is_set():
                return
            self._meter.seen += 1
            yield place

    # Stage by stage

    def _page(self, page: Sequence[Place], pool: ThreadPoolExecutor) -> None:
        known = self._stores.catalog.known_sources(self._found, [place.uri for place in page])
        waiting: list[Taken] = []
        rows = 0
        for place, read in map_ahead(pool, lambda place: self._read(place, known.get(place.uri)), page, _PAGE):
            if isinstance(read, ItemError):
                self._reject(place, read)
            elif read is None:
                self._meter.passed()
                self._meter.tick(place.name)
            else:
                if waiting and rows + len(place.ids) > _VECTORS:
                    self._write(waiting)
                    waiting, rows = [], 0
                waiting.append(read)
                rows += len(place.ids)
        if waiting:
            self._write(waiting)
        self._ledger.flush()

    def _read(self, place: Place, known: tuple[Source, str, str] | None) -> Taken | None:
        """On the pool; None where it is there already. Raises ItemError, StoreError."""
        done = known is not None and known[2] in DONE
        if done and place.fixed:
            return None
        blob = place.find()
        if done and known is not None and (known[0].size, known[0].modified_ns) == (blob.size, blob.modified_ns):
            return None
        if not place.md5 and not any(number is not None for number in place.ids):
            raise SourceError(f"the row of {place.uri} names no vector", hint="without --encoder it is encoded anew")
        if len(place.ids) > MOST_VECTORS:
            raise SourceError(f"{place.uri} has more than {MOST_VECTORS:,} rows", hint="add the file by itself")
        reading = read_blob(blob, self._modality, self._budget)
        try:
            with decoding(reading.blob):
                return Taken(place, reading, self._modality.describe(reading.blob))
        except BaseException:
            self._budget.give(reading.kept)
            raise

    def _write(self, taken: Sequence[Taken]) -> None:
        try:
            good = self._with_vectors(taken)
            if good and self._check is not None:
                self._check(self._space, good)
            with self._stores.lock.hold(self._purpose, waiting=self._meter.waiting):
                check_spaces(self._stores, self._found, [self._space])
                self._write_locked(self._kept(good) if self._keep else good)
        finally:
            for one in taken:
                self._budget.give(one.reading.kept)

    def _with_vectors(self, taken: Sequence[Taken]) -> list[Taken]:
        """Those that have any; of vectors that are equal the first, since loading a folder twice made two rows."""
        good: list[Taken] = []
        for one, vectors in zip(taken, self._fetched(taken), strict=True):
            seen: set[bytes] = set()
            why = f"the {self._old.where} has no vector of {one.place.uri}"
            for position, vector in vectors:
                if fault := self._fault(vector):
                    why = f"the vector of {one.place.uri} {fault}"
                elif (data := vector.tobytes()) not in seen:
                    seen.add(data)
                    one.vectors.append((position, vector))
            if one.vectors:
                good.append(one)
            else:
                self._reject(one.place, SourceError(why, hint="without --encoder it is encoded anew"), one.reading)
        return good

    def _fetched(self, taken: Sequence[Taken]) -> list[list[tuple[int, NDArray[np.float32]]]]:
        """What Milvus has of each, with its position: by id, else by MD5, since some tables cut their ids short."""
        found = self._old.fetch([number for one in taken for number in one.place.ids if number is not None])
        each = [
            [(at, found[number]) for at, number in enumerate(one.place.ids) if number is not None and number in found]
            for one in taken
        ]
        without = [one.place.md5 for one, own in zip(taken, each, strict=True) if one.place.md5 and not own]
        if without:
            by_md5 = self._old.fetch_by_hash(without)
            for one, own in zip(taken, each, strict=True):
                if not own and one.place.md5 in by_md5:
                    own.append((0, by_md5[one.place.md5]))
        return each

    def _fault(self, vector: NDArray[np.float32]) -> str:
        if vector.shape != (self._space.card.dim,) or not np.isfinite(vector).all():
            return "holds a number that is not finite"
        length = float(np.linalg.norm(vector))
        if self._space.card.metric == "cosine" and abs(length - 1) > _UNIT:
            return f"is {length:.4g} long, and those of {self._space.card.name} are 1"
        return ""

    def _kept(self, good: Sequence[Taken]) -> list[Taken]:
        """Store the bytes of all of them together; where that fails, one by one."""
        try:
            self._stores.blobs.put_many([(one.reading.digest, one.reading.blob) for one in good])
        except ItemError as error:
            if len(good) == 1:
                self._reject(good[0].place, error, good[0].reading)
                return []
            return [one for each in good for one in self._kept([each])]
        return list(good)

    def _write_locked(self, good: Sequence[Taken]) -> None:
        if not good:
            return
        catalog = self._stores.catalog
        there = catalog.known(self._found, [one.reading.item_id for one in good])
        new: dict[str, Taken] = {}
        for one in good:  # a copy of what is there, or comes now, is a further source and nothing else
            if there.get(one.reading.item_id) not in DONE:
                new.setdefault(one.reading.item_id, one)
        if orphans := catalog.claim(self._found, [self._claim(one) for one in good]):
            self._meter.replaced += len(orphans)
            delete_items(self._stores, self._found, orphans)
        if new:
            self._upsert(list(new.values()))
            catalog.finish(self._found, [self._finished(item_id, one) for item_id, one in new.items()])
        before = catalog.rejected_before(self._found, [one.place.uri for one in good])
        if before:
            catalog.forgive(self._found, list(before))
        self._meter.done += len(new)
        self._meter.passed(len(good) - len(new))
        self._moved += sum(len(one.vectors) for one in new.values())
        self._meter.tick(good[-1].place.name)

    def _claim(self, one: Taken) -> Claim:
        blob, reading = one.reading.found, one.reading
        source = Source(
            uri=one.place.uri,
            name=blob.name,
            size=reading.digest.size,
            modified_ns=blob.modified_ns,
            metadata=one.place.metadata,
            origin=self._origin,
        )
        return Claim(reading.item_id, reading.digest, reading.media_type, source, in_place=not self._keep)

    def _upsert(self, new: Sequence[Taken]) -> None:
        ids = [segment_id(one.reading.item_id, ordinal) for one in new for ordinal in range(len(one.vectors))]
        rows = np.stack([vector for one in new for _, vector in one.vectors])
        self._stores.vectors.upsert(self._space, np.array(ids, dtype=np.int64), rows)

    def _finished(self, item_id: str, one: Taken) -> Finished:
        segments = tuple(
            Segment(segment_id(item_id, ordinal), ordinal, self._space.kind, self._span(position, one.info), item_id)
            for ordinal, (position, _) in enumerate(one.vectors)
        )
        return Finished(item_id, one.info, segments)

    def _span(self, position: int, info: Metadata) -> Span:
        """Where in its item a vector lies: frames were taken at equal steps, everything else was whole."""
        if self._step is None:
            return WHOLE
        length: Any = info.get("duration")
        start = position * self._step
        end = start + self._step
        if isinstance(length, int | float) and start < length < end:
            end = float(length)
        return Span("seconds", start, end)

    def _reject(self, place: Place, error: ItemError, reading: Reading | None = None) -> None:
        found = reading.found if reading is not None else Blob.from_bytes(b"", place.name, uri=place.uri)
        known = Blob(place.uri, place.name, found.open, found.size if reading else None, found.modified_ns)
        self._ledger.reject(known, "", error)
