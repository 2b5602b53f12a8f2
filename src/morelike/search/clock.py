"""Where a query's time goes, and how many queries are at work at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, local
from time import perf_counter

__all__ = ["Clock"]

_ROOM = BoundedSemaphore(max(2, os.cpu_count() or 1))
"""More threads than cores only get in each other's way: eight of them on two cores answered two thirds of the queries
that one did alone. Those that wait, for an encoder or for an example's bytes, are not counted."""
_mine = local()


class Clock:
    """Seconds a stage; what a stage inside another takes is told apart from it. Of one thread."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._stages: list[str] = []
        self._since = perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._charge()
        self._stages.append(name)
        self.seconds.setdefault(name, 0.0)
        try:
            yield
        finally:
            self._charge()
            self._stages.pop()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Work, once there is room for it; what that takes is a stage ``turn``. A thread has one turn at a time."""
        if getattr(_mine, "turn", False):
            yield
            return
        self._take()
        try:
            yield
        finally:
            self._give()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let others work meanwhile."""
        if not getattr(_mine, "turn", False):
            yield
            return
        self._give()
        try:
            yield
        finally:
            self._take()

    def add(self, name: str, seconds: float) -> None:
        """What was measured elsewhere, outside every stage."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def _take(self) -> None:
        if not _ROOM.acquire(blocking=False):
            with self.stage("turn"):
                _ROOM.acquire()
        _mine.turn = True

    def _give(self) -> None:
        _mine.turn = False
        _ROOM.release()

    def _charge(self) -> None:
        now = perf_counter()
        if self._stages:
            self.add(self._stages[-1], now - self._since)
        self._since = now
