"""Looking before adding, and the ledger, in a real browser."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path

import pytest
from browser_pages import Served, Watched, axe_faults, ready
from PIL import Image
from playwright.sync_api import expect


def made(url: str, name: str) -> str:
    """A new, empty collection of pictures; its address."""
    body = {"name": name, "modality": "image", "encoder": "classic"}
    asked = urllib.request.Request(
        f"{url}/api/v1/collections", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 201
    return f"{url}/c/{name}"


@pytest.fixture
def mixed(served: Served, request: pytest.FixtureRequest) -> tuple[str, Path]:
    """(a new collection's address, a folder that the server may read: three pictures, two broken ones, a text)."""
    name = re.sub(r"\W+", "-", request.node.name)[:40].strip("-")
    folder = served.pictures.parent / name
    folder.mkdir()
    for shade in (0, 90, 180):
        Image.linear_gradient("L").rotate(shade).resize((90 + shade, 64)).save(folder / f"shade-{shade}.png")
    for number in (1, 2):
        (folder / f"broken-{number}.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing " + bytes([number]))
    (folder / "notes.txt").write_text("no picture at all")
    return made(served.url, name), folder


def test_a_look_a_job_and_the_ledger(watched: Watched, mixed: tuple[str, Path]) -> None:
    """Look first, then add; what was rejected stands by reasons, is mended and tried again by ticking, and forgotten;
    axe finds no fault on any of these pages.
    """
    page, (address, folder) = watched.page, mixed
    faults = {}
    page.goto(f"{address}/add")
    ready(page)
    page.get_by_role("button", name=f"Begin a line with {folder.parent}").click()
    expect(page.locator("#sources")).to_be_focused()
    page.keyboard.type(folder.name)
    page.fill("#source-tags", "shaded")
    page.get_by_role("button", name="Look first").click()

    outlook = page.locator(".outlook")
    expect(outlook.locator("div", has_text="would be added").locator("dd")).to_have_text("3")
    expect(outlook.locator("div", has_text="would be rejected").locator("dd")).to_have_text("3")
    expect(page.locator(".heading .hint")).to_contain_text("0")
    expect(page.locator(".tried .failed li")).to_have_count(3)
    faults |= axe_faults(page, "look")
    page.get_by_role("button", name="Add these").click()
    expect(page.locator(".job .outcome")).to_have_text("3 added · 3 rejected")
    expect(page.locator(".job .asked")).to_contain_text("tagged shaded")

    page.get_by_role("link", name="See what was rejected").click()
    ready(page)
    expect(page.locator("tbody tr")).to_have_count(3)
    many = page.locator(".reasons li").first
    expect(many.locator(".many")).to_have_text("2")
    faults |= axe_faults(page, "ledger")
    for number in (1, 2):
        Image.new("RGB", (40, 30), (number * 90, 10, 60)).save(folder / f"broken-{number}.jpg")
    again = page.get_by_role("button", name="Try the ticked ones again")
    expect(again).to_be_disabled()
    page.get_by_label("broken-1.jpg").check()
    expect(page.locator("row-picking [data-told]")).to_have_text("1 row is ticked")
    again.click()
    expect(page.locator(".job .outcome")).to_have_text("1 added")
    page.goto(f"{address}/rejected")
    ready(page)
    page.locator(".reasons li", has_text="format").get_by_role("link").click()
    page.get_by_text("Forget all of these").click()
    page.get_by_role("button", name="Forget 1 row").click()
    expect(page.get_by_role("status").first).to_contain_text("1 row was forgotten")
    expect(page.locator("tbody tr")).to_have_count(1)
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save as CSV").click()
    assert "broken-2.jpg" in Path(saved.value.path()).read_text()

    assert faults == {}
