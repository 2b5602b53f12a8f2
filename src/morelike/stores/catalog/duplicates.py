"""Items set aside as duplicates, and pairs that somebody said are none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, insert, or_, select, update

from morelike.records import Aside
from morelike.stores.catalog.connections import Connected, chunks, now, retried
from morelike.stores.catalog.item_rows import numbers_of
from morelike.stores.catalog.schema import asides, distinct_pairs, items, key_of
from morelike.types import Collection

__all__ = ["DuplicateRows", "bring_back_theirs", "forget_duplicates"]

Pair = tuple[str, str]


class DuplicateRows(Connected):
    """``CatalogDuplicates``."""

    @retried
    def set_aside(self, collection: Collection, asides: Sequence[Aside]) -> None:
        if asides:
            with self._writing(collection) as connection:
                _set_aside(connection, collection, asides)

    def asides(self, collection: Collection, *, run: str | None = None) -> list[Aside]:
        query = (
            select(asides, items.c.item_id)
            .join(items, items.c.number == asides.c.item)
            .where(asides.c.collection_id == collection.id, items.c.state == "duplicate")
            .order_by(asides.c.at.desc(), asides.c.item.desc())
        )
        if run is not None:
            query = query.where(asides.c.run == run)
        with self._reading() as connection:
            return [
                Aside(item_id=row.item_id, keeper=row.keeper, run=row.run, score=row.score, at=row.at)
                for row in connection.execute(query)
            ]

    @retried
    def bring_back(self, collection: Collection, item_ids: Sequence[str]) -> list[str]:
        if not item_ids:
            return []
        with self._writing(collection) as connection:
            found = numbers_of(connection, collection.id, item_ids)
            hidden = {item_id: row.number for item_id, row in found.items() if row.state == "duplicate"}
            _bring_back(connection, list(hidden.values()))
        return [item_id for item_id in dict.fromkeys(item_ids) if item_id in hidden]

    @retried
    def mark_distinct(self, collection: Collection, pairs: Sequence[Pair]) -> None:
        """A pair of an item with itself says nothing, and is passed over."""
        wanted = {_key(pair): pair for pair in map(_sorted, pairs) if pair[0] != pair[1]}
        if not wanted:
            return
        mine = distinct_pairs.c.collection_id == collection.id
        with self._writing(collection) as connection:
            for some in chunks(list(wanted)):
                there = select(distinct_pairs.c.pair_key).where(mine, distinct_pairs.c.pair_key.in_(some))
                known = set(connection.scalars(there))
                rows = [
                    {
                        "collection_id": collection.id,
                        "pair_key": key,
                        "lesser": wanted[key][0],
                        "greater": wanted[key][1],
                    }
                    for key in some
                    if key not in known
                ]
                if rows:
                    connection.execute(insert(distinct_pairs), rows)

    @retried
    def unmark_distinct(self, collection: Collection, pairs: Sequence[Pair]) -> None:
        if not pairs:
            return
        with self._writing(collection) as connection:
            for some in chunks([_key(_sorted(pair)) for pair in pairs]):
                these = (distinct_pairs.c.collection_id == collection.id, distinct_pairs.c.pair_key.in_(some))
                connection.execute(delete(distinct_pairs).where(*these))

    def distinct(self, collection: Collection) -> set[Pair]:
        query = select(distinct_pairs.c.lesser, distinct_pairs.c.greater)
        with self._reading() as connection:
            rows = connection.execute(query.where(distinct_pairs.c.collection_id == collection.id))
            return {(row.lesser, row.greater) for row in rows}


def forget_duplicates(connection: Connection, collection: Collection, item_ids: Sequence[str]) -> None:
    """When items go for good: nothing is a duplicate of what is gone, and what was said of it is void."""
    bring_back_theirs(connection, collection, item_ids)
    for some in chunks(item_ids):
        named = or_(distinct_pairs.c.lesser.in_(some), distinct_pairs.c.greater.in_(some))
        connection.execute(delete(distinct_pairs).where(distinct_pairs.c.collection_id == collection.id, named))


def bring_back_theirs(connection: Connection, collection: Collection, item_ids: Sequence[str]) -> None:
    """What was set aside for these items, which nobody can find any more."""
    for some in chunks(item_ids):
        theirs = (asides.c.collection_id == collection.id, asides.c.keeper.in_(some))
        left = select(asides.c.item).join(items, items.c.number == asides.c.item).where(items.c.state == "duplicate")
        _bring_back(connection, list(connection.scalars(left.where(*theirs))))


def _set_aside(connection: Connection, collection: Collection, wanted: Sequence[Aside]) -> None:
    at = now()
    found = numbers_of(connection, collection.id, [aside.item_id for aside in wanted])
    last = {aside.item_id: aside for aside in wanted}
    rows = [
        {
            "item": found[item_id].number,
            "collection_id": collection.id,
            "keeper": aside.keeper,
            "run": aside.run,
            "score": aside.score,
            "at": aside.at or at,
        }
        for item_id, aside in last.items()
        if item_id in found and found[item_id].state == "ready"
    ]
    for some in chunks(rows):
        numbers = [row["item"] for row in some]
        connection.execute(delete(asides).where(asides.c.item.in_(numbers)))
        connection.execute(insert(asides), some)
        connection.execute(update(items).where(items.c.number.in_(numbers)).values(state="duplicate", updated_at=at))


def _bring_back(connection: Connection, numbers: Iterable[int]) -> None:
    for some in chunks(list(numbers)):
        connection.execute(delete(asides).where(asides.c.item.in_(some)))
        connection.execute(update(items).where(items.c.number.in_(some)).values(state="ready", updated_at=now()))


def _sorted(pair: Pair) -> Pair:
    first, second = pair
    return (first, second) if first <= second else (second, first)


def _key(pair: Pair) -> str:
    return key_of(f"{len(pair[0])}:{pair[0]}{pair[1]}")
