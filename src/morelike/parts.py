"""What the encoders made of items, on its way into the stores, and the spaces for it. A long item comes in parts,
before it is ready.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from morelike.deletion import delete_segments, store_of
from morelike.types import Card, Collection, Ids, Kind, Space, segment_id
from morelike.wiring import Stores
from morelike.work import Part, Work

__all__ = ["add_spaces", "delete_parts", "lacks_parts", "upsert_parts"]

LOOKED_AT = 512
KEPT = frozenset({"ready", "duplicate"})


def add_spaces(
    stores: Stores, collection: Collection, cards: Mapping[Kind, Card], *, active: bool
) -> dict[Kind, Space]:
    """The spaces of these cards, by kind, made where they are not there. Call it under the write lock.

    A new one begins empty. Ids of spaces do not come twice, but a catalog that was restored from a backup gives those
    anew that were given since, and under them may lie what nobody knows any more.
    """
    before = {space.id for space in stores.catalog.spaces(collection)}
    made = {kind: stores.catalog.add_space(collection, kind, card, active=active) for kind, card in cards.items()}
    for space in made.values():
        if space.id not in before:
            store_of(stores, space).drop(space.id)
    return made


def upsert_parts(stores: Stores, parts: Sequence[Part], terms: Space | None = None) -> None:
    """Write what the parts have for each space, and their items' texts for ``terms``. Call it under the write lock."""
    rows: defaultdict[int, list[tuple[int, Any]]] = defaultdict(list)
    spaces = {space.id: space for part in parts for space in part.spaces.values()}
    for part in parts:
        for ordinal, vector in part.vectors.items():
            if (space := part.spaces.get(part.work.specs[ordinal].kind)) is not None:
                rows[space.id].append((segment_id(part.work.item_id, ordinal), vector))
    for space_id, pairs in rows.items():
        numbers, found = zip(*pairs, strict=True)
        ids = np.array(numbers, dtype=np.int64)
        if spaces[space_id].card.form == "sketch":
            stores.sketches.upsert(spaces[space_id], ids, found)
        else:
            stores.vectors.upsert(spaces[space_id], ids, np.stack(found))
    if terms is not None:
        texts = {segment_id(part.work.item_id, at): text for part in parts for at, text in part.work.texts.items()}
        if texts:
            stores.terms.upsert(terms, np.array(list(texts), dtype=np.int64), list(texts.values()))


def lacks_parts(stores: Stores, work: Work) -> bool:
    """Whether some of what was written of a long item is gone: ``doctor`` may have swept it, in another process."""
    if not work.parted:
        return False
    for kind, space in work.spaces.items():
        ordinals = [at for at, spec in enumerate(work.specs) if spec.kind == kind and at not in work.vectors]
        for start in range(0, len(ordinals), LOOKED_AT):
            numbers = [segment_id(work.item_id, at) for at in ordinals[start : start + LOOKED_AT]]
            if not _all_there(stores, space, np.array(numbers, dtype=np.int64)):
                return True
    return False


def _all_there(stores: Stores, space: Space, ids: Ids) -> bool:
    if space.card.form == "sketch":
        return all(sketch is not None for sketch in stores.sketches.fetch(space, ids))
    return len(stores.vectors.fetch(space, ids)[0]) == len(ids)


def delete_parts(stores: Stores, collection: Collection, work: Work) -> None:
    """Remove what was written of an item that came to nothing. Call it under the write lock."""
    known = stores.catalog.known(collection, [work.item_id])
    if work.parted and known.get(work.item_id) not in KEPT:  # another process may have brought it in
        delete_segments(stores, collection, work.segments)
