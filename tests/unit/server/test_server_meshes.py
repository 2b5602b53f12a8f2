"""3D models over HTTP and on the page: uploaded, searched, shown, given as GLB."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from serving_library import API, Served, problem_in, running

import morelike
from morelike.modalities._mesh_gltf import read_gltf
from morelike.modalities._mesh_surface import surface_of
from morelike.settings import Settings
from morelike.testing.solids import CORNERS, FACES, binary_stl, obj, text_stl, three_mf

THINGS = f"{API}/collections/things"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with three models in ``things``, for requests that change nothing."""
    folder = tmp_path_factory.mktemp("things")
    settings = Settings(library=folder / "library", models_cache=folder / "models", offline=True, allow_roots=(folder,))
    for name, shape in {"box": (1, 1, 1), "needle": (0.1, 0.1, 2), "sheet": (2, 2, 0.05)}.items():
        (folder / f"{name}.stl").write_bytes(binary_stl(CORNERS * np.array(shape), FACES))
    with morelike.open(settings) as library:
        library.collection("things", modality="mesh").add(*sorted(folder.glob("*.stl")))
        library.collection("pictures", modality="image")
        with running(library) as server:
            yield server


def search(served: Served, data: bytes, name: str, k: int = 500) -> dict:
    query = {"query": json.dumps({"k": k})}
    answer = served.client.post(f"{THINGS}/search", files={"example": (name, data)}, data=query)
    assert answer.status_code == 200, answer.text
    body: dict = answer.json()
    return body


def test_a_file_is_a_query(asked: Served) -> None:
    """The box in three other formats finds the box; k beyond the collection gives all there is."""
    for data, name in ((obj(), "a.obj"), (text_stl(), "a.stl"), (three_mf(), "a.3mf")):
        hits = search(asked, data, name)["hits"]
        assert hits[0]["source"].endswith("box.stl")
        assert len(hits) == 3


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "a.stl is empty"), (b"\1" * 10_000_000, "ends before its"), (b"solid a\nfacet normal 0 0 0\n", "endsolid")],
    ids=["empty", "10-mb", "cut off"],
)
def test_a_file_that_is_no_model_is_no_example(asked: Served, data: bytes, said: str) -> None:
    """Empty, huge and cut off: a problem with the reason, and no failure of the server."""
    answer = asked.client.post(f"{THINGS}/search", files={"example": ("a.stl", data)})
    assert said in problem_in(answer, 422)["detail"]


def test_an_upload_that_is_no_model_is_rejected_with_its_reason(asked: Served) -> None:
    """In the answer, and in the ledger."""
    answer = asked.client.post(f"{THINGS}/items", files=[("files", ("bad.obj", b"v 0 0 0\nf 1 2 3\n"))])
    assert "corner 1, and there are 1" in answer.text


def test_it_is_given_as_glb(asked: Served) -> None:
    """Whatever its format: its surface, known by its ETag; what is no model has none."""
    item = search(asked, obj(), "a.obj", 1)["hits"][0]["item"]
    answer = asked.client.get(f"{THINGS}/items/{item}/model")

    assert answer.headers["content-type"] == "model/gltf-binary"
    surface = surface_of(read_gltf(answer.content))
    np.testing.assert_allclose(surface.extent, [2, 1, 3.5], atol=1e-5)
    again = asked.client.get(f"{THINGS}/items/{item}/model", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert asked.client.get(f"{THINGS}/items/nothing/model").status_code == 404


def test_no_part_of_a_model_is_asked_with(asked: Served) -> None:
    """The board shows the example, and offers no rectangle: only of a picture may one be cut out."""
    item = asked.client.get(f"{THINGS}/items").json()["items"][0]["item"]
    page = asked.client.get(f"/c/things?part=item:{item}", headers={"Accept": "text/html"}).text
    assert 'class="asked mesh"' in page
    assert "crop-box" not in page
    assert 'class="cropping"' not in page


def test_pictures_have_no_model(asked: Served) -> None:
    """404, with what there is instead, for an item of another modality."""
    answer = asked.client.get(f"{API}/collections/pictures/items/nothing/model")
    assert answer.status_code == 404


def test_it_is_shown(asked: Served) -> None:
    """Its figures, its turning picture, its own bytes, its page with a viewer to be opened."""
    item = search(asked, obj(), "a.obj", 1)["hits"][0]["item"]
    known = asked.client.get(f"{THINGS}/items/{item}").json()
    assert known["info"]["faces"] == 12
    assert known["info"]["watertight"] is True
    preview = asked.client.get(f"{THINGS}/items/{item}/preview", params={"side": 320})
    assert preview.headers["content-type"] == "image/webp"
    assert asked.client.get(f"{THINGS}/items/{item}/content").content == binary_stl()
    page = asked.client.get(f"/i/things/{item}")
    assert f'<model-turning src="{THINGS}/items/{item}/model"' in page.text
    assert "unsafe" not in page.headers["content-security-policy"]
