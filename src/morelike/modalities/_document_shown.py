"""A page of a document as it is shown: drawn, with the words that matter marked as with a pen."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from morelike.modalities._document_pdf import LONGEST, Box, Wanted, pictures
from morelike.modalities._document_words import Part
from morelike.types import Preview

__all__ = ["page_preview"]

_QUALITY: Final = 85
_MARK: Final = np.array((255, 235, 90), dtype=np.uint16)
_ANY_DOTS: Final = 1e6  # an inch: as many as the longer side allows


def page_preview(data: bytes, name: str, page: tuple[int, Part], marked: tuple[int, int] | None, side: int) -> Preview:
    """A JPEG of a page (its number from 0), its longer side ``side`` pixels. ``marked``: characters of its text.

    Raises DecodeError.
    """
    number, part = page
    longest = max(1, min(side, LONGEST))
    asked = marked if marked is not None and marked[0] < marked[1] else None
    wanted = Wanted(number, longest=longest, dots=_ANY_DOTS, marked=None if part.lines else asked)
    ((picture, boxes),) = list(pictures(data, name, [wanted]))
    _mark(picture, _of_scan(part, asked, picture.shape) if part.lines and asked else boxes)
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=_QUALITY)
    return Preview(stream.getvalue(), "image/jpeg", picture.shape[1], picture.shape[0])


def _of_scan(part: Part, marked: tuple[int, int], shape: tuple[int, ...]) -> list[Box]:
    """The boxes of the lines, cut to the share of them that is marked: letters are taken to be equally wide."""
    height, width = shape[:2]
    found = []
    for line in part.lines:
        first, last = max(marked[0], line.start), min(marked[1], line.end)
        if first < last:
            a_letter = (line.right - line.left) / (line.end - line.start)
            left, right = (line.left + (at - line.start) * a_letter for at in (first, last))
            found.append((left * width, line.top * height, right * width, line.bottom * height))
    return found


def _mark(picture: NDArray[np.uint8], boxes: Iterable[Box]) -> None:
    """Multiplied, so that letters stay black, and once where two boxes meet."""
    height, width = picture.shape[:2]
    marked = np.zeros((height, width), dtype=bool)
    for left, top, right, bottom in boxes:
        rows = slice(max(math.floor(top), 0), max(math.ceil(bottom), 0))
        marked[rows, max(math.floor(left), 0) : max(math.ceil(right), 0)] = True
    picture[marked] = (picture[marked] * _MARK // 255).astype(np.uint8)
