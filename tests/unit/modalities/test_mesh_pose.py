"""Where a 3D model ends up: in one place and size, however its file has it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from morelike.errors import QueryError, UsageError
from morelike.modalities._mesh_glb import written_glb
from morelike.modalities._mesh_gltf import read_gltf
from morelike.modalities._mesh_soup import Soup
from morelike.modalities._mesh_surface import posed, surface_of
from morelike.modalities.mesh import MeshModality
from morelike.settings import Settings
from morelike.testing.solids import CORNERS, FACES, binary_stl, glb
from morelike.types import WHOLE, Blob, Mesh, Span

Floats = NDArray[np.float64]
LEANING = CORNERS + np.where(CORNERS[:, 2:] > 0, [[0.7, 0.2, 0.0]], 0.0)
"""A box that is the mirror image of nothing of its own."""


def turn(seed: int) -> Floats:
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
    return matrix * np.sign(np.linalg.det(matrix))


def pose(corners: Floats, faces: NDArray[np.int64] = FACES, *, principal: bool = False) -> Mesh:
    return posed(surface_of(Soup(corners, faces)), principal=principal)


def places(mesh: Mesh) -> Floats:
    """Its corners, in an order of their own."""
    rounded = np.round(mesh.vertices.astype(np.float64), 4) + 0.0
    return rounded[np.lexsort(rounded.T)]


def quartered(corners: Floats, faces: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    a, b, c = (corners[faces[:, at]] for at in range(3))
    ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
    parts = [np.stack(part, axis=1) for part in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    soup = np.concatenate(parts).reshape(-1, 3)
    return soup, np.arange(len(soup)).reshape(-1, 3)


@pytest.mark.parametrize("principal", [False, True])
def test_size_and_place_make_no_difference(principal: bool) -> None:
    """A model that is larger, smaller or elsewhere is the same payload."""
    expected = pose(LEANING, principal=principal)

    for scale, move in ((1000, 0), (1e-6, 0), (1, [1e4, -3e3, 7])):
        found = pose(LEANING * scale + np.array(move), principal=principal)
        np.testing.assert_allclose(found.vertices, expected.vertices, atol=1e-5)


def test_the_order_in_the_file_makes_no_difference() -> None:
    """Faces and corners in another order are bit for bit the same payload."""
    rng = np.random.default_rng(3)
    order = rng.permutation(8)
    faces = np.roll(np.argsort(order)[FACES][rng.permutation(12)], 1, axis=1)

    first, second = pose(LEANING), pose(LEANING[order], faces)

    np.testing.assert_array_equal(first.vertices, second.vertices)
    np.testing.assert_array_equal(first.faces, second.faces)


@pytest.mark.parametrize("seed", range(5))
def test_a_turned_model_is_turned_back(seed: int) -> None:
    """In the principal pose a model is the same however it lay, and it is never mirrored."""
    expected, found = pose(LEANING, principal=True), pose(LEANING @ turn(seed), principal=True)
    mirrored = pose(LEANING * [-1, 1, 1], FACES[:, ::-1], principal=True)

    np.testing.assert_allclose(places(found), places(expected), atol=2e-4)
    assert not np.allclose(places(mirrored), places(expected), atol=1e-2)


def test_how_it_is_cut_into_triangles_makes_no_difference() -> None:
    """Where a model lies follows from its surface, not from where its corners are many."""
    coarse, fine = pose(LEANING, principal=True), pose(*quartered(*quartered(LEANING, FACES)), principal=True)

    corners = {tuple(place) for place in np.round(fine.vertices.astype(float), 3).tolist()}
    assert {tuple(place) for place in np.round(coarse.vertices.astype(float), 3).tolist()} <= corners


def test_the_surface_has_a_radius_of_one() -> None:
    """Its centroid is the origin and its root mean square radius one, by points drawn from it."""
    mesh = pose(LEANING)
    rng = np.random.default_rng(0)
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    face = rng.choice(len(corners), 200_000, p=areas / areas.sum())
    weights = rng.dirichlet([1, 1, 1], len(face))
    points = np.einsum("nk,nkj->nj", weights, corners[face])

    np.testing.assert_allclose(points.mean(axis=0), 0, atol=0.01)
    assert (points**2).sum(axis=1).mean() == pytest.approx(1, abs=0.01)


def test_what_is_up_can_be_said() -> None:
    """With ``up=z``, what was up along z is up along y, and nothing is mirrored."""
    blob = Blob.from_bytes(binary_stl(LEANING), "a.stl")
    plain = MeshModality(Settings(offline=True))
    given, stood = (one.load(blob, next(plain.split(blob, {})), {}) for one in (plain, plain.configured({"up": "z"})))

    np.testing.assert_allclose(
        places(Mesh(given.vertices @ [[1, 0, 0], [0, 0, -1], [0, 1, 0]], given.faces)), places(stood)
    )


@pytest.mark.parametrize("options", [{"pose": "upright"}, {"up": "x"}, {"pose": 1}, {"window": 2}])
def test_other_options_are_refused(options: dict[str, object]) -> None:
    """A collection of models has the options pose and up, and their values, and no others."""
    with pytest.raises(UsageError):
        MeshModality(Settings(offline=True)).settle(options)


def test_a_model_has_no_parts() -> None:
    """Asked for seconds of a model, it is said that it has none."""
    with pytest.raises(QueryError, match="it has no seconds"):
        list(MeshModality(Settings(offline=True)).split(Blob.from_bytes(glb(), "a.glb"), {}, Span("seconds", 0, 1)))


def test_the_written_glb_is_the_surface() -> None:
    """What viewers are given reads back as the same surface, about its middle."""
    surface = surface_of(Soup(LEANING + 50, FACES))

    again = surface_of(read_gltf(written_glb(surface)))

    np.testing.assert_allclose(again.vertices, surface.vertices, atol=1e-5)
    np.testing.assert_array_equal(again.faces, surface.faces)


def test_previews_turn_once_at_the_sizes_of_tiles() -> None:
    """Small and large previews stand still; of those in between each frame differs, and after a turn it stops."""
    modality, blob = MeshModality(Settings(offline=True)), Blob.from_bytes(binary_stl(LEANING), "a.stl")

    still, tile, large = (modality.preview(blob, WHOLE, side) for side in (192, 256, 1024))

    assert still.media_type == large.media_type == "image/png"
    assert tile.media_type == "image/webp"
    with Image.open(io.BytesIO(tile.data)) as picture:
        assert picture.size == (256, 256)
        assert getattr(picture, "n_frames", 1) == 24
        assert picture.info["loop"] == 1
        frames = []
        for number in (0, 5, 12):
            picture.seek(number)
            frames.append(np.asarray(picture.convert("L"), dtype=np.int16))
    assert np.abs(frames[0] - frames[1]).mean() > 1
    assert np.abs(frames[0] - frames[2]).mean() > 1
