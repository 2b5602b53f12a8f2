"""Searches of one collection: how far to look, which way a filter goes, and what is done when that is not enough.

Milvus does not order ties, finds less than there is where a graph is walked under a filter, and answers at most 16 384
rows. So more is asked for than is wanted; a page that is not full, or ends inside a tie, is asked for again with more;
and what even then is not full is scored row by row, which is slow and exact. A tie of more rows than can be asked for
at once is cut somewhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from morelike.stores.vectors._milvus_engine import MOST_ASKED
from morelike.stores.vectors._milvus_fields import COUNT
from morelike.stores.vectors._milvus_filter import expression_of
from morelike.stores.vectors._milvus_line import Line
from morelike.stores.vectors._milvus_reading import Reading, given, naming
from morelike.stores.vectors._milvus_spaces import VECTOR, Found, Spaces
from morelike.stores.vectors.shape import nothing
from morelike.types import Ids, Scores, Vectors, Within
from morelike.vecmath import similarity, top_k

__all__ = ["Searching"]

_SPARE: Final = 16
"""Rows asked for beyond the page, so that ties at its edge are seen."""
_GROWS: Final = 8
_WALK: Final = 64
"""The least that a graph is walked."""
_FARTHEST: Final = 32_768
_PROBES: Final = 32
"""The fewest lists that are looked through."""
_FEW: Final = 0.6
"""The share that a filter leaves, up to which an index of lists looks through all of them, at what is left there."""
_LEAN: Final = 0.8
"""A page with less than this part of what a filter leaves on the average shows that the filter follows the vectors."""
_EXACT_FEW: Final = 256
"""The vectors of so few ids are fetched and scored here."""
_CLOSE: Final = 1e-6
_ESTIMATED: Final = 5.0
"""Seconds for which a count is good enough to choose how to search."""
_MOST_ESTIMATES: Final = 256


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to ask: what Milvus leaves, which of that counts, and who answers where this way ends."""

    expression: str
    share: float
    """How much of the collection the expression leaves, about."""
    exactly: Callable[[Vectors, int], tuple[Ids, Scores]]
    only: Callable[[], Ids] | None = None
    """The ids that count: always asked for, or where a row comes ``unsure``."""
    unsure: bool = False
    everywhere: bool = False
    """Whether every list of an index of lists is looked through."""

    @property
    def masked(self) -> bool:
        """Whether Milvus answers from all rows, and those that count are picked out here."""
        return self.only is not None and not self.unsure


@dataclass(slots=True)
class _Page:
    """What came for one query: best first, each id once."""

    ids: Ids
    scores: Scores
    came: int
    """How many rows that was, of which some may have been left out since."""
    unsure: bool = False
    """Whether there is a row that its fields do not decide."""


class Searching:
    """Exact up to what an HNSW graph misses."""

    def __init__(self, line: Line, spaces: Spaces, reading: Reading) -> None:
        self._line = line
        self._spaces = spaces
        self._reading = reading
        self._counts: dict[tuple[str, int, str], tuple[int, float]] = {}
        self._lock = threading.Lock()

    def search(self, found: Found, queries: Vectors, k: int, within: Within | None) -> tuple[Ids, Scores]:
        """Raises Missing where the collection went away."""
        answer = nothing(len(queries), k)
        zero = ~queries.any(axis=1) & (found.shape.metric != "l2")  # every score is 0: the least ids are the best
        if zero.any():
            answer[0][zero], answer[1][zero] = self._least(found, queries[zero], k, within)
        if not zero.all():
            answer[0][~zero], answer[1][~zero] = self._search(found, queries[~zero], k, within)
        return answer

    def _search(self, found: Found, queries: Vectors, k: int, within: Within | None) -> tuple[Ids, Scores]:
        if within is None:
            return self._go(found, queries, k, _Way("", 1.0, lambda some, n: self._scan(found, some, n)))
        said = expression_of(within.expression) if 0 <= within.revision <= found.revision else None
        if said is None:
            return self._by_ids(found, queries, k, within.ids())
        expression = f"({said}) or {COUNT} < 0"
        share = (self._estimate(found, expression) + 1) / (self._estimate(found, "") + 1)
        way = _Way(
            expression,
            min(1.0, share),
            lambda some, n: self._by_ids(found, some, n, within.ids()),
            only=within.ids,
            unsure=True,
        )
        return self._go(found, queries, k, way)

    def _by_ids(self, found: Found, queries: Vectors, k: int, ids: Ids) -> tuple[Ids, Scores]:
        if len(ids) <= _EXACT_FEW:
            return self._score(found, queries, k, ids)
        share = min(1.0, len(ids) / max(1, self._estimate(found, "")))
        if len(ids) <= self._line.engine.named_ids:
            return self._named(found, queries, k, ids, share)

        def exactly(some: Vectors, n: int) -> tuple[Ids, Scores]:
            return self._named_blocks(found, some, n, ids, share)

        if share < self._line.engine.masks_above:
            return exactly(queries, k)
        return self._go(found, queries, k, _Way("", share, exactly, only=lambda: ids))

    def _named(self, found: Found, queries: Vectors, k: int, ids: Ids, share: float) -> tuple[Ids, Scores]:
        way = _Way(naming(ids), share, lambda some, n: self._score(found, some, n, ids))
        return self._go(found, queries, k, way)

    def _named_blocks(self, found: Found, queries: Vectors, k: int, ids: Ids, share: float) -> tuple[Ids, Scores]:
        best = nothing(len(queries), k)
        step = self._line.engine.named_ids
        for at in range(0, len(ids), step):
            block = ids[at : at + step]
            best = _better(best, self._named(found, queries, k, block, share * len(block) / len(ids)))
        return best

    def _go(self, found: Found, queries: Vectors, k: int, way: _Way) -> tuple[Ids, Scores]:
        """Ask for more and more until each page is full, or holds all there is."""
        answer = nothing(len(queries), k)
        waiting = np.arange(len(queries))
        limit = int((k + _SPARE) * (2 / way.share if way.masked else 1)) + k // 4
        while len(waiting) and limit <= MOST_ASKED:
            still = []
            pages = self._ask(found, queries[waiting], limit, way)
            some_short = any(page.came < limit for page in pages)
            there = self._reading.count(found, way.expression) if some_short else limit
            for row, page in zip(waiting.tolist(), pages, strict=True):
                ids, scores = page.ids, page.scores
                if way.only is not None and (page.unsure or not way.unsure):
                    kept = np.isin(ids, way.only())
                    ids, scores = ids[kept], scores[kept]
                ids, scores = _ordered(ids, scores, k)
                everything = there <= page.came < limit
                full = len(ids) == k and scores[-1] > page.scores[-1] + _CLOSE * abs(float(page.scores[-1]))
                if everything or full or self._cut(ids, k, limit, page):
                    answer[0][row, : len(ids)], answer[1][row, : len(ids)] = ids, scores
                else:
                    still.append(row)
            short = there < limit or limit == MOST_ASKED
            waiting, limit = np.array(still, dtype=np.int64), min(MOST_ASKED, limit * _GROWS)
            way = replace(way, everywhere=True)  # what is near does not count, so what counts may be anywhere
            if short:
                break
        if len(waiting):
            answer[0][waiting], answer[1][waiting] = way.exactly(queries[waiting], k)
        return answer

    @staticmethod
    def _cut(ids: Ids, k: int, limit: int, page: _Page) -> bool:
        """Whether a full page ends in a tie of more rows than can be asked for."""
        return limit == MOST_ASKED and len(ids) == k and page.came == limit

    # -- asking

    def _ask(self, found: Found, queries: Vectors, limit: int, way: _Way) -> list[_Page]:
        pages: list[_Page] = []
        step = max(1, min(self._line.engine.queries, 65_536 // limit))
        for at in range(0, len(queries), step):
            pages += self._ask_some(found, queries[at : at + step], limit, way)
        return pages

    def _ask_some(self, found: Found, queries: Vectors, limit: int, way: _Way) -> list[_Page]:
        data = [row.tobytes() for row in queries] if found.shape.form == "bits" else list(queries)
        columns = [COUNT] if way.unsure else []

        def ask(client: Any, left: float) -> Any:
            return client.search(
                found.name,
                data=data,
                anns_field=VECTOR,
                limit=limit,
                filter=way.expression,
                output_fields=columns,
                search_params={"metric_type": found.metric, "params": self._reach(found, limit, way)},
                consistency_level=self._spaces.level(found),
                timeout=left,
            )

        pages = [_page(found, hits, way.unsure) for hits in self._spaces.ask(found, ask)]
        if found.index.lossy:
            for number, (page, query) in enumerate(zip(pages, queries, strict=True)):
                if _is_lean(found, page, way):
                    wider = replace(way, everywhere=True)
                    pages[number] = self._ask_some(found, query[None], limit, wider)[0]
                else:
                    self._score_exactly(found, page, query, way)
        return pages

    def _score_exactly(self, found: Found, page: _Page, query: Vectors, way: _Way) -> None:
        """What counts of a page, by the vectors as they were given."""
        ids = page.ids[np.isin(page.ids, way.only())] if way.masked and way.only is not None else page.ids
        ids, vectors = self._reading.fetch(found, ids)
        page.ids, page.scores = _ordered(ids, similarity(found.shape.metric, query[None], vectors)[0], len(ids))

    def _reach(self, found: Found, limit: int, way: _Way) -> dict[str, int]:
        """How far the index looks: the fewer rows a filter leaves, the farther."""
        share = way.share if way.expression else 1.0
        dial = found.index.dial
        if dial == "nprobe":
            lists = int(found.index_params.get("nlist", 1024))
            everywhere = way.everywhere or share <= _FEW  # it may leave just what is not near
            return {"nprobe": lists if everywhere else min(lists, int(max(_PROBES, lists / 16) / share))}
        if not dial:
            return {}
        farther = int(2 * limit if share == 1.0 else 4 * limit / share)
        return {dial: max(limit, min(_FARTHEST, max(_WALK, farther)))}

    # -- here, row by row

    def _score(self, found: Found, queries: Vectors, k: int, ids: Ids) -> tuple[Ids, Scores]:
        best = nothing(len(queries), k)
        step = max(256, 16 * 1024**2 // found.shape.bytes)
        for at in range(0, len(ids), step):
            own, vectors = self._reading.fetch(found, ids[at : at + step])
            best = _better(best, top_k(similarity(found.shape.metric, queries, vectors), own, k))
        return best

    def _scan(self, found: Found, queries: Vectors, k: int) -> tuple[Ids, Scores]:
        best = nothing(len(queries), k)
        for block in self._reading.ids(found):
            best = _better(best, self._score(found, queries, k, block))
        return best

    def _least(self, found: Found, queries: Vectors, k: int, within: Within | None) -> tuple[Ids, Scores]:
        """The answer to a query of zeros."""
        answer = nothing(len(queries), k)
        left: list[int] = []
        for block in self._reading.ids(found):
            left += (block if within is None else block[np.isin(block, within.ids())]).tolist()
            if len(left) >= k:
                break
        count = min(k, len(left))
        answer[0][:, :count], answer[1][:, :count] = left[:count], 0
        return answer

    def _estimate(self, found: Found, expression: str) -> int:
        """How many rows an expression leaves, or left a moment ago."""
        key = (found.name, found.revision, expression)
        now = time.monotonic()
        with self._lock:
            count, at = self._counts.get(key, (0, -_ESTIMATED))
        if now - at < _ESTIMATED:
            return count
        count = self._reading.count(found, expression)
        with self._lock:
            self._counts.pop(key, None)
            self._counts[key] = count, now
            while len(self._counts) > _MOST_ESTIMATES:
                self._counts.pop(next(iter(self._counts)))
        return count


def _page(found: Found, hits: Any, unsure: bool) -> _Page:
    ids = given(np.array(hits.ids, dtype=np.int64))
    scores = np.array(hits.distances, dtype=np.float32)
    some_unsure = unsure and any(hit["entity"].get(COUNT, -1) < 0 for hit in hits)
    if found.shape.metric == "l2":
        scores = -np.maximum(scores, 0)
    elif found.shape.metric == "tanimoto":
        scores = 1 - scores
    scores = np.nan_to_num(scores, nan=0.0).astype(np.float32)
    _, first = np.unique(ids, return_index=True)
    ids, scores = _ordered(ids[first], scores[first], len(first))
    return _Page(ids, scores, len(ids), some_unsure)


def _is_lean(found: Found, page: _Page, way: _Way) -> bool:
    """Whether a filter leaves less near the query than elsewhere: what it leaves is in lists that are far away."""
    if way.only is None or not way.masked or way.everywhere or found.index.dial != "nprobe":
        return False
    return int(np.isin(page.ids, way.only()).sum()) < _LEAN * way.share * page.came


def _ordered(ids: Ids, scores: Scores, k: int) -> tuple[Ids, Scores]:
    order = np.lexsort((ids, -scores))[:k]
    return ids[order], scores[order]


def _better(one: tuple[Ids, Scores], two: tuple[Ids, Scores]) -> tuple[Ids, Scores]:
    """The best of two answers to the same queries, which have no id in common."""
    ids, scores = np.concatenate([one[0], two[0]], axis=1), np.concatenate([one[1], two[1]], axis=1)
    k = one[0].shape[1]
    best: tuple[NDArray[np.int64], NDArray[np.float32]] = nothing(len(ids), k)
    for row in range(len(ids)):
        there = ids[row] >= 0
        own, own_scores = _ordered(ids[row][there], scores[row][there], k)
        best[0][row, : len(own)], best[1][row, : len(own)] = own, own_scores
    return best
