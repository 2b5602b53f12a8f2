"""Items that are worked on anew: those that were pending, and those whose vectors are gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from time import monotonic
from typing import Final

import numpy as np

from morelike.doctor.steps import Steps
from morelike.errors import OriginalGone
from morelike.originals import original
from morelike.progress import AddReport
from morelike.types import Blob, Collection, Ids, Item, Rejection
from morelike.wiring import Stores

__all__ = ["Requeue", "make_again", "redo"]

PAGE: Final = 1000
FIRST: Final = 32
"""So many are made again at first; then as many as take ``SOON`` seconds, as what is begun is finished."""
SOON: Final = 3.0

Requeue = Callable[[Collection, Iterator[Blob]], AddReport]
"""Adds blobs to a collection again; the facade gives it, for it knows the encoders."""


def redo(stores: Stores, collection: Collection, number: int, requeue: Requeue, steps: Steps) -> None:
    """Work on so many pending items anew, a page at a time: those that stay pending are passed over. Raises Stopped;
    what was not reached is pending, as before.
    """
    passed = 0
    while number > 0 and (page := stores.catalog.items(collection, state="pending", offset=passed, limit=PAGE)):
        steps.go_on()
        number -= len(page)
        _work_on(stores, collection, page, requeue, steps)
        steps.go_on()
        states = stores.catalog.known(collection, [item.id for item in page])
        passed += sum(state == "pending" for state in states.values())


def make_again(stores: Stores, collection: Collection, missing: Ids, requeue: Requeue, steps: Steps) -> None:
    """Turn the items of these segments pending and work on them, a few at a time: those that were not reached when it
    is stopped are ready, as before. ``missing``: ascending. Raises Stopped.
    """
    waiting = np.ones(len(missing), dtype=np.bool_)
    start, size = 0, FIRST
    while start < len(missing):
        steps.go_on()
        page = missing[start : start + size][waiting[start : start + size]]
        start += size
        if len(page):
            began = monotonic()
            names = _turn_pending(stores, collection, page)
            segments = stores.catalog.segments_of(collection, names).values()
            own = np.array([segment.id for some in segments for segment in some], dtype=np.int64)
            at = np.minimum(np.searchsorted(missing, own), len(missing) - 1)
            waiting[at[missing[at] == own]] = False
            there = stores.catalog.get_items(collection, names).values()
            _work_on(stores, collection, [item for item in there if item.state == "pending"], requeue)
            size = max(1, min(2 * size, PAGE, int(size * SOON / max(monotonic() - began, 1e-3))))


def _turn_pending(stores: Stores, collection: Collection, segment_ids: Ids) -> list[str]:
    """The items of the segments, as far as they are still there."""
    with stores.lock.hold("doctor"):
        segments = stores.catalog.segments(collection, segment_ids).values()
        names = sorted({segment.item_id for segment in segments})
        stores.catalog.requeue(collection, names)
    return names


def _work_on(
    stores: Stores, collection: Collection, items: Sequence[Item], requeue: Requeue, steps: Steps | None = None
) -> None:
    """With ``steps`` no further one is begun once it is stopped."""
    lost: list[Rejection] = []

    def blobs() -> Iterator[Blob]:
        for item in items if steps is None else steps.until_stopped(items):
            uri = item.sources[0].uri if item.sources else item.id
            try:
                blob = original(stores, item)
                yield blob if item.in_place else replace(blob, path=None)  # kept stays kept
            except OriginalGone as error:
                lost.append(Rejection(uri, item.id, "source", str(error)))

    requeue(collection, blobs())
    if lost:
        with stores.lock.hold("doctor"):
            stores.catalog.reject(collection, lost)
