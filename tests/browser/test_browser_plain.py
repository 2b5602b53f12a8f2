"""The page in a browser that runs no script at all: links and forms are enough."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from browser_pages import PATIENCE, Served, names, serving
from playwright.sync_api import Browser, Page, expect

API = "/api/v1/collections/photographs"


@pytest.fixture(scope="module")
def own(filled: Path, photographs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A copy of the library of photographs, which these tests may change."""
    folder = tmp_path_factory.mktemp("plain") / "library"
    shutil.copytree(filled, folder)
    with serving(folder) as url:
        yield Served(url, folder, *photographs)


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    """A page whose engine was told to run nothing."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    context.new_cdp_session(page).send("Emulation.setScriptExecutionDisabled", {"value": True})
    yield page
    ran = page.locator("html.script, html[data-scripts]").count()
    context.close()

    assert ran == 0


def begin(page: Page, served: Served, family: str, more: str = "") -> None:
    """Search with the original of a family of photographs."""
    found = httpx.get(f"{served.url}{API}/items", params={"limit": 100}).raise_for_status().json()["items"]
    item = next(one["item"] for one in found if f"/{family}/original" in one["source"])
    page.goto(f"{served.url}/c/photographs?part=item:{item}{more}")


def families(page: Page) -> list[str]:
    return [name.partition("/")[0] for name in names(page)]


def test_an_item_is_asked_with(plain: Page, own: Served) -> None:
    """A picture of the collection leads to those like it; + takes another one in, and the board lets it go again."""
    plain.goto(f"{own.url}/c/photographs")
    picture = plain.get_by_role("link", name=re.compile("^More like chelsea")).first
    picture.click()
    assert families(plain)[:4] == ["chelsea"] * 4
    plain.locator(".hit").nth(7).get_by_role("link", name="as well").click()
    expect(plain.locator(".part")).to_have_count(2)
    plain.get_by_role("link", name=re.compile("^Remove ")).nth(1).click()

    expect(plain.locator(".part")).to_have_count(1)
    assert families(plain)[:4] == ["chelsea"] * 4


def test_a_file_is_asked_with(plain: Page, own: Served) -> None:
    """The form sends it; a further one joins it on the board."""
    plain.goto(f"{own.url}/c/photographs")
    plain.set_input_files("#ask input[type=file]", own.queries / "coffee.jpg")
    plain.get_by_role("button", name="Search", exact=True).click()
    expect(plain).to_have_url(re.compile("part=upload"))
    assert families(plain)[:5] == ["coffee"] * 5
    plain.set_input_files(".slot input[type=file]", own.queries / "rocket.jpg")
    plain.get_by_role("button", name="Add", exact=True).click()

    expect(plain.locator(".part")).to_have_count(2)
    assert set(families(plain)[:6]) == {"coffee", "rocket"}


def test_further_pages_are_links(plain: Page, own: Served) -> None:
    """More leads to the next hits, none of which was on the page before, and says which they are."""
    begin(plain, own, "coffee")
    first = names(plain)
    plain.get_by_role("link", name="More", exact=True).click()
    expect(plain.locator("#tally")).to_contain_text(re.compile(r"^31 to \d+ of "))

    assert names(plain)
    assert not {*first} & {*names(plain)}
    expect(plain.get_by_text("That is all.", exact=True)).to_be_visible()
    plain.go_back()
    assert names(plain) == first


def test_a_filter_is_a_field_of_a_form(plain: Page, own: Served) -> None:
    """It is sent by a button; one that cannot be read is explained, and stays in its field."""
    begin(plain, own, "coffee")
    plain.fill("#filter", "format = 'PNG'")
    plain.get_by_role("button", name="Search again").click()
    expect(plain).to_have_url(re.compile("filter=format"))
    expect(plain.locator(".hit .name").filter(has_text=".jpg")).to_have_count(0)
    plain.fill("#filter", "format = = 'PNG'")
    plain.get_by_role("button", name="Search again").click()

    expect(plain.get_by_role("alert")).to_be_visible()
    expect(plain.locator("#filter")).to_have_value("format = = 'PNG'")


def test_tags_are_a_form(plain: Page, own: Served) -> None:
    """An item's page gives tags and takes them away; a filter finds what has one."""
    begin(plain, own, "moon")
    plain.locator("#hits .name").first.click()
    plain.get_by_label("New tags, between commas").fill("night, far away")
    plain.get_by_role("button", name="Add", exact=True).click()
    expect(plain.get_by_role("button", name="Remove the tag night")).to_be_visible()
    plain.get_by_role("button", name="Remove the tag night").click()
    expect(plain.get_by_role("button", name="Remove the tag night")).to_have_count(0)
    begin(plain, own, "moon", "&filter=tag+%3D+%27far+away%27")

    assert len(names(plain)) == 1


def test_an_item_is_removed(plain: Page, own: Served) -> None:
    """After a fold that is opened; then no search finds it."""
    begin(plain, own, "camera")
    gone = names(plain)[0]
    plain.locator("#hits .name").first.click()
    plain.get_by_text("Remove from the collection").click()
    plain.get_by_role("button", name=re.compile("^Remove ")).last.click()
    expect(plain).to_have_url(re.compile("/items$"))
    begin(plain, own, "camera")

    assert gone not in names(plain)


def test_the_board_folds_on_a_phone(plain: Page, own: Served) -> None:
    """The line above the answers opens it, and folds it again."""
    plain.set_viewport_size({"width": 360, "height": 740})
    begin(plain, own, "coffee")
    expect(plain.locator("#filter")).to_be_hidden()
    plain.locator(".folding summary").click()
    expect(plain.locator("#filter")).to_be_visible()
    plain.locator(".folding summary").click()

    expect(plain.locator("#filter")).to_be_hidden()
