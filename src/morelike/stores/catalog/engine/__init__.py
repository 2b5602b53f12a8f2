"""What differs between databases: how one is opened, what its errors mean, and how it reads JSON. One file each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Engine

from morelike.errors import StoreError

__all__ = ["WRITING", "Database", "Json"]

Json = ColumnElement[Any]
"""A column of JSON objects."""

WRITING = "morelike_writing"
"""The execution option of a connection that is about to write: the database takes its write lock at BEGIN."""


class Database(Protocol):
    """One opened database, behind its SQLAlchemy engine."""

    engine: Engine
    read_only: bool
    where: str
    """How messages name it; no password in it."""

    def translate(self, error: BaseException) -> StoreError | None:
        """What a driver's exception means; None where it is none of the driver's."""

    def backup(self, version: str) -> str:
        """Copy the whole catalog before a migration; returns where to, for the message."""

    def migrating(self, connection: Connection) -> AbstractContextManager[None]:
        """What a schema change needs around its transaction."""

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
        """``text`` is like the LIKE pattern (escaped by ``!``), letters of any case."""

    def json_text(self, column: Json, key: str) -> ColumnElement[Any]:
        """The text under a key; NULL where there is none or it is something else. ``key`` is packed."""

    def json_number(self, column: Json, key: str) -> ColumnElement[Any]:
        """The same for a number."""

    def json_truth(self, column: Json, key: str) -> ColumnElement[Any]:
        """1 for true, 0 for false, else NULL."""

    def json_has(self, column: Json, key: str) -> ColumnElement[bool]:
        """Whether a value other than null lies under the key."""

    def verify(self, connection: Connection) -> Iterator[str]:
        """One sentence a fault that the database itself finds."""

    def bytes_used(self, connection: Connection) -> int:
        """Bytes on disk."""

    def close(self) -> None: ...
