"""Which library this is, and how much it stored over time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, select

from morelike.catalog_protocols import WriteLock
from morelike.records import StorageReading
from morelike.stores.catalog.connections import Connected, chunks, retried
from morelike.stores.catalog.schema import about, storage_readings

__all__ = ["StorageRows"]

_READINGS_KEPT = 1000


class StorageRows(Connected):
    """``CatalogStorage``, the library's id and its lock."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._library_id = ""

    def library_id(self) -> str:
        if not self._library_id:
            with self._reading() as connection:
                query = select(about.c.value).where(about.c.key == "library")
                self._library_id = connection.execute(query).scalar_one()
        return self._library_id

    def write_lock(self) -> WriteLock | None:
        return None

    @retried
    def note_storage(self, reading: StorageReading) -> None:
        with self._writing() as connection:
            values = {"at": reading.at, "items": reading.items, "parts": reading.parts}
            connection.execute(insert(storage_readings).values(**values))
            numbers = connection.execute(select(storage_readings.c.number).order_by(storage_readings.c.number))
            kept = numbers.scalars().all()
            if len(kept) > _READINGS_KEPT:  # every second one of the older half: what is long ago needs less detail
                for some in chunks(kept[: len(kept) // 2 : 2]):
                    connection.execute(delete(storage_readings).where(storage_readings.c.number.in_(some)))

    def storage_readings(self) -> list[StorageReading]:
        with self._reading() as connection:
            rows = connection.execute(select(storage_readings).order_by(storage_readings.c.number)).all()
        return [StorageReading(row.at, row.items, row.parts) for row in rows]
