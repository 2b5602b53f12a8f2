"""Segments without vectors, vectors without segments, and spaces that nobody knows."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np

from morelike.deletion import kind_in, store_of
from morelike.doctor.report import DoctorReport, Finding, counted
from morelike.doctor.steps import Steps
from morelike.errors import SpaceMismatch
from morelike.protocols import SketchStore, VectorStore
from morelike.types import Collection, Ids, Space
from morelike.wiring import Stores

__all__ = ["Drift", "hold_spaces", "hold_vectors"]

PAGE = 1000
DELETED_AT_ONCE = 50_000
NONE: Ids = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a collection and its spaces were apart: items that lack vectors, vectors of no item."""

    lacking: int
    orphans: int
    missing: Ids
    """The segments whose vectors are gone, ascending."""
    told: Finding | None
    """What the report says of them."""

    @property
    def any(self) -> bool:
        return bool(self.lacking or self.orphans)


def hold_vectors(stores: Stores, collection: Collection, report: DoctorReport, steps: Steps, *, fix: bool) -> Drift:
    """One collection's segments against what its spaces hold. What is missing is told, not mended. Raises Stopped."""
    lacking = _Distinct()
    missing = [NONE]
    orphans = 0
    for space in stores.catalog.spaces(collection):
        stored = _stored(stores, space, steps)
        if len(stored) and space.has_vectors and _of_another_card(stores, space, stored):
            if fix:
                with stores.lock.hold("doctor"):
                    stores.vectors.drop(space.id)
            what = counted(len(stored), "vector of another encoder lies", "vectors of another encoder lie")
            report.add(
                "other-card", f"{collection.name}: {what} in the space of {space.card.name}", len(stored), fixed=fix
            )
            orphans += len(stored)
            stored = NONE
        orphans += _sweep(stores, collection, space, stored, report=report, steps=steps, fix=fix)
        if space.active:
            ready = stores.catalog.segment_ids(collection, kind_in(space))
            missing.append(np.setdiff1d(ready, stored, assume_unique=True))
            _note_items(stores, collection, missing[-1], lacking, steps)
    number = lacking.count()
    sentence = f"{collection.name}: {counted(number, 'item lacks', 'items lack')} vectors"
    told = report.add("missing-vectors", sentence, number)
    return Drift(number, orphans, np.unique(np.concatenate(missing)), told)


def hold_spaces(stores: Stores, report: DoctorReport, steps: Steps, *, fix: bool) -> None:
    """Spaces that hold something and belong to no collection. Raises Stopped."""
    stored: tuple[tuple[str, VectorStore | SketchStore], ...]
    stored = ("vectors", stores.vectors), ("sketches", stores.sketches)
    known = {space.id for space in stores.catalog.spaces()}
    for what, store in stored:
        for identifier in steps.each(list(store.space_ids())):
            if identifier not in known:
                if fix:
                    with stores.lock.hold("doctor"):
                        store.drop(identifier)
                sentence = f"{what} of a space {identifier} that no collection has"
                report.add("orphan-space", sentence, 1, fixed=fix)


def _sweep(
    stores: Stores, collection: Collection, space: Space, stored: Ids, *, report: DoctorReport, steps: Steps, fix: bool
) -> int:
    known = stores.catalog.known_segment_ids(collection, kind_in(space))
    orphans = np.setdiff1d(stored, known, assume_unique=True)
    one, many = {"sketch": ("sketch", "sketches"), "terms": ("text", "texts")}.get(
        space.card.form, ("vector", "vectors")
    )
    sentence = f"{collection.name}: {counted(len(orphans), f'{one} belongs', f'{many} belong')} to no item"
    told = report.add("orphan-vectors", sentence, len(orphans))
    if fix and len(orphans):
        store = store_of(stores, space)
        with stores.lock.hold("doctor"):  # still: what another writer has just written would look the same
            if len(orphans) == len(stored):
                store.drop(space.id)  # with whatever the store noted of the space: it may be another one's of that id
            else:
                for start in steps.each(range(0, len(orphans), DELETED_AT_ONCE)):
                    store.delete(space, orphans[start : start + DELETED_AT_ONCE])
        report.mended(told)
    return len(orphans)


def _of_another_card(stores: Stores, space: Space, stored: Ids) -> bool:
    """Whether a space of this id was another one's: a catalog that came from a backup gives ids a second time."""
    try:
        stores.vectors.fetch(space, stored[:1])
    except SpaceMismatch:
        return True
    return False


def _stored(stores: Stores, space: Space, steps: Steps) -> Ids:
    """Ascending."""
    return np.concatenate([NONE, *steps.each(store_of(stores, space).ids(space))])


def _note_items(stores: Stores, collection: Collection, missing: Ids, lacking: _Distinct, steps: Steps) -> None:
    for start in steps.each(range(0, len(missing), PAGE)):
        found = stores.catalog.segments(collection, missing[start : start + PAGE])
        lacking.add({segment.item_id for segment in found.values()})


class _Distinct:
    """How many different names there were, in eight bytes a mention."""

    def __init__(self) -> None:
        self._hashes = array("q")

    def add(self, names: set[str]) -> None:
        self._hashes.extend(hash(name) for name in names)

    def count(self) -> int:
        return len(np.unique(np.frombuffer(self._hashes, dtype=np.int64))) if self._hashes else 0
