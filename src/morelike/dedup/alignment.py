"""Where one picture lies in another: the affine map under which the two correlate best.

Maximises the enhanced correlation coefficient (Evangelidis & Psarakis, "Parametric image alignment using enhanced
correlation coefficient maximization", PAMI 2008; the forward additive scheme), many pairs at once. The coefficient does
not see brightness and contrast. Coordinates are (x, y) from -1 to 1 in both directions, so that a map found on small
pictures holds on larger ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["IDENTITY", "Floats", "align", "coordinates", "correlation", "covered", "sample"]

Floats = NDArray[np.float32]

IDENTITY: Floats = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32)
_DAMPING = 1e-3
"""Keeps a step small where the picture does not say which way to go (stripes, one edge)."""
_LONGEST_STEP = 0.25
_TINY = 1e-12


def coordinates(side: int) -> tuple[Floats, Floats]:
    """x and y of every pixel's centre, each (side²,)."""
    ticks = ((np.arange(side, dtype=np.float32) + 0.5) * (2.0 / side) - 1.0).astype(np.float32)
    y, x = np.meshgrid(ticks, ticks, indexing="ij")
    return x.ravel(), y.ravel()


def sample(pictures: Floats, maps: Floats, side: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Bilinear values of (b, s, s) ``pictures`` at the ``maps`` (b, 2, 3) of a grid: (b, side²), and which lie inside.

    Outside, the nearest edge's value stands.
    """
    u, v = _mapped(maps, side)
    return _bilinear(pictures[:, None], u, v)[:, 0], _inside(u, v)


def _mapped(maps: Floats, side: int) -> tuple[Floats, Floats]:
    x, y = coordinates(side)
    u: Floats = maps[:, 0, 0, None] * x + maps[:, 0, 1, None] * y + maps[:, 0, 2, None]
    v: Floats = maps[:, 1, 0, None] * x + maps[:, 1, 1, None] * y + maps[:, 1, 2, None]
    return u, v


def _inside(u: Floats, v: Floats) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (np.abs(u) <= 1) & (np.abs(v) <= 1)
    return inside


def _bilinear(layers: Floats, u: Floats, v: Floats) -> Floats:
    """(b, c, s, s) layers at the places (b, n): (b, c, n)."""
    batch, count, size = layers.shape[:3]
    column = np.clip((u + 1) * np.float32(size / 2) - np.float32(0.5), 0, size - 1)
    row = np.clip((v + 1) * np.float32(size / 2) - np.float32(0.5), 0, size - 1)
    left = np.minimum(column.astype(np.int32), size - 2)
    top = np.minimum(row.astype(np.int32), size - 2)
    right_part = (column - left.astype(np.float32))[:, None]  # an int32 with it would make doubles of all that follows
    lower_part = (row - top.astype(np.float32))[:, None]
    planes = np.arange(batch * count, dtype=np.intp).reshape(batch, count, 1) * (size * size)
    at = (top * size + left)[:, None] + planes  # in numpy's own kind of index, which others are turned into each time
    flat = layers.reshape(-1)
    upper, lower = flat.take(at), flat[size:].take(at)
    upper += (flat[1:].take(at) - upper) * right_part
    lower += (flat[size + 1 :].take(at) - lower) * right_part
    values: Floats = upper + (lower - upper) * lower_part
    return values


def align(templates: Floats, pictures: Floats, maps: Floats, steps: int) -> Floats:
    """Better maps (b, 2, 3) from ``templates`` (b, s, s) into ``pictures`` (b, s, s), after so many steps."""
    batch, side = len(templates), templates.shape[1]
    x, y = coordinates(side)
    target = templates.reshape(batch, side * side)
    scale = np.float32(side / 2)  # per pixel to per unit of the coordinates
    slopes = np.gradient(pictures, axis=(2, 1))
    layers = np.stack((pictures, slopes[0] * scale, slopes[1] * scale), axis=1, dtype=np.float32)
    maps = maps.copy()
    for _ in range(steps):
        u, v = _mapped(maps, side)
        warped, slope_x, slope_y = _bilinear(layers, u, v).transpose(1, 0, 2)
        weight = _inside(u, v).astype(np.float32)
        basis = np.stack((slope_x * x, slope_x * y, slope_x, slope_y * x, slope_y * y, slope_y), axis=1)
        step = _step(_centred(target, weight), _centred(warped, weight), _centred_each(basis, weight))
        maps += np.clip(step, -_LONGEST_STEP, _LONGEST_STEP).reshape(batch, 2, 3)
    return maps


def _step(target: Floats, warped: Floats, basis: Floats) -> Floats:
    """(b, 6): what adds most to the coefficient, all arguments zero-mean and zero outside."""
    hessian = basis @ basis.transpose(0, 2, 1)
    trace = np.trace(hessian, axis1=1, axis2=2)[:, None, None]
    hessian = hessian + np.eye(6, dtype=np.float32) * (trace * (_DAMPING / 6) + _TINY)
    of_target = basis @ target[:, :, None]
    of_warped = basis @ warped[:, :, None]
    solved = np.linalg.solve(hessian, np.concatenate((of_target, of_warped), axis=2))
    projected = of_warped[:, :, 0]
    above = (warped * warped).sum(axis=1) - (projected * solved[:, :, 1]).sum(axis=1)
    below = (target * warped).sum(axis=1) - (projected * solved[:, :, 0]).sum(axis=1)
    ratio = np.where(below > _TINY, above / np.maximum(below, _TINY), 1.0).astype(np.float32)
    step: Floats = ratio[:, None] * solved[:, :, 0] - solved[:, :, 1]
    return np.nan_to_num(step, copy=False)


def _centred(values: Floats, weight: Floats) -> Floats:
    """(b, n) less each row's mean over the pixels that count; zero at the others."""
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1)
    centred: Floats = (values - (values * weight).sum(axis=1, keepdims=True) / total) * weight
    return centred


def _centred_each(basis: Floats, weight: Floats) -> Floats:
    weight = weight[:, None, :]
    total = np.maximum(weight.sum(axis=2, keepdims=True), 1)
    centred: Floats = (basis - (basis * weight).sum(axis=2, keepdims=True) / total) * weight
    return centred


def correlation(templates: Floats, pictures: Floats, maps: Floats) -> Floats:
    """(b,): the correlation coefficient of each template with its picture under the map, where they overlap."""
    side = templates.shape[1]
    warped, inside = sample(pictures, maps, side)
    weight = inside.astype(np.float32)
    one, other = _centred(templates.reshape(len(templates), side * side), weight), _centred(warped, weight)
    norm = np.sqrt((one * one).sum(axis=1) * (other * other).sum(axis=1))
    coefficient: Floats = (one * other).sum(axis=1) / np.maximum(norm, _TINY)
    return coefficient


def covered(maps: Floats, side: int = 32) -> tuple[Floats, Floats]:
    """(b,) each: which share of a template lies in its picture, and which share of that picture the template shows."""
    share = _inside(*_mapped(maps, side)).mean(axis=1).astype(np.float32)
    area = np.abs(maps[:, 0, 0] * maps[:, 1, 1] - maps[:, 0, 1] * maps[:, 1, 0]).astype(np.float32)
    return share, np.minimum(share * area, 1)
