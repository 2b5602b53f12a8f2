"""Words for a classifier, through the kit of every encoder."""

from __future__ import annotations

from pathlib import Path

import pytest

from morelike.conse import Conse
from morelike.models import cards
from morelike.protocols import Encoder
from morelike.registry import ENCODERS
from morelike.settings import Settings
from morelike.testing.kits.encoder import EncoderKit
from morelike.testing.tiny_onnx import image_tower
from morelike.testing.toys import ToyWords
from morelike.types import Card, WeightsFile


class TestConse(EncoderKit):
    """A tiny network's eight outputs as logits, and toy words."""

    @pytest.fixture
    def encoder(self, settings: Settings, tmp_path: Path) -> Encoder:
        (tmp_path / "tiny.onnx").write_bytes(image_tower(8))
        (tmp_path / "labels.txt").write_text("\n".join(["apple", "boat", "cup", "dog", "egg", "fox", "gull", "hat"]))
        tiny = cards.sealed(
            Card("tiny", "onnx", "dense", 8, "ip", {"image": {"side": 16}}, weights=(WeightsFile("tiny.onnx"),))
        )
        classifier: Encoder = ENCODERS.load("onnx")(tiny, {"tiny.onnx": tmp_path / "tiny.onnx"}, settings)
        card = cards.sealed(
            Card(
                "words",
                "conse",
                "dense",
                26,
                "cosine",
                {"image": {"side": 16}, "text": {}},
                {"labels": "labels.txt", "softmax": True, "top": 3},
                weights=(WeightsFile("labels.txt"),),
                parts=("tiny", "toy-words"),
            )
        )
        return Conse(card, [classifier, ToyWords()], {"labels.txt": tmp_path / "labels.txt"})
