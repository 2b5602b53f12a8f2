"""3D models in a real browser: their tiles turn, one is dropped, one is turned in a viewer under the page's policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser_pages import Watched, axe_faults, hand_over, ready, serving
from PIL import Image
from playwright.sync_api import Page, Route, expect

import morelike
from morelike.settings import Settings
from morelike.testing.solids import CORNERS, FACES, binary_stl, glb, obj

REFUSED = ("policy: style-src-elem inline", "Applying inline style violates", "wasm-eval", "WebAssembly.instantiate()")
"""What the viewer tries and the page's policy refuses; it does without. ``dress`` gives it its style."""
NOISE = ("GL Driver Message", "rAF timed out")
"""What drawing without a graphics card on a busy machine brings with it."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The collection ``things`` of boxes, needles and sheets behind a server, and a folder for what is dropped."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "things").mkdir()
    for number in range(4):
        for name, shape in {"box": (1, 1, 1), "needle": (0.1, 0.1, 2), "sheet": (2, 2, 0.05)}.items():
            data = binary_stl(CORNERS * np.array(shape) * (1 + number / 20), FACES)
            (folder / "things" / f"{name}{number}.stl").write_bytes(data)
    (folder / "things" / "given.glb").write_bytes(glb())
    with morelike.open(Settings(library=folder / "library", offline=True)) as library:
        added = library.collection("things", modality="mesh", encoder="mesh-shape").add(str(folder / "things"))
        assert added.added == 13
    with serving(folder / "library") as url:
        yield url, folder


def names(page: Page) -> list[str]:
    return page.locator("#hits .hit .name").all_inner_texts()


def test_a_dropped_model_is_searched_with(page: Page, models: tuple[str, Path], watched: Watched) -> None:
    """A needle in another format finds the needles first; tiles are animations that end."""
    url, folder = models
    needle = folder / "query.obj"
    lines = [f"v {x / 10} {y / 10} {2 * z}" for x, y, z in CORNERS]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in FACES]
    needle.write_text("\n".join(lines))
    page.goto(f"{url}/c/things")
    hand_over(page, "drop", needle, media="model/obj")

    expect(page.locator("#hits .hit").first).to_be_visible()
    assert {name.rpartition("/")[2][:6] for name in names(page)[:4]} == {"needle"}
    tile = page.locator("#hits .hit img").first
    assert tile.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 320
    answer = page.request.get(url + str(tile.get_attribute("src")))
    assert answer.headers["content-type"] == "image/webp"
    assert watched.unexpected() == []


def test_a_broken_model_is_said_so(page: Page, models: tuple[str, Path], watched: Watched) -> None:
    """What cannot be read is answered with the sentence."""
    url, folder = models
    watched.expected = ("422",)
    broken = folder / "broken.obj"
    broken.write_bytes(obj().replace(b"f 1/1", b"f 99/1"))
    page.goto(f"{url}/c/things")
    hand_over(page, "drop", broken, media="model/obj")

    expect(page.locator("body")).to_contain_text("broken.obj has a face with the corner 98")


def _item(page: Page, url: str) -> None:
    page.goto(f"{url}/c/things/items")
    ready(page)
    page.locator(".hit .name", has_text="given.glb").click()
    ready(page)


def test_a_model_is_turned(page: Page, models: tuple[str, Path], watched: Watched, tmp_path: Path) -> None:
    """The viewer is fetched on use, shows the model, and turns it by the keyboard; the policy stays as it is."""
    url, _ = models
    watched.expected = (*REFUSED, *NOISE)
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    _item(page, url)
    assert not any("model-viewer" in one for one in fetched)

    page.get_by_role("button", name="Turn it").click()
    expect(page.locator(".turning [role=status]")).to_contain_text("Drag to turn it")
    viewer = page.locator("model-viewer")
    expect(viewer).to_be_focused()
    page.wait_for_function("document.querySelector('model-viewer').modelIsVisible")
    seen = _picture(page, tmp_path / "before.png")
    before = viewer.evaluate("(viewer) => viewer.getCameraOrbit().theta")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "(before) => Math.abs(document.querySelector('model-viewer').getCameraOrbit().theta - before) > 0.2", arg=before
    )

    assert len(np.unique(seen // 16)) > 3  # it is lit, not a blank square
    assert {one for one in fetched if "model-viewer" in one} == {
        f"{url}/static/vendor/model-viewer/model-viewer.min.js"
    }
    assert all(one.startswith((url, "blob:", "data:")) for one in fetched)
    assert watched.unexpected() == []


def _picture(page: Page, path: Path) -> np.ndarray:
    page.locator("model-viewer").screenshot(path=path)
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


def test_without_its_viewer_a_model_stays_a_picture(page: Page, models: tuple[str, Path], watched: Watched) -> None:
    """Where the viewer does not come, the picture stays, and a sentence says so."""
    url, _ = models
    watched.expected = ("ERR_FAILED",)
    _item(page, url)
    page.route("**/model-viewer.min.js", lambda route: route.abort())
    page.get_by_role("button", name="Turn it").click()

    expect(page.locator(".turning [role=status]")).to_contain_text("could not be loaded")
    expect(page.locator(".item figure img")).to_be_visible()


def test_a_model_that_does_not_come_is_said_so(page: Page, models: tuple[str, Path], watched: Watched) -> None:
    """A viewer without its model goes again."""
    url, _ = models
    watched.expected = (*REFUSED, *NOISE, "422")
    _item(page, url)

    def nothing(route: Route) -> None:
        route.fulfill(status=422, content_type="application/problem+json", body="{}")

    page.route("**/model", nothing)
    page.get_by_role("button", name="Turn it").click()

    expect(page.locator(".turning [role=status]")).to_contain_text("cannot be shown here")
    expect(page.locator("model-viewer")).to_have_count(0)
    expect(page.locator(".item figure img")).to_be_visible()


def test_pages_of_models_are_accessible(page: Page, models: tuple[str, Path], watched: Watched) -> None:
    """axe-core finds nothing on the search page, an item's page, and with the viewer open, in either theme."""
    url, _ = models
    watched.expected = (*REFUSED, *NOISE)
    page.goto(f"{url}/c/things")
    ready(page)
    faults = axe_faults(page, "search")
    _item(page, url)
    faults |= axe_faults(page, "item")
    page.get_by_role("button", name="Turn it").click()
    expect(page.locator(".turning [role=status]")).to_contain_text("Drag to turn it")
    faults |= axe_faults(page, "viewer")

    assert faults == {}
