"""Whether the tables agree with themselves, and how much room they take."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, exists, func, not_, select

from morelike.errors import StoreDamaged
from morelike.stores.catalog.connections import Connected
from morelike.stores.catalog.schema import asides, collections, items, segments, sources, spaces

__all__ = ["HealthRows"]

_MANY: Final = {
    "item is set aside as a duplicate of nothing": "items are set aside as duplicates of nothing",
    "item is ready but has no segments": "items are ready but have no segments",
    "item has no source": "items have no source",
    "segment belongs to an item that is not ready": "segments belong to items that are not ready",
    "source belongs to an item of another collection": "sources belong to items of another collection",
    "item has a state that does not exist": "items have a state that does not exist",
}
"""Each fault of one, as it is said of several."""


class HealthRows(Connected):
    """The part of ``CatalogReading`` that only ``doctor`` and ``storage`` ask."""

    def verify(self) -> list[str]:
        try:
            with self._reading() as connection:
                faults = list(self._database.verify(connection))
                for row in connection.execute(select(collections).order_by(collections.c.name)).all():
                    faults += [f"{row.name}: {fault}" for fault in _faults(connection, row.id)]
                return faults
        except StoreDamaged as damage:
            return [damage.message]

    def bytes_used(self) -> int:
        with self._reading() as connection:
            return self._database.bytes_used(connection)


def _faults(connection: Connection, collection_id: int) -> list[str]:
    mine = items.c.collection_id == collection_id
    has_segments = exists().where(segments.c.item == items.c.number)
    has_sources = exists().where(sources.c.item == items.c.number)
    of_ready = exists().where(items.c.number == segments.c.item, items.c.state.in_(["ready", "deleting", "duplicate"]))
    strangers = exists().where(items.c.number == sources.c.item, mine)
    has_aside = exists().where(asides.c.item == items.c.number)
    of_items = select(func.count()).select_from(items).where(mine)
    of_segments = select(func.count()).select_from(segments).where(segments.c.collection_id == collection_id)
    of_sources = select(func.count()).select_from(sources).where(sources.c.collection_id == collection_id)
    aside, ready, deleting = (items.c.state == state for state in ("duplicate", "ready", "deleting"))
    known = items.c.state.in_(["pending", "ready", "rejected", "deleting", "duplicate"])
    checks = {
        "item is set aside as a duplicate of nothing": of_items.where(aside, not_(has_aside)),
        "item is ready but has no segments": of_items.where(ready, not_(has_segments)),
        "item has no source": of_items.where(not_(deleting), not_(has_sources)),
        "segment belongs to an item that is not ready": of_segments.where(not_(of_ready)),
        "source belongs to an item of another collection": of_sources.where(not_(strangers)),
        "item has a state that does not exist": of_items.where(not_(known)),
    }
    counts = {sentence: connection.execute(query).scalar_one() for sentence, query in checks.items()}
    faults = [f"{count} {sentence if count == 1 else _MANY[sentence]}" for sentence, count in counts.items() if count]
    of_kind = select(spaces.c.kind, func.count()).where(spaces.c.collection_id == collection_id, spaces.c.active)
    for kind, count in connection.execute(of_kind.group_by(spaces.c.kind)):
        if count > 1:
            faults.append(f"{count} spaces are active for the kind {kind}, where one may be")
    return faults
