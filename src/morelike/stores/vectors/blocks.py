"""Blocks of vectors in memory and their exact scores, by faiss' kernels."""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from morelike.stores.vectors.shape import Shape
from morelike.types import Ids, Vectors
from morelike.vecmath import normalise, popcount

__all__ = ["Block", "exact_scores", "kernels", "make_block", "one_thread", "stored_columns", "stored_form"]

_CACHED = 256 * 1024
"""Bytes of rows that stay in a core's cache while query after query is held against them."""


class Block(Protocol):
    """A fixed number of rows. ``data`` is what a snapshot keeps; a row's score never depends on its place."""

    data: NDArray[Any]

    def write(self, at: slice | Ids, stored: NDArray[Any]) -> None:
        """Put rows that are in stored form."""

    def scores(self, queries: NDArray[Any], rows: slice | Ids) -> NDArray[np.float32]:
        """(q, len(rows)) of queries in stored form."""


def make_block(shape: Shape, rows: int) -> Block:
    return DenseBlock(shape, rows) if shape.form == "dense" else BitBlock(shape, rows)


def stored_form(shape: Shape, vectors: Vectors) -> NDArray[Any]:
    """Vectors as an index keeps them: of length one for cosine; bits padded to whole words of 8 bytes."""
    if shape.metric == "cosine":
        return normalise(vectors)
    width = stored_columns(shape)
    if width == vectors.shape[1]:
        return vectors
    padded = np.zeros((len(vectors), width), dtype=vectors.dtype)
    padded[:, : vectors.shape[1]] = vectors
    return padded


def stored_columns(shape: Shape) -> int:
    return shape.columns if shape.form == "dense" else -(-shape.columns // 8) * 8


class DenseBlock:
    """(rows, dim) float32. Each pair is summed in the same order wherever it stands, so equal rows tie exactly."""

    def __init__(self, shape: Shape, rows: int) -> None:
        self.data: NDArray[np.float32] = np.empty((rows, shape.dim), dtype=np.float32)
        self._squared = shape.metric == "l2"

    def write(self, at: slice | Ids, stored: NDArray[np.float32]) -> None:
        self.data[at] = stored

    def scores(self, queries: NDArray[np.float32], rows: slice | Ids) -> NDArray[np.float32]:
        chosen = _every(len(self.data))[rows] if isinstance(rows, slice) else rows
        q, dim = queries.shape
        step = len(chosen) if q == 1 else max(64, _CACHED // (4 * dim))
        result = np.empty((q, len(chosen)), dtype=np.float32)
        faiss = kernels()
        kernel = faiss.fvec_L2sqr_by_idx if self._squared else faiss.fvec_inner_products_by_idx
        pointer = faiss.swig_ptr
        for start in range(0, len(chosen), max(step, 1)):
            part = chosen[start : start + step]
            each = np.ascontiguousarray(np.broadcast_to(part, (q, len(part))))
            products = np.empty((q, len(part)), dtype=np.float32)
            kernel(pointer(products), pointer(queries), pointer(self.data), pointer(each), dim, q, len(part))
            result[:, start : start + step] = products
        return np.subtract(0, result, out=result) if self._squared else result


class BitBlock:
    """(rows, bytes) uint8 and each row's number of set bits; Tanimoto comes from the Hamming distance h.

    With a and b set bits, |a & b| = (a + b - h) / 2 and |a | b| = (a + b + h) / 2.
    """

    def __init__(self, shape: Shape, rows: int) -> None:
        self.data: NDArray[np.uint8] = np.empty((rows, stored_columns(shape)), dtype=np.uint8)
        self._counts = np.empty(rows, dtype=np.int32)

    def write(self, at: slice | Ids, stored: NDArray[np.uint8]) -> None:
        self.data[at] = stored
        self._counts[at] = popcount(stored)

    def scores(self, queries: NDArray[np.uint8], rows: slice | Ids) -> NDArray[np.float32]:
        q, width = queries.shape
        data, counts = self.data[rows], self._counts[rows]
        step = max(64, _CACHED // width)
        result = np.empty((q, len(data)), dtype=np.float32)
        faiss = kernels()
        pointer = faiss.swig_ptr
        asked = popcount(queries)[:, None]
        for start in range(0, len(data), step):
            part = data[start : start + step]
            distances = np.empty((q, len(part)), dtype=np.int32)
            faiss.hammings(pointer(queries), pointer(part), q, len(part), width, pointer(distances))
            sums = asked + counts[start : start + step]
            result[:, start : start + step] = (sums - distances) / np.maximum(sums + distances, 1)
        return result


def exact_scores(shape: Shape, queries: NDArray[np.float32], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """(q, n) of dense queries and rows in stored form: the very scores that a ``DenseBlock`` of them gives."""
    block = DenseBlock(shape, 0)
    block.data = rows
    return block.scores(queries, np.arange(len(rows)))


def kernels() -> Any:
    """faiss, imported at the first search: most commands, ``add`` among them, never make one."""
    return importlib.import_module("faiss")


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep faiss' kernels in the calling thread: for so little work its own threads only wait for each other."""
    faiss = kernels()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


@functools.cache
def _every(rows: int) -> Ids:
    numbers = np.arange(rows, dtype=np.int64)
    numbers.flags.writeable = False
    return numbers
