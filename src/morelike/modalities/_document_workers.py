"""The processes in which PDFium works: started when needed, kept for the next document, ended where they fail."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Any, BinaryIO, Final, cast

from morelike.errors import DecodeError

__all__ = ["PAGE_SECONDS", "SECONDS", "answers"]

Frame = tuple[dict[str, Any], bytes]

SECONDS: Final = 300
"""Of a processor for one request …"""
PAGE_SECONDS: Final = 30
"""… and for one page of it."""
_MEMORY: Final = 3 << 29
"""Bytes that PDFium and its process may take beside the document: 1.5 GiB, of which a page's pixels are the most."""
_MOST_PROCESSES: Final = 4
_LONGEST: Final = 256 << 20
"""Bytes of a page's pixels, or its words."""
_GRACE: Final = 10.0
"""Seconds in which a process that says nothing more has ended."""
_REQUESTS: Final = 500
"""After so many a process is replaced: what native code leaves behind adds up."""
_PROGRAM: Final = Path(__file__).with_name("_document_pdfium.py")
_ENVIRONMENT: Final = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TMPDIR")
"""All that the process gets to know of this one's: there are keys in it."""
_OUT_OF_TIME: Final = frozenset(-int(getattr(signal, name, -999)) for name in ("SIGPROF", "SIGXCPU"))
"""How a process ends that the system ended for its bounds of time."""

_WHY: Final = {
    "broken": ("has a page that cannot be read", "save it anew with the program that it was made with"),
    "characters": ("has more letters than can be searched", "cut it into several"),
    "format": ("is damaged: no pages are found in it", "copy or download it again"),
    "memory": ("needs too much memory", "save it anew with smaller pictures"),
    "page": ("has no such page", "count from 1"),
    "pages": ("has too many pages", "cut it into several"),
    "password": ("is encrypted", "save it without its password, and add that"),
    "security": ("is encrypted in a way that is not known here", "save it without its password, and add that"),
}


def answers(data: bytes, request: Mapping[str, Any], name: str) -> Generator[Frame]:
    """What PDFium says of a document, frame by frame: see ``_document_pdfium``. ``name`` is the item's.

    Raises DecodeError where the document cannot be used, takes too long or too much, or makes PDFium fail.
    """
    with _pool.turns:
        worker = _pool.take(name)
        usable = False
        try:
            yield from worker.ask(data, request, name)
            usable = True
        except _Refused as refused:
            usable = True
            what, hint = _WHY.get(refused.why, ("cannot be read", ""))
            raise DecodeError(f"{name} {what}", hint=hint) from None
        finally:
            _pool.give(worker, usable=usable)


class _Refused(Exception):
    """The document is no good; the process is."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class _Worker:
    """One process, for one request at a time."""

    def __init__(self, name: str) -> None:
        if not sys.executable or getattr(sys, "frozen", False):
            raise DecodeError(f"{name} cannot be read: there is no Python to start for it", hint="run it with python")
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this Python, and a program of our own
                [sys.executable, "-I", str(_PROGRAM), json.dumps(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={key: os.environ[key] for key in _ENVIRONMENT if key in os.environ},
                start_new_session=True,  # an interrupt at the terminal is for whoever asks
            )
        except OSError as error:
            raise DecodeError(f"{name} cannot be read: no process can be started ({error.strerror})") from error
        self.requests = 0

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def ask(self, data: bytes, request: Mapping[str, Any], name: str) -> Generator[Frame]:
        self.requests += 1
        bounds = {"memory": _MEMORY + 2 * len(data), "seconds": SECONDS, "page_seconds": PAGE_SECONDS}
        line = json.dumps({**bounds, **request, "size": len(data)}).encode() + b"\n"
        stdin = cast("BinaryIO", self._process.stdin)
        with suppress(OSError):  # where it has ended, there is no answer
            stdin.write(line)
            stdin.write(data)
            stdin.flush()
        while True:
            told, body = self._frame(name)
            if "error" in told:
                raise _Refused(str(told["error"]))
            if "done" in told:
                return
            yield told, body

    def _frame(self, name: str) -> Frame:
        """Bounded, and held to its form: native code that was led astray may say anything."""
        stdout = cast("BinaryIO", self._process.stdout)
        line = stdout.readline(_LONGEST)
        try:
            told = json.loads(line)
            body = stdout.read(min(max(int(told["bytes"]), 0), _LONGEST))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise self._failed(name) from None
        if len(body) != told["bytes"]:
            raise self._failed(name)
        return told, body

    def _failed(self, name: str) -> DecodeError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)
        if self._process.poll() in _OUT_OF_TIME:
            return DecodeError(f"{name} takes too long to read", hint="print it to a new PDF, and add that")
        return DecodeError(
            f"{name} cannot be read: it needs too much memory, or makes PDFium fail",
            hint="print it to a new PDF, and add that",
        )

    def end(self) -> None:
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what was not written is not missed
                cast("BinaryIO", pipe).close()


class _Pool:
    """The processes that wait for their next document."""

    def __init__(self) -> None:
        self.turns = BoundedSemaphore(max(1, min(os.cpu_count() or 1, _MOST_PROCESSES)))
        self._idle: list[_Worker] = []
        self._lock = Lock()

    def take(self, name: str) -> _Worker:
        while True:
            with self._lock:
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                return _Worker(name)
            if worker.lives:
                return worker
            worker.end()  # the system may end whom it likes

    def give(self, worker: _Worker, *, usable: bool) -> None:
        if not usable or worker.requests >= _REQUESTS:
            worker.end()
            return
        with self._lock:
            self._idle.append(worker)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()


_pool = _Pool()
_of_parents: list[_Pool] = []
"""Kept for ever: a process that was forked must not end those that belong to the one it came from."""


def _after_fork() -> None:
    global _pool
    _of_parents.append(_pool)
    _pool = _Pool()


def _close() -> None:
    _pool.close()


atexit.register(_close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
