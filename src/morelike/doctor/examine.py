"""The whole examination, and what is done about it.

The catalog is the truth; vectors and blobs that it does not know are swept, items that miss theirs are made pending
again and worked on anew from their bytes. Every store is asked through its protocol only, in pages, and what must be
remembered of a million segments or blobs is arrays of their ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Event

from morelike.deletion import delete_items
from morelike.doctor.again import Requeue, make_again, redo
from morelike.doctor.blobs import Digests, hold_blobs, orphan_blobs
from morelike.doctor.fields import hold_fields
from morelike.doctor.maps import hold_maps
from morelike.doctor.report import DoctorReport, Finding, counted
from morelike.doctor.steps import Steps, Stopped
from morelike.doctor.vectors import Drift, hold_spaces, hold_vectors
from morelike.errors import StoreReadOnly
from morelike.progress import Progress
from morelike.types import Collection
from morelike.wiring import Stores

__all__ = ["Requeue", "examine"]

PAGE = 1000
OF_ALL = 4
"""Steps that are of no one collection: the stores' own files, spaces, maps, blobs."""


@dataclass(frozen=True, slots=True)
class _Again:
    """Items of a collection that are to be worked on anew, and what was told of them."""

    collection: Collection
    pending: int
    drift: Drift
    told: Finding | None


def examine(
    stores: Stores,
    requeue: Requeue,
    *,
    fix: bool = False,
    rescue: Collection | None = None,
    waiting: Callable[[str], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
) -> DoctorReport:
    """Look at everything under the write lock; with ``fix``, mend it.

    ``rescue``: blobs that belong to no item become items of this collection, as far as it can read them, and none is
    swept. ``progress`` counts steps. Setting ``stop`` ends it between two rows or pages: what was mended is whole, the
    rest is as it was, and what was told of and not mended to its end is told as left.
    """
    report, steps = DoctorReport(), Steps(progress, stop)
    try:
        _examine(stores, requeue, report, steps, fix=fix, rescue=rescue, waiting=waiting)
        steps.finish()
    except Stopped:
        report.interrupted = True
    return report


def _examine(
    stores: Stores,
    requeue: Requeue,
    report: DoctorReport,
    steps: Steps,
    *,
    fix: bool,
    rescue: Collection | None,
    waiting: Callable[[str], None] | None,
) -> None:
    """Raises Stopped."""
    again: list[_Again] = []
    with _standing_still(stores, fix=fix, waiting=waiting):
        steps.begin()
        if not _files(stores, report, fix=fix):
            return  # nothing can be held against a file that cannot be read
        collections = stores.catalog.collections()
        steps.expect(OF_ALL + len(collections))
        for collection in collections:
            steps.begin(collection.name)
            _deletions(stores, collection, report, steps, fix=fix)
            pending, told = _pending(stores, collection, report)
            drift = hold_vectors(stores, collection, report, steps, fix=fix)
            hold_fields(stores, collection, report, drifted=drift.any, fix=fix)
            again.append(_Again(collection, pending, drift, told))
        steps.begin()
        hold_spaces(stores, report, steps, fix=fix)
        steps.begin()
        hold_maps(stores, report, steps, fix=fix)
        steps.begin()
        orphans = hold_blobs(stores, report, steps, fix=fix, keep_orphans=rescue is not None)
    if not fix:
        return
    wanting = [one for one in again if one.pending or one.drift.lacking]
    steps.expect(OF_ALL + len(again) + len(wanting) + (rescue is not None))
    for one in wanting:  # outside the lock: adding takes it for each group
        steps.begin(one.collection.name)
        redo(stores, one.collection, one.pending, requeue, steps)
        report.mended(one.told)
        make_again(stores, one.collection, one.drift.missing, requeue, steps)
        report.mended(one.drift.told)
    if rescue is not None:
        steps.begin(rescue.name)
        _rescue(stores, rescue, orphans, requeue, report=report, steps=steps)


def _rescue(
    stores: Stores, into: Collection, orphans: Digests, requeue: Requeue, *, report: DoctorReport, steps: Steps
) -> None:
    if not len(orphans):
        return
    taken = requeue(into, steps.until_stopped(orphan_blobs(stores, orphans))).added
    left = len(orphans) - taken
    sentence = f"{into.name}: {counted(taken, 'blob of no item is an item', 'blobs of no item are items')} now"
    report.add("rescued", sentence, taken, fixed=True)
    if steps.stopped:
        what = counted(left, "blob belongs to no item", "blobs belong to no item")
    else:
        what = counted(left, "blob belongs to no item, and is", "blobs belong to no item, and are")
        what = f"{what} no {into.modality}"
    report.add("orphan-blobs", what, left)
    steps.go_on()


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
        report.add("damaged", f"{sentence}; restore the catalog from a backup", 1)
    damaged = stores.vectors.verify()
    if damaged and fix:
        stores.vectors.repair()
    for sentence in damaged:
        report.add("damaged", sentence, 1, fixed=fix)
    return not lost and (fix or not damaged)


def _deletions(stores: Stores, collection: Collection, report: DoctorReport, steps: Steps, *, fix: bool) -> None:
    half = stores.catalog.count(collection, state="deleting")
    sentence = f"{collection.name}: {counted(half, 'deletion was', 'deletions were')} cut off"
    told = report.add("deleting", sentence, half)
    if fix:
        while page := stores.catalog.items(collection, state="deleting", limit=PAGE):
            steps.go_on()
            delete_items(stores, collection, [item.id for item in page])
        report.mended(told)


def _pending(stores: Stores, collection: Collection, report: DoctorReport) -> tuple[int, Finding | None]:
    pending = stores.catalog.count(collection, state="pending")
    sentence = (
        f"{collection.name}: {counted(pending, 'item is', 'items are')} pending (an add runs now, or one was cut off)"
    )
    return pending, report.add("pending", sentence, pending)
