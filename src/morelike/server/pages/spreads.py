"""What was measured of a space's scores, as a drawing: random pairs, and items with their nearest neighbour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from morelike.calibration import LEVELS
from morelike.records import Calibration

__all__ = ["Bar", "Spread", "spread_of"]

BARS: Final = 48
HEIGHT: Final = 100.0


@dataclass(frozen=True, slots=True)
class Bar:
    """Of the drawing's own grid, which is ``BARS`` wide and 100 high."""

    left: float
    top: float
    height: float


@dataclass(frozen=True, slots=True)
class Spread:
    """Two hills over one line of scores, each as high as its own highest bar; and what they say in figures.

    ``usual``: half of the random pairs score less. ``rare``: one in a hundred of them scores more. ``neighbour``: half
    of the items have one that scores more. ``apart``: the share of items, 0 to 1, whose neighbour is above ``rare``.
    """

    pairs: tuple[Bar, ...]
    nearest: tuple[Bar, ...]
    low: float
    high: float
    usual: float
    rare: float
    neighbour: float
    apart: float
    items: int


def spread_of(measured: Calibration | None) -> Spread | None:
    """None where nothing was measured, or all of it is one score."""
    if measured is None or len(measured.background) != len(LEVELS) or not measured.nearest:
        return None
    quantiles, nearest = np.array(measured.background), np.array(measured.nearest)
    low, high = float(min(quantiles[0], nearest[0])), float(max(quantiles[-1], nearest[-1]))
    if not np.isfinite([low, high]).all() or high <= low:
        return None
    edges = np.linspace(low, high, BARS + 1)
    below = np.interp(edges, quantiles, LEVELS, left=0.0, right=1.0)
    below[-1] = 1.0
    rare = float(quantiles[LEVELS.index(0.99)])
    return Spread(
        _bars(np.diff(below)),
        _bars(np.histogram(nearest, edges)[0].astype(float)),
        low,
        high,
        usual=float(quantiles[LEVELS.index(0.5)]),
        rare=rare,
        neighbour=float(np.median(nearest)),
        apart=float((nearest > rare).mean()),
        items=measured.items,
    )


def _bars(shares: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[Bar, ...]:
    heights = shares / max(float(shares.max()), 1e-12) * HEIGHT
    return tuple(
        Bar(float(place), round(HEIGHT - float(height), 2), round(float(height), 2))
        for place, height in enumerate(heights)
        if height > 0.2
    )
