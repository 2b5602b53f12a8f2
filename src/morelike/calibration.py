"""What scores mean in a space: how alike two of its items usually are, and an item and its nearest neighbour.

``percentile`` places a score among those of random pairs. ``nothing_similar`` is a conformal test of novelty (Vovk,
Gammerman & Shafer 2005; Laxhammar & Falkman 2010) whose measure of strangeness is the distance to the nearest
neighbour (Ramaswamy, Rastogi & Shim 2000): if the example were one more item of the collection, it would be at most
``RARE`` likely that it lies further from its nearest neighbour than the sampled items lie from theirs.

Both are measured on a seeded sample of at most ``SAMPLE`` segments, exactly where the space has no more. In a larger
space an item's nearest neighbour in the sample is further away than its true one: the test says "nothing" too seldom
rather than too often.
"""

from __future__ import annotations

import logging
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from threading import Lock
from time import monotonic
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from morelike.errors import MorelikeError
from morelike.records import Calibration
from morelike.types import Collection, Ids, Kind, Query, Space
from morelike.vecmath import similarity
from morelike.wiring import Stores

__all__ = [
    "FEWEST",
    "LEVELS",
    "Scale",
    "calibrate",
    "calibration_of",
    "due",
    "keep_calibrated",
    "measure",
    "nothing_similar",
    "percentile",
]

_log = logging.getLogger(__name__)

FEWEST = 20
"""Of fewer items nothing can be said."""
SAMPLE = 4096
QUERIES = 512
"""How many of the sampled segments look for their nearest neighbour, and are paired with all others."""
CHANGED = 0.25
"""A space is measured anew once it has so many more or fewer items than it had."""
RARE = 0.02
"""How often an item of the collection itself may look like a stranger; benchmarks/novelty.py measures it."""
READ_AGAIN = 1.0
"""Seconds after which a search looks whether another process has calibrated."""

LEVELS = tuple(float(level) for level in np.unique([*np.linspace(0, 1, 101), *(1 - np.logspace(-2, -5, 61))]))
"""The shares whose quantiles ``Calibration.background`` holds: each hundredth, and finer up to 99.999 %."""


def percentile(calibration: Calibration, score: float) -> float:
    """0 to 100: the share of random pairs that score lower; between two quantiles, in proportion."""
    quantiles = calibration.background
    above = bisect_left(quantiles, score)
    if above == 0:
        return 0.0
    if above == len(quantiles):
        return 100.0
    low, high = quantiles[above - 1], quantiles[above]
    share = (score - low) / (high - low)
    return 100.0 * (LEVELS[above - 1] + share * (LEVELS[above] - LEVELS[above - 1]))


def nothing_similar(calibration: Calibration, best: float) -> bool:
    """Whether the best score of an answer is no closer than chance would have it.

    So it is where fewer than ``RARE`` of the items lie as far from their nearest neighbour, or where it is below the
    median of random pairs. With few items (less than 1 / ``RARE``) only the latter can be told.
    """
    closer_than = bisect_right(calibration.nearest, best)
    stranger = (closer_than + 1) / (len(calibration.nearest) + 1) <= RARE
    return stranger or best < calibration.background[LEVELS.index(0.5)]


def due(known: Calibration | None, items: int) -> bool:
    """Whether a space of so many items should be measured (again)."""
    if items < FEWEST:
        return False
    if known is None or len(known.background) != len(LEVELS):
        return True
    return abs(items - known.items) >= CHANGED * known.items


def calibrate(
    stores: Stores, collection: Collection, spaces: Iterable[Space] | None = None, *, always: bool = False
) -> int:
    """Measure the spaces (the active ones) that have changed much, or ``always``; how many were measured.

    Reads without the write lock and takes it for the one row a space. Raises StoreError.
    """
    measured = 0
    items = stores.catalog.count(collection)
    if spaces is None:
        spaces = [space for space in stores.catalog.spaces(collection) if space.active]
    for space in spaces:
        if space.has_vectors and not space.is_screen:
            known = stores.catalog.calibration(space)
            if due(None if always else known, items):
                found = measure(stores, collection, space, items)
                if found is not None:
                    with stores.lock.hold(f"calibrate {collection.name}"):
                        stores.catalog.calibrate(space, found)
                    _remembered(stores, space, found)
                    measured += 1
    return measured


def measure(stores: Stores, collection: Collection, space: Space, items: int, *, seed: int = 0) -> Calibration | None:
    """What scores mean in a space now; None where fewer than ``FEWEST`` items have a vector.

    Memory: the sample's vectors, and ``QUERIES`` × ``SAMPLE`` scores.
    """
    ids = stores.catalog.segment_ids(collection, space.kind)
    draw = np.random.default_rng(seed)
    if len(ids) > SAMPLE:
        ids = draw.choice(ids, SAMPLE, replace=False)
    ids, vectors = stores.vectors.fetch(space, ids)
    owners = _owners(stores, collection, ids)
    known = owners >= 0  # an item may have gone a moment ago
    vectors, owners = vectors[known], owners[known]
    if len(np.unique(owners)) < FEWEST:
        return None
    order = draw.permutation(len(owners))
    asked = order[:QUERIES]
    scores = similarity(space.card.metric, vectors[asked], vectors)
    other = owners[asked][:, None] != owners[None, :]
    nearest = np.sort(np.where(other, scores, -np.inf).max(axis=1))
    background = np.maximum.accumulate(np.quantile(scores[other], LEVELS))
    return Calibration(items, tuple(background.tolist()), tuple(nearest.tolist()))


def _owners(stores: Stores, collection: Collection, ids: Ids) -> NDArray[np.int64]:
    """(n,) a number for each segment's item; -1 for a segment that is in no ready item any more."""
    segments = stores.catalog.segments(collection, ids)
    numbers: dict[str, int] = {}
    found = (segments.get(identifier) for identifier in ids.tolist())
    rows = [-1 if segment is None else numbers.setdefault(segment.item_id, len(numbers)) for segment in found]
    return np.array(rows, dtype=np.int64)


class Scale:
    """What the scores of one answer mean, as far as that was measured.

    It was measured between items. So it says nothing of words, whose vectors lie elsewhere than those of what they
    name; nor of sums from which something was taken away; nor of scores that are not the space's own: those of fused
    ranks, of keywords, of a rescorer.
    """

    def __init__(self, stores: Stores, spaces: Iterable[Space], query: Query) -> None:
        self._one_example = len(query.examples) == 1
        self._by_kind: dict[Kind, tuple[str, Calibration]] = {}
        if any(example.form == "text" or example.weight < 0 for example in query.examples):
            return
        for space in spaces:
            if space.has_vectors and (known := calibration_of(stores, space)) is not None:
                self._by_kind[space.kind] = _UNITS.get(space.card.metric, space.card.metric), known

    def percentile(self, kind: Kind, unit: Mapping[str, float], score: float) -> float | None:
        """``percentile`` of a hit of that kind of payload; None where it is not known."""
        known = self._of(kind, unit)
        return None if known is None else percentile(known, score)

    def nothing_similar(self, kind: Kind, unit: Mapping[str, float], best: float) -> bool:
        """``nothing_similar`` of the best hit. A sum of several examples is like no item, and is not judged."""
        known = self._of(kind, unit)
        return known is not None and self._one_example and nothing_similar(known, best)

    def _of(self, kind: Kind, unit: Mapping[str, float]) -> Calibration | None:
        name, known = self._by_kind.get(kind, ("", None))
        return known if tuple(unit) == (name,) else None


_UNITS = {"l2": "squared_l2"}
_known: WeakKeyDictionary[object, dict[int, tuple[float, Calibration | None]]] = WeakKeyDictionary()
"""By catalog and space: when it was read, and what. Each search asks, and a statement for each would be too much."""
_lock = Lock()


def calibration_of(stores: Stores, space: Space) -> Calibration | None:
    """What is known of a space, as this process calibrated it or any did up to ``READ_AGAIN`` seconds ago."""
    with _lock:
        kept = _known.setdefault(stores.catalog, {}).get(space.id)
    if kept is not None and monotonic() - kept[0] < READ_AGAIN:
        return kept[1]
    found = stores.catalog.calibration(space)
    if found is not None and (len(found.background) != len(LEVELS) or not found.nearest):
        found = None  # of another version's making
    _remembered(stores, space, found)
    return found


def _remembered(stores: Stores, space: Space, calibration: Calibration | None) -> None:
    with _lock:
        _known.setdefault(stores.catalog, {})[space.id] = monotonic(), calibration


def keep_calibrated(stores: Stores, collection: Collection, spaces: Iterable[Space] | None = None) -> None:
    """``calibrate`` after other work, which is done whether or not this succeeds."""
    try:
        calibrate(stores, collection, spaces)
    except MorelikeError as error:
        _log.warning("%s was not calibrated: %s", collection.name, error)
