"""A part of a space that does not grow: codes in memory, its float32 rows on disk, and a graph if it has one by now."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morelike.stores.vectors.codes import Codes
from morelike.stores.vectors.graph import Graph
from morelike.stores.vectors.rowfile import RowFile
from morelike.stores.vectors.signs import Signs
from morelike.types import Ids

__all__ = ["Pick", "Segment"]

_PICKS = 8
"""How many filters' rows are remembered for a segment."""


@dataclass(frozen=True, slots=True)
class Pick:
    """The rows that a search may answer with, ascending, and the same as a mask over all rows.

    ``everything`` says that no row is left out.
    """

    rows: Ids
    mask: NDArray[np.bool_]
    everything: bool


class Segment:
    """Rows in random order, so that a graph grows evenly. The first ``linked`` of them are, or will be, in the graph;
    those after them are further copies of rows that are there often, which would tie a graph in a knot, and a few to
    measure it by. A row that was deleted or written anew elsewhere is dead, and stays until the segment is made anew.

    Searches may run side by side, but not beside ``kill`` or ``link``.
    """

    def __init__(self, name: str, ids: Ids, codes: Codes, rows: RowFile, linked: int) -> None:
        self.name = name
        self.ids = ids
        self.codes = codes
        self.rows = rows
        self.linked = linked
        self.alive = np.ones(len(ids), dtype=np.bool_)
        self.dead = 0
        self.graph: Graph | None = None
        self.codes_digest = ""
        self.graph_digest: str | None = None
        """Of their files, in hex."""
        self.unlinkable = False
        """A graph was tried and did not find enough."""
        self._order = np.argsort(ids).astype(np.int32)
        self._sorted = ids[self._order]
        self._picks: OrderedDict[int, tuple[Ids, int, Pick]] = OrderedDict()
        self._picking = threading.Lock()
        self._all: Pick | None = None
        self._signs: Future[Signs] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def living(self) -> int:
        return len(self.ids) - self.dead

    # -- changing

    def kill(self, ids: Ids) -> None:
        """Those of the ids that live here die."""
        rows = self._find(ids)
        if len(rows):
            self.alive[rows] = False
            self.dead = len(self.ids) - int(np.count_nonzero(self.alive))
            self._all = None

    def bury(self, alive: NDArray[np.bool_]) -> None:
        """Say at once which rows live."""
        self.alive = alive
        self.dead = len(self.ids) - int(np.count_nonzero(alive))
        self._all = None

    def link(self, graph: Graph | None, digest: str | None) -> None:
        """Use a graph from now on; None says that there is no use in trying again."""
        self.graph = graph
        self.graph_digest = digest
        self.unlinkable = graph is None

    # -- reading

    def has(self, ids: Ids) -> NDArray[np.bool_]:
        """Which of the ids live here."""
        return np.isin(ids, self.ids[self._find(ids)])

    def pick(self, ids: Ids | None) -> Pick:
        """What a search may answer with: the living rows, of ``ids`` where a filter gave some.

        What an array that cannot change leaves is remembered, as the catalog gives the same one again and again.
        """
        if ids is None:
            if self._all is None:
                self._all = self._picked(np.flatnonzero(self.alive))
            return self._all
        with self._picking:
            kept = self._picks.get(id(ids))
        if kept is not None and kept[0] is ids:
            if kept[1] == self.dead:  # rows only ever die
                return kept[2]
            pick = self._picked(kept[2].rows[self.alive[kept[2].rows]])
        else:
            pick = self._picked(self._find(ids) if len(ids) < len(self.ids) else self._found_in(ids))
        if not ids.flags.writeable:
            with self._picking:
                self._picks[id(ids)] = ids, self.dead, pick
                self._picks.move_to_end(id(ids))
                while len(self._picks) > _PICKS:
                    self._picks.popitem(last=False)
        return pick

    def signs(self, pool: Executor) -> Signs | None:
        """Its codes' signs; None while they are being made, which begins where somebody asks for them first."""
        with self._picking:
            if self._signs is None:
                self._signs = pool.submit(Signs, self.codes)
        return self._signs.result() if self._signs.done() else None

    def close(self) -> None:
        self.rows.close()

    def _picked(self, rows: Ids) -> Pick:
        mask = np.zeros(len(self.ids), dtype=np.bool_)
        mask[rows] = True
        return Pick(np.flatnonzero(mask), mask, bool(mask.all()))

    def _found_in(self, ids: Ids) -> Ids:
        """The living rows whose ids are among many sorted ones."""
        places = np.minimum(np.searchsorted(ids, self._sorted), len(ids) - 1)
        rows = self._order[ids[places] == self._sorted]
        living: Ids = rows[self.alive[rows]].astype(np.int64)
        return living

    def _find(self, ids: Ids) -> Ids:
        """The living rows of those of the ids that are here, in no order."""
        if not len(self.ids) or not len(ids):
            return np.empty(0, dtype=np.int64)
        places = np.minimum(np.searchsorted(self._sorted, ids), len(self.ids) - 1)
        rows = self._order[places[self._sorted[places] == ids]].astype(np.int64)
        here: Ids = rows[self.alive[rows]]
        return here
