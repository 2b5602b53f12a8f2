"""Sources as rows of their own, for whoever shows one row a file and not one a content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from morelike.records import SourceRow
from morelike.stores.catalog.connections import Connected, chunks
from morelike.stores.catalog.encoding import AnyText, pack
from morelike.stores.catalog.item_rows import source_of
from morelike.stores.catalog.schema import items, key_of, sources
from morelike.types import Collection, ContentDigest

__all__ = ["SourceRows"]


class SourceRows(Connected):
    """That part of ``CatalogReading``."""

    def sources(
        self,
        collection: Collection,
        *,
        md5: str = "",
        origin: str | None = None,
        after: int = 0,
        offset: int = 0,
        limit: int = 100,
    ) -> list[SourceRow]:
        """Of ready items, in order of arrival; with ``origin`` those that came through it or lie below it, of any."""
        query = _rows().where(sources.c.collection_id == collection.id)
        if after:
            query = query.where(sources.c.number > after)
        if origin is None:
            query = query.where(items.c.state == "ready")
        else:
            below = origin.rstrip("/") + "/"
            # no LIKE, which may not tell upper from lower case: pages are to be whole
            begins = func.substr(sources.c.uri, 1, len(pack(below)), type_=AnyText()) == below
            query = query.where(items.c.state != "deleting", or_(sources.c.origin_key == key_of(origin), begins))
        if md5:
            query = query.where(items.c.collection_id == collection.id, items.c.md5 == md5)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(sources.c.number).offset(offset).limit(limit)).all()
        return [_row_of(row) for row in rows]

    def find_sources(
        self,
        collection: Collection,
        *,
        item_ids: Sequence[str] = (),
        uris: Sequence[str] = (),
        keys: Sequence[str] = (),
    ) -> list[SourceRow]:
        found: dict[int, SourceRow] = {}
        wanted: list[tuple[ColumnElement[Any], ColumnElement[Any], list[str]]] = [
            (items.c.item_id, items.c.collection_id, list(item_ids)),
            (sources.c.uri_key, sources.c.collection_id, [*map(key_of, uris), *keys]),
        ]
        with self._reading() as connection:
            for column, of, values in wanted:
                for some in chunks(list(dict.fromkeys(values))):
                    query = _rows().where(of == collection.id, column.in_(some), items.c.state != "deleting")
                    found.update({row.number: _row_of(row) for row in connection.execute(query)})
        return [found[number] for number in sorted(found)]


def _rows() -> Select[Any]:
    of_item = (items.c.item_id, items.c.state, items.c.blake3, items.c.md5, items.c.media_type, items.c.updated_at)
    item_size = items.c.size.label("item_size")
    return select(sources, *of_item, item_size).join(items, items.c.number == sources.c.item)


def _row_of(row: Any) -> SourceRow:
    return SourceRow(
        number=row.number,
        key=row.uri_key,
        source=source_of(row),
        item_id=row.item_id,
        state=row.state,
        digest=ContentDigest(blake3=row.blake3, md5=row.md5, size=row.item_size),
        media_type=row.media_type,
        updated_at=row.updated_at,
    )
