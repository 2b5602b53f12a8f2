"""Where a picture is cut: the boxes of a grid, and the pixels of a box, decoded no larger than they need to be."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from morelike.errors import QueryError
from morelike.modalities._once import Once
from morelike.modalities._opening import label, opened
from morelike.modalities._pixels import oriented, to_rgb
from morelike.types import Blob, Span

__all__ = ["LONGEST_SIDE", "SMALLEST", "Box", "box_of", "decoded", "grid", "region"]

Box = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels of the picture as it stands; right and bottom are the first ones outside."""
LONGEST_SIDE = 65_535
"""Pixels: a longer picture has no regions, a Span could not say where."""
SMALLEST = 32
"""Pixels a side: smaller boxes tell an encoder nothing."""
_GRIDS = ((2, 2, 3), (3, 1, 2))
"""(boxes a side, and how much of the picture's side each covers: two thirds, a half)."""
_KEPT, _KEPT_BYTES = 3, 48 * 1024**2
"""Decoded pictures that are kept at most, and how large all of them together: of one picture its two sizes of boxes may
want two decodings. One of more than 16 megapixels is decoded for each of its boxes.
"""


def grid(width: int, height: int) -> Iterator[Box]:
    """Four boxes of two thirds of each side, then nine of a half; none smaller than ``SMALLEST``.

    Neighbours share half of their width. So whatever is no wider and higher than a third of the picture lies whole in
    one of the four, wherever it is, and what is no larger than a quarter in one of the nine, where it is twice as large
    as in the picture. Boxes have the picture's own proportions, as what the encoder learned on has them.
    """
    if max(width, height) > LONGEST_SIDE:
        return
    for count, part, of in _GRIDS:
        wide, high = -(-width * part // of), -(-height * part // of)
        if min(wide, high) < SMALLEST:
            return
        for row in range(count):
            for column in range(count):
                left = round((width - wide) * column / (count - 1))
                top = round((height - high) * row / (count - 1))
                yield left, top, left + wide, top + high


def box_of(name: str, span: Span, width: int, height: int) -> Box:
    """The box of a span that lies in a picture of that size. Raises QueryError where it is none of it."""
    box = span.box
    if box is None or box[2] > width or box[3] > height:
        raise QueryError(
            f"{name} has no such region: it is {width} × {height} pixels",
            hint="left and top first, then right and bottom, within the picture",
        )
    return box


def decoded(
    blob: Blob, max_pixels: int, side_of: Callable[[int, int], int]
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """The whole picture, and the (width, height) that it has. ``side_of`` is told those, and says how long the shorter
    side has to be at least, where a JPEG can be decoded smaller; 0: as it is.

    Decoded once for all who want the same at about the same time; nobody may write to it. Raises DecodeError, and what
    ``side_of`` raises.
    """
    with opened(blob, max_pixels) as picture:
        size = picture.size
        if (side := side_of(*size)) > 0:
            picture.image.draft(None, (side, side))

        def decode() -> NDArray[np.uint8]:
            pixels = np.array(oriented(to_rgb(picture.image), picture.orientation))
            pixels.flags.writeable = False
            return pixels

        return _pictures.get(blob, str(picture.image.size), decode), size


def region(blob: Blob, span: Span, max_pixels: int, side: int) -> NDArray[np.uint8]:
    """The box's pixels, its shorter side no less than twice ``side`` where the picture has as many (0: all of them).

    C-contiguous and writable. Raises DecodeError, QueryError where the picture has no such box.
    """

    def side_of(width: int, height: int) -> int:
        left, top, right, bottom = box_of(label(blob), span, width, height)
        return math.ceil(2 * side * min(width, height) / min(right - left, bottom - top))

    pixels, (width, height) = decoded(blob, max_pixels, side_of)
    left, top, right, bottom = box_of(label(blob), span, width, height)
    down, across = pixels.shape[0] / height, pixels.shape[1] / width
    rows = slice(math.floor(top * down), math.ceil(bottom * down))
    columns = slice(math.floor(left * across), math.ceil(right * across))
    return np.array(pixels[rows, columns], order="C")


_pictures: Once[NDArray[np.uint8]] = Once(kept=_KEPT, size_of=lambda pixels: pixels.nbytes, most=_KEPT_BYTES)
