"""One SQLite file that many threads and processes share: write-ahead log, one writer at a time, errors translated."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from morelike.errors import SchemaTooNew, StoreBusy, StoreDamaged, StoreError, StoreReadOnly
from morelike.stores.disk import disk_full, make_folder, nearly_full, read_only, tree_bytes
from morelike.stores.disk import translated as os_translated

__all__ = ["Database", "Reader", "store_error", "translated"]

_T = TypeVar("_T")
_FAULTS = 5
"""How many findings of SQLite's own check are repeated."""


def store_error(error: sqlite3.Error, path: Path) -> StoreError:
    """What an error of SQLite about the file ``path`` means to whoever owns the library."""
    code = getattr(error, "sqlite_errorcode", 0)
    match code & 0xFF:
        case sqlite3.SQLITE_FULL:
            return disk_full(path)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return read_only(path)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreBusy(
                f"another process is writing to {path}", hint="wait for it, or raise MORELIKE_LOCK_TIMEOUT"
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StoreDamaged(f"{path} is damaged: {error}", hint="run `morelike doctor --fix`")
        case sqlite3.SQLITE_IOERR if nearly_full(path.parent):
            return disk_full(path)
    return StoreError(f"{path}: {error}", hint="run `morelike doctor`")


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """sqlite3's errors as StoreError's leaves."""
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(error, path) from error


@dataclass(slots=True)
class Reader:
    """A connection that only reads, and what was read through it last."""

    connection: sqlite3.Connection
    version: int = -1
    memory: Any = None

    def remembered(self, read: Callable[[sqlite3.Connection], _T]) -> _T:
        """What ``read`` answered last, asked anew only where somebody committed since (some microseconds)."""
        version = self.connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self.version:
            self.memory = read(self.connection)
            self.version = version  # taken before the reading: a commit in between is read again next time
        answer: _T = self.memory
        return answer


class Database:
    """Opened when first used, so that a damaged or unwritable file does not keep the library from opening.

    ``schema`` is run once on a new file; ``version`` is its number. ``wait`` is how many seconds a writer waits for
    another. Every method raises StoreError's leaves; a folder that cannot be written is still read.
    """

    def __init__(self, path: Path, *, schema: str, version: int, wait: float, page_size: int = 4096) -> None:
        self.path = path
        self._schema = schema
        self._version = version
        self._wait = wait
        self._page_size = page_size
        self._writer: sqlite3.Connection | None = None
        self._writing = threading.Lock()
        self._idle: list[Reader] = []
        self._closed = False

    @contextlib.contextmanager
    def reading(self) -> Iterator[Reader | None]:
        """A reader of one's own for the block; None where nothing was ever written."""
        with translated(self.path):
            reader = self._take_reader()
            try:
                yield reader
            except BaseException:
                if reader is not None:
                    reader.connection.close()  # it may stand in the middle of a transaction
                raise
            if reader is not None:
                self._give_back(reader)

    @contextlib.contextmanager
    def transaction(self, reader: Reader) -> Iterator[sqlite3.Connection]:
        """One unchanging view of the database for the block."""
        reader.connection.execute("BEGIN")
        yield reader.connection
        reader.connection.execute("COMMIT")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The one writing transaction: durable when the block ends, undone when it raises."""
        with self._writing, translated(self.path):
            writer = self._opened_writer()
            writer.execute("BEGIN IMMEDIATE")
            try:
                yield writer
                writer.execute("COMMIT")
            except BaseException:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise

    def tidy(self) -> None:
        """Give freed pages back to the disk and empty the write-ahead log. Does what it can beside readers."""
        if not self.path.exists():
            return
        with self._writing, translated(self.path):
            writer = self._opened_writer()
            writer.executescript("PRAGMA incremental_vacuum")  # `execute` would free one page only
            writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def verify(self) -> list[str]:
        """SQLite's own check of the file: one sentence a fault."""
        try:
            with self.reading() as reader:
                if reader is None:
                    return []
                found = reader.connection.execute(f"PRAGMA quick_check({_FAULTS})").fetchall()
        except StoreDamaged as error:
            return [error.message]
        return [f"{self.path}: {line}" for (line,) in found if line != "ok"]

    def bytes_used(self) -> int:
        return tree_bytes(self.path.parent, self.path.name + "*")

    def set_aside(self) -> None:
        """Rename a damaged file, with its log, to ``*.damaged``; the next use makes an empty one. Raises StoreError."""
        self.close()
        with os_translated(self.path):
            for path in sorted(self.path.parent.glob(self.path.name + "*")):
                ending = path.name.removeprefix(self.path.name)
                if ending in {"", "-wal", "-shm"}:
                    path.replace(self.path.with_name(f"{self.path.name}.damaged{ending}"))
        self._closed = False

    def close(self) -> None:
        """The last process to close also empties the write-ahead log into the file."""
        self._closed = True
        with self._writing:
            while self._idle:
                self._idle.pop().connection.close()
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _take_reader(self) -> Reader | None:
        if self._closed:
            raise StoreError(f"{self.path} was closed")
        with contextlib.suppress(IndexError):
            return self._idle.pop()
        with os_translated(self.path):
            if not self.path.exists():
                return None
            connection = self._open_reader()
        if self._written_version(connection) == 0:  # another process is about to write the schema
            connection.close()
            return None
        return Reader(connection)

    def _give_back(self, reader: Reader) -> None:
        if self._closed:
            reader.connection.close()
        else:
            self._idle.append(reader)

    def _open_reader(self) -> sqlite3.Connection:
        connection = self._connect("mode=rw")
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise
            return self._open_unwritable()
        except sqlite3.Error:
            connection.close()
            raise
        connection.execute("PRAGMA query_only = ON")
        return connection

    def _open_unwritable(self) -> sqlite3.Connection:
        """On read-only media SQLite cannot make the files that coordinate readers; nobody writes there either."""
        log = Path(f"{self.path}-wal")
        if log.exists() and log.stat().st_size:
            raise StoreReadOnly(
                f"{self.path} has changes that were never merged, and its folder cannot be written",
                hint="open the library once where it can be written, or copy it",
            )
        return self._connect("mode=ro&immutable=1")

    def _opened_writer(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError(f"{self.path} was closed")
        if self._writer is None:
            self._writer = self._open_writer()
        return self._writer

    def _open_writer(self) -> sqlite3.Connection:
        with os_translated(self.path):
            make_folder(self.path.parent)
        writer = self._connect("mode=rwc")
        try:
            writer.execute(f"PRAGMA page_size = {self._page_size}")
            writer.execute("PRAGMA auto_vacuum = INCREMENTAL")
            self._use_write_ahead_log(writer)
            writer.execute("PRAGMA synchronous = FULL")
            writer.execute("PRAGMA secure_delete = FAST")
            writer.execute("BEGIN IMMEDIATE")
            if self._written_version(writer) == 0:
                for statement in self._schema.split(";"):
                    writer.execute(statement)
                writer.execute(f"PRAGMA user_version = {self._version}")
            writer.execute("COMMIT")
        except BaseException:
            writer.close()
            raise
        return writer

    def _use_write_ahead_log(self, writer: sqlite3.Connection) -> None:
        """Two processes that make the file at once: SQLite refuses one of them without waiting, so we wait."""
        until = time.monotonic() + self._wait
        while True:
            try:
                writer.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.02)
            else:
                return

    def _written_version(self, connection: sqlite3.Connection) -> int:
        written: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if written > self._version:
            connection.close()
            raise SchemaTooNew(
                f"{self.path} was written by a newer morelike (format {written}, this one knows {self._version})",
                hint="pip install --upgrade morelike",
            )
        return written

    def _connect(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.absolute().as_uri()}?{mode}",
            uri=True,
            timeout=self._wait,
            isolation_level=None,  # transactions are opened where we say so
            check_same_thread=False,
        )
