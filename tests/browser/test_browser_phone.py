"""The search page on a phone: the answers come first, and the board is a line above them until somebody opens it."""

from __future__ import annotations

import re

import httpx
import pytest
from browser_pages import Served, Watched, axe_faults, ready
from playwright.sync_api import Locator, Page, expect

API = "/api/v1/collections/photographs"
PHONE = {"width": 360, "height": 740}
FIRST_ROW = """() => {
    const boxes = [...document.querySelectorAll("#hits .hit")].map((hit) => hit.getBoundingClientRect());
    return Math.max(...boxes.filter(({ top }) => top < boxes[0].bottom).map(({ bottom }) => bottom)) + scrollY;
}"""


@pytest.fixture
def phone(page: Page) -> Page:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type] # a TypedDict
    return page


def ask(page: Page, served: Served, count: int, more: str = "") -> None:
    """Search with so many of the collection's pictures."""
    found = httpx.get(f"{served.url}{API}/items", params={"limit": count}).raise_for_status().json()["items"]
    page.goto(f"{served.url}/c/photographs?" + "&".join(f"part=item:{one['item']}" for one in found) + more)
    expect(page.locator("#hits .hit").first).to_be_visible()
    ready(page)


def line(page: Page) -> Locator:
    """What the board is folded under."""
    return page.locator(".folding summary")


@pytest.mark.parametrize(("count", "more"), [(1, ""), (2, "&filter=width+%3E+0")])
def test_the_first_hits_are_in_sight(phone: Page, served: Served, count: int, more: str) -> None:
    """At 360 by 740 pixels the first row of hits is seen whole without scrolling, below a line that says what was
    asked; axe has nothing against it, and nothing scrolls sideways.
    """
    ask(phone, served, count, more)
    said = "1 example" if count == 1 else "2 examples · where width > 0"

    assert phone.evaluate(FIRST_ROW) <= PHONE["height"]
    assert phone.evaluate("scrollY") == 0
    expect(line(phone)).to_contain_text(said)
    expect(line(phone).locator("img")).to_have_count(count)
    expect(phone.locator("#refine")).to_be_hidden()
    expect(phone.get_by_role("button", name="History")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert axe_faults(phone, "folded") == {}


def test_the_board_is_opened_and_stays(phone: Page, served: Served) -> None:
    """By key; it stays open while the search is changed and after a reload, until it is folded again."""
    ask(phone, served, 2)
    line(phone).press("Enter")
    expect(phone.get_by_label("Only where")).to_be_visible()
    expect(phone.locator(".part crop-box img")).to_have_count(2)
    assert axe_faults(phone, "open on a phone") == {}
    phone.fill("#filter", "width > 0")
    phone.press("#filter", "Enter")
    expect(phone).to_have_url(re.compile("filter="))
    expect(line(phone)).to_contain_text("where width > 0")
    expect(phone.locator("#filter")).to_be_visible()
    phone.reload()
    ready(phone)
    expect(phone.locator("#filter")).to_be_visible()

    line(phone).click()
    expect(phone.locator("#filter")).to_be_hidden()
    phone.reload()
    ready(phone)
    expect(line(phone)).to_be_visible()
    expect(phone.locator("#filter")).to_be_hidden()


def test_what_is_wrong_on_the_board_is_seen(watched: Watched, served: Served) -> None:
    """A search that failed has its board open, for that is where it is mended; which nobody has to fold again later."""
    watched.expected = ("status of 400",)
    page = watched.page
    page.set_viewport_size(PHONE)  # type: ignore[arg-type] # likewise
    page.goto(f"{served.url}/c/photographs?part=item:000000000000&filter=width+%3D+%3D")
    ready(page)
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("#filter")).to_be_visible()

    ask(page, served, 1)
    expect(page.locator("#filter")).to_be_hidden()


def test_a_wide_screen_has_the_board_beside(page: Page, served: Served) -> None:
    """There is no line to open, and all of the board is there."""
    ask(page, served, 1)

    expect(line(page)).to_be_hidden()
    expect(page.get_by_role("heading", name="Looking for")).to_be_visible()
    expect(page.locator("#filter")).to_be_visible()
    board, hits = (page.locator(place).bounding_box() for place in (".board", ".answers"))
    assert board is not None
    assert hits is not None
    assert board["x"] + board["width"] <= hits["x"]
