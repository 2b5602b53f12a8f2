"""Members of a zip file, read where they lie, when they are wanted, from any thread."""

from __future__ import annotations

import threading
import weakref
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from morelike.errors import SourceError
from morelike.settings import Settings
from morelike.sources.containers import CHUNK, SLACK, Box, Entry, reading
from morelike.sources.spool import Held, Lazily, Spool

__all__ = ["zip_entries"]

_SIGNATURE = b"PK\x01\x02"
_SHORTEST_RECORD = 46
_ENCRYPTED = 0x1
_NAME_IS_UTF8 = 0x800
_READS_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def zip_entries(box: Box, _kind: str, settings: Settings, spool: Spool) -> Iterator[Entry]:
    """In the order of the zip's directory; folders are passed over."""
    archive = _Zip(box, settings.max_archive_members)
    overlapping = archive.overlapping()
    for info in archive.infos:
        if info.is_dir():
            continue
        problem, hint = _problem(info, settings.max_archive_ratio)
        if not problem and info.header_offset in overlapping:
            problem = "shares its bytes with another member, as only a zip bomb does"
        yield Entry(_readable_name(info), info.file_size, _opener(archive, info, spool), problem, hint)


def _opener(archive: _Zip, info: zipfile.ZipInfo, spool: Spool) -> Callable[[str, int], Callable[[], BinaryIO]]:
    def open_member(uri: str, largest: int) -> Callable[[], BinaryIO]:
        return Lazily(lambda: archive.fetch(info, uri, largest, spool)).open

    return open_member


def _problem(info: zipfile.ZipInfo, ratio: float) -> tuple[str, str]:
    """What the directory alone tells: (the end of a sentence, a hint)."""
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted", "unpack the archive with its password and give the folder"
    if info.file_size > SLACK and info.file_size > ratio * max(info.compress_size, 1):
        return (
            f"unpacks to {info.file_size:,} bytes from {info.compress_size:,}, more than {ratio:g} times as many",
            "raise MORELIKE_MAX_ARCHIVE_RATIO",
        )
    return "", ""


def _readable_name(info: zipfile.ZipInfo) -> str:
    """Many programs write UTF-8 without saying so; zipfile then reads the name as cp437."""
    if info.flag_bits & _NAME_IS_UTF8 or info.filename.isascii():
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


class _Zip:
    """An open zip file, which lives as long as any of its members' blobs."""

    def __init__(self, box: Box, most_members: int) -> None:
        stream = box.open()
        self._lock = threading.Lock()
        weakref.finalize(self, stream.close)
        # zipfile turns the whole directory into objects before anybody can count them.
        self._file = zipfile.ZipFile(_Guarded(stream, most_members, box.uri))
        self.infos = self._file.infolist()

    def overlapping(self) -> set[int]:
        """Offsets of members whose bytes another member's reach into (Fifield 2019, "A better zip bomb")."""
        found: set[int] = set()
        reached, previous = 0, -1
        for start, length in sorted((info.header_offset, 30 + info.compress_size) for info in self.infos):
            if start < reached:
                found |= {start, previous}
            if start + length > reached:
                reached, previous = start + length, start
        return found

    def fetch(self, info: zipfile.ZipInfo, uri: str, largest: int, spool: Spool) -> Held:
        def too_large() -> SourceError:
            return SourceError(f"{uri} unpacks to more than {largest:,} bytes", hint="raise MORELIKE_MAX_FILE_SIZE")

        with reading(uri):
            return spool.keep(self._chunks(info), largest, too_large)

    def _chunks(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        # bzip2 and lzma members unpack all that one read takes in, however much that is: take in little.
        chunk = CHUNK if info.compress_type in _READS_BOUNDED else 4096
        with self._lock:  # ZipFile counts its open members without one
            member = self._file.open(info)
        try:
            while data := member.read(chunk):
                yield data
        finally:
            with self._lock:
                member.close()


class _Guarded:
    """The stream under a zip file, which refuses a directory of too many members when it is read."""

    def __init__(self, stream: BinaryIO, most_members: int, uri: str) -> None:
        self._stream = stream
        self._most = most_members
        self._uri = uri
        self.seek = stream.seek
        self.tell = stream.tell
        self.seekable = stream.seekable

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        if len(data) > self._most * _SHORTEST_RECORD and data.count(_SIGNATURE) > self._most:
            raise SourceError(
                f"{self._uri} has more than {self._most:,} members", hint="raise MORELIKE_MAX_ARCHIVE_MEMBERS"
            )
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
