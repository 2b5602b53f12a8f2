"""A journey a modality: a collection is made, filled, asked by a dropped file; the answer is looked at, leads on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import browser_journeys as takes
import pytest
from browser_journeys import Journey
from browser_pages import Watched, axe_faults, hand_over, ready, serving
from PIL import Image
from playwright.sync_api import Page, expect

import morelike
from morelike.models import weights
from morelike.settings import Settings
from morelike.testing.tiny_onnx import composer_pack

NOISE = ("GL Driver Message",)
"""What Chromium says where it puts a page together without a graphics card: it then reads every frame of a WebGL canvas
that is shown back into memory. Ours read none; a page that only clears such a canvas makes it say the same.
"""
JOURNEYS = {
    "sounds": (takes.sounds, "soxr"),
    "films": (takes.films, "av"),
    "molecules": (takes.molecules, "rdkit"),
    "genes": (takes.genes, "Bio"),
    "proteins": (takes.proteins, "Bio"),
    "models": (takes.models, "trimesh"),
    "texts": (takes.texts, ""),
    "papers": (takes.papers, "pypdfium2"),
    "composed": (takes.composed, "onnxruntime"),
}


@pytest.fixture(scope="module")
def journeys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server over a library that has one collection, of a picture cut into regions, and a model for composed ones."""
    folder = tmp_path_factory.mktemp("journeys")
    settings = Settings(library=folder / "library", models_cache=folder / "models", offline=True)
    weights.import_pack(composer_pack(folder / "packs"), settings)
    picture = Image.new("RGB", (400, 300), (90, 120, 60))
    picture.paste(Image.radial_gradient("L").resize((200, 150)).convert("RGB"), (200, 150))
    picture.save(folder / "field.png")
    with morelike.open(settings) as library:
        options = {"regions": "grid"}
        library.collection("fields", modality="image", encoder="classic", options=options).add(folder / "field.png")
    with serving(folder / "library", models=folder / "models") as url:
        yield url


def make(page: Page, url: str, name: str, journey: Journey) -> None:
    """On the first page, by its form."""
    page.goto(url)
    ready(page)
    page.get_by_text("New collection", exact=True).click()
    page.fill("#name", name)
    page.select_option("#modality", journey.modality)
    for kind, encoder in journey.encoders.items():
        page.locator(f"input[name=encoder-{kind}][value={encoder}]").check()
    for option, value in journey.options.items():
        page.locator(f".make [name={option}]").fill(value)
    page.get_by_role("button", name="Make it").click()
    expect(page).to_have_url(f"{url}/c/{name}/add")


def add(page: Page, journey: Journey) -> None:
    """By the page's own upload."""
    ready(page)
    page.set_input_files("upload-queue input[type=file] >> nth=0", journey.files)
    count = len(journey.files)
    expect(page.locator(".queue .tally")).to_have_text(f"{count} of {count} · {journey.added or count} added")
    page.get_by_role("link", name="Search them").click()


def go(watched: Watched, url: str, name: str, journey: Journey) -> None:
    """All of it."""
    page = watched.page
    watched.expected = NOISE
    make(page, url, name, journey)
    add(page, journey)
    expect(page).to_have_url(f"{url}/c/{name}")
    hand_over(page, "drop", journey.asked, media=journey.media)
    expect(page).to_have_url(re.compile("part=upload"))
    if journey.words:
        ready(page)
        page.get_by_label("Words", exact=True).fill(journey.words)
        page.get_by_label("Words", exact=True).press("Enter")
        expect(page).to_have_url(re.compile("text="))
    hits = page.locator("#hits .hit .name")
    expect(hits.first).to_have_text(journey.right)
    ready(page)
    hits.first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(journey.right)
    ready(page)
    journey.look(page)
    page.get_by_role("link", name="More like this", exact=True).click()
    expect(page).to_have_url(re.compile("part=item"))
    expect(hits.first).to_be_visible()
    if journey.next:
        expect(hits.first).to_have_text(journey.next)
    expect(page.locator("#hits .hit .name").filter(has_text=re.compile(f"^{re.escape(journey.right)}$"))).to_have_count(
        0
    )
    assert watched.unexpected() == []


@pytest.mark.parametrize("name", JOURNEYS)
def test_a_journey(journeys: str, watched: Watched, tmp_path: Path, name: str) -> None:
    """Made, filled, asked with an altered copy: the right item comes first, opens where the hit is, and leads on."""
    take, needed = JOURNEYS[name]
    if needed:
        pytest.importorskip(needed, reason=f"{name} need the package {needed}")
    go(watched, journeys, name, take(tmp_path))


def test_a_journey_of_pictures(journeys: str, photographs: tuple[Path, Path], watched: Watched, tmp_path: Path) -> None:
    """The same of photographs: a smaller, cropped, re-encoded copy finds its original, which is looked at closely."""
    go(watched, journeys, "pictures", takes.pictures(tmp_path, photographs))


def test_a_found_region_is_outlined(journeys: str, page: Page, tmp_path: Path) -> None:
    """A part of a picture finds it; its page outlines the part, closely, too, and everybody can use that."""
    asked = tmp_path / "asked.png"
    Image.radial_gradient("L").resize((200, 150)).convert("RGB").save(asked)
    page.goto(f"{journeys}/c/fields")
    hand_over(page, "drop", asked, media="image/png")
    expect(page).to_have_url(re.compile("part=upload"))
    page.locator("#hits .hit .name").first.click()
    expect(page.get_by_text("The region that was found is outlined.")).to_be_visible()
    ready(page)
    picture, outline = page.locator(".framed img").bounding_box(), page.locator(".framed .region rect").bounding_box()
    assert picture is not None
    assert outline is not None
    assert outline["x"] - picture["x"] == pytest.approx(picture["width"] / 2, abs=12)
    assert outline["y"] - picture["y"] == pytest.approx(picture["height"] / 2, abs=12)
    faults = axe_faults(page, "item")

    page.locator("picture-zoom > a").click()
    expect(page.locator(".zooming .sheet .region")).to_be_visible()
    faults |= axe_faults(page, "closely")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator("dialog.zooming")).to_be_hidden()
    assert faults == {}
