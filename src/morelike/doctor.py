"""Holds catalog, vectors and blobs against each other, and mends what a crash or a hand left behind.

The catalog is the truth; vectors and blobs that it does not know are swept, items that miss theirs are made pending
again and worked on anew from their bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from morelike.deletion import delete_items, kind_in, store_of
from morelike.errors import OriginalGone, StoreReadOnly
from morelike.originals import original
from morelike.protocols import SketchStore, VectorStore
from morelike.types import Blob, Collection, Ids, Item, Rejection, Space
from morelike.wiring import Stores

__all__ = ["DoctorReport", "Finding", "examine"]

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of fault: how many, in a sentence, and whether it was mended."""

    kind: str
    sentence: str
    count: int
    fixed: bool = False


@dataclass(slots=True)
class DoctorReport:
    """What was found. ``ok``: nothing, or all of it was mended."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(finding.fixed for finding in self.findings)


Requeue = Callable[[Collection, Iterator[Blob]], None]
"""Adds blobs to a collection again; the facade gives it, for it knows the encoders."""


def examine(
    stores: Stores, requeue: Requeue, *, fix: bool = False, waiting: Callable[[str], None] | None = None
) -> DoctorReport:
    """Look at everything under the write lock; with ``fix``, mend it."""
    report = DoctorReport()
    again: list[tuple[Collection, list[Item]]] = []
    with _standing_still(stores, fix=fix, waiting=waiting):
        if not _files(stores, report, fix=fix):
            return report  # nothing can be held against a file that cannot be read
        for collection in stores.catalog.collections():
            _deletions(stores, collection, report, fix=fix)
            again.append((collection, _items_to_redo(stores, collection, report, fix=fix)))
            _orphan_vectors(stores, collection, report, fix=fix)
        _unknown_spaces(stores, report, fix=fix)
        _orphan_blobs(stores, report, fix=fix)
    if fix:  # outside the lock: adding takes it for each group
        for collection, items in again:
            _redo(stores, collection, items, requeue)
    return report


@contextmanager
def _standing_still(stores: Stores, *, fix: bool, waiting: Callable[[str], None] | None) -> Iterator[None]:
    """Nobody writes meanwhile: under the write lock, or because the library cannot be written at all."""
    with ExitStack() as held:
        try:
            held.enter_context(stores.lock.hold("doctor", waiting=waiting))
        except StoreReadOnly:
            if fix:
                raise
        yield


def _files(stores: Stores, report: DoctorReport, *, fix: bool) -> bool:
    """The stores' own files, and whether they can be used. Vectors can be made again; the catalog cannot."""
    lost = stores.catalog.verify()
    for sentence in lost:
        report.findings.append(Finding("damaged", f"{sentence}; restore the catalog from a backup", 1))
    damaged = stores.vectors.verify()
    if damaged and fix:
        stores.vectors.repair()
    for sentence in damaged:
        report.findings.append(Finding("damaged", sentence, 1, fix))
    return not lost and (fix or not damaged)


def _deletions(stores: Stores, collection: Collection, report: DoctorReport, *, fix: bool) -> None:
    half = [item.id for item in _all_items(stores, collection, "deleting")]
    if half:
        if fix:
            delete_items(stores, collection, half)
        report.findings.append(
            Finding("deleting", f"{collection.name}: {len(half)} deletions were cut off", len(half), fix)
        )


def _items_to_redo(stores: Stores, collection: Collection, report: DoctorReport, *, fix: bool) -> list[Item]:
    """Pending items, and ready ones whose vectors or bytes are gone."""
    name = collection.name
    pending = list(_all_items(stores, collection, "pending"))
    if pending:
        sentence = f"{name}: {len(pending)} items are pending (an add runs now, or one was cut off)"
        report.findings.append(Finding("pending", sentence, len(pending), fix))
    unsearchable: list[Item] = []
    gone = 0
    spaces = [space for space in stores.catalog.spaces(collection) if space.active]
    stored = {space.id: _stored_ids(stores, space) for space in spaces}
    for items in _pages(stores, collection):
        segments = stores.catalog.segments_of(collection, [item.id for item in items])
        for item in items:
            own = segments.get(item.id, [])
            if any(_missing(stored[space.id], [s.id for s in own if s.kind == kind_in(space)]) for space in spaces):
                unsearchable.append(item)
            if not item.in_place and not stores.blobs.exists(item.digest.blake3):
                gone += 1
    if unsearchable:
        if fix:
            stores.catalog.requeue(collection, [item.id for item in unsearchable])
        sentence = f"{name}: {len(unsearchable)} items lack vectors"
        report.findings.append(Finding("missing-vectors", sentence, len(unsearchable), fix))
    if gone:
        sentence = (
            f"{name}: the kept bytes of {gone} items are gone; they are found, but not shown: add their source again"
        )
        report.findings.append(Finding("missing-blobs", sentence, gone))
    return [*pending, *unsearchable]


def _orphan_vectors(stores: Stores, collection: Collection, report: DoctorReport, *, fix: bool) -> None:
    states = ("pending", "deleting", "duplicate")
    unready = [item.id for state in states for item in _all_items(stores, collection, state)]
    on_their_way = [s.id for own in stores.catalog.segments_of(collection, unready).values() for s in own]
    for space in stores.catalog.spaces(collection):
        ready = stores.catalog.segment_ids(collection, kind_in(space))
        known = np.concatenate([ready, np.array(on_their_way, dtype=np.int64)])
        orphans = np.setdiff1d(_stored_ids(stores, space), known)
        if len(orphans):
            if fix:
                store_of(stores, space).delete(space, orphans)
            what = "sketches" if space.card.form == "sketch" else "vectors"
            sentence = f"{collection.name}: {len(orphans)} {what} belong to no item"
            report.findings.append(Finding("orphan-vectors", sentence, len(orphans), fix))


def _unknown_spaces(stores: Stores, report: DoctorReport, *, fix: bool) -> None:
    stored: tuple[tuple[str, VectorStore | SketchStore], ...]
    stored = ("vectors", stores.vectors), ("sketches", stores.sketches)
    known = {space.id: space for space in stores.catalog.spaces()}
    for what, store in stored:
        for identifier in list(store.space_ids()):
            if identifier not in known:
                if fix:
                    store.drop(identifier)
                sentence = f"{what} of a space {identifier} that no collection has"
                report.findings.append(Finding("orphan-space", sentence, 1, fix))


def _orphan_blobs(stores: Stores, report: DoctorReport, *, fix: bool) -> None:
    needed = set(stores.catalog.blobs_needed())
    orphans = [digest for digest in stores.blobs.digests() if digest not in needed]
    if orphans:
        if fix:
            stores.blobs.delete(orphans)
        report.findings.append(Finding("orphan-blobs", f"{len(orphans)} blobs belong to no item", len(orphans), fix))
    left = stores.blobs.sweep(dry_run=not fix)
    if left:
        report.findings.append(Finding("half-written", f"{left} half-written files in the blob store", left, fix))


def _redo(stores: Stores, collection: Collection, items: list[Item], requeue: Requeue) -> None:
    lost: list[Rejection] = []

    def blobs() -> Iterator[Blob]:
        for item in items:
            uri = item.sources[0].uri if item.sources else item.id
            try:
                blob = original(stores, item)
                yield blob if item.in_place else replace(blob, path=None)  # kept stays kept
            except OriginalGone as error:
                lost.append(Rejection(uri, item.id, "source", str(error)))

    if items:
        requeue(collection, blobs())
    if lost:
        with stores.lock.hold("doctor"):
            stores.catalog.reject(collection, lost)


def _missing(stored: Ids, wanted: list[int]) -> bool:
    ids = np.array(wanted, dtype=np.int64)
    return bool(len(ids)) and not bool(np.isin(ids, stored).all())


def _stored_ids(stores: Stores, space: Space) -> Ids:
    blocks = list(store_of(stores, space).ids(space))
    return np.concatenate(blocks) if blocks else np.empty(0, dtype=np.int64)


def _pages(stores: Stores, collection: Collection) -> Iterator[list[Item]]:
    offset = 0
    while page := stores.catalog.items(collection, offset=offset, limit=PAGE):
        offset += len(page)
        yield page


def _all_items(stores: Stores, collection: Collection, state: str) -> Iterator[Item]:
    offset = 0
    found: list[Item] = []
    while page := stores.catalog.items(collection, state=state, offset=offset, limit=PAGE):  # type: ignore[arg-type] # an ItemState
        offset += len(page)
        found.extend(page)
    yield from found
