"""Vectors as 8-bit codes: a quarter of the memory, scanned as fast as memory can be read, wrong by a known little.

Rows are turned by one fixed random rotation first. It changes no inner product, spreads every vector evenly over its
columns, so that one step fits them all, and makes rounding errors independent of what a column means (the argument of
Gao & Long 2024, RaBitQ).
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.stores.vectors.blocks import kernels
from morelike.types import Ids, Vectors

__all__ = ["Asked", "Best", "Codes", "ask", "rotated"]

_LEVELS = 127
_SIGMAS = 6.0
"""How many standard deviations of the rounding error a row is given: one in 10^8 is wrong by more."""
_GATHERED = 1024
"""Rows copied together before they are scanned: they stay in a core's cache."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as codes are compared with: whole numbers in float32, what one of them stands for, its own length."""

    numbers: NDArray[np.float32]
    step: float
    length: float


@dataclass(slots=True)
class Best:
    """A heap of the best rows so far, by approximate score; ``rows`` is -1 where there is none yet."""

    scores: NDArray[np.float32]
    rows: Ids

    @classmethod
    def empty(cls, size: int) -> Best:
        return cls(np.full(size, -np.inf, dtype=np.float32), np.full(size, -1, dtype=np.int64))


class Codes:
    """(n, dim) codes, in memory that faiss owns, so that a graph can be searched in it without a copy."""

    def __init__(self, dim: int, step: float, longest: float) -> None:
        faiss = kernels()
        self.dim = dim
        self.step = step
        """What one level stands for."""
        self.longest = longest
        """The length of the longest row."""
        self.storage: Any = faiss.IndexScalarQuantizer(
            dim, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
        )

    def __len__(self) -> int:
        return int(self.storage.ntotal)

    @property
    def data(self) -> NDArray[np.uint8]:
        """(n, dim) levels + 128: a view, good until rows are added."""
        if not len(self):
            return np.empty((0, self.dim), dtype=np.uint8)
        view = kernels().rev_swig_ptr(self.storage.codes.data(), len(self) * self.dim)
        result: NDArray[np.uint8] = view.reshape(len(self), self.dim)
        return result

    def make_room(self, rows: int) -> NDArray[np.uint8]:
        """``rows`` rows of zeros, to be written through the returned view."""
        self.storage.codes.resize(rows * self.dim)
        self.storage.ntotal = rows
        return self.data

    def encode(self, rows: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Rotated rows to codes."""
        levels = np.rint(rows * np.float32(1 / self.step))
        codes: NDArray[np.uint8] = (np.clip(levels, -_LEVELS, _LEVELS, out=levels) + 128).astype(np.uint8)
        return codes

    def levels(self, rows: slice) -> NDArray[np.float32]:
        """What faiss takes where it adds rows: whole numbers in float32."""
        return np.subtract(self.data[rows], 128, dtype=np.float32)

    def unit(self, asked: Asked) -> float:
        """What 1 in an approximate score stands for."""
        return self.step * asked.step

    def doubt(self, asked: Asked) -> float:
        """How far an approximate score is from the exact one, at the very most."""
        row, query = self.step * asked.length, asked.step * self.longest
        return _SIGMAS * float(np.sqrt((row * row + query * query) / 12))

    def scan(self, asked: Asked, rows: slice | Ids, best: Best) -> None:
        """Put the best of ``rows`` into ``best``, in units."""
        scanner = _scanner(self.dim)
        pointer = kernels().swig_ptr
        scanner.set_query(pointer(asked.numbers))
        scanner.set_list(0, 0.0)
        heap = pointer(best.scores), pointer(best.rows), len(best.rows)
        data = self.data
        if isinstance(rows, slice):
            part = data[rows]
            if len(part):
                numbers = _numbers(1 << (len(data) - 1).bit_length())[rows]
                scanner.scan_codes(len(part), pointer(part), pointer(numbers), *heap)
            return
        gathered = np.empty((min(_GATHERED, len(rows)), self.dim), dtype=np.uint8)
        for start in range(0, len(rows), _GATHERED):
            chosen = rows[start : start + _GATHERED]
            part = gathered[: len(chosen)]
            np.take(data, chosen, axis=0, out=part, mode="clip")  # "clip" writes into ``out`` without a buffer
            scanner.scan_codes(len(chosen), pointer(part), pointer(chosen), *heap)


def ask(query: NDArray[np.float32]) -> Asked:
    """(dim,) a rotated query; its step is its own, for no score depends on it."""
    step = float(np.abs(query).max()) / _LEVELS or 1.0
    return Asked(np.rint(query * np.float32(1 / step)), step, float(np.linalg.norm(query)))


def rotated(rows: Vectors) -> NDArray[np.float32]:
    """(n, dim) rows turned by the rotation of their width."""
    turned: NDArray[np.float32] = rows @ _rotation(rows.shape[1])
    return turned


@functools.lru_cache(maxsize=8)
def _rotation(dim: int) -> NDArray[np.float32]:
    """The same one always: Q of a seeded Gaussian matrix, with R's diagonal positive, which makes it unique."""
    q, r = np.linalg.qr(np.random.default_rng(dim).standard_normal((dim, dim)))
    signed: NDArray[np.float32] = (q * np.sign(np.diagonal(r))).astype(np.float32)
    signed.flags.writeable = False
    return signed


_local = threading.local()


def _scanner(dim: int) -> Any:
    """This thread's own: faiss never frees one, and a scanner holds one query at a time."""
    scanners: dict[int, Any] = _local.__dict__.setdefault("scanners", {})
    if dim not in scanners:
        faiss = kernels()
        scanners[dim] = _quantizer(dim).select_InvertedListScanner(
            faiss.METRIC_INNER_PRODUCT, None, store_pairs=False, sel=None, by_residual=False
        )
    return scanners[dim]


@functools.cache
def _quantizer(dim: int) -> Any:
    faiss = kernels()
    return faiss.ScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit_direct_signed)


@functools.cache
def _numbers(rows: int) -> Ids:
    numbers = np.arange(rows, dtype=np.int64)
    numbers.flags.writeable = False
    return numbers
