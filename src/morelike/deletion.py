"""Removing items: mark, vectors, rows, then blobs that nothing needs now. ``doctor`` finishes what a crash cut off."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from morelike.types import Collection
from morelike.wiring import Stores

__all__ = ["delete_collection", "delete_items"]

GROUP = 500


def delete_items(stores: Stores, collection: Collection, item_ids: Sequence[str]) -> int:
    """Remove items with all they have. Call it under the write lock. How many there were."""
    item_ids = list(dict.fromkeys(item_ids))
    for start in range(0, len(item_ids), GROUP):
        group = list(item_ids[start : start + GROUP])
        stores.catalog.mark_deleting(collection, group)
        by_kind: defaultdict[str, list[int]] = defaultdict(list)
        for segments in stores.catalog.segments_of(collection, group).values():
            for segment in segments:
                by_kind[segment.kind].append(segment.id)
        for space in stores.catalog.spaces(collection):
            if space.card.form == "terms":
                stores.terms.delete(space, np.array(by_kind["text"], dtype=np.int64))
            elif by_kind[space.kind]:
                stores.vectors.delete(space, np.array(by_kind[space.kind], dtype=np.int64))
        unneeded = stores.catalog.forget(collection, group)
        stores.blobs.delete(unneeded)
    return len(item_ids)


def delete_collection(stores: Stores, collection: Collection) -> None:
    """Remove a collection with all it has. Call it under the write lock."""
    for space in stores.catalog.spaces(collection):
        if space.card.form == "terms":
            stores.terms.drop(space.id)
        else:
            stores.vectors.drop(space.id)
    stores.blobs.delete(stores.catalog.drop_collection(collection))
