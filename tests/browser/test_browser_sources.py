"""Adding from a bucket on the page: what is offered, what comes of it, and what is refused."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser_pages import Served, Watched, axe_faults, ready, serving
from PIL import Image
from playwright.sync_api import Page, expect
from radosgw_process import Gateway
from s3_traffic import put

import morelike
from morelike.settings import Settings
from morelike.testing.images import synthetic_image


@dataclass(frozen=True)
class Bucket:
    """A server with the empty collection ``photos``, and the address of the bucket that it may read ``open`` of."""

    url: str
    address: str

    @property
    def root(self) -> str:
        return f"{self.address}/open"


@pytest.fixture
def bucket(gateway: Gateway, tmp_path: Path) -> Iterator[Bucket]:
    """Three pictures and a text below ``open``, a picture below ``closed``."""
    name = gateway.bucket()
    for number, key in enumerate(("open/a.png", "open/b.png", "open/deep/c.png", "closed/d.png")):
        stream = io.BytesIO()
        Image.fromarray(synthetic_image(number)).save(stream, "PNG")
        put(gateway, name, key, stream.getvalue())
    put(gateway, name, "open/notes.txt", b"no picture at all")
    with morelike.open(Settings(library=tmp_path / "library", offline=True)) as library:
        library.collection("photos", modality="image", encoder="classic")
    address = f"s3://{name}"
    with serving(tmp_path / "library", "--allow-root", f"{address}/open", variables=gateway.variables("folder")) as url:
        yield Bucket(url, address)


def test_what_lies_in_a_bucket_is_added(bucket: Bucket, page: Page) -> None:
    """The place that is allowed is offered; looked at first, then added, its pictures are there under their address."""
    page.goto(f"{bucket.url}/c/photos/add")
    ready(page)
    page.get_by_role("button", name=f"Begin a line with {bucket.root}").click()
    expect(page.locator("#sources")).to_be_focused()
    page.get_by_role("button", name="Look first").click()
    outlook = page.locator(".outlook")
    expect(outlook.locator("div", has_text="would be added").locator("dd")).to_have_text("3")
    expect(outlook.locator("div", has_text="would be rejected").locator("dd")).to_have_text("1")
    page.get_by_role("button", name="Add these").click()
    expect(page.locator(".job .outcome")).to_have_text("3 added · 1 rejected")
    expect(page.locator(".job .asked")).to_contain_text(bucket.root)

    page.goto(f"{bucket.url}/c/photos/items?view=table")
    names = page.locator(".itemtable tbody .name")
    expect(names).to_have_count(3)
    addresses = names.evaluate_all("(all) => all.map((one) => one.title)")
    assert sorted(addresses) == [f"{bucket.root}/{key}" for key in ("a.png", "b.png", "deep/c.png")]


def test_one_folder_of_it_is_typed_behind_the_place(bucket: Bucket, page: Page) -> None:
    """A line that was begun with the place goes on; left where it lies, a picture is shown from there."""
    page.goto(f"{bucket.url}/c/photos/add")
    ready(page)
    page.get_by_role("button", name=f"Begin a line with {bucket.root}").click()
    page.keyboard.type("deep")
    page.get_by_label("Leave the files where they lie").check()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".job .outcome")).to_have_text("1 added")
    expect(page.locator(".job .asked")).to_contain_text("files stay where they lie")

    page.goto(f"{bucket.url}/c/photos/items?view=grid")
    page.locator(".hit .name").click()
    picture = page.get_by_role("img", name="c.png").first
    assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0


def test_a_place_beside_it_is_refused(bucket: Bucket, watched: Watched) -> None:
    """In a sentence with its line and with what is allowed; the line stays, and nothing was begun."""
    watched.expected = ("status of 403",)
    page = watched.page
    page.goto(f"{bucket.url}/c/photos/add")
    page.fill("#sources", f"{bucket.root}\n{bucket.address}/closed")
    page.get_by_role("button", name="Add", exact=True).click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Nothing was begun.")
    expect(alert.get_by_role("listitem")).to_have_count(1)
    expect(alert.get_by_role("listitem")).to_contain_text("Line 2:")
    expect(alert).to_contain_text(f"the server may not read '{bucket.address}/closed'")
    expect(alert).to_contain_text(f"addresses that may be added from: {bucket.root}")
    expect(page.locator("#sources")).to_have_value(f"{bucket.root}\n{bucket.address}/closed")
    assert axe_faults(page, "refused") == {}

    page.goto(f"{bucket.url}/jobs")
    expect(page.get_by_text("No jobs yet.")).to_be_visible()


def test_a_server_without_a_bucket_says_how_to_allow_one(served: Served, watched: Watched) -> None:
    """Beside the form before anything is typed, and in the refusal."""
    watched.expected = ("status of 403",)
    page = watched.page
    page.goto(f"{served.url}/c/photographs/add")
    place = page.locator(".places div", has=page.get_by_text("S3", exact=True))
    expect(place).to_contain_text("No bucket: the server was started without --allow-root s3://BUCKET/PREFIX")
    page.fill("#sources", "s3://somewhere/else")
    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text("start the server with --allow-root s3://BUCKET/PREFIX")
