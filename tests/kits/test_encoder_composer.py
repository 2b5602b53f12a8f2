"""A composer through the kit of encoders."""

from __future__ import annotations

from pathlib import Path

import pytest

from morelike.models import cards
from morelike.protocols import Composes, Encoder
from morelike.registry import ENCODERS
from morelike.settings import Settings
from morelike.testing.kits.encoder import EncoderKit
from morelike.testing.tiny_onnx import composer_pack


class TestTinyComposer(EncoderKit):
    """The family on a pack made here: pictures, and pictures with words."""

    tolerance = 1e-6

    @pytest.fixture
    def encoder(self, settings: Settings, tmp_path: Path) -> Encoder:
        pack = composer_pack(tmp_path)
        card = cards.read(pack / "card.toml")
        files = {weights.name: pack / weights.name for weights in card.weights}
        encoder: Encoder = ENCODERS.load("composer")(card, files, settings)
        return encoder

    def test_it_says_what_it_knows(self, encoder: Encoder) -> None:
        """It composes by protocol, and knows the words that it is known to know."""
        assert isinstance(encoder, Composes)
        assert encoder.unknown_words(" ".join(encoder.known_words(4))) == ()
