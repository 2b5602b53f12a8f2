"""The catalog on a server that several machines share."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from morelike.catalog_protocols import WriteLock
from morelike.errors import MissingExtra, StoreError
from morelike.settings import Settings
from morelike.stores.catalog.catalog import SqlCatalog
from morelike.stores.catalog.connections import retried, translated
from morelike.stores.catalog.engine import Server
from morelike.stores.catalog.server_lock import ServerLock
from morelike.stores.catalog.versions import make_ready
from morelike.types import Collection, Finished

__all__ = [
    "ServerCatalog",
    "mysql_database",
    "open_mysql_catalog",
    "open_postgresql_catalog",
    "postgresql_database",
]

_LONGEST_WAIT = 60.0
_FIRST_STEP, _LARGEST_STEP = 500, 64_000
"""After how many new items the server is to look again at how its tables are filled; twice as many each time."""


class ServerCatalog(SqlCatalog):
    """``SqlCatalog`` with the lock of everybody who writes, and ``Reachable``."""

    _server: Server
    _lock: ServerLock

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._counting = threading.Lock()
        self._new, self._look_at = 0, _FIRST_STEP

    @classmethod
    def opened(cls, database: Server, folder: Path, settings: Settings) -> ServerCatalog:
        """Raises what ``make_ready`` does; the database is closed then."""
        try:
            make_ready(database)
            catalog = cls(database)
            catalog._server = database
            catalog._lock = ServerLock(database, folder, settings, catalog.library_id())
        except BaseException:
            database.close()
            raise
        return catalog

    def write_lock(self) -> WriteLock | None:
        return self._lock

    def ping(self) -> None:
        self._check_open()
        self._server.ping()

    @retried
    def restore(self, *arguments: Any, **named: Any) -> list[str]:
        return super().restore(*arguments, **named)

    def finish(self, collection: Collection, finished: Sequence[Finished]) -> None:
        super().finish(collection, finished)
        with self._counting:
            self._new += len(finished)
            due = self._new >= self._look_at
            if due:
                self._new, self._look_at = 0, min(2 * self._look_at, _LARGEST_STEP)
        if due:
            with suppress(StoreError), translated(self._server):  # the items are ready, whatever becomes of this
                self._server.look_again()

    def _before_commit(self, connection: Connection) -> None:
        self._lock.confirm(connection)


def open_mysql_catalog(folder: Path, settings: Settings) -> SqlCatalog:
    """The catalog at ``settings.catalog``: made in an empty database, migrated where it is older.

    Raises SettingsError on an address that cannot be, StoreUnreachable, StoreError where the server refuses or is too
    old, MissingExtra, SchemaTooNew, StoreDamaged, StoreReadOnly, StoreFull, StoreBusy.
    """
    return ServerCatalog.opened(mysql_database(folder, settings), folder, settings)


def open_postgresql_catalog(folder: Path, settings: Settings) -> SqlCatalog:
    """The same on PostgreSQL."""
    return ServerCatalog.opened(postgresql_database(folder, settings), folder, settings)


def mysql_database(folder: Path, settings: Settings) -> Server:
    """The database that ``settings.catalog`` names, whatever it holds. Raises as ``open_mysql_catalog`` does."""
    from morelike.stores.catalog.engine.mysql import MySqlDatabase

    with _driver("mysql"):
        return MySqlDatabase(settings.catalog, folder, timeout=_wait(settings))


def postgresql_database(folder: Path, settings: Settings) -> Server:
    """The same on PostgreSQL."""
    from morelike.stores.catalog.engine.postgresql import PostgresDatabase

    with _driver("postgresql"):
        return PostgresDatabase(settings.catalog, folder, timeout=_wait(settings))


@contextmanager
def _driver(extra: str) -> Iterator[None]:
    """SQLAlchemy imports a driver only when it is to connect."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"the catalog {extra!r} needs the package {error.name!r}", hint=f"pip install 'morelike[{extra}]'"
        ) from error


def _wait(settings: Settings) -> float:
    """Writers take turns under the lock before they come here, so a long wait is not to be expected."""
    return min(settings.lock_timeout, _LONGEST_WAIT)
