"""Making collections of each kind, looking after them, and every new page for whoever looks on whatever."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path

import pytest
from browser_pages import Served, ready
from browser_timed import Timed
from playwright.sync_api import Page, expect

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"


def test_the_form_shows_what_belongs_to_the_kind(page: Page, served: Served) -> None:
    """Of pictures an encoder is chosen; of sounds another, and how they are cut; of films all of it."""
    page.goto(served.url)
    ready(page)
    page.get_by_text("New collection", exact=True).click()
    parts = {"image": "[name=encoder-image]", "audio": "[name=encoder-audio]"}
    parts |= {"hop": "#option-hop", "every": "#option-every"}
    seen = {}
    for kind in ("image", "audio", "video"):
        page.select_option("#modality", kind)
        seen[kind] = {name for name, part in parts.items() if page.locator(part).first.is_visible()}

    assert seen == {"image": {"image"}, "audio": {"audio", "hop"}, "video": {"image", "audio", "hop", "every"}}


def test_a_collection_of_sounds_is_made(page: Page, served: Served) -> None:
    """With the encoder and the windows that were chosen; a duration that is none is said."""
    page.goto(served.url)
    ready(page)
    page.get_by_text("New collection", exact=True).click()
    page.fill("#name", "made-of-sound")
    page.select_option("#modality", "audio")
    page.locator(".choices label", has=page.locator("input[value=classic-audio]")).click()
    page.fill("#option-window", "2s")
    page.fill("#option-hop", "500ms")
    page.get_by_role("button", name="Make it").click()
    expect(page).to_have_url(re.compile("/c/made-of-sound/add$"))

    page.goto(f"{served.url}/c/made-of-sound/upkeep")
    expect(page.locator(".heading .hint")).to_contain_text("classic-audio")
    page.goto(served.url)
    card = page.locator(".shelved", has=page.get_by_role("link", name="Search made-of-sound"))
    card.get_by_text("Drop", exact=True).click()
    card.get_by_role("button", name="Drop made-of-sound").click()
    expect(page.locator(".shelved", has_text="made-of-sound")).to_have_count(0)


@pytest.fixture
def copies(served: Served) -> str:
    """A collection of three copies of one picture and another one; its name."""
    body = {"name": "copies", "modality": "image", "encoder": "classic"}
    made = urllib.request.Request(
        f"{served.url}/api/v1/collections", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(made) as answer:
        assert answer.status == 201
    return "copies"


def test_duplicates_are_shown_before_anything_is_changed(page: Page, served: Served, copies: str) -> None:
    """Look first: the job says how many could be set aside; only then a button sets them aside."""
    page.goto(f"{served.url}/c/{copies}/add")
    ready(page)
    files = sorted((served.pictures / "rocket").iterdir())
    page.set_input_files("upload-queue input[type=file] >> nth=0", [*files, served.queries / "moon.jpg"])
    expect(page.locator(".queue .tally")).to_contain_text(f"{len(files) + 1} added")
    page.goto(f"{served.url}/c/{copies}/upkeep")
    page.get_by_role("button", name="Look for duplicates").click()
    expect(page.locator(".job .outcome")).to_contain_text("Nothing was changed")
    page.get_by_role("button", name=re.compile(r"^Set \d+.items? aside$")).click()
    expect(page.locator(".job .outcome")).to_contain_text("set aside.")

    expect(page.get_by_role("button", name=re.compile("aside"))).to_have_count(0)
    page.goto(f"{served.url}/c/{copies}/items")
    assert page.locator(".hit").count() < len(files) + 1


def test_the_description_of_the_api_is_dark_too(page: Page, served: Served) -> None:
    """In the dark theme it is dark, in the light one light; and it leads back."""
    ground = "getComputedStyle(document.body).backgroundColor"
    seen = {}
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.goto(f"{served.url}/docs")
        expect(page.get_by_text("/api/v1/collections", exact=True).first).to_be_visible()
        seen[theme] = page.evaluate(ground)
    page.get_by_role("link", name="morelike", exact=True).click()

    assert seen == {"light": "rgb(255, 255, 255)", "dark": "rgb(28, 32, 34)"}
    expect(page).to_have_url(f"{served.url}/")


def test_the_ledger_fits_a_narrow_screen(page: Page, served: Served) -> None:
    """Name and reason of a rejected file are both inside 360 pixels."""
    boundary = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a-file-with-a-rather-long-name.jpg"'
    body = boundary + b"\r\n\r\nnothing of a picture\r\n--x--\r\n"
    sent = urllib.request.Request(
        f"{served.url}/api/v1/collections/photographs/items", body, {"Content-Type": "multipart/form-data; boundary=x"}
    )
    urllib.request.urlopen(sent).close()
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{served.url}/c/photographs/rejected")

    wide = page.locator(".scrolling").evaluate("(region) => [region.scrollWidth, region.clientWidth]")
    assert wide[0] <= wide[1]
    for cell in range(2):
        named = page.locator(".rows tbody td").nth(cell)
        named.scroll_into_view_if_needed()
        expect(named).to_be_in_viewport(ratio=1)


def places(page: Page, timed: Timed) -> dict[str, str]:
    """The pages that sounds and films have, by name."""
    found = {}
    for name in ("sounds", "films"):
        page.goto(f"{timed.url}/c/{name}/items")
        item = page.locator(".hit", has=page.locator(".name", has_text=re.compile("long|film-1"))).first
        identifier = item.get_attribute("data-item")
        found[f"{name} begin"] = f"{timed.url}/c/{name}"
        found[f"{name} item"] = f"{timed.url}/i/{name}/{identifier}?at=2-4"
        found[f"{name} search"] = f"{timed.url}/c/{name}?part=item:{identifier}&at=2-4"
    found["upkeep"] = f"{timed.url}/c/sounds/upkeep"
    found["collections"] = f"{timed.url}/"
    return found


def test_axe_finds_nothing_on_what_has_time(page: Page, timed: Timed) -> None:
    """On every page of sounds and films, in both themes; and none scrolls sideways on a narrow screen."""
    found, wide = {}, {}
    for name, address in places(page, timed).items():
        page.set_viewport_size({"width": 1280, "height": 720})
        page.goto(address)
        ready(page)
        page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            result = page.evaluate("axe.run({ resultTypes: ['violations'] })")
            if result["violations"]:
                faults = [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in result["violations"]]
                found[name, theme] = faults
        page.set_viewport_size({"width": 360, "height": 740})
        scrolled = page.evaluate("document.documentElement.scrollWidth")
        if scrolled > 360:
            wide[name] = scrolled

    assert found == {}
    assert wide == {}
