"""Small linear algebra over faiss: nearest neighbours, principal components, groups. The same answer each time."""

from __future__ import annotations

from threading import Event
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Searcher", "grouped", "nearest_others", "principal"]

Rows = NDArray[np.float32]

SEED: Final = 20080101
BLOCK: Final = 1024
POWERS: Final = 8
OVERSAMPLED: Final = 10
KMEANS_ROUNDS: Final = 25


class Searcher:
    """Exact nearest rows by Euclidean distance."""

    def __init__(self, rows: Rows) -> None:
        import faiss

        self._index: Any = faiss.IndexFlatL2(rows.shape[1])
        self._index.add(rows)

    def nearest(self, asked: Rows, k: int) -> tuple[Rows, NDArray[np.int64]]:
        """(q, k) squared distances and row numbers, nearest first; ``k`` is no more than there are rows."""
        found: tuple[Rows, NDArray[np.int64]] = self._index.search(asked, k)
        return found


def nearest_others(rows: Rows, k: int, stop: Event) -> NDArray[np.int64] | None:
    """(n, k) numbers of the rows nearest to each, itself left out; None where ``stop`` was set."""
    searcher = Searcher(rows)
    found = []
    for start in range(0, len(rows), BLOCK):
        if stop.is_set():
            return None
        block = rows[start : start + BLOCK]
        _, ids = searcher.nearest(block, k + 1)
        itself = ids == np.arange(start, start + len(block))[:, None]
        last = np.argsort(itself, axis=1, kind="stable")  # itself, where it is there, stands last
        found.append(np.take_along_axis(ids, last, axis=1)[:, :k])
    return np.concatenate(found)


def principal(rows: Rows) -> Rows:
    """(n, dim) to (n, 2): the first two principal components, by iterated random projection (Halko et al. 2011)."""
    count, dim = rows.shape
    if count == 0:
        return np.empty((0, 2), np.float32)
    centred = rows - rows.mean(axis=0)
    width = min(dim, count, 2 + OVERSAMPLED)
    basis = np.linalg.qr(np.random.default_rng(SEED).standard_normal((dim, width)))[0].astype(np.float32)
    for _ in range(POWERS):
        basis = np.linalg.qr(centred.T @ (centred @ basis))[0].astype(np.float32)
    scores = centred @ basis
    _, axes = np.linalg.eigh((scores.T @ scores).astype(np.float64))
    axes = axes[:, ::-1][:, :2]
    found = np.zeros((count, 2), np.float32)
    found[:, : axes.shape[1]] = scores @ axes.astype(np.float32)
    signs = np.sign(found[np.abs(found).argmax(axis=0), [0, 1]])
    return found * np.where(signs == 0, 1, signs).astype(np.float32)


def grouped(rows: Rows, groups: int, *, spherical: bool) -> Rows:
    """(n, dim) rows to the centres of at most so many groups, by k-means; ``spherical`` keeps them of length one."""
    import faiss

    if groups >= len(rows):
        return rows.copy()
    kmeans = faiss.Kmeans(
        rows.shape[1],
        groups,
        niter=KMEANS_ROUNDS,
        seed=SEED % 2**31,
        spherical=spherical,
        min_points_per_centroid=1,
        max_points_per_centroid=len(rows),
    )
    kmeans.train(rows)
    return np.asarray(kmeans.centroids, np.float32)
