"""Packed bits of a part of a space that does not grow, in the order of how many are set."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from morelike.stores.vectors.blocks import kernels
from morelike.stores.vectors.settled import Settled
from morelike.types import Ids

__all__ = ["FOLD", "BitSegment", "Piece", "distances", "folded"]

FOLD = 16
"""Bytes of a folded row."""
_LEAST_WIDTH = 4 * FOLD
"""A narrower row is compared as fast as a folded one."""
_FULLEST = 128
"""Set bits of the mean row from which on folds are so full that they say nothing."""
_PIECE = 32_768
"""Rows looked at between two looks at the page: their folds fit a core's cache."""
_CHUNK = 4_096


class Piece(NamedTuple):
    """Consecutive rows, and the least and the largest number of set bits among them."""

    start: int
    stop: int
    low: int
    high: int


class BitSegment(Settled):
    """(n, width) rows in memory, few set bits first, and those with as many by ascending id.

    Beside each row lies its fold: the row's 16-byte words added modulo 2. Folding is linear, and it never makes a
    number of set bits larger, so the Hamming distance of two folds is at most that of their rows; of sparse rows it is
    nearly as large (Baldi, Hirschberg & Nasr 2008), for a sixteenth of the reading at 2 048 bits. Rows of many set
    bits have none.
    """

    def __init__(self, name: str, ids: Ids, rows: NDArray[np.uint8], starts: Ids) -> None:
        """``starts[b]`` is the first row with ``b`` set bits or more; the last one is ``n``."""
        super().__init__(name, ids, len(ids))
        self.rows = rows
        self.starts = starts
        self.folds = self._fold()
        self.pieces = self._pieces()

    def _keep(self, order: NDArray[np.int32]) -> None:
        self._rank = _inverse(order)  # half the size of the ids in the order of rows

    def _order(self) -> NDArray[np.int32]:
        return _inverse(self._rank)  # for filters and changes alone: some milliseconds at a million, and not kept

    @property
    def ids(self) -> Ids:
        return self._sorted[self._rank]

    def ids_of(self, rows: Ids) -> Ids:
        return self._sorted[self._rank[rows]]

    @property
    def width(self) -> int:
        """Bytes of a row."""
        return int(self.rows.shape[1])

    def read(self, rows: slice | Ids, into: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """A view of consecutive rows; others are copied, into the first of ``into`` where that is given."""
        if isinstance(rows, slice):
            return self.rows[rows]
        out = np.empty((len(rows), self.width), dtype=np.uint8) if into is None else into[: len(rows)]
        np.take(self.rows, rows, axis=0, out=out, mode="clip")  # "clip" writes into ``out`` without a buffer
        return out

    def counts(self, rows: Ids) -> Ids:
        """How many bits of each row are set."""
        return np.searchsorted(self.starts, rows, side="right") - 1

    def _fold(self, fullest: int = _FULLEST) -> NDArray[np.uint8] | None:
        count, width = len(self), self.width
        if width < _LEAST_WIDTH or width % FOLD or not count:
            return None
        if np.diff(self.starts) @ np.arange(len(self.starts) - 1) > count * fullest:
            return None
        folds = np.empty((count, FOLD), dtype=np.uint8)
        for start in range(0, count, _CHUNK):
            folds[start : start + _CHUNK] = folded(self.rows[start : start + _CHUNK])
        return folds

    def _pieces(self) -> list[Piece]:
        edges = np.array([*range(0, len(self), _PIECE), len(self)], dtype=np.int64)
        low, high = self.counts(edges[:-1]), self.counts(edges[1:] - 1)
        spans = itertools.pairwise(edges.tolist())
        return [Piece(*span, *counts) for span, *counts in zip(spans, low.tolist(), high.tolist(), strict=True)]


def _inverse(order: NDArray[np.int32]) -> NDArray[np.int32]:
    result = np.empty_like(order)
    result[order] = np.arange(len(order), dtype=np.int32)
    return result


def folded(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n, FOLD) of C-contiguous (n, width), where FOLD divides the width."""
    words = rows.view(np.uint64).reshape(len(rows), -1, FOLD // 8)
    result = words[:, 0].copy()
    for word in range(1, words.shape[1]):
        result ^= words[:, word]
    return result.view(np.uint8)


def distances(query: NDArray[np.uint8], rows: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(n,) Hamming distances of one query (1, width) to C-contiguous (n, width)."""
    result = np.empty(len(rows), dtype=np.int32)
    faiss = kernels()
    pointer = faiss.swig_ptr
    if len(rows):
        faiss.hammings(pointer(query), pointer(rows), 1, len(rows), rows.shape[1], pointer(result))
    return result
