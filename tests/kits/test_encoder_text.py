"""The encoders of texts through the kit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from morelike.models import cards
from morelike.protocols import Encoder
from morelike.settings import Settings
from morelike.testing.kits.encoder import EncoderKit
from morelike.wiring import load_encoder

TEXTS = ["a red dress", "", "two shoes on a floor", "größer als 世界", "x", "東京都庁へ行きました", "word " * 3000, "…"]


class TestHashedText(EncoderKit):
    """The built-in card without weights."""

    tolerance = 0.0

    @pytest.fixture
    def encoder(self, settings: Settings) -> Encoder:
        return load_encoder(cards.find("hashed-text", settings), settings)

    def payloads(self, kind: str) -> list[Any]:
        assert kind == "text"
        return TEXTS


@pytest.fixture(scope="module")
def minilm(minilm_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    """One for all tests: reading it takes most of a second, and fresh ones are what the tiny models are for."""
    folder = tmp_path_factory.mktemp("minilm")
    settings = Settings(library=folder, models_cache=folder, models=(minilm_models,), offline=True)
    return load_encoder(cards.find("all-minilm-l6-v2", settings), settings)


class TestMiniLM(EncoderKit):
    """all-minilm-l6-v2, where it can be had."""

    @pytest.fixture
    def encoder(self, minilm: Encoder) -> Encoder:
        return minilm

    def payloads(self, kind: str) -> list[Any]:
        assert kind == "text"
        return TEXTS
