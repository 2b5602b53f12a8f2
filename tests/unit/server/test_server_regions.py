"""Pictures that are searched by their parts, over HTTP: made, shown and asked with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving_library import API, Served, problem_in, running

from morelike.library import Library
from morelike.testing.toys import ToyJointEncoder

STREETS = f"{API}/collections/streets"


@pytest.fixture
def served(library: Library, pictures: Path) -> Iterator[Served]:
    """A server whose library has the collection ``streets`` too: six pictures cut by a grid."""
    opened = library.collection("streets", modality="image", encoder=ToyJointEncoder(), options={"regions": "grid"})
    opened.add(pictures)
    with running(library) as server:
        yield server


def test_where_things_lie_is_said_in_pixels(served: Served) -> None:
    """A collection says how it is cut, an item which boxes it has, and a hit which one it is."""
    client = served.client
    assert client.get(STREETS).json()["options"] == {"regions": "grid"}
    item = client.get(f"{STREETS}/items").json()["items"][0]["item"]
    whole, *boxes = [one["span"] for one in client.get(f"{STREETS}/items/{item}/segments").json()["segments"]]
    assert whole == {"unit": "whole", "start": 0.0, "end": 0.0}
    assert {box["unit"] for box in boxes} == {"pixels"}
    left, top, right, bottom = boxes[0]["box"]
    assert (left, top) == (0, 0)
    assert boxes[0]["end"] == bottom * 65536 + right
    at = {name: boxes[0][name] for name in ("unit", "start", "end")}
    hits = client.post(f"{STREETS}/search", json={"examples": [{"item": item, "at": at}]}).json()["hits"]
    assert all(hit["span"] in [whole] or len(hit["span"]["box"]) == 4 for hit in hits)
    assert len(hits) == 5
    assert client.get("/c/streets").status_code == client.get(f"/i/streets/{item}").status_code == 200


def test_a_box_that_is_none_is_refused(served: Served) -> None:
    """What lies beyond the picture is the request's fault, and the answer says how large the picture is."""
    item = served.client.get(f"{STREETS}/items").json()["items"][0]["item"]
    at = {"unit": "pixels", "start": 0, "end": 2.0**31}
    answer = served.client.post(f"{STREETS}/search", json={"examples": [{"item": item, "at": at}]})
    assert "pixels" in problem_in(answer, 400)["detail"]


def test_a_detector_that_is_not_here_is_named(served: Served) -> None:
    """A collection is not made with it, and the problem names the file, and no folder of the machine."""
    wanted = {"name": "objects", "modality": "image", "options": {"regions": "detector:none"}}
    said = problem_in(served.client.post(f"{API}/collections", json=wanted), 503)
    assert "none.onnx" in said["detail"]
    assert "/" not in said["detail"] + said["hint"]


def test_the_page_draws_the_box_that_was_found(served: Served) -> None:
    """Over the picture, in its own pixels; where the whole picture was found there is none."""
    drawn = 0
    for item in [one["item"] for one in served.client.get(f"{STREETS}/items").json()["items"]]:
        hits = served.client.post(f"{STREETS}/search", json={"examples": [{"item": item}]}).json()["hits"]
        boxes = [hit["span"]["box"] for hit in hits if "box" in hit["span"]]
        page = served.client.get("/c/streets", params={"part": f"item:{item}"}).text

        assert page.count('<svg class="region"') == len(boxes)
        for left, top, right, bottom in boxes:
            assert f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}"' in page
        drawn += len(boxes)
    assert drawn
