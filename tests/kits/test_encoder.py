"""Every encoder family through the kit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from morelike.encoders.callable import from_callable
from morelike.models import cards, weights
from morelike.protocols import Encoder
from morelike.registry import ENCODERS
from morelike.settings import Settings
from morelike.testing.kits.encoder import EncoderKit
from morelike.testing.tiny_onnx import image_tower, mel_tower, waveform_tower
from morelike.types import Card, WeightsFile


class TestClassic(EncoderKit):
    """The built-in card without weights."""

    tolerance = 0.0

    @pytest.fixture
    def encoder(self, settings: Settings) -> Encoder:
        encoder: Encoder = ENCODERS.load("classic")(cards.find("classic", settings), {}, settings)
        return encoder


class TestTinyOnnx(EncoderKit):
    """The ONNX family on a file made here."""

    @pytest.fixture
    def encoder(self, settings: Settings, tmp_path: Path) -> Encoder:
        (tmp_path / "tiny.onnx").write_bytes(image_tower(8))
        card = cards.sealed(
            Card("tiny", "onnx", "dense", 8, "cosine", {"image": {"side": 16}}, weights=(WeightsFile("tiny.onnx"),))
        )
        encoder: Encoder = ENCODERS.load("onnx")(card, {"tiny.onnx": tmp_path / "tiny.onnx"}, settings)
        return encoder


class TestClassicAudio(EncoderKit):
    """The built-in card for sounds without weights."""

    tolerance = 0.0

    @pytest.fixture
    def encoder(self, settings: Settings) -> Encoder:
        encoder: Encoder = ENCODERS.load("classic-audio")(cards.find("classic-audio", settings), {}, settings)
        return encoder


MEL = {"rate": 16_000, "window": 400, "hop": 160, "mels": 8, "shortest": 0.1, "patch": 8, "patch_hop": 4}
SOUNDS: dict[str, tuple[int, bytes, dict[str, Any]]] = {
    "mel": (4, mel_tower(4, mels=8, frames=8), MEL),
    "waveform": (2, waveform_tower(), {"rate": 32_000, "frontend": "waveform", "shortest": 0.3, "batch": 2}),
}


@pytest.mark.parametrize("front", SOUNDS)
class TestTinyOnnxOfSounds(EncoderKit):
    """The ONNX family on sounds, with its own spectrogram and without."""

    @pytest.fixture
    def encoder(self, front: str, settings: Settings, tmp_path: Path) -> Encoder:
        dim, model, inputs = SOUNDS[front]
        (tmp_path / "tiny.onnx").write_bytes(model)
        card = Card("tiny", "onnx", "dense", dim, "cosine", {"audio": inputs}, weights=(WeightsFile("tiny.onnx"),))
        encoder: Encoder = ENCODERS.load("onnx")(cards.sealed(card), {"tiny.onnx": tmp_path / "tiny.onnx"}, settings)
        return encoder


class TestCallable(EncoderKit):
    """A Python function."""

    @pytest.fixture
    def encoder(self) -> Encoder:
        def mean_colour(picture: Any) -> Any:
            return np.asarray(picture).mean(axis=(0, 1))

        return from_callable(mean_colour, name="mean-colour", dim=3)


DATA = Path(os.environ.get("MORELIKE_TEST_DATA", Path(__file__).resolve().parents[3] / "shared")) / "models"
HERE = [card.name for card in cards.built_in() if (DATA / card.name).is_dir()]


@pytest.mark.parametrize("name", HERE or ["mobilenet-v2"])
class TestCardsThatAreHere(EncoderKit):
    """Every built-in card whose weights lie in the test data."""

    @pytest.fixture
    def encoder(self, name: str, test_data: Path, settings: Settings) -> Encoder:
        settings = settings.model_copy(update={"models": (test_data / "models",)})
        card = cards.find(name, settings)
        encoder: Encoder = ENCODERS.load(card.family)(card, weights.files(card, settings), settings)
        return encoder
