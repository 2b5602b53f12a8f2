"""Vectors in memory only: the exact reference that every other vector store is compared with."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import numpy as np

from morelike.settings import Settings
from morelike.stores.vectors.shape import Shape, checked_batch, checked_ids, checked_queries
from morelike.types import Ids, Scores, Space, Vectors, Within
from morelike.vecmath import similarity, top_k

__all__ = ["MemoryVectorStore"]


class MemoryVectorStore:
    """Nothing is durable, and no other process sees it: for tests, trials and collections that are made anew."""

    def __init__(self, folder: Path, settings: Settings, library_id: str = "") -> None:  # noqa: ARG002  every store is made alike
        self._spaces: dict[int, tuple[Ids, Vectors]] = {}
        """Sorted ids and their vectors; replaced, never changed, so that a search needs no lock."""
        self._lock = threading.Lock()

    def upsert(self, space: Space, ids: Ids, vectors: Vectors) -> None:
        ids, vectors = checked_batch(space, ids, vectors)
        if not len(ids):
            return
        with self._lock:
            old_ids, old = self._rows(space)
            keep = ~np.isin(old_ids, ids)
            all_ids = np.concatenate([old_ids[keep], ids])
            order = np.argsort(all_ids)
            self._spaces[space.id] = all_ids[order], np.concatenate([old[keep], vectors])[order]

    def delete(self, space: Space, ids: Ids) -> None:
        ids = checked_ids(ids)
        with self._lock:
            old_ids, old = self._rows(space)
            keep = ~np.isin(old_ids, ids)
            if not keep.all():
                self._spaces[space.id] = old_ids[keep], old[keep]

    def fetch(self, space: Space, ids: Ids) -> tuple[Ids, Vectors]:
        ids = checked_ids(ids)
        stored, vectors = self._rows(space)
        found = ids[np.isin(ids, stored)]
        return found, vectors[np.searchsorted(stored, found)]

    def search(self, space: Space, queries: Vectors, k: int, *, within: Within | None = None) -> tuple[Ids, Scores]:
        queries = checked_queries(space, queries)
        ids, vectors = self._rows(space)
        if within is not None:
            chosen = np.isin(ids, within.ids())
            ids, vectors = ids[chosen], vectors[chosen]
        return top_k(similarity(space.card.metric, queries, vectors), ids, k)

    def ids(self, space: Space) -> Iterator[Ids]:
        ids, _ = self._rows(space)
        if len(ids):
            yield ids

    def count(self, space: Space) -> int:
        return len(self._rows(space)[0])

    def drop(self, space_id: int) -> None:
        with self._lock:
            self._spaces.pop(space_id, None)

    def space_ids(self) -> Iterator[int]:
        with self._lock:
            held = sorted(space for space, (ids, _) in self._spaces.items() if len(ids))
        yield from held

    def checkpoint(self) -> None:
        """There is nothing to write."""

    def due(self, space_id: int | None = None) -> bool:  # noqa: ARG002  there is nothing to make of any space
        return False

    def build(self, space_id: int | None = None, *, stop: Event | None = None) -> bool:  # noqa: ARG002  likewise
        """Every search is exact and looks at every row."""
        return False

    def verify(self) -> list[str]:
        return []

    def repair(self) -> None:
        """Nothing lies on a disk."""

    def bytes_used(self) -> int:
        with self._lock:
            return sum(ids.nbytes + vectors.nbytes for ids, vectors in self._spaces.values())

    def close(self) -> None:
        with self._lock:
            self._spaces.clear()

    def _rows(self, space: Space) -> tuple[Ids, Vectors]:
        shape = Shape.of(space.card)
        empty = np.empty(0, dtype=np.int64), np.empty((0, shape.columns), dtype=shape.dtype)
        return self._spaces.get(space.id, empty)
