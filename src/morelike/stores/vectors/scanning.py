"""One query over the segments of a space: near rows by graph or by scanning codes, then exact scores of the few."""

from __future__ import annotations

import itertools
import math
from concurrent.futures import Executor, wait
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from morelike.stores.vectors.blocks import exact_scores
from morelike.stores.vectors.codes import Asked, Best, ask, rotated
from morelike.stores.vectors.graph import NEAREST
from morelike.stores.vectors.segment import Pick, Segment
from morelike.stores.vectors.shape import Shape
from morelike.types import Ids, Scores
from morelike.vecmath import top_k

__all__ = ["search_segments"]

_WIDEST = 768
"""A graph that must keep more rows in view takes as long as scanning the codes."""
_SPARSE = 0.2
"""Where a filter leaves a smaller share, scanning the rows that it leaves is faster."""
_MARGIN = 1.5
"""How much wider than it must be a graph is searched."""
_SPARE = 64
"""Rows beyond twice the page that a scan keeps at first."""
_FIRST = 6
"""Rows beyond the page that are scored exactly at first."""
_GROWTH = 8
_TASK = 16_384
"""Rows from which on a scan is shared among threads."""
_SIFTED = 65_536
"""Rows from which on looking at their signs first is worth it."""
_WORTH = 0.25
"""Where a filter leaves a smaller share, reading all signs takes as long as scanning what it leaves."""
_SAMPLE = 1_024
"""Rows, those of the fewest signs that differ, among which the page's last score is guessed."""
_FEW = 0.4
"""Where signs leave a larger share, they save nothing."""
_NEARLY_ALL = 0.85
"""From this share on, scanning everything is faster than copying rows together."""
_READ = 4_096


@dataclass(slots=True)
class _Part:
    """What is known of one segment: candidates by approximate score, and how deep they were looked for.

    Every row of the pick with an approximate score above ``edge`` is among the candidates; -inf: every row is.
    """

    segment: Segment
    pick: Pick
    asked: Asked
    unit: float
    rows: Ids = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    guessed: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    exact: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    edge: float = np.inf
    kept: int = 0
    """How many rows a scan kept the last time."""
    likely: bool = False
    """Whether the candidates came from the graph or by signs: as good as all that are near, but not surely all."""

    def too_shallow(self, edge: float) -> bool:
        """Whether a row that was not kept may belong to a page that ends at the exact score ``edge``."""
        return self.edge > -np.inf and self.edge + self.doubt() >= edge

    def doubt(self) -> float:
        """How far a guess may be off. Where candidates are only likely anyway, half of it is enough."""
        doubt = self.segment.codes.doubt(self.asked)
        return doubt / 2 if self.likely else doubt

    def set(self, rows: Ids, guessed: NDArray[np.float32], edge: float) -> None:
        order = np.argsort(-guessed, kind="stable")
        self.rows, self.guessed, self.edge = rows[order], guessed[order], edge
        self.exact = np.full(len(rows), np.nan, dtype=np.float32)


class _Search:
    def __init__(self, shape: Shape, query: NDArray[np.float32], k: int, pool: Executor, threads: int) -> None:
        self._shape = shape
        self._query = query
        self._k = k
        self._pool = pool
        self._threads = threads
        self._floor = np.empty(0, dtype=np.float32)

    def run(self, parts: list[_Part], others: Scores) -> tuple[Ids, Scores]:
        """``others`` are exact scores found elsewhere, which a row here must beat to be of use."""
        self._floor = others[np.isfinite(others)]
        self._walk_all(parts)
        guess = self._best([part.guessed for part in parts])
        waiting = [part for part in parts if not part.likely or part.edge >= guess]
        while True:
            if waiting:
                self._scan(waiting)
            self._score(parts)
            edge = self._kth(parts)
            waiting = [part for part in parts if not part.likely and part.too_shallow(edge)]
            if not waiting:
                return self._answer(parts)

    # -- candidates

    def _walk_all(self, parts: list[_Part]) -> None:
        """Candidates by the graphs of those parts where they are of use, some of them in other threads."""
        mean = self._k / len(parts)
        wanted = min(self._k, mean + 3 * mean**0.5)  # in one part, of a page spread over all of them
        due = [(part, width) for part in parts if (width := self._width(part, wanted))]
        mine, *others = [due[start :: self._threads] for start in range(max(1, min(self._threads, len(due))))]
        running = [self._pool.submit(self._walk_some, share) for share in others]
        try:
            self._walk_some(mine)
        finally:
            wait(running)  # nobody else may look at the index any more once this search has ended
        for each in running:
            each.result()

    def _walk_some(self, due: list[tuple[_Part, int]]) -> None:
        for part, width in due:
            part.likely = self._walk(part, width)

    @staticmethod
    def _width(part: _Part, wanted: float) -> int:
        """How widely to search the graph; 0 where scanning is better."""
        graph = part.segment.graph
        share = len(part.pick.rows) / len(part.segment)
        if graph is None or share < _SPARSE:
            return 0
        # what finds NEAREST rows well finds the same part of a wider view well
        width = math.ceil(graph.width * max(1.0, wanted / NEAREST * _MARGIN) / share)
        return width if width <= min(_WIDEST, len(graph)) else 0

    def _walk(self, part: _Part, width: int) -> bool:
        """Candidates by the graph; False where they are not to be trusted."""
        graph, pick = part.segment.graph, part.pick
        if graph is None:
            return False
        guessed, rows = graph.near(part.asked, width)
        trusted = width * NEAREST // graph.width
        if len(rows) < width:  # shut in on an island
            return False
        edge = float(guessed[min(trusted, width - 1)])
        if not pick.everything:
            kept = pick.mask[rows]
            guessed, rows = guessed[kept], rows[kept]
        loose = slice(part.segment.linked, len(part.segment))
        if loose.stop > loose.start:
            best = Best.empty(min(2 * self._k + _SPARE, loose.stop - loose.start))
            part.segment.codes.scan(part.asked, _chosen(pick, loose), best)
            there = best.rows >= 0
            rows, guessed = np.concatenate([rows, best.rows[there]]), np.concatenate([guessed, best.scores[there]])
            if there.all() and len(best.rows) < loose.stop - loose.start:
                edge = max(edge, float(best.scores.min()))
        usual = graph.usual * part.asked.length / part.asked.step
        if len(guessed) < NEAREST or np.partition(guessed, -NEAREST)[-NEAREST] < usual:
            return False  # nothing is as near as things are to each other here: no place to walk by
        part.set(rows, guessed * np.float32(part.unit), edge * part.unit)
        return True

    def _scan(self, parts: list[_Part]) -> None:
        """Candidates by their codes, more of them than the last time."""
        jobs: list[tuple[_Part, slice | Ids]] = []
        for part in parts:
            part.likely = not part.kept and self._sift(part)
            if part.likely:
                continue
            part.kept = part.kept * _GROWTH or 2 * self._k + _SPARE
            jobs += [(part, piece) for piece in self._pieces(part)]
        alone = len(jobs) == 1 or sum(len(part.pick.rows) for part in parts) < _TASK
        run = map if alone else self._pool.map
        found: dict[int, list[tuple[Ids, NDArray[np.float32], float]]] = {}
        for (part, _), result in zip(jobs, run(self._scanned, jobs), strict=True):
            found.setdefault(id(part), []).append(result)
        for part in (part for part in parts if not part.likely):
            rows, guessed, edges = zip(*found[id(part)], strict=True)
            part.set(np.concatenate(rows), np.concatenate(guessed), max(edges))

    def _sift(self, part: _Part) -> bool:
        """Candidates by their codes among the rows whose signs do not rule them out; False where that is of no use.

        Only where a graph has been found good enough, so that whoever needs every row has none.
        """
        pick, segment = part.pick, part.segment
        few = len(pick.rows) < max(_SIFTED, _WORTH * len(segment))
        if segment.graph is None or self._shape.metric != "cosine" or few:
            return False
        signs = segment.signs(self._pool)
        if signs is None:
            return False

        def looked_at(piece: slice) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
            differing = signs.differing(part.asked, piece, pick.mask)
            return differing, np.bincount(differing, minlength=signs.dim + 2)

        edges = np.linspace(0, len(segment), self._threads + 1).astype(int).tolist()
        found = list(self._pool.map(looked_at, [slice(a, b) for a, b in itertools.pairwise(edges)]))
        differing = np.concatenate([one for one, _ in found])
        below = np.cumsum(np.sum([counts for _, counts in found], axis=0))
        sample = int(np.searchsorted(below, max(_SAMPLE, 2 * self._k)))
        self._sifted(part, np.flatnonzero(differing <= min(sample, signs.dim)))
        edge = self._best([part.guessed])
        if edge == -np.inf:
            return False
        most = min(signs.most(edge - part.doubt() / 2), signs.dim)
        if below[most] > _FEW * len(pick.rows):
            return False
        if most > sample:
            self._sifted(part, np.flatnonzero(differing <= most))
        return True

    def _sifted(self, part: _Part, rows: Ids) -> None:
        """The best of some rows by their codes."""
        kept = min(_GROWTH * (2 * self._k + _SPARE), len(rows))

        def scanned(share: Ids) -> Best:
            best = Best.empty(min(kept, len(share)))
            part.segment.codes.scan(part.asked, share, best)
            return best

        alone = len(rows) < _TASK
        found = list(map(scanned, [rows]) if alone else self._pool.map(scanned, np.array_split(rows, self._threads)))
        guessed = np.concatenate([best.scores for best in found]) * np.float32(part.unit)
        there = np.concatenate([best.rows for best in found])
        part.set(there[there >= 0], guessed[there >= 0], -np.inf)

    def _pieces(self, part: _Part) -> list[slice | Ids]:
        pick, total = part.pick, len(part.segment)
        count = self._threads if len(pick.rows) > _TASK else 1
        if len(pick.rows) < _NEARLY_ALL * total or self._everything(part):
            return list(np.array_split(pick.rows, count))
        edges = np.linspace(0, total, count + 1).astype(int).tolist()
        return [slice(a, b) for a, b in itertools.pairwise(edges)]

    def _everything(self, part: _Part) -> bool:
        """Whether so many rows are wanted that codes save nothing."""
        return part.kept >= len(part.pick.rows) // 4

    def _scanned(self, job: tuple[_Part, slice | Ids]) -> tuple[Ids, NDArray[np.float32], float]:
        """Candidates among some of a part's rows, and their edge."""
        part, rows = job
        if self._everything(part) and not isinstance(rows, slice):
            return rows, self._exact(part, rows), -np.inf
        count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        best = Best.empty(min(part.kept, count))
        part.segment.codes.scan(part.asked, rows, best)
        guessed = best.scores * np.float32(part.unit)
        edge = float(guessed.min()) if len(best.rows) < count else -np.inf
        there = best.rows >= 0
        there[there] = part.pick.mask[best.rows[there]]
        return best.rows[there], guessed[there], edge

    # -- exact scores

    def _score(self, parts: list[_Part]) -> None:
        """Score the best candidates exactly, and then all that may still be better than the page's last."""
        guesses = np.concatenate([part.guessed for part in parts])
        first = self._k + _FIRST
        edge = np.partition(guesses, -first)[-first] if len(guesses) > first else -np.inf
        for part in parts:
            self._score_from(part, edge)
        edge = self._kth(parts)
        for part in parts:
            self._score_from(part, edge - part.doubt())

    def _score_from(self, part: _Part, edge: float) -> None:
        due = np.flatnonzero((part.guessed >= edge) & np.isnan(part.exact))
        if len(due):
            part.exact[due] = self._exact(part, part.rows[due])

    def _exact(self, part: _Part, rows: Ids) -> NDArray[np.float32]:
        result = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), _READ):
            stored = part.segment.rows.read(rows[start : start + _READ])
            result[start : start + _READ] = exact_scores(self._shape, self._query[None], stored)[0]
        return result

    def _kth(self, parts: list[_Part]) -> float:
        """The page's last score, as far as is known; -inf while there is no full page."""
        return self._best([part.exact[~np.isnan(part.exact)] for part in parts])

    def _best(self, scores: list[NDArray[np.float32]]) -> float:
        """The last of the best ``k`` scores, others' among them."""
        known = np.concatenate([self._floor, *scores])
        return float(np.partition(known, -self._k)[-self._k]) if len(known) >= self._k else -np.inf

    def _answer(self, parts: list[_Part]) -> tuple[Ids, Scores]:
        known = [~np.isnan(part.exact) for part in parts]
        ids = np.concatenate([part.segment.ids[part.rows[of]] for part, of in zip(parts, known, strict=True)])
        scores = np.concatenate([part.exact[of] for part, of in zip(parts, known, strict=True)])
        best, exact = top_k(scores[None], ids, min(self._k, len(ids)))
        return best[0], exact[0]


def search_segments(
    shape: Shape,
    picked: list[tuple[Segment, Pick]],
    query: NDArray[np.float32],
    k: int,
    *,
    others: Scores,
    pool: Executor,
    threads: int,
) -> tuple[Ids, Scores]:
    """At most ``k`` ids and exact scores of one query (dim,) in stored form, best first, ties by ascending id.

    ``others`` are exact scores found elsewhere: what is worse than the best ``k`` of all may be left out. Raises
    Damaged.
    """
    asked = ask(rotated(query[None])[0])
    parts = [_Part(segment, pick, asked, segment.codes.unit(asked)) for segment, pick in picked if len(pick.rows)]
    if not parts or k <= 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    return _Search(shape, query, k, pool, threads).run(parts, others)


def _chosen(pick: Pick, rows: slice) -> slice | Ids:
    """The picked ones of a range of rows."""
    if pick.everything:
        return rows
    start, stop = np.searchsorted(pick.rows, [rows.start, rows.stop])
    return pick.rows[start:stop]
