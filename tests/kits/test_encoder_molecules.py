"""Every card of fingerprints through the kit."""

from __future__ import annotations

from typing import Any

import pytest

from morelike.models import cards
from morelike.protocols import Encoder
from morelike.registry import ENCODERS
from morelike.settings import Settings
from morelike.testing.kits.encoder import EncoderKit

NAMES = [card.name for card in cards.built_in() if card.family == "molecule-bits"]


@pytest.mark.parametrize("name", NAMES)
class TestMoleculeBits(EncoderKit):
    """The kit, once a card."""

    tolerance = 0.0

    def payloads(self, kind: str) -> list[Any]:
        """A molecule is also what may be a part of another."""
        return super().payloads("molecule" if kind == "substructure" else kind)

    @pytest.fixture
    def encoder(self, name: str, settings: Settings) -> Encoder:
        """The registered family with that card."""
        encoder: Encoder = ENCODERS.load("molecule-bits")(cards.find(name, settings), {}, settings)
        return encoder
