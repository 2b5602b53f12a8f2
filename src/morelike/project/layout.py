"""Where points stand in two dimensions so that neighbours stay neighbours: t-SNE (van der Maaten & Hinton 2008).

Each point is drawn to its nearest neighbours, all alike (instead of by a perplexity), and pushed away from all others.
It begins with the two principal components (Kobak & Berens 2019); how far it steps goes by how many points there are
(Belkina et al. 2019). Nothing in it is left to chance.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Final

import numpy as np
from numpy.typing import NDArray

from morelike.project.neighbours import nearest_others, principal
from morelike.project.repulsion import Repulsion

__all__ = ["FEW", "NEIGHBOURS", "ROUNDS", "layout"]

Rows = NDArray[np.float32]

FEW: Final = 12
"""Fewer points stand at their principal components: they have no neighbourhoods to keep."""
NEIGHBOURS: Final = 15
EARLY: Final = 200
"""Rounds in which points are drawn ``EXAGGERATION`` times as hard, so that what belongs together finds together."""
ROUNDS: Final = 600
EXAGGERATION: Final = 12.0
LEAST_RATE: Final = 200.0
LONGEST_STEP: Final = 5.0
GRAVITY: Final = 1e-4
"""How hard all is drawn to the middle, a point's share of it: groups that no spring joins would fly apart for ever."""
TINY: Final = 1e-4
"""How wide the map is when it begins."""


def layout(rows: Rows, *, stop: Event, told: Callable[[int], None] | None = None) -> Rows | None:
    """(n, dim) different rows, near where their Euclidean distance is small, to (n, 2); None where ``stop`` was set.

    ``told``: how many of the ``ROUNDS`` are done. Memory: some hundred floats a point, and a grid of at most 512².
    """
    start = principal(rows)
    if len(rows) < FEW:
        return start
    near = nearest_others(rows, min(NEIGHBOURS, (len(rows) - 1) // 3), stop)
    if near is None:
        return None
    return _descend(start, _Springs(near), stop, told)


class _Springs:
    """What draws the points together: each pair of which one is among the other's nearest, twice where both are."""

    def __init__(self, near: NDArray[np.int64]) -> None:
        """``near``: (n, k) each point's neighbours."""
        count, k = near.shape
        one = np.repeat(np.arange(count), k)
        other = near.ravel()
        pairs, times = np.unique(
            np.concatenate([one * count + other, other * count + one]),
            return_counts=True,
        )
        self._one, self._other = np.divmod(pairs, count)
        self._starts = np.searchsorted(self._one, np.arange(count))  # nobody is without a neighbour
        self._weights = (times / (2 * count * k)).astype(np.float32)[:, None]

    def pull(self, points: Rows) -> Rows:
        """(n, 2) sums of p (a - b) / (1 + |a - b|²) over a point's neighbours."""
        apart = points[self._one] - points[self._other]
        closeness = 1 / (1 + np.einsum("nd,nd->n", apart, apart))
        return np.add.reduceat(apart * (self._weights * closeness[:, None]), self._starts, axis=0)


def _descend(points: Rows, springs: _Springs, stop: Event, told: Callable[[int], None] | None) -> Rows | None:
    """Gradient descent with momentum and a gain for each coordinate, as van der Maaten & Hinton have it."""
    repulsion = Repulsion()
    points = points * np.float32(TINY / max(float(points[:, 0].std()), 1e-12))
    rate = np.float32(max(len(points) / EXAGGERATION, LEAST_RATE))
    steps, gains = np.zeros_like(points), np.ones_like(points)
    for done in range(ROUNDS):
        if stop.is_set():
            return None
        early = done < EARLY
        apart, total = repulsion(points)
        gradient = springs.pull(points) * np.float32(EXAGGERATION if early else 1.0) - apart / np.float32(total)
        gradient += points * np.float32(GRAVITY / len(points))
        gains = np.maximum(np.where(gradient * steps > 0, gains * 0.8, gains + 0.2), 0.01).astype(np.float32)
        steps = np.float32(0.5 if early else 0.8) * steps - rate * gains * gradient
        np.clip(steps, -LONGEST_STEP, LONGEST_STEP, out=steps)
        points = points + steps
        points -= points.mean(axis=0)
        if told is not None:
            told(done + 1)
    return points
