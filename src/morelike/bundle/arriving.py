"""One page of a bundle on its way into a library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from morelike.bundle import rows
from morelike.bundle.manifest import PageEntry, SpaceEntry
from morelike.bundle.packs import blob_of, read_pack
from morelike.bundle.parts import Part
from morelike.bundle.plan import Target, check_spaces
from morelike.bundle.spaces import columns_of, put, values_of
from morelike.bundle.tables import Columns, read_table
from morelike.deletion import delete_items, delete_segments
from morelike.errors import SourceError
from morelike.records import Aside
from morelike.types import Blob, Collection, ContentDigest, Ids, Item, Segment, Space
from morelike.wiring import Stores

__all__ = ["Arrival", "PageReader"]

GROUP_BLOBS, GROUP_BYTES = 128, 64 * 1024**2
"""So many blobs are made durable together."""
WITH_SEGMENTS = frozenset({"ready", "duplicate"})


@dataclass(slots=True)
class Arrival:
    """The items of a page as the bundle has them; ``todo``: those that the library has not, or not so."""

    page: PageEntry
    items: list[Item]
    segments: dict[str, list[Segment]]
    asides: list[Aside]
    todo: dict[str, Item] = field(default_factory=dict)
    before: list[Segment] = field(default_factory=list)
    """Segments of the library's own forms of these items."""
    pending: int = 0
    lost: int = 0
    replaced: int = 0


class PageReader:
    """Reads and writes the pages of one collection."""

    def __init__(self, stores: Stores, bundle: Path, target: Target, *, blobs: bool) -> None:
        if target.found is None:
            raise ValueError("the collection is to be made first")
        self._stores = stores
        self._bundle = bundle
        self._found: Collection = target.found
        self._spaces: Sequence[tuple[int, SpaceEntry, Space]] = [
            (number, entry, space)
            for number, (entry, space) in enumerate(zip(target.entry.spaces, target.spaces, strict=True))
        ]
        self._blobs = blobs

    def read(self, page: PageEntry) -> Arrival:
        """What the bundle says of the items. Raises SourceError."""
        with self._readable(page):
            items = rows.items_of(self._table(page, "items", rows.ITEMS), self._table(page, "sources", rows.SOURCES))
            names = [item.id for item in items]
            segments = rows.segments_of(self._table(page, "segments", rows.SEGMENTS), names)
            if len(items) != page.items or sum(map(len, segments.values())) != page.segments:
                raise ValueError("the manifest counts other items")
            asides = rows.asides_of(self._table(page, "asides", rows.ASIDES), names)
            for item in items:
                if not item.sources:
                    raise ValueError(f"the item {item.id[:64]!r} was found nowhere")
                if segments[item.id] and item.state not in WITH_SEGMENTS:
                    raise ValueError(f"the item {item.id[:64]!r} is {item.state} and has segments")
            beside = {aside.item_id for aside in asides}
            if any(item.state == "duplicate" and item.id not in beside for item in items):
                raise ValueError("an item is a duplicate of nothing")
        return Arrival(page, items, segments, asides)

    def write(self, arrival: Arrival) -> Arrival:
        """Blobs, vectors, catalog. Call it under the write lock. Raises SourceError, UsageError, StoreError."""
        check_spaces(self._stores, self._found, [space for _, _, space in self._spaces])
        self._compare(arrival)
        self._write_blobs(arrival)
        for number, entry, space in self._spaces:
            self._write_space(arrival, number, entry, space)
        if arrival.todo:
            catalog = self._stores.catalog
            items = list(arrival.todo.values())
            alone = catalog.restore(
                self._found,
                items,
                arrival.segments,
                asides=[aside for aside in arrival.asides if aside.item_id in arrival.todo],
            )
            well = [one.uri for item in items if item.state in WITH_SEGMENTS for one in item.sources]
            if once := catalog.rejected_before(self._found, well):
                catalog.forgive(self._found, list(once))
            kept = {segment.id for own in arrival.segments.values() for segment in own}
            delete_segments(self._stores, self._found, [one for one in arrival.before if one.id not in kept])
            if alone:
                arrival.replaced = delete_items(self._stores, self._found, alone)
        return arrival

    def _compare(self, arrival: Arrival) -> None:
        """Which of the items are not in the library as they are in the bundle."""
        names = [item.id for item in arrival.items]
        here = self._stores.catalog.get_items(self._found, names)
        own = self._stores.catalog.segments_of(self._found, list(here)) if here else {}
        for item in arrival.items:
            other = here.get(item.id)
            if other is not None and not other.in_place:
                item = replace(item, in_place=False)  # noqa: PLW2901  # what is kept here stays kept
            if other != item or own.get(item.id, []) != arrival.segments[item.id]:
                arrival.todo[item.id] = item
                arrival.before += own.get(item.id, [])

    def _write_blobs(self, arrival: Arrival) -> None:
        wanted = {item.digest.blake3: item.digest for item in arrival.todo.values() if not item.in_place}
        if not wanted:
            return
        found: set[str] = set()
        group: list[tuple[ContentDigest, Blob]] = []
        for pack in arrival.page.packs:
            for digest, size, opened in read_pack(self._bundle, pack):
                if digest in wanted and digest not in found:
                    if wanted[digest].size != size:
                        raise SourceError(f"{self._bundle / pack.name} cannot be used: {digest} has {size} bytes")
                    found.add(digest)
                    group.append((wanted[digest], blob_of(digest, size, opened)))
                    if len(group) >= GROUP_BLOBS or sum(one.size for one, _ in group) >= GROUP_BYTES:
                        self._stores.blobs.put_many(group)
                        group = []
        if group:
            self._stores.blobs.put_many(group)
        arrival.lost = sum(not self._stores.blobs.exists(digest) for digest in wanted.keys() - found)

    def _write_space(self, arrival: Arrival, number: int, entry: SpaceEntry, space: Space) -> None:
        """What the space holds of the items to do; a space that is not searched may lack some of the others too."""
        of_kind = [
            segment
            for item in arrival.items
            for segment in arrival.segments[item.id]
            if segment.kind == entry.segments_kind
        ]
        known = np.array(sorted(segment.id for segment in of_kind), dtype=np.int64)
        searched = space.active
        wanted = known
        if searched:
            wanted = np.array(sorted(one.id for one in of_kind if one.item_id in arrival.todo), dtype=np.int64)
        if not len(wanted):
            return
        got: list[Ids] = []
        part = arrival.page.part(f"space-{number}")
        if part is not None:
            for ids, values in self._checked(part, entry, known):
                chosen = np.isin(ids, wanted)
                got.append(ids[chosen])
                if chosen.any():
                    put(self._stores, space, ids[chosen], _chosen(values, chosen))
        if searched:
            self._without(arrival, np.setdiff1d(wanted, np.concatenate([*got, wanted[:0]])))

    def _checked(self, part: Part, entry: SpaceEntry, known: Ids) -> Iterator[tuple[Ids, Any]]:
        """All of a space's part, looked at once whole before the first of it is given out."""
        seen: list[Ids] = []
        with self._readable(part):
            for batch in read_table(self._bundle, part, columns_of(entry.card)):
                values_of(entry.card, batch)
                seen.append(np.array(batch["segment"], dtype=np.int64))
            ids = np.concatenate([*seen, known[:0]])
            if len(np.unique(ids)) != len(ids) or not np.isin(ids, known).all():
                raise ValueError("a vector is of no segment of these items, or there twice")
        for batch in read_table(self._bundle, part, columns_of(entry.card)):
            yield np.array(batch["segment"], dtype=np.int64), values_of(entry.card, batch)

    def _without(self, arrival: Arrival, missing: Ids) -> None:
        """Items whose vectors are not all there are not searchable: they wait for `doctor`, which makes them anew."""
        lacking = set(missing.tolist())
        if not lacking:
            return
        for item_id, item in arrival.todo.items():
            if item.state in WITH_SEGMENTS and any(one.id in lacking for one in arrival.segments[item_id]):
                arrival.todo[item_id] = replace(item, state="pending")
                arrival.before += arrival.segments[item_id]
                arrival.segments[item_id] = []
                arrival.pending += 1

    def _table(self, page: PageEntry, stem: str, columns: Columns) -> Iterator[dict[str, Any]]:
        part = page.part(stem)
        return iter(()) if part is None else read_table(self._bundle, part, columns)

    @contextmanager
    def _readable(self, of: PageEntry | Part) -> Iterator[None]:
        try:
            yield
        except (ValueError, OverflowError) as error:
            part = of if isinstance(of, Part) else (of.parts or (None,))[0]
            where = self._bundle if part is None else self._bundle / part.name
            place = where if isinstance(of, Part) else where.parent
            raise SourceError(
                f"{place} is not as it should be: {str(error)[:200]}", hint="export the bundle anew"
            ) from error


def _chosen(values: Any, chosen: Any) -> Any:
    if isinstance(values, list):
        return [value for value, wanted in zip(values, chosen.tolist(), strict=True) if wanted]
    return values[chosen]
