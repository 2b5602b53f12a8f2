"""The image modality against every odd file of the corpus."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from image_corpus import READABLE, REFUSED, Readable, Refused, textured
from image_files import Pixels
from numpy.typing import NDArray
from PIL import Image

from morelike.errors import DecodeError
from morelike.modalities.image import ImageModality
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, SegmentSpec

SPEC = SegmentSpec("image")
TEXTURED = dict(textured())


@pytest.fixture
def images(settings: Settings) -> ImageModality:
    return ImageModality(settings)


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.id)
def test_pixels_are_as_expected(images: ImageModality, case: Readable) -> None:
    """Each readable file decodes to the picture that a person would see, as writable contiguous uint8 RGB."""
    data, expected = case.make(), case.pixels()

    pixels = images.load(Blob.from_bytes(data, case.name), SPEC, {})

    assert (expected.shape, np.uint8) == (pixels.shape, pixels.dtype)
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    difference = np.abs(pixels.astype(int) - expected.astype(int))
    assert case.tolerance >= difference[_away_from_edges(expected, 2 if case.blurred else 0)].max()


def _away_from_edges(pixels: Pixels, distance: int) -> NDArray[np.bool_]:
    """(h, w): whether all pixels up to ``distance`` above, below, left and right have the same colour."""
    away = np.ones(pixels.shape[:2], np.bool_)
    for axis in (0, 1):
        for shift in range(-distance, distance + 1):
            away &= (pixels == np.roll(pixels, shift, axis)).all(axis=2)
    return away


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.id)
def test_description_agrees_with_the_pixels(images: ImageModality, case: Readable) -> None:
    """Width and height are those of the decoded picture, after its orientation, and the format is the bytes' own."""
    expected = {"width": case.pixels().shape[1], "height": case.pixels().shape[0], **case.says}

    info = images.describe(Blob.from_bytes(case.make(), case.name))

    assert expected == {name: info.get(name) for name in expected}


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.id)
def test_sniffed_by_content(images: ImageModality, case: Readable) -> None:
    """Each readable file is recognised with certainty from its first bytes, whatever its name."""
    assert images.sniff(case.make()[:4096], case.name) == 1.0


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.id)
def test_preview_shows_the_same_picture(images: ImageModality, case: Readable) -> None:
    """A preview is a JPEG within the asked side, of the picture's shape, without metadata, in the picture's colours."""
    whole = case.pixels()

    preview = images.preview(Blob.from_bytes(case.make(), case.name), WHOLE, 24)

    with Image.open(io.BytesIO(preview.data)) as image:
        shown = np.asarray(image.convert("RGB"))
        assert (image.format, preview.media_type) == ("JPEG", "image/jpeg")
        assert not {"exif", "comment", "icc_profile"} & set(image.info)
        assert (preview.width, preview.height) == image.size
    assert max(preview.width, preview.height) == min(24, max(whole.shape[:2]))
    assert np.abs(shown.mean((0, 1)) - whole.mean((0, 1))).max() < 12


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_refused_with_a_reason(images: ImageModality, case: Refused) -> None:
    """What cannot be read raises DecodeError, and its message says why."""
    with pytest.raises(DecodeError) as caught:
        images.load(Blob.from_bytes(case.make(), case.name), SPEC, {})

    assert case.reason in str(caught.value)


def test_a_bomb_is_refused_before_it_is_decoded(images: ImageModality) -> None:
    """A header with too many pixels is enough to refuse a file, in ``describe`` too; Pillow's own bound stays."""
    bound = Image.MAX_IMAGE_PIXELS
    bomb = next(case for case in REFUSED if case.id == "bomb-header").make()

    with pytest.raises(DecodeError, match="3,600,000,000 pixels, more than the 120,000,000 allowed"):
        images.describe(Blob.from_bytes(bomb, "bomb.png"))

    assert bound == Image.MAX_IMAGE_PIXELS


def test_the_pixel_bound_can_be_raised() -> None:
    """A picture above Pillow's own warning threshold is read without a warning where the setting allows it."""
    images = ImageModality(Settings(max_pixels=150_000_000))
    bomb = next(case for case in REFUSED if case.id == "bomb-real").make()

    assert images.describe(Blob.from_bytes(bomb, "large.png"))["width"] == 12_000


@pytest.mark.parametrize("kind", TEXTURED)
def test_a_cut_file_is_never_half_a_picture(images: ImageModality, kind: str) -> None:
    """A file cut anywhere either raises DecodeError or still has the whole picture: no grey or black rest."""
    data = TEXTURED[kind]
    whole = images.load(Blob.from_bytes(data), SPEC, {})
    refused = 0
    for share in np.linspace(0.05, 0.98, 24):
        try:
            pixels = images.load(Blob.from_bytes(data[: int(len(data) * share)]), SPEC, {})
        except DecodeError:
            refused += 1
        else:
            np.testing.assert_array_equal(whole, pixels)

    assert refused >= 12  # of an animation, the first frame may be whole


def _survives(data: bytes) -> None:
    """Either a picture or DecodeError; a warning would be an error here."""
    images = ImageModality(Settings(max_pixels=1_000_000))
    blob = Blob.from_bytes(data, "x")
    for attempt in (
        lambda: images.describe(blob),
        lambda: images.load(blob, SPEC, {"side": 16}).shape[2] == 3,
        lambda: images.preview(blob, WHOLE, 16).data.startswith(b"\xff\xd8"),
    ):
        try:
            result = attempt()
        except DecodeError as error:
            result = str(error).isprintable()
        assert result


@hypothesis_settings(max_examples=120, deadline=None)
@given(kind=st.sampled_from(sorted(TEXTURED)), share=st.floats(0, 1))
def test_a_cut_file_raises_decode_error_only(kind: str, share: float) -> None:
    """Cutting any format anywhere raises nothing but DecodeError, and warns of nothing."""
    _survives(TEXTURED[kind][: int(len(TEXTURED[kind]) * share)])


@hypothesis_settings(max_examples=250, deadline=None)
@given(
    kind=st.sampled_from(sorted(TEXTURED)),
    near=st.sampled_from([64, 512, 1 << 20]),
    damage=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=12),
)
def test_a_damaged_file_raises_decode_error_only(kind: str, near: int, damage: list[tuple[int, int]]) -> None:
    """Changing bytes of any format, most often in its header, raises nothing but DecodeError, and warns of nothing."""
    data = bytearray(TEXTURED[kind])
    for position, value in damage:
        data[position % min(near, len(data))] = value
    _survives(bytes(data))
