"""What an open collection can do about its map."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from dataclasses import replace
from threading import Event

import numpy as np
from numpy.typing import NDArray

from morelike.errors import SpaceMismatch
from morelike.progress import Progress
from morelike.project.found import Map
from morelike.project.gather import segments_digest
from morelike.project.kept import keep, kept
from morelike.project.make import make_map
from morelike.search.filter import parse_filter
from morelike.types import Collection, Space
from morelike.wiring import Stores

__all__ = ["Mapped"]


class Mapped(ABC):
    """The part of ``OpenCollection`` that shows items as points in two dimensions."""

    _stores: Stores
    _record: Collection

    def map(
        self,
        *,
        kind: str | None = None,
        refresh: bool = False,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
    ) -> Map:
        """Items as points, where neighbours are alike, and clusters: as kept, else made now, which takes a while.

        ``refresh``: make it anew, as where ``stale`` says that items came or went. ``kind``: which of the collection's
        spaces, the first where None. Setting ``stop`` gives one that is ``interrupted``, and keeps what was kept.
        Raises SpaceMismatch where there is no such space, QueryError on more than a million items, StoreError.
        """
        found = None if refresh else self.kept_map(kind)
        if found is not None:
            return found
        space = self._mapped_space(kind)
        made = make_map(self._stores, self._record, space, progress=progress, stop=stop)
        if not made.interrupted:
            keep(self._stores, self._record, space, made)
        return made

    def kept_map(self, kind: str | None = None) -> Map | None:
        """The map that was made last, None where none was made with today's encoder. Raises SpaceMismatch."""
        space = self._mapped_space(kind)
        found = kept(self._stores, self._record, space)
        if found is None or found.revision == self._stores.catalog.revision(self._record):
            return found
        if found.segments and found.segments == segments_digest(self._stores, self._record, space):
            return found  # something changed, but no point would move
        return replace(found, stale=True)

    def map_places(self, found: Map, filter: str) -> NDArray[np.int64]:
        """Places in ``found.items`` of the items that pass a filter now, ascending. Raises FilterError."""
        passing = set(self._stores.catalog.item_ids(self._record, filter=parse_filter(filter)))
        return np.array([place for place, item_id in enumerate(found.items) if item_id in passing], np.int64)

    def _mapped_space(self, kind: str | None) -> Space:
        spaces = self._stores.catalog.spaces(self._record)
        shown = [space for space in spaces if space.active and space.has_vectors and not space.is_screen]
        space = next((space for space in shown if kind in {None, space.kind}), None)
        if space is None:
            there = ", ".join(space.kind for space in shown)
            raise SpaceMismatch(
                f"{self._record.name} has no vectors{'' if kind is None else f' of the kind {kind[:40]}'} to map",
                hint=f"there are: {there}" if there else "an encoder of words or hashes has none: choose another one",
            )
        return space
