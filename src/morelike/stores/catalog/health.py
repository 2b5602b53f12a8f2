"""Whether the tables agree with themselves, and how much room they take."""

from __future__ import annotations

from sqlalchemy import Connection, exists, func, not_, select

from morelike.errors import StoreDamaged
from morelike.stores.catalog.connections import Connected
from morelike.stores.catalog.schema import asides, collections, items, segments, sources, spaces

__all__ = ["HealthRows"]


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
    checks = {
        "{} items are set aside as duplicates of nothing": select(func.count())
        .select_from(items)
        .where(mine, items.c.state == "duplicate", not_(has_aside)),
        "{} items are ready but have no segments": select(func.count())
        .select_from(items)
        .where(mine, items.c.state == "ready", not_(has_segments)),
        "{} items have no source": select(func.count())
        .select_from(items)
        .where(mine, items.c.state != "deleting", not_(has_sources)),
        "{} segments belong to items that are not ready": select(func.count())
        .select_from(segments)
        .where(segments.c.collection_id == collection_id, not_(of_ready)),
        "{} sources belong to items of another collection": select(func.count())
        .select_from(sources)
        .where(sources.c.collection_id == collection_id, not_(strangers)),
        "{} items have a state that does not exist": select(func.count())
        .select_from(items)
        .where(mine, not_(items.c.state.in_(["pending", "ready", "rejected", "deleting", "duplicate"]))),
    }
    counted = {sentence: connection.execute(query).scalar_one() for sentence, query in checks.items()}
    faults = [sentence.format(count) for sentence, count in counted.items() if count]
    of_kind = select(spaces.c.kind, func.count()).where(spaces.c.collection_id == collection_id, spaces.c.active)
    for kind, count in connection.execute(of_kind.group_by(spaces.c.kind)):
        if count > 1:
            faults.append(f"{count} spaces are active for the kind {kind}, where one may be")
    return faults
