"""Open a sound or a film safely: bytes only, demuxers from an allow-list, every failure a DecodeError.

FFmpeg is handed a file object, never a path or an address: it cannot open a second file, a playlist's entries or the
network, and no name misleads its guess of the format. What it writes to its log is discarded.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Literal, NoReturn

from morelike.errors import DecodeError, MorelikeError, SourceError
from morelike.modalities._exif import printable
from morelike.modalities._mp4_index import check_index, may_be_boxes
from morelike.types import Blob

if TYPE_CHECKING:
    from av.container import InputContainer

__all__ = ["FILMS", "SOUNDS", "label", "opened", "translated"]

SOUNDS = frozenset(
    {"aac", "ac3", "aiff", "amr", "ape", "asf", "au", "caf", "dsf", "dts", "dtshd", "eac3", "flac", "matroska", "mov"}
    | {"mp3", "mpc", "mpc8", "ogg", "qoa", "tak", "tta", "voc", "w64", "wav", "wv"}
)
"""FFmpeg's demuxers for recordings: none of them opens anything but the bytes that it is given."""
FILMS = frozenset(
    {"asf", "avi", "dv", "flv", "gif", "ivf", "m4v", "matroska", "mov", "mpeg", "mpegts", "mxf", "nut", "obu", "ogg"}
    | {"rm"}
)
"""Likewise for films; their sound is read through these too."""

_NOUNS = {"audio": "recording", "video": "film"}
_WITHIN = {"audio": "sound", "video": "pictures"}
_BUFFER = 1 << 17  # a read from Python costs more than a read from the disk's cache
_LONGEST_FILE = 1 << 44  # as ext4 has it; other file systems, and memory, would go to any place
_SPOOL_IN_MEMORY = 1 << 24
_SPOOL_LARGEST = 1 << 31
_PATIENCE = 60.0  # seconds that FFmpeg may look for a packet: hostile bytes only
_LIMITS = {
    "enable_drefs": "0",  # no external references in mov
    "max_pixels": str(1 << 28),  # a cover or a frame: 16 384 × 16 384
    "max_samples": str(1 << 23),  # one audio frame; the longest in use (APE) has 1.2 million
    "max_streams": "64",
    "protocol_whitelist": "file",  # for what would be opened besides, which nothing here does
}


@contextmanager
def opened(
    blob: Blob, *, what: Literal["audio", "video"] = "audio", formats: Collection[str] = ()
) -> Iterator[InputContainer]:
    """The blob's container, its header read and nothing decoded; it lives inside the ``with`` only.

    ``formats`` narrows the allow-list of demuxers (by default ``SOUNDS`` or ``FILMS``). Whatever FFmpeg raises inside
    the ``with`` becomes a DecodeError that names the blob; SourceError where its bytes cannot be had.
    """
    import av
    from av.error import FFmpegError

    with translated(blob, what), _stream(blob) as stream:
        allowed = _allowed(stream, formats or (FILMS if what == "video" else SOUNDS), label(blob, what))
        source = _Source(stream)
        try:
            with av.open(
                source,
                "r",
                options={**_LIMITS, "format_whitelist": allowed},
                metadata_errors="ignore",
                buffer_size=_BUFFER,
                timeout=_PATIENCE,
                io_open=_refuse,
            ) as container:
                for one in container.streams:
                    if one.type in {"audio", "video"} and one.codec_context is not None:
                        one.codec_context.thread_count = 1  # the pool has a thread a core already; and repeatable
                yield container
        except (FFmpegError, DecodeError):
            source.check()
            raise
        source.check()


def _allowed(stream: BinaryIO, formats: Collection[str], name: str) -> str:
    """The demuxers for these bytes, with commas; MP4's only after a look at what its header asks for."""
    boxes = may_be_boxes(stream.read(8))
    if boxes and "mov" in formats:
        check_index(stream, name)
    stream.seek(0)
    return ",".join(sorted(set(formats) if boxes else set(formats) - {"mov"}))


def label(blob: Blob, what: str = "audio") -> str:
    """The blob's name as an error message may show it."""
    return printable(blob.name or blob.uri) or f"the {_NOUNS[what]}"


@contextmanager
def translated(blob: Blob, what: str = "audio") -> Iterator[None]:
    """Whatever decoding hostile bytes raises becomes a DecodeError; the disk's own failures a SourceError."""
    from av.error import FFmpegError

    name = label(blob, what)
    try:
        yield
    except MorelikeError:
        raise
    except FFmpegError as error:
        raise _damaged(name, what, error) from error
    except MemoryError as error:
        raise DecodeError(f"{name} needs more memory than there is") from error
    except OSError as error:
        raise SourceError(f"{name} cannot be read: {error.strerror or error}") from error
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise DecodeError(f"{name} is damaged: {printable(str(error)) or type(error).__name__}") from error


def _damaged(name: str, what: str, error: Any) -> DecodeError:
    from av.error import ArgumentError, DecoderNotFoundError, InvalidDataError

    noun = _NOUNS[what]
    if isinstance(error, EOFError):
        return DecodeError(f"{name} ends before its {_WITHIN[what]} does", hint="copy or download it again")
    if isinstance(error, InvalidDataError | ArgumentError):
        return DecodeError(f"{name} is damaged, or no {noun} of a format that is read")
    if isinstance(error, DecoderNotFoundError):
        return DecodeError(f"{name} needs a decoder that is not here")
    if isinstance(error, MemoryError):
        return DecodeError(f"{name} needs more memory than there is")
    return DecodeError(f"{name} is damaged: {printable(error.strerror or '') or type(error).__name__}")


class _Source:
    """A stream for FFmpeg: without its name, so that it guesses by the bytes alone, and without exceptions, which PyAV
    would print. One that is no fault of the bytes is kept, and the stream ends there.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.tell = stream.tell
        self.failure: OSError | None = None

    def read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except OSError as error:
            self.failure = error
            return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        if offset > _LONGEST_FILE:
            return -errno.EINVAL
        try:
            return self._stream.seek(offset, whence)
        except (OSError, OverflowError, ValueError):  # damaged headers point before the start
            return -errno.EINVAL

    def check(self) -> None:
        """Raises the OSError that ended the stream early."""
        if self.failure is not None:
            raise self.failure


@contextmanager
def _stream(blob: Blob) -> Iterator[BinaryIO]:
    """The blob's bytes from a stream that can seek: one that cannot is copied, beyond 16 MiB into a temporary file."""
    with blob.open() as stream:
        if stream.seekable():
            yield stream
            return
        with tempfile.SpooledTemporaryFile(_SPOOL_IN_MEMORY, prefix="morelike-") as copy:
            _copy(stream, copy, label(blob))
            copy.seek(0)
            yield copy  # type: ignore[misc]  # a BinaryIO in all but name


def _copy(stream: BinaryIO, copy: IO[bytes], name: str) -> None:
    size = 0
    while block := stream.read(1 << 20):
        size += len(block)
        if size > _SPOOL_LARGEST:
            raise DecodeError(f"{name} has more than {_SPOOL_LARGEST >> 30} GiB, and cannot be read twice")
        copy.write(block)


def _refuse(url: str, *_: object) -> NoReturn:
    raise DecodeError(f"it refers to another file, {printable(url, 100)}, which is not followed")
