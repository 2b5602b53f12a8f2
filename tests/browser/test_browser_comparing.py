"""Another encoder beside the one in use: compared, switched to, gone back from, removed; and what is measured."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_pages import Watched, axe_faults, hand_over, ready, serving
from playwright.sync_api import Page, expect

import morelike
from morelike.settings import Settings

pytest.importorskip("rdkit", reason="molecules need the extra `molecules`")

TAILS = ("O", "N", "Cl", "Br", "F", "C(=O)O", "C#N", "S")


@pytest.fixture
def molecules(tmp_path: Path) -> Iterator[str]:
    """A server; ``chains`` has forty molecules by the encoder morgan, calibrated."""
    lines = [
        f"{'C' * length}{tail} chain-{length}-{place}" for length in range(2, 7) for place, tail in enumerate(TAILS)
    ]
    (tmp_path / "chains.smi").write_text("\n".join(lines) + "\n")
    with morelike.open(Settings(library=tmp_path / "library", offline=True)) as library:
        chains = library.collection("chains", modality="molecule", encoder="morgan")
        assert chains.add(tmp_path / "chains.smi").added == len(lines)
        chains.tag([item.id for item in chains.items(limit=20)], ["short"])
        chains.calibrate()
    with serving(tmp_path / "library") as url:
        yield url


def test_two_encoders_are_compared_before_one_is_switched_to(molecules: str, page: Page, tmp_path: Path) -> None:
    """Chosen on Upkeep, encoded beside the old one, answers side by side; switched, gone back, removed."""
    page.goto(f"{molecules}/c/chains/upkeep")
    page.select_option("#encoder", "maccs")
    page.get_by_role("button", name="Compare first").click()
    expect(page.get_by_role("heading", name="morgan beside maccs")).to_be_visible()
    expect(page.locator(".answers-beside")).to_have_count(3)
    rows = page.locator(".answers-beside").first.locator("ol")
    expect(rows).to_have_count(2)
    for side in range(2):
        expect(rows.nth(side).locator("li")).to_have_count(10)
    told = page.locator(".pile .hint").first.inner_text()
    shared = int(re.search(r"(\d+) of 10 hits are the same", told).group(1))  # type: ignore[union-attr] # else it fails
    assert rows.nth(0).locator("li:not(.alone)").count() == shared == rows.nth(1).locator("li:not(.alone)").count()
    ready(page)
    twin = rows.nth(0).locator("li:not(.alone)").first
    twin.locator(".name").focus()
    expect(page.locator("[data-lit]")).to_have_count(2)
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert axe_faults(page, "two encoders") == {}
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.set_viewport_size({"width": 1280, "height": 720})

    asked = twin.get_attribute("data-item")
    twin.locator(".name").click()
    expect(page).to_have_url(re.compile(f"item={asked}"))
    expect(page.locator(".answers-beside")).to_have_count(1)
    ready(page)
    own = tmp_path / "own.smi"
    own.write_text("CCCCCCCCO\n")
    hand_over(page, "drop", own, media="chemical/x-daylight-smiles")
    expect(page.get_by_role("heading", name="Like own.smi")).to_be_visible()
    expect(page.locator(".answers-beside")).to_have_count(1)

    page.get_by_role("button", name="Switch to maccs").click()
    expect(page.locator(".job .outcome")).to_contain_text("Searches use maccs")
    page.get_by_role("button", name="Go back to the encoder before").click()
    expect(page.locator(".job .outcome")).to_contain_text("Searches use morgan")
    page.get_by_role("link", name="Compare with maccs").click()
    page.get_by_text("Keep morgan and remove maccs").click()
    page.get_by_role("button", name="Remove the vectors of maccs").click()
    expect(page.get_by_text("The vectors of maccs are gone.")).to_be_visible()
    expect(page.get_by_role("link", name="Compare with maccs")).to_have_count(0)
    page.goto(f"{molecules}/c/chains/compare")
    expect(page.get_by_text("There is no other encoder to compare with.")).to_be_visible()


def test_what_is_measured_is_shown(molecules: str, watched: Watched) -> None:
    """Scores as a drawing with what it means; how well items find those of their tag, as a table."""
    page, watched.expected = watched.page, ("400 (Bad Request)",)
    page.goto(f"{molecules}/c/chains/upkeep")
    drawn = page.get_by_role("img", name=re.compile("Scores of random pairs"))
    expect(drawn).to_be_visible()
    assert drawn.locator(".nearest-of").count() > 0
    page.select_option("#labels", "tag")
    page.locator("section", has=page.locator("#evaluation")).get_by_role("button", name="Measure").click()
    expect(page.locator(".job .outcome")).to_contain_text("of 20 queries")
    table = page.get_by_role("table", name="How well it finds, by tag")
    expect(table.get_by_role("row")).to_have_count(4)
    expect(table.get_by_role("row").nth(1)).to_contain_text("First hit")
    assert axe_faults(page, "upkeep") == {}

    page.select_option("#labels", "meta")
    page.fill("#field", "")
    page.locator("section", has=page.locator("#evaluation")).get_by_role("button", name="Measure").click()
    expect(page.get_by_role("alert")).to_contain_text("there are no labels")
