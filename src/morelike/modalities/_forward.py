"""Any source's bytes as a stream that can be buffered: some can be read forwards only."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

__all__ = ["ForwardStream"]


class ForwardStream(io.RawIOBase):
    """For a buffer around it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
