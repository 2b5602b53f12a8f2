"""The built-in encoder of 3D models without weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from morelike.encoders.mesh_shape import MeshShapeEncoder
from morelike.errors import EncodeError, ModelError
from morelike.models import cards
from morelike.settings import Settings
from morelike.testing.solids import CORNERS, FACES
from morelike.types import Mesh

SETTINGS = Settings(offline=True)
CARD = cards.find("mesh-shape", SETTINGS)
ENCODER = MeshShapeEncoder(CARD, {}, SETTINGS)


def vector(corners: NDArray[np.floating], faces: NDArray[np.int64] = FACES) -> NDArray[np.float32]:
    mesh = Mesh(np.asarray(corners, dtype=np.float32), faces.astype(np.int32))
    found: NDArray[np.float32] = ENCODER.encode("mesh", [ENCODER.prepare("mesh", mesh)])[0]
    return found


def ball(rings: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A sphere of so many rings of twice as many quads."""
    polar, around = np.meshgrid(
        np.linspace(0, np.pi, rings + 1), np.linspace(0, 2 * np.pi, 2 * rings + 1), indexing="ij"
    )
    places = np.stack([np.sin(polar) * np.cos(around), np.cos(polar), np.sin(polar) * np.sin(around)], axis=-1)
    at = np.arange(places[..., 0].size).reshape(rings + 1, -1)
    a, b, c, d = (part.ravel() for part in (at[:-1, :-1], at[1:, :-1], at[1:, 1:], at[:-1, 1:]))
    return places.reshape(-1, 3), np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


@pytest.mark.parametrize("seed", range(4))
def test_how_it_lies_makes_hardly_a_difference(seed: int) -> None:
    """Turned, moved, scaled and mirrored a model is all but the same, and its other shapes are not."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    changed = vector(CORNERS @ turn * rng.uniform(0.01, 100) + rng.standard_normal(3) * 5)

    assert float(vector(CORNERS) @ changed) > 0.998
    assert float(vector(CORNERS * [1, 1, 4]) @ changed) < 0.98
    assert float(vector(*ball(12)) @ changed) < 0.9


def test_finer_triangles_make_hardly_a_difference() -> None:
    """A sphere of 36 000 triangles is nearer to one of 500 than to a box, by far."""
    coarse, fine = vector(*ball(12)), vector(*ball(95))

    assert float(coarse @ fine) > 0.98
    assert float(coarse @ vector(CORNERS)) < 0.9


def test_which_side_is_out_makes_no_difference() -> None:
    """Faces that look the other way are the same surface."""
    assert float(vector(CORNERS, FACES[:, ::-1]) @ vector(CORNERS)) > 0.999


@pytest.mark.parametrize(
    "mesh",
    [
        Mesh(np.zeros((3, 3), np.float32), np.array([[0, 1, 2]], np.int32)),
        Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)),
        Mesh(np.full((3, 3), np.nan, np.float32), np.array([[0, 1, 2]], np.int32)),
    ],
)
def test_without_a_surface_there_is_no_vector(mesh: Mesh) -> None:
    """A mesh without faces, area or numbers is refused."""
    with pytest.raises(EncodeError):
        ENCODER.prepare("mesh", mesh)


@pytest.mark.parametrize("change", [{"dim": 100}, {"options": {"revision": 2}}, {"inputs": {"image": {}}}])
def test_another_card_is_refused(change: dict[str, object]) -> None:
    """A card of another revision, width or kind is not quietly computed as this one."""
    with pytest.raises(ModelError):
        MeshShapeEncoder(replace(CARD, **change), {}, SETTINGS)  # type: ignore[arg-type]
