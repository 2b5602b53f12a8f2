"""What the outputs of a detector mean, told by their shapes: corners of boxes, how sure they are, and their classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from morelike.errors import ModelError

__all__ = ["Found", "read_heads"]

_STRIDES: Final = (8, 16, 32)
_ANCHORS: Final = 3
_ROWS: Final = 200_000
"""A head with more is no detector's: at 2 048 pixels a side there are 258 048 / 3 places in each of three forms."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """(n, 4) left, top, right, bottom in pixels of the input, (n,) scores 0 to 1, (n,) classes.

    ``final``: boxes that lie upon one another were taken out by the model itself.
    """

    corners: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[Any]
    final: bool = False


def read_heads(name: str, outputs: Mapping[str, Any], size: tuple[int, int]) -> Found:
    """``outputs`` by name, for one picture of (height, width) pixels. Raises ModelError on what is not known."""
    arrays = {key: value for key, value in outputs.items() if isinstance(value, np.ndarray)}
    if len(arrays) == 1:
        head = next(iter(arrays.values()))
        if head.ndim == 3 and head.shape[0] == 1 and head.dtype.kind == "f" and max(head.shape) <= _ROWS:
            found = _one_head(head[0].astype(np.float32, copy=False), size)
            if found is not None:
                return found
    found = _boxes_and_scores(arrays)
    if found is not None:
        return found
    shapes = ", ".join(f"{key} {list(getattr(value, 'shape', ()))}" for key, value in outputs.items())
    raise ModelError(
        f"{name} is no detector that is read here: its outputs are {shapes[:300]}",
        hint="YOLOv5's or YOLOv8's own export, or one with boxes, scores and classes",
    )


def _one_head(head: NDArray[np.float32], size: tuple[int, int]) -> Found | None:
    """The one with more rows than columns is a list of boxes; where it is the other way round, it lies on its side."""
    rows, columns = head.shape
    if columns == 6 and rows != _raw_rows(size):
        return Found(head[:, :4], head[:, 4], head[:, 5], final=True)
    if rows > columns >= 6:
        chances = head[:, 5:] * head[:, 4:5]
        return _raw(head[:, :4], chances)
    if columns > rows >= 5:
        return _raw(head[:4].T, head[4:].T)
    return None


def _raw(centred: NDArray[np.float32], chances: NDArray[np.float32]) -> Found:
    """Of (n, 4) centres and sides and (n, classes) chances: corners, and each box's likeliest class."""
    half = centred[:, 2:] / 2
    corners = np.concatenate([centred[:, :2] - half, centred[:, :2] + half], axis=1)
    classes = chances.argmax(axis=1)
    return Found(corners, chances[np.arange(len(chances)), classes], classes)


def _raw_rows(size: tuple[int, int]) -> int:
    """How many boxes YOLOv5 gives for an input of that size; with a single class it has six columns, too."""
    return _ANCHORS * sum((size[0] // stride) * (size[1] // stride) for stride in _STRIDES)


def _boxes_and_scores(arrays: Mapping[str, NDArray[Any]]) -> Found | None:
    """Boxes have four columns; scores are the floating-point numbers of which there are as many as boxes."""
    boxes = [value for value in arrays.values() if value.ndim in {2, 3} and value.shape[-1] == 4]
    if len(boxes) != 1 or boxes[0].dtype.kind != "f" or (boxes[0].ndim == 3 and boxes[0].shape[0] != 1):
        return None
    corners = boxes[0].reshape(-1, 4).astype(np.float32, copy=False)
    flat = {key: value for key, value in arrays.items() if value is not boxes[0] and value.size == len(corners)}
    floating = [key for key, value in flat.items() if value.dtype.kind == "f"]
    named = [key for key in floating if "score" in key.lower() or "conf" in key.lower()]
    if len(corners) > _ROWS or not floating or (len(floating) > 1 and len(named) != 1):
        return None
    score = (named or floating)[0]
    classes = next((value for key, value in flat.items() if key != score), np.zeros(len(corners)))
    return Found(corners, flat[score].reshape(-1).astype(np.float32, copy=False), classes.reshape(-1), final=True)
