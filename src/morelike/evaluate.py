"""How well a collection finds its own kind: every labelled item is a query, left out of its own answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from morelike.errors import QueryError
from morelike.types import Collection, Item, Space
from morelike.vecmath import similarity
from morelike.wiring import Stores

__all__ = ["Evaluation", "evaluate", "labeller"]

BLOCK = 256
RESAMPLES = 1000
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Means over the queries. ``intervals``: 95 % bootstrap intervals over queries, by measure.

    ``p_at_1`` and ``p_at_5``: the share of the first 1 and 5 answers that share a label with the query. ``map``: mean
    average precision over the whole ranking. Items whose label nobody shares are answers but no queries.
    """

    p_at_1: float
    p_at_5: float
    map: float
    queries: int
    items: int
    labels: int
    intervals: Mapping[str, tuple[float, float]]


def labeller(labels: str) -> Callable[[Item], set[str]]:
    """``parent-folder``, ``tag``, ``meta:KEY`` or ``info:KEY``: what gives an item its labels. Raises QueryError."""
    kind, _, key = labels.partition(":")
    if labels == "parent-folder":
        return lambda item: {PurePath(source.uri.replace("!/", "/")).parent.name for source in item.sources} - {""}
    if labels == "tag":
        return lambda item: set(item.tags)
    if kind == "meta" and key:
        return lambda item: {str(source.metadata[key]) for source in item.sources if key in source.metadata}
    if kind == "info" and key:
        return lambda item: {str(item.info[key])} if key in item.info else set()
    raise QueryError(
        f"there are no labels {labels!r}", hint=f"parent-folder, tag, meta:KEY or info:KEY; perhaps meta:{labels}"
    )


def evaluate(
    stores: Stores, collection: Collection, space: Space, *, labels: str, queries: int | None = None, seed: int = 0
) -> Evaluation:
    """Rank all items for each query by its best pair of segments, exactly. Raises QueryError without labelled items.

    ``queries``: a seeded sample of so many; None takes all. Memory: items × dim, and a block of 256 rankings.
    """
    label_of = labeller(labels)
    label_sets, owners, vectors = _load(stores, collection, space, label_of)
    names = sorted(set().union(*label_sets)) if label_sets else []
    if len(label_sets) < 2 or not names:
        raise QueryError(f"{collection.name} has no items with labels ({labels})", hint="parent-folder, tag, meta:KEY")
    member = np.zeros((len(label_sets), len(names)), dtype=np.float32)
    position = {name: at for at, name in enumerate(names)}
    for row, own in enumerate(label_sets):
        member[row, [position[name] for name in own]] = 1
    asked = np.arange(len(label_sets))
    if queries is not None and queries < len(asked):
        asked = np.sort(np.random.default_rng(seed).choice(asked, queries, replace=False))
    measures = []
    for start in range(0, len(asked), BLOCK):
        block = asked[start : start + BLOCK]
        measures.append(_measure(block, _scores(space, block, owners, vectors, len(label_sets)), member))
    table = np.concatenate(measures)
    if not len(table):
        raise QueryError(
            f"no two items of {collection.name} share a label ({labels})", hint="parent-folder, tag, meta:KEY"
        )
    means = table.mean(axis=0)
    return Evaluation(
        p_at_1=float(means[0]),
        p_at_5=float(means[1]),
        map=float(means[2]),
        queries=len(table),
        items=len(label_sets),
        labels=len(names),
        intervals=_intervals(table, seed),
    )


def _load(
    stores: Stores, collection: Collection, space: Space, label_of: Callable[[Item], set[str]]
) -> tuple[list[set[str]], NDArray[np.int64], NDArray[np.float32]]:
    """Label sets (items), the item of each segment (n,), and the segments' vectors (n, dim)."""
    label_sets: list[set[str]] = []
    owners: list[int] = []
    blocks: list[NDArray[np.float32]] = []
    offset = 0
    while page := stores.catalog.items(collection, offset=offset, limit=PAGE):
        offset += len(page)
        labelled = [item for item in page if label_of(item)]
        segments = stores.catalog.segments_of(collection, [item.id for item in labelled])
        ids, rows = [], []
        for item in labelled:
            own = [segment.id for segment in segments.get(item.id, []) if segment.kind == space.kind]
            if own:
                ids.extend(own)
                rows.extend([len(label_sets)] * len(own))
                label_sets.append(label_of(item))
        found, vectors = stores.vectors.fetch(space, np.array(ids, dtype=np.int64))
        row_of = dict(zip(ids, rows, strict=True))
        owners.extend(row_of[identifier] for identifier in found.tolist())
        blocks.append(vectors)
    width = (0, space.card.dim)
    return (
        label_sets,
        np.array(owners, dtype=np.int64),
        np.concatenate(blocks) if blocks else np.empty(width, np.float32),
    )


def _scores(
    space: Space, block: NDArray[np.int64], owners: NDArray[np.int64], vectors: NDArray[np.float32], items: int
) -> NDArray[np.float32]:
    """(queries, items): the best pair of segments; the query itself is -inf."""
    rows = np.flatnonzero(np.isin(owners, block))
    rows = rows[np.argsort(owners[rows], kind="stable")]
    order = np.argsort(owners, kind="stable")
    starts = np.searchsorted(owners[order], np.arange(items))
    pairs = similarity(space.card.metric, vectors[rows], vectors[order])
    best = np.maximum.reduceat(pairs, starts, axis=1)  # every item has a segment, or it would not be here
    scores: NDArray[np.float32] = np.maximum.reduceat(best, np.searchsorted(owners[rows], block), axis=0)
    scores[np.arange(len(block)), block] = -np.inf
    return scores


def _measure(block: NDArray[np.int64], scores: NDArray[np.float32], member: NDArray[np.float32]) -> NDArray[np.float64]:
    """(queries with a partner, 3): precision at 1 and at 5, average precision; ties by item order."""
    rows = []
    relevant_all = (member[block] @ member.T) > 0
    for row, query in enumerate(block):
        order = np.argsort(-scores[row], kind="stable")
        relevant = relevant_all[row][order[order != query]]
        total = int(relevant.sum())
        if not total:
            continue
        hits = np.flatnonzero(relevant)
        precision = np.arange(1, total + 1) / (hits + 1)
        rows.append((float(relevant[0]), float(relevant[:5].mean()), float(precision.mean())))
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _intervals(table: NDArray[np.float64], seed: int) -> dict[str, tuple[float, float]]:
    generator = np.random.default_rng(seed)
    means = np.stack([table[generator.integers(0, len(table), len(table))].mean(axis=0) for _ in range(RESAMPLES)])
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    names: Sequence[str] = ("p_at_1", "p_at_5", "map")
    return {name: (float(low[at]), float(high[at])) for at, name in enumerate(names)}
