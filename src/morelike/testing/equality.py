"""Whether two libraries hold the same: collection by collection, item by item, vector by vector, byte by byte.

Nothing is said of what is a library's own: its numbers, its revisions, when a collection was made there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import blake3
import numpy as np

from morelike.deletion import kind_in, store_of
from morelike.errors import StoreDamaged
from morelike.library import Library
from morelike.types import Collection, Item, Segment, Space
from morelike.wiring import Stores

__all__ = ["differences"]

_STEP = 500
_MOST = 100


def differences(one: Library, other: Library, collections: Sequence[str] = (), *, blobs: bool = True) -> list[str]:
    """A sentence for each difference, the first hundred; none where the two are equal. In bounded memory."""
    found: list[str] = []
    for difference in _differences(one._stores, other._stores, collections, blobs=blobs):
        found.append(difference)
        if len(found) == _MOST:
            break
    return found


def _differences(one: Stores, other: Stores, names: Sequence[str], *, blobs: bool) -> Iterator[str]:
    here = {found.name: found for found in one.catalog.collections()}
    there = {found.name: found for found in other.catalog.collections()}
    chosen = list(names) or sorted(here.keys() | there.keys())
    for name in chosen:
        if name not in here or name not in there:
            yield f"{name} is only in the {'second' if name not in here else 'first'}"
            continue
        for difference in _of_collection((one, here[name]), (other, there[name]), blobs=blobs):
            yield f"{name}: {difference}"


Side = tuple[Stores, Collection]


def _of_collection(one: Side, other: Side, *, blobs: bool) -> Iterator[str]:
    (stores, found), (others, counterpart) = one, other
    if (found.modality, found.options) != (counterpart.modality, counterpart.options):
        yield f"{found.modality} {found.options} against {counterpart.modality} {counterpart.options}"
    spaces, theirs = _spaces(one), _spaces(other)
    if {key: space.active for key, space in spaces.items()} != {key: space.active for key, space in theirs.items()}:
        yield f"the spaces are {sorted(spaces)} against {sorted(theirs)}"
        return
    for key, space in spaces.items():
        if space.card != theirs[key].card:
            yield f"the card {space.card.id} is another one"
        if (a := store_of(stores, space).count(space)) != (b := store_of(others, theirs[key]).count(theirs[key])):
            yield f"{a} against {b} in {space.card.id}"
        if stores.catalog.calibration(space) != others.catalog.calibration(theirs[key]):
            yield f"{space.card.id} is calibrated otherwise"
    yield from _of_lists(one, other)
    pairs = [(space, theirs[key]) for key, space in spaces.items()]
    nothing: list[Item] = []
    mine = stores.catalog.pages(found, state=None, size=_STEP)
    others_own = others.catalog.pages(counterpart, state=None, size=_STEP)
    for page, counterparts in zip_longest(mine, others_own, fillvalue=nothing):
        yield from _of_page(one, other, page, counterparts, pairs, blobs=blobs)
        if not page or not counterparts:
            return


def _of_lists(one: Side, other: Side) -> Iterator[str]:
    (stores, found), (others, counterpart) = one, other
    for what, mine, theirs in (
        ("the ledger is", _ledger(stores, found), _ledger(others, counterpart)),
        ("what is set aside is", _asides(stores, found), _asides(others, counterpart)),
        ("the pairs that are no duplicates are", stores.catalog.distinct(found), others.catalog.distinct(counterpart)),
    ):
        if mine != theirs:
            yield f"{what} another: {len(mine)} against {len(theirs)}"


def _of_page(
    one: Side,
    other: Side,
    page: list[Item],
    counterparts: list[Item],
    spaces: list[tuple[Space, Space]],
    *,
    blobs: bool,
) -> Iterator[str]:
    (stores, found), (others, counterpart) = one, other
    if [item.id for item in page] != [item.id for item in counterparts]:
        yield f"{len(page)} items against {len(counterparts)}, or in another order"
        return
    segments = stores.catalog.segments_of(found, [item.id for item in page])
    theirs = others.catalog.segments_of(counterpart, [item.id for item in page])
    for item, same in zip(page, counterparts, strict=True):
        if item != same:
            named = [name for name in Item.__slots__ if getattr(item, name) != getattr(same, name)]
            yield f"{item.id[:12]} differs in {', '.join(named)}"
        if segments.get(item.id) != theirs.get(item.id):
            yield f"{item.id[:12]} is cut otherwise"
        if blobs and not item.in_place and _bytes(stores, item) != _bytes(others, same):
            yield f"{item.id[:12]} has other bytes"
    own = [segment for item in page for segment in segments.get(item.id, ())]
    for space, counter in spaces:
        if _values(stores, space, own) != _values(others, counter, own):
            yield f"other vectors in {space.card.id}, of the items from {page[0].id[:12]} on"


def _spaces(side: Side) -> dict[tuple[str, str], Space]:
    stores, found = side
    return {(space.kind, space.card.id): space for space in stores.catalog.spaces(found)}


def _ledger(stores: Stores, found: Collection) -> list[Any]:
    return stores.catalog.ledger(found, limit=1_000_000)


def _asides(stores: Stores, found: Collection) -> list[Any]:
    return sorted((replace(one) for one in stores.catalog.asides(found)), key=lambda one: one.item_id)


def _bytes(stores: Stores, item: Item) -> str:
    try:
        hasher = blake3.blake3()
        with stores.blobs.open(item.digest.blake3) as stream:
            while data := stream.read(1 << 20):
                hasher.update(data)
    except StoreDamaged:
        return "gone"
    return hasher.hexdigest()


def _values(stores: Stores, space: Space, segments: Sequence[Segment]) -> dict[int, bytes]:
    """To the bit."""
    ids = np.array([segment.id for segment in segments if segment.kind == kind_in(space)], dtype=np.int64)
    if not len(ids):
        return {}
    if space.has_vectors:
        there, vectors = stores.vectors.fetch(space, ids)
        return {identifier: vector.tobytes() for identifier, vector in zip(there.tolist(), vectors, strict=True)}
    if space.card.form == "sketch":
        found = zip(ids.tolist(), stores.sketches.fetch(space, ids), strict=True)
        return {i: one.hashes.tobytes() + one.at.tobytes() for i, one in found if one is not None}
    texts = zip(ids.tolist(), stores.terms.fetch(space, ids), strict=True)
    return {identifier: text.encode() for identifier, text in texts if text is not None}
