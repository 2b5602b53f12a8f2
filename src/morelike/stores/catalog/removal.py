"""How sources and items go: mark, then (elsewhere) vectors and blobs, then the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import delete, or_, select, update

from morelike.stores.catalog.blobs import unneeded
from morelike.stores.catalog.connections import CHUNK, Connected, chunks, now, retried
from morelike.stores.catalog.duplicates import forget_duplicates
from morelike.stores.catalog.ingest_rows import left_alone
from morelike.stores.catalog.item_rows import numbers_of
from morelike.stores.catalog.schema import items, key_of, ledger, sources
from morelike.types import Collection

__all__ = ["RemovalRows"]


class RemovalRows(Connected):
    """The part of ``CatalogIngest`` that takes away."""

    def sources_of_origin(self, collection: Collection, origin: str) -> Iterator[str]:
        """Pages are read apart, so that the caller may drop sources on the way."""
        last = 0
        below = origin.rstrip("/") + "/"
        own, may_be_below = sources.c.origin_key == key_of(origin), sources.c.uri.startswith(below, autoescape=True)
        while True:
            query = (
                select(sources.c.number, sources.c.uri, sources.c.origin)
                .where(sources.c.collection_id == collection.id, sources.c.number > last, or_(own, may_be_below))
                .order_by(sources.c.number)
                .limit(CHUNK)
            )
            with self._reading() as connection:
                page = connection.execute(query).all()
            for row in page:
                if row.origin == origin or row.uri.startswith(below):  # LIKE may not tell upper from lower case
                    yield row.uri
            if len(page) < CHUNK:
                return
            last = page[-1].number

    @retried
    def drop_sources(self, collection: Collection, uris: Sequence[str]) -> list[str]:
        if not uris:
            return []
        losers: set[int] = set()
        with self._writing(collection) as connection:
            for some in chunks([key_of(uri) for uri in uris]):
                these = (sources.c.collection_id == collection.id, sources.c.uri_key.in_(some))
                losers.update(connection.scalars(select(sources.c.item).where(*these)))
                connection.execute(delete(sources).where(*these))
            return left_alone(connection, losers)

    @retried
    def mark_deleting(self, collection: Collection, item_ids: Sequence[str]) -> None:
        if not item_ids:
            return
        at = now()
        with self._writing(collection) as connection:
            for some in chunks(item_ids):
                these = (items.c.collection_id == collection.id, items.c.item_id.in_(some))
                connection.execute(update(items).where(*these).values(state="deleting", updated_at=at))

    @retried
    def forget(self, collection: Collection, item_ids: Sequence[str]) -> list[str]:
        if not item_ids:
            return []
        with self._writing(collection) as connection:
            gone = numbers_of(connection, collection.id, item_ids)
            for some in chunks([row.number for row in gone.values()]):
                connection.execute(delete(items).where(items.c.number.in_(some)))  # the rest follows by cascade
            forget_duplicates(connection, collection, list(gone))
            for some_ids in chunks(list(gone)):
                these = (ledger.c.collection_id == collection.id, ledger.c.item_id.in_(some_ids))
                connection.execute(delete(ledger).where(*these))
            return unneeded(connection, [row.blake3 for row in gone.values() if not row.in_place])
