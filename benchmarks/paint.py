"""How long until something stands on a page: ten thousand pictures, and a browser with empty caches.

``python -m benchmarks.paint [ITEMS [FOLDER]]`` makes a library of small pictures, serves it, and prints a table: until
the server's answer begins, until the first paint of content and the largest one, in milliseconds; the first visit, when
the server has no preview yet, and the median of the next ones. A folder keeps the library for the next time. It needs
Chromium (``scripts/chromium``) and the package ``playwright``.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

import morelike
from benchmarks.http import _serving
from morelike.settings import Settings

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu")
NAME = "photos"
VISITS = 5
SIZE = (96, 72)
GROUP = 500
PAGES = {
    "collections": "/",
    "begin": f"/c/{NAME}",
    "search": f"/c/{NAME}?part=item:{{item}}",
    "items": f"/c/{NAME}/items",
    "items, table": f"/c/{NAME}/items?view=table",
    "item": f"/i/{NAME}/{{item}}",
    "add": f"/c/{NAME}/add",
    "rejected": f"/c/{NAME}/rejected",
    "duplicates": f"/c/{NAME}/duplicates",
    "map": f"/c/{NAME}/map",
    "upkeep": f"/c/{NAME}/upkeep",
    "jobs": "/jobs",
    "storage": "/storage",
    "login": "/login",
}
PAINTS = """() => new Promise((settle) => {
  new PerformanceObserver((list) => {
    const [visit] = performance.getEntriesByType("navigation");
    const [first] = performance.getEntriesByName("first-contentful-paint");
    settle({
      answer: visit.responseStart, first: first.startTime, largest: list.getEntries().at(-1).startTime,
      kilobytes: [visit, ...performance.getEntriesByType("resource")]
        .reduce((sum, one) => sum + one.transferSize, 0) / 1000,
    });
  }).observe({ type: "largest-contentful-paint", buffered: true });
})"""


def library(folder: Path, items: int) -> str:
    """Pictures of noise, each its own, in ``photos``; an item's id."""
    pictures = folder / "pictures"
    random = np.random.default_rng(0)
    for group in range(0, items, GROUP):
        there = pictures / f"{group // GROUP:03d}"
        if there.exists():
            continue
        there.mkdir(parents=True)
        for number in range(group, min(group + GROUP, items)):
            grid = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            Image.fromarray(grid).resize(SIZE, Image.Resampling.BICUBIC).save(there / f"{number:05d}.jpg", quality=70)
    with morelike.open(Settings(library=folder / "library", offline=True)) as opened:
        photos = opened.collection(NAME, modality="image", encoder="classic")
        if photos.count() < items:
            photos.add(pictures, in_place=True)
            photos.calibrate()
        opened.build_index()
        return photos.items(limit=1)[0].id


def measure(folder: Path, items: int, visits: int = VISITS) -> dict[str, list[dict[str, float]]]:
    """Milliseconds, and kilobytes that were sent, of each visit by the page's name."""
    item = library(folder, items)
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise SystemExit("there is no Chromium on this machine: scripts/chromium installs it")
    with _serving(folder / "library") as (_, port, _opened), sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=list(FLAGS))
        url = f"http://127.0.0.1:{port}"
        _visit(browser, f"{url}/healthz", paints=False)  # the browser's own beginning
        found = {
            name: [_visit(browser, url + path.format(item=item)) for _ in range(visits)] for name, path in PAGES.items()
        }
        browser.close()
    return found


def _visit(browser: Browser, address: str, *, paints: bool = True) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(120_000)
    answer = page.goto(address)
    assert answer is not None
    page.wait_for_load_state("networkidle")
    found: dict[str, Any] = page.evaluate(PAINTS) if paints else {}
    context.close()
    return {**found, "status": answer.status}


def table(found: dict[str, list[dict[str, float]]]) -> str:
    """As Markdown."""
    lines = [
        "| page | answer | first paint | largest paint | first visit: first, largest | kB |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, visits in found.items():
        later = visits[1:] or visits
        answer, first, largest = (
            statistics.median(one[what] for one in later) for what in ("answer", "first", "largest")
        )
        begun = f"{visits[0]['first']:.0f}, {visits[0]['largest']:.0f}"
        kilobytes = statistics.median(one["kilobytes"] for one in later)
        lines.append(f"| {name} | {answer:.0f} | {first:.0f} | {largest:.0f} | {begun} | {kilobytes:.0f} |")
    return "\n".join(lines)


def main() -> None:
    items = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(scratch)
        print(f"{items} items, {os.cpu_count()} cores\n\n{table(measure(folder, items))}")


if __name__ == "__main__":
    main()
