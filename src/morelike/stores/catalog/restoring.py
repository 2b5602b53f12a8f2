"""Whole items as another catalog had them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from morelike import faults
from morelike.records import Aside
from morelike.stores.catalog.connections import Connected, chunks, now
from morelike.stores.catalog.ingest_rows import add_tags, check_tags, left_alone
from morelike.stores.catalog.item_rows import bounded, numbers_of, segment_values, source_values
from morelike.stores.catalog.schema import asides as aside_table
from morelike.stores.catalog.schema import item_tags, key_of, sources
from morelike.stores.catalog.schema import items as item_table
from morelike.stores.catalog.schema import ledger as ledger_table
from morelike.stores.catalog.schema import segments as segment_table
from morelike.types import Collection, Item, Rejection, Segment

__all__ = ["RestoringRows"]


class RestoringRows(Connected):
    """``CatalogIngest.restore``."""

    def restore(
        self,
        collection: Collection,
        items: Sequence[Item],
        segments: Mapping[str, Sequence[Segment]],
        *,
        asides: Sequence[Aside] = (),
        ledger: Sequence[Rejection] = (),
    ) -> list[str]:
        """Of an item, source or ledger row that is given twice the last one counts."""
        if not items and not ledger:
            return []
        for item in items:
            check_tags(item.tags)
        whole = list({item.id: item for item in items}.values())
        with self._writing(collection) as connection:
            _forget(connection, collection, whole)
            numbers = _write_items(connection, collection, whole)
            losers = _write_sources(connection, collection, whole, numbers)
            add_tags(connection, {(numbers[item.id], tag) for item in whole for tag in item.tags})
            _write_segments(connection, collection, numbers, segments)
            _write_asides(connection, collection, numbers, asides)
            _write_ledger(connection, collection, ledger)
            alone = left_alone(connection, losers)
            faults.reached("catalog.restoring")
        faults.reached("catalog.restored")
        return alone


def _forget(connection: Connection, collection: Collection, items: Sequence[Item]) -> None:
    """The rows of items that are replaced, those of other tables first: no cascade has to look for them."""
    there = numbers_of(connection, collection.id, [item.id for item in items])
    for some in chunks([row.number for row in there.values()]):
        for table in (aside_table, segment_table, item_tags, sources):
            connection.execute(delete(table).where(table.c.item.in_(some)))
        connection.execute(delete(item_table).where(item_table.c.number.in_(some)))


def _write_items(connection: Connection, collection: Collection, items: Sequence[Item]) -> dict[str, int]:
    """Item id to its new number."""
    at = now()
    rows = [
        {
            "collection_id": collection.id,
            "item_id": item.id,
            "state": item.state,
            "blake3": item.digest.blake3,
            "md5": item.digest.md5,
            "size": bounded(item.digest.size) or 0,
            "media_type": item.media_type,
            "in_place": item.in_place,
            "info": dict(item.info),
            "added_at": item.added_at or at,
            "updated_at": item.updated_at or at,
        }
        for item in items
    ]
    if rows:
        connection.execute(insert(item_table), rows)
    found = numbers_of(connection, collection.id, [item.id for item in items])
    return {item_id: row.number for item_id, row in found.items()}


def _write_sources(
    connection: Connection, collection: Collection, items: Sequence[Item], numbers: Mapping[str, int]
) -> set[int]:
    """The numbers of the items that lost a source to one of these."""
    last: dict[str, tuple[int, dict[str, Any]]] = {}
    losers: set[int] = set()
    for item in items:
        for source in item.sources:
            number = numbers[item.id]
            row = source_values(collection.id, number, source, item.added_at or now())
            beaten = last.pop(row["uri_key"], None)
            if beaten is not None and beaten[0] != number:
                losers.add(beaten[0])
            last[row["uri_key"]] = number, row
    for some in chunks(list(last)):
        mine = (sources.c.collection_id == collection.id, sources.c.uri_key.in_(some))
        losers.update(connection.scalars(select(sources.c.item).where(*mine)))
        connection.execute(delete(sources).where(*mine))
    if last:
        connection.execute(insert(sources), [row for _, row in last.values()])
    return losers


def _write_segments(
    connection: Connection,
    collection: Collection,
    numbers: Mapping[str, int],
    segments: Mapping[str, Sequence[Segment]],
) -> None:
    rows = [
        segment_values(collection, number, segment)
        for item_id, number in numbers.items()
        for segment in segments.get(item_id, ())
    ]
    if rows:
        connection.execute(insert(segment_table), rows)


def _write_asides(
    connection: Connection, collection: Collection, numbers: Mapping[str, int], asides: Sequence[Aside]
) -> None:
    rows = {
        aside.item_id: {
            "item": numbers[aside.item_id],
            "collection_id": collection.id,
            "keeper": aside.keeper,
            "run": aside.run,
            "score": aside.score,
            "at": aside.at or now(),
        }
        for aside in asides
        if aside.item_id in numbers
    }
    if rows:
        connection.execute(insert(aside_table), list(rows.values()))


def _write_ledger(connection: Connection, collection: Collection, ledger: Sequence[Rejection]) -> None:
    rows = {
        key_of(rejection.uri): {
            "collection_id": collection.id,
            "uri_key": key_of(rejection.uri),
            "uri": rejection.uri,
            "item_id": rejection.item_id,
            "stage": rejection.stage,
            "reason": rejection.reason,
            "attempts": rejection.attempts,
            "size": bounded(rejection.size),
            "modified_ns": bounded(rejection.modified_ns),
            "at": rejection.at or now(),
        }
        for rejection in ledger
    }
    for some in chunks(list(rows)):
        mine = (ledger_table.c.collection_id == collection.id, ledger_table.c.uri_key.in_(some))
        connection.execute(delete(ledger_table).where(*mine))
    if rows:
        connection.execute(insert(ledger_table), list(rows.values()))
