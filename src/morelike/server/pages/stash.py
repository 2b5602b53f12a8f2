"""Files that somebody asks with, kept in memory for a while, so that a search has an address."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from morelike.errors import QueryError
from morelike.types import Blob, Preview

__all__ = ["Example", "Stash"]

LARGEST = 64 * 1024**2
"""Bytes of one example."""
MOST_BYTES = 256 * 1024**2
MOST_EXAMPLES = 256
KEPT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Example:
    """A file to search with, and what to show of it: ``length`` in seconds and ``peaks`` of what has time, ``words`` of
    a text, ``written`` of a molecule: its SMILES. ``crops``: whether a part of its picture can be asked with.
    """

    blob: Blob
    preview: Preview
    size: int
    length: float = 0.0
    peaks: tuple[float, ...] = ()
    words: str = ""
    crops: bool = False
    written: str = ""


class Stash:
    """Bounded by count, bytes and age; the one that was used longest ago goes first. Safe in threads.

    A token is 128 random bits: only who uploaded the file has its address.
    """

    def __init__(
        self,
        *,
        most: int = MOST_EXAMPLES,
        most_bytes: int = MOST_BYTES,
        seconds: float = KEPT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, Example]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, example: Example) -> str:
        """Keep it; its token."""
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._kept[token] = (self._clock(), example)
            self._bytes += _weight(example)
            self._trim()
        return token

    def get(self, token: str) -> Example:
        """Raises QueryError where it is not kept any more."""
        with self._lock:
            self._trim()
            found = self._kept.get(token)
            if found is None:
                raise QueryError(
                    "the example of this search is not kept any more",
                    hint="drop it once more, or choose it again",
                )
            self._kept[token] = (self._clock(), found[1])
            self._kept.move_to_end(token)
            return found[1]

    def _trim(self) -> None:
        oldest = self._clock() - self._seconds
        while self._kept:
            token, (used, example) = next(iter(self._kept.items()))
            if len(self._kept) <= self._most and self._bytes <= self._most_bytes and used >= oldest:
                return
            del self._kept[token]
            self._bytes -= _weight(example)


def _weight(example: Example) -> int:
    return example.size + len(example.preview.data)
