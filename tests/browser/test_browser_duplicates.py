"""Duplicates side by side: decided with a key, undone, set aside, brought back, removed for good."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_pages import axe_faults, ready, serving
from PIL import Image
from playwright.sync_api import Page, expect

import morelike
from morelike.settings import Settings
from morelike.testing.images import synthetic_image


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[str]:
    """A server; ``twins`` has two pictures with a smaller copy each, and one that lies at two places."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(3):
        picture = Image.fromarray(synthetic_image(seed, (400, 300)))
        picture.save(folder / f"{seed}.png")
        if seed < 2:
            picture.resize((200, 150)).save(folder / f"{seed}-small.jpg")
    shutil.copy(folder / "2.png", folder / "2-again.png")
    with morelike.open(Settings(library=tmp_path / "library", offline=True)) as library:
        library.collection("twins", modality="image", encoder="classic").add(folder)
    with serving(tmp_path / "library") as url:
        yield url


def test_groups_are_gone_through_side_by_side(twins: str, page: Page) -> None:
    """From the look to its groups: walked over, laid over one another, decided with a key, undone at once."""
    page.goto(f"{twins}/c/twins")
    page.get_by_role("link", name="Duplicates", exact=True).click()
    ready(page)
    page.get_by_role("button", name="Look", exact=True).click()
    piles = page.locator(".pile")
    expect(piles).to_have_count(3)
    expect(piles.last).to_contain_text("one item, kept once")
    first, second = piles.nth(0), piles.nth(1)
    expect(first.locator(".member")).to_have_count(2)
    expect(first.get_by_text("200 × 150")).to_be_visible()
    expect(first.get_by_text("alike")).to_be_visible()
    expect(first.get_by_role("radio").first).to_be_checked()
    ready(page)
    assert axe_faults(page, "duplicates") == {}

    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(second).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(first).to_be_focused()
    page.keyboard.press("2")
    expect(first.get_by_role("radio").nth(1)).to_be_checked()
    page.keyboard.press("o")
    over = page.get_by_role("dialog")
    expect(over.get_by_role("status")).to_have_text("both, one over the other")
    page.keyboard.press(" ")
    shown = over.get_by_role("status").inner_text()
    page.keyboard.press(" ")
    expect(over.get_by_role("status")).not_to_have_text(shown)
    assert axe_faults(page, "one over the other") == {}
    page.keyboard.press("Escape")
    expect(over).to_have_count(0)
    expect(first).to_be_focused()

    kept = first.locator(".member").nth(1).get_attribute("data-name")
    page.keyboard.press("a")
    expect(page.locator("#done")).to_contain_text("1 item is set aside")
    expect(piles).to_have_count(2)
    expect(piles.first).to_be_focused()
    page.goto(f"{twins}/c/twins/duplicates?view=aside")
    expect(page.locator(".pair .name").nth(1)).to_have_text(str(kept))
    page.go_back()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#done")).to_contain_text("1 item is back")
    expect(piles).to_have_count(3)


def test_what_is_different_is_remembered(twins: str, page: Page) -> None:
    """It is asked of no later look, until that is undone."""
    page.goto(f"{twins}/c/twins/duplicates")
    ready(page)
    page.get_by_role("button", name="Look", exact=True).click()
    piles = page.locator(".pile")
    expect(piles).to_have_count(3)
    piles.first.get_by_role("button", name="They are different").click()
    expect(page.locator("#done")).to_contain_text("Remembered")
    expect(piles).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#done")).to_contain_text("they may be duplicates after all")
    expect(piles).to_have_count(3)

    page.select_option("select[name=kind]", "equal")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(piles).to_have_count(1)
    page.goto(f"{twins}/c/twins/duplicates?least=1")
    expect(page.locator(".pile.near")).to_have_count(0)


def test_what_is_set_aside_comes_back_or_goes(twins: str, page: Page) -> None:
    """All shown at once; what is set aside is listed by run; it comes back whole, or goes after a question."""
    page.goto(f"{twins}/c/twins/duplicates")
    ready(page)
    page.get_by_role("button", name="Look", exact=True).click()
    page.get_by_role("button", name="Set aside the 2 items").click()
    expect(page.locator("#done")).to_contain_text("2 items are set aside")
    page.get_by_role("link", name="Set aside (2)").click()
    expect(page.locator(".pair")).to_have_count(2)
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert axe_faults(page, "set aside") == {}
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360

    page.get_by_role("button", name="Bring all 2 back").click()
    expect(page.locator("#done")).to_contain_text("2 items are back")
    expect(page.get_by_text("Nothing is set aside.")).to_be_visible()
    page.goto(f"{twins}/c/twins/duplicates")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    pile = page.locator(".pile").first
    button = pile.get_by_role("button", name="Remove it for good")
    expect(button).to_be_hidden()
    pile.get_by_text("Remove for good", exact=True).click()
    button.click()
    expect(page.locator("#done")).to_contain_text("1 item is gone for good")
    page.goto(f"{twins}/c/twins/items")
    expect(page.locator(".hit")).to_have_count(4)
