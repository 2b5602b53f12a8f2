"""A cache in this process's memory, and what counts how often a cache helped."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from morelike.protocols import Cache, Reachable
from morelike.settings import Settings

__all__ = ["CacheCounts", "CountedCache", "MemoryCache"]

_ENTRY = 200
"""What an entry costs besides its bytes, roughly: two objects and their place in the table."""


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """Look-ups since the library was opened in this process."""

    hits: int
    misses: int

    @property
    def hit_rate(self) -> float:
        """Hits by look-ups; 0 before the first look-up."""
        return self.hits / max(self.hits + self.misses, 1)


class CountedCache:
    """Any cache, and how often it had what it was asked for. Safe from any thread where that cache is."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._hits = self._misses = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        value = self._cache.get(key)
        with self._lock:
            self._hits += value is not None
            self._misses += value is None
        return value

    def put(self, key: str, value: bytes) -> None:
        self._cache.put(key, value)

    def forget(self, prefix: str) -> None:
        self._cache.forget(prefix)

    def close(self) -> None:
        self._cache.close()

    def ping(self) -> None:
        """As ``Reachable``; a cache in this process always answers."""
        if isinstance(self._cache, Reachable):
            self._cache.ping()

    def counts(self) -> CacheCounts:
        with self._lock:
            return CacheCounts(self._hits, self._misses)


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
