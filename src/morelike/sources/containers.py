"""Which kind of archive bytes are, and what the readers of zip and tar files share."""

from __future__ import annotations

import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, cast

from morelike.errors import SourceError

__all__ = [
    "BLOCK",
    "CHUNK",
    "DAMAGE",
    "SLACK",
    "ArchiveError",
    "Box",
    "Entry",
    "container",
    "has_archive_name",
    "reading",
    "unpacked",
]

BLOCK: Final = 512
CHUNK: Final = 64 * 1024
SLACK: Final = 1024**2
"""Bytes that anything may unpack to before its ratio counts: a small file of one colour packs well and harms nobody."""

_MAGIC: Final = {b"\x1f\x8b\x08": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_SUFFIXES: Final = (
    *(".zip", ".cbz", ".tar", ".cbt", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst"),
    *(".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"),
)
_XZ_MEMORY: Final = 256 * 1024**2

_DOCUMENTS: Final = (
    *(b"mimetype", b"[Content_Types].xml", b"META-INF/", b"_rels/.rels", b"docProps/"),
    *(b"word/document.xml", b"word/fontTable.xml", b"word/numbering.xml", b"word/settings.xml", b"word/styles.xml"),
    *(b"word/theme/", b"word/_rels/", b"ppt/presentation.xml", b"ppt/slide", b"ppt/theme/", b"ppt/_rels/"),
)
"""The first member of what is one document in a zip (EPUB, OpenDocument, Office, Java): no archive to its reader."""


class ArchiveError(Exception):
    """An archive cannot be read on from here: the message ends a sentence. Caught where its members are walked."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


DAMAGE: Final[tuple[type[Exception], ...]] = (
    ArchiveError,
    SourceError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    ArithmeticError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,  # also RecursionError, and zipfile's word for a missing password
    ValueError,
)
"""What the libraries raise on bytes that are not what they should be; zstd's own error is turned into ValueError."""


@contextmanager
def reading(uri: str) -> Iterator[None]:
    """Around reading a member: damage becomes a SourceError that names it; an ArchiveError, of the whole, passes."""
    try:
        yield
    except (SourceError, ArchiveError):
        raise
    except DAMAGE as error:
        raise SourceError(f"{uri} cannot be unpacked: {error or type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class Box:
    """An archive: ``open`` gives a new stream that can seek, ``size`` is what it has in bytes."""

    uri: str
    open: Callable[[], BinaryIO]
    size: int
    modified_ns: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file in an archive. ``problem`` (the end of a sentence) says why it cannot be read.

    ``open(uri, largest)`` gives what ``Blob.open`` will be; where the archive is a stream it reads the bytes at once.
    """

    name: str
    size: int
    open: Callable[[str, int], Callable[[], BinaryIO]]
    problem: str = ""
    hint: str = ""


def has_archive_name(name: str) -> bool:
    return name.lower().endswith(_SUFFIXES)


def container(stream: BinaryIO) -> str | None:
    """``zip``, ``tar``, or the packing of a packed tar: ``gzip``, ``bzip2``, ``xz``, ``zstd``. None: no archive."""
    head = stream.read(BLOCK)
    if head.startswith(_ZIP):
        return None if head[30:].startswith(_DOCUMENTS) else "zip"
    packing = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
    if packing is None:
        return "tar" if _is_tar(head) else None
    stream.seek(0)
    try:
        with unpacked(stream, packing) as inside:
            return packing if _is_tar(inside.read(BLOCK)) else None
    except DAMAGE:
        return None


def _is_tar(head: bytes) -> bool:
    """A tar header names its own checksum, older ones nothing else."""
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except DAMAGE:
        return False
    return True


def unpacked(stream: BinaryIO, packing: str) -> BinaryIO:
    """What a packed stream holds; ``read(n)`` gives n bytes unless it ends, and bounds the memory used."""
    if packing == "gzip":
        import gzip

        return cast("BinaryIO", gzip.GzipFile(fileobj=stream, mode="rb"))
    if packing == "bzip2":
        import bz2

        return cast("BinaryIO", bz2.BZ2File(stream, "rb"))
    if packing == "xz":
        return cast("BinaryIO", io.BufferedReader(_XzStream(stream), CHUNK))
    return cast("BinaryIO", io.BufferedReader(_ZstdStream(stream), CHUNK))


class _XzStream(io.RawIOBase):
    """``lzma.LZMAFile`` without its fault of allowing any dictionary: 256 MiB is four times what ``xz -9`` needs."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        self._decoder = self._new()
        self._rest = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ended:
            if self._decoder.eof:
                self._rest = (self._decoder.unused_data or self._packed.read(CHUNK)).lstrip(b"\0")
                if not self._rest:
                    self._ended = True
                    break
                self._decoder = self._new()
            if self._decoder.needs_input and not self._rest:
                self._rest = self._packed.read(CHUNK)
                if not self._rest:
                    raise EOFError("the packed data ends too early")
            data = self._decoder.decompress(self._rest, len(buffer))
            self._rest = b""
            if data:
                buffer[: len(data)] = data
                return len(data)
        return 0

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


class _ZstdStream(io.RawIOBase):
    """zstandard's reader with its own error as a ValueError."""

    def __init__(self, packed: BinaryIO) -> None:
        import zstandard

        self._error = zstandard.ZstdError
        decoder = zstandard.ZstdDecompressor(max_window_size=2**27)
        self._reader = decoder.stream_reader(packed, read_across_frames=True, closefd=False)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._reader.read(len(buffer))
        except self._error as error:
            raise ValueError(str(error)) from error
        buffer[: len(data)] = data
        return len(data)
