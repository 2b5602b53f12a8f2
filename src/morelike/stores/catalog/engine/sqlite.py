"""SQLite: one file in the library's folder, write-ahead log, synced at each commit."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    bindparam,
    case,
    create_engine,
    event,
    func,
    insert,
    literal,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, QueuePool
from sqlalchemy.types import TypeEngine

from morelike.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreReadOnly
from morelike.stores.catalog.encoding import AnyText, to_json
from morelike.stores.catalog.engine import WRITING, Json, parentless
from morelike.stores.catalog.engine.written import WrittenStatements

__all__ = ["SqliteDatabase"]

_BUSY_HINT = "another process is writing; try again, or raise the setting lock_timeout"
_DAMAGED_HINT = "run `morelike doctor`"
_FULL_HINT = "free some space and run the command again; nothing acknowledged was lost"
_READ_ONLY_HINT = "searching works; to write, make the library's folder writable, or name another with --library"
_KEEP_LOG = 64 * 1024**2
_NEARLY_FULL = 4 * 1024**2


class SqliteDatabase:
    """The catalog's file and its connections. Raises StoreReadOnly, StoreFull, StoreBusy, StoreDamaged."""

    whole_migrations = True

    def __init__(self, path: Path, *, timeout: float) -> None:
        self.path = path
        self.where = str(path)
        self._timeout = timeout
        self._make_folder()
        self.read_only = not _writable(path)
        if self.read_only and not path.exists():
            raise StoreReadOnly(f"there is no catalog at {path}, and none can be made there", hint=_READ_ONLY_HINT)
        self.engine = self._engine()
        if not self.read_only:
            fresh = not path.exists()
            self._start_log()
            if fresh:
                self._sync_folder()

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._from_os(error) from error

    def _engine(self) -> Engine:
        # Without pooling each reading looks anew whether a writer is there, which a read-only catalog must know.
        pool: dict[str, Any] = (
            {"poolclass": NullPool}
            if self.read_only
            else {"poolclass": QueuePool, "pool_size": 8, "max_overflow": -1, "pool_use_lifo": True}
        )
        engine = create_engine(
            "sqlite+pysqlite://",
            creator=self._connect,
            json_serializer=to_json,
            execution_options={"compiled_cache": WrittenStatements()},
            **pool,
        )

        def begin(connection: Connection) -> None:
            immediate = connection.get_execution_options().get(WRITING, False)
            driver = connection.connection.driver_connection  # SQLAlchemy's own way takes longer than the statement
            assert driver is not None  # noqa: S101  # for mypy: a checked-out connection has one
            driver.execute("BEGIN IMMEDIATE" if immediate else "BEGIN")

        event.listen(engine, "begin", begin)
        return engine

    def _connect(self) -> sqlite3.Connection:
        # isolation_level=None: Python begins nothing by itself, in any version; `begin` above does.
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(self.path))}?{self._mode()}",
            uri=True,
            timeout=self._timeout,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.create_function("morelike_lower", 1, _lower, deterministic=True)
            for pragma in (
                "foreign_keys=ON",
                "synchronous=FULL",
                "cache_size=-16384",
                f"journal_size_limit={_KEEP_LOG}",
            ):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _mode(self) -> str:
        if not self.read_only:
            return "mode=rwc"
        # A log beside the file: somebody writes, or wrote and crashed, and the log has to be read. No log: nothing
        # can be read but the file, and on read-only media SQLite opens it only when told that it cannot change.
        log = self.path.with_name(f"{self.path.name}-wal")
        return "mode=ro" if log.exists() else "mode=ro&immutable=1"

    def _start_log(self) -> None:
        """The write-ahead log is a property of the file. Two processes that make it at once must both succeed."""
        deadline = time.monotonic() + max(self._timeout, 5.0)
        try:
            with closing(self._connect()) as connection:
                while True:
                    try:
                        if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
                            raise StoreError(f"the file system under {self.where} cannot hold a write-ahead log")
                        return
                    except sqlite3.OperationalError as error:
                        if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                            raise
                        time.sleep(0.02)
        except sqlite3.Error as error:
            raise self._from_sqlite(error) from error

    def _sync_folder(self) -> None:
        """The new file's name survives a power cut too; SQLite sees to the log's name itself."""
        with suppress(OSError):  # some platforms cannot open a folder
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def translate(self, error: BaseException) -> StoreError | None:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, sqlite3.Error):
            return self._from_sqlite(cause)
        return self._from_os(cause) if isinstance(cause, OSError) else None

    def _from_sqlite(self, error: sqlite3.Error) -> StoreError:
        code = _code(error)
        if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and self._nearly_full()):
            return StoreFull(f"no space is left for the catalog {self.where}", hint=_FULL_HINT)
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return StoreBusy(f"the catalog {self.where} is locked", hint=_BUSY_HINT)
        if code == sqlite3.SQLITE_READONLY:
            return StoreReadOnly(f"the catalog {self.where} cannot be written", hint=_READ_ONLY_HINT)
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return StoreDamaged(f"the catalog {self.where} is damaged: {error}", hint=_DAMAGED_HINT)
        if code == sqlite3.SQLITE_CANTOPEN and self.read_only:
            return StoreReadOnly(
                f"the catalog {self.where} was left in the middle of its work, and cannot be mended where it is",
                hint="open the library once where it can be written, or copy it to such a place",
            )
        return StoreError(f"the catalog {self.where} failed: {error}", hint=_DAMAGED_HINT)

    def _from_os(self, error: OSError) -> StoreError:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return StoreFull(f"no space is left for the catalog {self.where}", hint=_FULL_HINT)
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            return StoreReadOnly(f"the catalog {self.where} cannot be written", hint=_READ_ONLY_HINT)
        return StoreError(f"the catalog {self.where} cannot be used: {error}")

    def _nearly_full(self) -> bool:
        with suppress(OSError):
            return shutil.disk_usage(self.path.parent).free < _NEARLY_FULL
        return False

    def backup(self, version: str) -> str:
        target = self.path.with_name(f"{self.path.name}.backup-{version}")
        part = target.with_name(f"{target.name}.part")
        with closing(self._connect()) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
        part.replace(target)
        return str(target)

    @contextmanager
    def migrating(self, connection: Connection) -> Iterator[None]:
        # A changed table is copied and the old one dropped; with foreign keys on, that would drop its children.
        # The pragma does nothing inside a transaction, hence the driver's own connection.
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101  # for mypy: a checked-out connection has one
        driver.execute("PRAGMA foreign_keys=OFF")
        try:
            yield
        finally:
            driver.execute("PRAGMA foreign_keys=ON")

    def clock(self) -> ColumnElement[Any]:
        return literal(time.time())  # whoever reads this file sees the same clock

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
        if pattern.isascii():  # SQLite's own LIKE knows the cases of these letters, and is ten times as fast
            return text.like(pattern, escape="!")
        return func.morelike_lower(text, type_=AnyText()).like(_lower(pattern), escape="!")

    def folded(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.lower(text, type_=AnyText())

    def json_text(self, column: Json, key: str) -> ColumnElement[Any]:
        return _typed(column, key, ["text"], func.json_extract(column, _path(key), type_=AnyText()))

    def json_numbers(self, column: Json, key: str) -> Sequence[ColumnElement[Any]]:
        return (_typed(column, key, ["integer", "real"], func.json_extract(column, _path(key))),)

    def add_rows(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        connection.execute(insert(table), rows)

    def one_of(self, found: ColumnElement[Any], values: Sequence[Any], kind: TypeEngine[Any]) -> ColumnElement[bool]:
        return found.in_(bindparam(None, list(values), type_=kind, expanding=True))

    def json_truth(self, column: Json, key: str) -> ColumnElement[Any]:
        return _typed(column, key, ["true", "false"], func.json_extract(column, _path(key)))

    def json_has(self, column: Json, key: str) -> ColumnElement[bool]:
        kind = func.json_type(column, _path(key))
        return and_(kind.is_not(None), kind != "null")

    def verify(self, connection: Connection) -> Iterator[str]:
        for (sentence,) in connection.exec_driver_sql("PRAGMA integrity_check(20)"):
            if sentence != "ok":
                yield f"the catalog's file is damaged: {sentence}"
        broken: dict[tuple[str, str], int] = {}
        for table, _, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
            broken[table, parent] = broken.get((table, parent), 0) + 1
        for (table, parent), count in broken.items():
            yield parentless(count, table, parent)

    def bytes_used(self, connection: Connection) -> int:  # noqa: ARG002  # other databases ask the server
        total = 0
        for name in (self.path.name, f"{self.path.name}-wal"):
            with suppress(FileNotFoundError):
                total += self.path.with_name(name).stat().st_size
        return total

    def close(self) -> None:
        self.engine.dispose()


def _writable(path: Path) -> bool:
    effective = os.access in os.supports_effective_ids
    there = [path.parent, *([path] if path.exists() else [])]
    return all(os.access(place, os.W_OK, effective_ids=effective) for place in there)


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _lower(text: str | None) -> str | None:
    return text.lower() if isinstance(text, str) else None


def _path(key: str) -> str:
    return f'$."{key}"'


def _typed(column: Json, key: str, kinds: list[str], value: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((func.json_type(column, _path(key)).in_(kinds), value))
