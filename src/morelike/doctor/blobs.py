"""Blobs that no item needs, and items whose blobs are gone or cut short: two sorted listings side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO, cast

from morelike.doctor.report import DoctorReport, counted
from morelike.doctor.steps import Steps
from morelike.errors import ItemError, OriginalGone, StoreError
from morelike.originals import original
from morelike.protocols import BlobStore, ListsSizes
from morelike.types import Blob, Collection, Item
from morelike.wiring import Stores

__all__ = ["Digests", "hold_blobs", "orphan_blobs"]

PAGE = 500
KEPT = frozenset({"ready", "duplicate"})
"""Pending items are worked on anew from their bytes, and rejected ones need none."""

Entry = tuple[str, int | None]
"""A digest and its bytes; None where the store does not say."""


class Digests:
    """Many digests, in 32 bytes each."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def __len__(self) -> int:
        return len(self._bytes) // 32

    def __iter__(self) -> Iterator[str]:
        return (self._bytes[at : at + 32].hex() for at in range(0, len(self._bytes), 32))

    def add(self, digest: str) -> None:
        self._bytes += bytes.fromhex(digest)

    def pages(self) -> Iterator[list[str]]:
        for start in range(0, len(self._bytes), 32 * PAGE):
            page = self._bytes[start : start + 32 * PAGE]
            yield [page[at : at + 32].hex() for at in range(0, len(page), 32)]


def hold_blobs(stores: Stores, report: DoctorReport, steps: Steps, *, fix: bool, keep_orphans: bool) -> Digests:
    """What is stored against what is needed. The blobs of no item are swept, or given back with ``keep_orphans``.

    Raises Stopped.
    """
    orphans, missing, wrong = Digests(), Digests(), Digests()
    wanted = stores.catalog.blob_sizes()
    for digest, there, needed in steps.each(_side_by_side(_listing(stores.blobs), wanted)):
        if needed is None:
            orphans.add(digest)
        elif there is None:
            missing.add(digest)
        elif there[1] is not None and there[1] != needed[1]:
            wrong.add(digest)
    if not keep_orphans:
        sentence = counted(len(orphans), "blob belongs to no item", "blobs belong to no item")
        told = report.add("orphan-blobs", sentence, len(orphans))
        if fix:
            for page in steps.each(orphans.pages()):
                with stores.lock.hold("doctor"):  # still: another writer may need by now what nobody needed
                    stores.blobs.delete(page)
            report.mended(told)
    for collection in stores.catalog.collections():
        _gone(stores, collection, missing, report, steps, fix=fix)
        _cut_short(stores, collection, wrong, report, steps, fix=fix)
        steps.go_on()
    left = stores.blobs.sweep(dry_run=not fix)
    report.add(
        "half-written",
        counted(left, "half-written file in the blob store", "half-written files in the blob store"),
        left,
        fixed=fix,
    )
    return orphans


def orphan_blobs(stores: Stores, digests: Digests) -> Iterator[Blob]:
    """Blobs of no item as a source would give them."""
    for digest in digests:
        yield Blob(f"rescued:{digest}", digest, _opener(stores.blobs, digest))


def _opener(blobs: BlobStore, digest: str) -> Callable[[], BinaryIO]:
    return lambda: blobs.open(digest)


def _listing(blobs: BlobStore) -> Iterator[Entry]:
    if isinstance(blobs, ListsSizes):
        return blobs.sizes()
    return ((digest, None) for digest in blobs.digests())


def _side_by_side(stored: Iterator[Entry], needed: Iterator[Entry]) -> Iterator[tuple[str, Entry | None, Entry | None]]:
    """Each digest once, ascending, with its entry on either side."""
    left, right = _ascending(stored, "the blob store"), _ascending(needed, "the catalog")
    here, there = next(left, None), next(right, None)
    while here is not None or there is not None:
        if there is None or (here is not None and here[0] < there[0]):
            assert here is not None  # noqa: S101  # for mypy: one of the two is there
            yield here[0], here, None
            here = next(left, None)
        elif here is None or there[0] < here[0]:
            yield there[0], None, there
            there = next(right, None)
        else:
            yield here[0], here, there
            here, there = next(left, None), next(right, None)


def _ascending(entries: Iterator[Entry], who: str) -> Iterator[Entry]:
    """Out of order, what is needed would look as if it were not: nothing may be swept then."""
    last = ""
    for entry in entries:
        if entry[0] <= last:
            raise StoreError(f"{who} lists its blobs out of order", hint="nothing was removed; please report it")
        last = entry[0]
        yield entry


def _gone(
    stores: Stores, collection: Collection, digests: Digests, report: DoctorReport, steps: Steps, *, fix: bool
) -> None:
    back, lost = _brought_back(stores, collection, digests, steps, fix=fix)
    name = collection.name
    sentence = f"{name}: the kept bytes of {counted(back, 'item', 'items')} were gone; a source still had them"
    report.add("missing-blobs", sentence, back, fixed=True)
    whose = counted(lost, "item", "items")
    sentence = f"{name}: the kept bytes of {whose} are gone; found, but not shown: add the source again"
    report.add("missing-blobs", sentence, lost)


def _cut_short(
    stores: Stores, collection: Collection, digests: Digests, report: DoctorReport, steps: Steps, *, fix: bool
) -> None:
    back, lost = _brought_back(stores, collection, digests, steps, fix=fix)
    name = collection.name
    sentence = f"{name}: the kept bytes of {counted(back, 'item', 'items')} were not whole; a source still had them"
    report.add("damaged-blobs", sentence, back, fixed=True)
    sentence = f"{name}: the kept bytes of {counted(lost, 'item', 'items')} are not whole: add the source again"
    report.add("damaged-blobs", sentence, lost)


def _brought_back(
    stores: Stores, collection: Collection, digests: Digests, steps: Steps, *, fix: bool
) -> tuple[int, int]:
    """How many items have their bytes again, from a source that still had them; how many have not. When it is stopped,
    of those that were reached: they are told of all the same.
    """
    back = lost = 0
    for page in steps.until_stopped(digests.pages()):
        for item in steps.until_stopped(stores.catalog.keepers(collection, page)):
            if item.state in KEPT:
                good = fix and _from_source(stores, item)
                back, lost = back + good, lost + (not good)
    return back, lost


class _NothingKept:
    """A blob store as ``original`` sees it where the kept copy is of no use."""

    def exists(self, blake3: str) -> bool:  # noqa: ARG002  # whatever it is
        return False


def _from_source(stores: Stores, item: Item) -> bool:
    try:
        blob = original(replace(stores, blobs=cast("BlobStore", _NothingKept())), item)
        stores.blobs.put_many([(item.digest, blob)])
    except (OriginalGone, ItemError):
        return False
    return True
