"""All rows of a catalog in a file of lines, before its tables are changed by a server that cannot take it back.

The first line names the form and the tables; then, for each table, a line with its name and columns, and one line for
each row, an array in that order. To go back: empty the database, let the older morelike make its tables, and insert.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, Table, inspect, select

from morelike.stores.catalog import schema
from morelike.stores.disk import translated

__all__ = ["dump"]

_BLOCK = 2000


def dump(engine: Engine, target: Path, version: str) -> str:
    """Write it whole or not at all; returns the path. Raises StoreFull, StoreReadOnly, StoreError."""
    with translated(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        with part.open("wb") as file:
            with (
                gzip.open(file, "wt", encoding="utf-8", compresslevel=1) as stream,
                engine.connect() as connection,
                connection.begin(),
            ):
                for line in _lines(connection, version):
                    stream.write(json.dumps(line, ensure_ascii=False, default=_plain) + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    return str(target)


def _lines(connection: Connection, version: str) -> Iterator[Any]:
    there = set(inspect(connection).get_table_names())
    kept = [table.name for table in schema.metadata.sorted_tables if not table.info.get("derived")]
    names = [name for name in kept if name in there]
    yield {"catalog": version, "tables": names}
    for name in names:
        # As it is in the database, not as it is to become.
        table = Table(name, MetaData(), autoload_with=connection, resolve_fks=False)
        columns = list(table.columns)
        yield {"table": name, "columns": [column.name for column in columns]}
        rows = connection.execution_options(yield_per=_BLOCK).execute(select(*columns).order_by(*table.primary_key))
        for row in rows:
            yield list(row)


def _plain(value: object) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)
