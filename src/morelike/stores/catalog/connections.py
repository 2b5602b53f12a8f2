"""How the catalog's parts reach the database: reading and writing transactions, and foreign errors translated."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from sqlite3 import Error as SqliteError
from typing import ParamSpec, TypeVar

from sqlalchemy import Connection, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from morelike.errors import NoSuchCollection, StoreBusy, StoreError, StoreReadOnly
from morelike.stores.catalog import schema
from morelike.stores.catalog.engine import WRITING, Conflict, Database, Translates
from morelike.types import Collection

__all__ = ["CHUNK", "Connected", "chunks", "now", "retried", "translated"]

P = ParamSpec("P")
T = TypeVar("T")

CHUNK = 1000
"""How many values go into one statement: every database's limit is above it."""
_TRIES = 6
_FIRST_REST = 0.01


def retried(method: Callable[P, T]) -> Callable[P, T]:
    """For a method that is one transaction: done again where the database undid it because of another writer."""

    @wraps(method)
    def attempt(*arguments: P.args, **named: P.kwargs) -> T:
        for number in range(_TRIES - 1):
            try:
                return method(*arguments, **named)
            except Conflict:
                time.sleep(random.uniform(0, _FIRST_REST * 2**number))  # noqa: S311  # so that the two part
        return method(*arguments, **named)

    return attempt


def chunks(values: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def translated(database: Translates) -> Iterator[None]:
    """The one place where a driver's exception becomes one of ours."""
    try:
        yield
    except PoolTimeout as error:
        raise StoreBusy(
            f"all connections to the catalog {database.where} are in use", hint="try again in a moment"
        ) from error
    except (DBAPIError, SqliteError, OSError) as error:
        ours = database.translate(error)
        if ours is None:
            raise
        raise ours from error


class Connected:
    """What every part of the catalog stands on. Safe from any thread: a connection is borrowed for each call."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._closed = False

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """One consistent view of all tables."""
        self._check_open()
        with translated(self._database), self._database.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _writing(self, collection: Collection | None = None) -> Iterator[Connection]:
        """One durable transaction; the collection's revision grows with it. Raises NoSuchCollection when it is gone."""
        self._check_open()
        if self._database.read_only:
            raise StoreReadOnly(
                f"the catalog {self._database.where} cannot be written",
                hint="make the library's folder writable, or name another with --library",
            )
        with translated(self._database), self._database.engine.connect() as connection:
            connection = connection.execution_options(**{WRITING: True})  # noqa: PLW2901  # the same one, told why
            with connection.begin():
                if collection is not None:
                    # First of all, so that on a server two writers of one collection queue up at this row.
                    _grow(connection, collection)
                yield connection
                self._before_commit(connection)

    def _before_commit(self, connection: Connection) -> None:
        """Raises StoreError where what this transaction was begun under does not hold any more."""

    def _check_open(self) -> None:
        """An engine opens anew what was closed, and then nobody closes it."""
        if self._closed:
            raise StoreError(f"the catalog {self._database.where} was closed", hint="open the library again")


def _grow(connection: Connection, collection: Collection) -> None:
    table = schema.collections
    grown = connection.execute(update(table).where(table.c.id == collection.id).values(revision=table.c.revision + 1))
    if grown.rowcount == 0:
        raise NoSuchCollection(f"the collection {collection.name!r} was dropped")
