"""Files of an index that are written once: complete and synced under their name, or not there; believed by checksum."""

from __future__ import annotations

import contextlib
import json
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from morelike import faults
from morelike.stores.disk import remove, sync

__all__ = ["Checked", "Unusable", "as_bytes", "opened", "write_checked", "written"]

_LENGTH = struct.Struct("<I")
_LONGEST_HEADER = 1 << 20
_DIGEST_BYTES = 32


class Unusable(Exception):
    """The file must not be used; the message says why. What it held is made anew from the log."""


@contextlib.contextmanager
def written(path: Path, point: str) -> Iterator[BinaryIO]:
    """A file that gets its name once all of it is on the disk; ``point`` is the crash test's. Raises OSError."""
    part = path.with_name(f"{path.name}.{os.urandom(4).hex()}.part")  # two processes may write at once
    try:
        with part.open("wb") as file:
            yield file
            faults.reached(f"{point}.written")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        remove(part)
        raise
    faults.reached(f"{point}.renamed")
    sync(path.parent)


def write_checked(path: Path, point: str, magic: bytes, header: dict[str, Any], arrays: Iterable[NDArray[Any]]) -> str:
    """Magic, the header's length (uint32), the header (JSON), the arrays and the BLAKE3 digest of all that, which is
    returned in hex; numbers are little-endian. Raises OSError.
    """
    hasher = blake3(max_threads=blake3.AUTO)
    said = json.dumps(header).encode()
    with written(path, point) as file:
        for piece in (magic, _LENGTH.pack(len(said)), said, *map(as_bytes, arrays)):
            hasher.update(piece)
            file.write(piece)
        file.write(hasher.digest())
    return hasher.hexdigest()


class Checked:
    """A file of ``write_checked``, read from its start. Nothing is believed before ``finish``; sizes are compared
    with the file's before anything of that size is made. Raises Unusable.
    """

    def __init__(self, file: BinaryIO, magic: bytes) -> None:
        self._file = file
        self._hasher = blake3(max_threads=blake3.AUTO)
        if self._take(len(magic)) != magic:
            raise Unusable("it is no file of this format")
        (length,) = _LENGTH.unpack(self._take(_LENGTH.size))
        if length > _LONGEST_HEADER:
            raise Unusable("its header is too long")
        header: Any = None
        with contextlib.suppress(ValueError, RecursionError):
            header = json.loads(self._take(length))
        if not isinstance(header, dict):
            raise Unusable("its header cannot be read")
        self.header: dict[str, Any] = header

    def number(self, name: str) -> int:
        """A whole number from 0 that the header must have."""
        value = self.header.get(name)
        if type(value) is not int or value < 0:
            raise Unusable(f"its header has no {name}")
        return value

    def holds(self, size: int) -> None:
        """Raises Unusable where other than ``size`` bytes and the digest are left."""
        left = os.fstat(self._file.fileno()).st_size - self._file.tell() - _DIGEST_BYTES
        if left != size:
            raise Unusable("it is not as long as it says")

    @property
    def left(self) -> int:
        """Bytes before the digest."""
        return os.fstat(self._file.fileno()).st_size - self._file.tell() - _DIGEST_BYTES

    def array(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        array = np.empty(shape, dtype=dtype)
        self.fill(array)
        return array

    def fill(self, array: NDArray[Any]) -> None:
        """Read into memory that is there already."""
        view = memoryview(as_bytes(array)).cast("B") if array.size else memoryview(b"")
        if len(view) and self._file.readinto(view) != len(view):  # type: ignore[attr-defined]  # it is a buffered reader
            raise Unusable("it ends too early")
        self._hasher.update(view)

    def finish(self) -> str:
        """The digest in hex, once everything was read and fits it."""
        if self._file.read() != self._hasher.digest():
            raise Unusable("its checksum is wrong")
        return self._hasher.hexdigest()

    def _take(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise Unusable("it ends too early")
        self._hasher.update(data)
        return data


@contextlib.contextmanager
def opened(path: Path, magic: bytes) -> Iterator[Checked]:
    """Raises Unusable, FileNotFoundError."""
    try:
        with path.open("rb") as file:
            yield Checked(file, magic)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unusable(f"it cannot be read: {error}") from error


def as_bytes(array: NDArray[Any]) -> Any:
    """The array's memory as a buffer of bytes, without a copy."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
