"""How well a collection finds its own kind: every labelled item is a query, left out of its own answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from threading import Event
from typing import Final

import numpy as np
from numpy.typing import NDArray

from morelike.errors import QueryError
from morelike.progress import Meter, Progress
from morelike.types import Collection, Item, Space
from morelike.vecmath import similarity
from morelike.wiring import Stores

__all__ = ["Evaluation", "evaluate", "folder", "labeller"]

BLOCK = 256
RESAMPLES = 1000
PAGE = 1000
_FOLDS = "meta:KEY, or a regular expression whose first group is the fold, as '^(\\d)' for the name's first digit"


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
    folds: int = 0
    """How many folds there are; an item's own fold is left out of its answer. 0: no folds were asked for."""
    interrupted: bool = False
    """It was stopped: nothing was measured, as those asked until then are no sample of all."""


STOPPED: Final = Evaluation(0.0, 0.0, 0.0, queries=0, items=0, labels=0, intervals={}, interrupted=True)


def labeller(labels: str) -> Callable[[Item], set[str]]:
    """``parent-folder``, ``tag``, ``meta:KEY``, ``info:KEY`` or ``name:REGEX``: what gives an item its labels.

    The expression is searched in the files' names: its first group is the label, the whole match where it has none.
    Raises QueryError.
    """
    kind, _, key = labels.partition(":")
    if labels == "parent-folder":
        return lambda item: {PurePath(source.uri.replace("!/", "/")).parent.name for source in item.sources} - {""}
    if labels == "tag":
        return lambda item: set(item.tags)
    if kind == "meta" and key:
        return lambda item: {str(source.metadata[key]) for source in item.sources if key in source.metadata}
    if kind == "info" and key:
        return lambda item: {str(item.info[key])} if key in item.info else set()
    if kind == "name" and key:
        found = _in_names(key, "name:REGEX, as 'name:^[a-z]+' for the name's first word")
        return lambda item: found(item) - {""}
    raise QueryError(
        f"there are no labels {labels!r}",
        hint=f"parent-folder, tag, meta:KEY, info:KEY or name:REGEX; perhaps meta:{labels}",
    )


def folder(folds: str) -> Callable[[Item], set[str]]:
    """What gives an item its folds: ``meta:KEY``, or a regular expression searched in its files' names.

    The expression's first group is the fold; the whole match where it has none. Raises QueryError.
    """
    kind, _, key = folds.partition(":")
    if kind == "meta" and key:
        return labeller(folds)
    return _in_names(folds, _FOLDS)


def _in_names(expression: str, hint: str) -> Callable[[Item], set[str]]:
    """What the expression finds in the names of an item's files. Raises QueryError."""
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise QueryError(f"{expression!r} is no regular expression: {error}", hint=hint) from error
    group = 1 if pattern.groups else 0

    def of(item: Item) -> set[str]:
        matches = (pattern.search(PurePath(source.name).name) for source in item.sources)
        return {match[group] or "" for match in matches if match}

    return of


def evaluate(
    stores: Stores,
    collection: Collection,
    space: Space,
    *,
    labels: str,
    folds: str | None = None,
    queries: int | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
) -> Evaluation:
    """Rank all items for each query by its best pair of segments, exactly. Raises QueryError without labelled items.

    ``folds``: items that share a fold with the query are left out of its answer, see ``folder``. ``queries``: a seeded
    sample of so many; None takes all. Memory: items × dim, and a block of 256 rankings.
    ``progress`` tells how many items with labels were ``seen`` while they are read, without a total; then how many
    queries are through. Setting ``stop`` ends it within a page of 1000 items or a block of queries.
    """
    meter, stopping = Meter(progress), stop or Event()
    label_of = labeller(labels)
    fold_of = folder(folds) if folds is not None else None
    items, owners, vectors = _load(stores, collection, space, label_of, meter=meter, stop=stopping)
    if stopping.is_set():
        return STOPPED
    label_sets = [label_of(item) for item in items]
    names = sorted(set().union(*label_sets)) if label_sets else []
    if len(label_sets) < 2 or not names:
        raise QueryError(f"{collection.name} has no items with labels ({labels})", hint="parent-folder, tag, meta:KEY")
    member = _membership(label_sets, names)
    fold = _folds(items, fold_of, str(folds)) if fold_of is not None else None
    asked = np.arange(len(label_sets))
    if queries is not None and queries < len(asked):
        asked = np.sort(np.random.default_rng(seed).choice(asked, queries, replace=False))
    meter.total = len(asked)
    measures = []
    for start in range(0, len(asked), BLOCK):
        meter.tick("", force=not start)
        if stopping.is_set():
            return STOPPED
        block = asked[start : start + BLOCK]
        scores = _scores(space, block, owners, vectors, len(label_sets))
        if fold is not None:
            scores[fold[block] @ fold.T > 0] = -np.inf
        measures.append(_measure(block, scores, member))
        meter.done += len(block)
    meter.tick("", force=True)
    table = np.concatenate(measures)
    if not len(table):
        raise QueryError(
            f"no two items of {collection.name} share a label ({labels})" + ("" if fold is None else " across folds"),
            hint="parent-folder, tag, meta:KEY",
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
        folds=0 if fold is None else fold.shape[1],
    )


def _membership(sets: Sequence[set[str]], names: Sequence[str]) -> NDArray[np.float32]:
    """(sets, names): 1 where the name is in the set."""
    member = np.zeros((len(sets), len(names)), dtype=np.float32)
    position = {name: at for at, name in enumerate(names)}
    for row, own in enumerate(sets):
        member[row, [position[name] for name in own]] = 1
    return member


def _folds(items: Sequence[Item], fold_of: Callable[[Item], set[str]], folds: str) -> NDArray[np.float32]:
    """(items, folds). Raises QueryError where an item has none, or all have the same."""
    sets = [fold_of(item) for item in items]
    without = [item for item, own in zip(items, sets, strict=True) if not own]
    if without:
        name = without[0].sources[0].name if without[0].sources else without[0].id
        raise QueryError(f"{len(without)} of {len(items)} items have no fold ({folds}): {name}", hint=_FOLDS)
    names = sorted(set().union(*sets))
    if len(names) < 2:
        raise QueryError(f"all items are of one fold ({folds}), {names[0]!r}: nothing is left to find", hint=_FOLDS)
    return _membership(sets, names)


def _load(
    stores: Stores,
    collection: Collection,
    space: Space,
    label_of: Callable[[Item], set[str]],
    *,
    meter: Meter,
    stop: Event,
) -> tuple[list[Item], NDArray[np.int64], NDArray[np.float32]]:
    """The items that have labels and segments, the item of each segment (n,), and the segments' vectors (n, dim); of
    those before it was stopped.
    """
    items: list[Item] = []
    owners: list[int] = []
    blocks: list[NDArray[np.float32]] = []
    for page in stores.catalog.pages(collection, size=PAGE):
        labelled = [item for item in page if label_of(item)]
        segments = stores.catalog.segments_of(collection, [item.id for item in labelled])
        ids, rows = [], []
        for item in labelled:
            own = [segment.id for segment in segments.get(item.id, []) if segment.kind == space.kind]
            if own:
                ids.extend(own)
                rows.extend([len(items)] * len(own))
                items.append(item)
        found, vectors = stores.vectors.fetch(space, np.array(ids, dtype=np.int64))
        row_of = dict(zip(ids, rows, strict=True))
        owners.extend(row_of[identifier] for identifier in found.tolist())
        blocks.append(vectors)
        meter.seen = len(items)
        meter.tick("")
        if stop.is_set():
            break
    width = (0, space.card.dim)
    return (
        items,
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
    """(queries with a partner, 3): precision at 1 and at 5, average precision; ties by item order.

    What scores -inf is left out of the answer.
    """
    rows = []
    relevant_all = (member[block] @ member.T) > 0
    for row, query in enumerate(block):
        order = np.argsort(-scores[row], kind="stable")
        order = order[(order != query) & (scores[row][order] > -np.inf)]
        relevant = relevant_all[row][order]
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
