"""What a notebook shows of hits, in a real browser: players that play the moment, names that do nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import morelike
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.films import film
from morelike.testing.images import write_images
from morelike.testing.sounds import as_wav, synthetic_sound

HOSTILE = "\"><img src=x onerror=document.title='run'><b>.wav"
GROUNDS = {"light": "#fff", "dark": "#111"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A long recording, a film and a few pictures; the recording has a name that would like to be markup."""
    pytest.importorskip("av", reason="sounds and films need the extra `video`")
    folder = tmp_path_factory.mktemp("notebook")
    long = np.concatenate([synthetic_sound(seed, 4.0) for seed in range(5)])
    (folder / HOSTILE).write_bytes(as_wav(long))
    (folder / "film.mp4").write_bytes(film(3, scenes=(1.0, 2.0, 1.0), size=(320, 240)))
    write_images(folder / "pictures", 6, seed=1)
    with morelike.open(Settings(library=folder / "library", offline=True)) as opened:
        sounds = opened.collection(
            "sounds", modality="audio", encoder="classic-audio", options={"window": 2.0, "hop": 1.0}
        )
        films = opened.collection("films", modality="video", encoder="classic,classic-audio", options={"every": 1.0})
        pictures = opened.collection("pictures", modality="image", encoder="classic")
        for collection, source in ((sounds, HOSTILE), (films, "film.mp4"), (pictures, "pictures")):
            assert collection.add(str(folder / source)).rejected == 0
        yield opened


def show(page: Page, hits: Any, ground: str = "light") -> None:
    """As a notebook does: in a page of its own style, on a light or a dark ground."""
    page.set_content(
        f'<body style="background:{GROUNDS[ground]};color:{GROUNDS["dark" if ground == "light" else "light"]}">'
        f"{hits._repr_html_()}</body>"
    )


def test_the_player_has_the_stretch(page: Page, library: Library) -> None:
    """The sound is read by the browser, is as long as the window that answers, and the hostile name does nothing."""
    hits = library.collection("sounds").search(as_wav(synthetic_sound(2, 4.0)), at=(1, 3))
    show(page, hits)

    assert hits[0].span.start in range(7, 12)
    assert page.locator("audio").evaluate(
        "player => new Promise(done => {"
        " const tell = () => done(player.duration);"
        " player.readyState ? tell() : (player.onloadedmetadata = tell, player.onerror = () => done('error')) })"
    ) == pytest.approx(2.0, abs=0.15)
    expect(page.locator("figcaption")).to_contain_text("onerror=document.title")
    assert (page.title(), page.locator("b").count()) == ("", 0)


def test_a_film_stands_at_the_moment(page: Page, library: Library) -> None:
    """A small film opens where the hit begins."""
    hits = library.collection("films").search(film(3, scenes=(1.0, 2.0, 1.0), size=(320, 240)), at=(2, 3))
    show(page, hits)
    page.wait_for_function("document.querySelector('video').readyState >= 1")

    start = hits[0].span.start
    assert start == pytest.approx(2.0, abs=0.5)
    page.wait_for_function(f"Math.abs(document.querySelector('video').currentTime - {start}) < 0.1")


@pytest.mark.parametrize("ground", GROUNDS)
def test_pictures_stand_side_by_side(page: Page, library: Library, tmp_path: Path, ground: str) -> None:
    """All are drawn, in order, none larger than its cell, and the words take the colour of the ground's own."""
    (path,) = write_images(tmp_path, 1, seed=1)
    show(page, library.collection("pictures").search(path, k=4), ground)
    figures = page.locator("figure")
    boxes = [figures.nth(place).bounding_box() for place in range(4)]

    assert page.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 0)")
    assert [box["x"] for box in boxes if box] == sorted({box["x"] for box in boxes if box})
    assert page.locator("img").first.evaluate("one => one.getBoundingClientRect().width") <= 192
    colour = page.locator("figcaption").first.evaluate("one => getComputedStyle(one).color")
    assert colour == page.evaluate("getComputedStyle(document.body).color")
