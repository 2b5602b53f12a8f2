"""Adding in a real browser: uploads with progress, folders by jobs, and what becomes of broken files."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path

import pytest
from browser_pages import Served, Watched, hand_over, names
from PIL import Image
from playwright.sync_api import Page, expect

HOSTILE = "<img src=x onerror=alert(document.domain)>.png"


@pytest.fixture
def collection(served: Served, request: pytest.FixtureRequest) -> str:
    """A new, empty collection; its address."""
    name = re.sub(r"\W+", "-", request.node.name)[:40].strip("-")
    made = urllib.request.Request(
        f"{served.url}/api/v1/collections",
        json.dumps({"name": name, "modality": "image", "encoder": "classic"}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(made) as answer:
        assert answer.status == 201
    return f"{served.url}/c/{name}"


def chart(path: Path, shade: int) -> Path:
    """A small picture that differs from the others."""
    picture = Image.linear_gradient("L").rotate(shade).resize((96, 64)).convert("RGB")
    picture.paste((shade, 255 - shade, 90), (shade % 60, 10, shade % 60 + 20, 40))
    picture.save(path)
    return path


def test_uploads_become_searchable(page: Page, served: Served, collection: str, tmp_path: Path) -> None:
    """Chosen files are sent with progress, tagged, and found by the next search."""
    files = [chart(tmp_path / f"chart-{shade}.png", shade) for shade in range(0, 200, 10)]
    page.goto(f"{collection}/add")
    page.fill("#tags", "drawn, small")
    page.set_input_files("upload-queue input[type=file] >> nth=0", [*files, served.queries / "coffee.jpg"])
    expect(page.locator(".queue .tally")).to_have_text("21 of 21 · 21 added")
    assert page.locator(".queue progress").evaluate("(bar) => bar.value") == 1

    page.get_by_role("link", name="Search them").click()
    expect(page).to_have_url(collection)
    hand_over(page, "drop", served.pictures / "coffee" / "re-encoded.jpg")
    expect(page.locator("#hits .hit").first).to_be_visible()
    assert names(page)[0] == "coffee.jpg"
    page.locator(".hit .name").first.click()
    expect(page.get_by_role("button", name="Remove the tag drawn")).to_be_visible()


def test_progress_is_told(page: Page, collection: str, tmp_path: Path) -> None:
    """While groups of files are under way the tally counts those whose answer is here."""
    files = [chart(tmp_path / f"{shade}.png", shade) for shade in range(40)]
    held = []
    page.route("**/items", lambda route: held.append(route) if len(held) < 2 else route.continue_())
    page.goto(f"{collection}/add")
    page.set_input_files("upload-queue input[type=file] >> nth=0", files)
    expect(page.locator(".queue .tally")).to_have_text("0 of 40 · 0 added")
    held[0].continue_()
    expect(page.locator(".queue .tally")).to_have_text("24 of 40 · 24 added")
    expect(page.locator(".after")).to_be_hidden()
    held[1].continue_()
    expect(page.locator(".queue .tally")).to_have_text("40 of 40 · 40 added")


def test_a_busy_server_is_asked_again(watched: Watched, collection: str, tmp_path: Path) -> None:
    """An answer 503 is not the end: the group is sent once more when the server has said."""
    watched.expected = ("status of 503",)
    page = watched.page
    refused = []

    def refuse_once(route) -> None:
        if refused:
            route.continue_()
            return
        refused.append(route)
        route.fulfill(status=503, headers={"Retry-After": "1"}, json={"detail": "busy", "hint": "wait"})

    page.route("**/items", refuse_once)
    page.goto(f"{collection}/add")
    page.set_input_files("upload-queue input[type=file] >> nth=0", chart(tmp_path / "one.png", 7))

    expect(page.locator(".queue .tally")).to_have_text("1 of 1 · 1 added")
    assert len(refused) == 1


def test_uploads_are_paused_and_called_off(collection: str, page: Page, tmp_path: Path) -> None:
    """Paused, no further group is sent; what is called off is counted as that, and the rest is there."""
    held = []
    page.route("**/items", lambda route: held.append(route) if len(held) < 2 else route.continue_())
    page.goto(f"{collection}/add")
    files = [chart(tmp_path / f"{shade}.png", shade) for shade in range(60)]
    page.set_input_files("upload-queue input[type=file] >> nth=0", files)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".queue .tally")).to_have_text("0 of 60 · 0 added · paused")
    held[0].continue_()
    expect(page.locator(".queue .tally")).to_have_text("16 of 60 · 16 added · paused")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".queue .tally")).to_have_text("44 of 60 · 44 added")
    page.get_by_role("button", name="Cancel the rest").click()

    expect(page.locator(".queue .tally")).to_have_text("60 of 60 · 44 added · 16 cancelled")
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    page.get_by_role("link", name="Search them").click()
    expect(page.locator(".hit").first).to_be_visible()


def test_what_was_not_sent_is_sent_again(collection: str, watched: Watched, tmp_path: Path) -> None:
    """A large file has a bar of its own; one that the server refused is named, counted as not sent, and tried again."""
    watched.expected = ("status of 500",)
    page = watched.page
    large = tmp_path / "large.bmp"
    Image.linear_gradient("L").resize((1800, 1700)).convert("RGB").save(large)
    asked = []

    def refuse_once(route) -> None:
        asked.append(route)
        if len(asked) > 1:
            route.continue_()

    page.route("**/items", refuse_once)
    page.goto(f"{collection}/add")
    page.set_input_files("upload-queue input[type=file] >> nth=0", large)
    expect(page.locator(".queue .large li")).to_contain_text("large.bmp")
    asked[0].fulfill(status=500, json={"detail": "it broke", "hint": "try again"})
    expect(page.locator(".queue .tally")).to_have_text("1 of 1 · 0 added · 1 not sent")
    expect(page.locator(".failed li")).to_contain_text("it broke: try again")
    page.get_by_role("button", name="Send the failed ones again").click()

    expect(page.locator(".queue .tally")).to_have_text("1 of 1 · 1 added")
    expect(page.locator(".failed li")).to_have_count(0)


def test_a_broken_file_stands_in_the_ledger(page: Page, collection: str, tmp_path: Path) -> None:
    """A file that cannot be read is named with the reason, there and in the ledger; the rest goes on."""
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 and no picture")
    page.goto(f"{collection}/add")
    page.set_input_files("upload-queue input[type=file] >> nth=0", [broken, chart(tmp_path / "good.png", 3)])
    expect(page.locator(".queue .tally")).to_have_text("2 of 2 · 1 added · 1 rejected")
    expect(page.locator(".failed li")).to_contain_text("broken.jpg")

    page.get_by_role("link", name="See what could not be used").click()
    row = page.locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row.locator("td").nth(0)).to_have_text("broken.jpg")
    expect(row.locator("td").nth(1)).to_contain_text("broken.jpg")
    page.get_by_role("button", name="Try all of them again").click()
    expect(page).to_have_url(re.compile("job="))
    expect(page.locator(".job .state")).to_have_text("done")


def test_a_hostile_name_does_not_run(page: Page, collection: str, tmp_path: Path) -> None:
    """A file's name is text wherever it is shown."""
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    chart(tmp_path / HOSTILE, 50)
    (tmp_path / f"broken {HOSTILE}").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    page.goto(f"{collection}/add")
    page.set_input_files("upload-queue input[type=file] >> nth=0", [tmp_path / HOSTILE, tmp_path / f"broken {HOSTILE}"])
    expect(page.locator(".queue .tally")).to_have_text("2 of 2 · 1 added · 1 rejected")
    expect(page.locator(".failed strong")).to_have_text(f"broken {HOSTILE}")
    for place in ("items", "rejected", ""):
        page.goto(f"{collection}/{place}".rstrip("/"))
        expect(page.get_by_text(HOSTILE).first).to_be_visible()
    page.locator(".hit .picture").first.click()
    expect(page).to_have_title(re.compile("^More like <img"))
    page.locator(".partline .name").click()

    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    assert page.locator("img[src='x']").count() == 0


def test_a_folder_is_added_by_a_job(page: Page, served: Served, collection: str) -> None:
    """A folder below an allowed one is added in the background, its progress shown as it goes."""
    page.goto(f"{collection}/add")
    page.fill("#sources", f"{served.pictures / 'rocket'}\n{served.pictures / 'moon'}")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".job .state")).to_have_text("done")
    expect(page.locator(".job .tally")).to_contain_text("10")

    page.goto(collection)
    expect(page.locator(".hit")).to_have_count(10)
    page.goto(f"{served.url}/jobs")
    expect(page.locator(".job .state").first).to_have_text("done")


def test_a_folder_outside_is_refused(watched: Watched, served: Served, collection: str) -> None:
    """A folder that the server may not read is refused at once, with what may be read."""
    watched.expected = ("status of 403",)
    page = watched.page
    page.goto(f"{collection}/add")
    page.fill("#sources", "/etc")
    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text(str(served.pictures.parent))
    expect(page.get_by_role("alert")).to_contain_text("Line 1:")
    expect(page.locator("#sources")).to_have_value("/etc")


def test_the_jobs_page_is_live(page: Page, served: Served, collection: str) -> None:
    """A job that begins while the page is open appears on it, and turns done, without a reload."""
    page.goto(f"{served.url}/jobs")
    page.evaluate("() => { window.stayed = true; }")
    name = collection.rpartition("/")[2]
    job = urllib.request.Request(
        f"{served.url}/api/v1/collections/{name}/items",
        json.dumps({"sources": [str(served.pictures / "coins")]}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(job) as answer:
        assert answer.status == 202
    card = page.locator(".job", has=page.get_by_role("link", name=name, exact=True))

    expect(card.locator(".state")).to_have_text("done")
    assert page.evaluate("() => window.stayed")
