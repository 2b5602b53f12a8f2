"""``mesh-shape``: 3D models without weights, by distances, angles and slopes between points of their surface.

The vector (584 numbers) is four parts, each of length one, scaled by the root of its share:

- pairs: how often two points of the surface are so far apart, their faces at such an angle to each other, and each at
  such an angle to the line between them (surflet pairs, Wahl, Hillenbrand & Hirzinger 2003);
- D2 and A3: how often two points are so far apart, and three make such an angle (Osada, Funkhouser, Chazelle &
  Dobkin 2002);
- radii: how far the surface reaches along its principal axes, and from its centroid.

Histograms are of the roots of shares, so that cosines are Bhattacharyya's coefficients. All of it is the same however
large the model is, wherever it stands and however it is turned; a mirror image has the vector of what it mirrors. Which
side of a face is out does not matter. Points are drawn by area, evenly (R2 sequence, Roberts 2018), not by chance.
Nothing is fitted to a collection: bins and shares are fixed here and covered by ``options.revision``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.encoders._batches import check_kind, check_revision, finished, nothing
from morelike.errors import EncodeError, ModelError
from morelike.settings import Settings
from morelike.types import Card, Kind, Mesh, Payload, Vectors

__all__ = ["MeshShapeEncoder"]

_REVISION = 1
_POINTS, _PARTNERS = 2048, 16
_FURTHEST = 3.2
"""In root mean square radii; what is further apart counts as that far."""
_PAIR_BINS, _DISTANCE_BINS, _ANGLE_BINS = (8, 4, 4, 4), 32, 32
_SHELLS = (0.1, 0.3, 0.5, 0.7, 0.9)
_SHARES = (0.7, 0.1, 0.1, 0.1)  # pairs, D2, A3, radii
_DIM = 8 * 4 * 4 * 4 + _DISTANCE_BINS + _ANGLE_BINS + 3 + len(_SHELLS)
_PLASTIC = 1.32471795724474602596

Floats = NDArray[np.float64]


class MeshShapeEncoder:
    """The registry's ``mesh-shape`` family. Deterministic; needs no files."""

    def __init__(self, card: Card, files: Mapping[str, Path], settings: Settings) -> None:
        del files, settings
        check_revision(card, _REVISION)
        if card.dim != _DIM or list(card.inputs) != ["mesh"]:
            raise ModelError(
                f"the card {card.name!r} says dim = {card.dim}, {dict(card.inputs)}",
                hint=f"`mesh-shape` gives {_DIM} numbers of a mesh",
            )
        self._card = card

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> NDArray[np.float32]:
        """One ``Mesh`` to its vector (584,): all the work, on the caller's thread. Raises EncodeError."""
        check_kind(self._card, kind)
        if not isinstance(payload, Mesh) or not len(payload.faces):
            raise EncodeError("the mesh has no faces", hint="give a mesh with a surface")
        points, normals = _sampled(payload)
        parts = [*_histograms(points, normals), _radii(points)]
        joined = [
            part / max(float(np.linalg.norm(part)), 1e-9) * share**0.5
            for part, share in zip(parts, _SHARES, strict=True)
        ]
        return np.concatenate(joined).astype(np.float32)

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        """(n, 584) float32 of length one."""
        check_kind(self._card, kind)
        if not batch:
            return nothing(self._card)
        return finished(self._card, np.stack(batch), len(batch), unit=True)


def _sampled(mesh: Mesh) -> tuple[Floats, Floats]:
    """(points, 3) of the surface, as many on each part as it has area, about their mean, at a mean square radius of
    one; and the normals of their faces, of length one.
    """
    corners = mesh.vertices.astype(np.float64)[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    twice = np.linalg.norm(normals, axis=1)
    reach = np.cumsum(twice)
    if not (np.isfinite(reach[-1]) and reach[-1] > 0):
        raise EncodeError("the mesh has no surface", hint="all its faces are lines or points")
    number = np.arange(_POINTS)
    face = np.minimum(np.searchsorted(reach, (number + 0.5) / _POINTS * reach[-1]), len(corners) - 1)
    across, along = np.sqrt((0.5 + number / _PLASTIC) % 1), (0.5 + number / _PLASTIC**2) % 1
    a, b, c = (corners[face, corner] for corner in range(3))
    points = a + across[:, None] * ((b - a) + along[:, None] * (c - b))
    points -= points.mean(axis=0)
    points /= max(float(np.sqrt((points**2).sum(axis=1).mean())), 1e-12)
    return points, normals[face] / np.maximum(twice[face], 1e-300)[:, None]


@cache
def _partners() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Which three points are looked at together: (points * partners,) each, the same for every mesh."""
    shuffled = np.random.default_rng(1).permutation(_POINTS)
    steps = (2 * np.arange(_PARTNERS) + 1) ** 2
    second = [np.roll(shuffled, -int(step)) for step in steps]
    third = [np.roll(shuffled, -int(3 * step + 7)) for step in steps]
    return np.tile(shuffled, _PARTNERS), np.concatenate(second), np.concatenate(third)


def _histograms(points: Floats, normals: Floats) -> tuple[Floats, Floats, Floats]:
    """Pairs, D2 and A3."""
    first, second, third = _partners()
    line, other = points[first] - points[second], points[third] - points[second]
    apart = np.linalg.norm(line, axis=1)
    line /= np.maximum(apart, 1e-12)[:, None]
    other /= np.maximum(np.linalg.norm(other, axis=1), 1e-12)[:, None]
    distance = apart / _FURTHEST
    faces = np.abs(_dot(normals[first], normals[second]))
    slopes = np.abs(_dot(line, normals[first])), np.abs(_dot(line, normals[second]))
    angle = np.arccos(np.clip(_dot(line, other), -1, 1)) / np.pi
    return (
        _shares_of((distance, faces, np.minimum(*slopes), np.maximum(*slopes)), _PAIR_BINS),
        _shares_of((distance,), (_DISTANCE_BINS,)),
        _shares_of((angle,), (_ANGLE_BINS,)),
    )


def _dot(a: Floats, b: Floats) -> Floats:
    result: Floats = (a * b).sum(axis=1)
    return result


def _shares_of(values: Sequence[Floats], bins: Sequence[int]) -> Floats:
    """Roots of the shares of a histogram over values from 0 to 1; each counts for its two nearest bins a side."""
    indices, weights = [np.zeros(len(values[0]), dtype=np.int64)], [np.ones(len(values[0]))]
    for value, count in zip(values, bins, strict=True):
        place = np.clip(value * count - 0.5, 0, count - 1)
        low = np.minimum(place.astype(np.int64), count - 2)
        upper = place - low
        indices = [at * count + low for at in indices] + [at * count + low + 1 for at in indices]
        weights = [weight * (1 - upper) for weight in weights] + [weight * upper for weight in weights]
    total = np.zeros(int(np.prod(bins)))
    for at, weight in zip(indices, weights, strict=True):
        total += np.bincount(at, weight, len(total))
    result: Floats = np.sqrt(total / total.sum())
    return result


def _radii(points: Floats) -> Floats:
    """(8,): standard deviations along the principal axes, the longest first; five quantiles of the radius."""
    spread = np.linalg.eigvalsh(np.einsum("ij,ik->jk", points, points) / len(points))[::-1]
    radii = np.quantile(np.linalg.norm(points, axis=1), _SHELLS)
    return np.concatenate([np.sqrt(np.maximum(spread, 0)), radii])
