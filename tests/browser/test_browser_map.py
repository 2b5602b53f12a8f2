"""The map in a real browser: it is made, walked over, circled, coloured, and brought back by its address."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from urllib.parse import quote

import pytest
from browser_map import SOFTWARE, asked, called, circle, rows_of, send, show, spots
from browser_pages import Served, Watched, axe_faults, ready
from browser_timed import FILMS, Timed
from playwright.sync_api import Page, expect

DRAWN = """async () => {
  const map = document.querySelector("point-map"), { gl } = map.drawing;
  while (map.view.height !== map.stage.clientHeight) await new Promise(requestAnimationFrame);
  map.draw();
  const [wide, high] = [gl.drawingBufferWidth, gl.drawingBufferHeight];
  const pixels = new Uint8Array(wide * high * 4);
  gl.readPixels(0, 0, wide, high, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
  const seen = {};
  for (let at = 0; at < pixels.length; at += 4) {
    if (pixels[at + 3] === 255) {
      const colour = [...pixels.slice(at, at + 3)].join();
      seen[colour] = (seen[colour] ?? 0) + 1;
    }
  }
  return seen;
}"""
"""Full colours of the canvas, and how many pixels each has."""


def test_a_map_is_made_and_made_anew(mapped: Served, watched: Watched) -> None:
    """The page says what a map is; its button makes one, which is drawn; after an add it says so, and makes it anew."""
    watched.expected = (SOFTWARE,)
    page = watched.page
    page.goto(f"{mapped.url}/c/unmapped/map")
    ready(page)
    expect(page.locator("main")).to_contain_text("what is alike stands together")
    page.get_by_role("button", name="Make the map").click()
    expect(page.locator("point-map")).to_have_attribute("data-points", "40")
    drawn = page.evaluate(DRAWN)

    assert sum(drawn.values()) > 40 * 20
    assert len([colour for colour, pixels in drawn.items() if pixels > 100]) >= page.locator("[data-cluster]").count()
    expect(page.locator(".map-stale")).to_have_count(0)
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="one-more.jpg"\r\n\r\n'
    body += (mapped.queries / "moon.jpg").read_bytes() + b"\r\n--x--\r\n"
    sent = urllib.request.Request(
        f"{mapped.url}/api/v1/collections/unmapped/items", body, {"Content-Type": "multipart/form-data; boundary=x"}
    )
    urllib.request.urlopen(sent).close()
    show(page, mapped, "unmapped")
    expect(page.locator(".map-stale")).to_contain_text("has changed since")
    page.get_by_role("button", name="Make it anew").click()
    expect(page.locator("point-map")).to_have_attribute("data-points", "41")
    expect(page.locator(".map-stale")).to_have_count(0)


def test_a_point_says_which_item_it_is(mapped: Served, seen: Page) -> None:
    """Under the pointer its card names it, and a click holds the card with its links; Esc lets go."""
    item = called(mapped, "coffee/")[0]
    name = "/".join(asked(mapped, f"items/{item}")["source"].split("/")[-2:])
    place = spots(seen)[item]
    seen.mouse.move(*place)
    card = seen.locator("[data-card]")
    expect(card.locator(".name")).to_have_text(name)
    expect(card.get_by_role("link")).to_have_count(0)  # only a held card can be reached
    width = card.locator("img").evaluate("(image) => image.decode().then(() => image.naturalWidth)")
    assert width > 0

    seen.mouse.click(*place)
    expect(card.get_by_role("link", name="More like this")).to_have_attribute(
        "href", f"/c/photographs?part=item:{item}"
    )
    seen.mouse.move(5, 5)
    expect(card).to_be_visible()
    seen.get_by_role("link", name="Open").focus()
    seen.keyboard.press("Escape")
    expect(card).to_be_hidden()
    expect(seen.locator("[data-stage]")).to_be_focused()
    place = spots(seen)[item]
    seen.mouse.click(*place)
    card.get_by_role("link", name="Open").click()
    expect(seen).to_have_url(f"{mapped.url}/i/photographs/{item}")


def test_what_is_circled_is_tagged(mapped: Served, seen: Page) -> None:
    """A line around points selects them; the tag is on exactly these items, colours them, and can be searched among."""
    standing = spots(seen)
    seen.get_by_role("button", name="Select", exact=True).click()
    left, top, right, bottom = circle(seen, [standing[item] for item in called(mapped, "coffee/")])
    inside = {item for item, (x, y) in standing.items() if left < x < right and top < y < bottom}
    assert 5 <= len(inside) < 24
    picked = seen.get_by_role("region", name="Selected items")
    expect(picked).to_contain_text(f"{len(inside)} items")
    expect(picked.get_by_role("link", name="Search only among them")).to_have_attribute("href", re.compile("filter=id"))
    picked.get_by_role("textbox").or_(picked.get_by_role("combobox")).fill("it's \\ circled")
    picked.get_by_role("button", name="Tag them", exact=True).click()
    expect(picked.locator("[data-done]")).to_contain_text("have the tag “it's \\ circled” now")
    tagged = asked(mapped, "items?limit=1000&filter=" + quote(r"tag = 'it\'s \\ circled'"))["items"]
    assert {one["item"] for one in tagged} == inside

    picked.get_by_role("button", name="Let go of them").click()
    expect(picked).to_be_hidden()
    seen.select_option("#colour", "tag")
    plain = seen.evaluate(DRAWN)
    tag = seen.locator("#colour-tag")
    expect(seen.locator("#map-tags option")).to_have_count(1)
    tag.fill("it's \\ circled")
    tag.press("Enter")
    expect(seen.locator(".tag-row .many")).to_have_text(str(len(inside)))
    coloured = seen.evaluate(DRAWN)
    assert max(plain.values()) > 40 * 20
    assert len([one for one in coloured if coloured[one] > 100]) == len([one for one in plain if plain[one] > 100]) + 1
    seen.get_by_role("button", name="Do not colour by").click()
    expect(seen.locator(".tag-row")).to_have_count(0)
    assert seen.evaluate(DRAWN) == plain

    seen.select_option("#colour", "cluster")
    circle_all = list(spots(seen).values())
    seen.keyboard.down("Shift")
    circle(seen, circle_all)
    seen.keyboard.up("Shift")
    expect(picked).to_contain_text("40 items")
    expect(picked.get_by_role("link", name="Search only among them")).to_be_hidden()  # an address holds 24 ids
    picked.get_by_role("textbox").or_(picked.get_by_role("combobox")).fill("everything")
    picked.get_by_role("button", name="Tag them, and search among them").click()
    expect(seen).to_have_url(re.compile(r"/c/photographs\?filter=tag"))
    assert len(asked(mapped, "items?limit=1000&filter=" + quote("tag = 'everything'"))["items"]) == 40


def test_what_is_circled_is_fetched(mapped: Served, seen: Page) -> None:
    """What is selected comes as a file, with these items; of a map that is stale, those that are still there."""
    points = asked(mapped, "map?limit=1000")["points"]
    last = [item for item, _, _, cluster in points if cluster == rows_of(seen).count() - 1]
    asides = {"asides": [{"item": last[0], "keeper": points[0][0], "score": 1.0}]}
    assert points[0][0] != last[0]
    run = send(mapped, "asides", asides)["asides"][0]["run"]
    try:
        show(seen, mapped)
        expect(seen.locator(".map-stale")).to_be_visible()
        rows_of(seen).last.get_by_role("button", name="Select all of").click()
        picked = seen.get_by_role("region", name="Selected items")
        expect(picked.locator("[data-count]")).to_have_text(re.compile(rf"^{len(last)} item"))
        with seen.expect_download() as coming:
            picked.get_by_role("button", name="JSON").click()
        items = json.loads(Path(coming.value.path()).read_text(encoding="utf-8"))["items"]
        assert coming.value.suggested_filename == "photographs.json"
        assert {one["item"] for one in items} == set(last[1:])
        assert len(last) > 1
    finally:
        send(mapped, "dedup/undo", {"run": run})


def test_tags_are_offered_with_their_counts(mapped: Served, watched: Watched) -> None:
    """All of them, the most frequent first; where they are more than a page, those that begin with what is typed."""
    watched.expected = (SOFTWARE,)
    page = watched.page
    items = [one["item"] for one in asked(mapped, "items?limit=1000", "unmapped")["items"]]
    send(mapped, "items", {"items": items[:7], "add_tags": ["often"]}, "unmapped", "PATCH")
    for group in range(0, 1100, 100):
        numbers = [f"number {number}" for number in range(group, group + 100)]
        send(mapped, "items", {"items": items[:1], "add_tags": numbers}, "unmapped", "PATCH")
    send(mapped, "map", {}, "unmapped")
    page.goto(f"{mapped.url}/c/unmapped/map")
    expect(page.locator("point-map[data-points]")).to_be_visible()
    page.select_option("#colour", "tag")
    offered = page.locator("#map-tags option")
    expect(offered).to_have_count(1000)
    assert offered.first.evaluate("(one) => [one.value, one.label]") == ["often", "7 items"]

    page.locator("#colour-tag").fill("number 109")
    expect(offered).to_have_count(11)  # 109, and 1090 to 1099
    page.locator("#colour-tag").fill("often")
    page.locator("#colour-tag").press("Enter")
    expect(page.locator(".tag-row .many")).to_have_text("7")


@pytest.mark.parametrize(("width", "height"), [(360, 740), (900, 640), (1440, 900), (3840, 2160)])
def test_the_selection_covers_no_point(seen: Page, width: int, height: int) -> None:
    """What is done with selected items stands below the stage, and both fit the window where it is wide."""
    seen.set_viewport_size({"width": width, "height": height})
    rows_of(seen).first.get_by_role("button", name="Select all of").click()
    picked = seen.locator("[data-picked]")
    expect(picked).to_be_visible()
    stage, bar = seen.locator("[data-stage]").bounding_box(), picked.bounding_box()
    assert stage is not None
    assert bar is not None
    assert stage["y"] + stage["height"] <= bar["y"]
    assert all(stage["y"] <= y <= stage["y"] + stage["height"] for _, y in spots(seen).values())
    if width >= 900:
        assert bar["y"] + bar["height"] <= height


def test_films_have_a_map_of_each_kind(timed: Timed, watched: Watched) -> None:
    """Of what is seen and of what is heard: the address says which, and each is made apart."""
    watched.expected = (SOFTWARE,)
    page = watched.page
    page.goto(f"{timed.url}/c/films/map")
    kinds = page.get_by_role("navigation", name="What is compared")
    expect(kinds.locator("[aria-current]")).to_have_attribute("href", "/c/films/map?kind=image")
    kinds.get_by_role("link").nth(1).click()
    expect(page).to_have_url(f"{timed.url}/c/films/map?kind=audio")
    expect(kinds.locator("[aria-current]")).to_have_attribute("href", "/c/films/map?kind=audio")
    page.get_by_role("button", name="Make the map").click()
    expect(page.locator("point-map")).to_have_attribute("data-points", str(FILMS))  # one film is silent
    expect(page.locator("point-map")).to_have_attribute("which", re.compile("kind=audio"))
    expect(page).to_have_url(re.compile("kind=audio"))
    kinds.get_by_role("link").first.click()
    expect(page.locator("point-map")).to_have_count(0)
    page.get_by_role("button", name="Make the map").click()
    expect(page.locator("point-map")).to_have_attribute("which", re.compile("kind=image"))
    expect(page.locator("point-map")).to_have_attribute("data-points", str(FILMS + 1))


def test_the_map_is_walked_by_keys(mapped: Served, seen: Page) -> None:
    """Zoom, go from point to point, open, select; and the address brings back what was seen."""
    stage = seen.locator("[data-stage]")
    stage.focus()
    seen.keyboard.press("n")
    told = seen.locator("[data-told]")
    expect(told).to_have_text(re.compile(r"\w+/.+\.\w+"))
    first = told.inner_text()
    seen.keyboard.press("n")
    expect(told).not_to_have_text(first)
    seen.keyboard.press("p")
    expect(told).to_have_text(first)
    seen.keyboard.press("Enter")
    expect(seen.get_by_role("link", name="More like this")).to_be_focused()
    seen.keyboard.press("Escape")
    expect(stage).to_be_focused()
    seen.keyboard.press("n")
    expect(seen.locator("[data-card]")).to_be_visible()
    seen.keyboard.press("x")
    expect(seen.locator("[data-count]")).to_have_text("1 item")
    seen.keyboard.press("Escape")
    expect(seen.locator("[data-picked]")).to_be_hidden()

    whole = spots(seen)
    for key in ("+", "+", "ArrowRight"):
        seen.keyboard.press(key)
    seen.select_option("#colour", "none")
    expect(seen).to_have_url(re.compile("#at=.*colour=none"))
    nearer, address = spots(seen), seen.url.partition("#")[2]
    show(seen, mapped, at=f"#{address}")
    back = spots(seen)
    item = next(iter(whole))
    assert nearer[item] != whole[item]
    assert all(abs(back[item][axis] - nearer[item][axis]) < 1 for axis in (0, 1))
    assert seen.locator("#colour").input_value() == "none"
    stage.focus()
    seen.keyboard.press("0")
    assert spots(seen) == whole


def test_pointers_move_the_map(seen: Page) -> None:
    """Dragging carries it along, the wheel keeps what is under the pointer; pictures come where few points are left."""
    before = spots(seen)
    box = seen.locator("[data-stage]").bounding_box()
    assert box is not None
    x, y = box["x"] + 40, box["y"] + 60
    seen.mouse.move(x, y)
    seen.mouse.down()
    seen.mouse.move(x + 50, y + 20, steps=5)
    seen.mouse.up()
    item, place = next(iter(before.items()))
    dragged = spots(seen)[item]
    assert [round(after - old) for after, old in zip(dragged, place, strict=True)] == [50, 20]

    seen.mouse.move(*dragged)
    seen.mouse.wheel(0, -600)
    seen.wait_for_function("document.querySelector('point-map').view.zoom > 1.2")
    wheeled = spots(seen)[item]
    assert all(abs(after - old) < 0.5 for after, old in zip(wheeled, dragged, strict=True))
    expect(seen.locator("[data-pictures] img").first).to_be_visible()
    assert seen.locator("[data-pictures] img").count() <= 60
    row = seen.locator("[data-cluster]").last.get_by_role("button").first
    row.click()
    expect(row).to_have_attribute("aria-pressed", "true")
    expect(seen).to_have_url(re.compile("only="))
    dimmed = seen.evaluate("document.querySelector('point-map').points.look.filter((_, at) => at % 4 === 3)")
    assert {bool(one) for one in (dimmed.values() if isinstance(dimmed, dict) else dimmed)} == {False, True}


def test_the_map_works_without_webgl(mapped: Served, watched: Watched) -> None:
    """A plain canvas shows the points then; and a lost context is drawn again when it is back."""
    watched.expected = (SOFTWARE, "CONTEXT_LOST_WEBGL")
    page = watched.page
    show(page, mapped)
    before = page.evaluate(DRAWN)
    page.evaluate(
        """() => new Promise((back) => {
            const { gl, canvas } = document.querySelector("point-map").drawing;
            const loss = gl.getExtension("WEBGL_lose_context");
            canvas.addEventListener("webglcontextlost", () => setTimeout(() => loss.restoreContext(), 0));
            canvas.addEventListener("webglcontextrestored", () => back());
            loss.loseContext();
        })"""
    )
    assert page.evaluate(DRAWN) == before

    page.add_init_script(
        "const real = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext ="
        " function (kind, ...rest) { return kind === 'webgl2' ? null : real.call(this, kind, ...rest); };"
    )
    show(page, mapped)
    filled = page.evaluate(
        """() => {
            const map = document.querySelector("point-map"), { pen, canvas } = map.drawing;
            map.draw();
            const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
            return data.filter((part, at) => at % 4 === 3 && part).length;
        }"""
    )
    assert filled > 40 * 20


def test_axe_finds_nothing_on_the_map(mapped: Served, seen: Page) -> None:
    """With a card held, points selected and tags to colour by, in both themes; and it fits 360 pixels."""
    item = called(mapped, "coffee/")[0]
    seen.locator("[data-cluster]").first.get_by_role("button", name="Select all of").click()
    seen.select_option("#colour", "tag")
    seen.locator("summary", has_text="Keys").click()
    seen.mouse.click(*spots(seen)[item])
    expect(seen.get_by_role("link", name="More like this")).to_be_visible()
    found = axe_faults(seen, "map")
    seen.set_viewport_size({"width": 360, "height": 740})
    assert seen.evaluate("document.documentElement.scrollWidth") <= 360
    found |= axe_faults(seen, "narrow map")
    assert found == {}
