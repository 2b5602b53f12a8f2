"""Whoever looks, on whatever: contrast, names, narrow screens, both themes, and who may come in."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_pages import Served, Watched, hand_over, serving
from playwright.sync_api import Browser, Page, expect

import morelike
from morelike.settings import Settings

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
PLACES = {
    "collections": "/",
    "begin": "/c/photographs",
    "search": "",
    "items": "/c/photographs/items",
    "add": "/c/photographs/add",
    "rejected": "/c/photographs/rejected",
    "item": "",
    "jobs": "/jobs",
    "login": "/login",
    "error": "/c/nowhere",
}


def addresses(page: Page, served: Served) -> dict[str, str]:
    """Every page by its name; the search has two examples, one against, and a crop."""
    page.goto(f"{served.url}/c/photographs/items")
    items = page.locator(".hit").evaluate_all("(hits) => hits.map((hit) => hit.dataset.item)")
    parts = f"part=item:{items[0]}&weight=1&crop=0.1,0.1,0.9,0.9&part=item:{items[8]}&weight=-1&crop="
    own = {"search": f"/c/photographs?{parts}", "item": f"/i/photographs/{items[0]}"}
    return {name: served.url + path for name, path in {**PLACES, **own}.items()}


def unfold(page: Page, address: str) -> None:
    """To a page, with everything on it that can be opened."""
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")


def test_axe_finds_nothing(watched: Watched, served: Served) -> None:
    """On every page, in both themes, axe-core finds no fault."""
    watched.expected = ("status of 404",)
    page, found = watched.page, {}
    for name, address in addresses(page, served).items():
        unfold(page, address)
        page.evaluate(AXE.read_text(encoding="utf-8"))
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            result = page.evaluate("axe.run({ resultTypes: ['violations'] })")
            assert result["passes"], name
            if result["violations"]:
                faults = [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in result["violations"]]
                found[name, theme] = faults

    assert found == {}


def test_nothing_is_wider_than_the_screen(watched: Watched, served: Served) -> None:
    """On a narrow screen no page scrolls sideways."""
    watched.expected = ("status of 404",)
    page, wide = watched.page, {}
    for name, address in addresses(page, served).items():
        unfold(page, address)
        for width in (360, 768, 1920):
            page.set_viewport_size({"width": width, "height": 740})
            scrolled = page.evaluate("document.documentElement.scrollWidth")
            if scrolled > width:
                wide[name, width] = scrolled

    assert wide == {}


def test_the_description_of_the_api_is_complained_of_by_nobody(page: Page, served: Served) -> None:
    """The page of the API's description loads under the same policy, from this server alone."""
    page.goto(f"{served.url}/docs")
    expect(page.get_by_text("/api/v1/collections", exact=True).first).to_be_visible()


def test_the_theme_is_remembered(page: Page, served: Served) -> None:
    """The switch goes from the system's colours to light and dark, and the next page has the same."""
    page.emulate_media(color_scheme="light")
    page.goto(served.url)
    ground = "() => getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    switch = page.get_by_role("button", name=re.compile("^Colours"))
    switch.click()
    assert page.evaluate(ground) == light
    switch.click()
    dark = page.evaluate(ground)
    assert dark != light

    page.goto(f"{served.url}/jobs")
    assert page.evaluate(ground) == dark
    expect(switch).to_have_accessible_name("Colours: dark")
    switch.click()
    assert page.evaluate(ground) == light


def test_the_first_tab_skips_the_bar(page: Page, served: Served) -> None:
    """The first stop of the tab key leads past the bar, and focus is visible."""
    page.goto(f"{served.url}/c/photographs")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    assert skip.evaluate("(link) => getComputedStyle(link).outlineStyle") == "solid"
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_be_focused()


def test_calm_where_that_is_wished(browser: Browser, served: Served) -> None:
    """With reduced motion nothing moves by itself."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{served.url}/c/photographs")
    duration = page.locator(".hit img").first.evaluate("(image) => getComputedStyle(image).transitionDuration")
    context.close()

    assert float(duration.removesuffix("s")) == 0


@pytest.fixture(scope="module")
def locked(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """(a server whose library has keys, the keys by their roles)."""
    folder = tmp_path_factory.mktemp("locked") / "library"
    shutil.copytree(filled, folder)
    with morelike.open(Settings(library=folder, offline=True)) as library:
        keys = {role: library.keys.make(role, role) for role in ("reader", "admin")}
    with serving(folder) as url:
        yield url, keys


def test_logging_in(watched: Watched, locked: tuple[str, dict[str, str]], served: Served) -> None:
    """Without a key every page leads to the form; a wrong key is refused there; the right one leads back."""
    url, keys = locked
    page = watched.page
    page.goto(f"{url}/c/photographs")
    expect(page).to_have_url(re.compile("/login"))
    page.fill("#key", "ml_wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("not known")
    page.fill("#key", keys["reader"])
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{url}/c/photographs")

    hand_over(page, "drop", served.queries / "coffee.jpg")
    expect(page.locator("#hits .hit").first).to_be_visible()
    watched.expected = ("401",)  # a picture that is still on its way when one logs out is refused
    page.get_by_role("button", name="Log out").click()
    page.goto(url)
    expect(page).to_have_url(re.compile("/login"))


def test_a_page_offers_what_the_key_may_do(browser: Browser, locked: tuple[str, dict[str, str]]) -> None:
    """A reader sees no button that would be refused; an admin sees all."""
    url, keys = locked
    offered = {}
    for role, key in keys.items():
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{url}/login")
        page.fill("#key", key)
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(f"{url}/")
        page.wait_for_load_state()
        drops = page.get_by_text("Drop", exact=True).count() + page.get_by_text("New collection", exact=True).count()
        page.goto(f"{url}/c/photographs/add")
        offered[role] = (drops, page.locator("upload-queue").count())
        context.close()

    assert offered == {"reader": (0, 0), "admin": (2, 1)}


def test_a_reader_cannot_send_the_form_either(locked: tuple[str, dict[str, str]], browser: Browser) -> None:
    """What the page does not offer, the server refuses."""
    url, keys = locked
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/login")
    page.fill("#key", keys["reader"])
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{url}/")
    status = page.evaluate(
        "fetch('/c/photographs/drop', { method: 'POST', body: new URLSearchParams({ confirm: 'photographs' }) })"
        ".then((answer) => answer.status)"
    )
    page.goto(url)

    assert status == 403
    expect(page.get_by_role("link", name="Search photographs")).to_be_visible()
    context.close()
