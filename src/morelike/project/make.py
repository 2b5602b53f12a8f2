"""A map of a collection: some items are laid out, the others are put among those that they are most like."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Final

import numpy as np
from numpy.typing import NDArray

from morelike.errors import QueryError
from morelike.progress import Meter, Progress
from morelike.project.found import Cluster, Map
from morelike.project.gather import Gatherer, segments_digest
from morelike.project.layout import ROUNDS, layout
from morelike.project.naming import labels_of, names
from morelike.project.neighbours import SEED, Searcher, grouped
from morelike.types import Collection, Space
from morelike.wiring import Stores

__all__ = ["LANDMARKS", "MOST_CLUSTERS", "MOST_ITEMS", "make_map"]

Rows = NDArray[np.float32]

LANDMARKS: Final = 20_000
"""Of more items so many, drawn by chance, are laid out; fewer where vectors are long, see ``LANDMARK_BYTES``."""
LANDMARK_BYTES: Final = 128 * 2**20
MOST_ITEMS: Final = 1_000_000
AMONG: Final = 5
"""An item that is not laid out stands at the median of so many that it is most like."""
SAME: Final = 1e-6
"""Squared distance below which two rows are one."""
MOST_CLUSTERS: Final = 32
NAMED_BY: Final = 1024
READ, LAID_OUT = 0.1, 0.9
"""Shares of the work after which a phase ends, as progress tells it."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The items that were laid out: rows, points, and the centres of clusters."""

    searcher: Searcher
    points: Rows
    centres: Searcher


def make_map(
    stores: Stores,
    collection: Collection,
    space: Space,
    *,
    progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
) -> Map:
    """Lay out a space's items. The same items in the same order give the same map on the same machine.

    Memory: at most ``LANDMARKS`` vectors, and an id and a point for each item. Raises QueryError where there are more
    than ``MOST_ITEMS``, StoreError.
    """
    work = _Work(stores, collection, space, progress, stop or Event())
    return work.run() or work.finished((), [], np.empty((0, 2), np.float32), interrupted=True)


class _Work:
    """One run."""

    def __init__(
        self,
        stores: Stores,
        collection: Collection,
        space: Space,
        progress: Callable[[Progress], None] | None,
        stop: Event,
    ) -> None:
        self._stores, self._collection, self._space, self._stop = stores, collection, space, stop
        self._gatherer = Gatherer(stores, collection, space)
        self._meter = Meter(progress)
        # before the first look: what changes later is stale
        self._revision = stores.catalog.revision(collection)
        self._segments = segments_digest(stores, collection, space)
        self._draw = np.random.default_rng(SEED)

    def run(self) -> Map | None:
        """None where it was stopped."""
        ids = self._ids()
        if ids is None:
            return None
        self._meter.total = len(ids)
        chosen = self._chosen(len(ids))
        rows = self._rows([ids[at] for at in chosen.tolist()])
        if rows is None:
            return None
        if not len(rows):
            return self.finished((), [], np.empty((0, 2), np.float32))
        drawn = self._drawn(rows)
        found = None if drawn is None else self._placed(ids, drawn)
        self._meter.tick("", force=True)
        return found

    def _ids(self) -> list[str] | None:
        ids: list[str] = []
        for page in self._gatherer.ids():
            ids.extend(page)
            if self._stop.is_set():
                return None
            if len(ids) > MOST_ITEMS:
                raise QueryError(
                    f"{self._collection.name} has more than {MOST_ITEMS} items, and a map shows no more",
                    hint="make a collection of some of them",
                )
        return ids

    def _chosen(self, count: int) -> NDArray[np.int64]:
        most = min(LANDMARKS, max(1, LANDMARK_BYTES // (4 * self._gatherer.width)))
        if count <= most:
            return np.arange(count)
        return np.sort(self._draw.choice(count, most, replace=False))

    def _rows(self, ids: list[str]) -> Rows | None:
        """(n, dim) different rows of those of the items that have vectors."""
        found = [np.empty((0, self._gatherer.width), np.float32)]
        done = 0
        for _, rows in self._gatherer.blocks(ids):
            if self._stop.is_set():
                return None
            found.append(rows)
            done += len(rows)
            self._tell(READ * done / len(ids), "reading vectors")
        together = np.ascontiguousarray(np.concatenate(found))
        as_bytes = together.view(np.dtype((np.void, together.dtype.itemsize * together.shape[1])))
        _, first = np.unique(as_bytes.ravel(), return_index=True)
        return together[np.sort(first)]

    def _drawn(self, rows: Rows) -> _Drawn | None:
        def told(done: int) -> None:
            self._tell(READ + (LAID_OUT - READ) * done / ROUNDS, "drawing the map")

        points = layout(rows, stop=self._stop, told=told)
        if points is None:
            return None
        points = points / np.float32(max(float(np.abs(points).max()), 1e-12))
        clusters = max(1, min(MOST_CLUSTERS, round(len(rows) ** (1 / 3))))
        centres = grouped(rows, clusters, spherical=self._gatherer.spherical)
        return _Drawn(Searcher(rows), points, Searcher(centres))

    def _placed(self, ids: list[str], drawn: _Drawn) -> Map | None:
        """Every item among those that were laid out: these, and their equals, stand where they were laid."""
        items: list[str] = []
        points: list[Rows] = []
        clusters: list[NDArray[np.int64]] = []
        for places, rows in self._gatherer.blocks(ids):
            if self._stop.is_set():
                return None
            items.extend(ids[at] for at in places.tolist())
            if len(rows):
                far, near = drawn.searcher.nearest(rows, min(AMONG, len(drawn.points)))
                among = np.median(drawn.points[near], axis=1)
                points.append(np.where(far[:, :1] <= SAME, drawn.points[near[:, 0]], among))
                clusters.append(drawn.centres.nearest(rows, 1)[1][:, 0])
                done = int(places[-1]) + 1
                self._tell(LAID_OUT + (1 - LAID_OUT) * done / len(ids), "placing items")
        if not items:
            return self.finished((), [], np.empty((0, 2), np.float32))
        return self.finished(items, np.concatenate(clusters), np.concatenate(points))

    def _tell(self, share: float, doing: str) -> None:
        """As if so many of the items were through: that is what a person can wait for."""
        self._meter.done = int(share * (self._meter.total or 0))
        self._meter.tick(doing)

    def finished(
        self,
        items: list[str] | tuple[str, ...],
        clusters: NDArray[np.int64] | list[int],
        points: NDArray[np.floating],
        *,
        interrupted: bool = False,
    ) -> Map:
        """The largest cluster becomes number 0; empty ones go."""
        known, clusters, sizes = np.unique(np.asarray(clusters, np.int64), return_inverse=True, return_counts=True)
        order = np.argsort(-sizes, kind="stable")
        number = np.empty(len(known), np.int32)
        number[order] = np.arange(len(known))
        cluster_of = number[clusters]
        named = self._names(items, cluster_of)
        return Map(
            made_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            revision=self._revision,
            stale=False,
            kind=self._space.kind,
            encoder=self._space.card.id,
            clusters=tuple(Cluster(at, named.get(at, ""), int(sizes[old])) for at, old in enumerate(order)),
            items=tuple(items),
            points=points.astype(np.float32),
            cluster_of=cluster_of,
            segments=self._segments,
            interrupted=interrupted,
        )

    def _names(self, items: list[str] | tuple[str, ...], cluster_of: NDArray[np.int32]) -> dict[int, str]:
        """By the labels of a drawn share of the items: of each cluster ``NAMED_BY`` at the most."""
        labels: defaultdict[int, list[frozenset[str]]] = defaultdict(list)
        wanted = [np.flatnonzero(cluster_of == cluster) for cluster in range(int(cluster_of.max(initial=-1)) + 1)]
        for cluster, members in enumerate(wanted):
            some = members if len(members) <= NAMED_BY else self._draw.choice(members, NAMED_BY, replace=False)
            known = self._stores.catalog.get_items(self._collection, [items[at] for at in some.tolist()])
            labels[cluster] = [labels_of(item) for item in known.values()]
        return names(labels)
