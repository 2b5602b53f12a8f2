"""What searches, lists and ``doctor`` read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Select, func, not_, select, true

from morelike.errors import FilterError, NoSuchItem
from morelike.expressions import Expression
from morelike.stores.catalog.collections import CollectionRows
from morelike.stores.catalog.connections import chunks
from morelike.stores.catalog.filters import compile_filter
from morelike.stores.catalog.item_rows import items_of, rejection_of, segment_of
from morelike.stores.catalog.schema import items, ledger, segments, sources
from morelike.types import Collection, Ids, Item, ItemState, Kind, Rejection, Segment

__all__ = ["ReadingRows"]

_SHORTEST_PREFIX = 6
_CACHED_FILTERS = 16
_BLOCK = 50_000
_AFTER_ALL = "\U0010ffff"


class ReadingRows(CollectionRows):
    """``CatalogReading``, less what ``health`` has."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._cache: OrderedDict[tuple[int, Kind, str], tuple[int, Ids]] = OrderedDict()
        self._cache_lock = threading.Lock()

    def item(self, collection: Collection, item_id: str) -> Item:
        mine = (items.c.collection_id == collection.id, items.c.state != "deleting")
        with self._reading() as connection:
            rows = connection.execute(select(items).where(*mine, items.c.item_id == item_id)).all()
            if not rows and len(item_id) >= _SHORTEST_PREFIX:
                between = (items.c.item_id >= item_id, items.c.item_id < item_id + _AFTER_ALL)
                rows = connection.execute(select(items).where(*mine, *between).order_by(items.c.item_id).limit(4)).all()
            if len(rows) == 1:
                return items_of(connection, rows)[0]
        if rows:
            some = ", ".join(row.item_id for row in rows[:3]) + (" …" if len(rows) > 3 else "")
            raise NoSuchItem(f"several items of {collection.name!r} begin with {item_id!r}", hint=f"such as {some}")
        hint = "" if len(item_id) >= _SHORTEST_PREFIX else f"give at least {_SHORTEST_PREFIX} characters of its id"
        raise NoSuchItem(f"{collection.name!r} has no item {item_id!r}", hint=hint or "`morelike ls` lists them")

    def items(
        self,
        collection: Collection,
        *,
        filter: Expression | None = None,
        state: ItemState | None = "ready",
        offset: int = 0,
        limit: int = 100,
    ) -> list[Item]:
        """Oldest first. ``state=None`` means every state, also ``deleting``, which nothing else shows."""
        chosen = self._chosen(select(items), collection, filter, state)
        with self._reading() as connection:
            rows = connection.execute(chosen.order_by(items.c.number).offset(offset).limit(limit)).all()
            return items_of(connection, rows)

    def get_items(self, collection: Collection, item_ids: Sequence[str]) -> dict[str, Item]:
        found: dict[str, Item] = {}
        with self._reading() as connection:
            for some in chunks(item_ids):
                query = select(items).where(
                    items.c.collection_id == collection.id, items.c.item_id.in_(some), items.c.state != "deleting"
                )
                found.update({item.id: item for item in items_of(connection, connection.execute(query).all())})
        return {item_id: found[item_id] for item_id in item_ids if item_id in found}

    def count(
        self, collection: Collection, *, filter: Expression | None = None, state: ItemState | None = "ready"
    ) -> int:
        query = self._chosen(select(func.count()).select_from(items), collection, filter, state)
        with self._reading() as connection:
            counted: int = connection.execute(query).scalar_one()
        return counted

    def ledger(self, collection: Collection, *, offset: int = 0, limit: int = 100) -> list[Rejection]:
        """In the order in which the sources first failed."""
        query = select(ledger).where(ledger.c.collection_id == collection.id).order_by(ledger.c.number)
        with self._reading() as connection:
            rows = connection.execute(query.offset(offset).limit(limit)).all()
        return [rejection_of(row) for row in rows]

    def ledger_count(self, collection: Collection) -> int:
        query = select(func.count()).select_from(ledger).where(ledger.c.collection_id == collection.id)
        with self._reading() as connection:
            counted: int = connection.execute(query).scalar_one()
        return counted

    def segments(self, collection: Collection, segment_ids: Ids) -> dict[int, Segment]:
        """In the order asked for."""
        wanted = [int(segment_id) for segment_id in segment_ids]
        found: dict[int, Segment] = {}
        with self._reading() as connection:
            for some in chunks(wanted):
                query = (
                    select(segments, items.c.item_id)
                    .join(items, items.c.number == segments.c.item)
                    .where(
                        segments.c.collection_id == collection.id,
                        segments.c.segment_id.in_(some),
                        items.c.state == "ready",
                    )
                )
                found.update({row.segment_id: segment_of(row) for row in connection.execute(query)})
        return {segment_id: found[segment_id] for segment_id in wanted if segment_id in found}

    def segments_of(self, collection: Collection, item_ids: Sequence[str]) -> dict[str, list[Segment]]:
        """By ordinal, of items in any state: a deletion has to know them."""
        found: dict[str, list[Segment]] = {}
        with self._reading() as connection:
            for some in chunks(item_ids):
                query = (
                    select(segments, items.c.item_id)
                    .join(items, items.c.number == segments.c.item)
                    .where(items.c.collection_id == collection.id, items.c.item_id.in_(some))
                    .order_by(segments.c.item, segments.c.ordinal)
                )
                for row in connection.execute(query):
                    found.setdefault(row.item_id, []).append(segment_of(row))
        return found

    def segment_ids(self, collection: Collection, kind: Kind, *, filter: Expression | None = None) -> Ids:
        """The array is shared and cannot be written to. The last sixteen filters are kept."""
        key = (collection.id, kind, _text_of(filter))
        with self._reading() as connection:
            revision = self._revision(connection, collection)
            with self._cache_lock:
                kept = self._cache.get(key)
                if kept is not None and kept[0] == revision:
                    self._cache.move_to_end(key)
                    return kept[1]
            query = self._segments_left(collection, kind, filter)
            rows = connection.execution_options(yield_per=_BLOCK).execute(query)
            ids = np.fromiter(_first(rows.partitions()), dtype=np.int64)
        ids.sort()
        ids.flags.writeable = False
        self._remember(key, revision, ids)
        return ids

    def _remember(self, key: tuple[int, Kind, str], revision: int, ids: Ids) -> None:
        with self._cache_lock:
            stale = [old for old, (seen, _) in self._cache.items() if old[0] == key[0] and seen < revision]
            for old in stale:
                del self._cache[old]
            self._cache[key] = (revision, ids)
            self._cache.move_to_end(key)
            while len(self._cache) > _CACHED_FILTERS:
                self._cache.popitem(last=False)

    def _segments_left(self, collection: Collection, kind: Kind, filter: Expression | None) -> Select[Any]:
        query = select(segments.c.segment_id).where(segments.c.collection_id == collection.id, segments.c.kind == kind)
        if filter is not None:
            ready = (items.c.collection_id == collection.id, items.c.state == "ready")
            return query.where(segments.c.item.in_(select(items.c.number).where(*ready, self._passing(filter))))
        # Nearly all items are ready, so the few others are looked up instead.
        other = (items.c.collection_id == collection.id, items.c.state.in_(["pending", "rejected", "deleting"]))
        return query.where(not_(segments.c.item.in_(select(items.c.number).where(*other))))

    def _chosen(
        self, query: Select[Any], collection: Collection, filter: Expression | None, state: ItemState | None
    ) -> Select[Any]:
        query = query.where(items.c.collection_id == collection.id)
        if state is not None:
            query = query.where(items.c.state == state)
        return query if filter is None else query.where(self._passing(filter))

    def _passing(self, filter: Expression) -> ColumnElement[bool]:
        """True of an item where one of its sources makes the whole expression true."""
        condition = compile_filter(filter, self._database)
        return (
            select(true())
            .select_from(sources)
            .where(sources.c.item == items.c.number, condition)
            .correlate(items)
            .exists()
        )


def _text_of(filter: Expression | None) -> str:
    """What a filter's answer is kept under: as dataclasses, a comparison with 1 and one with True would be equal."""
    try:
        return repr(filter)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; a tree of thousands of floors
        raise FilterError("the filter is too large") from error


def _first(blocks: Iterator[Sequence[Any]]) -> Iterator[int]:
    for block in blocks:
        for (value,) in block:
            yield value
