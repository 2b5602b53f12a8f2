"""Pictures of surfaces, drawn without a graphics card."""

from __future__ import annotations

from itertools import product

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from morelike import rasterise
from morelike.payloads import Mesh
from morelike.rasterise import drawn, facing, ring
from morelike.testing.solids import CORNERS, FACES

BOX = Mesh(CORNERS.astype(np.float32), FACES.astype(np.int32))
FRONT = facing((0, 0, 1))


def square(z: float, size: float) -> tuple[np.ndarray, np.ndarray]:
    corners = np.array([[-size, -size, z], [size, -size, z], [size, size, z], [-size, size, z]])
    return corners, np.array([[0, 1, 2], [0, 2, 3]])


def both(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> Mesh:
    corners = np.concatenate([first[0], second[0]]).astype(np.float32)
    return Mesh(corners, np.concatenate([first[1], second[1] + len(first[0])]).astype(np.int32))


def test_a_square_fills_its_place() -> None:
    """A square from the front is a square, as large as it fits, of one grey on white."""
    corners, faces = square(0, 1)

    picture = drawn(Mesh(corners.astype(np.float32), faces.astype(np.int32)), FRONT, 100, finer=1)

    assert picture.shape == (100, 100, 3)
    assert (picture[5:95, 5:95] == picture[50, 50]).all()
    assert (picture[:3] == 255).all()
    assert picture[50, 50, 0] < 255
    assert (picture[:, :, 0] < 255).mean() == pytest.approx(0.92**2, abs=0.01)


def test_what_is_in_front_is_seen() -> None:
    """A leaning small square before a large one hides it from the front, and is hidden from behind."""
    small, faces = square(1, 0.5)
    small[:, 2] += small[:, 0] / 2  # leaning, so that it has another shade
    mesh = both(square(0, 1), (small, faces))

    front, back = (drawn(mesh, eye, 64, finer=1)[:, :, 0] for eye in (FRONT, facing((0, 0, -1))))

    assert front[32, 32] != front[32, 8]
    assert back[32, 32] == back[32, 8]


def test_triangles_that_share_edges_leave_no_gap() -> None:
    """A sheet of many triangles has no hole where they meet, at any size."""
    places = np.linspace(-1, 1, 24)
    corners = np.array([(x, y, 0) for x, y in product(places, places)], dtype=np.float32)
    at = np.arange(23 * 24).reshape(23, 24)[:, :-1].ravel()
    faces = np.concatenate([np.stack([at, at + 24, at + 25], 1), np.stack([at, at + 25, at + 1], 1)]).astype(np.int32)

    for side in (31, 64, 97):
        picture = drawn(Mesh(corners, faces), FRONT, side, finer=1)[:, :, 0]
        rows, columns = np.flatnonzero((picture < 255).any(1)), np.flatnonzero((picture < 255).any(0))
        inside = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert (inside < 255).all()


def test_the_order_of_triangles_makes_no_difference() -> None:
    """The same triangles in another order are the same picture, drawn in one piece or in many."""
    order = np.random.default_rng(0).permutation(len(FACES))
    eye = facing((1, 2, 3))

    expected = drawn(BOX, eye, 64)

    np.testing.assert_array_equal(drawn(Mesh(BOX.vertices, BOX.faces[order]), eye, 64), expected)


def test_pieces_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that is drawn in many small pieces is the one that is drawn at once."""
    expected = drawn(BOX, facing((1, 2, 3)), 64)

    monkeypatch.setattr(rasterise, "_PIXELS_AT_ONCE", 100)

    np.testing.assert_array_equal(drawn(BOX, facing((1, 2, 3)), 64), expected)


def test_too_many_pixels_leave_triangles_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model made of sheets behind sheets is drawn within bounds: some of them are left out."""
    sheets = [square(-float(depth), 1) for depth in range(50)]
    corners = np.concatenate([sheet for sheet, _ in sheets]).astype(np.float32)
    faces = np.concatenate([face + 4 * at for at, (_, face) in enumerate(sheets)]).astype(np.int32)
    covered: list[int] = []
    plain = rasterise._cover
    monkeypatch.setattr(rasterise, "_cover", lambda *given: (covered.append(len(given[2])), plain(*given))[1])
    monkeypatch.setattr(rasterise, "_MOST_PIXELS", 64 * 64 * 10)

    picture = drawn(Mesh(corners, faces), FRONT, 64, finer=1)

    assert 0 < sum(covered) < 30
    assert picture[32, 32, 0] < 255


@pytest.mark.parametrize("most", [256 * 256 * 3, 256 * 256], ids=["unaveraged", "enlarged"])
def test_a_large_picture_has_no_holes(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be too many pixels is drawn coarser, and all of its triangles are there."""
    expected = drawn(BOX, FRONT, 256)
    monkeypatch.setattr(rasterise, "_MOST_PIXELS", most)

    picture = drawn(BOX, FRONT, 256)

    assert picture.shape == expected.shape
    assert np.mean(picture != expected) < 0.02


@pytest.mark.parametrize("first", [0.0, 30.0])
def test_a_ring_stands_around_what_is_up(first: float) -> None:
    """Eyes of a ring are rotations, look down by the same angle, and see up as up."""
    eyes = list(ring(7, 20, first=first))

    for eye in eyes:
        np.testing.assert_allclose(eye @ eye.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(eye) == pytest.approx(1)
        assert eye[2, 1] == pytest.approx(np.sin(np.deg2rad(20)))
        assert eye[1, 1] == pytest.approx(np.cos(np.deg2rad(20)))
    assert np.rad2deg(np.arctan2(eyes[0][2, 0], eyes[0][2, 2])) == pytest.approx(first)
    assert len({tuple(np.round(eye[2], 6)) for eye in eyes}) == 7


@pytest.mark.parametrize("direction", [(0, 1, 0), (0, -1, 0)])
def test_an_eye_may_stand_above(direction: tuple[float, float, float]) -> None:
    """From straight above and below there is a right and an up, too."""
    eye = facing(direction)

    np.testing.assert_allclose(eye @ eye.T, np.eye(3), atol=1e-12)


@given(
    arrays(np.float32, (9, 3), elements=st.floats(-1e6, 1e6, width=32)),
    arrays(np.int32, (6, 3), elements=st.integers(0, 8)),
    st.integers(1, 40),
)
@settings(max_examples=200)
def test_any_triangles_are_a_picture(vertices: np.ndarray, faces: np.ndarray, side: int) -> None:
    """Whatever the triangles are, there is a picture, and it is always the same."""
    mesh = Mesh(vertices, faces)

    picture = drawn(mesh, facing((1, -2, 3)), side)

    assert picture.shape == (side, side, 3)
    np.testing.assert_array_equal(picture, drawn(mesh, facing((1, -2, 3)), side))


@given(arrays(np.float64, (3, 2), elements=st.floats(-1, 1, width=32)))
@settings(max_examples=200)
def test_a_triangle_covers_its_pixels(corners: np.ndarray) -> None:
    """A pixel is covered where its middle lies in the triangle, by another way of asking."""
    frame = np.array([[-1, -1], [1, 1]])  # two specks that hold the picture's edges in place
    specks = np.concatenate([frame, frame + 1e-6, frame - [1e-6, 0]]) * 1.0
    places = np.concatenate([corners, specks])
    mesh = Mesh(
        np.column_stack([places, np.zeros(len(places))]).astype(np.float32),
        np.array([[0, 1, 2], [3, 5, 7], [4, 6, 8]], dtype=np.int32),
    )
    side = 48
    covered = drawn(mesh, FRONT, side, finer=1)[:, :, 0] < 255
    low, high = places.min(axis=0), places.max(axis=0)
    scale = (high - low).max() / (side * 0.92)
    middle = (low + high) / 2
    x = (np.arange(side) + 0.5 - side / 2) * scale + middle[0]
    y = (side / 2 - np.arange(side) - 0.5) * scale + middle[1]
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    a, b, c = corners.astype(np.float32).astype(np.float64)
    sides = [(q - p)[0] * (grid - p)[..., 1] - (q - p)[1] * (grid - p)[..., 0] for p, q in ((a, b), (b, c), (c, a))]
    inside = np.all([s > 1e-4 for s in sides], axis=0) | np.all([s < -1e-4 for s in sides], axis=0)
    outside = ~(np.all([s > -1e-4 for s in sides], axis=0) | np.all([s < 1e-4 for s in sides], axis=0))

    assert covered[inside].all()
    assert covered[outside].sum() <= 8  # the specks
