"""What the map's browser tests share: its page, where its points stand, and a line around some of them."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from browser_pages import Served, ready
from playwright.sync_api import Locator, Page, expect

SOFTWARE = "GPU stall due to ReadPixels"
"""What WebGL without a graphics card says when it is shown."""


def show(page: Page, mapped: Served, name: str = "photographs", at: str = "") -> None:
    page.goto("about:blank")
    page.goto(f"{mapped.url}/c/{name}/map{at}")
    ready(page)
    expect(page.locator("point-map[data-points]")).to_be_visible()


def asked(mapped: Served, path: str, name: str = "photographs") -> Any:
    with urllib.request.urlopen(f"{mapped.url}/api/v1/collections/{name}/{path}") as answer:
        return json.load(answer)


def send(mapped: Served, path: str, body: Any, name: str = "photographs", method: str = "POST") -> Any:
    sent = urllib.request.Request(
        f"{mapped.url}/api/v1/collections/{name}/{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(sent) as answer:
        return json.load(answer)


def rows_of(page: Page) -> Locator:
    """The legend's rows, a cluster each."""
    return page.locator("[data-cluster]")


def spots(page: Page) -> dict[str, tuple[float, float]]:
    """Where each item's point stands on the screen."""
    return page.evaluate(
        """async () => {
            const map = document.querySelector("point-map");
            while (map.view.height !== map.stage.clientHeight) await new Promise(requestAnimationFrame);
            const box = map.stage.getBoundingClientRect();
            const ids = await map.items.of(Array.from({ length: map.points.count }, (_, place) => place));
            return Object.fromEntries(ids.map((id, place) => {
              const [left, top] = map.view.toScreen(map.points.at[2 * place], map.points.at[2 * place + 1]);
              return [id, [box.left + left, box.top + top]];
            }));
        }"""
    )


def called(mapped: Served, part: str) -> list[str]:
    """Items from sources with this in their address."""
    return [one["item"] for one in asked(mapped, "items?limit=1000")["items"] if part in one["source"]]


def circle(page: Page, around: list[tuple[float, float]], margin: float = 9) -> tuple[float, float, float, float]:
    """Draw a rectangle around places by hand; its edges."""
    left, right = min(x for x, _ in around) - margin, max(x for x, _ in around) + margin
    top, bottom = min(y for _, y in around) - margin, max(y for _, y in around) + margin
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top + 5)):
        page.mouse.move(x, y, steps=3)
    page.mouse.up()
    return left, top, right, bottom
