"""A real server process over a library of photographs, and a real Chromium in front of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser_map import SOFTWARE, show
from browser_pages import PATIENCE, Served, Watched, serving, watch
from browser_timed import FILMS, SOUNDS, Timed, make_timed
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

import morelike
from morelike import demo
from morelike.settings import Settings

PHOTOGRAPHS = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "moon.png",
    "motorcycle_left.png",
    "rocket.jpg",
)
SHELL = "chromium-headless-shell"
"""The same engine without windows, at half the processor time; it asks nobody whether a page may listen."""
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--use-fake-device-for-media-stream",  # a microphone that beeps
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card, for viewers of 3D models
)


expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium; skips by name where there is none, and fails in CI."""
    with _opened(playwright, SHELL, *NAMES) as opened:
        yield opened


@pytest.fixture(scope="session")
def whole_browser(playwright: Playwright, browser: Browser) -> Iterator[Browser]:
    """The same with all that a person has, for what the shell leaves out."""
    if shutil.which(SHELL) is None:
        yield browser
        return
    with _opened(playwright, *NAMES) as opened:
        yield opened


@contextmanager
def _opened(playwright: Playwright, *names: str) -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        sentence = "no Chromium on this machine: scripts/chromium installs it"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    opened = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(eight photographs with four altered copies of each, one further altered copy of each)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "PHOTOGRAPHS", PHOTOGRAPHS)
        return demo.make_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="session")
def filled(photographs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with the collection ``photographs`` of forty pictures, calibrated."""
    folder = tmp_path_factory.mktemp("filled") / "library"
    with morelike.open(Settings(library=folder, offline=True)) as library:
        collection = library.collection("photographs", modality="image", encoder="classic")
        assert collection.add(str(photographs[0])).added == 5 * len(PHOTOGRAPHS)
        collection.calibrate()
    return folder


@pytest.fixture(scope="session")
def served(filled: Path, photographs: tuple[Path, Path]) -> Iterator[Served]:
    """The library above behind a server. Tests leave astronauts, coffee, cats and coins in ``photographs`` alone."""
    with serving(filled, "--allow-root", str(photographs[0].parent)) as url:
        yield Served(url, filled, *photographs)


@pytest.fixture(scope="session")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Timed]:
    """The collections ``sounds`` and ``films`` behind a server of their own; no test changes them."""
    pytest.importorskip("av", reason="sounds and films need the extra `video`")
    pytest.importorskip("soxr", reason="sounds and films need the extra `video`")
    folder = tmp_path_factory.mktemp("timed")
    made = make_timed(folder)
    with morelike.open(Settings(library=folder / "library", offline=True)) as library:
        sounds = library.collection(
            "sounds", modality="audio", encoder="classic-audio", options={"window": 2.0, "hop": 1.0}
        )
        assert sounds.add(str(folder / "sounds")).added == SOUNDS + 1
        films = library.collection("films", modality="video", encoder="classic,classic-audio", options={"every": 0.5})
        assert films.add(str(folder / "films")).added == FILMS + 1
    with serving(folder / "library") as url:
        yield Timed(url, *made)


@pytest.fixture(scope="module")
def mapped(photographs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Forty photographs of eight motifs with a map of them, and as many without one, behind a server of their own."""
    folder = tmp_path_factory.mktemp("mapped") / "library"
    with morelike.open(Settings(library=folder, offline=True)) as library:
        for name in ("photographs", "unmapped"):
            collection = library.collection(name, modality="image", encoder="classic")
            assert collection.add(str(photographs[0])).added == 40
        library.collection("photographs").map()
    with serving(folder) as url:
        yield Served(url, folder, *photographs)


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A page in an empty profile; the test fails where the browser complained of anything unexpected."""
    with _watching(browser) as seen:
        yield seen


@pytest.fixture
def watched_whole(whole_browser: Browser) -> Iterator[Watched]:
    """The same in the whole browser."""
    with _watching(whole_browser) as seen:
        yield seen


@contextmanager
def _watching(browser: Browser) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    seen = watch(context)
    try:
        yield seen
    finally:
        context.close()

    assert seen.unexpected() == []


@pytest.fixture
def page(watched: Watched) -> Page:
    return watched.page


@pytest.fixture
def seen(mapped: Served, watched: Watched) -> Page:
    """The map, with all its points."""
    watched.expected = (SOFTWARE,)
    show(watched.page, mapped)
    return watched.page
