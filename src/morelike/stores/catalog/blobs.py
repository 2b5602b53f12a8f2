"""Which blobs the items need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, not_, select

from morelike.stores.catalog.connections import CHUNK, Connected, chunks
from morelike.stores.catalog.schema import items

__all__ = ["BlobRows", "unneeded"]

_PAGE = 10 * CHUNK


def unneeded(connection: Connection, digests: Sequence[str]) -> list[str]:
    """Those of the digests that no item of any collection keeps in the blob store."""
    needed: set[str] = set()
    for some in chunks(digests):
        needed.update(
            connection.scalars(select(items.c.blake3).where(items.c.blake3.in_(some), not_(items.c.in_place)))
        )
    return sorted(set(digests) - needed)


class BlobRows(Connected):
    """The blobs of every collection."""

    def blobs_needed(self) -> Iterator[str]:
        """Every digest once, ascending. Pages are read apart, so that a slow caller holds no connection."""
        last = ""
        while True:
            query = (
                select(items.c.blake3)
                .distinct()
                .where(items.c.blake3 > last, not_(items.c.in_place))
                .order_by(items.c.blake3)
                .limit(_PAGE)
            )
            with self._reading() as connection:
                page = connection.scalars(query).all()
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1]
