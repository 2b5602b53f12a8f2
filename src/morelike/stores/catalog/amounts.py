"""How much there is, and what the other stores should have: what ``storage`` and ``doctor`` ask."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy import Connection, func, not_, select

from morelike.records import CollectionStorage
from morelike.stores.catalog.connections import CHUNK, Connected, chunks
from morelike.stores.catalog.item_rows import items_of
from morelike.stores.catalog.schema import collections, items, segments
from morelike.types import Collection, Ids, Item, ItemState, Kind

__all__ = ["AmountRows"]

_PAGE = 10 * CHUNK
_BLOCK = 50_000


class AmountRows(Connected):
    """The part of ``CatalogStorage`` that counts and sums. A figure is one statement, grouped."""

    def storage_by_collection(self) -> list[CollectionStorage]:
        with self._reading() as connection:
            numbers = connection.scalars(select(collections.c.id).order_by(collections.c.id)).all()
            counted = _items(connection)
            cut = _segments(connection)
        return [_amounts(number, counted[number], cut[number]) for number in numbers]

    def blob_bytes(self) -> int:
        """All of them, less what is there more than once: those few are found in the index alone."""
        kept = not_(items.c.in_place)
        several = select(items.c.blake3).group_by(items.c.blake3).having(func.count() > 1)
        surplus = (
            select(((func.count() - 1) * func.max(items.c.size)).label("size"))
            .where(kept, items.c.blake3.in_(several))
            .group_by(items.c.blake3)
            .subquery()
        )
        with self._reading() as connection:
            whole = connection.execute(select(func.sum(items.c.size)).where(kept)).scalar_one()
            twice = connection.execute(select(func.sum(surplus.c.size))).scalar_one()
        return int(whole or 0) - int(twice or 0)

    def blob_sizes(self) -> Iterator[tuple[str, int]]:
        """Pages are read apart, so that a slow caller holds no connection."""
        last = ""
        while True:
            query = (
                select(items.c.blake3, func.max(items.c.size))
                .where(items.c.blake3 > last, not_(items.c.in_place))
                .group_by(items.c.blake3)
                .order_by(items.c.blake3)
                .limit(_PAGE)
            )
            with self._reading() as connection:
                page = connection.execute(query).all()
            yield from ((digest, int(size)) for digest, size in page)
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def keepers(self, collection: Collection, blake3s: Sequence[str]) -> list[Item]:
        found: list[Item] = []
        with self._reading() as connection:
            for some in chunks(list(blake3s)):
                query = (
                    select(items)
                    .where(items.c.collection_id == collection.id, items.c.blake3.in_(some), not_(items.c.in_place))
                    .order_by(items.c.number)
                )
                found.extend(items_of(connection, connection.execute(query).all()))
        return found

    def known_segment_ids(self, collection: Collection, kind: Kind) -> Ids:
        rejected = select(items.c.number).where(items.c.collection_id == collection.id, items.c.state == "rejected")
        query = select(segments.c.segment_id).where(
            segments.c.collection_id == collection.id,
            segments.c.kind == kind,
            not_(segments.c.item.in_(rejected)),  # few, and with hardly a segment among them
        )
        with self._reading() as connection:
            rows = connection.execution_options(yield_per=_BLOCK).execute(query)
            ids = np.fromiter((value for block in rows.partitions() for (value,) in block), dtype=np.int64)
        ids.sort()
        return ids


_Items = list[tuple[ItemState, bool, int, int]]


def _items(connection: Connection) -> defaultdict[int, _Items]:
    """State, whether in place, items, bytes: by collection."""
    alike = (items.c.collection_id, items.c.state, items.c.in_place)
    found: defaultdict[int, _Items] = defaultdict(list)
    for number, state, in_place, count, size in connection.execute(
        select(*alike, func.count(), func.sum(items.c.size)).group_by(*alike)
    ):
        found[number].append((state, bool(in_place), int(count), int(size or 0)))
    return found


def _segments(connection: Connection) -> defaultdict[int, dict[Kind, int]]:
    alike = (segments.c.collection_id, segments.c.kind)
    found: defaultdict[int, dict[Kind, int]] = defaultdict(dict)
    for number, kind, count in connection.execute(select(*alike, func.count()).group_by(*alike)):
        found[number][kind] = int(count)
    return found


def _amounts(number: int, rows: _Items, cut: dict[Kind, int]) -> CollectionStorage:
    states: dict[ItemState, int] = {}
    for state, _, count, _ in rows:
        states[state] = states.get(state, 0) + count
    return CollectionStorage(
        collection_id=number,
        states=states,
        kept=sum(count for _, in_place, count, _ in rows if not in_place),
        kept_bytes=sum(size for _, in_place, _, size in rows if not in_place),
        in_place=sum(count for _, in_place, count, _ in rows if in_place),
        in_place_bytes=sum(size for _, in_place, _, size in rows if in_place),
        segments=dict(sorted(cut.items())),
    )
