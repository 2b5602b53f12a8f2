"""Rows into one collection and out of it, in bounded batches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from morelike.errors import StoreUnreachable
from morelike.stores.vectors._milvus_fields import FIELDS
from morelike.stores.vectors._milvus_line import WRITE, Line
from morelike.stores.vectors._milvus_reading import naming
from morelike.stores.vectors._milvus_spaces import ID, Found, Spaces
from morelike.types import Ids

__all__ = ["ROW_BYTES", "Row", "Writing"]

Row = dict[str, Any]
"""One row as Milvus has it, by its columns."""

ROW_BYTES: Final = 64
"""What a row takes beside its vector, about."""
_DELETED: Final = 4096
"""Ids in one deletion."""


class Writing:
    """Every call raises Missing where the collection is gone."""

    def __init__(self, line: Line, spaces: Spaces) -> None:
        self._line = line
        self._spaces = spaces

    def put(self, found: Found, rows: Iterable[Row], seconds: float = WRITE) -> None:
        for batch in self._batches(found, rows):
            self._spaces.ask(found, partial(_upsert, found.name, batch), seconds)

    def remove(self, found: Found, ids: Ids, seconds: float = WRITE) -> None:
        for at in range(0, len(ids), _DELETED):
            self._spaces.ask(found, partial(_delete, found.name, ids[at : at + _DELETED]), seconds)

    def confirm(self, found: Found, ids: Ids, *, there: bool = False) -> None:
        """Ask once as strictly as can be: when that is answered, whoever asks next sees what was written.

        ``there``: the ids were just written. Raises StoreUnreachable where they are not found.
        """
        if self._line.engine.local:
            return

        def ask(client: Any, left: float) -> int:
            rows = client.query(
                found.name, filter=naming(ids), output_fields=[ID], consistency_level="Strong", timeout=left
            )
            return len(rows)

        if self._spaces.ask(found, ask, WRITE) < len(ids) and there:
            raise StoreUnreachable(
                f"{self._line.place} took rows for {found.name} and does not have them", hint="do the same again"
            )

    def _batches(self, found: Found, rows: Iterable[Row]) -> Iterator[list[Row]]:
        engine = self._line.engine
        batch: list[Row] = []
        size = 0
        for row in rows:
            own = found.shape.bytes + ROW_BYTES + (len(json.dumps(row[FIELDS])) if row[FIELDS] else 0)
            if batch and (size + own > engine.batch_bytes or len(batch) == engine.batch_rows):
                yield batch
                batch, size = [], 0
            batch.append(row)
            size += own
        if batch:
            yield batch


def _upsert(name: str, rows: list[Row], client: Any, left: float) -> None:
    client.upsert(name, rows, timeout=left)


def _delete(name: str, ids: Ids, client: Any, left: float) -> None:
    client.delete(name, filter=naming(np.asarray(ids, dtype=np.int64)), timeout=left)
