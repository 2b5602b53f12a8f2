"""Rows in float32 on disk, for the few that a search scores exactly. Each is believed only where its checksum fits."""

from __future__ import annotations

import functools
import os
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Damaged", "RowFile", "checksums"]

_CHUNK_BYTES = 4 << 20


class Damaged(Exception):
    """A row is not as it was written; the index must be made anew."""


class RowFile:
    """(n, dim) float32, read row by row without a mapping, so that what was read is not resident for long.

    The file is never changed once it is complete. It stays readable here after it was removed elsewhere.
    """

    def __init__(self, path: Path, dim: int, checks: NDArray[np.uint64]) -> None:
        """Raises OSError, Damaged where the file has not the length of ``len(checks)`` rows."""
        self.path = path
        self.dim = dim
        self.checks = checks
        self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._close = weakref.finalize(self, os.close, self._handle)
        if os.fstat(self._handle).st_size != len(checks) * dim * 4:
            self._close()
            raise Damaged(f"{path} is not as long as it should be")

    def read(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """(len(rows), dim). Raises Damaged, OSError."""
        found = np.empty((len(rows), self.dim), dtype=np.float32)
        handle, size = self._handle, self.dim * 4
        lines = found.view(np.uint8).reshape(-1).data
        numbers: list[int] = rows.tolist()
        if sys.platform == "linux":  # the disk looks for all of them at once, rather than for one after another
            for row in numbers:
                os.posix_fadvise(handle, row * size, size, os.POSIX_FADV_WILLNEED)
        for at, row in enumerate(numbers):
            if os.preadv(handle, [lines[at * size : (at + 1) * size]], row * size) != size:
                raise Damaged(f"{self.path} ends too early")
        return self._checked(found, self.checks[rows])

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Every row, in pieces with the number of their first. Raises Damaged, OSError."""
        step = max(1, _CHUNK_BYTES // (self.dim * 4))
        for start in range(0, len(self.checks), step):
            count = min(step, len(self.checks) - start)
            found = np.empty((count, self.dim), dtype=np.float32)
            if os.preadv(self._handle, [found.data], start * self.dim * 4) != found.nbytes:
                raise Damaged(f"{self.path} ends too early")
            yield start, self._checked(found, self.checks[start : start + count])

    def close(self) -> None:
        self._close()

    def _checked(self, found: NDArray[np.float32], checks: NDArray[np.uint64]) -> NDArray[np.float32]:
        if not np.array_equal(checksums(found), checks):
            raise Damaged(f"{self.path} was changed")
        return found


def checksums(rows: NDArray[np.float32]) -> NDArray[np.uint64]:
    """(n,) sums of a row's words times fixed odd numbers, modulo 2^64: one changed bit always changes the sum."""
    words = np.ascontiguousarray(rows).view(np.uint32).astype(np.uint64)
    sums: NDArray[np.uint64] = words @ _weights(rows.shape[1])
    shifted: NDArray[np.uint64] = sums + _weights(1)[0]  # a row of zeros has one too
    return shifted


@functools.lru_cache(maxsize=16)
def _weights(count: int) -> NDArray[np.uint64]:
    """Seeded, odd."""
    numbers = np.random.default_rng(20261121).integers(0, 2**63, count, dtype=np.uint64)
    weights: NDArray[np.uint64] = numbers * np.uint64(2) + np.uint64(1)
    weights.flags.writeable = False
    return weights
