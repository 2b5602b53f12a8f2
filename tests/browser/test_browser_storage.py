"""What the library takes, and a fault that is found and mended, in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from browser_pages import axe_faults, ready, serving
from playwright.sync_api import Page, expect

import morelike
from morelike.records import StorageReading
from morelike.settings import Settings
from morelike.stores.catalog.catalog import open_sqlite_catalog
from morelike.testing.images import write_images


@pytest.fixture
def grown(tmp_path: Path) -> Iterator[str]:
    """A server whose library has readings of ten days, three pictures in ``photos``, and a blob that no item needs."""
    settings = Settings(library=tmp_path / "library", offline=True)
    with morelike.open(settings):
        pass
    catalog = open_sqlite_catalog(tmp_path / "library", settings)
    for ago in range(10, 0, -1):
        at = (datetime.now(UTC) - timedelta(days=ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
        catalog.note_storage(StorageReading(at, 3, {"catalog": 200_000, "blobs": (11 - ago) * 10_000}))
    catalog.close()
    with morelike.open(settings) as library:
        library.collection("photos", modality="image", encoder="classic").add(
            write_images(tmp_path / "pictures", 3, seed=1)[0].parent
        )
        blob = next(path for path in (tmp_path / "library" / "blobs").rglob("*") if path.is_file())
        stray = blob.with_name(blob.name[:-4] + "0000")
        stray.write_bytes(b"nobody's")
    with serving(tmp_path / "library") as url:
        yield url


def test_a_fault_is_found_and_mended(grown: str, page: Page) -> None:  # in this order: the page ends before its server
    """From the bar to the figures, to a look for faults, to its report; mending asks first, and says what it did.

    Every state is without a fault for axe-core in both themes, and no wider than a narrow screen.
    """
    page.goto(grown)
    page.get_by_role("link", name="Storage", exact=True).click()
    expect(page.get_by_role("img", name="What the library took over time")).to_be_visible()
    expect(page.locator(".chart .ahead")).to_have_count(1)

    ready(page)
    page.get_by_role("button", name="Look for faults").click()
    expect(page.locator(".job .outcome")).to_have_text("1 finding. Nothing was changed.")
    expect(page.locator(".findings").first).to_contain_text("found 1 blob belongs to no item")
    button = page.get_by_role("button", name="Mend it")
    expect(button).to_be_hidden()
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert axe_faults(page, "storage") == {}
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360

    expect(page.get_by_label("Blobs that belong to no item")).to_have_value("")
    button.click()
    expect(page.locator(".job .outcome")).to_have_text("1 finding; all is mended.")
    expect(button).to_have_count(0)
