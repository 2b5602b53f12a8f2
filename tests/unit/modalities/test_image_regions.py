"""Pictures in parts: where a grid cuts them, what a region's pixels are, and what it costs to have them."""

from __future__ import annotations

import io
import math
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from image_files import quadrants, saved
from PIL import Image

from morelike.errors import DecodeError, QueryError, UsageError
from morelike.modalities import _regions
from morelike.modalities._regions import grid
from morelike.modalities.image import ImageModality
from morelike.settings import Settings
from morelike.testing.images import synthetic_image
from morelike.types import WHOLE, Blob, SegmentSpec, Span

GRID = {"regions": "grid"}


@pytest.fixture
def images(settings: Settings) -> ImageModality:
    return ImageModality(settings)


def _jpeg(size: tuple[int, int] = (1600, 1200)) -> Blob:
    smooth = Image.fromarray(synthetic_image(5, (40, 30))).resize(size, Image.Resampling.BICUBIC)
    return Blob.from_bytes(saved("JPEG", smooth, quality=95), "large.jpg")


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (3, 5, 7, 9), (0, 0, 65_535, 65_535), (65_534, 65_534, 65_535, 65_535)])
def test_a_region_is_what_it_was_made_of(box: tuple[int, int, int, int]) -> None:
    """Both corners come back as they went in, up to the largest there may be."""
    span = Span.region(*box)
    assert span.box == box
    assert span.start < span.end


@pytest.mark.parametrize(
    "box", [(0, 0, 0, 1), (0, 0, 1, 0), (-1, 0, 1, 1), (2, 0, 1, 1), (0, 2, 1, 1), (0, 0, 65_536, 1), (0, 0, 1, 65_536)]
)
def test_what_is_no_box_makes_no_region(box: tuple[int, int, int, int]) -> None:
    """Nothing empty, turned round or out of range becomes a span."""
    with pytest.raises(ValueError, match="no box"):
        Span.region(*box)


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 0), (5, 3), (0, 5), (0.5, 65_537), (math.nan, 65_537), (0, math.inf), (-1, 65_537), (0, 2.0**32 + 1)],
)
def test_numbers_that_are_no_region_have_no_box(start: float, end: float) -> None:
    """A span that came from elsewhere may hold any numbers: it has a box only where they are one."""
    assert Span("pixels", start, end).box is None


@pytest.mark.parametrize("span", [WHOLE, Span("seconds", 0.0, 65_537.0)])
def test_other_spans_have_no_box(span: Span) -> None:
    """Only regions have one."""
    assert span.box is None


@pytest.mark.parametrize("size", [(400, 300), (97, 1201), (65_535, 66), (64, 64)])
def test_a_grid_covers_the_picture(size: tuple[int, int]) -> None:
    """Its boxes lie within, differ, and together leave no pixel out, at each of its two sizes."""
    width, height = size
    boxes = list(grid(width, height))
    assert len(boxes) == len(set(boxes)) == 13
    assert all(0 <= left < right <= width and 0 <= top < bottom <= height for left, top, right, bottom in boxes)
    for some in (boxes[:4], boxes[4:]):
        assert min(left for left, _, _, _ in some) == min(top for _, top, _, _ in some) == 0
        assert (max(right for _, _, right, _ in some), max(bottom for _, _, _, bottom in some)) == size
        lefts = sorted({(left, right) for left, _, right, _ in some})
        tops = sorted({(top, bottom) for _, top, _, bottom in some})
        for row in (lefts, tops):
            assert all(following[0] < one[1] for one, following in pairwise(row))


def test_whatever_is_small_enough_lies_in_a_box_whole() -> None:
    """A thing of a quarter of the sides lies in one of the nine boxes, one of a third in one of the four."""
    width, height = 480, 360
    boxes = list(grid(width, height))
    draw = np.random.default_rng(0)
    for share, some in ((1 / 3, boxes[:4]), (1 / 4, boxes[4:])):
        wide, high = int(width * share), int(height * share)
        for _ in range(200):
            left, top = int(draw.integers(0, width - wide)), int(draw.integers(0, height - high))
            assert any(
                box[0] <= left and box[1] <= top and left + wide <= box[2] and top + high <= box[3] for box in some
            )


@pytest.mark.parametrize(
    ("size", "boxes"), [((70_000, 100), 0), ((40, 40), 0), ((50, 50), 4), ((46, 500), 0), ((47, 500), 4)]
)
def test_tiny_and_endless_pictures_have_fewer_regions(size: tuple[int, int], boxes: int) -> None:
    """No box is under 32 pixels a side, and a picture whose places a span cannot name has none."""
    assert len(list(grid(*size))) == boxes


def test_a_picture_comes_before_its_regions(images: ImageModality) -> None:
    """The whole is the first segment, for which nothing is read, the boxes of the grid follow."""
    specs = images.split(Blob.from_bytes(b"no picture at all", "x"), GRID)
    assert next(specs) == SegmentSpec("image", WHOLE)
    with pytest.raises(DecodeError):
        next(specs)
    found = [spec.span for spec in images.split(_jpeg(), GRID)]
    assert found == [WHOLE, *(Span.region(*box) for box in grid(1600, 1200))]


@pytest.mark.parametrize("given", [{"regions": "grid"}, {}])
def test_options_are_settled_once(images: ImageModality, given: dict[str, Any]) -> None:
    """A collection is whole or has a grid, and stays so."""
    assert images.settle(given) == given


@pytest.mark.parametrize(
    "given",
    [{"regions": "grids"}, {"regions": 3}, {"regions": None, "detector": "a"}, {"regions": "grid", "detector": "a"}],
)
def test_other_regions_are_refused(images: ImageModality, given: dict[str, Any]) -> None:
    """What is neither a grid nor a detector is a UsageError that says what there is."""
    with pytest.raises(UsageError, match=r"grid|detector"):
        images.settle(given)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_region_is_of_the_picture_as_it_stands(images: ImageModality, orientation: int) -> None:
    """Its box counts in the upright picture, whichever way the file has it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    blob = Blob.from_bytes(saved("PNG", quadrants(), exif=exif), "turned.png")
    whole = images.load(blob, SegmentSpec("image"), {})
    height, width = whole.shape[:2]
    box = (3, 5, width - 7, height - 2)

    part = images.load(blob, SegmentSpec("image", Span.region(*box)), {})

    assert np.array_equal(part, whole[box[1] : box[3], box[0] : box[2]])
    assert part.flags.writeable
    assert part.flags.c_contiguous


def test_a_region_of_a_large_jpeg_is_decoded_small(images: ImageModality) -> None:
    """A box keeps at least twice the wanted side, and no more than needed: here the half of each of its sides."""
    box = Span.region(400, 300, 1200, 900)
    whole = images.load(_jpeg(), SegmentSpec("image", box), {})
    small = images.load(_jpeg(), SegmentSpec("image", box), {"side": 150})

    assert whole.shape == (600, 800, 3)
    assert small.shape == (300, 400, 3)
    assert np.abs(whole.reshape(300, 2, 400, 2, 3).mean((1, 3)) - small).mean() < 2


@pytest.mark.parametrize(
    "at",
    [
        Span.region(0, 0, 1601, 1200),
        Span.region(0, 0, 1600, 1201),
        Span("pixels", 0.0, 0.0),
        Span("pixels", math.nan, 1.0),
        Span("seconds", 0.0, 1.0),
    ],
)
def test_a_region_beyond_the_picture_is_refused(images: ImageModality, at: Span) -> None:
    """A part that the picture does not have is a QueryError, wherever it is asked for."""
    with pytest.raises(QueryError):
        list(images.split(_jpeg(), GRID, at))
    if at.unit == "pixels":
        with pytest.raises(QueryError):
            images.load(_jpeg(), SegmentSpec("image", at), {})
        with pytest.raises(QueryError):
            images.preview(_jpeg(), at, 64)


def test_any_picture_has_a_part(images: ImageModality) -> None:
    """A region can be asked for whether or not the collection has regions."""
    at = Span.region(10, 20, 30, 40)
    assert list(images.split(_jpeg(), {}, at)) == [SegmentSpec("image", at)]


def test_a_preview_shows_the_region(images: ImageModality) -> None:
    """Of a box in one of the four quarters, only that quarter's colour is to be seen."""
    pixels = np.repeat(np.repeat(quadrants(), 8, axis=0), 8, axis=1)
    blob = Blob.from_bytes(saved("PNG", pixels), "quarters.png")
    preview = images.preview(blob, Span.region(0, 0, 192, 128), 48)
    shown = np.asarray(Image.open(io.BytesIO(preview.data)))
    assert (preview.width, preview.height) == (48, 32)
    assert np.abs(shown.astype(int) - quadrants()[0, 0]).max() < 12


def test_a_picture_is_decoded_once_for_its_regions(images: ImageModality, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nine small boxes of one blob, from four threads, cost one decoding; each gets its own pixels."""
    decoded: list[int] = []
    to_rgb = _regions.to_rgb
    monkeypatch.setattr(_regions, "to_rgb", lambda image: decoded.append(1) or to_rgb(image))
    blob = Blob.from_bytes(saved("PNG", synthetic_image(1, (400, 300))), "a.png")
    spans = [Span.region(*box) for box in list(grid(400, 300))[4:]]

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda span: images.load(blob, SegmentSpec("image", span), {"side": 32}), spans))

    assert len(decoded) == 1
    parts[4][:] = 0
    whole = synthetic_image(1, (400, 300))
    for span, part in zip(spans, parts, strict=True):
        left, top, right, bottom = span.box or (0, 0, 0, 0)
        assert part is parts[4] or np.array_equal(part, whole[top:bottom, left:right])
