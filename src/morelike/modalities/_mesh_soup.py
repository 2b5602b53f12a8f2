"""What the readers of 3D files give: corners and triangles as they stand in the file, and how many there may be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morelike.errors import DecodeError

__all__ = ["LARGEST", "MOST_CORNERS", "MOST_FACES", "Soup", "check_corners", "check_faces", "fans", "joined", "numbers"]

LARGEST = 256 * 1024**2
"""Bytes of a file, or of one that was unpacked."""
MOST_FACES = 2_000_000
MOST_CORNERS = 3 * MOST_FACES
_SIMPLER = "make it simpler first: a few thousand triangles say what a shape is"


@dataclass(frozen=True, slots=True)
class Soup:
    """``vertices`` float64 (v, 3), which may be anything that floats can be; ``faces`` int64 (f, 3) within them."""

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]


def check_corners(count: int) -> None:
    """Raises DecodeError where there are more than are read."""
    if count > MOST_CORNERS:
        raise DecodeError(f"has {count:,} corners, more than {MOST_CORNERS:,}", hint=_SIMPLER)


def check_faces(count: int) -> None:
    """Raises DecodeError where there are more than are read."""
    if count > MOST_FACES:
        raise DecodeError(f"has {count:,} triangles, more than {MOST_FACES:,}", hint=_SIMPLER)


def numbers(words: Sequence[bytes], what: str) -> NDArray[np.float64]:
    """(n,) of words that are numbers. Raises DecodeError."""
    try:
        return np.fromiter(map(float, words), dtype=np.float64, count=len(words))
    except ValueError as error:
        raise DecodeError(f"has {what} that are no numbers") from error


def fans(corners: NDArray[np.int64], sizes: NDArray[np.int64], vertices: int) -> NDArray[np.int64]:
    """Polygons to triangles (f, 3), each a fan around its first corner; one of fewer than three corners gives none.

    ``corners`` (n,): all polygons' corners, one polygon after the other; ``sizes``: how many each has. Raises
    DecodeError on a corner that is none of so many vertices.
    """
    if len(corners) and (corners.min() < 0 or corners.max() >= vertices):
        wrong = corners[(corners < 0) | (corners >= vertices)][0]
        raise DecodeError(f"has a face with the corner {wrong:,}, and there are {vertices:,}", hint="write it anew")
    triangles = np.maximum(sizes - 2, 0)
    check_faces(int(triangles.sum()))
    starts = np.cumsum(sizes) - sizes
    first = np.repeat(starts, triangles)
    place = np.arange(len(first)) - np.repeat(np.cumsum(triangles) - triangles, triangles)
    return np.stack([corners[first], corners[first + place + 1], corners[first + place + 2]], axis=1)


def joined(parts: Iterable[Soup]) -> Soup:
    """All of them as one. Raises DecodeError where that is too much."""
    vertices: list[NDArray[np.float64]] = [np.empty((0, 3))]
    faces: list[NDArray[np.int64]] = [np.empty((0, 3), dtype=np.int64)]
    so_far = triangles = 0
    for part in parts:
        vertices.append(part.vertices)
        faces.append(part.faces + so_far)
        so_far += len(part.vertices)
        triangles += len(part.faces)
        check_corners(so_far)
        check_faces(triangles)
    return Soup(np.concatenate(vertices), np.concatenate(faces))
