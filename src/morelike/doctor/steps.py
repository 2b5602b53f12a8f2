"""How far an examination is, and whether it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from threading import Event
from time import monotonic
from typing import Final, TypeVar

from morelike.progress import Progress

__all__ = ["Steps", "Stopped"]

T = TypeVar("T")
TICK: Final = 0.1


class Stopped(Exception):
    """Somebody asked it to end. What was begun before it was raised is whole."""


class Steps:
    """The steps of one run; in between it can be stopped. Nothing that is mended is left half done at a ``go_on``."""

    def __init__(self, progress: Callable[[Progress], None] | None = None, stop: Event | None = None) -> None:
        self._progress = progress
        self._stop = stop or Event()
        self._done = -1
        self._total: int | None = None
        self._seen = 0
        self._current = ""
        self._told = 0.0

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def expect(self, total: int) -> None:
        """How many steps there are in all."""
        self._total = total

    def begin(self, current: str = "") -> None:
        """The next step, and what it looks at. Raises Stopped."""
        self._done += 1
        self._current = current
        self._tell()
        self.go_on()

    def go_on(self) -> None:
        """One more row, blob or page is looked at. Raises Stopped."""
        self._seen += 1
        if self._stop.is_set():
            raise Stopped
        if monotonic() - self._told >= TICK:
            self._tell()

    def each(self, things: Iterable[T]) -> Iterator[T]:
        """All of them. Raises Stopped before one that is not begun any more."""
        for thing in things:
            self.go_on()
            yield thing

    def until_stopped(self, things: Iterable[T]) -> Iterator[T]:
        """As far as they were asked for before it was stopped, which is no error here."""
        for thing in things:
            if self.stopped:
                return
            yield thing

    def finish(self) -> None:
        """All steps are done."""
        self._done = self._total or 0
        self._tell()

    def _tell(self) -> None:
        self._told = monotonic()
        if self._progress is not None:
            done = max(self._done, 0)
            self._progress(Progress(done, 0, 0, self._seen, self._total, 0.0, None, self._current))
