"""Members of a tar file, packed or not, in one pass forwards."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import BinaryIO, cast

from morelike.errors import SourceError
from morelike.settings import Settings
from morelike.sources.containers import BLOCK, CHUNK, SLACK, ArchiveError, Box, Entry, reading, unpacked
from morelike.sources.spool import Held, Lazily, Spool

__all__ = ["tar_entries"]

_LARGEST_HEADER = 64 * 1024


def tar_entries(box: Box, kind: str, settings: Settings, spool: Spool) -> Iterator[Entry]:
    """In stored order; folders, links and devices are passed over."""
    with ExitStack() as stack:
        packed = stack.enter_context(box.open())
        if kind == "tar":
            stream = _Forwards(packed, None)
        else:
            inside = stack.enter_context(unpacked(packed, kind))
            stream = _Forwards(inside, _Ratio(packed, settings.max_archive_ratio))
        source = cast("BinaryIO", stream)  # as much of one as tarfile uses
        tar = stack.enter_context(tarfile.open(fileobj=source, mode="r:", encoding="utf-8", errors="surrogateescape"))
        found = 0
        while (info := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # else it keeps every header for ever
            found += 1
            if info.isreg():
                yield _entry(info, stream, box, kind, spool)
        stream.check_end(found, needs_mark=kind == "zstd")


def _entry(info: tarfile.TarInfo, stream: _Forwards, box: Box, kind: str, spool: Spool) -> Entry:
    start, size = info.offset_data, info.size
    problem = "is a sparse file, which is not unpacked" if info.issparse() else ""
    if size < 0:
        raise ArchiveError(f"a header claims {size:,} bytes")
    if kind == "tar" and start + size > box.size:
        raise ArchiveError("it ends too early")

    def from_file(uri: str, largest: int) -> Callable[[], BinaryIO]:
        def fetch() -> Held:
            with reading(uri):
                return spool.keep(_section(box, start, size), largest, _too_large(uri, largest))

        return Lazily(fetch).open

    def from_stream(uri: str, largest: int) -> Callable[[], BinaryIO]:
        held: Held = spool.keep(stream.section(start, size), largest, _too_large(uri, largest))
        return held.open

    return Entry(info.name, size, from_file if kind == "tar" else from_stream, problem)


def _too_large(uri: str, largest: int) -> Callable[[], SourceError]:
    return lambda: SourceError(f"{uri} unpacks to more than {largest:,} bytes", hint="raise MORELIKE_MAX_FILE_SIZE")


def _section(box: Box, start: int, size: int) -> Iterator[bytes]:
    with box.open() as stream:
        stream.seek(start)
        while size:
            data = stream.read(min(CHUNK, size))
            if not data:
                raise SourceError(f"{box.uri} ends too early")
            size -= len(data)
            yield data


class _Ratio:
    """Stops a stream that unpacks to far more than went in. ``packed`` is the file below, which counts what went in."""

    def __init__(self, packed: BinaryIO, most: float) -> None:
        self._packed = packed
        self._most = most

    def check(self, unpacked_bytes: int) -> None:
        if unpacked_bytes > SLACK + self._most * self._packed.tell():
            raise ArchiveError(
                f"it unpacks to more than {self._most:g} times its size", "raise MORELIKE_MAX_ARCHIVE_RATIO"
            )


class _Forwards:
    """What tarfile reads from: never back, never much at once, so that a hostile header gains nothing."""

    def __init__(self, stream: BinaryIO, ratio: _Ratio | None) -> None:
        self._stream = stream
        self._ratio = ratio
        self._position = 0
        self._last = b""

    def tell(self) -> int:
        return self._position

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _LARGEST_HEADER:
            raise ArchiveError(f"a header claims {size:,} bytes for itself")
        data = self._stream.read(size)
        self._position += len(data)
        self._last = data
        if self._ratio is not None:
            self._ratio.check(self._position)
        return data

    def seek(self, position: int, _whence: int = 0) -> int:
        if position < self._position:
            raise ArchiveError("a header points backwards")
        if self._ratio is None:
            self._position = self._stream.seek(position)
        while self._position < position:
            if not self.read(min(CHUNK, position - self._position)):
                raise ArchiveError("it ends too early")
        return self._position

    def section(self, start: int, size: int) -> Iterator[bytes]:
        self.seek(start)
        while size:
            data = self.read(min(CHUNK, size))
            if not data:
                raise ArchiveError("it ends too early")
            size -= len(data)
            yield data

    def check_end(self, found: int, *, needs_mark: bool) -> None:
        """tarfile takes any broken header for the end, and zstandard the end of its input for the end of the data."""
        if self._last.strip(b"\0"):
            raise ArchiveError(f"the header after {found} members cannot be read")
        if needs_mark and len(self._last) < BLOCK:
            raise ArchiveError("it ends too early")
