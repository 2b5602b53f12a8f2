"""The encoders of sequences through the kit."""

from __future__ import annotations

from typing import Any

import pytest

from morelike.models import cards
from morelike.protocols import Encoder
from morelike.registry import ENCODERS
from morelike.settings import Settings
from morelike.testing.kits.encoder import EncoderKit


@pytest.mark.parametrize("name", ["dna-kmers", "dna-kmers-7", "dna-kmers-768"])
class TestDnaKmers(EncoderKit):
    """The cards of DNA."""

    tolerance = 0.0

    @pytest.fixture
    def encoder(self, name: str, settings: Settings) -> Encoder:
        """The card of that name."""
        encoder: Encoder = ENCODERS.load("kmers")(cards.find(name, settings), {}, settings)
        return encoder


class TestProteinKmers(EncoderKit):
    """The card of proteins."""

    tolerance = 0.0

    @pytest.fixture
    def encoder(self, settings: Settings) -> Encoder:
        """The built-in card."""
        encoder: Encoder = ENCODERS.load("kmers")(cards.find("protein-kmers", settings), {}, settings)
        return encoder

    def payloads(self, kind: str) -> list[Any]:
        """Proteins, the shortest that has a k-mer among them."""
        assert kind == "sequence"
        return ["MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ", "MKV", "LLLLLLLLLLLLL", "MXKTAYXIAKQ", "MVLSPADKTNVKAAW" * 20]
