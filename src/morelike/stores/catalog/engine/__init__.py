"""What differs between databases: how one is opened, what its errors mean, and how it reads JSON. One file each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Engine, Table
from sqlalchemy.types import TypeEngine

from morelike.errors import StoreBusy, StoreError

__all__ = ["WRITING", "Conflict", "Database", "Json", "Server", "Translates", "parentless"]

Json = ColumnElement[Any]
"""A column of JSON objects."""

WRITING = "morelike_writing"
"""The execution option of a connection that is about to write: the database takes its write lock at BEGIN."""


class Conflict(StoreBusy):
    """Two writers were in each other's way, and the database undid all of this one's transaction."""


class Translates(Protocol):
    """Where foreign errors become ours."""

    where: str
    """How messages name it; no password in it."""

    def translate(self, error: BaseException) -> StoreError | None:
        """What a driver's exception means; None where it is none of the driver's."""


class Database(Translates, Protocol):
    """One opened database, behind its SQLAlchemy engine."""

    engine: Engine
    read_only: bool
    whole_migrations: bool
    """Whether a schema change that is interrupted leaves nothing behind."""

    def backup(self, version: str) -> str:
        """Copy the whole catalog before a migration; returns where to, empty where a migration needs no copy."""

    def migrating(self, connection: Connection) -> AbstractContextManager[None]:
        """What a schema change needs around its transaction; no other process makes or migrates the catalog inside."""

    def clock(self) -> ColumnElement[Any]:
        """Seconds since 1970 when the statement is carried out, by a clock that every user of the catalog shares."""

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
        """``text`` is like the LIKE pattern (escaped by ``!``), letters of any case."""

    def folded(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        """``text`` as it is sorted: A to Z as a to z, every other character as it is, compared by code point."""

    def json_text(self, column: Json, key: str) -> ColumnElement[Any]:
        """The text under a key; NULL where there is none or it is something else. ``key`` is packed."""

    def json_numbers(self, column: Json, key: str) -> Sequence[ColumnElement[Any]]:
        """The same for a number. Several where each kind of number is compared in its own way; one has a value."""

    def add_rows(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert very many rows, all with the same columns, as fast as the database can."""

    def one_of(self, found: ColumnElement[Any], values: Sequence[Any], kind: TypeEngine[Any]) -> ColumnElement[bool]:
        """Whether it is one of the values, which are of one kind."""

    def json_truth(self, column: Json, key: str) -> ColumnElement[Any]:
        """1 for true, 0 for false, else NULL."""

    def json_has(self, column: Json, key: str) -> ColumnElement[bool]:
        """Whether a value other than null lies under the key."""

    def verify(self, connection: Connection) -> Iterator[str]:
        """One sentence a fault that the database itself finds."""

    def bytes_used(self, connection: Connection) -> int:
        """Bytes on disk."""

    def close(self) -> None: ...


class Server(Database, Protocol):
    """One that several machines reach: it holds named locks for a connection, and frees them when that ends."""

    def ping(self) -> None:
        """Raises StoreUnreachable within seconds, StoreError on a refusal."""

    def look_again(self) -> None:
        """The tables grew much: take note, where the server's planner would do so too late."""

    def lock_connection(self) -> Connection:
        """One that commits each statement by itself."""

    def take(self, connection: Connection, name: str, seconds: float) -> bool:
        """Wait so many whole seconds at the most, 0: not at all; whether the lock is this connection's now."""

    def give(self, connection: Connection, name: str) -> None:
        """Free it."""

    def holder(self, connection: Connection, name: str) -> int | None:
        """The session that holds it."""

    def session(self, connection: Connection) -> int:
        """This connection's own number at the server."""


def parentless(count: int, table: str, parent: str) -> str:
    """What ``verify`` says of rows whose parents are gone."""
    if count == 1:
        return f"1 row of the table {table} belongs to a row of {parent} that is not there"
    return f"{count} rows of the table {table} belong to rows of {parent} that are not there"
