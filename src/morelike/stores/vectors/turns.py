"""A lock that many searches hold together, and one change alone."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

__all__ = ["SharedLock"]


class SharedLock:
    """A waiting change goes before new searches, so that a steady stream of searches cannot keep it out."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._searching = 0
        self._changing = False
        self._waiting = 0

    @contextlib.contextmanager
    def searching(self) -> Iterator[None]:
        with self._turn:
            self._turn.wait_for(lambda: not self._changing and not self._waiting)
            self._searching += 1
        try:
            yield
        finally:
            with self._turn:
                self._searching -= 1
                self._turn.notify_all()

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        with self._turn:
            self._waiting += 1
            try:
                self._turn.wait_for(lambda: not self._changing and not self._searching)
            finally:
                self._waiting -= 1
            self._changing = True
        try:
            yield
        finally:
            with self._turn:
                self._changing = False
                self._turn.notify_all()
