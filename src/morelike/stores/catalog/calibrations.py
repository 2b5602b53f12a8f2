"""What was measured of each space."""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from morelike.errors import UsageError
from morelike.records import Calibration
from morelike.stores.catalog.collections import CollectionRows
from morelike.stores.catalog.connections import now, retried
from morelike.stores.catalog.schema import calibrations, spaces
from morelike.types import Space

__all__ = ["CalibrationRows"]


class CalibrationRows(CollectionRows):
    """``CatalogSpaces``."""

    @retried
    def calibrate(self, space: Space, calibration: Calibration) -> None:
        """The collection's revision grows with it. Raises UsageError, NoSuchCollection where the space was dropped."""
        values = {
            "space_id": space.id,
            "items": calibration.items,
            "background": list(calibration.background),
            "nearest": list(calibration.nearest),
            "made_at": calibration.made_at or now(),
        }
        with self._writing(self._of_space(space)) as connection:
            if connection.execute(select(spaces.c.id).where(spaces.c.id == space.id)).one_or_none() is None:
                raise UsageError(f"the space {space.id} was dropped")
            connection.execute(delete(calibrations).where(calibrations.c.space_id == space.id))
            connection.execute(insert(calibrations).values(**values))

    def calibration(self, space: Space) -> Calibration | None:
        with self._reading() as connection:
            row = connection.execute(select(calibrations).where(calibrations.c.space_id == space.id)).one_or_none()
        if row is None:
            return None
        return Calibration(
            items=row.items, background=tuple(row.background), nearest=tuple(row.nearest), made_at=row.made_at
        )
