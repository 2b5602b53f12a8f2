"""The index of one space: segments for what has settled, with codes and graphs or bits in order, and exact rows in
memory for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morelike.stores.vectors.bits import BitSegment
from morelike.stores.vectors.bitsearch import search_bits
from morelike.stores.vectors.blocks import one_thread, stored_form
from morelike.stores.vectors.flat import FlatIndex, merged
from morelike.stores.vectors.scanning import search_segments
from morelike.stores.vectors.segment import Segment
from morelike.stores.vectors.settled import Pick, Settled
from morelike.stores.vectors.shape import Shape, nothing
from morelike.types import Ids, Scores, Vectors

__all__ = ["LayeredIndex", "Picked"]


@dataclass(frozen=True, slots=True)
class Picked:
    """What a filter leaves of an index as it is now."""

    recent: Ids
    settled: list[Pick]


class LayeredIndex:
    """``recent`` rows are scanned exactly; ``segments`` are searched by graph, by codes or by numbers of set bits, and
    scored exactly.

    An id lives in one place only. Not safe by itself: searches may run side by side, but not beside a change.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.recent = FlatIndex(shape)
        self.segments: list[Settled] = []
        self.touched: list[Ids] | None = None
        """While a segment is being made: the ids that were written or deleted meanwhile."""

    def __len__(self) -> int:
        return len(self.recent) + sum(segment.living for segment in self.segments)

    # -- changing

    def append(self, ids: Ids, vectors: Vectors) -> None:
        """Rows whose ids are known to be new."""
        self.recent.append(ids, vectors)

    def put(self, ids: Ids, vectors: Vectors) -> None:
        """New rows and new vectors of old ones; the ids are distinct."""
        self._kill(ids)
        self.recent.put(ids, vectors)

    def remove(self, ids: Ids) -> None:
        """Absent ids are passed over."""
        self._kill(ids)
        self.recent.remove(ids)

    def settle(self, made: Settled, instead: list[Settled]) -> None:
        """Take a segment in, made of ``instead`` and recent rows as they were when ``touched`` began."""
        touched = np.concatenate([*(self.touched or []), np.empty(0, dtype=np.int64)])
        made.kill(touched)
        self.recent.remove(made.ids[~np.isin(made.ids, touched)])
        self.segments = [segment for segment in self.segments if segment not in instead]
        if made.living:
            self.segments.append(made)

    def close(self) -> None:
        for segment in self.segments:
            segment.close()

    def _kill(self, ids: Ids) -> None:
        for segment in self.segments:
            segment.kill(ids)
        if self.touched is not None:
            self.touched.append(ids)

    # -- reading

    def dump(self) -> tuple[Ids, Iterator[NDArray[np.generic]]]:
        """The recent rows, as ``FlatIndex.dump`` gives them."""
        return self.recent.dump()

    def pick(self, ids: Ids) -> Picked:
        """What a filter leaves."""
        return Picked(self.recent.rows(ids), [segment.pick(ids) for segment in self.segments])

    def search(
        self, queries: Vectors, k: int, picked: Picked | None, pool: Executor, threads: int
    ) -> tuple[Ids, Scores]:
        """(q, k) ids and scores, best first, ties by ascending id, padded. Raises Damaged."""
        with one_thread():
            return self._search(queries, k, picked, pool, threads)

    def _search(
        self, queries: Vectors, k: int, picked: Picked | None, pool: Executor, threads: int
    ) -> tuple[Ids, Scores]:
        found = self.recent.search(queries, k, None if picked is None else picked.recent, pool, threads)
        if not self.segments:
            return found
        if self.shape.form == "bits":
            bits = [segment for segment in self.segments if isinstance(segment, BitSegment)]
            left: Sequence[Pick | None] = [None] * len(bits) if picked is None else picked.settled
            asked = stored_form(self.shape, queries)
            return search_bits(bits, left, asked, k, others=found, pool=pool, threads=threads)
        picks = [segment.pick(None) for segment in self.segments] if picked is None else picked.settled
        pairs = zip(self.segments, picks, strict=True)
        parts = [(segment, pick) for segment, pick in pairs if isinstance(segment, Segment)]
        best_ids, best_scores = nothing(len(queries), k)
        for at, query in enumerate(stored_form(self.shape, queries)):
            settled = search_segments(self.shape, parts, query, k, others=found[1][at], pool=pool, threads=threads)
            recent = found[0][at : at + 1], found[1][at : at + 1]
            settled_rows = settled[0][None], settled[1][None]
            (best_ids[at],), (best_scores[at],) = merged([recent, settled_rows], 1, k)
        return best_ids, best_scores
