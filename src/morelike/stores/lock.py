"""The library's write lock: writers in any process or thread take turns, and whoever waits is told for whom."""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from morelike.errors import StoreBusy, StoreError, StoreFull, StoreReadOnly
from morelike.settings import Settings

__all__ = ["LibraryLock"]

_POLL = 0.02
_SAY_AGAIN = 10.0
_NOTE_LIMIT = 4096
_PURPOSE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class _Holder:
    """What the holder wrote about itself."""

    pid: int
    host: str
    purpose: str
    since: float

    def sentence(self) -> str:
        if self.host != socket.gethostname():
            who = f"pid {self.pid} on {self.host}"
        else:
            who = "another thread of this process" if self.pid == os.getpid() else f"pid {self.pid}"
        seconds = max(0, round(time.time() - self.since))
        return f"{who} has been writing for {seconds} s: {self.purpose}"


class LibraryLock:
    """``WriteLock`` over two locked files, which the operating system frees when their process ends in any way.

    A waiter holds ``write.next`` while it waits for ``write.lock``. Whoever has just released the latter needs the
    former to come again, and so lets the waiter pass: two adders take turns.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder = folder
        self._timeout = settings.lock_timeout
        self._note = folder / "write.json"
        self._mine = threading.local()

    @contextmanager
    def hold(self, purpose: str, *, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
        """Raises StoreBusy after ``lock_timeout`` seconds, StoreReadOnly where the folder cannot be written."""
        depth: int = getattr(self._mine, "depth", 0)
        if depth == 0:
            lock = self._acquire(waiting)
            try:
                self._sign(purpose)
                yield from self._nested(1)
            finally:
                self._unsign()
                lock.release()
        else:
            yield from self._nested(depth + 1)

    def _nested(self, depth: int) -> Iterator[None]:
        self._mine.depth = depth
        try:
            yield
        finally:
            self._mine.depth = depth - 1

    def _acquire(self, waiting: Callable[[str], None] | None) -> FileLock:
        wait = _Wait(self, time.monotonic() + self._timeout, waiting)
        with self._translated():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._check_writable()
            turn = wait.until_locked(self._folder / "write.next")
            try:
                return wait.until_locked(self._folder / "write.lock")
            finally:
                turn.release()

    def _check_writable(self) -> None:
        # Asked before locking: an old lock file may be writable in a folder that is not.
        if not os.access(self._folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
                raise StoreReadOnly(
                    f"the library {self._folder} cannot be written",
                    hint="make the folder writable, or name another with --library",
                ) from error
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise StoreFull(f"no space is left for the library {self._folder}", hint="free some space") from error
            raise StoreError(f"the library {self._folder} cannot be locked: {error}") from error

    def holder(self) -> str:
        """The sentence about whoever writes now, as far as it is known."""
        try:
            with self._note.open("rb") as stream:
                note = json.loads(stream.read(_NOTE_LIMIT))
            known = _Holder(int(note["pid"]), str(note["host"]), str(note["purpose"]), float(note["since"]))
            return known.sentence()
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return "another process is writing"

    def _sign(self, purpose: str) -> None:
        me = _Holder(os.getpid(), socket.gethostname(), purpose[:_PURPOSE_LIMIT], time.time())
        part = self._note.with_suffix(".part")
        # The note is a courtesy. Without room for it the lock still has to work: deleting frees room.
        with suppress(OSError):
            part.write_text(json.dumps(asdict(me)), encoding="utf-8")
            part.replace(self._note)

    def _unsign(self) -> None:
        with suppress(OSError):
            self._note.unlink()


class _Wait:
    """One attempt to get the turn, with one deadline over both locks."""

    def __init__(self, library: LibraryLock, deadline: float, waiting: Callable[[str], None] | None) -> None:
        self._library = library
        self._deadline = deadline
        self._waiting = waiting
        self._say_at = 0.0

    def until_locked(self, path: Path) -> FileLock:
        lock = FileLock(path, thread_local=False)
        while True:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                self._pause()
            else:
                return lock

    def _pause(self) -> None:
        moment = time.monotonic()
        if moment >= self._deadline:
            raise StoreBusy(
                self._library.holder(),
                hint="run the command again when it is done, or wait longer with the setting lock_timeout",
            )
        if self._waiting is not None and moment >= self._say_at:
            self._say_at = moment + _SAY_AGAIN
            self._waiting(self._library.holder())
        time.sleep(min(_POLL, max(0.0, self._deadline - moment)))
