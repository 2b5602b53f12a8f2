"""The 2D pictures of the CSS task, exactly as published: 64 x 64, white, flat colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from morelike.training.css import COLOURS, Thing

__all__ = ["SIDE", "draw_flat"]

SIDE = 64
HALF_SIDES = {"small": 4.0, "large": 8.0}


def draw_flat(scene: Sequence[Thing]) -> NDArray[np.uint8]:
    """(64, 64, 3) RGB. A "circle" is in fact a diamond."""
    picture = np.full((SIDE, SIDE, 3), 255, dtype=np.uint8)
    for thing in scene:
        s, y, x = HALF_SIDES[thing.size], thing.y * SIDE, thing.x * SIDE
        top, bottom = int(y - s), int(y + s)
        if thing.shape == "rectangle":
            _row(picture, slice(max(0, top), bottom), x - s, x + s, thing.color)
        elif thing.shape == "circle":
            for row in range(top, bottom + 1):
                left = x + (abs(row - y) - s)
                _row(picture, row, left, 2 * x - left, thing.color)
        else:
            for row in range(top, bottom):
                edge = x + (row - y + s) / 2  # the first row may lie above the tip: then it is the left one
                _row(picture, row, min(edge, 2 * x - edge), max(edge, 2 * x - edge), thing.color)
    return picture


def _row(picture: NDArray[np.uint8], rows: int | slice, left: float, right: float, colour: str) -> None:
    """From ``left`` to ``right``, both cut to whole numbers; nothing where they are the wrong way round."""
    if isinstance(rows, int) and not 0 <= rows < SIDE:
        return  # a diamond's last row may lie beyond the edge
    picture[rows, max(0, int(left)) : max(0, int(right))] = COLOURS[colour]
