"""A query over many partitions, simulated: every one is asked, the slowest decides, the answers are merged.

How long one partition takes is drawn from measured quantiles; the network and the number of machines are given. Draws
of different partitions are independent, as on machines of their own. Times are in seconds.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.stores.vectors.flat import merged
from morelike.types import Ids, Scores, Space, Vectors

__all__ = ["Answered", "Latency", "Paths", "answered", "fan_out", "most_queries", "partitioned", "served"]

_STEPS = 8
"""How often the interval is halved in which the greatest number lies."""
_TAIL = 0.99
"""The quantile that is promised."""


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution by its quantiles at even steps from 0 to 1, all of them multiplied by ``times``."""

    quantiles: tuple[float, ...]
    times: float = 1.0

    def draw(self, random: np.random.Generator, shape: int | tuple[int, ...]) -> NDArray[np.float64]:
        steps = np.linspace(0, 1, len(self.quantiles))
        return self.times * np.interp(random.random(shape), steps, self.quantiles)

    @property
    def mean(self) -> float:
        middle = (np.array(self.quantiles[1:]) + np.array(self.quantiles[:-1])) / 2
        return self.times * float(middle.mean())

    def with_mean(self, mean: float) -> Latency:
        """The same shape with another mean."""
        return Latency(self.quantiles, self.times * mean / self.mean)


@dataclass(frozen=True, slots=True)
class Paths:
    """What a query passes: ``shards`` of the rows, each on ``replicas`` machines of ``servers`` searches at a time.

    ``network``: a message to a partition and back. ``merge``: of all answers, for each query.
    """

    latency: Latency
    shards: int
    replicas: int = 1
    servers: int = 1
    network: float = 0.0
    merge: float = 0.0


@dataclass(frozen=True, slots=True)
class Answered:
    """Seconds from a query's arrival to its answer, and the share of the time for which a server is at work."""

    p50: float
    p95: float
    p99: float
    busy: float


def fan_out(paths: Paths, *, queries: int = 20_000, seed: int = 0) -> Answered:
    """Without any other query about: nobody waits for a server."""
    random = np.random.default_rng(seed)
    slowest = np.zeros(queries)
    for _ in range(paths.shards):
        np.maximum(slowest, paths.latency.draw(random, queries), out=slowest)
    return _said(slowest + paths.network + paths.merge, 0.0)


def answered(paths: Paths, per_second: float, *, queries: int = 4_000, seed: int = 0) -> Answered:
    """With so many queries a second, at random moments; whoever finds all servers of a shard busy waits in turn.

    The servers of a shard's replicas have one queue (M/G/c). The first tenth of the queries only fills it.
    """
    random = np.random.default_rng(seed)
    arrivals = np.cumsum(random.exponential(1 / per_second, queries))
    done = np.zeros(queries)
    for _ in range(paths.shards):
        np.maximum(
            done, served(arrivals, paths.latency.draw(random, queries), paths.replicas * paths.servers), out=done
        )
    took = (done - arrivals + paths.network + paths.merge)[queries // 10 :]
    busy = per_second * paths.latency.mean / (paths.replicas * paths.servers)
    return _said(took, min(1.0, busy))


def served(arrivals: NDArray[np.float64], seconds: NDArray[np.float64], servers: int) -> NDArray[np.float64]:
    """When each query is done that one of so many servers works on for so long, first come, first served."""
    if servers == 1:  # each waits for the one before: the same in a few sums
        worked = np.cumsum(seconds)
        return np.asarray(worked + np.maximum.accumulate(arrivals - worked + seconds))
    free = [0.0] * servers
    done = np.empty(len(arrivals))
    for at, (arrival, took) in enumerate(zip(arrivals.tolist(), seconds.tolist(), strict=True)):
        done[at] = end = max(arrival, free[0]) + took
        heapq.heapreplace(free, end)
    return done


def _said(took: NDArray[np.float64], busy: float) -> Answered:
    p50, p95, p99 = np.quantile(took, (0.5, 0.95, _TAIL)).tolist()
    return Answered(p50, p95, p99, busy)


def most_queries(paths: Paths, longest: float, *, queries: int = 4_000, seed: int = 0) -> float:
    """Queries a second at the most, so that 99 of 100 are answered within ``longest`` seconds; 0 where none are."""
    low, high = 0.0, paths.replicas * paths.servers / paths.latency.mean
    if fan_out(paths, queries=queries, seed=seed).p99 > longest:
        return 0.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if answered(paths, middle, queries=queries, seed=seed).p99 <= longest:
            low = middle
        else:
            high = middle
    return low


def partitioned(
    opened: Sequence[Callable[[], Any]], space: Space, rows: tuple[Ids, Vectors], queries: Vectors, k: int
) -> tuple[Ids, Scores]:
    """The rows dealt out to as many vector stores as ``opened`` makes, each asked for its best, and those merged."""
    found, (ids, vectors) = [], rows
    for number, make in enumerate(opened):
        store = make()
        store.upsert(space, ids[number :: len(opened)], vectors[number :: len(opened)])
        found.append(store.search(space, queries, min(k, len(ids))))
        store.close()
    return merged(found, len(queries), k)
