"""A copy of an index on disk, for a fast open. It is believed only where every bit of it is as it was written."""

from __future__ import annotations

import contextlib
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from morelike import faults
from morelike.stores.disk import remove, sync
from morelike.stores.vectors.blocks import stored_columns
from morelike.stores.vectors.flat import FlatIndex
from morelike.stores.vectors.rows import SpaceRow

__all__ = ["Unusable", "fits", "part_of", "read", "write"]

_MAGIC = b"morelike snapshot 1\n"
_LENGTH = struct.Struct("<I")
_LONGEST_HEADER = 4096
_DIGEST_BYTES = 32
_CHUNK_BYTES = 4 << 20


class Unusable(Exception):
    """The snapshot must not be used; the message says why. The index is made from the log instead."""


def write(path: Path, index: FlatIndex, row: SpaceRow, token: str) -> None:
    """Replace the snapshot at ``path`` by one of ``index``, which stands at ``row.revision``. Raises OSError.

    Layout: magic, the header's length (uint32), the header (JSON), ids (int64), rows in stored form, and the BLAKE3
    digest of all that; numbers are little-endian.
    """
    part = part_of(path)
    ids, blocks = index.dump()
    header = json.dumps({**_identity(row), "token": token, "revision": row.revision, "rows": len(index)}).encode()
    hasher = blake3(max_threads=blake3.AUTO)
    try:
        with part.open("wb") as file:
            for piece in (_MAGIC, _LENGTH.pack(len(header)), header, _bytes(ids), *map(_bytes, blocks)):
                hasher.update(piece)
                file.write(piece)
            file.write(hasher.digest())
            faults.reached("snapshot.written")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        remove(part)
        raise
    faults.reached("snapshot.renamed")
    sync(path.parent)


def read(path: Path, row: SpaceRow) -> tuple[FlatIndex, int]:
    """The index and the revision at which it stands. Raises Unusable, FileNotFoundError."""
    try:
        with path.open("rb") as file:
            return _read(file, row)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unusable(f"it cannot be read: {error}") from error


def part_of(path: Path) -> Path:
    """Where a snapshot lies until it is complete."""
    return path.with_name(path.name + ".part")


def fits(path: Path, row: SpaceRow) -> bool:
    """Whether there is a snapshot that says the right things of itself; its checksum is not looked at."""
    try:
        with path.open("rb") as file:
            _claims(file, row, blake3())
    except (OSError, Unusable):
        return False
    return True


def _read(file: BinaryIO, row: SpaceRow) -> tuple[FlatIndex, int]:
    hasher = blake3(max_threads=blake3.AUTO)
    count, revision = _claims(file, row, hasher)
    index = FlatIndex(row.shape)
    ids = np.frombuffer(_take(file, count * 8, hasher), dtype="<i8").astype(np.int64, copy=False)
    width = stored_columns(row.shape) * np.dtype(row.shape.dtype).itemsize
    step = max(1, _CHUNK_BYTES // width)

    def chunks() -> Iterator[NDArray[Any]]:
        for start in range(0, count, step):
            rows = min(step, count - start)
            yield np.frombuffer(_take(file, rows * width, hasher), dtype=row.shape.dtype).reshape(rows, -1)

    index.load(ids, chunks())
    if file.read() != hasher.digest():
        raise Unusable("its checksum is wrong")
    return index, revision


def _claims(file: BinaryIO, row: SpaceRow, hasher: blake3) -> tuple[int, int]:
    """How many rows the snapshot has, and at which revision it stands, where both can be true."""
    header = _read_header(file, hasher)
    if any(header.get(key) != value for key, value in _identity(row).items()):
        raise Unusable("it belongs to another space")
    if not header.get("token") or header["token"] not in row.snapshots:
        raise Unusable("it belongs to another history of this space")
    count, revision = header.get("rows"), header.get("revision")
    if not isinstance(count, int) or not isinstance(revision, int) or not row.floor <= revision <= row.revision:
        raise Unusable("it stands at a revision that the log does not know")
    width = stored_columns(row.shape) * np.dtype(row.shape.dtype).itemsize
    left = os.fstat(file.fileno()).st_size - file.tell() - _DIGEST_BYTES
    if count < 0 or left != count * (8 + width):  # before anything of that size is made
        raise Unusable("it is not as long as it says")
    return count, revision


def _read_header(file: BinaryIO, hasher: blake3) -> dict[str, Any]:
    """Nothing of it is believed before the checksum was right, so it must only be safe to look at."""
    if _take(file, len(_MAGIC), hasher) != _MAGIC:
        raise Unusable("it is no snapshot of this format")
    (length,) = _LENGTH.unpack(_take(file, _LENGTH.size, hasher))
    if length > _LONGEST_HEADER:
        raise Unusable("its header is too long")
    header: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        header = json.loads(_take(file, length, hasher))
    if not isinstance(header, dict):
        raise Unusable("its header cannot be read")
    return header


def _take(file: BinaryIO, size: int, hasher: blake3) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise Unusable("it ends too early")
    hasher.update(data)
    return data


def _identity(row: SpaceRow) -> dict[str, Any]:
    shape = row.shape
    return {"space": row.id, "born": row.born, "form": shape.form, "metric": shape.metric, "dim": shape.dim}


def _bytes(array: NDArray[Any]) -> Any:
    """The array's memory as a buffer of bytes, without a copy."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
