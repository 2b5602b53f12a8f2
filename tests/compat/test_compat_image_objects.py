"""``serve --compat image-objects``: what the older server's clients send, and what they get, on its own port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from compat_http import refused
from compat_servers import compat_server
from objects_server import BLUE, IMAGES, RED, SIZE, VIDEOS, Objects, objects_servers, png, save, scene, search_images

from morelike.errors import ModelError
from morelike.testing.images import synthetic_image
from morelike.testing.tiny_onnx import colour_detector, image_tower

pytestmark = pytest.mark.xdist_group("port 5000")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Objects]:
    """With a detector of red and blue things, image-objects on its own port."""
    with objects_servers(tmp_path_factory.mktemp("own"), colour_detector(side=128), real=IMAGES) as objects:
        yield objects


@pytest.fixture(scope="module")
def gridded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Objects]:
    """Without one."""
    with objects_servers(tmp_path_factory.mktemp("gridded"), b"") as objects:
        yield objects


@pytest.fixture(scope="module")
def scenes(own: Objects) -> Objects:
    """With ``scenes`` in the image server's own table."""
    answer = own.images.post("/img/load", json={"File": str(own.root / "scenes")})
    assert (answer.status_code, answer.json()) == (200, "Successfully loaded data!")
    return own


def test_what_finds_objects_is_said(own: Objects, gridded: Objects) -> None:
    """At start-up each server says whether there is a detector, and what it does without one and how to bring one."""
    assert all("objects are found by detector.onnx" in said for said in own.servers.said)
    assert all("by a grid" in said and "MORELIKE_MODELS" in said for said in gridded.servers.said)
    assert [said.partition(":")[0] for said in own.servers.said] == [IMAGES, VIDEOS]


def test_a_detector_that_is_none_ends_the_start(tmp_path: Path) -> None:
    """A file that cannot find anything is not passed over."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "detector.onnx").write_bytes(image_tower(8, side=64))
    starting = compat_server(tmp_path / "library", IMAGES, models_cache=tmp_path / "models")
    with pytest.raises(ModelError, match=r"detector\.onnx is no detector"), starting:
        pass


def test_every_object_finds_its_own(scenes: Objects) -> None:
    """Two objects in one picture: the answer has what is nearest to either, a row a picture, the nearest first."""
    rows = search_images(scenes, scene(RED, BLUE, at=4), "")
    names = [Path(path).name for path, _ in rows]
    distances = [distance for _, distance in rows]
    assert len(names) == len(set(names)) == 5
    assert set(names[:4]) == {"red.png", "blue.png", "both.png", "blue%20%26%23%2B%25%3F%20copy.PNG"}
    assert distances == sorted(distances)
    assert max(distances[:4]) < 0.1 < distances[4] <= 4
    assert all(isinstance(distance, float) for distance in distances)


def test_an_object_finds_pictures_that_show_it(scenes: Objects) -> None:
    """A red thing is near the pictures with something red, and far from the others."""
    rows = {Path(path).name: distance for path, distance in search_images(scenes, scene(RED, at=4), "")}
    assert max(rows["red.png"], rows["both.png"]) < 0.1 < min(rows["blue.png"], rows["none.png"])


def test_topk_is_for_each_object(scenes: Objects) -> None:
    """One row an object is two for two objects; what is no number of rows is refused."""
    names = {Path(path).name for path, _ in search_images(scenes, scene(RED, BLUE, at=4), "", topk=1)}
    assert len(names) <= 2
    assert names & {"red.png", "both.png"}
    answer = scenes.images.post("/img/search", data={"topk": 0}, files={"image": ("a.png", png(scene(RED)))})
    assert "topk" in refused(answer, 400)


def test_a_picture_without_objects_is_searched_with_whole(scenes: Objects) -> None:
    """It finds itself, at no distance."""
    path, distance = search_images(scenes, scene(), "")[0]
    assert Path(path).name == "none.png"
    assert distance == pytest.approx(0, abs=1e-4)


def test_found_pictures_load(scenes: Objects) -> None:
    """A path of an answer is put behind the address as it is, as the client does, and the very file comes."""
    for path, _ in search_images(scenes, scene(RED, BLUE), ""):
        shown = scenes.images.get(f"/data?image_path={path}")
        (stored,) = parse_qs(urlsplit(f"?image_path={path}").query)["image_path"]
        assert (shown.status_code, shown.content) == (200, Path(stored).read_bytes())
    refused(scenes.images.get("/data", params={"image_path": str(scenes.root / "scenes" / "notes.txt")}), 404)


def test_pictures_are_counted(scenes: Objects) -> None:
    """Copies count, parts do not; no table is null."""
    assert scenes.images.post("/img/count").json() == 5
    assert scenes.images.get("/img/count").json() == 5
    assert scenes.images.post("/img/count", params={"table_name": "nothing"}).json() is None


def test_reading_an_address_drops_nothing(scenes: Objects) -> None:
    """A table goes by POST alone: a link that is followed leaves it as it is."""
    refused(scenes.images.get("/img/drop"), 405)
    assert scenes.images.post("/img/count").json() == 5


def test_progress_is_a_sentence(scenes: Objects) -> None:
    """The bad file is through, too, and the one that is no picture by its name was never meant."""
    assert scenes.images.get("/progress").json() == "current: 6, total: 6"


def test_a_dropped_table_is_gone(own: Objects) -> None:
    """``ok``, then the older server's sentence; the files stay."""
    own.images.post("/img/load", json={"File": str(own.root / "things"), "Table": "short"})
    assert own.images.post("/img/drop", params={"table_name": "short"}).json() == "ok"
    gone = own.images.post("/img/drop", params={"table_name": "short"})
    assert (gone.status_code, gone.json()) == (200, "Milvus doesn't have a collection named short")
    assert (own.root / "things" / "water.png").exists()


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        ("/img/search", {"files": {"image": ("a.png", b"no picture")}}),
        ("/img/search", {}),
        ("/img/search", {"files": {"image": ("a.png", b"")}, "params": {"table_name": "nothing"}}),
        ("/img/load", {"json": {"File": "/etc"}}),
        ("/img/load", {"json": {}}),
        ("/img/count", {"params": {"table_name": "a;drop table b"}}),
        ("/img/upload", {}),
    ],
)
def test_failures_are_sentences(scenes: Objects, path: str, request_: dict[str, Any]) -> None:
    """What cannot be answered is a 4xx with a sentence, never a 200."""
    assert len(refused(scenes.images.post(path, **request_), 400, 403, 404, 415, 422)) > 10


def test_no_table_yet(gridded: Objects) -> None:
    """A search before anything was loaded says what to do."""
    answer = gridded.images.post("/img/search", files={"image": ("a.png", png(scene()))})
    assert "load" in refused(answer, 404)


def test_a_grid_finds_parts(gridded: Objects) -> None:
    """Without a detector a picture is found by what one box of it shows, wherever that is in the query."""
    (gridded.root / "varied").mkdir()
    for seed in range(5):
        save(synthetic_image(seed, SIZE), gridded.root / "varied" / f"{seed}.png")
    gridded.images.post("/img/load", json={"File": str(gridded.root / "varied"), "Table": "varied"})
    query = synthetic_image(50, SIZE)
    query[:76, :100] = synthetic_image(3, SIZE)[38:114, 50:150]
    rows = search_images(gridded, query, "varied")
    assert Path(rows[0][0]).name == "3.png"
    assert rows[0][1] == pytest.approx(0, abs=1e-4)
    assert rows[1][1] > 0.05
    assert len({path for path, _ in rows}) == len(rows) == 5
    assert gridded.servers.library.collection("varied").options == {"regions": "grid"}
