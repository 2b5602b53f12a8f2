"""Small vector arithmetic that stores, search and tests share. numpy only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_rows", "normalise", "popcount", "similarity", "tanimoto", "top_k"]

_TINY = np.float32(1e-12)


def as_rows(vectors: NDArray[Any], dtype: type[np.generic] = np.float32) -> NDArray[Any]:
    """C-contiguous (n, dim) of ``dtype``; one vector (dim,) becomes (1, dim)."""
    return np.ascontiguousarray(np.atleast_2d(vectors), dtype=dtype)


def normalise(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """(n, dim) rows scaled to length one; a zero row stays zero."""
    rows = as_rows(vectors)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    result: NDArray[np.float32] = rows / np.maximum(lengths, _TINY)
    return result


def popcount(bits: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(n, bytes) packed bits to (n,) numbers of set bits."""
    counts: NDArray[np.int32] = np.bitwise_count(bits).sum(axis=-1, dtype=np.int32)
    return counts


def tanimoto(queries: NDArray[np.uint8], rows: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(q, bytes) × (n, bytes) packed bits to (q, n) Tanimoto = |a & b| / |a | b|; two empty fingerprints give 0."""
    scores = np.empty((len(queries), len(rows)), dtype=np.float32)
    counts = popcount(rows)
    for i, query in enumerate(queries):
        both = popcount(rows & query)
        either = counts + popcount(query[None, :])[0] - both
        scores[i] = both / np.maximum(either, 1)
    return scores


def similarity(metric: str, queries: NDArray[Any], rows: NDArray[Any]) -> NDArray[np.float32]:
    """(q, n) scores, higher for closer: the definition that every store is compared with.

    ``cosine`` normalises both sides; ``ip`` does not; ``l2`` is minus the squared distance; ``tanimoto`` takes bits.
    """
    if metric == "tanimoto":
        return tanimoto(queries, rows)
    queries, rows = as_rows(queries), as_rows(rows)
    if metric == "cosine":
        queries, rows = normalise(queries), normalise(rows)
    products: NDArray[np.float32] = queries @ rows.T
    if metric == "l2":
        squares = np.sum(queries**2, axis=1)[:, None] + np.sum(rows**2, axis=1)[None, :] - 2 * products
        products = -np.maximum(squares, 0, dtype=np.float32)
    return products


def top_k(scores: NDArray[np.float32], ids: NDArray[np.int64], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(q, n) scores and (n,) ids to the best (q, k), ties by ascending id, padded with -1 and -inf."""
    q, n = scores.shape
    best_ids = np.full((q, k), -1, dtype=np.int64)
    best_scores = np.full((q, k), -np.inf, dtype=np.float32)
    take = min(k, n)
    if take == 0:
        return best_ids, best_scores
    for row in range(q):
        line = scores[row]
        if take < n:
            edge = np.partition(line, n - take)[n - take]
            candidates = np.flatnonzero(line >= edge)
        else:
            candidates = np.arange(n)
        order = np.lexsort((ids[candidates], -line[candidates]))[:take]
        best_ids[row, :take] = ids[candidates[order]]
        best_scores[row, :take] = line[candidates[order]]
    return best_ids, best_scores
