"""Pictures of surfaces, drawn on the CPU with numpy alone: a depth buffer, parallel rays, flat shading.

A picture depends on the surface, the direction and the side alone: not on the machine's graphics, nor on the order of
the triangles.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from morelike.payloads import Mesh

__all__ = ["drawn", "facing", "ring"]

Matrix = NDArray[np.float64]

_PIXELS_AT_ONCE = 1 << 20
_MOST_PIXELS = 1 << 24
"""Pixels of all triangles of a picture together, those behind others too. Beyond it a picture is drawn smaller."""
_LEAST_SIDE = 128
"""Smaller it is not drawn for that: triangles are left out evenly instead, which makes holes in what is thick."""
_LIGHT = np.array([0.35, 0.5, 0.79])
"""Where it comes from, seen from the eye: from the right, from above, and from behind the eye."""
_AMBIENT, _GROUND, _SURFACE = 0.3, 255, 225
_MARGIN = 0.04
"""Of the side, left free around."""
_DEPTHS = (1 << 31) - 1


def facing(direction: tuple[float, float, float], up: tuple[float, float, float] = (0.0, 1.0, 0.0)) -> Matrix:
    """(3, 3): a rotation whose rows are right, up and towards the eye, for an eye that stands in ``direction``."""
    towards = np.array(direction, dtype=np.float64)
    towards /= np.linalg.norm(towards)
    right = np.cross(np.array(up, dtype=np.float64), towards)
    if np.linalg.norm(right) < 1e-6:  # from straight above, or below
        right = np.cross((0.0, 0.0, 1.0) if abs(towards[2]) < 0.9 else (1.0, 0.0, 0.0), towards)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(towards, right), towards])


def ring(count: int, height: float, *, first: float = 0.0) -> Iterator[Matrix]:
    """So many eyes around y, evenly, each looking down from ``height`` degrees; the first at ``first`` degrees."""
    level, rise = np.cos(np.deg2rad(height)), np.sin(np.deg2rad(height))
    for angle in np.deg2rad(first) + np.arange(count) * (2 * np.pi / count):
        yield facing((level * np.sin(angle), rise, level * np.cos(angle)))


def drawn(mesh: Mesh, eye: Matrix, side: int, *, finer: int = 2) -> NDArray[np.uint8]:
    """(side, side, 3) RGB: grey on white, the whole mesh in the middle, as large as it fits from there.

    ``finer``: so many times more pixels a side are drawn, and averaged; fewer where they would be too many.
    """
    turned = mesh.vertices @ eye.T
    for large in _sides(side, finer):
        places = _on_screen(turned, large)
        numbers = _on_a_pixel(places, mesh.faces)
        corners = places[mesh.faces[numbers]]
        if _costs(corners, large).sum() <= _MOST_PIXELS:
            break
    nearest = np.full(large * large, np.iinfo(np.uint64).max, dtype=np.uint64)
    for some in _in_turn(corners, large):
        _cover(nearest, corners[some], numbers[some], large)
    grey = np.full(large * large, _GROUND, dtype=np.uint8)
    covered = np.flatnonzero(nearest != np.iinfo(np.uint64).max)
    seen, which = np.unique((nearest[covered] & np.uint64(0xFFFFFFFF)).astype(np.int64), return_inverse=True)
    grey[covered] = _shades(turned[mesh.faces[seen]])[which]
    if large < side:
        near = np.arange(side) * large // side
        picture = grey.reshape(large, large)[near][:, near]
    else:
        blocks = grey.reshape(side, large // side, side, large // side)
        picture = np.rint(blocks.astype(np.float32).mean(axis=(1, 3))).astype(np.uint8)
    return np.repeat(picture[:, :, None], 3, axis=2)


def _sides(side: int, finer: int) -> Iterator[int]:
    """Pixels a side that a picture may be drawn with, the most first."""
    yield from range(side * finer, 0, -side)
    while side // 2 >= _LEAST_SIDE:
        side //= 2
        yield side


def _on_a_pixel(places: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.int64]:
    """Which faces may cover the middle of a pixel: of a million, most lie between two."""
    hit = np.ones(len(faces), dtype=bool)
    for axis in (0, 1):
        a, b, c = (places[faces[:, corner], axis] for corner in range(3))
        low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
        hit &= np.ceil(low - 0.5) <= np.floor(high - 0.5)
    return np.flatnonzero(hit)


def _on_screen(places: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """(v, 3): column and row of pixels, and how far away it is, 0 to 1."""
    low, high = places.min(axis=0), places.max(axis=0)
    scale = side * (1 - 2 * _MARGIN) / max(float((high - low)[:2].max()), 1e-9)
    middle = (low + high) / 2
    column = side / 2 + (places[:, 0] - middle[0]) * scale
    row = side / 2 - (places[:, 1] - middle[1]) * scale
    away = (high[2] - places[:, 2]) / max(float(high[2] - low[2]), 1e-9)
    return np.stack([column, row, away], axis=1)


def _shades(corners: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(f,): how bright each face is, either side of it; ``corners`` (f, 3, 3) as the eye sees them."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    normals[normals[:, 2] < 0] *= -1
    light = np.clip(normals @ (_LIGHT / np.linalg.norm(_LIGHT)), 0, 1)
    shades: NDArray[np.uint8] = np.rint(_SURFACE * (_AMBIENT + (1 - _AMBIENT) * light)).astype(np.uint8)
    return shades


def _costs(corners: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """About how many pixels each triangle has, and how many rows of them."""
    low, high = corners[:, :, :2].min(axis=1), corners[:, :, :2].max(axis=1)
    spans = np.clip(np.ceil(high) - np.floor(low) + 1, 1, side)
    costs: NDArray[np.float64] = spans[:, 1] + spans[:, 0] * spans[:, 1] / 2
    return costs


def _in_turn(corners: NDArray[np.float64], side: int) -> Iterator[NDArray[np.int64]]:
    """Which triangles to draw together, so that their pixels are a bounded number."""
    costs = _costs(corners, side)
    chosen = np.arange(len(corners))
    if (total := costs.sum()) > _MOST_PIXELS:
        chosen = chosen[:: int(np.ceil(total / _MOST_PIXELS))]
    ends = np.cumsum(costs[chosen]) // _PIXELS_AT_ONCE
    yield from np.split(chosen, np.flatnonzero(np.diff(ends)) + 1)


def _cover(nearest: NDArray[np.uint64], corners: NDArray[np.float64], numbers: NDArray[np.int64], side: int) -> None:
    """Write into ``nearest`` (side * side) the triangles' distances and numbers where they are the nearest: a row of
    pixels at a time, each from where it enters the triangle to where it leaves it.
    """
    x, y, z = corners[:, :, 0], corners[:, :, 1], corners[:, :, 2]
    top = np.clip(np.ceil(y.min(axis=1) - 0.5), 0, side).astype(np.int64)
    rows = np.clip(np.floor(y.max(axis=1) - 0.5).astype(np.int64) + 1 - top, 0, side)
    triangle = np.repeat(np.arange(len(corners)), rows)
    row = np.arange(len(triangle)) - np.repeat(np.cumsum(rows) - rows, rows) + top[triangle]
    middle = row + 0.5
    left, right = np.full(len(row), np.inf), np.full(len(row), -np.inf)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        rise = y[:, b] - y[:, a]
        slope = (x[:, b] - x[:, a]) / np.where(rise == 0, 1, rise)
        crosses = (np.minimum(y[:, a], y[:, b])[triangle] <= middle) & (
            middle <= np.maximum(y[:, a], y[:, b])[triangle]
        )
        crosses &= (rise != 0)[triangle]
        at = x[triangle, a] + (middle - y[triangle, a]) * slope[triangle]
        left = np.where(crosses, np.minimum(left, at), left)
        right = np.where(crosses, np.maximum(right, at), right)
    begin = np.clip(np.ceil(np.minimum(left, side) - 0.5), 0, side).astype(np.int64)
    count = np.clip(np.floor(np.maximum(right, -1) - 0.5).astype(np.int64) + 1 - begin, 0, side)
    count = np.minimum(count, side - begin)
    spans = np.repeat(np.arange(len(row)), count)
    column = np.arange(len(spans)) - np.repeat(np.cumsum(count) - count, count) + begin[spans]
    # the plane through the triangle's corners: away = z0 + dx (x - x0) + dy (y - y0)
    ux, uy, uz = (v[:, 1] - v[:, 0] for v in (x, y, z))
    vx, vy, vz = (v[:, 2] - v[:, 0] for v in (x, y, z))
    twice = ux * vy - uy * vx
    twice = np.where(np.abs(twice) < 1e-12, np.inf, twice)
    dx, dy = (uz * vy - uy * vz) / twice, (ux * vz - uz * vx) / twice
    start = z[triangle, 0] + dx[triangle] * (0.5 - x[triangle, 0]) + dy[triangle] * (middle - y[triangle, 0])
    away = start[spans] + dx[triangle][spans] * column
    depth = (np.clip(away, 0, 1) * _DEPTHS).astype(np.uint64) << np.uint64(32)
    np.minimum.at(nearest, row[spans] * side + column, depth | numbers[triangle][spans].astype(np.uint64))
