"""One space's index in this process, and who may look at it or change it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from morelike.stores.vectors.layers import LayeredIndex, Picked
from morelike.stores.vectors.rows import Changes, SpaceRow
from morelike.stores.vectors.turns import SharedLock
from morelike.types import Ids

__all__ = ["Held", "State"]

_PICKED = 8
"""How many filters' rows are remembered for a space."""


@dataclass(frozen=True, slots=True)
class State:
    """An index, and what the log said of its space when the index was brought up to date.

    ``token`` is that of the last snapshot that the index came from or went to.
    """

    index: LayeredIndex
    row: SpaceRow
    token: str


class Held:
    """``state`` is None while the index is made anew."""

    def __init__(self) -> None:
        self.state: State | None = None
        self.turn = threading.Lock()  # held by whoever brings the index up to date
        self.lock = SharedLock()  # taken after ``turn``, never before
        self.damaged_snapshot = False
        self.distrusted = ""
        """The token of a snapshot whose rows were found changed: it looks right, and must not be used."""
        self._picked: OrderedDict[int, tuple[Ids, Picked]] = OrderedDict()
        self._picking = threading.Lock()

    def replace(self, state: State | None) -> None:
        """Once no search runs."""
        with self.lock.changing():
            old, self.state = self.state, state
            self._picked.clear()
            if old is not None and (state is None or old.index is not state.index):
                old.index.close()

    def apply(self, index: LayeredIndex, changes: Changes, token: str) -> None:
        """Once no search runs; a failure in the middle leaves nothing that is half changed."""
        with self.lock.changing():
            self.state = None
            self._picked.clear()
            index.remove(changes.gone)
            for ids, vectors in changes.chunks:
                index.put(ids, vectors)
            self.state = State(index, changes.row, token)

    def knows(self, row: SpaceRow) -> bool:
        """Whether the index holds all that the log had at ``row``."""
        state = self.state
        return state is not None and state.row.born == row.born and state.row.revision >= row.revision

    def is_now(self, index: LayeredIndex) -> bool:
        return self.state is not None and self.state.index is index

    def moved(self) -> None:
        """Rows are elsewhere than they were. Only while searches are kept out."""
        self._picked.clear()

    def pick(self, index: LayeredIndex, ids: Ids) -> Picked:
        """What a filter leaves; remembered for an array that cannot change, as a catalog's cache gives."""
        with self._picking:
            kept = self._picked.get(id(ids))
        if kept is not None and kept[0] is ids:
            return kept[1]
        picked = index.pick(ids)
        if not ids.flags.writeable:
            with self._picking:
                self._picked[id(ids)] = ids, picked
                while len(self._picked) > _PICKED:
                    self._picked.popitem(last=False)
        return picked
