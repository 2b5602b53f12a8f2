"""Tags and user metadata of items that are there."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select, update

from morelike.stores.catalog.connections import Connected, chunks, now, retried
from morelike.stores.catalog.ingest_rows import add_tags, check_tags
from morelike.stores.catalog.item_rows import numbers_of
from morelike.stores.catalog.schema import item_tags, items, sources
from morelike.types import Collection, Metadata

__all__ = ["AnnotationRows"]


class AnnotationRows(Connected):
    """The part of ``CatalogIngest`` that people write by hand. Unknown ids are passed over."""

    @retried
    def tag(self, collection: Collection, item_ids: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> None:
        check_tags(add)
        with self._writing(collection) as connection:
            numbers = _touch(connection, collection, item_ids)
            for some in chunks(numbers):
                gone = (item_tags.c.item.in_(some), item_tags.c.tag.in_(list(remove)))
                connection.execute(delete(item_tags).where(*gone))
            add_tags(connection, {(number, tag) for number in numbers for tag in add})

    @retried
    def annotate(self, collection: Collection, item_ids: Sequence[str], metadata: Metadata) -> None:
        with self._writing(collection) as connection:
            for some in chunks(_touch(connection, collection, item_ids)):
                query = select(sources.c.number, sources.c.metadata).where(sources.c.item.in_(some))
                merged = [
                    {"of": row.number, "merged": _merge(row.metadata, metadata)} for row in connection.execute(query)
                ]
                if merged:
                    renew = update(sources).where(sources.c.number == bindparam("of"))
                    connection.execute(renew.values(metadata=bindparam("merged")), merged)


def _merge(old: Metadata, new: Metadata) -> Metadata:
    return {key: value for key, value in {**old, **new}.items() if value is not None}


def _touch(connection: Connection, collection: Collection, item_ids: Sequence[str]) -> list[int]:
    """The numbers of those items that are not being deleted; they count as changed now."""
    found = numbers_of(connection, collection.id, item_ids).values()
    numbers = [row.number for row in found if row.state != "deleting"]
    for some in chunks(numbers):
        connection.execute(update(items).where(items.c.number.in_(some)).values(updated_at=now()))
    return numbers
