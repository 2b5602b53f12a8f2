"""The page of jobs: how far they are, calling them off, what failed and why, and one among many."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Event

import pytest
from browser_pages import PATIENCE, axe_faults, ready, serving
from PIL import Image
from playwright.sync_api import Locator, Page, expect

import morelike
from morelike.jobs import JobRunner, JobStopped, Perform, Report
from morelike.library import Library
from morelike.records import Job
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.types import Metadata

SECONDS = PATIENCE / 1000


@dataclass(frozen=True)
class Waiting:
    """A server that does no jobs, its library, and the folder that it may read: they are done when a test does them."""

    url: str
    library: Library
    pictures: Path


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Waiting]:
    """The empty collections ``photos`` and ``others``."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    with morelike.open(Settings(library=tmp_path / "library", offline=True)) as library:
        for name in ("photos", "others"):
            library.collection(name, modality="image", encoder="classic")
        with serving(tmp_path / "library", "--no-jobs", "--allow-root", str(pictures)) as url:
            yield Waiting(url, library, pictures)


def queued(waiting: Waiting, collection: str = "photos", **more: object) -> Job:
    return waiting.library.jobs.add("add", collection, {"sources": [str(waiting.pictures)], **more})


@contextmanager
def doing(waiting: Waiting, work: Perform) -> Iterator[None]:
    """Jobs are taken up, and ``work`` is what they do."""
    with JobRunner(waiting.library.jobs, work, beat=0.05):
        yield


def state_of(card: Locator) -> Locator:
    return card.locator(".state")


def test_progress_moves_by_itself(waiting: Waiting, page: Page) -> None:
    """The bar and the figures follow what whoever does the job says of it, to its end, and nothing is loaded anew."""
    said: SimpleQueue[Metadata | None] = SimpleQueue()

    def work(job: Job, report: Report, stop: Event) -> Metadata:
        while (progress := said.get(timeout=SECONDS)) is not None:
            report(progress)
        return {"added": 7, "rejected": 1}

    queued(waiting)
    page.goto(f"{waiting.url}/jobs")
    page.evaluate("() => { window.stayed = true; }")
    card = page.locator(".job")
    bar = card.get_by_role("progressbar", name="Progress of Add")
    expect(state_of(card)).to_have_text("queued")
    with doing(waiting, work):
        said.put({"done": 2, "total": 8})
        expect(card.locator(".tally")).to_have_text("2 of 8")
        expect(state_of(card)).to_have_text("running")
        expect(bar).to_have_js_property("value", 2)
        expect(bar).to_have_js_property("max", 8)
        said.put({"done": 6, "total": 8, "rejected": 1, "eta": 3.0})
        expect(card.locator(".tally")).to_have_text("6 of 8 · 1 rejected · 3 s left")
        expect(bar).to_have_js_property("value", 6)
        said.put(None)
        expect(state_of(card)).to_have_text("done")

    expect(card.locator(".outcome")).to_have_text("7 added · 1 rejected")
    expect(bar).to_have_count(0)
    assert page.evaluate("() => window.stayed")


def test_a_running_job_is_called_off(waiting: Waiting, page: Page) -> None:
    """It says that it is stopping, then what it had done, which stays; it can be tried again."""
    heard, end = Event(), Event()

    def work(job: Job, report: Report, stop: Event) -> Metadata:
        report({"done": 3, "total": 8})
        assert stop.wait(SECONDS)
        heard.set()
        assert end.wait(SECONDS)
        raise JobStopped({"added": 3})

    queued(waiting)
    page.goto(f"{waiting.url}/jobs")
    card = page.locator(".job")
    with doing(waiting, work):
        expect(card.locator(".tally")).to_have_text("3 of 8")
        card.get_by_role("button", name="Cancel Add").click()
        expect(state_of(card)).to_have_text("stopping")
        expect(card.get_by_role("button", name="Cancel Add")).to_have_count(0)
        assert heard.wait(SECONDS)
        end.set()
        expect(state_of(card)).to_have_text("cancelled")
    expect(card.locator(".outcome")).to_have_text("3 added")

    card.get_by_role("button", name="Try again Add").click()
    expect(state_of(card)).to_have_text("queued")
    expect(card.locator(".outcome")).to_have_count(0)


def test_a_waiting_job_is_called_off_at_once(waiting: Waiting, page: Page) -> None:
    """Nobody has to hear of it first; its neighbours wait on."""
    queued(waiting, tags=["first"])
    queued(waiting, tags=["second"])
    page.goto(f"{waiting.url}/jobs")
    first, second = (page.locator(".job", has_text=f"tagged {tag}") for tag in ("first", "second"))
    first.get_by_role("button", name="Cancel Add").click()

    expect(state_of(first)).to_have_text("cancelled")
    expect(state_of(second)).to_have_text("queued")


def test_a_failed_job_says_why_and_is_tried_again(waiting: Waiting, page: Page) -> None:
    """What was wrong and what to do stand on it; mended, it is tried again, and the fault is gone from it."""
    folder, away = waiting.pictures / "spring", waiting.pictures / "away"
    write_images(folder, 3, seed=5)
    page.goto(f"{waiting.url}/c/photos/add")
    ready(page)
    page.fill("#sources", str(folder))
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".job .state")).to_have_text("queued")
    folder.rename(away)
    with waiting.library.run_jobs():
        page.goto(f"{waiting.url}/jobs")
        card = page.locator(".job")
        expect(state_of(card)).to_have_text("failed")
        expect(card.locator(".wrong strong")).to_have_text(f"no such file or folder: {folder}")
        expect(card.locator(".wrong")).to_contain_text("give a file, a folder")
        assert axe_faults(page, "failed") == {}

        away.rename(folder)
        card.get_by_role("button", name="Try again Add").click()
        expect(state_of(card)).to_have_text("done")
    expect(card.locator(".outcome")).to_have_text("3 added")
    expect(card.locator(".wrong")).to_have_count(0)
    expect(card.get_by_role("button")).to_have_count(0)


def test_a_job_tells_what_it_does_and_what_came_of_it(waiting: Waiting, page: Page) -> None:
    """What it was asked, live how many were added and rejected, and the way to those that could not be used."""
    write_images(waiting.pictures, 3, seed=8)
    for number in (1, 2):
        (waiting.pictures / f"broken-{number}.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing " + bytes([number]))
    page.goto(f"{waiting.url}/jobs?collection=photos")
    expect(page.get_by_text("No such job.")).to_be_visible()
    queued(waiting, tags=["told"])
    with waiting.library.run_jobs():
        card = page.locator(".job")
        expect(card.locator(".asked")).to_contain_text("tagged told")
        expect(card.locator(".outcome")).to_have_text("3 added · 2 rejected")
        assert axe_faults(page, "jobs") == {}
        card.get_by_role("link", name="See what was rejected").click()

    expect(page.locator("tbody tr")).to_have_count(2)


def test_jobs_are_sifted(waiting: Waiting, page: Page) -> None:
    """By state, of which it is said how many there are, by collection, by both; a list that is sifted stays so."""
    Image.new("RGB", (40, 30), "teal").save(waiting.pictures / "one.png")
    with waiting.library.run_jobs():
        for collection, source in (("photos", "one.png"), ("others", "nothing"), ("photos", "nowhere")):
            job = queued(waiting, collection, sources=[str(waiting.pictures / source)])
            waiting.library.jobs.watch(job.id, SECONDS)
    waiting.library.jobs.cancel(queued(waiting).id)

    page.goto(f"{waiting.url}/jobs")
    states = page.locator(".job .state")
    expect(states).to_have_text(["cancelled", "failed", "failed", "done"])
    expect(page.get_by_label("State").locator("option")).to_contain_text(
        ["any", "queued (0)", "running (0)", "done (1)", "failed (2)", "cancelled (1)"]
    )
    page.get_by_label("State").select_option("failed")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(states).to_have_text(["failed", "failed"])
    page.get_by_label("Collection").select_option("photos")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".job .wrong strong")).to_have_text(re.compile("nowhere$"))
    page.get_by_role("button", name="Try again Add").click()
    expect(page.get_by_text("No such job.")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(states).to_have_text(["cancelled", "queued", "failed", "done"])


def test_older_jobs_are_a_page_further(waiting: Waiting, page: Page) -> None:
    """Fifty at a time, the newest first; none is left out, and none shown twice."""
    ids = [waiting.library.jobs.cancel(queued(waiting).id).id for _ in range(53)]
    shown = "(all) => all.map((one) => one.id.replace('job-', ''))"
    page.goto(f"{waiting.url}/jobs?state=cancelled")
    first = page.locator(".job").evaluate_all(shown)
    page.get_by_role("link", name="Older").click()
    expect(page.locator(".job")).to_have_count(3)
    second = page.locator(".job").evaluate_all(shown)
    expect(page.get_by_role("link", name="Older")).to_have_count(0)
    page.get_by_role("link", name="Newer").click()
    expect(page.locator(".job")).to_have_count(50)

    assert first + second == ids[::-1]
