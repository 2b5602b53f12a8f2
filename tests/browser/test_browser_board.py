"""The board in a real browser: what each part of a search counts, words among them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_pages import Watched, axe_faults, names, ready
from PIL import Image
from playwright.sync_api import Browser, Page, expect

import morelike
from morelike.server.app import create_app
from morelike.server.options import ServerOptions
from morelike.server.run import Serving, address_of, config_of, listen
from morelike.settings import Settings
from morelike.testing.toys import COLOURS, ToyJointEncoder

NAMES = ("red", "green", "blue", "yellow", "white", "black")


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """A server in this process, for its encoder is a toy: (its address, the items' ids by colour)."""
    folder = tmp_path_factory.mktemp("board")
    (folder / "colours").mkdir()
    for name in NAMES:
        Image.new("RGB", (90, 60), COLOURS[name]).save(folder / "colours" / f"{name}.png")
    settings = Settings(library=folder / "library", offline=True, allow_roots=(folder / "colours",))
    with morelike.open(settings) as library:
        collection = library.collection("colours", modality="image", encoder=ToyJointEncoder())
        collection.add(folder / "colours")
        items = {Path(item.sources[0].uri).stem: item.id for item in collection.items()}
        app = create_app(library, ServerOptions(port=0))
        listening, up = listen("127.0.0.1", 0), threading.Event()
        server = Serving(config_of(app), app.state.parts, ready=up.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        assert up.wait(120)
        yield address_of("127.0.0.1", listening).rstrip("/"), items
        server.should_exit = True
        thread.join(120)
        listening.close()


def seen(page: Page) -> list[str]:
    """The colours of the hits, in order."""
    return [Path(name).stem for name in names(page)]


def begin(page: Page, colours: tuple[str, dict[str, str]], query: str) -> None:
    url, items = colours
    page.goto(f"{url}/c/colours?{query.format(**items)}")
    ready(page)


def test_words_are_parts_with_weights(page: Page, colours: tuple[str, dict[str, str]]) -> None:
    """Words join a picture, weigh less and less, push away, and go; the address has it all, and brings it back."""
    begin(page, colours, "part=item:{red}")
    expect(page.get_by_role("slider", name="Weight of")).to_have_count(0)  # one part alone has nothing to weigh
    page.get_by_label("Words", exact=True).fill("green")
    page.get_by_label("Words", exact=True).press("Enter")
    slider = page.get_by_role("slider", name="Weight of “green”")
    expect(slider).to_have_attribute("value", "1")
    expect(page).to_have_url(re.compile("text=green$"))
    assert seen(page)[0] == "green"

    slider.fill("0.5")
    expect(page).to_have_url(re.compile(r"text=green&text_weight=0\.5$"))
    expect(page.locator("#hits .name").first).to_have_text("colours/yellow.png")
    expect(page.locator(".part.worded output")).to_have_text("+ 0.5×")

    page.get_by_label("Further words").fill("blue")
    page.get_by_label("Further words").press("Enter")
    against = page.get_by_role("slider", name="Weight of “blue”")
    against.fill("-0.4")
    expect(page).to_have_url(re.compile(r"text=green&text_weight=0\.5&text=blue&text_weight=-0\.4$"))
    expect(page.locator(".part.worded.against output")).to_have_text("− 0.4×")
    order = seen(page)
    assert order[0] == "yellow"
    assert order[-1] == "blue"
    page.reload()
    assert seen(page) == order
    expect(against).to_have_attribute("value", "-0.4")
    assert axe_faults(page, "board") == {}

    page.get_by_role("link", name="Remove “green”").click()
    expect(page).to_have_url(re.compile(r"text=blue&text_weight=-0\.4$"))


def test_the_keyboard_moves_a_weight(page: Page, colours: tuple[str, dict[str, str]]) -> None:
    """Each step with an arrow is said, asked for and in the address, and the slider keeps the focus."""
    begin(page, colours, "part=item:{red}&part=item:{blue}")
    slider = page.get_by_label("Weight of").nth(1)
    slider.focus()
    for weight in ("0.9", "0.8"):
        page.keyboard.press("ArrowLeft")
        expect(page).to_have_url(re.compile(rf"weight={re.escape(weight)}&crop=$"))
        expect(slider).to_have_attribute("value", weight)
        expect(slider).to_have_attribute("aria-valuetext", f"+ {weight}×")
        expect(slider).to_be_focused()


def test_a_moving_weight_says_what_it_is(page: Page, colours: tuple[str, dict[str, str]]) -> None:
    """While it is moved the slider says its weight, and the part shows that it pushes away; nothing is asked yet."""
    begin(page, colours, "part=item:{red}&part=item:{blue}")
    before = page.url
    page.get_by_label("Weight of").nth(1).evaluate(
        "(slider) => { slider.value = '-1.5'; slider.dispatchEvent(new Event('input', { bubbles: true })); }"
    )

    expect(page.locator(".part").nth(1).locator("output")).to_have_text("− 1.5×")
    expect(page.locator(".part.against")).to_have_count(1)
    assert page.url == before


def test_a_weight_of_another_making_is_kept(page: Page, colours: tuple[str, dict[str, str]]) -> None:
    """A weight that no step of the slider reaches is not rounded when another part is changed."""
    begin(page, colours, "part=item:{red}&weight=3.75&crop=&part=item:{blue}&weight=1&crop=")
    page.get_by_label("Weight of").nth(1).fill("0.5")

    expect(page).to_have_url(re.compile(r"weight=3\.75&.*weight=0\.5&"))


def test_what_only_pushes_away_is_said(watched: Watched, colours: tuple[str, dict[str, str]]) -> None:
    """Where only minus is left the page says so, and the slider can be moved back."""
    watched.expected = ("status of 400",)
    page = watched.page
    begin(page, colours, "part=item:{red}&text=green")
    page.get_by_label("Weight of").first.fill("0")
    expect(page).to_have_url(re.compile("weight=0&"))
    page.get_by_role("slider", name="Weight of “green”").fill("-1")

    expect(page.get_by_role("alert")).to_contain_text("at least one part to look for")
    page.get_by_label("Weight of").first.fill("1")
    expect(page.locator("#hits .hit").first).to_be_visible()


def test_without_scripts_weights_are_sent(browser: Browser, colours: tuple[str, dict[str, str]]) -> None:
    """The sliders belong to an ordinary form."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    url, items = colours
    page.goto(f"{url}/c/colours?part=item:{items['red']}&text=green")
    page.get_by_role("slider", name="Weight of “green”").fill("0.5")
    page.get_by_role("button", name="Search again").click()

    expect(page.locator("#hits .name").first).to_have_text("colours/yellow.png")
    context.close()
