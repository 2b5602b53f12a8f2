"""Films in a real browser: the moment, its neighbours, and a frame or a part as the next question."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from browser_pages import Watched, hand_over, names, ready
from browser_timed import FPS, Timed, standing
from PIL import Image
from playwright.sync_api import Page, expect

MOMENT = re.compile(r"^(\d+):(\d\d\.\d)–(\d+):(\d\d\.\d)$")


def ask(page: Page, timed: Timed) -> None:
    """Drop a frame of the second film, 3.25 s in, and wait for the answer."""
    page.goto(f"{timed.url}/c/films")
    hand_over(page, "drop", timed.queries / "frame.png", media="image/png")
    expect(page.locator("#hits .hit").first).to_be_visible()
    ready(page)


def span(page: Page) -> tuple[float, float]:
    """Of the first hit, in seconds."""
    words = MOMENT.match(page.locator("#hits .moment [data-time]").first.inner_text())
    assert words is not None
    return int(words[1]) * 60 + float(words[2]), int(words[3]) * 60 + float(words[4])


def shown(page: Page) -> float:
    """The second of the picture that is seen, by the number that is drawn on it."""
    from morelike.testing.films import frame_number

    address = page.locator("video").evaluate(
        """(film) => {
            const canvas = document.createElement("canvas");
            Object.assign(canvas, { width: film.videoWidth, height: film.videoHeight });
            canvas.getContext("2d").drawImage(film, 0, 0);
            return canvas.toDataURL("image/png");
        }"""
    )
    picture = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB")
    return frame_number(np.asarray(picture)) / FPS


def open_item(page: Page, timed: Timed, name: str) -> None:
    page.goto(f"{timed.url}/c/films/items")
    page.locator(".hit .name", has_text=name).click()
    expect(page.locator("moment-player")).to_be_visible()
    ready(page)


def test_a_picture_finds_its_film_and_second(page: Page, timed: Timed) -> None:
    """A frame, dropped on films: the film comes first, with the half second that the frame is of."""
    ask(page, timed)

    assert names(page)[0] == "films/film-2.webm"
    start, end = span(page)
    assert start <= 3.25 <= end
    expect(page.locator(".part crop-box img")).to_be_visible()


def test_the_film_opens_at_the_moment(page: Page, timed: Timed) -> None:
    """From the hit to its item: the film stands at the frame that the hit's picture shows, to 0.2 s."""
    ask(page, timed)
    start, end = span(page)
    page.locator("#hits .hit .name").first.click()
    ready(page)

    assert standing(page) == pytest.approx((start + end) / 2, abs=0.2)
    assert shown(page) == pytest.approx((start + end) / 2, abs=0.2)


def test_the_strip_leads_through_the_film(page: Page, timed: Timed) -> None:
    """Each picture of the strip goes to its moment; the one that is shown is marked."""
    open_item(page, timed, "film-1")
    standing(page)
    links = page.locator(".strip a")
    assert links.count() == 12
    assert links.first.locator("img").evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    links.nth(7).click()
    assert standing(page) == pytest.approx(3.75, abs=0.2)
    assert shown(page) == pytest.approx(3.75, abs=0.2)

    expect(links.nth(7)).to_have_attribute("aria-current", "true")
    expect(page.locator(".strip [aria-current]")).to_have_count(1)
    assert re.search(r"/i/films/\w+$", page.url)


def test_a_frame_is_the_next_question(page: Page, timed: Timed) -> None:
    """The frame that is shown, asked with: the same film and moment come first."""
    open_item(page, timed, "film-3")
    standing(page)
    page.locator(".strip a").nth(9).click()
    moment = standing(page)
    page.get_by_role("button", name="Ask with this frame").click()
    expect(page).to_have_url(re.compile("part=upload"))
    expect(page.locator("#hits .hit").first).to_be_visible()

    assert names(page)[0] == "films/film-3.webm"
    start, end = span(page)
    assert start - 0.5 <= moment <= end + 0.5
    expect(page.locator(".part .name")).to_have_text(re.compile(r"^frame-at-4\.\ds\.png$"))


def test_a_part_of_a_film_is_asked_with(page: Page, timed: Timed) -> None:
    """Two seconds of an item, as text: the address has them, and other films answer."""
    open_item(page, timed, "film-1")
    page.fill("#at", "2-4")
    page.get_by_role("button", name="Search this part").click()
    expect(page).to_have_url(re.compile("at=2-4"))

    expect(page.locator("#hits .hit").first).to_be_visible()
    expect(page.locator(".part time-line .chosen")).to_be_visible()


def test_a_sound_is_asked_of_films(page: Page, timed: Timed) -> None:
    """A sound dropped on films is compared with their sound."""
    page.goto(f"{timed.url}/c/films")
    hand_over(page, "drop", timed.queries / "part.wav", media="audio/wav")
    expect(page.locator("#hits .hit").first).to_be_visible()

    expect(page.locator(".part .name")).to_have_text("part.wav")
    expect(page.locator(".part .wave, .part crop-box")).to_have_count(1)


def test_a_film_that_the_browser_cannot_play(watched: Watched, timed: Timed) -> None:
    """A sentence and a download; the strip still shows what is in it."""
    watched.expected = ("",)
    page = watched.page
    open_item(page, timed, "old.avi")

    expect(page.locator(".cannot")).to_be_visible()
    expect(page.get_by_role("link", name="Download it")).to_be_visible()
    expect(page.get_by_role("button", name="Ask with this frame")).to_be_disabled()
    assert page.locator(".strip img").first.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0


def test_the_original_of_a_film_plays(page: Page, timed: Timed) -> None:
    """Opened by itself it plays: its policy lets the browser's own player fetch it, and nothing else."""
    open_item(page, timed, "film-1")
    address = page.get_by_role("link", name="Original").get_attribute("href")
    page.goto(f"{timed.url}{address}")

    assert standing(page) >= 0
    assert page.locator("video").evaluate("(film) => film.videoWidth") == 192
