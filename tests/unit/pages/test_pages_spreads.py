"""What was measured of scores, as a drawing."""

from __future__ import annotations

import numpy as np
import pytest

from morelike.calibration import LEVELS
from morelike.records import Calibration
from morelike.server.pages.spreads import BARS, spread_of


def test_two_hills_over_one_line() -> None:
    """Random pairs between 0 and 1, neighbours between 0.9 and 1: the figures say so, and each hill has its height."""
    spread = spread_of(Calibration(50, tuple(LEVELS), tuple(np.linspace(0.9, 1.0, 50).tolist())))

    assert spread is not None
    assert (spread.low, spread.high, spread.items) == (0.0, 1.0, 50)
    assert spread.usual == pytest.approx(0.5)
    assert spread.rare == pytest.approx(0.99)
    assert spread.neighbour == pytest.approx(0.95)
    assert spread.apart == pytest.approx(0.1, abs=0.02)
    assert len(spread.pairs) == BARS
    assert all(99 < bar.height <= 100 for bar in spread.pairs)
    assert all(bar.left >= 0.9 * BARS - 1 for bar in spread.nearest)
    assert max(bar.height for bar in spread.nearest) == 100


@pytest.mark.parametrize(
    "measured",
    [
        None,
        Calibration(5, (0.5,), (0.5,)),
        Calibration(5, (0.5,) * len(LEVELS), (0.5,)),
        Calibration(5, tuple(LEVELS), ()),
        Calibration(5, (*LEVELS[:-1], float("inf")), (0.5,)),
    ],
    ids=["never", "another version's", "one score", "no neighbours", "no number"],
)
def test_nothing_is_drawn_of_nothing(measured: Calibration | None) -> None:
    """What was not measured, or cannot be drawn, is left away."""
    assert spread_of(measured) is None
