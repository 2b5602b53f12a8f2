"""A part of a space that does not grow: codes in memory, its float32 rows on disk, and a graph if it has one by now."""

from __future__ import annotations

from concurrent.futures import Executor, Future

import numpy as np
from numpy.typing import NDArray

from morelike.stores.vectors.codes import Codes
from morelike.stores.vectors.graph import Graph
from morelike.stores.vectors.rowfile import RowFile
from morelike.stores.vectors.settled import Pick, Settled
from morelike.stores.vectors.signs import Signs
from morelike.types import Ids

__all__ = ["Pick", "Segment"]


class Segment(Settled):
    """Rows in random order, so that a graph grows evenly. The first ``linked`` of them are, or will be, in the graph;
    those after them are further copies of rows that are there often, which would tie a graph in a knot, and a few to
    measure it by. Searches may run side by side, but not beside ``link``.
    """

    def __init__(self, name: str, ids: Ids, codes: Codes, rows: RowFile, linked: int) -> None:
        super().__init__(name, ids, linked)
        self._ids = ids
        self.codes = codes
        self.rows = rows
        self.graph: Graph | None = None
        self._signs: Future[Signs] | None = None

    @property
    def ids(self) -> Ids:
        return self._ids

    def link(self, graph: Graph | None, digest: str | None) -> None:
        """Use a graph from now on; None says that there is no use in trying again."""
        self.graph = graph
        self.graph_digest = digest
        self.unlinkable = graph is None

    def signs(self, pool: Executor) -> Signs | None:
        """Its codes' signs; None while they are being made, which begins where somebody asks for them first."""
        with self._picking:
            if self._signs is None:
                self._signs = pool.submit(Signs, self.codes)
        return self._signs.result() if self._signs.done() else None

    def read(self, rows: Ids) -> NDArray[np.float32]:
        return self.rows.read(rows)

    def verify(self) -> None:
        for _ in self.rows.chunks():
            pass

    def close(self) -> None:
        self.rows.close()
