"""The index of one space in memory: every row is scanned, exactly."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.stores.vectors.blocks import Block, make_block, stored_columns, stored_form
from morelike.stores.vectors.shape import Shape, nothing
from morelike.types import Ids, Scores, Vectors
from morelike.vecmath import top_k

__all__ = ["FlatIndex", "merged"]

_BLOCK_BYTES = 16 << 20
_ALONE_BYTES = 4 << 20
"""Below this much to read, handing work to other threads takes longer than doing it."""
_QUERIES = 64
"""Queries scored together: bounds the table of scores."""


class FlatIndex:
    """Blocks of rows without gaps, in any order, found by id through one sorted table. Not safe by itself: searches
    may run side by side, but not beside ``append``, ``put`` or ``remove``. It takes 24 bytes a row over the vectors.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._width = stored_columns(shape) * np.dtype(shape.dtype).itemsize
        self._block_rows = max(64, _BLOCK_BYTES // self._width // 64 * 64)
        self._blocks: list[Block] = []
        self._ids = np.empty(0, dtype=np.int64)  # of each row, with room to grow
        self._count = 0
        self._sorted: tuple[Ids, Ids] | None = None  # ascending ids, and their rows

    def __len__(self) -> int:
        return self._count

    # -- changing

    def append(self, ids: Ids, vectors: Vectors) -> None:
        """Rows whose ids are known to be new."""
        self._append(ids, stored_form(self.shape, vectors))
        self._sorted = None

    def put(self, ids: Ids, vectors: Vectors) -> None:
        """New rows and new vectors of old ones; the ids are distinct."""
        if not self._count:
            self.append(ids, vectors)
            return
        stored = stored_form(self.shape, vectors)
        places, known = self._places(ids)
        sorted_ids, sorted_rows = self._table()
        self._write(sorted_rows[places[known]], stored[known])
        new = np.flatnonzero(~known)
        if not len(new):
            return
        new = new[np.argsort(ids[new])]
        rows = self._append(ids[new], stored[new])
        at = np.searchsorted(sorted_ids, ids[new])
        self._sorted = np.insert(sorted_ids, at, ids[new]), np.insert(sorted_rows, at, rows)

    def remove(self, ids: Ids) -> None:
        """Absent ids are passed over. The last rows move into the gaps."""
        ids = np.unique(ids)
        places, known = self._places(ids)
        places = places[known]
        if not len(places):
            return
        sorted_ids, sorted_rows = self._table()
        gone = sorted_rows[places]
        left = self._count - len(gone)
        gaps = np.sort(gone[gone < left])
        movers = np.setdiff1d(np.arange(left, self._count), gone, assume_unique=True)
        self._write(gaps, self._read(movers))
        self._ids[gaps] = moved = self._ids[movers]
        sorted_rows[np.searchsorted(sorted_ids, moved)] = gaps
        self._sorted = np.delete(sorted_ids, places), np.delete(sorted_rows, places)
        self._count = left
        del self._blocks[-(-left // self._block_rows) :]

    def load(self, ids: Ids, chunks: Iterable[NDArray[Any]]) -> None:
        """Fill an empty index with rows in stored form, as ``dump`` gave them."""
        start = 0
        for chunk in chunks:
            self._append(ids[start : start + len(chunk)], chunk)
            start += len(chunk)
        self._sorted = None

    # -- reading

    def dump(self) -> tuple[Ids, Iterator[NDArray[Any]]]:
        """The rows' ids, and the rows in stored form, block by block; both are views."""
        blocks = (block.data[: self._used(at)] for at, block in enumerate(self._blocks))
        return self._ids[: self._count], blocks

    def stored(self, ids: Ids) -> NDArray[Any]:
        """Rows in stored form, in the order of ``ids``; zeros for those that are not there."""
        places, known = self._places(ids)
        found = np.zeros((len(ids), stored_columns(self.shape)), dtype=self.shape.dtype)
        found[known] = self._read(self._table()[1][places[known]])
        return found

    def rows(self, ids: Ids) -> Ids:
        """The ascending rows of those of the sorted ids that are there."""
        if len(ids) > self._count:
            sorted_ids, sorted_rows = self._table()
            at = np.minimum(np.searchsorted(ids, sorted_ids), len(ids) - 1)
            return np.sort(sorted_rows[ids[at] == sorted_ids])
        places, known = self._places(ids)
        return np.sort(self._table()[1][places[known]])

    def search(self, queries: Vectors, k: int, rows: Ids | None, pool: Executor, threads: int) -> tuple[Ids, Scores]:
        """(q, k) ids and scores, best first, ties by ascending id; ``rows`` (ascending) limits what is looked at."""
        asked = stored_form(self.shape, queries)
        found = [
            self._search(np.ascontiguousarray(asked[start : start + _QUERIES]), k, rows, pool, threads)
            for start in range(0, len(asked), _QUERIES)
        ]
        if not found:
            return nothing(0, k)
        return np.concatenate([ids for ids, _ in found]), np.concatenate([scores for _, scores in found])

    def _search(
        self, queries: NDArray[Any], k: int, rows: Ids | None, pool: Executor, threads: int
    ) -> tuple[Ids, Scores]:
        pieces = self._pieces(rows)
        looked_at = self._count if rows is None else len(rows)
        if threads == 1 or looked_at * self._width * len(queries) < _ALONE_BYTES:
            return self._best(queries, k, pieces)
        if len(pieces) < threads:
            pieces = [half for piece in pieces for half in _split(piece, threads)]
        shares = [pieces[start::threads] for start in range(min(threads, len(pieces)))]
        return merged(list(pool.map(lambda share: self._best(queries, k, share), shares)), len(queries), k)

    def _best(self, queries: NDArray[Any], k: int, pieces: list[tuple[int, slice | Ids]]) -> tuple[Ids, Scores]:
        found = []
        for at, rows in pieces:
            start = at * self._block_rows
            ids = self._ids[start : start + self._block_rows][rows]
            found.append(top_k(self._blocks[at].scores(queries, rows), ids, min(k, len(ids))))
        return merged(found, len(queries), k)

    def _pieces(self, rows: Ids | None) -> list[tuple[int, slice | Ids]]:
        """What to look at in each block."""
        if rows is None:
            return [(at, slice(0, self._used(at))) for at in range(len(self._blocks))]
        starts = np.arange(len(self._blocks)) * self._block_rows
        edges = [*np.searchsorted(rows, starts), len(rows)]
        parts = [rows[edges[at] : edges[at + 1]] - starts[at] for at in range(len(self._blocks))]
        return [(at, part) for at, part in enumerate(parts) if len(part)]

    # -- rows and places

    def _table(self) -> tuple[Ids, Ids]:
        if self._sorted is None:
            order = np.argsort(self._ids[: self._count])
            self._sorted = self._ids[order], order
        return self._sorted

    def _places(self, ids: Ids) -> tuple[Ids, NDArray[np.bool_]]:
        """Where the ids stand in the sorted table, and which of them are really there."""
        sorted_ids, _ = self._table()
        if not len(sorted_ids):
            return np.zeros(len(ids), dtype=np.int64), np.zeros(len(ids), dtype=np.bool_)
        places = np.minimum(np.searchsorted(sorted_ids, ids), len(sorted_ids) - 1)
        return places, sorted_ids[places] == ids

    def _append(self, ids: Ids, stored: NDArray[Any]) -> Ids:
        rows = np.arange(self._count, self._count + len(ids), dtype=np.int64)
        if len(self._ids) < self._count + len(ids):
            grown = np.empty(max(1024, (self._count + len(ids)) * 5 // 4), dtype=np.int64)
            grown[: self._count] = self._ids[: self._count]
            self._ids = grown
        self._ids[rows] = ids
        self._count += len(ids)
        while len(self._blocks) * self._block_rows < self._count:
            self._blocks.append(make_block(self.shape, self._block_rows))
        self._write(rows, stored)
        return rows

    def _write(self, rows: Ids, stored: NDArray[Any]) -> None:
        blocks = rows // self._block_rows
        for at in np.unique(blocks):
            chosen = blocks == at
            self._blocks[at].write(rows[chosen] - at * self._block_rows, stored[chosen])

    def _read(self, rows: Ids) -> NDArray[Any]:
        result = np.empty((len(rows), stored_columns(self.shape)), dtype=self.shape.dtype)
        blocks = rows // self._block_rows
        for at in np.unique(blocks):
            chosen = blocks == at
            result[chosen] = self._blocks[at].data[rows[chosen] - at * self._block_rows]
        return result

    def _used(self, block: int) -> int:
        return min(self._block_rows, self._count - block * self._block_rows)


def _split(piece: tuple[int, slice | Ids], parts: int) -> list[tuple[int, slice | Ids]]:
    """One block's piece in several, so that a small index keeps every thread busy too."""
    at, rows = piece
    if isinstance(rows, slice):
        edges = np.linspace(rows.start, rows.stop, parts + 1).astype(int).tolist()
        return [(at, slice(a, b)) for a, b in itertools.pairwise(edges) if b > a]
    return [(at, part) for part in np.array_split(rows, parts) if len(part)]


def merged(found: list[tuple[Ids, Scores]], queries: int, k: int) -> tuple[Ids, Scores]:
    """The best ``k`` of several answers."""
    best_ids, best_scores = nothing(queries, k)
    if not found:
        return best_ids, best_scores
    ids = np.concatenate([ids for ids, _ in found], axis=1)
    scores = np.concatenate([scores for _, scores in found], axis=1)
    order = np.lexsort((ids, -scores), axis=1)[:, :k]
    take = order.shape[1]
    best_ids[:, :take] = np.take_along_axis(ids, order, axis=1)
    best_scores[:, :take] = np.take_along_axis(scores, order, axis=1)
    return best_ids, best_scores
