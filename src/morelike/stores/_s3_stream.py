"""One object as a file: seekable, read ahead in ranges, of bounded memory."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Final

from blake3 import blake3

from morelike.errors import StoreDamaged

__all__ = ["HEAD", "ObjectStream"]

HEAD: Final = 1 << 20
"""Bytes that the first request brings: the whole of a small object."""
_LEAST: Final = 256 * 1024
_MOST: Final = 8 << 20


class ObjectStream(io.RawIOBase):
    """Keeps the head, to which decoders return, and one window, which grows while it is read in order.

    ``fetch(start, end)`` gives those bytes. Whatever is read from the first byte to the last in order is held against
    the digest: another one raises StoreDamaged.
    """

    def __init__(self, name: str, head: bytes, size: int, fetch: Callable[[int, int], bytes]) -> None:
        super().__init__()
        self._name = name
        self._head = head
        self._size = size
        self._fetch = fetch
        self._at = 0
        self._start = 0
        self._window = b""
        self._ahead = _LEAST
        self._hasher = blake3()
        self._hashed = 0
        self._check(0, head)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the first byte")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self._here(len(view))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _here(self, wanted: int) -> memoryview:
        """At least one byte and at most ``wanted`` from where we are; none at the end."""
        if self._at >= self._size or not wanted:
            return memoryview(b"")
        if self._at < len(self._head):
            return memoryview(self._head)[self._at : self._at + wanted]
        if not self._start <= self._at < self._start + len(self._window):
            in_order = self._at in (self._start + len(self._window), len(self._head))
            self._ahead = min(2 * self._ahead, _MOST) if in_order else _LEAST
            end = min(self._size, self._at + max(self._ahead, min(wanted, _MOST)))
            self._window = b""  # before the next one comes: never two
            self._start, self._window = self._at, self._fetch(self._at, end)
            if len(self._window) != end - self._at:
                raise self._damaged()
            self._check(self._start, self._window)
        begin = self._at - self._start
        return memoryview(self._window)[begin : begin + wanted]

    def _check(self, start: int, data: bytes) -> None:
        if start != self._hashed:
            return
        self._hasher.update(data)
        self._hashed += len(data)
        if self._hashed == self._size and self._hasher.hexdigest() != self._name:
            raise self._damaged()

    def _damaged(self) -> StoreDamaged:
        return StoreDamaged(
            f"the blob {self._name} is not what was stored: the object was changed or cut",
            hint="delete the object, run `morelike doctor --fix`, and add its source again",
        )
