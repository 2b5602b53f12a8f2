"""Any source's bytes as a stream that can be buffered: some can be read forwards only."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from morelike.errors import SourceError

__all__ = ["ForwardStream", "LimitedStream"]


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


class LimitedStream(ForwardStream):
    """What a small file may unpack to: raises SourceError, calling it ``label``, beyond ``most`` bytes."""

    def __init__(self, stream: BinaryIO, most: int, label: str) -> None:
        super().__init__(stream)
        self._most, self._label, self._seen = most, label, 0

    def readinto(self, buffer: Any) -> int:
        self._seen += (count := super().readinto(buffer))
        if self._seen > self._most:
            raise SourceError(
                f"{self._label} has more than {self._most:,} bytes, unpacked",
                hint="cut it into several files, or raise MORELIKE_MAX_FILE_SIZE",
            )
        return count
