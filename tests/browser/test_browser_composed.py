"""A picture and the words that change it, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_pages import axe_faults, hand_over, names, ready, serving
from PIL import Image
from playwright.sync_api import Page, expect

import morelike
from morelike.models import weights
from morelike.settings import Settings
from morelike.testing.tiny_onnx import composer_pack

COLOURS = {"red": (250, 20, 20), "green": (20, 250, 20), "blue": (20, 20, 250), "grey": (128, 128, 128)}


@pytest.fixture
def scenes(tmp_path: Path) -> Iterator[str]:
    """A server over ``scenes``: pictures of one colour, whose encoder composes them with the names of colours."""
    settings = Settings(library=tmp_path / "library", models_cache=tmp_path / "models", offline=True)
    weights.import_pack(composer_pack(tmp_path / "packs"), settings)
    (tmp_path / "pictures").mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (90, 60), colour).save(tmp_path / "pictures" / f"{name}.png")
    with morelike.open(settings) as library:
        library.collection("scenes", modality="image", encoder="tiny-composer").add(tmp_path / "pictures")
    with serving(tmp_path / "library", models=tmp_path / "models") as url:
        yield url


def test_a_dropped_picture_is_changed_by_words(page: Page, scenes: str, tmp_path: Path) -> None:
    """Drop a picture, type how it is to change: what the words lead to comes first, and unknown words are told."""
    page.goto(f"{scenes}/c/scenes")
    hand_over(page, "drop", tmp_path / "pictures" / "grey.png", media="image/png")
    expect(page.locator("#hits .hit").first).to_be_visible()
    ready(page)
    assert names(page)[0].endswith("grey.png")

    page.get_by_label("Words", exact=True).fill("make it mauve blue")
    page.get_by_label("Words", exact=True).press("Enter")
    expect(page.locator("#hits .name").first).to_have_text("pictures/blue.png")
    told = page.get_by_text("Not known to tiny-composer, left out: “mauve”")
    expect(told).to_be_visible()
    assert "text=make+it+mauve+blue" in page.url
    assert axe_faults(page, "composed") == {}

    page.get_by_label("Words", exact=True).fill("make it red")
    page.get_by_label("Words", exact=True).press("Enter")
    expect(page.locator("#hits .name").first).to_have_text("pictures/red.png")
    expect(told).to_have_count(0)
