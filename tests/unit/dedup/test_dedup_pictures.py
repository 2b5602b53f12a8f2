"""Which altered copies are recognised, and which other pictures are not taken for one."""

from __future__ import annotations

import numpy as np
import pytest
from copies import NAMES, OTHER, SAME, decoded, jpeg, letter, photograph
from numpy.typing import NDArray
from PIL import Image

from morelike.dedup import THRESHOLD, Likeness
from morelike.dedup.alignment import IDENTITY, align, correlation, covered, sample
from morelike.dedup.pictures import Pictures, perceptual_hash
from morelike.testing.images import synthetic_image


def likeness(one: NDArray[np.uint8], other: NDArray[np.uint8], threshold: float = THRESHOLD) -> Likeness | None:
    verifier = Pictures()
    (_, first), (_, second) = verifier.sketch(one), verifier.sketch(other)
    screened = verifier.screen(first[None], second[None])
    if not screened.worth[0]:
        return None
    template, picture = verifier.look(one), verifier.look(other)
    if screened.turned[0]:
        template, picture = picture, template
    return verifier.compare(template, picture, screened.maps[0], threshold)


@pytest.mark.parametrize("alteration", SAME)
def test_altered_copies_are_the_same(alteration: str) -> None:
    """Each of the photographs is recognised in its altered copy, whichever comes first."""
    for at, name in enumerate(NAMES):
        pair = [np.array(photograph(name)), decoded(jpeg(SAME[alteration](photograph(name))))]

        assert likeness(*pair[:: -1 if at % 2 else 1]) is not None, name


@pytest.mark.parametrize("alteration", OTHER)
def test_what_shows_something_else_is_not_the_same(alteration: str) -> None:
    """A caption, a logo, a mirror or half a picture makes another one."""
    for name in NAMES:
        original = np.array(photograph(name))
        other = decoded(jpeg(OTHER[alteration](photograph(name))))

        assert likeness(original, other) is None, name


def test_the_same_scene_from_a_step_aside_is_not_the_same() -> None:
    """Two photographs of one motorcycle, taken some centimetres apart, are two."""
    left, right = (np.array(photograph(f"motorcycle_{side}")) for side in ("left", "right"))

    assert likeness(left, right, 0.1) is None


def test_a_page_with_another_number_is_not_the_same() -> None:
    """Six digits on a page decide, even through another encoding; the same page, smaller and worse, is the same."""
    page = np.array(letter(123456))
    smaller = letter(123456).resize((800, 1131))

    assert likeness(page, decoded(jpeg(letter(987654), 60))) is None
    assert likeness(page, decoded(jpeg(letter(123456, seed=1)))) is None
    assert likeness(page, decoded(jpeg(smaller, 60))) is not None


def test_the_same_thing_in_another_colour_is_not_the_same() -> None:
    """A shop's red and blue shirt in one pose are two pictures; so is a photograph without its colours."""
    grey = np.array(photograph("camera"))
    shirt = Image.new("RGB", (400, 400), "white")
    shirts = []
    for colour in ((180, 40, 40), (40, 40, 180)):
        textured = np.array(shirt)
        textured[80:360, 60:340] = np.clip(np.array(colour) + (grey[80:360, 60:340] / 4 - 32), 0, 255)
        shirts.append(textured)
    coffee = photograph("coffee")

    assert likeness(shirts[0], shirts[0]) is not None
    assert likeness(shirts[0], shirts[1]) is None
    assert likeness(np.array(coffee), np.array(coffee.convert("L").convert("RGB"))) is None


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_plain_picture_is_like_nothing(level: int) -> None:
    """Where there is nothing to compare, nothing is called the same, and there is no hash."""
    plain = np.full((300, 400, 3), level, dtype=np.uint8)

    assert Pictures().sketch(plain)[0] is None
    assert likeness(plain, plain) is None


def test_a_picture_is_wholly_like_itself() -> None:
    """The score of a copy of the very same pixels is 1, whatever the size and shape."""
    for size in ((128, 96), (1200, 40), (40, 1200), (16, 16)):
        picture = synthetic_image(5, size)

        found = likeness(picture, picture)

        assert found is not None, size
        assert found.score == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5000, 3), (5000, 1, 3), (2, 2, 3)])
def test_odd_shapes_do_no_harm(shape: tuple[int, int, int]) -> None:
    """Lines and dots are sketched and compared like anything else."""
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    other = synthetic_image(1)

    assert likeness(picture, other) is None
    found = likeness(picture, picture)
    assert found is None or found.score > 0.9


def test_hashes_of_copies_are_near() -> None:
    """A re-encoded, smaller copy differs in few of the 64 bits; another photograph in many."""
    verifier = Pictures()
    hashes = {name: verifier.sketch(np.array(photograph(name)))[0] for name in NAMES}
    copies = {name: verifier.sketch(decoded(jpeg(SAME["half the size"](photograph(name)))))[0] for name in NAMES}

    for name in NAMES:
        assert (hashes[name] ^ copies[name]).bit_count() <= 6
        assert all((hashes[name] ^ copies[other]).bit_count() >= 16 for other in NAMES if other != name)


def test_the_hash_is_of_frequencies() -> None:
    """Brightness and contrast change no bit."""
    grey = synthetic_image(3, 32).mean(axis=2).astype(np.float32)

    assert perceptual_hash(grey) == perceptual_hash(grey * 0.5 + 30)
    assert perceptual_hash(grey) != perceptual_hash(np.ascontiguousarray(grey.T))


def test_alignment_finds_a_known_map() -> None:
    """A part cut out of a picture is found where it was, to a fiftieth of a pixel."""
    whole = np.array(photograph("chelsea").convert("L").resize((128, 128)), dtype=np.float32)[None]
    true = np.array([[[0.9, 0.03, 0.04], [-0.02, 0.92, -0.05]]], dtype=np.float32)
    part = sample(whole, true, 128)[0].reshape(1, 128, 128)

    found = align(part, whole, IDENTITY[None], 25)

    assert np.abs(found - true).max() < 0.02 / 64
    assert correlation(part, whole, found)[0] > 0.9999


def test_what_is_covered() -> None:
    """A map that shrinks to half a side shows a quarter of the picture, and all of the template lies in it."""
    half = np.array([[[0.5, 0, 0], [0, 0.5, 0]]], dtype=np.float32)
    double = np.array([[[2.0, 0, 0], [0, 2.0, 0]]], dtype=np.float32)

    assert [float(share[0]) for share in covered(half)] == pytest.approx([1.0, 0.25])
    assert [float(share[0]) for share in covered(double)] == pytest.approx([0.25, 1.0])


def test_pictures_stay_in_single_precision() -> None:
    """Twice as fast as in double precision, in which nothing would come out otherwise."""
    pictures = np.random.default_rng(0).random((2, 16, 16), dtype=np.float32)
    maps = np.repeat(IDENTITY[None], 2, axis=0)

    assert sample(pictures, maps, 16)[0].dtype == np.float32
    assert align(pictures, pictures, maps, 1).dtype == np.float32
