"""What every part of a space that does not grow has: ids, which of them live, and what filters leave of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.types import Ids

__all__ = ["Pick", "Settled"]

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


class Settled:
    """Rows that are written once, under ids. A row that was deleted or written anew elsewhere is dead, and stays until
    the segment is made anew. Searches may run side by side, but not beside ``kill`` or ``bury``.
    """

    def __init__(self, name: str, ids: Ids, linked: int) -> None:
        self.name = name
        self.linked = linked
        """How many of the first rows belong into a graph."""
        self.alive = np.ones(len(ids), dtype=np.bool_)
        self.dead = 0
        self.codes_digest = ""
        self.graph_digest: str | None = None
        """Of their files, in hex."""
        self.unlinkable = False
        """A graph was tried and did not find enough."""
        order = np.argsort(ids).astype(np.int32)
        self._sorted = ids[order]
        self._keep(order)
        self._picks: OrderedDict[int, tuple[Ids, int, Pick]] = OrderedDict()
        self._picking = threading.Lock()
        self._all: Pick | None = None

    def _keep(self, order: NDArray[np.int32]) -> None:
        """Remember which row has the first sorted id, the second, and so on."""
        self._kept_order = order

    def _order(self) -> NDArray[np.int32]:
        """What ``_keep`` was told."""
        return self._kept_order

    def __len__(self) -> int:
        return len(self.alive)

    @property
    def living(self) -> int:
        return len(self) - self.dead

    @property
    def ids(self) -> Ids:
        """Of every row, dead ones too."""
        raise NotImplementedError

    def ids_of(self, rows: Ids) -> Ids:
        return self.ids[rows]

    def read(self, rows: Ids) -> NDArray[Any]:
        """Rows in stored form. Raises Damaged, OSError."""
        raise NotImplementedError

    def verify(self) -> None:
        """Look at every row on the disk. Raises Damaged, OSError."""

    def close(self) -> None:
        """Let files go."""

    # -- changing

    def kill(self, ids: Ids) -> None:
        """Those of the ids that live here die."""
        rows = self._find(ids)
        if len(rows):
            self.alive[rows] = False
            self.dead = len(self) - int(np.count_nonzero(self.alive))
            self._all = None

    def bury(self, alive: NDArray[np.bool_]) -> None:
        """Say at once which rows live."""
        self.alive = alive
        self.dead = len(self) - int(np.count_nonzero(alive))
        self._all = None

    # -- reading

    def has(self, ids: Ids) -> NDArray[np.bool_]:
        """Which of the ids live here."""
        return np.isin(ids, self.ids_of(self._find(ids)))

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
            pick = self._picked(self._find(ids) if len(ids) < len(self) else self._found_in(ids))
        if not ids.flags.writeable:
            with self._picking:
                self._picks[id(ids)] = ids, self.dead, pick
                self._picks.move_to_end(id(ids))
                while len(self._picks) > _PICKS:
                    self._picks.popitem(last=False)
        return pick

    def _picked(self, rows: Ids) -> Pick:
        mask = np.zeros(len(self), dtype=np.bool_)
        mask[rows] = True
        return Pick(np.flatnonzero(mask), mask, bool(mask.all()))

    def _found_in(self, ids: Ids) -> Ids:
        """The living rows whose ids are among many sorted ones."""
        places = np.minimum(np.searchsorted(ids, self._sorted), len(ids) - 1)
        rows = self._order()[ids[places] == self._sorted]
        living: Ids = rows[self.alive[rows]].astype(np.int64)
        return living

    def _find(self, ids: Ids) -> Ids:
        """The living rows of those of the ids that are here, in no order."""
        if not len(self) or not len(ids):
            return np.empty(0, dtype=np.int64)
        places = np.minimum(np.searchsorted(self._sorted, ids), len(self) - 1)
        places = places[self._sorted[places] == ids]
        if not len(places):
            return np.empty(0, dtype=np.int64)
        rows = self._order()[places].astype(np.int64)
        here: Ids = rows[self.alive[rows]]
        return here
