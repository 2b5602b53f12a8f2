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

NOISE = ("GL Driver Message",)
"""What Chromium says where it puts a page together without a graphics card: it then reads every frame of a WebGL canvas
that is shown back into memory. Ours read none; a page that only clears such a canvas makes it say the same.
"""


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
    """What draws is fetched on use; keys and the pointer turn it, the wheel brings it nearer, Home leads back."""
    url, _ = models
    watched.expected = NOISE
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    _item(page, url)
    assert not any("solid" in one for one in fetched)

    page.get_by_role("button", name="Turn it").click()
    expect(page.locator(".turning [role=status]")).to_contain_text("Drag to turn it")
    canvas = page.locator("model-turning canvas")
    expect(canvas).to_be_focused()
    begun = _view(page)
    before = _picture(page, tmp_path / "before.png")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert _view(page)["turn"] - begun["turn"] > 0.2
    assert _view(page)["tilt"] > begun["tilt"]
    after = _picture(page, tmp_path / "after.png")

    assert len(np.unique(before // 16)) > 3  # it is lit, not a blank square
    assert np.mean(before != after) > 0.02
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 200, steps=4)
    page.mouse.up()
    assert _view(page)["turn"] < begun["turn"]
    page.mouse.wheel(0, -200)
    page.wait_for_function("document.querySelector('model-turning').drawing.view.away < 0.9")
    page.keyboard.press("Home")
    assert _view(page) == begun
    assert all(one.startswith((url, "blob:", "data:")) for one in fetched)
    assert watched.unexpected() == []


def test_edges_are_sharp_and_round_things_round(page: Page, models: tuple[str, Path]) -> None:
    """A corner of a box has a normal for each of its faces, a gentle bend one for all; both fit a ball of 1."""
    url, _ = models
    page.goto(f"{url}/c/things")
    found = page.evaluate(
        """async () => {
            const { modelled } = await import("/static/elements/solids.js");
            const box = { corners: new Float32Array([0, 0, 0, 2, 0, 0, 2, 2, 0, 0, 0, 2]),
                          faces: new Uint32Array([0, 2, 1, 0, 1, 3]) };
            const bent = { corners: new Float32Array([0, 0, 0, 2, 0, 0, 2, 2, 0.2, 0, -2, 0.2]),
                           faces: new Uint32Array([0, 1, 2, 0, 3, 1]) };
            return [box, bent].map((model) => {
                const { corners, normals } = modelled(model);
                const far = Math.max(...[0, 3, 6, 9, 12, 15].map((at) => Math.hypot(...corners.slice(at, at + 3))));
                return { first: [...normals.slice(0, 3)], fourth: [...normals.slice(12, 15)], far };
            });
        }"""
    )

    assert found[0]["first"] == [0, 0, -127]
    assert found[0]["fourth"] == [0, -127, 0]
    assert found[1]["first"] == found[1]["fourth"]
    assert [one["far"] for one in found] == pytest.approx([1, 1])


def _view(page: Page) -> dict[str, float]:
    return dict(page.evaluate("({ ...document.querySelector('model-turning').drawing.view })"))


def _picture(page: Page, path: Path) -> np.ndarray:
    page.locator("model-turning canvas").screenshot(path=path)
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


def test_without_its_viewer_a_model_stays_a_picture(page: Page, models: tuple[str, Path], watched: Watched) -> None:
    """Where the viewer does not come, the picture stays, and a sentence says so."""
    url, _ = models
    watched.expected = ("ERR_FAILED",)
    _item(page, url)
    page.route("**/solid-canvas.js", lambda route: route.abort())
    page.get_by_role("button", name="Turn it").click()

    expect(page.locator(".turning [role=status]")).to_contain_text("could not be loaded")
    expect(page.locator(".item figure img")).to_be_visible()


def test_a_model_that_does_not_come_is_said_so(page: Page, models: tuple[str, Path], watched: Watched) -> None:
    """Without the model the picture stays."""
    url, _ = models
    watched.expected = ("422",)
    _item(page, url)

    def nothing(route: Route) -> None:
        route.fulfill(status=422, content_type="application/problem+json", body="{}")

    page.route("**/model", nothing)
    page.get_by_role("button", name="Turn it").click()

    expect(page.locator(".turning [role=status]")).to_contain_text("cannot be shown here")
    expect(page.locator("model-turning canvas")).to_have_count(0)
    expect(page.locator(".item figure img")).to_be_visible()


def test_pages_of_models_are_accessible(page: Page, models: tuple[str, Path], watched: Watched) -> None:
    """axe-core finds nothing on the search page, an item's page, and with the viewer open, in either theme."""
    url, _ = models
    watched.expected = NOISE
    page.goto(f"{url}/c/things")
    ready(page)
    faults = axe_faults(page, "search")
    _item(page, url)
    faults |= axe_faults(page, "item")
    page.get_by_role("button", name="Turn it").click()
    expect(page.locator(".turning [role=status]")).to_contain_text("Drag to turn it")
    faults |= axe_faults(page, "viewer")

    assert faults == {}
