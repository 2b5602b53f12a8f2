"""The write lock of a library that several machines write to: held by the catalog's server, and by the folder.

The server frees it when the holder's connection ends, in whatever way. A waiter holds ``next`` while it waits for
``write``, as in a folder (``stores/lock.py``): whoever has just released the latter needs the former to come again, and
so lets the waiter pass.

Should the holder's connection end while it works, its next commit finds out at the server and is undone. What stays
open is the moment between that look and the commit, in which this transaction still locks the catalog's own rows.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, update

from morelike.errors import StoreBusy, StoreError, StoreUnreachable
from morelike.settings import Settings
from morelike.stores.catalog.connections import translated
from morelike.stores.catalog.encoding import to_json
from morelike.stores.catalog.engine import Server
from morelike.stores.catalog.schema import about, key_of
from morelike.stores.lock import LibraryLock

__all__ = ["ServerLock"]

_POLL = 0.02
_SAY_AGAIN = 10.0
_SLICE = 1.0
_SAME_WORK_SECONDS = 60.0
"""One who comes back this soon with the same purpose is still at the same work, and need not sign anew."""
_PURPOSE_LIMIT = 80
_HOST_LIMIT = 60
_NOTE = "writer"


@dataclass(slots=True)
class _Work:
    purpose: str
    since: float
    until: float


class ServerLock:
    """``WriteLock`` of everybody who writes to one catalog on a server, and to one folder beside it."""

    def __init__(self, database: Server, folder: Path, settings: Settings, library_id: str) -> None:
        self._database = database
        self._beside = LibraryLock(folder, settings)
        self._timeout = settings.lock_timeout
        # On MySQL a lock's name is one for the whole server, and a restored copy of a library has the same id.
        name = f"morelike.{library_id}.{key_of(database.where.rpartition('/')[2])[:12]}"
        self._write, self._next = f"{name}.write", f"{name}.next"
        self._mine = threading.local()
        self._work: _Work | None = None

    @contextmanager
    def hold(self, purpose: str, *, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
        """Raises StoreBusy after ``lock_timeout`` seconds, StoreUnreachable, StoreReadOnly.

        Held again by its holder, it is made sure of: what other stores lose for good must not go under a lost lock.
        """
        depth: int = getattr(self._mine, "depth", 0)
        if depth:
            with translated(self._database):
                self.confirm(self._mine.connection)
            yield from self._nested(depth + 1)
            return
        connection = self._acquired(purpose, waiting)
        self._mine.connection = connection
        try:
            with self._beside.hold(purpose, waiting=waiting):
                yield from self._nested(1)
        finally:
            self._mine.session = self._mine.connection = None
            self._release(connection)

    def confirm(self, connection: Connection) -> None:
        """Before a commit: where this thread holds the lock, the server must think so too. Raises StoreUnreachable."""
        session: int | None = getattr(self._mine, "session", None)
        if session is not None and self._database.holder(connection, self._write) != session:
            raise StoreUnreachable(
                f"the write lock of the catalog {self._database.where} was lost: its connection ended",
                hint="run the command again; nothing acknowledged was lost. A pooler between has to keep sessions",
            )

    def _nested(self, depth: int) -> Iterator[None]:
        self._mine.depth = depth
        try:
            yield
        finally:
            self._mine.depth = depth - 1

    def _acquired(self, purpose: str, waiting: Callable[[str], None] | None) -> Connection:
        with translated(self._database):
            connection = self._database.lock_connection()
            try:
                wait = _Wait(self, connection, time.monotonic() + self._timeout, waiting)
                wait.until_taken(self._next)
                wait.until_taken(self._write)
                self._database.give(connection, self._next)
                session = self._database.session(connection)
                self._sign(connection, purpose, session)
            except BaseException:
                _drop(connection)  # the server frees what it held
                raise
        self._mine.session = session
        return connection

    def _release(self, connection: Connection) -> None:
        if self._work is not None:
            self._work.until = time.monotonic()
        if connection.invalidated:  # it was made sure of, and was gone
            _drop(connection)
            return
        try:
            with translated(self._database):
                self._database.give(connection, self._write)
                connection.close()
        except StoreError:  # the connection is gone, and the lock with it; what was done is done
            _drop(connection)

    def holder(self, connection: Connection) -> str:
        """The sentence about whoever writes now, as far as it is known."""
        session = self._database.holder(connection, self._write)
        said = connection.execute(select(about.c.value).where(about.c.key == _NOTE)).scalar_one_or_none()
        with suppress(ValueError, KeyError, TypeError, OverflowError):
            note = json.loads(said or "")
            if note["session"] == session:
                return _sentence(int(note["pid"]), str(note["host"]), str(note["purpose"]), float(note["since"]))
        return "another process is writing"

    def _sign(self, connection: Connection, purpose: str, session: int) -> None:
        """Who works here, for those who wait. Written only where it changed: each write is synced to the disk."""
        work, moment = self._work, time.monotonic()
        purpose = purpose[:_PURPOSE_LIMIT]
        if work is None or work.purpose != purpose or moment - work.until > _SAME_WORK_SECONDS:
            self._work = work = _Work(purpose, round(time.time(), 1), moment)
        note: dict[str, Any] = {
            "session": session,
            "pid": os.getpid(),
            "host": socket.gethostname()[:_HOST_LIMIT],
            "purpose": purpose,
            "since": work.since,
        }
        value = to_json(note)
        mine = about.c.key == _NOTE
        said = connection.execute(select(about.c.value).where(mine)).scalar_one_or_none()
        if said is None:
            connection.execute(insert(about).values(key=_NOTE, value=value))
        elif said != value:
            connection.execute(update(about).where(mine).values(value=value))


class _Wait:
    """One attempt to get the turn, with one deadline over both locks."""

    def __init__(
        self, lock: ServerLock, connection: Connection, deadline: float, waiting: Callable[[str], None] | None
    ) -> None:
        self._lock = lock
        self._connection = connection
        self._deadline = deadline
        self._waiting = waiting
        self._say_at = 0.0

    def until_taken(self, name: str) -> None:
        database = self._lock._database
        seconds = 0.0
        while not database.take(self._connection, name, seconds):
            self._tell()
            left = self._deadline - time.monotonic()
            seconds = _SLICE if left >= _SLICE else 0.0  # servers count whole seconds
            if not seconds:
                time.sleep(min(_POLL, max(0.0, left)))

    def _tell(self) -> None:
        moment = time.monotonic()
        if moment >= self._deadline:
            raise StoreBusy(
                self._lock.holder(self._connection),
                hint="run the command again when it is done, or wait longer with the setting lock_timeout",
            )
        if self._waiting is not None and moment >= self._say_at:
            self._say_at = moment + _SAY_AGAIN
            self._waiting(self._lock.holder(self._connection))


def _drop(connection: Connection) -> None:
    with suppress(Exception):  # it may be broken in any way
        connection.invalidate()
    with suppress(Exception):
        connection.close()


def _sentence(pid: int, host: str, purpose: str, since: float) -> str:
    if host != socket.gethostname()[:_HOST_LIMIT]:
        who = f"pid {pid} on {host}"
    else:
        who = "another thread of this process" if pid == os.getpid() else f"pid {pid}"
    return f"{who} has been writing for {max(0, round(time.time() - since))} s: {purpose}"
