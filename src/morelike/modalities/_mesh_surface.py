"""A surface out of the triangles of a file: mended, measured, and put into a pose that depends on its shape alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morelike.errors import DecodeError
from morelike.modalities._mesh_soup import Soup
from morelike.types import Mesh

__all__ = ["Surface", "is_closed", "posed", "surface_of", "volume_of", "y_up"]

_THINNEST = 1e-12
"""The least area of a triangle, as a share of the square of the model's greatest extent."""
_FURTHEST = 1e30
"""A corner further away is as good as nowhere: squares of such numbers are still numbers."""
_EVEN = 1e-4
"""A third moment of less than this, at a radius of one, says nothing of which end is which."""


@dataclass(frozen=True, slots=True)
class Surface:
    """``vertices`` float64 (v, 3) about the middle of the box; ``faces`` int64 (f, 3), in an order that is the
    shape's own: it does not depend on the file's. ``middle`` (3,): where that was; ``extent`` (3,).
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    middle: NDArray[np.float64]
    extent: NDArray[np.float64]

    @property
    def areas(self) -> NDArray[np.float64]:
        """(f,)"""
        return _areas(self.vertices[self.faces])


def surface_of(soup: Soup) -> Surface:
    """Corners in one place are one; triangles with a corner that is no number, without area or there already are left
    out. Raises DecodeError where nothing is left.
    """
    if not len(soup.vertices):
        raise DecodeError("has nothing in it", hint="the file may be cut off")
    if not len(soup.faces):
        raise DecodeError("is a cloud of points without faces", hint="make a surface of it first")
    with np.errstate(all="ignore"):
        finite: NDArray[np.bool_] = np.all(np.abs(soup.vertices) < _FURTHEST, axis=1)
    faces = soup.faces[finite[soup.faces].all(axis=1)]
    if not len(faces):
        raise DecodeError("has no face whose corners are numbers", hint="write it anew")
    used, faces = _compact(soup.vertices, faces)
    low, high = used.min(axis=0), used.max(axis=0)
    middle, extent = (low + high) / 2, high - low
    vertices, faces = _merged(used - middle, faces)
    corners = vertices[faces]
    thick = _areas(corners) > _THINNEST * float(extent.max()) ** 2
    faces = _ordered(faces[thick])
    if not len(faces):
        raise DecodeError("has no surface: all its faces are lines or points", hint="write it anew")
    vertices, faces = _compact(vertices, faces)
    return Surface(vertices, faces, middle, extent)


def _compact(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Without the corners that no face has, in their order."""
    used = np.zeros(len(vertices), dtype=bool)
    used[faces] = True
    return vertices[used], (np.cumsum(used) - 1)[faces]


def _merged(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Corners in one place as one, ordered by their places; faces without a corner twice."""
    order = np.lexsort(vertices.T)
    ordered = vertices[order] + 0.0  # no negative nought
    new = np.ones(len(ordered), dtype=bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    number = np.empty(len(ordered), dtype=np.int64)
    number[order] = np.cumsum(new) - 1
    faces = number[faces]
    a, b, c = faces.T
    return ordered[new], faces[(a != b) & (b != c) & (a != c)]


def _ordered(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each from its least corner on, ordered by their corners; one of the same three corners once."""
    first = faces.argmin(axis=1)
    rows = np.arange(len(faces))
    turned = np.stack([faces[rows, (first + step) % 3] for step in range(3)], axis=1)
    a, b, c = turned[:, 0], np.minimum(turned[:, 1], turned[:, 2]), np.maximum(turned[:, 1], turned[:, 2])
    order = np.lexsort((turned[:, 1], c, b, a))
    same = np.zeros(len(faces), dtype=bool)
    same[1:] = np.all([np.diff(values[order]) == 0 for values in (a, b, c)], axis=0)
    return turned[order[~same]]


def _areas(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """(f,) of (f, 3, 3)."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas: NDArray[np.float64] = np.linalg.norm(normals, axis=1) / 2
    return areas


def is_closed(surface: Surface) -> bool:
    """Whether it has an inside: every edge has one face on its either side, and they agree on which side is out."""
    faces, count = surface.faces, len(surface.vertices)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    there = np.sort(edges[:, 0] * count + edges[:, 1])
    back = np.sort(edges[:, 1] * count + edges[:, 0])
    return bool((there[1:] != there[:-1]).all() and (there == back).all())


def volume_of(surface: Surface) -> float:
    """Of a closed one, whichever way its faces look."""
    a, b, c = (surface.vertices[surface.faces[:, corner]] for corner in range(3))
    return abs(float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum())) / 6


def posed(surface: Surface, *, principal: bool = False, z_up: bool = False) -> Mesh:
    """Its centroid in the origin, its root mean square radius one; both are the surface's, not the corners', so that
    they do not depend on how it is cut into triangles.

    ``principal``: turned, too, so that it is longest along x and shortest along z (the principal axes of its
    surface), and reaches further (by its third moment) towards plus x and plus y. It is never mirrored: two that are
    each other's mirror image stay so. ``z_up``: else, turned so that what was z points along y.
    """
    corners, areas = surface.vertices[surface.faces] / surface.extent.max(), surface.areas
    weights = areas / areas.sum()
    centre = np.einsum("f,fij->j", weights, corners) / 3
    corners = corners - centre
    sums = corners.sum(axis=1)
    moments = (
        np.einsum("f,fij,fik->jk", weights, corners, corners) + np.einsum("f,fj,fk->jk", weights, sums, sums)
    ) / 12
    radius = float(np.sqrt(np.trace(moments)))
    vertices = (surface.vertices / surface.extent.max() - centre) / radius
    if principal:
        vertices = vertices @ _axes(moments, corners / radius, weights)
    elif z_up:
        vertices = y_up(vertices)
    return Mesh(vertices.astype(np.float32), surface.faces.astype(np.int32))


def y_up(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """A quarter turn about x: z points along y, and y away from who looks along minus z."""
    turned: NDArray[np.float64] = vertices[:, [0, 2, 1]] * np.array([1.0, 1.0, -1.0])
    return turned


def _axes(
    moments: NDArray[np.float64], corners: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(3, 3), a rotation: its columns are the new axes."""
    _, vectors = np.linalg.eigh(moments)
    axes = vectors[:, ::-1].copy()
    for at in (0, 1):
        lean = _third_moment(corners @ axes[:, at], weights)
        most = axes[np.abs(axes[:, at]).argmax(), at]
        axes[:, at] *= np.sign(lean if abs(lean) > _EVEN else most)
    axes[:, 2] = np.cross(axes[:, 0], axes[:, 1])
    return axes


def _third_moment(places: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """The mean over the surface of the third power of a coordinate; ``places`` (f, 3) has that of each corner."""
    a, b, c = places.T
    powers = a**3 + b**3 + c**3 + a * a * (b + c) + b * b * (a + c) + c * c * (a + b) + a * b * c
    return float((weights * powers).sum()) / 10
