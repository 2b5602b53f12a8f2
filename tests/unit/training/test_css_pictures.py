"""The pictures of the CSS task: the flat ones as published, the solid ones as a ray tracer of few lines sees them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from morelike.training import css_solid as solid
from morelike.training.css import COLOURS, Scene, Thing, make_css
from morelike.training.css_flat import draw_flat
from morelike.training.css_solid import draw_solid

SHAPES = ("rectangle", "circle", "triangle")
Point = tuple[float, float, float]


def thing(shape: str, colour: str = "red", size: str = "small", y: float = 0.5, x: float = 0.5) -> Thing:
    return Thing.from_published({"shape": shape, "color": colour, "size": size, "pos": (y, x)})


PLACES = st.floats(0, 1) | st.integers(0, 10_000).map(lambda number: number / 10_000)
THINGS = st.builds(
    thing,
    st.sampled_from(SHAPES),
    st.sampled_from(sorted(COLOURS)),
    st.sampled_from(["small", "large"]),
    PLACES,
    PLACES,
)
SCENES = st.lists(THINGS, max_size=9).map(tuple)


# flat


def as_published(scene: Scene) -> NDArray[np.uint8]:
    """The published description, a pixel at a time; what it would paint outside of the picture is left out."""
    rgb = {
        "gray": [87, 87, 87],
        "red": [244, 35, 35],
        "blue": [42, 75, 215],
        "green": [29, 205, 20],
        "brown": [129, 74, 25],
        "purple": [129, 38, 192],
        "cyan": [41, 208, 208],
        "yellow": [255, 238, 51],
    }
    picture = [[[255, 255, 255] for _ in range(64)] for _ in range(64)]
    for one in scene:
        s = 8.0 if one.size == "large" else 4.0
        y, x = one.y * 64, one.x * 64
        rows: list[tuple[int, float, float]] = []
        if one.shape == "rectangle":
            rows = [(y0, x - s, x + s) for y0 in range(int(y - s), int(y + s))]
        elif one.shape == "circle":
            lefts = [(y0, x - (s - abs(y0 - y))) for y0 in range(int(y - s), int(y + s) + 1)]
            rows = [(y0, x0, 2 * x - x0) for y0, x0 in lefts]
        else:
            ends = [(y0, x + (y0 - y + s) / 2) for y0 in range(int(y - s), int(y + s))]
            rows = [(y0, *sorted((x0, 2 * x - x0))) for y0, x0 in ends]  # mirrored about x
        for y0, x0, x1 in rows:
            for column in range(int(x0), int(x1)):
                if 0 <= y0 < 64 and 0 <= column < 64:
                    picture[y0][column] = rgb[one.color]
    return np.array(picture, dtype=np.uint8)


@settings(max_examples=30)
@given(scene=SCENES)
@example(scene=(thing("circle", y=0.51, x=0.51),))  # its first row lies above the diamond's tip: nothing is painted
@example(scene=(thing("triangle", y=0.51, x=0.51),))  # likewise, and something is
@example(scene=tuple(thing(shape, size="large", y=y, x=x) for shape, y, x in product(SHAPES, (0, 1), (0, 1))))
def test_flat_pictures_are_the_published_ones(scene: Scene) -> None:
    """Pixel for pixel, wherever the things stand; later things lie over earlier ones."""
    np.testing.assert_array_equal(draw_flat(scene), as_published(scene))


def test_flat_pictures_of_the_task_are_the_published_ones() -> None:
    """The same of scenes as the task has them."""
    for scene in make_css(0, 2).train.scenes:
        np.testing.assert_array_equal(draw_flat(scene), as_published(scene))


@pytest.mark.parametrize(
    ("shape", "small", "large"), [("rectangle", 64, 256), ("circle", 32, 128), ("triangle", 28, 120)]
)
def test_flat_areas_are_those_counted_by_hand(shape: str, small: int, large: int) -> None:
    """In the picture's middle: a square of 8 pixels a side, diamond rows 0 2 4 6 8 6 4 2 0, triangle rows 0 1 2 … 7."""
    for size, area in (("small", small), ("large", large)):
        picture = draw_flat((thing(shape, "blue", size),))
        assert (picture.shape, picture.dtype) == ((64, 64, 3), np.uint8)
        assert int((picture == (42, 75, 215)).all(axis=2).sum()) == area
        assert int((picture == 255).all(axis=2).sum()) == 64 * 64 - area


# solid


def pixel_of(point: Point) -> tuple[int, int]:
    """Row and column."""
    column, row = solid._project(point)
    return int(row / solid.SAMPLES), int(column / solid.SAMPLES)


def on_floor(one: Thing) -> tuple[float, float]:
    return (one.x - 0.5) * solid.GRID[0], (0.5 - one.y) * solid.GRID[1]


def middle_of(one: Thing) -> tuple[int, int]:
    return pixel_of((*on_floor(one), solid.RADII[one.size]))


def has_colour(pixel: NDArray[np.uint8], colour: str) -> bool:
    """Whether some light and some gloss make the colour this pixel."""
    light, gloss = np.mgrid[solid.AMBIENT : 1 : 0.01, 0 : solid.GLOSS : 0.01][:, :, :, None]
    made = np.minimum(np.array(COLOURS[colour]) * light + 255 * gloss, 255)
    return bool((np.abs(made - pixel).max(axis=2) <= 4).any())


EMPTY = draw_solid(())


@settings(max_examples=10)
@given(scene=SCENES)
@example(scene=())
@example(scene=tuple(thing(shape, size="large", y=y, x=x) for shape, y, x in product(SHAPES, (0, 1), (0, 1))))
def test_whatever_can_be_read_can_be_drawn(scene: Scene) -> None:
    """180 x 120 pixels of any scene, the same each time and in any thread; the order of the things is no matter."""
    picture = draw_solid(scene)
    with ThreadPoolExecutor(1) as pool:
        again = pool.submit(draw_solid, scene).result()

    assert (picture.shape, picture.dtype) == ((120, 180, 3), np.uint8)
    np.testing.assert_array_equal(picture, again)


def test_the_order_of_the_things_is_no_matter() -> None:
    """What hides what, and what is shaded, is decided by where they stand."""
    for scene in make_css(1, 1).test.scenes:
        np.testing.assert_array_equal(draw_solid(scene), draw_solid(scene[::-1]))


@pytest.mark.parametrize("colour", COLOURS)
def test_a_things_colour_is_seen_where_it_stands(colour: str) -> None:
    """In each corner and in the middle, of each shape and size, and not where there is nothing."""
    for shape, size, cell in product(SHAPES, ("small", "large"), range(0, 9, 2)):
        row, column = divmod(cell, 3)
        one = thing(shape, colour, size, (row + 0.5) / 3, (column + 0.5) / 3)
        place = middle_of(one)
        assert has_colour(draw_solid((one,))[place], colour)
        assert not has_colour(EMPTY[place], colour)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_large_thing_covers_more(shape: str) -> None:
    """Twice as long each way: about four times the pixels."""
    areas = []
    for size in ("small", "large"):
        picture = draw_solid((thing(shape, "red", size),)).astype(int)
        areas.append(int((picture[:, :, 0] - picture[:, :, 1] > 40).sum()))

    assert 3.5 * areas[0] < areas[1] < 5 * areas[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_near_things_hide_far_ones(shape: str) -> None:
    """Behind a large cylinder the middle of a small thing is not seen; alone it is."""
    near, far = thing("triangle", "blue", "large", y=0.62), thing(shape, "red", "small", y=0.42)
    place = middle_of(far)

    assert has_colour(draw_solid((far,))[place], "red")
    assert has_colour(draw_solid((near, far))[place], "blue")


@pytest.mark.parametrize(("shape", "far"), [("rectangle", 1.7), ("circle", 1.2), ("triangle", 1.4)])
def test_a_shadow_falls_away_from_the_lamp(shape: str, far: float) -> None:
    """The floor behind a thing, seen from the lamp, has only the light that comes from everywhere; before it, all."""
    one = thing(shape, "red", "large")
    (x, y), (lamp_x, lamp_y, _) = on_floor(one), solid.LIGHT
    off = far / math.hypot(lamp_x, lamp_y)
    behind, before = (pixel_of((x + side * lamp_x, y + side * lamp_y, 0)) for side in (-off, off))
    picture = draw_solid((one,))
    unshaded = solid.AMBIENT + solid.DIFFUSE * solid.LIGHT[2]

    np.testing.assert_array_equal(picture[before], EMPTY[before])
    np.testing.assert_allclose(picture[behind], EMPTY[behind] * (solid.AMBIENT / unshaded), atol=1)


def in_the_shade(shape: str) -> Scene:
    """A small thing behind a large one, seen from the lamp."""
    return thing("triangle", "blue", "large"), thing(shape, "red", "small", y=0.38, x=0.639)


@pytest.mark.parametrize("shape", SHAPES)
def test_things_shade_each_other(shape: str) -> None:
    """What the lamp does not reach has only the light that comes from everywhere, and no gloss."""
    scene = in_the_shade(shape)
    place = middle_of(scene[1])
    expected = np.array(COLOURS["red"]) * solid.AMBIENT

    np.testing.assert_allclose(draw_solid(scene)[place], expected, atol=1)
    assert draw_solid(scene[1:])[place][0] > 1.5 * expected[0]


# a second tracer: one ray at a time, in double precision, each surface by itself


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(one * other for one, other in zip(a, b, strict=True))


def unit(a: Sequence[float]) -> tuple[float, ...]:
    return tuple(one / math.sqrt(dot(a, a)) for one in a)


def along(origin: Sequence[float], direction: Sequence[float], t: float) -> tuple[float, ...]:
    return tuple(o + t * d for o, d in zip(origin, direction, strict=True))


def roots(a: float, b: float, c: float) -> tuple[float, ...]:
    """Of a t² + 2 b t + c."""
    rest = b * b - a * c
    return () if rest <= 0 or a == 0 else ((-b - math.sqrt(rest)) / a, (-b + math.sqrt(rest)) / a)


def meets(one: Thing, origin: Sequence[float], direction: Sequence[float]) -> Iterator[tuple[float, Any]]:
    """How far along the ray it passes the thing's surface, with the surface's direction there."""
    r = solid.RADII[one.size]
    x, y = on_floor(one)
    o = (origin[0] - x, origin[1] - y, origin[2] - r)  # from the thing's middle
    if one.shape == "circle":
        for t in roots(1, dot(o, direction), dot(o, o) - r * r):
            yield t, unit(along(o, direction, t))
        return
    faces: list[tuple[float, ...]] = [(0, 0, 1), (0, 0, -1)]
    if one.shape == "rectangle":
        angles = [math.radians(30 + quarter) for quarter in (0, 90, 180, 270)]
        faces += [(math.cos(angle), math.sin(angle), 0) for angle in angles]
    else:
        flat, ray = (*o[:2], 0.0), (*direction[:2], 0.0)
        for t in roots(dot(ray, ray), dot(flat, ray), dot(flat, flat) - r * r):
            if abs(o[2] + t * direction[2]) <= r:
                yield t, unit(along(flat, ray, t))
    for face in faces:
        if (towards := dot(face, direction)) != 0:
            t = (r - dot(face, o)) / towards
            point = along(o, direction, t)
            if one.shape == "rectangle":
                inside = all(dot(other, point) <= r + 1e-9 for other in faces)
            else:
                inside = math.hypot(*point[:2]) <= r
            if inside:
                yield t, face


def shaded(scene: Scene, column: int, row: int) -> tuple[float, ...]:
    """RGB, 0 to 1, of the sample: the middle of a quarter of a pixel."""
    forward = unit([to - at for to, at in zip(solid.LOOK_AT, solid.CAMERA, strict=True)])
    right = unit((forward[1], -forward[0], 0))
    up = np.cross(right, forward)
    u, v = (column + 0.5) / 120 - 1.5, 1 - (row + 0.5) / 120
    ray = unit([solid.ZOOM * f + u * r + v * n for f, r, n in zip(forward, right, up, strict=True)])
    floor = -solid.CAMERA[2] / ray[2]
    found = [(t, normal, one) for one in scene for t, normal in meets(one, solid.CAMERA, ray) if 1e-3 < t < floor]
    t, normal, seen = min(found, key=lambda hit: hit[0]) if found else (floor, (0, 0, 1), None)
    point = along(solid.CAMERA, ray, t)
    dark = any(s > 1e-3 for one in scene if one is not seen for s, _ in meets(one, point, solid.LIGHT))
    lit = 0.0 if dark else max(0.0, dot(normal, solid.LIGHT))
    light = solid.AMBIENT + solid.DIFFUSE * lit
    if seen is None:
        away = min((point[0] ** 2 + point[1] ** 2) / 150, 1)
        return (min(1.0, solid.FLOOR * (1 - 0.35 * away) * light),) * 3
    half = unit([lamp - d for lamp, d in zip(solid.LIGHT, ray, strict=True)])
    gloss = solid.GLOSS * max(0.0, dot(normal, half)) ** 32 if lit > 0 else 0.0
    return tuple(min(1.0, channel / 255 * light + gloss) for channel in COLOURS[seen.color])


@pytest.mark.parametrize("scene", [*make_css(2, 3).train.scenes[::9], *map(in_the_shade, SHAPES)])
def test_a_second_tracer_sees_the_same(scene: Scene) -> None:
    """Of 200 pixels, half of them on or near things, nearly all agree to a level; single samples at edges may not."""
    picture = draw_solid(scene)
    random = Random(0)
    near = np.argwhere((picture != EMPTY).any(axis=2)).tolist()
    places = [*random.sample(near, 100), *((random.randrange(120), random.randrange(180)) for _ in range(100))]
    agree = 0
    for row, column in places:
        samples = [shaded(scene, 2 * column + i, 2 * row + j) for i in (0, 1) for j in (0, 1)]
        expected = np.floor(np.mean(samples, axis=0) * 255 + 0.5)
        agree += bool(np.abs(expected - picture[row, column]).max() <= 1)

    assert agree >= 198
