"""Searching in a real browser: which picture comes first, and what steers it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser_pages import Served, Watched, hand_over, names, ready
from PIL import Image
from playwright.sync_api import Browser, Page, expect


def begin(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/c/photographs")


def families(page: Page) -> list[str]:
    """Which photograph each visible picture of the grid is a copy of."""
    return [name.partition("/")[0] for name in names(page)]


def asked(page: Page) -> None:
    """Wait for the answer."""
    expect(page.locator("#hits .hit").first).to_be_visible()
    ready(page)


@pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket"])
def test_a_dropped_picture_finds_its_like(page: Page, served: Served, name: str) -> None:
    """Drop a picture that the library has not seen: the five pictures of the same photograph come first."""
    begin(page, served)
    hand_over(page, "drop", served.queries / f"{name}.jpg")
    asked(page)

    assert families(page)[:5] == [name] * 5
    expect(page.locator("crop-box img")).to_have_attribute("alt", f"{name}.jpg")
    assert page.locator("crop-box img").evaluate("(image) => image.naturalWidth") > 0


def test_a_pasted_picture_finds_its_like(page: Page, served: Served) -> None:
    """Paste a picture anywhere on the page."""
    begin(page, served)
    hand_over(page, "paste", served.queries / "astronaut.jpg")
    asked(page)

    assert families(page)[:5] == ["astronaut"] * 5


def test_the_start_page_takes_a_picture(page: Page, served: Served) -> None:
    """A picture dropped on the list of collections searches the collection."""
    page.goto(served.url)
    hand_over(page, "drop", served.queries / "coins.jpg")
    asked(page)

    assert re.search(r"/c/photographs\?part=upload", page.url)
    assert families(page)[0] == "coins"


def test_a_chosen_file_finds_its_like(page: Page, served: Served) -> None:
    """Choosing a file sends it at once."""
    begin(page, served)
    page.set_input_files("#ask input[type=file]", served.queries / "moon.jpg")
    asked(page)

    assert families(page)[0] == "moon"


def test_without_scripts(browser: Browser, served: Served) -> None:
    """Links and forms are enough to search, to steer, and to look at an item."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    begin(page, served)
    page.set_input_files("#ask input[type=file]", served.queries / "coffee.jpg")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator("#hits .hit").first).to_be_visible()
    assert families(page)[:5] == ["coffee"] * 5
    page.locator(".hit").nth(7).get_by_role("link", name="as well").click()
    expect(page.locator(".part")).to_have_count(2)
    page.locator(".hit .name").first.click()
    expect(page.get_by_role("link", name="More like this")).to_be_visible()
    context.close()


@pytest.mark.parametrize(
    ("address", "hint"),
    [("http://127.0.0.1:1/cat.png", "MORELIKE_ALLOW_PRIVATE_URLS"), ("http://169.254.169.254/latest", "MORELIKE_")],
)
def test_a_private_address_is_refused(watched: Watched, served: Served, address: str, hint: str) -> None:
    """An address inside the server's own network is refused, with what to do."""
    watched.expected = ("status of 422",)
    page = watched.page
    begin(page, served)
    page.fill("#q", address)
    page.press("#q", "Enter")

    expect(page.get_by_role("alert")).to_contain_text(hint)
    expect(page.locator("#q")).to_be_visible()


def test_a_file_that_is_no_picture_is_refused(watched: Watched, served: Served, tmp_path: Path) -> None:
    """The search says what is wrong with the file, and the next one can be dropped."""
    watched.expected = ("status of 422",)
    page = watched.page
    (tmp_path / "note.jpg").write_text("not a picture")
    begin(page, served)
    hand_over(page, "drop", tmp_path / "note.jpg")
    expect(page.get_by_role("alert")).to_contain_text("note.jpg")
    hand_over(page, "drop", served.queries / "rocket.jpg")
    asked(page)

    assert families(page)[0] == "rocket"


def test_words_that_the_encoder_does_not_understand(watched: Watched, served: Served) -> None:
    """Words where nobody reads them are refused with the reason."""
    watched.expected = ("status of 400",)
    page = watched.page
    begin(page, served)
    page.fill("#q", "a cup of coffee")
    page.press("#q", "Enter")

    expect(page.get_by_role("alert")).to_contain_text("does not understand words")


def test_more_like_this(page: Page, served: Served) -> None:
    """A click on any picture asks for more like it, and leaves it out of the answer."""
    begin(page, served)
    picture = page.get_by_role("link", name=re.compile("^More like coffee."))
    called = picture.first.get_attribute("aria-label")
    picture.first.click()
    asked(page)

    assert families(page)[:4] == ["coffee"] * 4
    assert f"More like {names(page)[0]}" != called
    assert str(called).removeprefix("More like ") not in names(page)


def test_back_and_forward(page: Page, served: Served) -> None:
    """Every search has an address: back and forward go through them, a reload shows the same again."""
    begin(page, served)
    hand_over(page, "drop", served.queries / "coffee.jpg")
    asked(page)
    first = names(page)
    other = families(page)[-1]
    assert other != "coffee"
    page.locator(".hit .picture").last.click()
    expect(page).to_have_url(re.compile("part=item"))
    asked(page)
    page.go_back()
    expect(page).to_have_url(re.compile("part=upload"))
    asked(page)
    assert names(page)[: len(first)] == first  # further ones come by themselves where the page stands at its end
    page.reload()
    asked(page)
    assert names(page)[: len(first)] == first
    page.go_forward()
    expect(page).to_have_url(re.compile("part=item"))
    assert families(page)[0] == other


def test_the_threshold_hides_hits(page: Page, served: Served) -> None:
    """The slider hides hits below it at once; let go, the search is asked again and the address has it."""
    begin(page, served)
    hand_over(page, "drop", served.queries / "coffee.jpg")
    asked(page)
    scores = [float(text) for text in page.locator(".hit .score").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    between = (scores[4] + scores[5]) / 2

    page.locator("#threshold").evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', { bubbles: true })); }",
        between,
    )
    assert page.locator(".hit:visible").count() == 5
    expect(page.locator("#tally")).to_have_text(re.compile(r"^5 of 30 shown"))
    with page.expect_response(re.compile("threshold=")):
        page.locator("#threshold").dispatch_event("change")
    expect(page).to_have_url(re.compile(r"threshold=0\.\d+"))
    expect(page.locator(".hit")).to_have_count(5)
    page.reload()
    assert page.locator(".hit").count() == 5


def test_the_keyboard_moves_the_threshold(page: Page, served: Served) -> None:
    """The slider keeps the focus while each step of it is asked for."""
    begin(page, served)
    hand_over(page, "drop", served.queries / "coffee.jpg")
    asked(page)
    slider = page.locator("#threshold")
    slider.focus()
    for press in range(1, 3):
        before = page.url
        page.keyboard.press("End" if press == 1 else "Home")
        page.wait_for_url(lambda url, before=before: url != before)
        expect(slider).to_have_attribute("value", re.compile(r"^[1-9]|0\.[0-9]*[1-9]" if press == 1 else r"^0(\.0)?$"))
        expect(slider).to_be_focused()

    assert "threshold" not in page.url
    expect(page.locator("threshold-slider output")).to_have_text("any")


def test_a_crop_changes_the_answer(page: Page, served: Served) -> None:
    """Drag a rectangle over the picture: only that part is asked with; the whole picture can be had again."""
    begin(page, served)
    hand_over(page, "drop", served.queries / "motorcycle_left.jpg")
    asked(page)
    whole = page.locator(".hit .score").all_inner_texts()
    box = page.locator("crop-box").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.1)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.6, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"crop=0\.1\d*%2C0\.1\d*%2C0\.4\d*%2C0\.6"))
    expect(page.locator("crop-box .cut")).to_be_visible()
    part = page.locator(".hit .score").all_inner_texts()
    assert part != whole

    page.go_back()
    expect(page.locator(".hit .score").first).to_have_text(whole[0])
    expect(page.locator("crop-box .cut")).to_be_hidden()
    page.wait_for_load_state("networkidle")
    page.go_forward()
    expect(page).to_have_url(re.compile("crop"))
    expect(page.locator("crop-box .cut")).to_be_visible()
    page.get_by_role("button", name="The whole picture again").click()
    expect(page).not_to_have_url(re.compile("crop"))
    assert page.locator(".hit .score").all_inner_texts() == whole


def test_examples_for_and_against(page: Page, served: Served) -> None:
    """+ beside a result pulls the answer towards it, − pushes it away; both stand on the board."""
    begin(page, served)
    hand_over(page, "drop", served.queries / "coffee.jpg")
    asked(page)
    before = families(page)
    other = before[-1]
    assert other not in before[:5]
    hit = page.locator(".hit").nth(len(before) - 1)  # further ones come while it is reached
    hit.hover()
    hit.get_by_role("link", name=re.compile("^More like .* as well$")).click()
    expect(page.locator(".part")).to_have_count(2)
    both = families(page)
    assert both.index(other) < before.index(other)

    page.get_by_label("Weight of", exact=False).nth(1).fill("-1")
    expect(page.locator(".part.against")).to_have_count(1)
    expect(page).to_have_url(re.compile("weight=-1"))
    against = families(page)
    assert [*against, other].index(other) > both.index(other)
    assert page.locator(".hit .percentile").count() == 0

    page.get_by_role("link", name=re.compile("^Remove ")).nth(1).click()
    expect(page.locator(".part")).to_have_count(1)
    assert families(page) == before


def test_a_further_example_is_added(page: Page, served: Served) -> None:
    """A file dropped on the board joins the query instead of replacing it."""
    begin(page, served)
    hand_over(page, "drop", served.queries / "coffee.jpg")
    asked(page)
    hand_over(page, "drop", served.queries / "rocket.jpg", on=".slot")
    expect(page.locator(".part")).to_have_count(2)

    assert set(families(page)[:6]) == {"coffee", "rocket"}


def test_a_result_is_dragged_onto_the_board(page: Page, served: Served) -> None:
    """A picture of the answer can be dragged onto the board."""
    begin(page, served)
    hand_over(page, "drop", served.queries / "coffee.jpg")
    asked(page)
    page.locator(".hit .picture").nth(3).drag_to(page.locator(".slot"))

    expect(page.locator(".part")).to_have_count(2)


def test_more_hits_are_appended(page: Page, served: Served) -> None:
    """The button at the end brings the next page below the first, each item once."""
    begin(page, served)
    hand_over(page, "drop", served.queries / "coffee.jpg")
    asked(page)
    assert page.locator(".hit").count() == 30
    page.get_by_role("link", name="More", exact=True).press("Enter")
    expect(page.locator(".hit").nth(30)).to_be_attached()

    assert len(set(names(page))) == len(names(page)) > 30
    expect(page.get_by_role("link", name="More", exact=True)).to_have_count(0)


def test_the_filter_narrows(watched: Watched, served: Served) -> None:
    """A filter holds for the search; one that cannot be read is explained, and the search stays."""
    watched.expected = ("status of 400",)
    page = watched.page
    begin(page, served)
    hand_over(page, "drop", served.queries / "coffee.jpg")
    asked(page)
    page.fill("#filter", "format = 'PNG'")
    page.press("#filter", "Enter")
    expect(page).to_have_url(re.compile("filter=format"))
    expect(page.locator(".hit .name").filter(has_text=".jpg")).to_have_count(0)
    assert names(page)[0] == "coffee/original.png"

    page.fill("#filter", "format = = 'PNG'")
    page.press("#filter", "Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("#filter")).to_have_value("format = = 'PNG'")


def test_nothing_similar_is_said(page: Page, served: Served, tmp_path: Path) -> None:
    """A picture unlike all others is answered with a plain sentence above the hits; a known one is not."""
    Image.new("RGB", (256, 256), (255, 0, 0)).save(tmp_path / "red.png")
    begin(page, served)
    hand_over(page, "drop", tmp_path / "red.png")
    asked(page)
    expect(page.get_by_text("Nothing similar here.")).to_be_visible()
    hand_over(page, "drop", served.queries / "coffee.jpg")
    expect(page.locator("crop-box img")).to_have_attribute("alt", "coffee.jpg")

    assert page.get_by_text("Nothing similar here.").count() == 0
    assert re.search(r"\d %$", page.locator(".hit .percentile").first.inner_text())


def test_a_server_that_is_gone_is_said(watched: Watched, served: Served) -> None:
    """Where no answer comes the page says so, and takes it back with the next answer."""
    watched.expected = ("net::ERR_FAILED", "htmx:error")
    page = watched.page
    begin(page, served)
    hand_over(page, "drop", served.queries / "coffee.jpg")
    asked(page)
    page.route("**/c/photographs?*", lambda route: route.abort())
    page.fill("#filter", "width > 0")
    page.press("#filter", "Enter")
    expect(page.get_by_role("status").filter(has_text="does not answer")).to_be_visible()
    page.unroute("**/c/photographs?*")
    page.fill("#filter", "width > 1")
    page.press("#filter", "Enter")
    expect(page).to_have_url(re.compile("filter="))

    expect(page.locator("#said")).to_be_empty()


def test_the_keyboard_walk(page: Page, served: Served) -> None:
    """/ types; arrows walk over the pictures by rows; Enter asks for more; Escape lets go; + steers."""
    begin(page, served)
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#q")).not_to_be_focused()
    pictures = page.locator(".hit .picture")
    page.keyboard.press("ArrowDown")
    expect(pictures.nth(0)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(pictures.nth(1)).to_be_focused()
    top = "(picture) => picture.getBoundingClientRect().top + scrollY"
    first = pictures.nth(1).evaluate(top)
    page.keyboard.press("ArrowDown")
    assert page.locator(".picture:focus").evaluate(top) > first
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Home")
    called = pictures.nth(0).get_attribute("aria-label")
    page.keyboard.press("Enter")
    expect(page).to_have_title(re.compile("^More like "))
    ready(page)
    assert str(called).endswith(page.locator(".partline .name").inner_text())
    page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    expect(page.locator(".part")).to_have_count(2)


def test_a_search_that_is_not_kept_any_more(watched: Watched, served: Served) -> None:
    """The address of an upload that the server has forgotten says so, and takes a new picture."""
    watched.expected = ("status of 400",)
    page = watched.page
    page.goto(f"{served.url}/c/photographs?part=upload:AAAAAAAAAAAAAAAAAAAAAA")

    expect(page.get_by_role("alert")).to_contain_text("not kept any more")
    expect(page.locator("#q")).to_be_visible()
