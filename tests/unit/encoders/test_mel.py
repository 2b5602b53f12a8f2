"""Log-mel spectrograms: the numbers of a card, and what others made of the same sounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.encoders._mel import LogMel, mel_filters
from morelike.errors import ModelError

PLAIN: dict[str, Any] = {"rate": 16_000, "window": 400, "hop": 160, "fft": 512, "mels": 20, "offset": 0.001}
PANNS: dict[str, Any] = {
    "rate": 32_000,
    "window": 1024,
    "hop": 320,
    "mels": 64,
    "fmin": 50,
    "fmax": 14_000,
    "scale": "slaney",
    "norm": "slaney",
    "log": "db",
    "floor": 1e-10,
    "centre": True,
}


def noise(samples: int, seed: int = 3) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def test_the_original_of_panns_is_reproduced(test_data: Path) -> None:
    """Slaney's filters, a centred FFT, decibels: the log-mel of the published Cnn14's front end, to 1e-4."""
    with np.load(test_data / "reference" / "panns_cnn14.npz") as reference:
        expected, waveforms = reference["log_mel"], reference["waveform"]
    mel = LogMel.from_card("x", PANNS)
    got = np.stack([mel.of(waveform)[: expected.shape[1]] for waveform in waveforms])
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("power", [1, 2])
def test_each_frame_is_the_formula(power: int) -> None:
    """Frame i is log(|FFT of samples i·hop …|^power × filters + offset), over many blocks of frames."""
    samples = noise(2100 * 160)
    got = LogMel.from_card("x", {**PLAIN, "power": power}).of(samples)
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    filters = mel_filters(16_000, 512, 20, 0, 8000, scale="htk", norm="none").astype(np.float64)
    assert len(got) == 2098
    for frame in (0, 1, 1023, 1024, 2097):
        spectrum = np.abs(np.fft.rfft(samples[frame * 160 : frame * 160 + 400].astype(np.float64) * taper, 512))
        np.testing.assert_allclose(got[frame], np.log(spectrum**power @ filters + 0.001), atol=1e-4)


@given(st.integers(1, 3000), st.booleans())
def test_frames_foretells_how_many(samples: int, centre: bool) -> None:
    """``frames`` says how many frames a sound of any length gives, none where it is too short."""
    mel = LogMel.from_card("x", {**PLAIN, "centre": centre})
    assert len(mel.of(np.zeros(samples, dtype=np.float32))) == mel.frames(samples)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_a_tone_is_strongest_in_its_own_band(scale: str) -> None:
    """A tone of 1 kHz is loudest in the band whose corners lie about it."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    got = LogMel.from_card("x", {**PLAIN, "scale": scale}).of(tone).mean(axis=0)
    filters = mel_filters(16_000, 512, 20, 0, 8000, scale=scale, norm="none")
    assert got.argmax() == filters[1000 * 512 // 16_000].argmax()


def test_the_scales_are_the_published_ones() -> None:
    """HTK puts 1 kHz at 1000 mel of 2840 up to 8 kHz; Slaney puts it at 15 of 45.2, linear below."""
    htk = mel_filters(16_000, 16_000, 1, 0, 1000 * 2, scale="htk", norm="none")
    top = 700 * (10 ** (np.log10(1 + 2000 / 700) / 2) - 1)
    assert htk[:, 0].argmax() == round(top)
    slaney = mel_filters(16_000, 16_000, 1, 0, 1000, scale="slaney", norm="none")
    assert slaney[:, 0].argmax() == 500


def test_slaneys_norm_makes_areas_alike() -> None:
    """With the norm, each triangle over the frequencies in Hz has the area one."""
    filters = mel_filters(16_000, 16_000, 10, 100, 7000, scale="slaney", norm="slaney")
    np.testing.assert_allclose(filters.sum(axis=0), 1, rtol=1e-3)


def test_silence_is_the_floor() -> None:
    """Silence gives the logarithm of the floor everywhere, in decibels if so asked, then (x - mean) / std."""
    mel = LogMel.from_card("x", {**PLAIN, "log": "db", "floor": 1e-8, "offset": 0, "mean": -60, "std": 10})
    np.testing.assert_allclose(mel.of(np.zeros(800, dtype=np.float32)), -2, atol=1e-5)


def test_the_sound_is_left_alone() -> None:
    """What is given keeps its values."""
    samples = noise(4000)
    before = samples.copy()
    LogMel.from_card("x", PLAIN).of(samples)
    np.testing.assert_array_equal(samples, before)


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": None},
        {"hop": 0},
        {"hop": 2.5},
        {"fft": 300},
        {"mels": "64"},
        {"fmax": 9000},
        {"fmin": 8000},
        {"scale": "bark"},
        {"power": 3},
        {"std": 0},
        {"offset": 0},
        {"rate": True},
    ],
    ids=str,
)
def test_a_wrong_number_is_named(wrong: dict[str, Any]) -> None:
    """A number that cannot be is refused when the card is read, by its key."""
    with pytest.raises(ModelError, match=next(iter(wrong))):
        LogMel.from_card("x", {**PLAIN, **wrong})
