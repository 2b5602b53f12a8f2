"""``landmarks``: the hashes of a recording survive what happens to recordings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from morelike.encoders.landmarks import LandmarkEncoder
from morelike.errors import EncodeError, ModelError, UsageError
from morelike.models import cards
from morelike.settings import Settings
from morelike.testing.tunes import RATE, tune
from morelike.types import Audio, Sketch

pytest.importorskip("soxr", reason="the extra audio is not installed")

TICK = 256  # samples


@pytest.fixture
def encoder(settings: Settings) -> LandmarkEncoder:
    return LandmarkEncoder(cards.find("landmarks", settings), {}, settings)


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    """Twenty seconds at 8 kHz."""
    import soxr

    return soxr.resample(tune(3, 20.0), RATE, 8000)


def sketch(encoder: LandmarkEncoder, samples: np.ndarray, rate: int = 8000) -> Sketch:
    prepared = encoder.prepare("recording", Audio(samples.astype(np.float32), rate))
    return encoder.encode("recording", [prepared])[0]


def pairs(found: Sketch, shift: int = 0) -> set[tuple[int, int]]:
    return set(zip(found.hashes.tolist(), (found.at + shift).tolist(), strict=True))


def test_a_sketch_is_as_the_seam_says(encoder: LandmarkEncoder, music: np.ndarray) -> None:
    """Hashes uint64 ascend, equal ones in the order of at; at int32 lies within the sound; twenty and more a second."""
    found = sketch(encoder, music)

    assert found.hashes.dtype == np.uint64
    assert found.at.dtype == np.int32
    assert (np.lexsort((found.at, found.hashes)) == np.arange(len(found.hashes))).all()
    assert 0 <= found.at.min() <= found.at.max() <= len(music) / TICK
    assert 20 * 20 < len(found.hashes) < 20 * 100


def test_the_same_sound_has_the_same_sketch(encoder: LandmarkEncoder, music: np.ndarray) -> None:
    """Two runs, of two arrays, give the same numbers."""
    assert pairs(sketch(encoder, music)) == pairs(sketch(encoder, music.copy()))


def test_a_cut_keeps_what_it_holds(encoder: LandmarkEncoder, music: np.ndarray) -> None:
    """Hashes away from the edges of an excerpt are those of the whole, so many ticks later."""
    whole = pairs(sketch(encoder, music))
    part = pairs(sketch(encoder, music[100 * TICK : 500 * TICK]), 100)

    inside = {pair for pair in part if 140 < pair[1] < 370}  # a pair reaches 63 ticks ahead, its rivals 31 around
    assert len(inside) > 200
    assert inside <= whole


@pytest.mark.parametrize("factor", [0.05, 0.25, 4.0])
def test_loudness_does_not_matter(encoder: LandmarkEncoder, music: np.ndarray, factor: float) -> None:
    """A quieter or louder copy has the same hashes at the same places."""
    mine, other = pairs(sketch(encoder, music)), pairs(sketch(encoder, music * factor))

    assert len(mine & other) > 0.97 * len(mine)


def test_other_rates_are_brought_to_its_own(encoder: LandmarkEncoder) -> None:
    """A payload at another rate gives nearly the hashes of one at 8 kHz."""
    import soxr

    given = tune(4, 10.0)
    mine, other = pairs(sketch(encoder, soxr.resample(given, RATE, 8000))), pairs(sketch(encoder, given, RATE))

    assert len(mine & other) > 0.97 * len(mine)


@pytest.mark.parametrize("samples", [np.zeros(80_000), np.zeros(1), np.full(8000, 0.5)], ids=["long", "one", "level"])
def test_silence_has_an_empty_sketch(encoder: LandmarkEncoder, samples: np.ndarray) -> None:
    """Where nothing sounds there is nothing to be found by; that is no fault."""
    assert len(sketch(encoder, samples).hashes) == 0


def test_a_short_sound_is_one(encoder: LandmarkEncoder, music: np.ndarray) -> None:
    """A third of a second, and less than one window, have a sketch."""
    assert len(sketch(encoder, music[8000:10_400]).hashes) > 0
    assert len(sketch(encoder, music[8000:8500]).hashes) == 0


@pytest.mark.parametrize("name", ["noise", "tone", "clicks", "loudest"])
def test_no_sound_has_very_many_hashes(encoder: LandmarkEncoder, name: str) -> None:
    """A minute of whatever has fewer than 12 000."""
    random = np.random.default_rng(0)
    time = np.arange(60 * 8000)
    samples = {
        "noise": random.standard_normal(len(time)) * 0.1,
        "tone": 0.5 * np.sin(2 * np.pi * 500 * time / 8000),  # its period fits into a tick: all frames are equal
        "clicks": (time % 400 == 0).astype(np.float64),
        "loudest": np.sign(random.standard_normal(len(time))) * 1e30,
    }[name]

    assert len(sketch(encoder, samples).hashes) < 12_000


def test_what_is_no_sound_is_refused(encoder: LandmarkEncoder) -> None:
    """Samples that are no numbers, or nothing, are the item's fault; another kind is the caller's."""
    with pytest.raises(EncodeError):
        encoder.prepare("recording", Audio(np.array([np.nan] * 100, np.float32), 8000))
    with pytest.raises(EncodeError):
        encoder.prepare("recording", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(UsageError):
        encoder.prepare("image", np.zeros((4, 4, 3), np.uint8))


def test_nothing_gives_nothing(encoder: LandmarkEncoder) -> None:
    """An empty batch has an empty answer, an array of objects as any other."""
    answer = encoder.encode("recording", [])

    assert (answer.shape, answer.dtype) == ((0,), np.dtype(object))


@pytest.mark.parametrize("options", [{"revision": 2, "tick": 0.032}, {"revision": 1, "tick": 0.05}, {"revision": 1}])
def test_another_make_is_refused(settings: Settings, options: dict[str, float]) -> None:
    """A card of another revision or tick is not read as if it were this one."""
    card = replace(cards.find("landmarks", settings), options=options)

    with pytest.raises(ModelError):
        LandmarkEncoder(card, dict[str, Path](), settings)
