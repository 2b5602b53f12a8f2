"""The built-in encoder of sounds without weights, and the one of speech."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from morelike.encoders.classic_audio import ClassicAudioEncoder
from morelike.encoders.speech import SpeechEncoder
from morelike.errors import ModelError
from morelike.models import cards, weights
from morelike.settings import Settings
from morelike.types import Audio

RATE = 22_050


def made() -> ClassicAudioEncoder:
    return ClassicAudioEncoder(cards.find("classic-audio", Settings()), {}, Settings())


def vector(samples: Any) -> Any:
    encoder = made()
    return encoder.encode("audio", [encoder.prepare("audio", Audio(np.asarray(samples, dtype=np.float32), RATE))])[0]


def noise(seconds: float, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(round(seconds * RATE)).astype(np.float32)


def beating(per_second: float, seed: int = 0) -> Any:
    """Four seconds of noise that comes and goes."""
    time = np.arange(4 * RATE) / RATE
    return noise(4, seed) * (0.02 + (np.sin(2 * np.pi * per_second * time) > 0))


def test_loudness_does_not_matter() -> None:
    """The same sound a hundred times quieter has the same vector."""
    assert vector(beating(3) / 100) @ vector(beating(3)) > 0.9999


def test_rhythm_matters() -> None:
    """Noise that beats three times a second is nearer to other such noise than to noise that beats twelve times."""
    three = vector(beating(3))
    assert three @ vector(beating(3, seed=1)) > three @ vector(beating(12, seed=1)) + 0.05


def test_timbre_matters() -> None:
    """Dark noise is nearer to other dark noise than to bright noise."""
    dark = [np.cumsum(noise(3, seed)) / 100 for seed in (1, 2)]
    assert vector(dark[0]) @ vector(dark[1]) > vector(dark[0]) @ vector(np.diff(noise(3, 3))) + 0.05


@pytest.mark.parametrize("samples", [np.zeros(1), np.zeros(RATE), np.ones(50), noise(0.3)], ids=len)
def test_any_sound_has_a_vector(samples: Any) -> None:
    """One sample, silence, a constant, a third of a second: a finite vector of length one."""
    assert np.linalg.norm(vector(samples)) == pytest.approx(1, abs=1e-5)


def test_a_long_sound_is_the_mean_of_its_minutes() -> None:
    """Memory does not grow with the sound: minutes are described one by one."""
    minute = np.tile(beating(3), 15)
    assert vector(np.tile(minute, 2)) @ vector(minute) > 0.9999


@pytest.mark.parametrize(
    "change", [{"options": {"revision": 2}}, {"dim": 20}, {"inputs": {"audio": {"rate": 16_000}}}], ids=str
)
def test_another_card_is_refused(change: dict[str, Any]) -> None:
    """A card of another revision, width or rate would give other vectors under its name."""
    card = replace(cards.find("classic-audio", Settings()), **change)
    with pytest.raises(ModelError, match="classic-audio"):
        ClassicAudioEncoder(card, {}, Settings())


def speech(test_data: Path, settings: Settings) -> SpeechEncoder:
    settings = settings.model_copy(update={"models": (test_data / "models",)})
    card = cards.find("speech-embedding", settings)
    return SpeechEncoder(card, weights.files(card, settings), settings)


@pytest.mark.parametrize(("seconds", "windows"), [(0.3, 1), (0.8, 1), (2.0, 16), (70, 2 * 741)])
def test_speech_is_looked_at_every_80_ms(seconds: float, windows: int, test_data: Path, settings: Settings) -> None:
    """Windows of 76 frames every 8; a shorter sound is padded to one, a longer one cut in pieces of a minute."""
    samples = np.random.default_rng(0).standard_normal(round(seconds * 16_000)).astype(np.float32) / 9
    prepared = speech(test_data, settings).prepare("audio", Audio(samples, 16_000))
    assert prepared.shape == (windows, 76, 32)


def test_a_speech_card_without_its_files_is_refused() -> None:
    """The files that the card's options name are among its weights."""
    with pytest.raises(ModelError, match=r"options\.mel"):
        SpeechEncoder(cards.find("speech-embedding", Settings()), {}, Settings())


def test_a_misspelt_key_of_a_speech_card_is_refused() -> None:
    """A key that is not known would silently make other vectors."""
    card = cards.find("speech-embedding", Settings())
    with pytest.raises(ModelError, match="patsch"):
        SpeechEncoder(replace(card, options={**card.options, "patsch": 1}), {}, Settings())
