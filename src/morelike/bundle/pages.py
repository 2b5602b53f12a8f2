"""The pages of a collection, and their files: some items after one another, with all that belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from morelike.bundle import rows
from morelike.bundle.journal import Journal
from morelike.bundle.packs import write_pack
from morelike.bundle.parts import Part
from morelike.bundle.spaces import columns_of, fetched, widest
from morelike.bundle.tables import Columns, write_table
from morelike.deletion import kind_in
from morelike.records import Aside
from morelike.types import Collection, ContentDigest, Item, Segment, Space
from morelike.wiring import Stores

__all__ = ["Files", "Page", "pages_of", "write_page", "write_rest"]

STEP = 256
"""Items that are asked of the catalog at a time …"""
PAGE_ITEMS, PAGE_ROWS, PAGE_BYTES = 4096, 65_536, 64 * 1024**2
"""… and when a page is full: so many items, segments and sources, bytes of vectors in its widest space."""
PAGE_BLOBS = 512 * 1024**2
"""Or so many bytes of blobs: an import holds the write lock for a page."""
REST_ROWS = 65_536
WITH_SEGMENTS = frozenset({"ready", "duplicate"})
"""Only their segments count; those of others are made anew."""


@dataclass(slots=True)
class Page:
    """Items after one another, and the segments of those that have some that count."""

    items: list[Item] = field(default_factory=list)
    segments: dict[str, list[Segment]] = field(default_factory=dict)
    rows: int = 0
    blobs: int = 0


class Files:
    """Writes parts, passes over those that are there, and counts. ``check`` may raise, to end the run."""

    def __init__(self, bundle: Path, journal: Journal, check: Callable[[], None]) -> None:
        self._bundle = bundle
        self._journal = journal
        self._check = check
        self.written = self.same = self.missing = self.lost = 0
        journal.open()

    def table(self, name: str, columns: Columns, batches: Iterable[Mapping[str, Any]], wanted: int = -1) -> Part:
        """``wanted``: how many rows there should be; those that are not are counted as missing."""

        def write() -> tuple[Part, int]:
            part = write_table(self._bundle, name, columns, batches)
            return part, max(wanted - part.rows, 0)

        part, missing = self._part(name, write)
        self.missing += missing
        return part

    def pack(self, name: str, stores: Stores, digests: Sequence[ContentDigest]) -> Part:
        """Blobs that cannot be had are counted as lost."""
        part, lost = self._part(name, lambda: write_pack(self._bundle, name, stores, digests, self._check))
        self.lost += lost
        return part

    def _part(self, name: str, write: Callable[[], tuple[Part, int]]) -> tuple[Part, int]:
        self._check()
        known = self._journal.done(name)
        if known is not None:
            self.same += 1
            return known
        part, lost = write()
        self._journal.note(part, lost)
        self.written += 1
        return part, lost


def pages_of(stores: Stores, found: Collection, spaces: Sequence[Space]) -> Iterator[Page]:
    """Always the same ones of one revision. What is being deleted is left out."""
    most = min(PAGE_ROWS, max(1, PAGE_BYTES // widest(spaces)))
    page = Page()
    for some in stores.catalog.pages(found, state=None, size=STEP):
        kept = [item for item in some if item.state in rows.STATES]
        own = stores.catalog.segments_of(found, [item.id for item in kept if item.state in WITH_SEGMENTS])
        page.items += kept
        page.segments |= own
        page.rows += sum(map(len, own.values())) + sum(len(item.sources) for item in kept)
        page.blobs += sum(item.digest.size for item in kept if not item.in_place)
        if len(page.items) >= PAGE_ITEMS or page.rows >= most or page.blobs >= PAGE_BLOBS:
            yield page
            page = Page()
    if page.items:
        yield page


def write_page(
    stores: Stores, files: Files, place: str, page: Page, *, spaces: Sequence[Space], asides: Mapping[str, Aside]
) -> list[Part]:
    """All of the page but its blobs. ``asides`` by item."""
    segments = [segment for item in page.items for segment in page.segments.get(item.id, ())]
    parts = [
        files.table(f"{place}/items.parquet", rows.ITEMS, [rows.item_rows(page.items)]),
        files.table(f"{place}/sources.parquet", rows.SOURCES, [rows.source_rows(page.items)]),
        files.table(f"{place}/segments.parquet", rows.SEGMENTS, [rows.segment_rows(segments)]),
    ]
    aside = [asides[item.id] for item in page.items if item.state == "duplicate" and item.id in asides]
    if aside:
        parts.append(files.table(f"{place}/asides.parquet", rows.ASIDES, [rows.aside_rows(aside)]))
    for number, space in enumerate(spaces):
        ids = np.array([segment.id for segment in segments if segment.kind == kind_in(space)], dtype=np.int64)
        if len(ids):
            wanted = len(ids) if space.active else -1
            batches = fetched(stores, space, ids)
            part = files.table(f"{place}/space-{number}.parquet", columns_of(space.card), batches, wanted)
            parts.append(part)
    return parts


def write_rest(stores: Stores, files: Files, folder: str, found: Collection) -> Iterator[Part]:
    """The ledger, and pairs that are no duplicates."""
    offset = number = 0
    while some := stores.catalog.ledger(found, offset=offset, limit=REST_ROWS):
        yield files.table(f"{folder}/{number:05}/ledger.parquet", rows.LEDGER, [rows.ledger_rows(some)])
        offset, number = offset + len(some), number + 1
    pairs = sorted(stores.catalog.distinct(found))
    for number, start in enumerate(range(0, len(pairs), REST_ROWS)):
        columns = rows.pair_rows(pairs[start : start + REST_ROWS])
        yield files.table(f"{folder}/{number:05}/distinct.parquet", rows.DISTINCT, [columns])
