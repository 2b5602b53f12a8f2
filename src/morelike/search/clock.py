"""Where a query's time goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

__all__ = ["Clock"]


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

    def add(self, name: str, seconds: float) -> None:
        """What was measured elsewhere, outside every stage."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def _charge(self) -> None:
        now = perf_counter()
        if self._stages:
            self.add(self._stages[-1], now - self._since)
        self._since = now
