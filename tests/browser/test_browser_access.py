"""Whoever looks: the theme, the keyboard, calm, and who may come in and do what."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_pages import Served, Watched, hand_over, ready, serving
from playwright.sync_api import Browser, Page, expect

import morelike
from morelike.settings import Settings


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


def log_in(page: Page, url: str, key: str) -> None:
    page.goto(f"{url}/login")
    page.fill("#key", key)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{url}/")


def actions(page: Page) -> list[str]:
    """Where the forms of the page lead, and what uploads files; what everybody may do left out."""
    page.wait_for_load_state()
    found = page.evaluate(
        """() => [
          ...[...document.querySelectorAll("form[method=post]")]
            .filter((form) => [...form.elements].some((one) => !one.disabled && one.type !== "hidden"))
            .map((form) => new URL(form.getAttribute("action"), location.href).pathname),
          ...[...document.querySelectorAll("upload-queue")].map((one) => one.getAttribute("to")),
        ]"""
    )
    return sorted(path for path in found if not re.search("^/(language|logout)$|/ask$", path))


def test_a_page_offers_what_the_key_may_do(browser: Browser, locked: tuple[str, dict[str, str]]) -> None:
    """A reader sees no action on any page, an admin all of them; what is not offered is refused as well."""
    url, keys = locked
    offered: dict[str, dict[str, int]] = {}
    for role, key in keys.items():
        context = browser.new_context()
        page = context.new_page()
        log_in(page, url, key)
        page.goto(f"{url}/c/photographs/items")
        item = page.locator("[data-item]").first.get_attribute("data-item")
        places = ["/", "/c/photographs", f"/i/photographs/{item}", "/storage"]
        places += [f"/c/photographs/{name}" for name in ("add", "rejected", "duplicates", "map", "upkeep")]
        offered[role] = {}
        for place in places:
            page.goto(url + place)
            offered[role][place] = len(actions(page))
        if role == "reader":
            dropped = "{ method: 'POST', body: new URLSearchParams({ confirm: 'photographs' }) }"
            sent = f"fetch('/c/photographs/drop', {dropped}).then((answer) => answer.status)"
            assert page.evaluate(sent) == 403
        page.goto(url)
        expect(page.get_by_role("link", name="Search photographs")).to_be_visible()
        context.close()

    nothing_to_do = {"/c/photographs", "/c/photographs/rejected"}  # there is no rejected file
    assert {place for place, count in offered["reader"].items() if count} == set()
    assert {place for place, count in offered["admin"].items() if not count} <= nothing_to_do


def test_a_session_that_ends_in_the_middle(watched: Watched, locked: tuple[str, dict[str, str]]) -> None:
    """What was sent then leads to the form, which says that it was not done, and from there back to the same page."""
    url, keys = locked
    watched.expected = ("401",)  # a picture that was on its way
    page = watched.page
    log_in(page, url, keys["admin"])
    page.goto(f"{url}/c/photographs/upkeep?x=1")
    ready(page)
    end_session(page)
    page.get_by_role("region", name="Measure what scores mean").get_by_role("button").click()
    expect(page).to_have_url(re.compile("/login"))
    expect(page.get_by_role("alert")).to_contain_text("was not done")
    page.fill("#key", keys["admin"])
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{url}/c/photographs/upkeep?x=1")

    page.goto(f"{url}/c/photographs/items")
    page.locator(".hit a.picture").first.click()
    expect(page.locator("#refine")).to_be_visible()
    ready(page)
    asked = page.url
    end_session(page)
    page.fill("#filter", "width > 1")
    page.keyboard.press("Enter")  # a part of the page is asked for
    expect(page).to_have_url(re.compile("/login"))
    page.fill("#key", keys["admin"])
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(asked)


def end_session(page: Page) -> None:
    """In another tab of the same browser."""
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Log out").click()
    expect(other).to_have_url(re.compile("/login"))
    other.close()
