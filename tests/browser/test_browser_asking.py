"""Asking in a real browser: parts of every kind on the board, answers that follow, the address, and what is kept."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser_pages import Watched, axe_faults, hand_over, names, ready
from fastapi import FastAPI
from PIL import Image
from playwright.sync_api import Page, Request, expect

import morelike
from morelike.server.app import create_app
from morelike.server.options import ServerOptions
from morelike.server.pages.stash import Stash
from morelike.server.run import Serving, address_of, config_of, listen
from morelike.settings import Settings
from morelike.testing.toys import COLOURS, ToyJointEncoder

MOLECULES = "CC(=O)Oc1ccccc1C(=O)O aspirin\nOC(=O)c1ccccc1O salicylic\nOc1ccccc1 phenol\nCCO ethanol\nCC(=O)O acid\n"
MOVE = """([place, weights]) => {
    const slider = document.querySelectorAll("weight-slider input")[place];
    slider.focus();
    for (const weight of weights) {
      slider.value = String(weight);
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    }
}"""
LET_GO = (
    "(place) => document.querySelectorAll('weight-slider input')[place]"
    ".dispatchEvent(new Event('change', { bubbles: true }))"
)


@dataclass
class Asked:
    """A server in this process, for its encoder is a toy; the items' ids by colour; a picture that is none of them."""

    url: str
    items: dict[str, str]
    app: FastAPI
    orange: Path
    molecules: bool

    def at(self, query: str) -> str:
        return f"{self.url}/c/colours?{query.format(**self.items)}"

    def forget(self) -> None:
        """What an hour does to the examples that were uploaded."""
        self.app.state.stash = Stash()


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """The collections ``colours`` and, where RDKit is here, ``molecules``."""
    folder = tmp_path_factory.mktemp("asking")
    (folder / "colours").mkdir()
    for name in COLOURS:
        Image.new("RGB", (90, 60), COLOURS[name]).save(folder / "colours" / f"{name}.png")
    Image.new("RGB", (90, 60), (255, 120, 0)).save(folder / "orange.png")
    (folder / "some.smi").write_text(MOLECULES)
    with morelike.open(Settings(library=folder / "library", offline=True, allow_roots=(folder,))) as library:
        colours = library.collection("colours", modality="image", encoder=ToyJointEncoder())
        colours.add(folder / "colours")
        items = {Path(item.sources[0].uri).stem: item.id for item in colours.items()}
        try:
            library.collection("molecules", modality="molecule").add(folder / "some.smi")
            drawn = True
        except morelike.errors.MissingExtra:
            drawn = False
        app = create_app(library, ServerOptions(port=0))
        listening, up = listen("127.0.0.1", 0), threading.Event()
        server = Serving(config_of(app), app.state.parts, ready=up.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        assert up.wait(120)
        yield Asked(address_of("127.0.0.1", listening).rstrip("/"), items, app, folder / "orange.png", drawn)
        server.should_exit = True
        thread.join(120)
        listening.close()


def begin(page: Page, address: str) -> None:
    page.goto(address)
    ready(page)


def seen(page: Page) -> list[str]:
    """The colours of the hits, in order."""
    return [Path(name).stem for name in names(page)]


def first_is(page: Page, colour: str) -> None:
    expect(page.locator("#hits .hit").first.locator(".name")).to_have_text(re.compile(rf"\b{colour}\.png"))


def test_answers_follow_a_moving_weight(asked: Asked, page: Page) -> None:
    """While a slider moves the hits change places: one request at a time, the last value asked, the same elements, the
    focus stays. Nothing is a step to go back to before it is let go; then one is, and back restores board and answers.
    """
    begin(page, asked.at("part=item:{red}&part=item:{blue}&text=green"))
    before, address, steps = seen(page), page.url, page.evaluate("history.length")
    page.evaluate("for (const hit of document.querySelectorAll('#hits > li')) hit.mine = true")
    page.evaluate("document.querySelectorAll('weight-slider input')[2].mine = true")
    under_way: list[Request] = []
    most: list[int] = []
    sent: list[str] = []

    def begun(request: Request) -> None:
        if "/written?" in request.url:
            under_way.append(request)
            most.append(len(under_way))
            sent.append(request.url)

    page.on("request", begun)
    for ended in ("requestfinished", "requestfailed"):
        page.on(ended, lambda request: under_way.remove(request) if request in under_way else None)
    for weights in ([1.2, 1.4], [1.6, 1.8], [2]):
        page.evaluate(MOVE, [2, weights])
        page.evaluate("new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)))")
    first_is(page, "green")
    page.evaluate(MOVE, [2, [0.5, -0.5, -1.0, -1.9]])
    with page.expect_response(lambda answer: "text_weight=-1.9" in answer.url and "/written?" in answer.url):
        pass
    expect(page.locator("#hits .hit").last.locator(".name")).to_have_text(re.compile(r"green\.png"))
    assert max(most) == 1
    assert len(sent) < 9
    assert (page.url, page.evaluate("history.length")) == (address, steps)
    assert page.evaluate("document.activeElement.mine")
    assert page.evaluate("[...document.querySelectorAll('#hits > li')].every(({ mine }) => mine)")

    after = seen(page)
    page.evaluate(LET_GO, 2)
    expect(page).to_have_url(re.compile(r"text_weight=-1\.9$"))
    assert page.evaluate("history.length") == steps + 1
    assert seen(page) == after
    page.go_back()
    expect(page).to_have_url(address)
    expect(page.locator("weight-slider input").nth(2)).to_have_value("1")
    assert seen(page) == before
    page.go_forward()
    expect(page.locator("weight-slider input").nth(2)).to_have_value("-1.9")
    assert seen(page) == after


def test_parts_of_every_kind(asked: Asked, page: Page) -> None:
    """An item, words, a file, a pasted picture join one board; its address, copied, brings all of it back."""
    begin(page, asked.at("part=item:{red}"))
    page.get_by_label("To add:").fill(asked.items["blue"])
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".part")).to_have_count(2)
    ready(page)
    page.get_by_label("To add:").fill("green")
    page.get_by_label("To add:").press("Enter")
    expect(page.get_by_role("slider", name="Weight of “green”")).to_be_visible()
    ready(page)
    page.set_input_files(".slot input[type=file]", asked.orange)
    expect(page.locator(".part .name").nth(2)).to_have_text("orange.png")
    hand_over(page, "paste", asked.orange, on="#further", media="image/png")
    expect(page.locator(".part")).to_have_count(5)
    ready(page)
    page.get_by_role("slider", name="Weight of").nth(1).fill("-0.3")
    expect(page).to_have_url(re.compile(r"weight=-0\.3"))
    page.fill("#filter", "width >= 10")
    page.press("#filter", "Enter")
    expect(page).to_have_url(re.compile("filter=width"))

    order = seen(page)
    page.evaluate("navigator.clipboard.writeText = async (words) => { window.copied = words; }")
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("copy-link .told")).to_contain_text("works for an hour")
    copied = page.evaluate("window.copied")
    page.goto("about:blank")
    begin(page, copied)
    assert seen(page) == order
    expect(page.locator(".part")).to_have_count(5)
    expect(page.get_by_role("slider", name="Weight of").nth(1)).to_have_value("-0.3")
    expect(page.locator("#filter")).to_have_value("width >= 10")
    for _ in range(2):
        count = page.locator(".part").count()
        page.get_by_role("link", name=re.compile("^Remove ")).first.click()
        expect(page.locator(".part")).to_have_count(count - 1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_full_board_says_so(asked: Asked, page: Page) -> None:
    """Sixteen parts are all; what is asked beyond is refused with a sentence, and the board stays."""
    words = "&".join(f"text=green{number}" for number in range(15))
    begin(page, asked.at("part=item:{red}&" + words))

    expect(page.get_by_text("A search has at most 16 parts.")).to_be_visible()
    expect(page.locator(".slot")).to_have_count(0)
    expect(page.get_by_label("Further words")).to_have_count(0)


def test_the_keyboard_cuts_a_part(asked: Asked, page: Page) -> None:
    """Arrows lay a rectangle over the picture, move it and change its size; the search is asked with it once."""
    begin(page, asked.at("part=item:{red}"))
    box = page.get_by_role("group", name=re.compile("^Part of .*red"))
    box.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")

    expect(page).to_have_url(re.compile(r"crop=0\.27%2C0\.25%2C0\.77%2C0\.77"))
    expect(page.locator("crop-box .cut")).to_be_visible()
    expect(box).to_be_focused()
    page.keyboard.press("Delete")
    expect(page).not_to_have_url(re.compile("crop=0"))


def test_the_camera_is_an_example(watched_whole: Watched, asked: Asked) -> None:
    """Press, look, press again: the picture is asked with. However the window is closed, the camera is off."""
    page = watched_whole.page
    page.context.grant_permissions(["camera"], origin=asked.url)
    page.add_init_script(
        "const real = MediaDevices.prototype.getUserMedia; window.streams = [];"
        "MediaDevices.prototype.getUserMedia = async function (...asked) {"
        " const stream = await real.apply(this, asked); window.streams.push(stream); return stream; };"
    )
    begin(page, f"{asked.url}/c/colours")
    camera = page.get_by_role("button", name="Camera")
    off = "window.streams.every((stream) => stream.getTracks().every(({ readyState }) => readyState === 'ended'))"
    camera.click()
    expect(page.get_by_role("button", name="Take the picture")).to_be_enabled()
    assert not page.evaluate(off)
    page.keyboard.press("Escape")
    expect(page.locator("dialog.camera")).to_have_count(0)
    assert page.evaluate(off)
    expect(camera).to_be_focused()

    camera.click()
    expect(page.get_by_role("button", name="Take the picture")).to_be_focused()
    expect(page.get_by_role("button", name="Take the picture")).to_be_enabled()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Once more").click()
    expect(page.get_by_role("button", name="Take the picture")).to_be_enabled()
    page.keyboard.press("Space")
    assert axe_faults(page, "camera") == {}
    page.get_by_role("button", name="Search with it").click()
    expect(page).to_have_url(re.compile("part=upload"))
    expect(page.locator(".part .name")).to_have_text("camera.jpg")
    first = page.locator(".part crop-box img")
    assert first.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 300


def test_a_camera_that_is_refused(watched_whole: Watched, asked: Asked) -> None:
    """Where the browser may not look, a sentence says so, and the page goes on."""
    begin(watched_whole.page, f"{asked.url}/c/colours")
    watched_whole.page.get_by_role("button", name="Camera").click()

    expect(watched_whole.page.locator("web-cam .told")).to_contain_text("not allowed")


def test_the_history_brings_a_forgotten_file_back(watched: Watched, asked: Asked) -> None:
    """A dropped picture's search stands in the history, with a picture and a name to save it by. When the server has
    forgotten the file this browser sends it again, by itself, and the answers are the same.
    """
    watched.expected = ("status of 400", "status of 404")
    page = watched.page
    begin(page, f"{asked.url}/c/colours")
    hand_over(page, "drop", asked.orange, media="image/png")
    expect(page.locator(".part .name")).to_have_text("orange.png")
    ready(page)
    order, token = seen(page), re.search(r"upload%3A([^&]+)", page.url)
    assert token is not None
    page.get_by_role("button", name="History").click()
    page.get_by_label("Name of this search").fill("my orange")
    page.get_by_role("button", name="Save this search").click()
    page.locator("dialog.history li a", has_text="my orange").wait_for()
    assert axe_faults(page, "history") == {}
    page.keyboard.press("Escape")
    begin(page, asked.at("text=green"))
    asked.forget()
    begin(page, f"{asked.url}/c/colours")
    page.locator("body").press("h")
    entries = page.locator("dialog.history li")
    expect(entries).to_have_count(3)  # the saved one, the words, the same one unsaved
    expect(entries.first.locator("img")).to_be_visible()
    page.get_by_role("link", name="my orange").click()
    expect(page.locator(".part crop-box img")).to_be_visible()
    ready(page)
    assert token[1] not in page.url
    assert seen(page) == order

    page.locator("body").press("h")
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("New name of my orange").fill("her orange")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="her orange")).to_be_focused()
    page.get_by_role("button", name="Delete her orange").click()
    expect(page.get_by_role("link", name="her orange")).to_have_count(0)
    page.get_by_role("button", name="Clear all").click()
    page.get_by_role("button", name="press once more").click()
    expect(page.get_by_text("Nothing was searched here yet.")).to_be_visible()


def test_a_gone_example_is_put_in_again(watched: Watched, asked: Asked) -> None:
    """Where this browser never had the file, the board says that it is gone, and takes it in the same place."""
    watched.expected = ("status of 400",)
    page = watched.page
    gone = "part=upload:AAAAAAAAAAAAAAAAAAAAAA&weight=1&crop=&part=item:{red}&weight=0.5&crop="
    begin(page, asked.at(gone))
    expect(page.get_by_text("This example is gone.")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("not kept any more")
    assert axe_faults(page, "gone") == {}
    page.set_input_files("gone-example input[type=file]", asked.orange)

    expect(page.locator(".part .name").first).to_have_text("orange.png")
    expect(page.get_by_role("slider", name="Weight of").nth(1)).to_have_value("0.5")


def test_a_browser_that_keeps_nothing(asked: Asked, page: Page) -> None:
    """Without storage searching goes on, and the history says why it is empty."""
    page.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage', 'indexedDB']) Object.defineProperty(window, name,"
        " { get() { throw new DOMException('off', 'SecurityError'); } });"
    )
    begin(page, f"{asked.url}/c/colours")
    hand_over(page, "drop", asked.orange, media="image/png")
    expect(page.locator(".part .name")).to_have_text("orange.png")
    ready(page)
    page.locator("body").press("h")

    expect(page.get_by_text("This browser keeps nothing for this page")).to_be_visible()


def test_a_part_of_a_molecule_is_picked(asked: Asked, page: Page) -> None:
    """Atoms by key, bonds by click, several by dragging around them: exactly what holds the part is found."""
    if not asked.molecules:
        pytest.skip("molecules need the extra `molecules`")
    begin(page, f"{asked.url}/c/molecules?text=CC(%3DO)Oc1ccccc1C(%3DO)O")
    page.get_by_role("button", name="Pick a part").click()
    atoms = page.locator(".picking").get_by_role("checkbox")
    expect(atoms).to_have_count(13)
    search = page.get_by_role("button", name="Search with the picked part")
    expect(search).to_be_disabled()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.locator(".picking .said")).to_contain_text("do not hang together")
    expect(search).to_be_disabled()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    expect(page.locator(".picking .said")).to_have_text("3 atoms: CC=O")
    assert axe_faults(page, "picking") == {}
    page.get_by_role("button", name="Pick none").click()
    sheet = page.locator(".picking svg").bounding_box()
    assert sheet is not None
    page.mouse.move(sheet["x"] + 2, sheet["y"] + 2)
    page.mouse.down()
    page.mouse.move(sheet["x"] + sheet["width"] - 2, sheet["y"] + sheet["height"] - 2, steps=4)
    page.mouse.up()
    expect(page.locator(".picking .said")).to_contain_text("13 atoms")
    page.get_by_role("button", name="Pick none").click()
    for number in (1, 2, 3):
        atoms.nth(number).click()
    search.click()

    expect(page).to_have_url(re.compile("mode=substructure"))
    expect(page.get_by_label("Find what")).to_have_value("substructure")
    assert set(page.locator("#hits .hit .name").all_inner_texts()) == {"aspirin", "salicylic", "acid"}


def test_everything_of_it_is_usable(asked: Asked, page: Page) -> None:
    """A full board: axe-core finds nothing in either theme, and no narrow screen scrolls sideways."""
    parts = "part=item:{red}&weight=1&crop=0,0,0.5,1&part=item:{blue}&weight=-1&crop="
    begin(page, asked.at(f"{parts}&text=green&text=white"))
    assert axe_faults(page, "asking") == {}
    page.set_viewport_size({"width": 360, "height": 740})

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
