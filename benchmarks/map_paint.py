"""How long until a map's points stand on its page, and how it moves: made-up points, and a browser with empty caches.

``python -m benchmarks.map_paint [POINTS…]`` makes a map of so many points (20 000, 100 000 and 1 000 000 where
nothing is said), opens its page, and prints a table: milliseconds from navigation until the server's answer begins,
until the first points and until all of them are drawn, on the first visit and the median of the next ones;
milliseconds of a frame while the map is moved, the median and one in twenty; and the most memory that the page's
process had. The collection itself has a few items only: a map is a file of its own. It needs Chromium
(``scripts/chromium``) and the package ``playwright``. Without a graphics card the browser draws on the processor.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import sys
import tempfile
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, sync_playwright

from benchmarks import grown
from benchmarks.http import _serving
from benchmarks.paint import FLAGS, NAMES
from morelike.project.found import Cluster, Map
from morelike.project.kept import keep

SIZES = (20_000, 100_000, 1_000_000)
REAL = 40
"""Items that the collection has."""
DIM = 16
CLUSTERS = 32
VISITS = 4
WAIT = 300_000
MARKS = """() => {
  const [visit] = performance.getEntriesByType("navigation");
  const at = (name) => performance.getEntriesByName(name)[0].startTime;
  return { answer: visit.responseStart, first: at("map-first-points"), all: at("map-all-points") };
}"""
ALL = """() => performance.getEntriesByName("map-all-points").length > 0"""
FRAMES = """() => new Promise((settle) => {
  const { view } = document.querySelector("point-map"), times = [];
  const step = (now) => {
    times.push(now);
    if (times.length > 60) { settle(times.slice(1).map((time, at) => time - times[at])); return; }
    view.pan(times.length % 30 < 15 ? 6 : -6, 2);
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""


def library(folder: Path, points: int) -> None:
    """A collection of a few items with a map of ``points``: clusters, each a cloud of its own."""
    with grown.library(folder, REAL, DIM) as opened:
        collection = opened.collection(grown.NAME)
        stores, record, space = opened._stores, collection._record, collection.spaces[0]
        keep(stores, record, space, _made(collection.map(), points))


def _made(found: Map, points: int) -> Map:
    random = np.random.default_rng(points)
    cluster_of = np.sort(random.integers(0, CLUSTERS, points)).astype(np.int32)
    middles = random.uniform(-0.8, 0.8, (CLUSTERS, 2))
    places = np.clip(middles[cluster_of] + random.normal(0, 0.07, (points, 2)), -1, 1).astype(np.float32)
    sizes = np.bincount(cluster_of, minlength=CLUSTERS)
    largest = np.argsort(-sizes, kind="stable")
    return replace(
        found,
        items=tuple(blake2b(str(at).encode(), digest_size=32).hexdigest() for at in range(points)),
        points=places,
        cluster_of=np.argsort(largest)[cluster_of].astype(np.int32),
        clusters=tuple(Cluster(at, f"cluster {one}", int(sizes[one])) for at, one in enumerate(largest.tolist())),
    )


def measure(folder: Path, points: int, visits: int = VISITS) -> list[dict[str, Any]]:
    """What each visit saw, the first one first."""
    library(folder, points)
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise SystemExit("there is no Chromium on this machine: scripts/chromium installs it")
    with _serving(folder) as (_, port, _opened), sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=[*FLAGS, "--enable-unsafe-swiftshader"])
        context = browser.new_context()
        context.new_page().goto(f"http://127.0.0.1:{port}/healthz")  # the browser's own beginning
        context.close()
        seen = [_visit(browser, f"http://127.0.0.1:{port}/c/{grown.NAME}/map") for _ in range(visits)]
        browser.close()
    return seen


def _visit(browser: Browser, address: str) -> dict[str, Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(WAIT)
    page.goto(address)
    page.wait_for_function(ALL)
    found: dict[str, Any] = page.evaluate(MARKS)
    found["frames"] = page.evaluate(FRAMES)
    found["megabytes"] = _most_memory(browser)
    context.close()
    return found


def _most_memory(browser: Browser) -> float:
    """Of the page's process, in megabytes: the largest one, as idle ones may be there besides."""
    running = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    most = 0
    for one in running:
        if one["type"] == "renderer":
            status = Path(f"/proc/{one['id']}/status").read_text(encoding="utf-8")
            peak = re.search(r"VmHWM:\s+(\d+) kB", status)
            most = max(most, int(peak[1]) if peak else 0)
    return most * 1024 / 1e6


def row(points: int, visits: list[dict[str, Any]]) -> str:
    """A line of the table."""
    later = visits[1:] or visits
    answer, first, whole, megabytes = (
        statistics.median(one[what] for one in later) for what in ("answer", "first", "all", "megabytes")
    )
    frames = np.concatenate([one["frames"] for one in later])
    begun = f"{visits[0]['first']:.0f}, {visits[0]['all']:.0f}"
    moved = f"{np.median(frames):.0f}, {np.percentile(frames, 95):.0f}"
    return f"| {points} | {answer:.0f} | {first:.0f} | {whole:.0f} | {begun} | {moved} | {megabytes:.0f} |"


def main() -> None:
    print(f"{os.cpu_count()} cores\n")
    print("| points | answer | first points | all points | first visit: first, all | frame: median, 95 % | MB |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    for points in [int(one) for one in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory() as scratch:
            print(row(points, measure(Path(scratch) / "library", points)), flush=True)


if __name__ == "__main__":
    main()
