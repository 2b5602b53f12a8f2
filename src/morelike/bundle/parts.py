"""The files of a bundle: each is written whole or not at all, and read only after its checksum was found right."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import blake3

from morelike import faults
from morelike.errors import SourceError
from morelike.stores.disk import make_folder, remove, sync, translated

__all__ = ["Part", "Written", "open_part", "read_whole", "write_whole", "writing"]

_CHUNK = 1 << 20
_UNFINISHED = ".part"


@dataclass(frozen=True, slots=True)
class Part:
    """One file: its name below the bundle's folder, how many rows or members it has, its bytes and their digest."""

    name: str
    rows: int
    size: int
    blake3: str


@dataclass(slots=True)
class Written:
    """What ``writing`` knows of the file once its block has ended."""

    size: int = 0
    blake3: str = ""


class _Hashed(io.RawIOBase):
    """Passes on what is written, in order, and digests it."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self.hasher = blake3.blake3()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._stream.write(view)
        self.hasher.update(view)
        self.size += len(view)
        return len(view)

    def tell(self) -> int:
        return self.size


@contextmanager
def writing(path: Path) -> Iterator[tuple[BinaryIO, Written]]:
    """A stream for a file that shows under its name when the block has ended well: bytes first, then the name.

    Raises StoreFull, StoreReadOnly, StoreError.
    """
    unfinished = path.with_name(path.name + _UNFINISHED)
    written = Written()
    with translated(path):
        make_folder(path.parent)
        try:
            with unfinished.open("wb") as file:
                hashed = _Hashed(file)
                yield hashed, written  # type: ignore[misc] # a raw stream is binary enough for whoever only writes
                file.flush()
                faults.reached("part.written")
                os.fsync(file.fileno())
            written.size, written.blake3 = hashed.size, hashed.hasher.hexdigest()
            unfinished.replace(path)
            faults.reached("part.renamed")
            sync(path.parent)
        except BaseException:
            remove(unfinished)
            raise


def write_whole(path: Path, data: bytes) -> None:
    """One small file, all of it or nothing. Raises StoreError."""
    with writing(path) as (stream, _):
        stream.write(data)


@contextmanager
def open_part(bundle: Path, part: Part) -> Iterator[BinaryIO]:
    """The file, after every byte of it was found to be as the manifest says. Raises SourceError."""
    path = bundle / part.name
    with _regular(bundle, path) as stream:
        found = os.fstat(stream.fileno()).st_size
        if found != part.size:
            raise _bad(path, f"it has {found} bytes, not {part.size}")
        hasher = blake3.blake3()
        while data := stream.read(_CHUNK):
            hasher.update(data)
        if hasher.hexdigest() != part.blake3:
            raise _bad(path, "its checksum is wrong")
        stream.seek(0)
        yield stream


def read_whole(bundle: Path, name: str, most: int) -> bytes:
    """A small file of at most ``most`` bytes. Raises SourceError, FileNotFoundError."""
    with _regular(bundle, bundle / name) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise _bad(bundle / name, f"it has more than {most} bytes")
    return data


@contextmanager
def _regular(bundle: Path, path: Path) -> Iterator[BinaryIO]:
    """A file of the bundle itself: no link out of it, nothing that is not a file. FileNotFoundError passes."""
    try:
        if not path.resolve(strict=True).is_relative_to(bundle.resolve()):
            raise _bad(path, "it leads out of the bundle")
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError) as error:
        raise _bad(path, str(getattr(error, "strerror", "") or error)) from error
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise _bad(path, "it is no file")
        yield stream


def _bad(path: Path, why: str) -> SourceError:
    return SourceError(f"{path} cannot be used: {why}", hint="copy the bundle again, or export it anew")
