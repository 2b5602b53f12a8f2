"""What holds for every page: axe, both themes, narrow and wide screens, names, sizes, a quiet console."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from browser_pages import Watched, axe_faults, ready, serving
from every_page import FAILED, PAGES, PIECES, addresses, fields_of, make_library, routes_of
from playwright.sync_api import Browser, Page

import morelike
from morelike.server.app import create_app

USUAL, WIDTHS = 1280, (360, 768, 1920, 3840)
LOOK = """() => ({
  title: document.title,
  lang: document.documentElement.lang,
  headings: document.querySelectorAll("h1").length,
  unsized: [...document.images].filter((one) => !one.getAttribute("width") || !one.getAttribute("height"))
    .map((one) => one.outerHTML.slice(0, 120)),
  unseen: [...document.querySelectorAll("main section")]
    .filter((one) => !one.closest("[hidden], dialog") && !one.getClientRects().length)
    .map((one) => one.outerHTML.slice(0, 120)),
  twice: [...document.querySelectorAll("[id]")].map((one) => one.id)
    .filter((id, at, all) => all.indexOf(id) !== at),
})"""


@dataclass
class Every:
    """A server, the addresses of all its pages, and of each what the library calls its parts."""

    url: str
    addresses: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Every]:
    folder = tmp_path_factory.mktemp("every")
    settings = make_library(folder)
    with morelike.open(settings) as library:
        app = create_app(library)
        pages = {path for path, methods in routes_of(app) if "GET" in methods} - PIECES.keys()
        assert pages == PAGES.keys(), "every page stands in the table"
        found = Every("", [*addresses(library), *FAILED], fields_of(library))
    with serving(settings.library, "--allow-root", str(folder / "pictures")) as found.url:
        yield found


def unfold(page: Page, address: str) -> None:
    """To a page, with everything on it that can be opened."""
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": USUAL, "height": 720})
    page.goto(address)
    ready(page)
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")


def scrolled(page: Page) -> dict[int, int]:
    """The widths of screens that the page is wider than, and its own."""
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 740})
        whole = page.evaluate("document.documentElement.scrollWidth")
        if whole > width:
            found[width] = whole
    return found


def test_every_page(watched: Watched, every: Every) -> None:
    """In both themes axe finds nothing; nothing scrolls sideways from 360 to 3840 pixels; there is one heading, a
    language and a title; every picture has a size before it comes; no id stands twice; the console is silent.
    """
    watched.expected = ("status of 404", "GL Driver Message")  # maps and models are drawn without a graphics card
    page = watched.page
    faults: dict[str, Any] = {}
    titles: dict[str, str] = {}
    for address in every.addresses:
        unfold(page, every.url + address)
        seen = page.evaluate(LOOK)
        titles.setdefault(address.partition("?")[0], seen["title"])
        wrong = {
            "headings": seen["headings"] if seen["headings"] != 1 else None,
            "lang": seen["lang"] if seen["lang"] != "en" else None,
            "unsized": seen["unsized"],
            "twice": seen["twice"],
            "unseen": seen["unseen"],
            "wide": scrolled(page),
            "axe": axe_faults(page, address),
        }
        if found := {what: fault for what, fault in wrong.items() if fault}:
            faults[address] = found
    assert faults == {}

    of_pages = {address: title for address, title in titles.items() if address not in FAILED}
    assert sorted(set(of_pages.values())) == sorted(of_pages.values()), "no two pages are called alike"
    assert all(title.endswith(" · morelike") and len(title) > len(" · morelike") for title in titles.values())


def test_a_page_without_scripts(browser: Browser, every: Every) -> None:
    """Every page answers, shows its heading and nothing that only a script could serve."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    useless = {}
    for address in every.addresses:
        answer = page.goto(every.url + address)
        assert answer is not None
        assert answer.status == (404 if address in FAILED else 200), address
        shown = page.locator(".only-script:visible").count()
        if shown or not page.locator("h1").count():
            useless[address] = shown
    context.close()

    assert useless == {}
