"""Sounds in a real browser: dropped, played at the moment, asked with by a part, recorded."""

from __future__ import annotations

import re

import pytest
from browser_pages import Watched, hand_over, names, ready
from browser_timed import EACH, LONG, Timed, standing
from playwright.sync_api import Browser, Locator, Page, expect

LENGTH = EACH * len(LONG)


def ask(page: Page, timed: Timed, name: str) -> None:
    """Drop a sound on the page of ``sounds``, and wait for the answer."""
    page.goto(f"{timed.url}/c/sounds")
    hand_over(page, "drop", timed.queries / name, media="audio/wav")
    expect(page.locator("#hits .hit").first).to_be_visible()
    ready(page)


def the_long_one(page: Page) -> Locator:
    return page.locator("#hits .hit", has=page.locator(".name", has_text="long.wav"))


def drag(page: Page, line: Locator, start: float, end: float) -> None:
    """Over a time line, from one share of it to another."""
    line.scroll_into_view_if_needed()
    box = line.bounding_box()
    assert box is not None
    high = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * start, high)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, high, steps=5)
    page.mouse.up()


def test_a_dropped_sound_finds_itself(page: Page, timed: Timed) -> None:
    """A softer copy of a sound that is there: it comes first, and the board shows its waveform."""
    ask(page, timed, "sound-2.wav")

    assert names(page)[0] == "sounds/sound-2.wav"
    expect(page.locator(".part time-line[data-heard]")).to_be_visible()
    expect(page.locator(".part .name")).to_have_text("sound-2.wav")


def test_a_hit_says_where(page: Page, timed: Timed) -> None:
    """A part of a long recording finds it, with the window that the part lies in."""
    ask(page, timed, "part.wav")

    assert names(page)[0] == "sounds/long.wav"
    expect(the_long_one(page).locator(".moment [data-time]")).to_have_text("0:09.0–0:11.0")


def test_the_player_opens_at_the_moment(page: Page, timed: Timed) -> None:
    """From a hit to its item: the player stands where the hit begins, and the part is marked on the line."""
    ask(page, timed, "part.wav")
    the_long_one(page).locator(".name").click()
    expect(page.locator("moment-player")).to_be_visible()
    ready(page)

    assert standing(page) == pytest.approx(9, abs=0.2)
    line = page.locator("time-line[data-heard]")
    expect(line).to_be_visible()
    found, whole = line.locator(".found").bounding_box(), line.bounding_box()
    assert found is not None
    assert whole is not None
    assert (found["x"] - whole["x"]) / whole["width"] == pytest.approx(9 / LENGTH, abs=0.01)
    assert found["width"] / whole["width"] == pytest.approx(2 / LENGTH, abs=0.01)


def test_a_click_on_the_line_goes_there(page: Page, timed: Timed) -> None:
    """A click is a place, not a part."""
    ask(page, timed, "part.wav")
    the_long_one(page).locator(".name").click()
    ready(page)
    standing(page)
    line = page.locator("time-line")
    box = line.bounding_box()
    assert box is not None
    line.click(position={"x": box["width"] * 0.75, "y": 20})

    assert standing(page) == pytest.approx(0.75 * LENGTH, abs=0.2)
    expect(page.locator("#at")).to_have_value("9-11")


def test_a_part_is_asked_with(page: Page, timed: Timed) -> None:
    """Drag over the line of an item, then search: the address has the part, and the board shows it."""
    page.goto(f"{timed.url}/c/sounds/items")
    page.locator(".hit .name", has_text="long.wav").click()
    ready(page)
    expect(page.locator("time-line canvas")).to_be_visible()
    drag(page, page.locator("time-line"), 0.45, 0.55)
    start, end = map(float, page.locator("#at").input_value().split("-"))
    assert start == pytest.approx(9, abs=0.3)
    assert end == pytest.approx(11, abs=0.3)
    page.get_by_role("button", name="Search this part").click()
    expect(page).to_have_url(re.compile(r"part=item.*at="))

    expect(page.locator("#hits .hit").first).to_be_visible()
    expect(page.locator(".part time-line .chosen")).to_be_visible()


def test_a_part_of_what_was_dropped(page: Page, timed: Timed) -> None:
    """Drag over the line on the board: the search is asked again with that part only; back brings the whole."""
    ask(page, timed, "excerpt.wav")
    expect(page.locator(".part time-line[data-heard]")).to_be_visible()
    whole = page.locator(".hit .score").all_inner_texts()
    drag(page, page.locator(".part time-line"), 0.7, 0.98)
    expect(page).to_have_url(re.compile(r"at=5\.\d+-7\.\d+"))
    expect(page.locator(".part time-line .chosen")).to_be_visible()
    assert page.locator(".hit .score").all_inner_texts() != whole

    page.go_back()
    expect(page).not_to_have_url(re.compile("at="))
    expect(page.locator(".part time-line .chosen")).to_be_hidden()


def test_the_same_recording(page: Page, timed: Timed) -> None:
    """The other way to search: the recording that the excerpt was taken from, and where in it."""
    ask(page, timed, "excerpt.wav")
    page.get_by_label("Find").select_option("recording")
    expect(page).to_have_url(re.compile("mode=recording"))
    expect(page.locator("#hits .hit")).to_have_count(1)

    assert names(page) == ["sounds/long.wav"]
    expect(the_long_one(page).locator(".moment [data-time]")).to_have_text(re.compile("^0:06"))
    page.reload()
    expect(page.get_by_label("Find")).to_have_value("recording")


def test_a_hit_is_played_where_it_stands(page: Page, timed: Timed) -> None:
    """The button on a hit plays its part only, tells the time meanwhile, and one is played at a time."""
    ask(page, timed, "part.wav")
    button = the_long_one(page).locator("moment-button")
    button.locator("a").click()
    expect(button.locator("audio")).to_be_attached()
    expect(button.locator(".moment [data-time]")).to_have_text(re.compile(r"^0:(09|10)\.\d$"))
    other = page.locator("#hits .hit").nth(3).locator("moment-button")
    other.locator("a").click()
    expect(button.locator("audio")).to_have_count(0)
    expect(button.locator(".moment [data-time]")).to_have_text("0:09.0–0:11.0")
    other.locator("a").click()

    expect(page.locator("moment-button audio")).to_have_count(0)
    button.locator("a").click()
    expect(button.locator("audio")).to_be_attached()
    expect(button.locator("audio")).to_have_count(0)  # it ends by itself
    assert "/c/sounds" in page.url


def test_the_microphone_is_an_example(watched_whole: Watched, timed: Timed) -> None:
    """Press, wait, press again: what was recorded is asked with, as a dropped file would be."""
    page = watched_whole.page
    page.context.grant_permissions(["microphone"], origin=timed.url)
    page.goto(f"{timed.url}/c/sounds")
    ready(page)
    page.get_by_role("button", name="Record").click()
    stop = page.get_by_role("button", name=re.compile(r"^Stop \([1-9] s\)"))
    expect(page.get_by_label("How loud it is")).to_be_visible()
    expect(stop).to_be_visible()
    stop.click()
    expect(page).to_have_url(re.compile("part=upload"))

    expect(page.locator(".part .name")).to_have_text("recording.webm")
    expect(page.locator("#hits .hit").first).to_be_visible()
    expect(page.locator(".part time-line[data-heard]")).to_be_visible()


def test_a_microphone_that_is_refused(watched_whole: Watched, timed: Timed) -> None:
    """Where the browser may not listen, a sentence says so, and the page goes on."""
    page = watched_whole.page
    page.goto(f"{timed.url}/c/sounds")
    ready(page)
    page.get_by_role("button", name="Record").click()

    expect(page.locator("sound-recorder .told")).to_contain_text("not allowed")
    expect(page.get_by_role("button", name="Record")).to_be_enabled()


def test_a_part_without_scripts(browser: Browser, timed: Timed) -> None:
    """The form takes a part as text; the player's address opens at the moment by itself."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{timed.url}/c/sounds/items")
    page.locator(".hit .name", has_text="long.wav").click()
    page.fill("#at", "0:09-0:11")
    page.get_by_role("button", name="Search this part").click()
    expect(page.locator("#hits .hit").first).to_be_visible()
    page.goto(page.locator("#hits .hit .name").first.evaluate("(link) => link.href"))

    assert re.search(r"#t=\d", str(page.locator("audio").get_attribute("src")))
    expect(page.locator(".player .wave")).to_be_visible()
    context.close()
