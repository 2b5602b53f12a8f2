"""What the databases behind a network have in common: connections that are tried before they are trusted, and locks.

Reading sees one moment (REPEATABLE READ). Writing reads what is committed now (READ COMMITTED): its first statement
waits for the collection's row, and what it reads after that must be what the one before it wrote.
"""

from __future__ import annotations

import select
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, bindparam, create_engine, event, func, insert
from sqlalchemy import select as select_rows
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import QueuePool

from morelike.errors import StoreBusy, StoreError, StoreUnreachable
from morelike.stores.catalog import schema
from morelike.stores.catalog.connections import translated
from morelike.stores.catalog.encoding import to_json
from morelike.stores.catalog.engine import WRITING, parentless
from morelike.stores.catalog.engine.written import WrittenStatements

__all__ = [
    "CONNECT_SECONDS",
    "KEEP_COUNT",
    "KEEP_IDLE",
    "KEEP_INTERVAL",
    "PING_SECONDS",
    "SILENT_SECONDS",
    "ServerDatabase",
    "keep_alive",
    "one_line",
    "writing",
]

CONNECT_SECONDS = 5
"""The longest that a server may take to let us in."""
PING_SECONDS = 3
KEEP_IDLE, KEEP_INTERVAL, KEEP_COUNT = 15, 5, 3
SILENT_SECONDS = 30
"""How long what was sent may stay without an answer from the other host."""
_KEPT, _MORE = 8, 24
"""Connections that are kept, and that may be added while many threads ask at once."""
_WAIT_FOR_ONE = 30
_TRUSTED_SECONDS = 1.0
"""A connection that was used this shortly ago is not tried again."""
_REST = 0.02
_LONGEST_TEXT = 300


class ServerDatabase(ABC):
    """The half of ``Database`` that does not depend on which server it is. Subclasses say the rest."""

    read_only = False  # what may be written the server says, each time: a replica may become the primary
    whole_migrations = False

    def __init__(self, url: URL, where: str, folder: Path, *, timeout: float, options: dict[str, Any]) -> None:
        self.where = where
        self._folder = folder
        self._timeout = timeout
        self._url = url
        self._options = options
        self.engine = self._engine(pool_size=_KEPT, max_overflow=_MORE, isolation_level="REPEATABLE READ")
        event.listen(self.engine, "begin", self._begin)
        # Who holds a lock does nothing else on that connection; as many as threads that write at once.
        self._locks = self._engine(pool_size=1, max_overflow=_MORE, isolation_level="AUTOCOMMIT")
        try:
            with translated(self), self.engine.connect() as connection, connection.begin():
                self._check(connection)
        except BaseException:
            self.close()
            raise

    def _engine(self, **pool: Any) -> Engine:
        engine = create_engine(
            self._url,
            connect_args=self._options,
            json_serializer=to_json,
            hide_parameters=True,
            poolclass=QueuePool,
            pool_use_lifo=True,
            pool_timeout=_WAIT_FOR_ONE,
            pool_reset_on_return=None,  # each use ends its own transaction
            execution_options={"compiled_cache": WrittenStatements()},
            **pool,
        )
        event.listen(engine, "connect", lambda driver, _record: self._connected(driver))
        event.listen(engine, "checkin", _note_time)
        event.listen(engine, "checkout", self._try)
        event.listen(engine, "before_cursor_execute", self._as_we_want_tables, retval=True)
        return engine

    def _try(self, driver: Any, record: Any, _borrower: Any) -> None:
        """As SQLAlchemy's pre-ping, but not for one that worked a moment ago and has heard nothing since."""
        since = record.info.get("used")
        if since is None or (time.monotonic() - since < _TRUSTED_SECONDS and not self._has_heard(driver)):
            return
        dialect = self.engine.dialect
        try:
            alive = dialect.do_ping(driver)
        except dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error
        if not alive:
            raise DisconnectionError

    def _has_heard(self, driver: Any) -> bool:
        """Whether something lies in an idle connection: its end, most of all."""
        try:
            return bool(select.select([self._line(driver)], [], [], 0)[0])
        except (OSError, ValueError):  # closed already; or a number too large for this call
            return True

    def _as_we_want_tables(
        self, _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> tuple[str, Any]:
        if statement.lstrip().startswith(("CREATE TABLE", "ALTER TABLE")):
            statement = self._exact_texts(statement)
        return statement, parameters

    # What each server has its own way for

    def _connected(self, driver: Any) -> None:  # noqa: B027  one server needs nothing here
        """A new connection, before anything else is asked of it."""

    @abstractmethod
    def _line(self, driver: Any) -> Any:
        """The connection's socket, or its number."""

    def _begin(self, connection: Connection) -> None:  # noqa: B027  one server needs nothing here
        """Before the first statement of a transaction."""

    @abstractmethod
    def _check(self, connection: Connection) -> None:
        """Raises StoreError where the server is too old, or the database cannot hold a catalog."""

    @abstractmethod
    def _exact_texts(self, statement: str) -> str:
        """The statement that makes a table, so that texts are compared as SQLite does: code point by code point."""

    @abstractmethod
    def _of_driver(self, error: BaseException) -> StoreError | None:
        """What the driver's own exception means; None where it is none of the driver's."""

    @abstractmethod
    def _try_to_lock(self, driver: Any, name: str) -> bool:
        """Without waiting, on a driver's connection outside of any transaction."""

    @abstractmethod
    def _unlock(self, driver: Any, name: str) -> None:
        """Give it back, on the connection that has it."""

    @abstractmethod
    def _ping_options(self) -> dict[str, Any]:
        """For a connection that has to answer within seconds."""

    # The same for all

    def translate(self, error: BaseException) -> StoreError | None:
        if isinstance(error, OSError):
            return StoreUnreachable(
                f"the catalog's server {self.where} cannot be reached: {one_line(error)}",
                hint="see that it runs and that the address is right",
            )
        return self._of_driver(getattr(error, "orig", None) or error)

    def ping(self) -> None:
        """On a new connection: an old one may hang on a server that is gone, and a new one says so in seconds."""
        dialect = self.engine.dialect
        positional, named = dialect.create_connect_args(self._url)
        try:
            driver: Any = dialect.connect(*positional, **{**named, **self._options, **self._ping_options()})
            try:
                dialect.do_ping(driver)
            finally:
                driver.close()
        except dialect.loaded_dbapi.Error as error:
            raise self._of_driver(error) or error from error
        except OSError as error:
            raise self.translate(error) or error from error

    @contextmanager
    def migrating(self, connection: Connection) -> Iterator[None]:
        driver = connection.connection.driver_connection
        name, deadline = f"morelike.make.{schema.key_of(self._database_name)[:16]}", time.monotonic() + self._timeout
        while not self._try_to_lock(driver, name):
            if time.monotonic() >= deadline:
                raise StoreBusy(
                    f"another process is making or changing the tables of {self.where}",
                    hint="wait for it, or raise the setting lock_timeout",
                )
            time.sleep(_REST)
        try:
            yield
        except BaseException:
            connection.invalidate()  # which frees the lock, whatever state the connection is in
            raise
        self._unlock(driver, name)

    @property
    def _database_name(self) -> str:
        return self._url.database or ""

    def add_rows(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        connection.execute(insert(table), rows)

    def one_of(self, found: Any, values: Sequence[Any], kind: Any) -> Any:
        return found.in_(bindparam(None, list(values), type_=kind, expanding=True))

    def look_again(self) -> None:  # noqa: B027  one server needs nothing here
        """InnoDB does so by itself when a tenth of a table is new."""

    def lock_connection(self) -> Connection:
        return self._locks.connect()

    def verify(self, connection: Connection) -> Iterator[str]:
        """Rows whose parents are gone: a copy that was restored in part has them."""
        for table in schema.metadata.sorted_tables:
            for key in table.foreign_keys:
                parent = key.column.table
                orphans = (
                    select_rows(func.count())
                    .select_from(table.outerjoin(parent, key.parent == key.column))
                    .where(key.parent.is_not(None), key.column.is_(None))
                )
                count = connection.execute(orphans).scalar_one()
                if count:
                    yield parentless(count, table.name, parent.name)

    def close(self) -> None:
        self.engine.dispose()
        self._locks.dispose()


def one_line(error: BaseException | str) -> str:
    """A server's own words, for a message."""
    text = " ".join(str(error).split())
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def writing(connection: Connection) -> bool:
    """Whether the transaction that begins is going to write."""
    return bool(connection.get_execution_options().get(WRITING, False))


def _note_time(_driver: Any, record: Any) -> None:
    record.info["used"] = time.monotonic()


def keep_alive(line: socket.socket) -> None:
    """A host that vanished without a word is noticed within a minute, however long a statement may take."""
    if line.family == getattr(socket, "AF_UNIX", None):
        return
    wanted = {"TCP_KEEPIDLE": KEEP_IDLE, "TCP_KEEPINTVL": KEEP_INTERVAL, "TCP_KEEPCNT": KEEP_COUNT}
    with suppress(OSError):  # not every platform has all of them
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in wanted.items():
            if hasattr(socket, name):
                line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT_SECONDS * 1000)
