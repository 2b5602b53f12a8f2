"""All items of a collection in a browser: page by page, in either order, as a grid or a table, filtered, tagged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from browser_pages import Watched, axe_faults, ready, serving
from PIL import Image
from playwright.sync_api import Page, expect

import morelike
from morelike.settings import Settings
from morelike.testing.images import write_images

PAGE = 60
WIDE = (100, 140, 180)


@dataclass(frozen=True)
class Listed:
    """``url``: of the collection's items; ``sizes``: their bytes by their ids, the oldest first."""

    url: str
    sizes: dict[str, int]

    @property
    def ids(self) -> list[str]:
        return list(self.sizes)


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listed]:
    """Sixty small pictures, then three wider ones with the tag ``wide``. Tests give back the tags that they add."""
    folder = tmp_path_factory.mktemp("listed")
    write_images(folder / "small", PAGE, size=(48, 36))
    (folder / "wide").mkdir()
    for width in WIDE:
        Image.linear_gradient("L").rotate(width).resize((width, 64)).save(folder / "wide" / f"wide-{width}.png")
    with morelike.open(Settings(library=folder / "library", offline=True)) as library:
        photos = library.collection("photos", modality="image", encoder="classic")
        photos.add(folder / "small")
        photos.add(folder / "wide", tags=["wide"])
        sizes = {item.id: item.digest.size for item in photos.items(limit=100)}
    assert len(sizes) == PAGE + len(WIDE)
    with serving(folder / "library") as url:
        yield Listed(f"{url}/c/photos/items", sizes)


def shown(page: Page) -> list[str]:
    """The items of the grid or the table, in their order."""
    page.wait_for_load_state()  # a list that is still being read is shorter
    return page.locator("main [data-item]").evaluate_all("(all) => all.map((one) => one.dataset.item)")


def test_pages_follow_one_another(listed: Listed, page: Page) -> None:
    """Each item stands on one page, in the order in which it came; the last page leads back."""
    page.goto(listed.url)
    expect(page.get_by_role("heading", level=1)).to_contain_text("63 items")
    pages = page.get_by_role("navigation", name="Pages")
    expect(pages).to_contain_text("1 to 60 of 63")
    first = shown(page)
    pages.get_by_role("link", name="Further").click()
    expect(pages).to_contain_text("61 to 63 of 63")
    second = shown(page)
    expect(pages.get_by_role("link", name="Further")).to_have_count(0)
    pages.get_by_role("link", name="Back").click()
    expect(pages).to_contain_text("1 to 60 of 63")

    assert first + second == listed.ids


def test_the_newest_come_first_on_every_page(listed: Listed, page: Page) -> None:
    """The other order turns the whole list round, not each page, and goes on over further pages."""
    page.goto(f"{listed.url}?view=grid")
    page.get_by_role("link", name="Newest first").click()
    expect(page.get_by_role("link", name="Newest first")).to_have_attribute("aria-current", "true")
    first = shown(page)
    page.get_by_role("link", name="Further").click()
    expect(page.locator("main [data-item]")).to_have_count(3)

    assert first + shown(page) == listed.ids[::-1]


def test_headings_sort_the_table(listed: Listed, page: Page) -> None:
    """By name and by size over all pages; chosen again they turn round, and the grid goes on in that order."""
    page.goto(f"{listed.url}?view=table")
    names = page.locator(".itemtable tbody .name")
    for order, first in (("ascending", ["00000.jpg", "00001.jpg"]), ("descending", ["wide-180.png", "wide-140.png"])):
        page.get_by_role("link", name="Name", exact=True).click()
        expect(page.get_by_role("columnheader", name="Name", exact=True)).to_have_attribute("aria-sort", order)
        for place, name in enumerate(first):
            expect(names.nth(place)).to_have_text(name)
    here = shown(page)
    page.get_by_role("link", name="Grid", exact=True).click()
    expect(page.get_by_role("link", name="Z to A")).to_have_attribute("aria-current", "true")
    assert shown(page) == here

    page.get_by_role("link", name="Largest first").click()
    expect(page.get_by_role("link", name="Largest first")).to_have_attribute("aria-current", "true")
    largest = shown(page)
    page.get_by_role("link", name="Further").click()
    expect(page.locator("main [data-item]")).to_have_count(3)
    assert [listed.sizes[item] for item in largest + shown(page)] == sorted(listed.sizes.values(), reverse=True)


def test_the_view_is_kept(listed: Listed, page: Page) -> None:
    """A table stays one on other pages and on the next visit; going over to it keeps the filter and the order."""
    page.goto(f"{listed.url}?order=newest&filter=tag%20%3D%20%27wide%27")
    page.get_by_role("link", name="Table", exact=True).click()
    rows = page.locator(".itemtable tbody tr")
    expect(rows).to_have_count(3)
    expect(page.get_by_role("link", name="Table", exact=True)).to_have_attribute("aria-current", "true")
    assert shown(page) == listed.ids[:-4:-1]
    boxes = page.locator(".itemtable img").evaluate_all("(all) => all.map((one) => [one.width, one.height])")
    assert boxes == [[64, 48]] * 3

    page.goto(listed.url)
    expect(rows).to_have_count(PAGE)
    page.get_by_role("link", name="Further").click()
    expect(rows).to_have_count(3)
    page.get_by_role("link", name="Grid", exact=True).click()
    expect(page.locator(".hits .hit")).to_have_count(3)
    page.goto(listed.url)
    expect(page.locator(".hits .hit")).to_have_count(PAGE)


def test_a_filter_is_put_together(listed: Listed, page: Page) -> None:
    """From the collection's fields, by keyboard and mouse; what fits no field is said before anything is asked."""
    page.goto(f"{listed.url}?view=table")
    ready(page)
    page.get_by_role("button", name="Condition").click()
    page.get_by_label("Field", exact=True).select_option("width")
    page.get_by_label("Comparison").select_option(">")
    page.get_by_label("Value", exact=True).fill("a few")
    page.get_by_role("button", name="Add with and").click()
    expect(page.locator("filter-builder [data-said]")).to_have_text("width is a number.")
    page.get_by_label("Value", exact=True).fill("120")
    page.keyboard.press("Enter")
    page.get_by_label("Field", exact=True).select_option("tag")
    page.get_by_label("Comparison").select_option("=")
    page.get_by_label("Value", exact=True).fill("wide")
    page.get_by_role("button", name="Add with and").click()
    expect(page.locator("#filter")).to_have_value("width > 120 and tag = 'wide'")
    assert axe_faults(page, "table") == {}

    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("2 items")
    assert sorted(page.locator(".itemtable tbody .name").all_inner_texts()) == ["wide-140.png", "wide-180.png"]
    page.goto(f"{listed.url}?filter=width%20%3E%201000")
    page.get_by_role("link", name="Show all").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("63 items")


def test_a_wrong_filter_shows_where(listed: Listed, watched: Watched) -> None:
    """The place is marked beside the field, which keeps what was typed."""
    watched.expected = ("status of 400",)
    page = watched.page
    page.goto(listed.url)
    page.fill("#filter", "width > 10 and oops")
    page.get_by_role("button", name="Show", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text("cannot be read")
    expect(page.locator("#filter")).to_have_value("width > 10 and oops")
    expect(page.locator("#filter")).to_have_attribute("aria-invalid", "true")
    assert axe_faults(page, "fault") == {}


def test_picked_items_are_tagged_and_found_by_it(listed: Listed, page: Page) -> None:
    """The tag stands beside them at once and after the page is loaded anew, leads to them alone, and is taken away."""
    page.goto(f"{listed.url}?view=table")
    ready(page)
    picked = listed.ids[3:6]
    rows = [page.locator(f"main [data-item='{item}']") for item in picked]
    rows[0].get_by_role("checkbox").check()
    rows[2].get_by_role("checkbox").click(modifiers=["Shift"])
    bar = page.get_by_role("region", name="Picked")
    expect(bar).to_contain_text("3 picked")
    bar.get_by_role("button", name="Tag").click()
    page.get_by_label("Tags, between commas").fill("seen twice, blue")
    page.keyboard.press("Enter")
    expect(bar).to_contain_text("3 items have now: seen twice, blue")
    for row in rows:
        expect(row.locator(".tagline li")).to_have_text(["seen twice", "blue"])

    page.reload()
    for row in rows:
        assert sorted(row.locator(".tagline li").all_inner_texts()) == ["blue", "seen twice"]
    rows[1].get_by_role("link", name="seen twice").click()
    expect(page.locator("#filter")).to_have_value("tag = 'seen twice'")
    expect(page.get_by_role("heading", level=1)).to_contain_text("3 items")
    assert shown(page) == picked

    ready(page)
    page.keyboard.press("Control+a")
    expect(bar).to_contain_text("3 picked")
    bar.get_by_role("button", name="Tag").click()
    page.get_by_label("Tags, between commas").fill("seen twice, blue")
    page.get_by_role("button", name="Take them away").click()
    expect(bar).to_contain_text("3 items have no more: seen twice, blue")
    expect(page.locator(".tagline li")).to_have_count(0)
    page.reload()
    expect(page.get_by_text("No item matches.")).to_be_visible()


def test_all_that_are_shown_are_picked(listed: Listed, page: Page) -> None:
    """By a key, in the grid as in the table, and let go by another; nothing of another page is picked."""
    page.goto(f"{listed.url}?view=grid")
    ready(page)
    bar = page.get_by_role("region", name="Picked")
    page.keyboard.press("Control+a")
    expect(bar).to_contain_text("60 picked")
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    page.goto(f"{listed.url}?view=table&offset=60")
    ready(page)
    page.get_by_label("Pick wide-100.png").check()
    expect(bar).to_contain_text("1 picked")
    page.keyboard.press("Control+a")
    expect(bar).to_contain_text("3 picked")
