"""Pairs that may be the same: nearest neighbours in the collection's space, and hashes that differ in few bits."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from morelike.errors import StoreFull
from morelike.protocols import VectorStore
from morelike.types import Ids, Space

__all__ = ["Sketches", "by_hash", "by_neighbours"]

QUERIES = 64
NEIGHBOURS = 8
"""How many nearest items of each are looked at; of those that were set aside before, none counts."""
BITS_APART = 8
"""Hashes of different pictures differ in 32 of 64 bits on average."""
_BAND = 8
_SAME_HASH = 16
"""Of many equal hashes, each item is held against so many of the next ones: groups join them up."""
_BLOCK = 1 << 20
IN_MEMORY = 128 * 1024**2
"""Bytes of thumbnails that are kept in memory: those of 131 072 items."""

Pairs = NDArray[np.int64]
"""(n, 2) positions, the lesser first."""


class Sketches:
    """A hash and a thumbnail for each item: 10 bytes in memory, and the thumbnail in a nameless temporary file where
    there are many. Raises StoreFull."""

    def __init__(self, count: int, shape: tuple[int, int], *, in_memory: int = IN_MEMORY) -> None:
        self.hashes = np.zeros(count, dtype=np.uint64)
        self.hashed = np.zeros(count, dtype=bool)
        self.seen = np.zeros(count, dtype=bool)
        self._file: BinaryIO | None = None
        size = count * shape[0] * shape[1]
        if size <= in_memory:
            self.thumbnails: NDArray[np.uint8] = np.zeros((count, *shape), dtype=np.uint8)
            return
        try:
            self._file = tempfile.TemporaryFile(prefix="morelike-dedup-")  # noqa: SIM115 # closed in close()
            if hasattr(os, "posix_fallocate"):  # or a full disk would end the process at the first write
                os.posix_fallocate(self._file.fileno(), 0, size)
        except OSError as error:
            self.close()
            hint = "TMPDIR names another folder for temporary files"
            raise StoreFull(f"there is no room for thumbnails of {count} items: {error.strerror}", hint=hint) from error
        self.thumbnails = np.memmap(self._file, dtype=np.uint8, mode="w+", shape=(count, *shape))

    def put(self, at: int, hash: int | None, thumbnail: NDArray[np.uint8]) -> None:
        self.thumbnails[at] = thumbnail
        self.seen[at] = True
        if hash is not None:
            self.hashes[at], self.hashed[at] = hash, True

    def close(self) -> None:
        self.thumbnails = np.zeros((0, 1, 1), dtype=np.uint8)
        if self._file is not None:
            self._file.close()


def by_neighbours(
    vectors: VectorStore, space: Space, ids: Ids, stopped: Callable[[int], bool], *, k: int = NEIGHBOURS
) -> Pairs:
    """Each of the ``ids`` (n,) with its ``k`` nearest others among them, as the space ranks them.

    ``stopped(done)`` is asked for each batch; what was found until then is returned.
    """
    order = np.argsort(ids)
    sorted_ids = ids[order]
    found: list[Pairs] = []
    for start in range(0, len(ids), QUERIES):
        if stopped(start):
            break
        own, queries = vectors.fetch(space, ids[start : start + QUERIES])
        if not len(own):
            continue
        near, _ = vectors.search(space, queries, k + 1)
        asked = np.repeat(_places(sorted_ids, order, own), near.shape[1])
        answers = _places(sorted_ids, order, near.ravel())
        real = (answers >= 0) & (answers != asked)
        found.append(_ordered(asked[real], answers[real]))
    return _unique(found)


def _places(sorted_ids: Ids, order: NDArray[np.int64], wanted: Ids) -> NDArray[np.int64]:
    """Where each wanted id stands, -1 for strangers."""
    if not len(sorted_ids):
        return np.full(len(wanted), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(sorted_ids, wanted), len(sorted_ids) - 1)
    return np.where(sorted_ids[at] == wanted, order[at], -1)


def by_hash(hashes: NDArray[np.uint64], hashed: NDArray[np.bool_], *, most: int = BITS_APART - 1) -> Pairs:
    """Pairs of hashed items whose hashes differ in at most ``most`` bits.

    Two hashes that differ in fewer than eight bits agree in one of their eight bytes at least: only such are compared
    (multi-index hashing, Norouzi, Punjani & Fleet 2012). Of equal hashes each is paired with some of the next.
    """
    assert most < _BAND  # noqa: S101 # or pairs would be missed
    places = np.flatnonzero(hashed)
    values, first, inverse = np.unique(hashes[places], return_index=True, return_inverse=True)
    found = [_equal(places, inverse)]
    for band in range(64 // _BAND):
        key = (values >> np.uint64(band * _BAND)) & np.uint64((1 << _BAND) - 1)
        by_key = np.argsort(key, kind="stable")
        for bucket in _runs(by_key, key[by_key]):
            for one, other in _blocks(bucket):
                bits = np.bitwise_count(values[one][:, None] ^ values[other][None, :])
                near_one, near_other = np.nonzero(bits <= most)
                apart = one[near_one] < other[near_other]
                found.append(_ordered(places[first[one[near_one][apart]]], places[first[other[near_other][apart]]]))
    return _unique(found)


def _equal(places: NDArray[np.int64], inverse: NDArray[np.int64]) -> Pairs:
    order = np.argsort(inverse, kind="stable")
    pairs = []
    for step in range(1, min(_SAME_HASH, len(order) - 1) + 1):
        same = inverse[order[:-step]] == inverse[order[step:]]
        pairs.append(_ordered(places[order[:-step][same]], places[order[step:][same]]))
    return _unique(pairs)


def _runs(order: NDArray[np.int64], keys: NDArray[np.uint64]) -> Iterator[NDArray[np.int64]]:
    """Parts of ``order`` whose keys are equal, of two or more."""
    cuts = np.flatnonzero(np.diff(keys)) + 1
    yield from (part for part in np.split(order, cuts) if len(part) > 1)


def _blocks(bucket: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    rows = max(_BLOCK // len(bucket), 1)
    for start in range(0, len(bucket), rows):
        yield bucket[start : start + rows], bucket


def _ordered(one: NDArray[np.int64], other: NDArray[np.int64]) -> Pairs:
    return np.stack((np.minimum(one, other), np.maximum(one, other)), axis=1)


def _unique(found: list[Pairs]) -> Pairs:
    if not found:
        return np.empty((0, 2), dtype=np.int64)
    return np.unique(np.concatenate(found), axis=0)
