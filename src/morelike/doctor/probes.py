"""Whether each store answers now: asked side by side, in bounded time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from morelike.errors import MorelikeError
from morelike.protocols import Reachable
from morelike.wiring import Stores

__all__ = ["Probes"]

WAIT: Final = 5.0
"""Seconds that all of them together may take."""

Probe = Callable[[], object]
Store = TypeVar("Store")


class _Asked(threading.Thread):
    """One probe on its way. A store may keep it waiting for longer than anybody waits for the thread."""

    def __init__(self, part: str, probe: Probe) -> None:
        super().__init__(name=f"probe-{part}", daemon=True)
        self._probe = probe
        self.reason = ""

    def run(self) -> None:
        try:
            self._probe()
        except MorelikeError as error:
            self.reason = str(error)
        except Exception as error:  # a driver's own words may hold what must not be shown
            self.reason = f"it failed: {type(error).__name__}"


class Probes:
    """The questions to one library's stores. Safe from any thread.

    A part whose last probe is still waiting is not asked a second time, so that threads do not pile up.
    """

    def __init__(self, stores: Stores, *, wait: float = WAIT) -> None:
        self._wait = wait
        self._needed: dict[str, Probe] = {
            "catalog": lambda: _asked(stores.catalog).collections(),
            "vectors": lambda: next(_asked(stores.vectors).space_ids(), None),
        }
        if isinstance(stores.blobs, Reachable):  # a folder needs no more
            self._needed["blobs"] = stores.blobs.ping
        self._spared: dict[str, Probe] = {"cache": stores.cache.ping}
        self._asked: dict[str, _Asked] = {}
        self._lock = threading.Lock()

    def failing(self) -> dict[str, str]:
        """The parts without which nothing works and that do not answer, each with the reason."""
        return self._problems(self._needed)

    def degraded(self) -> dict[str, str]:
        """The same of the parts that the library does without: the cache."""
        return self._problems(self._spared)

    def _problems(self, probes: dict[str, Probe]) -> dict[str, str]:
        until = time.monotonic() + self._wait
        asked = {part: self._ask(part, probe) for part, probe in probes.items()}
        problems = {}
        for part, thread in asked.items():
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                problems[part] = f"it does not answer within {self._wait:g} s"
            elif thread.reason:
                problems[part] = thread.reason
        return problems

    def _ask(self, part: str, probe: Probe) -> _Asked:
        with self._lock:
            running = self._asked.get(part)
            if running is None or not running.is_alive():
                running = self._asked[part] = _Asked(part, probe)
                running.start()
            return running


def _asked(store: Store) -> Store:
    if isinstance(store, Reachable):
        store.ping()
    return store
