"""Removing items: mark, vectors, rows, then blobs that nothing needs now. ``doctor`` finishes what a crash cut off."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np

from morelike.project import kept
from morelike.protocols import SketchStore, TermStore, VectorStore
from morelike.types import Collection, Kind, Segment, Space
from morelike.wiring import Stores

__all__ = ["delete_collection", "delete_items", "delete_segments", "kind_in", "store_of"]

GROUP = 500


def store_of(stores: Stores, space: Space) -> VectorStore | TermStore | SketchStore:
    """What keeps the space's segments: vectors, words or sketches."""
    if space.card.form == "terms":
        return stores.terms
    return stores.sketches if space.card.form == "sketch" else stores.vectors


def kind_in(space: Space) -> Kind:
    """The kind of the segments that the space holds."""
    return "text" if space.card.form == "terms" else space.kind


def delete_items(stores: Stores, collection: Collection, item_ids: Sequence[str]) -> int:
    """Remove items with all they have. Call it under the write lock. How many there were."""
    item_ids = list(dict.fromkeys(item_ids))
    for start in range(0, len(item_ids), GROUP):
        group = list(item_ids[start : start + GROUP])
        stores.catalog.mark_deleting(collection, group)
        segments = stores.catalog.segments_of(collection, group)
        delete_segments(stores, collection, chain.from_iterable(segments.values()))
        unneeded = stores.catalog.forget(collection, group)
        stores.blobs.delete(unneeded)
    return len(item_ids)


def delete_segments(stores: Stores, collection: Collection, segments: Iterable[Segment]) -> None:
    """Remove what every space of the collection holds of these segments. Call it under the write lock."""
    by_kind: defaultdict[Kind, list[int]] = defaultdict(list)
    for segment in segments:
        by_kind[segment.kind].append(segment.id)
    for space in stores.catalog.spaces(collection):
        if by_kind[kind_in(space)]:
            store_of(stores, space).delete(space, np.array(by_kind[kind_in(space)], dtype=np.int64))


def delete_collection(stores: Stores, collection: Collection) -> None:
    """Remove a collection with all it has. Call it under the write lock.

    The catalog first: a search that runs meanwhile then learns that the collection is gone, not that its vectors are.
    What a crash leaves in the other stores nothing leads to, and ``doctor`` finds it.
    """
    spaces = stores.catalog.spaces(collection)
    blobs = stores.catalog.drop_collection(collection)
    for space in spaces:
        store_of(stores, space).drop(space.id)
        kept.forget(stores, collection, space)
    stores.blobs.delete(blobs)
