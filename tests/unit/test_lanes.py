"""How a new collection gets its encoder."""

from __future__ import annotations

import pytest

from morelike.errors import DownloadFailed
from morelike.lanes import Lanes
from morelike.models import cards, choose, weights
from morelike.settings import Settings


def test_a_failed_download_falls_back_to_what_needs_none(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """``auto`` says what it wanted, why it failed, and what is used instead."""
    wanted = cards.find("dinov2-small", settings)
    online = settings.model_copy(update={"offline": False})
    monkeypatch.setattr(choose, "_answers", lambda _: True)

    def cut(card: object, settings: object, progress: object = None) -> object:
        raise DownloadFailed("the connection was cut")

    monkeypatch.setattr(weights, "pull", cut)
    said: list[str] = []

    chosen = Lanes(online).choose(("image",), "auto", said.append)

    assert {kind: card.name for kind, card in chosen.items()} == {"image": "classic"}
    assert said[0].startswith(wanted.name)
    assert said[-1] == "the connection was cut; classic is used instead"


def test_a_download_is_told_by_tenths(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a line a chunk."""
    online = settings.model_copy(update={"offline": False})
    monkeypatch.setattr(choose, "_answers", lambda _: True)

    def pull(card: object, settings: Settings, progress: object = None) -> object:
        for done in range(0, 100_000_001, 1_000_000):
            progress("model.onnx", done, 100_000_000)
        return cards.find("classic", settings)

    monkeypatch.setattr(weights, "pull", pull)
    said: list[str] = []

    Lanes(online).choose(("image",), "auto", said.append)

    assert [line for line in said if line.startswith("model.onnx")] == [
        f"model.onnx: {10 * tenth} of 100 MB" for tenth in range(1, 11)
    ]
