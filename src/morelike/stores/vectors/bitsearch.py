"""The nearest rows of packed bits, exactly, without a look at most of them.

A row of b set bits has a Tanimoto of at most min(a, b) / max(a, b) with a query of a (Swamidass & Baldi 2007), so rows
are looked at outwards from a, until no further one can come onto the page. With h the Hamming distance, Tanimoto is
(a + b - h) / (a + b + h), which falls with h; so a lower bound of h, which folded rows give, is an upper bound of it,
and few rows are left to be read whole.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.stores.vectors.bits import FOLD, BitSegment, Piece, distances, folded
from morelike.stores.vectors.settled import Pick
from morelike.stores.vectors.shape import nothing
from morelike.types import Ids, Scores
from morelike.vecmath import popcount

__all__ = ["BitQuery", "Page", "search_bits"]

_ALONE_BYTES = 4 << 20
"""Below this much to read, handing work to other threads takes longer than doing it."""
_FIRST = 512
"""Rows beyond twice the page that are read at first, to know what a page needs."""
_SAMPLE = 16_384
"""Rows among which those are chosen."""
_FEW = 16
"""Where a filter leaves a smaller part than this, its rows are copied together; else left-out ones are passed over."""
_SPARSE = 4
"""The same for rows that are read whole."""
_USELESS = 4
"""Where folds leave more than this part of the rows, reading all of them in order is as fast."""
_READ = 2_048
"""Rows read whole at a time: they fit a core's cache."""


class Page:
    """The best of one query so far, from any thread. ``edge`` is the last score of a full page, else -inf."""

    def __init__(self, k: int, ids: Ids, scores: Scores) -> None:
        """``ids`` (padded with -1) and ``scores`` were found elsewhere."""
        self.k = k
        self.ids, self.scores = ids[:0], scores[:0]
        self.edge = -math.inf
        self._turn = threading.Lock()
        self.offer(ids[ids >= 0], scores[ids >= 0])

    def offer(self, ids: Ids, scores: Scores) -> None:
        """A row may come twice, with the same score."""
        with self._turn:
            if self.edge > -math.inf:
                better = (scores > self.edge) | ((scores == self.edge) & (ids < self.ids[-1]))
                ids, scores = ids[better], scores[better]
            if not len(ids):
                return
            ids, scores = np.concatenate([self.ids, ids]), np.concatenate([self.scores, scores])
            order = np.lexsort((ids, -scores))
            ids, scores = ids[order], scores[order]
            once = np.append(True, ids[1:] != ids[:-1])
            self.ids, self.scores = ids[once][: self.k], scores[once][: self.k]
            if len(self.ids) == self.k:
                self.edge = float(self.scores[-1])


class BitQuery:
    """One query (1, width) in stored form, over every segment of a space."""

    def __init__(self, segments: Sequence[BitSegment], picks: Sequence[Pick | None], query: NDArray[np.uint8]) -> None:
        """``picks``: what a filter leaves of each segment; None where it leaves everything that lives."""
        self._segments = segments
        self._picks = picks
        self._query = query
        self._fold = folded(query) if query.shape[1] % FOLD == 0 else query
        self._count = int(popcount(query)[0])
        numbers = np.arange(8 * query.shape[1] + 1)
        self._caps = _ratio(np.minimum(numbers, self._count), np.maximum(numbers, self._count))
        self._useless = False
        """Whether folds ruled little out, of late."""
        self._turn = threading.Lock()
        self.folds = 0
        """Rows whose folds were compared."""
        self.compared = 0
        """Rows that were compared whole."""

    def run(self, page: Page, pool: Executor | None, threads: int) -> None:
        """Put the best rows onto the page; with ``pool``, in ``threads`` of its threads where that saves time."""
        pieces = self._pieces()
        if pool is not None and threads > 1:
            self._work(page, pieces, lambda: page.edge == -math.inf)
            if self._left(page.edge) > _ALONE_BYTES:
                list(pool.map(lambda _: self._work(page, pieces, _always), range(threads)))
                return
        self._work(page, pieces, _always)

    def _work(self, page: Page, pieces: Iterator[tuple[float, int, Piece]], on: Callable[[], bool]) -> None:
        while on():
            with self._turn:
                cap, at, piece = next(pieces, _LAST)
            if piece is None or cap < page.edge:
                return
            folds, compared = self._look(page, at, piece)
            with self._turn:
                self.folds += folds
                self.compared += compared

    def _pieces(self) -> Iterator[tuple[float, int, Piece]]:
        """Each piece of a segment with its cap, best first: no row of it has a larger Tanimoto."""
        found = []
        for at, segment in enumerate(self._segments):
            for piece in segment.pieces:
                nearest = min(max(self._count, piece.low), piece.high)
                found.append((float(self._caps[nearest]), at, piece))
        return iter(sorted(found, key=lambda each: -each[0]))

    def _window(self, edge: float) -> tuple[int, int]:
        """From which number of set bits on to below which a row can have a Tanimoto of ``edge``."""
        rising, falling = self._caps[: self._count + 1], self._caps[self._count :]
        low = int(np.searchsorted(rising, np.float32(edge)))
        return low, self._count + int(np.searchsorted(-falling, np.float32(-edge), side="right"))

    def _left(self, edge: float) -> int:
        """Bytes that may have to be read."""
        low, high = self._window(edge)
        return sum(
            int(each.starts[high] - each.starts[low]) * (each.width if each.folds is None or self._useless else FOLD)
            for each in self._segments
            if low < high
        )

    # -- one piece

    def _look(self, page: Page, at: int, piece: Piece) -> tuple[int, int]:
        """How many folds and how many rows were compared."""
        segment = self._segments[at]
        low, high = self._window(page.edge)
        if low >= high:
            return 0, 0
        start, stop = max(piece.start, int(segment.starts[low])), min(piece.stop, int(segment.starts[high]))
        if start >= stop:
            return 0, 0
        rows, mask = self._chosen(at, start, stop)
        compared = 0
        if page.edge == -math.inf:
            compared = self._score(page, segment, self._likely(segment, page.k, rows, mask))
        if segment.folds is None:
            return 0, compared + self._score(page, segment, rows, mask)
        apart = distances(self._fold, segment.folds[rows])
        near = np.flatnonzero(apart <= self._most(page.edge, piece.high))
        self._useless = len(near) * _USELESS > len(apart)
        if self._useless:
            return len(apart), compared + self._score(page, segment, rows, mask)
        near = near if mask is None else near[mask[near]]
        near = near + rows.start if isinstance(rows, slice) else rows[near]
        return len(apart), compared + self._score(page, segment, near)

    def _chosen(self, at: int, start: int, stop: int) -> tuple[slice | Ids, NDArray[np.bool_] | None]:
        """The rows to look at, and which of them count; None: all."""
        pick, segment = self._picks[at], self._segments[at]
        if pick is None:
            return slice(start, stop), segment.alive[start:stop] if segment.dead else None
        if pick.everything:
            return slice(start, stop), None
        if len(pick.rows) * _FEW > len(segment):
            return slice(start, stop), pick.mask[start:stop]
        first, last = np.searchsorted(pick.rows, [start, stop])
        return pick.rows[first:last], None

    def _likely(self, segment: BitSegment, k: int, rows: slice | Ids, mask: NDArray[np.bool_] | None) -> Ids:
        """Of some rows a few that are likely on the page: of those with about as many set bits the nearest by folds."""
        if isinstance(rows, slice):
            rows = np.arange(rows.start, rows.stop) if mask is None else np.flatnonzero(mask) + rows.start
        enough = 2 * k + _FIRST
        if len(rows) > _SAMPLE:
            middle = int(np.searchsorted(rows, segment.starts[self._count + 1]))
            first = min(max(0, middle - _SAMPLE // 2), len(rows) - _SAMPLE)
            rows = rows[first : first + _SAMPLE]
        if len(rows) <= enough or segment.folds is None:
            return rows[:enough]
        scores = self._tanimoto(segment.counts(rows), distances(self._fold, segment.folds[rows]))
        return rows[np.argpartition(-scores, enough)[:enough]]

    def _score(self, page: Page, segment: BitSegment, rows: slice | Ids, mask: NDArray[np.bool_] | None = None) -> int:
        """Offer to the page what it may need; how many rows were compared whole."""
        if mask is not None and isinstance(rows, slice) and np.count_nonzero(mask) * _SPARSE < len(mask):
            rows, mask = np.flatnonzero(mask) + rows.start, None
        first, last = (rows.start, rows.stop) if isinstance(rows, slice) else (0, len(rows))
        gathered = np.empty((0 if isinstance(rows, slice) else min(_READ, len(rows)), segment.width), dtype=np.uint8)
        for start in range(first, last, _READ):
            stop = min(start + _READ, last)
            part = slice(start, stop) if isinstance(rows, slice) else rows[start:stop]
            apart = distances(self._query, segment.read(part, gathered))
            highest = stop - 1 if isinstance(rows, slice) else int(rows[start:stop].max())
            wanted = apart <= self._most(page.edge, int(segment.counts(np.array([highest]))[0]))
            if mask is not None:
                wanted &= mask[start - first : stop - first]
            near = np.flatnonzero(wanted)
            if len(near):
                found = near + start if isinstance(rows, slice) else rows[near + start]
                page.offer(segment.ids_of(found), self._tanimoto(segment.counts(found), apart[near]))
        return last - first

    def _most(self, edge: float, count: int) -> int:
        """No row of at most ``count`` set bits that is further away has a Tanimoto of ``edge``."""
        both = self._count + count
        return both if edge <= 0 else math.floor(both * (1 - edge) / (1 + edge)) + 1  # scores are rounded

    def _tanimoto(self, counts: Ids, apart: NDArray[np.int32]) -> Scores:
        both = self._count + counts
        return _ratio(both - apart, both + apart)


def search_bits(
    segments: Sequence[BitSegment],
    picks: Sequence[Pick | None],
    queries: NDArray[np.uint8],
    k: int,
    *,
    others: tuple[Ids, Scores],
    pool: Executor,
    threads: int,
) -> tuple[Ids, Scores]:
    """(q, k) ids and scores of the best rows of all segments and of ``others``, which were found elsewhere; best
    first, ties by ascending id, padded. ``queries`` (q, width) are in stored form.
    """
    pages = [Page(k, ids, scores) for ids, scores in zip(*others, strict=True)]
    asked = [BitQuery(segments, picks, queries[at : at + 1]) for at in range(len(queries))]
    if len(asked) >= threads > 1:  # a thread for each saves handing pieces around
        list(pool.map(lambda query, page: query.run(page, None, 1), asked, pages))
    else:
        for query, page in zip(asked, pages, strict=True):
            query.run(page, pool, threads)
    best_ids, best_scores = nothing(len(queries), k)
    for at, page in enumerate(pages):
        best_ids[at, : len(page.ids)], best_scores[at, : len(page.ids)] = page.ids, page.scores
    return best_ids, best_scores


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Scores:
    """As ``vecmath.tanimoto`` divides: nothing in nothing is 0."""
    scores: Scores = (part / np.maximum(whole, 1)).astype(np.float32)
    return scores


def _always() -> bool:
    return True


_LAST: tuple[float, int, Piece | None] = (-math.inf, 0, None)
