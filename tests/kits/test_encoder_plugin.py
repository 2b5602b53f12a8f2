"""The template package in examples/: what it declares is there, and its encoder passes the kit."""

from __future__ import annotations

import importlib
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from morelike.models import cards
from morelike.protocols import Encoder
from morelike.registry import ENCODERS
from morelike.settings import Settings
from morelike.testing.kits.encoder import EncoderKit

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "encoder-plugin"


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package, with its entry points as if it were installed."""
    monkeypatch.syspath_prepend(FOLDER / "src")
    declared = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]["entry-points"]
    points = {
        group: [EntryPoint(name, value, group) for name, value in entries.items()]
        for group, entries in declared.items()
    }
    monkeypatch.setattr(cards, "entry_points", lambda group: points.get(group, []))
    families = {point.name: point for point in points["morelike.encoders"]}
    monkeypatch.setattr("morelike.registry.entry_points", lambda group: points.get(group, []))
    for cached in ("_plugins", "_all"):
        monkeypatch.delitem(ENCODERS.__dict__, cached, raising=False)
    yield importlib.import_module("morelike_brightness"), families
    for cached in ("_plugins", "_all"):
        ENCODERS.__dict__.pop(cached, None)


class TestPlugin(EncoderKit):
    """The template's encoder, found by its card's name alone."""

    @pytest.fixture
    def encoder(self, plugin: Any, settings: Settings) -> Encoder:
        card = cards.find("brightness-8", settings)
        encoder: Encoder = ENCODERS.load(card.family)(card, {}, settings)
        assert type(encoder) is plugin[0].BrightnessEncoder
        return encoder
