"""What can be done with answers: a list, the slider over their spread, picking, saving, one enlarged, further, why."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from browser_pages import Served, Watched, axe_faults, names, ready, serving
from playwright.sync_api import Browser, Locator, Page, Route, expect

import morelike
from morelike.settings import Settings

API = "/api/v1/collections/photographs"


@pytest.fixture(scope="module")
def own(filled: Path, photographs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A copy of the library of photographs, which these tests may change."""
    folder = tmp_path_factory.mktemp("own") / "library"
    shutil.copytree(filled, folder)
    with serving(folder) as url:
        yield Served(url, folder, *photographs)


def items(served: Served, **asked: str) -> list[dict[str, Any]]:
    found = httpx.get(f"{served.url}{API}/items", params={"limit": "100", **asked}).raise_for_status()
    listed: list[dict[str, Any]] = found.json()["items"]
    return listed


def begin(page: Page, served: Served, *families: str) -> None:
    """Search with the original photographs of these families."""
    sources = {one["source"]: one["item"] for one in items(served)}
    parts = [next(item for uri, item in sources.items() if f"/{name}/original" in uri) for name in families]
    page.goto(f"{served.url}/c/photographs?" + "&".join(f"part=item:{part}" for part in parts))
    expect(page.locator("#hits .hit").first).to_be_visible()
    ready(page)


def box(page: Page, number: int) -> Locator:
    return page.locator("#hits [data-pick]").nth(number)


def ids(page: Page) -> list[str]:
    found: list[str] = page.locator("#hits .hit").evaluate_all("(hits) => hits.map((hit) => hit.dataset.item)")
    return found


def slide(page: Page, value: float) -> None:
    page.locator("#threshold").evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', { bubbles: true })); }",
        value,
    )


def test_the_slider_stands_on_the_spread(own: Served, page: Page) -> None:
    """Behind it lies how alike random pairs are, with a mark for each hit; it says the score, how rare it is, and how
    many hits stay. What comes later while it stands there is hidden as well.
    """
    begin(page, own, "coffee")
    marks = page.locator(".spread .ticks").get_attribute("d") or ""
    assert marks.count("M") == page.locator("#hits .hit").count() == 30
    assert len(re.findall("H", page.locator(".spread .pairs").get_attribute("d") or "")) == 60
    hit = page.locator("#hits .hit").nth(3)
    score = float(hit.get_attribute("data-score") or "")
    slide(page, score - 0.0005)

    said = page.locator("threshold-slider output")
    expect(said).to_have_text(re.compile(r"^0\.\d\d · closer than \d+(\.\d)? %$"))
    share = re.search(r"(\d+(?:\.\d)?) %", said.inner_text())
    assert share is not None
    assert abs(float(share[1]) - float(hit.get_attribute("data-percentile") or "")) < 2.5
    expect(page.locator("#tally")).to_have_text("4 of 30 shown")
    expect(page.locator("#hits .hit:visible")).to_have_count(4)
    page.get_by_role("link", name="More", exact=True).click()
    expect(page.locator("#tally")).to_have_text(re.compile(r"^4 of 3[1-9] shown$"))
    expect(page.locator("#hits .hit:visible")).to_have_count(4)
    marks = page.locator(".spread .ticks").get_attribute("d") or ""
    assert marks.count("M") == page.locator("#hits .hit").count() > 30


def test_a_list_instead_of_a_grid(own: Served, page: Page) -> None:
    """A line a hit with its figures; this browser keeps it, and the next page has it before anything is drawn."""
    begin(page, own, "coffee")
    first = page.locator("#hits .hit").first
    expect(first.locator(".figures")).to_be_hidden()
    page.get_by_role("button", name="List").click()
    expect(first.locator(".figures")).to_have_text(re.compile(r"^\d+ × \d+ · (JPEG|PNG)$"))
    tops = page.locator("#hits .hit").evaluate_all("(hits) => hits.map((hit) => hit.getBoundingClientRect().top)")
    assert tops == sorted(set(tops))

    page.add_init_script(
        "document.addEventListener('readystatechange',"
        " () => { window.begun ??= document.documentElement.dataset.view; })"
    )
    page.reload()
    assert page.evaluate("window.begun") == "list"
    ready(page)
    expect(page.get_by_role("button", name="List")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Grid").click()
    expect(first.locator(".figures")).to_be_hidden()


def test_several_are_picked(own: Served, page: Page) -> None:
    """By the box, by x, a stretch with Shift, all with Control and A; Escape lets go. + takes them into the query."""
    begin(page, own, "coffee")
    bar = page.get_by_role("region", name="Picked")
    expect(bar).to_be_hidden()
    page.locator("#hits .picture").first.focus()
    page.keyboard.press("x")
    expect(bar).to_contain_text("1 picked")
    box(page, 3).click(modifiers=["Shift"])
    expect(bar).to_contain_text("4 picked")
    box(page, 1).click()
    expect(bar).to_contain_text("3 picked")
    page.keyboard.press("Control+a")
    expect(bar).to_contain_text("30 picked")
    bar.get_by_role("button", name="Less like these").click()
    expect(bar).to_contain_text("takes 16 parts")
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    expect(box(page, 0)).not_to_be_checked()

    box(page, 28).check()
    box(page, 29).check()
    both = ids(page)[28:30]
    bar.get_by_role("button", name="Less like these").click()
    expect(page.locator(".part")).to_have_count(3)
    expect(page.locator(".part.against")).to_have_count(2)
    assert page.locator(".part").count() == 3
    assert not set(both) & set(ids(page))


def test_what_is_picked_is_tagged_and_removed(own: Served, watched: Watched) -> None:
    """Tags come and go without a reload; what is removed goes from the page once that is affirmed, also where somebody
    else was quicker.
    """
    watched.expected = ("status of 404",)
    page = watched.page
    begin(page, own, "moon")
    chosen = ids(page)[:3]
    bar = page.get_by_role("region", name="Picked")
    for number in range(3):
        box(page, number).check()
    bar.get_by_role("button", name="Tag").click()
    page.get_by_label("Tags, between commas").fill("night, far away ,night")
    page.keyboard.press("Enter")
    expect(bar).to_contain_text("3 items have now: night, far away")
    assert {one["item"] for one in items(own, filter="tag = 'far away'")} == set(chosen)
    expect(page.locator("#hits .hit").first.locator(".tagline li")).to_have_text(["night", "far away"])
    bar.get_by_role("button", name="Tag").click()
    page.get_by_label("Tags, between commas").fill("far away")
    page.get_by_role("button", name="Take them away").click()
    expect(bar).to_contain_text("have no more: far away")
    assert items(own, filter="tag = 'far away'") == []
    assert len(items(own, filter="tag = 'night'")) == 3

    httpx.delete(f"{own.url}{API}/items/{chosen[0]}").raise_for_status()
    bar.get_by_role("button", name="Remove").click()
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text("Remove 3 items from photographs?")
    asked.get_by_role("button", name="Keep them").click()
    assert ids(page)[:3] == chosen
    bar.get_by_role("button", name="Remove").click()
    asked.get_by_role("button", name="Remove them").click()
    expect(page.get_by_text("3 items were removed.")).to_be_visible()
    expect(bar).to_be_hidden()
    assert not set(chosen) & set(ids(page))
    assert not set(chosen) & {one["item"] for one in items(own)}


def test_what_is_picked_is_saved(own: Served, page: Page) -> None:
    """Originals in an archive, a table with the scores, all that is shown as JSON; a refusal is said."""
    begin(page, own, "rocket")
    for number in range(2):
        box(page, number).check()
    sources = {one["item"]: Path(one["source"]) for one in items(own)}
    chosen = ids(page)[:2]
    scores = [float(score) for score in page.locator("#hits .hit .score").all_inner_texts()]

    def saved(button: str, choice: str) -> bytes:
        page.get_by_role("button", name=button, exact=True).click()
        with page.expect_download() as download:
            page.get_by_role("dialog").get_by_role("button", name=choice).click()
        assert download.value.suggested_filename.startswith("photographs.")
        return Path(download.value.path()).read_bytes()

    with zipfile.ZipFile(io.BytesIO(saved("Download", "Originals"))) as archive:
        found = sorted(archive.read(name) for name in archive.namelist())
    assert found == sorted(sources[item].read_bytes() for item in chosen)
    rows = [*csv.DictReader(io.StringIO(saved("Download", "CSV").decode("utf-8-sig")))]
    assert [row["id"] for row in rows] == chosen
    assert [round(float(row["score"]), 3) for row in rows] == scores[:2]
    expect(page.get_by_role("region", name="Picked")).to_contain_text("Saved:")
    document = json.loads(saved("Download all that is shown", "JSON"))
    assert [one["item"] for one in document["items"]] == ids(page)
    assert document["missing"] == []


def test_a_refusal_is_said(own: Served, watched: Watched) -> None:
    """What the server refuses stands in the bar with its reason, and what was picked stays picked."""
    watched.expected = ("status of 503",)
    page = watched.page
    begin(page, own, "rocket")
    box(page, 0).check()
    problem = {"detail": "the disk is busy", "hint": "try again in a moment"}
    page.route("**/download", lambda route: route.fulfill(status=503, json=problem))
    page.get_by_role("button", name="Download", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="CSV").click()

    expect(page.get_by_role("region", name="Picked")).to_contain_text("the disk is busy: try again in a moment")
    expect(box(page, 0)).to_be_checked()


def test_one_enlarged(own: Served, page: Page) -> None:
    """l or Space enlarges the picture in focus, arrows go on, Escape comes back to the one that was seen last."""
    begin(page, own, "chelsea")
    shown = names(page)
    page.locator("#hits .picture").first.focus()
    page.keyboard.press("l")
    dialog = page.get_by_role("dialog", name="Enlarged")
    expect(dialog.locator("figure img")).to_have_attribute("src", re.compile("side=1024"))
    expect(dialog.locator("figure img")).not_to_have_js_property("naturalWidth", 0)
    before = dialog.locator("figure img").bounding_box()
    expect(dialog.get_by_role("button", name="The one before")).to_be_disabled()
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("link", name=shown[1])).to_be_visible()
    assert dialog.locator("figure img").bounding_box() == before
    page.keyboard.press("x")
    for _ in range(30):  # nothing behind the dialog takes the focus
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    assert axe_faults(page, "enlarged") == {}
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("#hits .picture").nth(1)).to_be_focused()
    expect(box(page, 1)).to_be_checked()
    page.keyboard.press("Escape")
    page.locator("#hits .picture").nth(2).focus()
    page.keyboard.press(" ")
    dialog.get_by_role("link", name="More like this").click()
    expect(page).to_have_title(re.compile(f"^More like {re.escape(shown[2].rpartition('/')[2])}"))


def test_a_region_is_outlined_enlarged(photographs: tuple[Path, Path], tmp_path: Path, page: Page) -> None:
    """Where a part of a picture was found, its outline lies over the large picture, where the part is."""
    with morelike.open(Settings(library=tmp_path / "library", offline=True)) as library:
        parts = library.collection("parts", modality="image", encoder="classic", options={"regions": "grid"})
        parts.add(str(photographs[0] / "coffee"))
        parts.add(str(photographs[0] / "rocket"))
        found = [(one.id, hit) for one in parts.items() for hit in parts.search(one.id) if hit.span.box is not None]
    asked, hit = found[0]
    assert hit.span.box is not None
    left, top, right, bottom = hit.span.box
    with serving(tmp_path / "library") as url:
        page.goto(f"{url}/c/parts?part=item:{asked}")
        ready(page)
        place = f'#hits [data-item="{hit.item}"]'
        page.locator(place).hover()
        page.locator(place).get_by_role("button", name=re.compile("^Enlarge ")).click()
        large = page.get_by_role("dialog", name="Enlarged").locator("figure")
        outlined = large.locator(".region rect").bounding_box()
        picture = large.locator("img").evaluate(
            """async (image) => {
                await image.decode();
                const { x, y, width, height } = image.getBoundingClientRect();
                const scale = Math.min(width / image.naturalWidth, height / image.naturalHeight);
                const [wide, high] = [image.naturalWidth * scale, image.naturalHeight * scale];
                return { x: x + (width - wide) / 2, y: y + (height - high) / 2, wide, high };
            }"""
        )
        wide, high = (int(hit.metadata[side]) for side in ("width", "height"))

    assert outlined is not None
    assert abs(outlined["x"] - (picture["x"] + left / wide * picture["wide"])) < 4
    assert abs(outlined["y"] - (picture["y"] + top / high * picture["high"])) < 4
    assert abs(outlined["width"] - (right - left) / wide * picture["wide"]) < 7
    assert abs(outlined["height"] - (bottom - top) / high * picture["high"]) < 7


def test_further_hits_come_by_themselves(own: Served, watched: Watched) -> None:
    """Near the end the next ones come, an item that is there already does not come again, and the end is said. Where
    they cannot be had the page says why, and the button tries again.
    """
    watched.expected = ("status of 503",)
    page = watched.page
    begin(page, own, "astronaut")
    stood = ids(page)
    answers = iter((503, 200))

    def answer(route: Route) -> None:
        if next(answers) == 503:
            body = '<li class="more failed" role="alert"><p>the index is busy</p><a class="button" data-again href="#" '
            body += f'hx-get="{route.request.url}" hx-target="closest li" hx-swap="outerHTML">Try again</a></li>'
            route.fulfill(status=503, content_type="text/html", body=body)
            return
        response = route.fetch()
        again = page.locator("#hits .hit").nth(4).evaluate("(hit) => hit.outerHTML")
        route.fulfill(response=response, body=again + response.text())

    page.route("**/results?*", answer)
    page.mouse.wheel(0, 100_000)
    expect(page.get_by_role("alert")).to_contain_text("the index is busy")
    page.get_by_role("link", name="Try again").press("Enter")
    expect(page.get_by_text("That is all.", exact=True)).to_be_visible()
    found = ids(page)
    assert found[: len(stood)] == stood
    assert len(found) == len(set(found)) == len(items(own)) - 1
    expect(page.locator("#hits .picture").nth(len(stood))).to_be_focused()


def test_why_it_is_there(own: Served, browser: Browser, page: Page) -> None:
    """w says how a hit was found, and how alike it is to each part; without scripts the link leads to the same."""
    begin(page, own, "coins", "coffee")
    page.locator("#hits .picture").first.focus()
    page.keyboard.press("w")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name=re.compile("^Why .* is here$"))).to_be_visible()
    expect(dialog).to_contain_text("It was found by how it looks.")
    rows = dialog.locator(".shares tbody tr")
    expect(rows).to_have_count(2)
    alike = [float(cell) for cell in rows.locator("td").nth(1).all_inner_texts()]
    assert 0 < alike[0] <= 1
    assert axe_faults(page, "why") == {}
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    where = page.locator("#hits .why").first.get_attribute("href")

    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(f"{own.url}{where}")
    expect(plain.get_by_text("It was found by how it looks.")).to_be_visible()
    plain.get_by_role("link", name="Back to the search").click()
    expect(plain.locator("#hits .hit").first).to_be_visible()
    expect(plain.locator("#hits .pick").first).to_be_hidden()
    context.close()


def test_the_keys_and_every_state_are_accessible(own: Served, page: Page) -> None:
    """? lists the keys, and axe-core has nothing against the answers with something picked, as a list, or a dialog."""
    begin(page, own, "camera")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("picks it; with Shift all from the last one")
    assert axe_faults(page, "keys") == {}
    page.keyboard.press("Escape")
    box(page, 0).check()
    page.get_by_role("button", name="List").click()
    assert axe_faults(page, "picked, a list") == {}
    for name in ("Tag", "Download", "Remove"):
        page.get_by_role("region", name="Picked").get_by_role("button", name=name).click()
        assert axe_faults(page, name) == {}
        page.keyboard.press("Escape")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="Grid").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_pictures_have_their_room_before_they_come(own: Served, page: Page) -> None:
    """Nothing moves when the pictures arrive."""
    page.add_init_script(
        "window.moved = 0; new PerformanceObserver((list) =>"
        " { for (const one of list.getEntries()) window.moved += one.value; })"
        ".observe({ type: 'layout-shift', buffered: true })"
    )
    begin(page, own, "coffee")
    page.wait_for_load_state("networkidle")

    assert page.evaluate("window.moved") < 0.02
