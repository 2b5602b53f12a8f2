"""What searches, lists and ``doctor`` read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, desc, func, select

from morelike.errors import NoSuchItem, UsageError
from morelike.expressions import Expression
from morelike.records import ItemSort, Shown
from morelike.stores.catalog import statements
from morelike.stores.catalog.connections import chunks
from morelike.stores.catalog.filtered import FilteredRows
from morelike.stores.catalog.item_rows import items_of, rejection_of, segment_of, shown_of
from morelike.stores.catalog.schema import TAG_LENGTH, item_tags, items, ledger, sources
from morelike.types import Collection, Ids, Item, ItemState, Rejection, Segment, Space

__all__ = ["ReadingRows"]

_SHORTEST_PREFIX = 6
_CACHED_FILTERS = 16
_BLOCK = 50_000
_AFTER_ALL = "\U0010ffff"
_AS_IT_IS = str.maketrans({"!": "!!", "%": "!%", "_": "!_"})


class ReadingRows(FilteredRows):
    """``CatalogReading``, less what ``health`` has."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._spaces: dict[int, tuple[int, list[Space]]] = {}

    def spaces(self, collection: Collection | None = None) -> list[Space]:
        """Kept for as long as a collection's revision stays: every search asks."""
        if collection is None:
            return super().spaces()
        with self._asking() as ask:
            found = ask(statements.REVISION, collection.id)
        kept = self._spaces.get(collection.id)
        if not found or kept is None or kept[0] != found[0][0]:
            # read after the revision: newer at the worst, never older
            kept = found[0][0] if found else 0, super().spaces(collection)
            self._spaces[collection.id] = kept
        return list(kept[1])

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
        raise NoSuchItem(
            f"{collection.name!r} has no item {item_id!r}", hint=hint or "`morelike ls` and GET …/items list them"
        )

    def items(
        self,
        collection: Collection,
        *,
        filter: Expression | None = None,
        state: ItemState | None = "ready",
        offset: int = 0,
        limit: int = 100,
        sort: ItemSort = "added",
        descending: bool = False,
    ) -> list[Item]:
        """``state=None`` means every state, also ``deleting``, which nothing else shows."""
        first = self._sorted_by(sort)
        # the numbers alone: nobody is to sort what an item says of itself
        chosen = self._chosen(select(items.c.number), collection, filter, state)
        chosen = chosen.order_by(first.desc() if descending else first)
        if sort != "added":
            chosen = chosen.order_by(items.c.number)
        with self._reading() as connection:
            numbers = connection.execute(chosen.offset(offset).limit(limit)).scalars().all()
            found = {}
            for some in chunks(numbers):
                rows = connection.execute(select(items).where(items.c.number.in_(some)))
                found.update({row.number: row for row in rows})
            return items_of(connection, [found[number] for number in numbers])

    def _sorted_by(self, sort: ItemSort) -> ColumnElement[Any]:
        if sort == "added":
            return items.c.number
        if sort == "size":
            return items.c.size
        if sort == "name":
            first = select(sources.c.name).where(sources.c.item == items.c.number).order_by(sources.c.number).limit(1)
            return self._database.folded(func.coalesce(first.correlate(items).scalar_subquery(), ""))
        raise UsageError(f"items cannot be sorted by {sort!r}", hint="by added, name or size")

    def item_ids(self, collection: Collection, *, filter: Expression | None = None) -> list[str]:
        chosen = self._chosen(select(items.c.item_id), collection, filter, "ready").order_by(items.c.number)
        with self._reading() as connection:
            return list(connection.execute(chosen).scalars())

    def pages(
        self, collection: Collection, *, state: ItemState | None = "ready", size: int = 1024
    ) -> Iterator[list[Item]]:
        chosen, after = self._chosen(select(items), collection, None, state), 0
        while True:
            with self._reading() as connection:
                page = chosen.where(items.c.number > after).order_by(items.c.number).limit(size)
                rows = connection.execute(page).all()
                found = items_of(connection, rows)
            if not found:
                return
            after = rows[-1].number
            yield found

    def get_items(self, collection: Collection, item_ids: Sequence[str]) -> dict[str, Item]:
        found: dict[str, Item] = {}
        with self._reading() as connection:
            for some in chunks(item_ids):
                rows = connection.execute(statements.ITEMS, {"collection": collection.id, "some": some}).all()
                found.update({item.id: item for item in items_of(connection, rows)})
        return {item_id: found[item_id] for item_id in item_ids if item_id in found}

    def shown(self, collection: Collection, item_ids: Sequence[str]) -> dict[str, Shown]:
        """In the order asked for."""
        found: dict[str, Shown] = {}
        if item_ids:
            with self._asking() as ask:
                for some in chunks(item_ids):
                    found.update(shown_of(ask, collection.id, some))
        return {item_id: found[item_id] for item_id in item_ids if item_id in found}

    def count(
        self, collection: Collection, *, filter: Expression | None = None, state: ItemState | None = "ready"
    ) -> int:
        query = self._chosen(select(func.count()).select_from(items), collection, filter, state)
        with self._reading() as connection:
            counted: int = connection.execute(query).scalar_one()
        return counted

    def tags(
        self, collection: Collection, *, prefix: str = "", offset: int = 0, limit: int = 1000
    ) -> list[tuple[str, int]]:
        """From the items, whose index has their states: a tag's row does not know its collection."""
        if len(prefix) > TAG_LENGTH:  # no tag is so long, and databases bound what they compare with
            return []
        query = (
            select(item_tags.c.tag, func.count().label("times"))
            .select_from(items)
            .join(item_tags, item_tags.c.item == items.c.number)
            .where(items.c.collection_id == collection.id, items.c.state == "ready")
            .group_by(item_tags.c.tag)
            .order_by(desc("times"), item_tags.c.tag)
        )
        if prefix:
            query = query.where(self._database.matches(item_tags.c.tag, prefix.translate(_AS_IT_IS) + "%"))
        with self._reading() as connection:
            return [(tag, times) for tag, times in connection.execute(query.offset(offset).limit(limit))]

    def count_sources(self, collection: Collection, *, md5: str = "") -> int:
        ready = select(items.c.number).where(items.c.collection_id == collection.id, items.c.state == "ready")
        if md5:
            ready = ready.where(items.c.md5 == md5)
        own = sources.c.collection_id == collection.id
        query = select(func.count()).select_from(sources).where(own, sources.c.item.in_(ready))
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
        wanted = segment_ids.tolist()
        found: dict[int, Segment] = {}
        with self._asking() as ask:
            for some in chunks(wanted):
                found.update({row[0]: segment_of(row) for row in ask(statements.SEGMENTS, collection.id, some)})
        return {segment_id: found[segment_id] for segment_id in wanted if segment_id in found}

    def segments_of(self, collection: Collection, item_ids: Sequence[str]) -> dict[str, list[Segment]]:
        """By ordinal, of items in any state: a deletion has to know them."""
        found: dict[str, list[Segment]] = {}
        with self._asking() as ask:
            for some in chunks(item_ids):
                for row in ask(statements.SEGMENTS_OF, collection.id, some):
                    segment = segment_of(row)
                    found.setdefault(segment.item_id, []).append(segment)
        return found

    def _chosen(
        self, query: Select[Any], collection: Collection, filter: Expression | None, state: ItemState | None
    ) -> Select[Any]:
        query = query.where(items.c.collection_id == collection.id)
        if state is not None:
            query = query.where(items.c.state == state)
        return query if filter is None else query.where(self._passing(filter))
