"""All packed bits of a space, block by block, for scores that a vector store knows nothing of.

They are read from the store once, kept in memory, and brought up to date by what the catalog says has changed. A space
that is too large to be kept is read anew for each query, a block at a time.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from morelike.search.modes import Asked
from morelike.types import Collection, Ids, Scores, Space, Vectors
from morelike.wiring import Stores

__all__ = ["BLOCK", "HELD_BYTES", "Block", "best", "counted", "held", "holding", "pieces", "scanned"]

Words = NDArray[np.uint64]
Counts = NDArray[np.int32]

BLOCK = 16_384
"""Rows looked at together: with their temporaries some megabytes."""
HELD_BYTES = 512 * 1024**2
"""How much of all spaces together is kept; 1.9 million fingerprints of 2 048 bits."""
CHANGED = 65_536
"""So many changed segments are read one by one; of more, everything is."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some rows of a space: (n,) ids, (n, words) bits in words of 64, zero bits behind the last; (n,) set bits."""

    ids: Ids
    words: Words
    counts: Counts


@dataclass(slots=True, eq=False)
class _Held:
    """The rows of a space as they were at a revision of its collection. Replaced, never changed."""

    revision: int
    ids: Ids
    rows: Words
    counts: Counts

    @property
    def size(self) -> int:
        return self.ids.nbytes + self.rows.nbytes + self.counts.nbytes


class _Kept:
    """The spaces of one vector store, those that were not asked for longest go first."""

    def __init__(self) -> None:
        self.spaces: OrderedDict[int, _Held] = OrderedDict()
        self.turn = threading.Lock()


_kept: WeakKeyDictionary[object, _Kept] = WeakKeyDictionary()
_lock = threading.Lock()


def pieces(stores: Stores, collection: Collection, space: Space) -> Iterator[Block]:
    """Every row of a space of packed bits, in blocks. Raises StoreError."""
    width = _words(space) * 8
    if stores.vectors.count(space) * (width + 12) > HELD_BYTES:
        for ids, rows in _read(stores, space):
            yield Block(ids, rows, _counts(rows))
        return
    kept = _held(stores, collection, space)
    for start in range(0, len(kept.ids), BLOCK):
        part = slice(start, start + BLOCK)
        yield Block(kept.ids[part], kept.rows[part], kept.counts[part])


def counted(space: Space, vector: Vectors) -> tuple[Words, int]:
    """One query (bytes,) as a row of words, and how many of its bits are set."""
    row = _padded(space, vector[None])[0]
    return row, int(np.bitwise_count(row).sum())


def scanned(asked: Asked, space: Space, score: Callable[[Block], tuple[NDArray[Any], Scores]]) -> tuple[Ids, Scores]:
    """(m,) ids and scores of all rows that ``score`` keeps, (which rows, their scores), in no order.

    Only rows that the query's filter leaves. On several threads.
    """
    embedder = asked.embedder
    within = asked.within_of(space)
    among = None if within is None else within.ids()

    def one(block: Block) -> tuple[Ids, Scores]:
        if among is not None:
            left = _among(block.ids, among)
            block = Block(block.ids[left], block.words[left], block.counts[left])
        keep, scores = score(block)
        return block.ids[keep], scores

    blocks = pieces(embedder.stores, embedder.collection, space)
    threads = min(8, os.cpu_count() or 1)
    with asked.clock.stage("vectors"), ThreadPoolExecutor(threads, thread_name_prefix="scan") as pool:
        found = _in_step(pool, one, blocks, 2 * threads)
    if not found:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    return np.concatenate([ids for ids, _ in found]), np.concatenate([scores for _, scores in found])


def holding(block: Block, row: Words) -> Ids:
    """The places of the rows that have every bit of ``row``; word by word, as few are left after the first ones."""
    return _left(block, lambda words, at: (words & row[at]) == row[at], np.flatnonzero(row))


def held(block: Block, row: Words) -> Ids:
    """The places of the rows whose every bit ``row`` has."""
    return _left(block, lambda words, at: (words & ~row[at]) == 0, np.arange(len(row)))


def _left(block: Block, test: Callable[[Words, int], NDArray[np.bool_]], places: Ids) -> Ids:
    rows = np.arange(len(block.ids))
    for at in places.tolist():
        rows = rows[test(block.words[rows, at], at)]
        if not len(rows):
            break
    return rows


def best(ids: Ids, scores: Scores, n: int | None = None) -> tuple[Ids, Scores]:
    """The best ``n`` (all of them), best first, ties by ascending id."""
    if n is not None and 0 < n < len(ids):
        least = np.partition(scores, len(scores) - n)[len(scores) - n]
        near = scores >= least
        ids, scores = ids[near], scores[near]
    order = np.lexsort((ids, -scores))[:n]
    return ids[order], scores[order]


def _in_step(
    pool: ThreadPoolExecutor, work: Callable[[Block], tuple[Ids, Scores]], blocks: Iterator[Block], ahead: int
) -> list[tuple[Ids, Scores]]:
    """All of them, with a bounded number of blocks in memory."""
    found: list[tuple[Ids, Scores]] = []
    waiting = []
    for block in blocks:
        waiting.append(pool.submit(work, block))
        if len(waiting) >= ahead:
            found.append(waiting.pop(0).result())
    found.extend(future.result() for future in waiting)
    return found


def _among(ids: Ids, among: Ids) -> NDArray[np.bool_]:
    """Which of the ids are among sorted ones."""
    if not len(among):
        return np.zeros(len(ids), dtype=np.bool_)
    places = np.minimum(np.searchsorted(among, ids), len(among) - 1)
    found: NDArray[np.bool_] = among[places] == ids
    return found


def _held(stores: Stores, collection: Collection, space: Space) -> _Held:
    with _lock:
        kept = _kept.setdefault(stores.vectors, _Kept())
    with kept.turn:  # whoever comes second finds it made
        held = kept.spaces.pop(space.id, None)
        held = _up_to_date(stores, collection, space, held) if held else None
        if held is None:
            held = _made(stores, collection, space)
        kept.spaces[space.id] = held
        while len(kept.spaces) > 1 and sum(one.size for one in kept.spaces.values()) > HELD_BYTES:
            kept.spaces.popitem(last=False)
        return held


def _up_to_date(stores: Stores, collection: Collection, space: Space, held: _Held) -> _Held | None:
    """The same with what changed since; None where it is better made anew."""
    if stores.catalog.revision(collection) != held.revision:
        revision, changed = stores.catalog.touched(collection, held.revision)
        if changed is None or len(changed) > CHANGED:
            return None
        stay = ~_among(held.ids, changed)
        ids, vectors = stores.vectors.fetch(space, changed)
        rows = _padded(space, vectors)
        held = _Held(
            revision,
            np.concatenate([held.ids[stay], ids]),
            np.concatenate([held.rows[stay], rows]),
            np.concatenate([held.counts[stay], _counts(rows)]),
        )
    # vectors come before their items are ready, and a reembedding writes none: then the numbers differ
    return held if len(held.ids) == stores.vectors.count(space) else None


def _made(stores: Stores, collection: Collection, space: Space) -> _Held:
    revision = stores.catalog.revision(collection)
    parts = list(_read(stores, space))
    ids = np.concatenate([ids for ids, _ in parts] or [np.empty(0, dtype=np.int64)])
    rows = np.concatenate([rows for _, rows in parts] or [np.empty((0, _words(space)), dtype=np.uint64)])
    return _Held(revision, ids, rows, _counts(rows))


def _read(stores: Stores, space: Space) -> Iterator[tuple[Ids, Words]]:
    for ids in stores.vectors.ids(space):
        for start in range(0, len(ids), BLOCK):
            found, vectors = stores.vectors.fetch(space, ids[start : start + BLOCK])
            if len(found):
                yield found, _padded(space, vectors)


def _padded(space: Space, vectors: Vectors) -> Words:
    """(n, bytes) to (n, words)."""
    whole = np.zeros((len(vectors), _words(space) * 8), dtype=np.uint8)
    whole[:, : vectors.shape[1]] = vectors
    return whole.view(np.uint64)


def _counts(rows: Words) -> Counts:
    counts: Counts = np.bitwise_count(rows).sum(axis=1, dtype=np.int32)
    return counts


def _words(space: Space) -> int:
    return -(-space.card.dim // 64)
