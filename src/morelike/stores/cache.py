"""A cache in this process's memory."""

from __future__ import annotations

import threading
from collections import OrderedDict

from morelike.settings import Settings

__all__ = ["MemoryCache"]

_ENTRY = 200
"""What an entry costs besides its bytes, roughly: two objects and their place in the table."""


class MemoryCache:
    """The entry that was not used for longest goes first; ``MORELIKE_CACHE_BYTES`` bounds keys and values together."""

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.cache_bytes
        self._entries: OrderedDict[str, bytes] = OrderedDict()
        self._used = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        with self._lock:
            value = self._entries.get(key)
            if value is not None:
                self._entries.move_to_end(key)
            return value

    def put(self, key: str, value: bytes) -> None:
        """A value larger than the whole cache is not kept."""
        with self._lock:
            self._remove(key)
            if _cost(key, value) > self._limit:
                return
            self._entries[key] = value
            self._used += _cost(key, value)
            while self._used > self._limit:
                self._remove(next(iter(self._entries)))

    def forget(self, prefix: str) -> None:
        with self._lock:
            for key in [key for key in self._entries if key.startswith(prefix)]:
                self._remove(key)

    def close(self) -> None:
        self.forget("")

    def _remove(self, key: str) -> None:
        value = self._entries.pop(key, None)
        if value is not None:
            self._used -= _cost(key, value)


def _cost(key: str, value: bytes) -> int:
    return len(key) + len(value) + _ENTRY
