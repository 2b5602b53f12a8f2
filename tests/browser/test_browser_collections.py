"""Collections and items in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

from browser_pages import Served, Watched, hand_over
from browser_timed import Timed
from PIL import Image
from playwright.sync_api import Page, expect

from morelike.testing.sounds import as_wav
from morelike.testing.tunes import tune


def test_a_collection_is_made_and_dropped(page: Page, served: Served) -> None:
    """A name and an encoder make one; dropping it asks first, and says what goes."""
    page.goto(served.url)
    page.get_by_text("New collection", exact=True).click()
    page.fill("#name", "made-here")
    classic = page.locator(".choices label", has=page.locator("input[value=classic]"))
    expect(classic).to_contain_text("no weights needed")
    expect(page.locator(".choices label", has=page.locator("input[value=dinov2-small]"))).to_contain_text("Apache-2.0")
    classic.click()
    page.get_by_role("button", name="Make it").click()
    expect(page).to_have_url(re.compile("/c/made-here/add$"))

    page.goto(served.url)
    card = page.locator(".shelved", has=page.get_by_role("link", name="Search made-here"))
    card.get_by_text("Drop", exact=True).click()
    card.get_by_role("button", name="Drop made-here").click()
    expect(page).to_have_url(f"{served.url}/")
    expect(page.locator(".shelved", has_text="made-here")).to_have_count(0)


def test_where_one_is_is_in_sight(page: Page, served: Served) -> None:
    """On a telephone a collection's menu is one line that scrolls, in either language, and begins at the page shown."""
    page.set_viewport_size({"width": 360, "height": 740})
    for language in ("en", "zh"):
        page.set_extra_http_headers({"Accept-Language": language})
        page.goto(f"{served.url}/c/photographs/upkeep")
        here = page.locator(".local [aria-current]")
        expect(here).to_be_in_viewport(ratio=0.9)
        assert (here.bounding_box() or {}).get("height", 99) < 48, language


def test_a_dropped_file_finds_its_collection(page: Page, timed: Timed, tmp_path: Path) -> None:
    """A sound is looked for among the sounds, though films take one too, unless somebody chose those; a picture where
    pictures are taken.
    """
    sound, picture = tmp_path / "tune.wav", tmp_path / "dot.png"
    sound.write_bytes(as_wav(tune(1, 3.0)))
    Image.new("RGB", (64, 64), "red").save(picture)
    for dropped, media, chosen, place in (
        (sound, "audio/wav", "", "sounds"),
        (picture, "image/png", "", "films"),
        (sound, "audio/wav", "in films", "films"),
    ):
        page.goto(timed.url)
        if chosen:
            page.select_option("#target", label=chosen)
        hand_over(page, "drop", dropped, media=media)
        expect(page).to_have_url(re.compile(f"/c/{place}[?]"))


def test_a_name_that_is_taken(watched: Watched, served: Served) -> None:
    """What is wrong with a new collection is said above the form, which keeps what was typed."""
    watched.expected = ("status of 4",)
    page = watched.page
    page.goto(served.url)
    page.get_by_text("New collection", exact=True).click()
    page.fill("#name", "photographs")
    page.get_by_role("button", name="Make it").click()

    expect(page.get_by_role("alert")).to_contain_text("photographs already")
    expect(page.locator("#name")).to_have_value("photographs")


def test_an_item_is_tagged_and_found_by_its_tag(page: Page, served: Served) -> None:
    """Tags are added and removed on the item's page; the list of items can be narrowed to them."""
    page.goto(f"{served.url}/c/photographs/items")
    page.locator(".hit .name", has_text="rocket/original").click()
    expect(page.locator(".facts")).to_contain_text("image/jpeg")
    page.fill("#add", "in space, tall")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("button", name=re.compile("Remove the tag"))).to_have_count(2)
    page.get_by_role("button", name="Remove the tag tall").click()
    expect(page.get_by_role("button", name=re.compile("Remove the tag"))).to_have_count(1)

    page.goto(f"{served.url}/c/photographs/items")
    page.fill("#filter", "tag = 'in space'")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("1 item")
    expect(page.locator(".hit .name")).to_have_text(["rocket/original.jpg"])


def test_an_item_is_removed(page: Page, served: Served) -> None:
    """Removing an item asks first; afterwards the list is without it."""
    page.goto(f"{served.url}/c/photographs/items")
    count = page.locator(".hit").count()
    page.locator(".hit .name", has_text="motorcycle_left/rotated").click()
    page.get_by_text("Remove from the collection").click()
    page.get_by_role("button", name="Remove rotated.jpg").click()

    expect(page.locator(".hit")).to_have_count(count - 1)
    expect(page.locator(".hit .name", has_text="motorcycle_left/rotated")).to_have_count(0)


def test_the_original_opens(page: Page, served: Served) -> None:
    """The link to the original leads to the bytes themselves."""
    page.goto(f"{served.url}/c/photographs/items")
    with page.context.expect_page() as opened:
        page.locator(".hit").first.hover()
        page.get_by_role("link", name=re.compile("^The original of ")).first.click()

    answer = page.context.request.get(opened.value.url)
    assert answer.headers["content-type"].startswith("image/")
    assert int(answer.headers["content-length"]) > 1000


def test_an_unknown_address_is_a_page(watched: Watched, served: Served) -> None:
    """A collection, an item or a page that is not there is said in words, with a way on."""
    watched.expected = ("status of 404",)
    missing = {"/c/nowhere": "No such collection", "/i/photographs/ffffffffffff": "Not in this collection"}
    for place, heading in missing.items():
        watched.page.goto(served.url + place)
        expect(watched.page.get_by_role("heading", level=1)).to_have_text(heading)
        expect(watched.page.get_by_role("link", name="All collections")).to_be_visible()
