"""The whole examination, and what is done about it.

The catalog is the truth; vectors and blobs that it does not know are swept, items that miss theirs are made pending
again and worked on anew from their bytes. Every store is asked through its protocol only, in pages, and what must be
remembered of a million segments or blobs is arrays of their ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from morelike.deletion import delete_items
from morelike.doctor.blobs import hold_blobs, orphan_blobs
from morelike.doctor.fields import hold_fields
from morelike.doctor.report import DoctorReport, counted
from morelike.doctor.vectors import hold_spaces, hold_vectors
from morelike.errors import OriginalGone, StoreReadOnly
from morelike.originals import original
from morelike.progress import AddReport
from morelike.types import Blob, Collection, Item, Rejection
from morelike.wiring import Stores

__all__ = ["Requeue", "examine"]

PAGE = 1000

Requeue = Callable[[Collection, Iterator[Blob]], AddReport]
"""Adds blobs to a collection again; the facade gives it, for it knows the encoders."""


def examine(
    stores: Stores,
    requeue: Requeue,
    *,
    fix: bool = False,
    rescue: Collection | None = None,
    waiting: Callable[[str], None] | None = None,
) -> DoctorReport:
    """Look at everything under the write lock; with ``fix``, mend it.

    ``rescue``: blobs that belong to no item become items of this collection, as far as it can read them, and none is
    swept.
    """
    report = DoctorReport()
    again: list[tuple[Collection, int]] = []
    with _standing_still(stores, fix=fix, waiting=waiting):
        if not _files(stores, report, fix=fix):
            return report  # nothing can be held against a file that cannot be read
        for collection in stores.catalog.collections():
            _deletions(stores, collection, report, fix=fix)
            pending = _pending(stores, collection, report, fix=fix)
            drift = hold_vectors(stores, collection, report, fix=fix)
            hold_fields(stores, collection, report, drifted=drift.any, fix=fix)
            again.append((collection, pending + drift.lacking))
        hold_spaces(stores, report, fix=fix)
        orphans = hold_blobs(stores, report, fix=fix, keep_orphans=rescue is not None)
    if fix:  # outside the lock: adding takes it for each group
        for collection, number in again:
            _redo(stores, collection, number, requeue)
        if rescue is not None and len(orphans):
            taken = requeue(rescue, orphan_blobs(stores, orphans)).added
            left = len(orphans) - taken
            report.add(
                "rescued",
                f"{rescue.name}: {counted(taken, 'blob of no item is an item', 'blobs of no item are items')} now",
                taken,
                fixed=True,
            )
            what = counted(left, "blob belongs to no item, and is", "blobs belong to no item, and are")
            report.add("orphan-blobs", f"{what} no {rescue.modality}", left)
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
        report.add("damaged", f"{sentence}; restore the catalog from a backup", 1)
    damaged = stores.vectors.verify()
    if damaged and fix:
        stores.vectors.repair()
    for sentence in damaged:
        report.add("damaged", sentence, 1, fixed=fix)
    return not lost and (fix or not damaged)


def _deletions(stores: Stores, collection: Collection, report: DoctorReport, *, fix: bool) -> None:
    half = stores.catalog.count(collection, state="deleting")
    if fix:
        while page := stores.catalog.items(collection, state="deleting", limit=PAGE):
            delete_items(stores, collection, [item.id for item in page])
    report.add(
        "deleting", f"{collection.name}: {counted(half, 'deletion was', 'deletions were')} cut off", half, fixed=fix
    )


def _pending(stores: Stores, collection: Collection, report: DoctorReport, *, fix: bool) -> int:
    pending = stores.catalog.count(collection, state="pending")
    sentence = (
        f"{collection.name}: {counted(pending, 'item is', 'items are')} pending (an add runs now, or one was cut off)"
    )
    report.add("pending", sentence, pending, fixed=fix)
    return pending


def _redo(stores: Stores, collection: Collection, number: int, requeue: Requeue) -> None:
    """Work on so many pending items anew, a page at a time: those that stay pending are passed over."""
    passed = 0
    while number > 0 and (page := stores.catalog.items(collection, state="pending", offset=passed, limit=PAGE)):
        number -= len(page)
        _redo_page(stores, collection, page, requeue)
        states = stores.catalog.known(collection, [item.id for item in page])
        passed += sum(state == "pending" for state in states.values())


def _redo_page(stores: Stores, collection: Collection, items: list[Item], requeue: Requeue) -> None:
    lost: list[Rejection] = []

    def blobs() -> Iterator[Blob]:
        for item in items:
            uri = item.sources[0].uri if item.sources else item.id
            try:
                blob = original(stores, item)
                yield blob if item.in_place else replace(blob, path=None)  # kept stays kept
            except OriginalGone as error:
                lost.append(Rejection(uri, item.id, "source", str(error)))

    requeue(collection, blobs())
    if lost:
        with stores.lock.hold("doctor"):
            stores.catalog.reject(collection, lost)
