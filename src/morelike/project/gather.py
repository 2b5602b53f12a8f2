"""One vector for each item of a space, a bounded number of them at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from morelike.project.neighbours import SEED
from morelike.types import Collection, Segment, Space
from morelike.vecmath import normalise
from morelike.wiring import Stores

__all__ = ["Gatherer", "segments_digest"]

Rows = NDArray[np.float32]

BLOCK: Final = 128
"""Items whose segments are looked up together: a long film has thousands."""
MOST_SEGMENTS: Final = 64
"""Of an item; of one with more, so many that lie evenly."""
WIDEST_BITS: Final = 512
"""Fingerprints of more bits are projected: sums of them under a fixed random sign pattern keep their angles."""


def segments_digest(stores: Stores, collection: Collection, space: Space) -> str:
    """Of the ids of the segments that are searchable now: another one as soon as one comes or goes."""
    ids = stores.catalog.segment_ids(collection, space.kind)
    return blake2b(ids.astype("<i8").tobytes(), digest_size=16).hexdigest()


class Gatherer:
    """Reads what items look like in one space."""

    def __init__(self, stores: Stores, collection: Collection, space: Space) -> None:
        self._stores, self._collection, self._space = stores, collection, space
        self._bits = space.card.form == "bits"
        self.spherical = self._bits or space.card.metric == "cosine"
        """Whether the rows are of length one."""
        self.width = min(space.card.dim, WIDEST_BITS) if self._bits else space.card.dim

    def ids(self) -> Iterator[list[str]]:
        """Of all ready items, oldest first, a page at a time."""
        for page in self._stores.catalog.pages(self._collection):
            yield [item.id for item in page]

    def blocks(self, item_ids: Sequence[str]) -> Iterator[tuple[NDArray[np.int64], Rows]]:
        """Places in ``item_ids`` of those that have vectors, and one row (dim,) for each: their segments' mean."""
        for start in range(0, len(item_ids), BLOCK):
            places, rows = self._block(item_ids[start : start + BLOCK])
            yield places + start, rows

    def _block(self, item_ids: Sequence[str]) -> tuple[NDArray[np.int64], Rows]:
        segments = self._stores.catalog.segments_of(self._collection, item_ids)
        owner_of: dict[int, int] = {}
        for place, item_id in enumerate(item_ids):
            owner_of.update(dict.fromkeys(self._some(segments.get(item_id, ())), place))
        ids, vectors = self._stores.vectors.fetch(self._space, np.array(list(owner_of), dtype=np.int64))
        if not len(ids):
            return np.empty(0, np.int64), np.empty((0, self.width), np.float32)
        places, owners = np.unique([owner_of[identifier] for identifier in ids.tolist()], return_inverse=True)
        rows = np.zeros((len(places), self.width), np.float32)
        np.add.at(rows, owners, self._unpacked(vectors))
        rows /= np.bincount(owners)[:, None].astype(np.float32)
        rows = np.nan_to_num(rows, posinf=0.0, neginf=0.0)
        return places.astype(np.int64), normalise(rows) if self.spherical else rows

    def _some(self, segments: Sequence[Segment]) -> list[int]:
        own = [segment.id for segment in segments if segment.kind == self._space.kind]
        if len(own) <= MOST_SEGMENTS:
            return own
        return [own[at] for at in np.linspace(0, len(own) - 1, MOST_SEGMENTS).astype(int)]

    def _unpacked(self, vectors: NDArray[Any]) -> Rows:
        """Each of length one where that is what the space compares; bits as 0 and 1, projected where they are many."""
        if not self._bits:
            return normalise(vectors) if self.spherical else vectors.astype(np.float32)
        bits = np.unpackbits(vectors, axis=1)[:, : self._space.card.dim].astype(np.float32)
        return normalise(bits if self._projection is None else normalise(bits) @ self._projection)

    @cached_property
    def _projection(self) -> Rows | None:
        dim = self._space.card.dim
        if dim <= WIDEST_BITS:
            return None
        signs = np.random.default_rng(SEED).integers(0, 2, (dim, WIDEST_BITS)) * 2 - 1
        projection: Rows = (signs / np.sqrt(WIDEST_BITS)).astype(np.float32)
        return projection
