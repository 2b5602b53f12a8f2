"""The 3D pictures of the CSS task: rays cast at cubes, spheres and cylinders on a floor. numpy only.

The published renders were made with another program's scenes; these have their size, 180 x 120, shading, perspective
and shadows. Only elementwise arithmetic is used, which IEEE 754 fixes, so that a scene gives the same bytes anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.training.css import COLOURS, Thing

__all__ = ["HEIGHT", "WIDTH", "draw_solid"]

WIDTH, HEIGHT = 180, 120
SAMPLES = 2
"""Rays a pixel, across and down."""
GRID = (7.4, 6.6)
"""How wide and how deep the grid is on the floor; x goes right, y away, z up."""
RADII = {"small": 0.4, "large": 0.8}
TURN = (0.8660254, 0.5)
"""Cosine and sine of 30 degrees: a cube shows two sides."""
CAMERA = (0.0, -6.3, 9.6)
LOOK_AT = (0.0, -0.1, 0.0)
ZOOM = 2.75
LIGHT = (-0.45, -0.35, 0.8215838)
"""Towards the lamp, far away; of length one."""
AMBIENT, DIFFUSE, GLOSS = 0.38, 0.62, 0.28
FLOOR = 0.80
FAR = np.float32(1e9)
NEAR = np.float32(1e-3)

Numbers = NDArray[Any]
"""float32."""
Vector = tuple[Numbers, Numbers, Numbers]
Hit = tuple[Numbers, Vector]
"""How far along the ray (FAR: no hit) and the surface's direction there."""


@dataclass(frozen=True, slots=True)
class _Solid:
    x: float
    y: float
    radius: float
    colour: tuple[int, int, int]
    cast: Callable[[_Solid, Vector, Vector], Hit]

    def corners(self) -> list[tuple[float, float, float]]:
        """Of a box around it; the turned cube reaches 1.37 times as far."""
        r = 1.37 * self.radius
        return [(self.x + i * r, self.y + j * r, k * 2 * self.radius) for i in (-1, 1) for j in (-1, 1) for k in (0, 1)]


def draw_solid(scene: Sequence[Thing]) -> NDArray[np.uint8]:
    """(120, 180, 3) RGB."""
    rays, floor = _rays(), _floor()
    solids = [_solid(thing) for thing in scene]
    depth = floor.depth.copy()
    light = np.full(depth.shape, AMBIENT + DIFFUSE * LIGHT[2], dtype=np.float32)
    shine = np.zeros_like(depth)
    colour = np.broadcast_to(floor.colour[:, :, None], (*depth.shape, 3)).copy()
    for solid in solids:
        _shade_floor(solid, floor, light)
    for solid in solids:
        window = _window(_project(corner) for corner in solid.corners())
        directions = _cut(rays, window)
        t, normal = solid.cast(solid, _at(CAMERA), directions)
        seen = t < depth[window]
        if not seen.any():
            continue
        t, normal = t[seen], _cut(normal, seen)
        directions = _cut(directions, seen)
        x, y, z = (np.float32(c) + t * d for c, d in zip(CAMERA, directions, strict=True))
        points = (x, y, z)
        lit = _facing(normal)
        for other in solids:
            if other is not solid:
                lit[_hit(other, points)] = 0
        depth[window][seen] = t
        light[window][seen] = np.float32(AMBIENT) + np.float32(DIFFUSE) * lit
        shine[window][seen] = _glint(normal, directions, lit)
        colour[window][seen] = np.array(solid.colour, dtype=np.float32) / np.float32(255)
    shaded = np.minimum(colour * light[:, :, None] + shine[:, :, None], np.float32(1))
    pixels = shaded.reshape(HEIGHT, SAMPLES, WIDTH, SAMPLES, 3)
    mean = (pixels[:, 0, :, 0] + pixels[:, 0, :, 1] + pixels[:, 1, :, 0] + pixels[:, 1, :, 1]) / np.float32(4)
    picture: NDArray[np.uint8] = (mean * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return picture


def _solid(thing: Thing) -> _Solid:
    casts = {"rectangle": _cube, "circle": _sphere, "triangle": _cylinder}
    x, y = (thing.x - 0.5) * GRID[0], (0.5 - thing.y) * GRID[1]
    return _Solid(x, y, RADII[thing.size], COLOURS[thing.color], casts[thing.shape])


def _facing(normal: Vector) -> Numbers:
    along = normal[0] * np.float32(LIGHT[0]) + normal[1] * np.float32(LIGHT[1]) + normal[2] * np.float32(LIGHT[2])
    facing: Numbers = np.maximum(along, np.float32(0))
    return facing


def _glint(normal: Vector, directions: Vector, lit: Numbers) -> Numbers:
    """Blinn (1977) with the exponent 32, made by squaring."""
    half = [np.float32(lamp) - d for lamp, d in zip(LIGHT, directions, strict=True)]
    length = np.sqrt(half[0] * half[0] + half[1] * half[1] + half[2] * half[2])
    cosine = np.maximum((normal[0] * half[0] + normal[1] * half[1] + normal[2] * half[2]) / length, np.float32(0))
    for _ in range(5):
        cosine = cosine * cosine
    return np.where(lit > 0, np.float32(GLOSS) * cosine, np.float32(0)).astype(np.float32)


def _shade_floor(solid: _Solid, floor: _Floor, light: Numbers) -> None:
    """Where the solid stands between the floor and the lamp."""
    shadow = [(x - z * LIGHT[0] / LIGHT[2], y - z * LIGHT[1] / LIGHT[2], 0.0) for x, y, z in solid.corners()]
    window = _window(_project(corner) for corner in shadow)
    points = _cut(floor.points, window)
    light[window][_hit(solid, points)] = AMBIENT


def _hit(solid: _Solid, points: Vector) -> NDArray[np.bool_]:
    """Whether the solid lies between each point and the lamp."""
    t, _ = solid.cast(solid, points, _at(LIGHT))
    hit: NDArray[np.bool_] = t < FAR
    return hit


def _sphere(solid: _Solid, origin: Vector, direction: Vector) -> Hit:
    x, y, z = origin[0] - np.float32(solid.x), origin[1] - np.float32(solid.y), origin[2] - np.float32(solid.radius)
    dx, dy, dz = direction
    half = x * dx + y * dy + z * dz
    rest = half * half - (x * x + y * y + z * z - np.float32(solid.radius * solid.radius))
    t = -half - np.sqrt(np.maximum(rest, np.float32(0)))
    t = np.where((rest > 0) & (t > NEAR), t, FAR)
    r = np.float32(solid.radius)
    return t, ((x + t * dx) / r, (y + t * dy) / r, (z + t * dz) / r)


def _cube(solid: _Solid, origin: Vector, direction: Vector) -> Hit:
    """Between three pairs of planes (Kay & Kajiya 1986), in the cube's own frame."""
    r = np.float32(solid.radius)
    x, y = _turned(origin[0] - np.float32(solid.x), origin[1] - np.float32(solid.y))
    dx, dy = _turned(direction[0], direction[1])
    enter: Any = -FAR
    leave: Any = FAR
    axis: Any = np.float32(0)
    sides = ((x, dx), (y, dy), (origin[2] - r, direction[2]))
    for i, (o, along) in enumerate(sides):
        d = np.where(np.abs(along) < np.float32(1e-9), np.float32(1e-9), along)
        one, other = (-r - o) / d, (r - o) / d
        near = np.minimum(one, other)
        axis = np.where(near > enter, np.float32(i), axis)
        enter, leave = np.maximum(enter, near), np.minimum(leave, np.maximum(one, other))
    t = np.where((enter < leave) & (enter > NEAR), enter, FAR).astype(np.float32)
    nx = np.where(axis == 0, -np.sign(dx), np.float32(0))
    ny = np.where(axis == 1, -np.sign(dy), np.float32(0))
    nz = np.where(axis == 2, -np.sign(direction[2]), np.float32(0))
    c, s = np.float32(TURN[0]), np.float32(TURN[1])
    return t, (c * nx - s * ny, s * nx + c * ny, nz + np.float32(0) * t)


def _turned(x: Numbers, y: Numbers) -> tuple[Numbers, Numbers]:
    c, s = np.float32(TURN[0]), np.float32(TURN[1])
    return c * x + s * y, c * y - s * x


def _cylinder(solid: _Solid, origin: Vector, direction: Vector) -> Hit:
    """Its side between floor and lid, and the lid; nobody sees it from below."""
    r = np.float32(solid.radius)
    x, y, z = origin[0] - np.float32(solid.x), origin[1] - np.float32(solid.y), origin[2]
    dx, dy, dz = direction
    a = np.maximum(dx * dx + dy * dy, np.float32(1e-9))
    half = x * dx + y * dy
    rest = half * half - a * (x * x + y * y - r * r)
    side = (-half - np.sqrt(np.maximum(rest, np.float32(0)))) / a
    at = z + side * dz
    side = np.where((rest > 0) & (side > NEAR) & (at > 0) & (at < 2 * r), side, FAR)
    lid = (2 * r - z) / dz
    lx, ly = x + lid * dx, y + lid * dy
    lid = np.where((lid > NEAR) & (lx * lx + ly * ly < r * r), lid, FAR)
    on_side = side < lid
    t = np.where(on_side, side, lid).astype(np.float32)
    none = np.float32(0)
    return t, (
        np.where(on_side, (x + t * dx) / r, none),
        np.where(on_side, (y + t * dy) / r, none),
        np.where(on_side, none, np.float32(1)),
    )


@dataclass(frozen=True, slots=True)
class _Floor:
    depth: Numbers
    points: Vector
    colour: Numbers


@cache
def _axes() -> tuple[tuple[float, float, float], ...]:
    """Right, up and forward of the camera, which looks along the middle of the grid and is not tilted."""
    y, z = LOOK_AT[1] - CAMERA[1], LOOK_AT[2] - CAMERA[2]
    length = (y * y + z * z) ** 0.5
    forward = (0.0, y / length, z / length)
    return (1.0, 0.0, 0.0), (0.0, -forward[2], forward[1]), forward


@cache
def _rays() -> Vector:
    """A direction of length one for each sample, (240, 360) each."""
    _, up, forward = _axes()
    across = (np.arange(WIDTH * SAMPLES) + 0.5) / (HEIGHT * SAMPLES) * 2 - WIDTH / HEIGHT
    down = 1 - (np.arange(HEIGHT * SAMPLES) + 0.5) / (HEIGHT * SAMPLES) * 2
    x, v = np.broadcast_arrays(across[None, :], down[:, None])
    y, z = ZOOM * forward[1] + v * up[1], ZOOM * forward[2] + v * up[2]
    length = np.sqrt(x * x + y * y + z * z)
    return (x / length).astype(np.float32), (y / length).astype(np.float32), (z / length).astype(np.float32)


@cache
def _floor() -> _Floor:
    """The floor is plain and a little darker away from its middle."""
    x, y, z = _rays()
    t = np.float32(-CAMERA[2]) / z
    points = (t * x, np.float32(CAMERA[1]) + t * y, np.zeros_like(t))
    away = np.minimum((points[0] * points[0] + points[1] * points[1]) / np.float32(150), np.float32(1))
    return _Floor(t, points, np.float32(FLOOR) * (np.float32(1) - np.float32(0.35) * away))


def _project(point: tuple[float, float, float]) -> tuple[float, float]:
    """A point's (column, row) among the samples."""
    _, up, forward = _axes()
    y, z = point[1] - CAMERA[1], point[2] - CAMERA[2]
    along, above = forward[1] * y + forward[2] * z, up[1] * y + up[2] * z
    half = HEIGHT * SAMPLES / 2
    return (WIDTH / HEIGHT + ZOOM * point[0] / along) * half, (1 - ZOOM * above / along) * half


def _window(places: Iterable[tuple[float, float]]) -> tuple[slice, slice]:
    """Rows and columns that hold all of them, and one beyond."""
    columns, rows = zip(*places, strict=True)
    return (
        slice(max(0, int(min(rows)) - 1), max(0, int(max(rows)) + 2)),
        slice(max(0, int(min(columns)) - 1), max(0, int(max(columns)) + 2)),
    )


def _cut(vector: Vector, where: Any) -> Vector:
    x, y, z = vector
    return x[where], y[where], z[where]


def _at(point: tuple[float, float, float]) -> Vector:
    x, y, z = (np.asarray(value, dtype=np.float32) for value in point)
    return x, y, z
