"""The map over HTTP: a job makes it, its points come in pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from remote_api import finished
from serving_library import PHOTOS, Served, problem_in, running

import morelike
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyJointEncoder

MAP = f"{PHOTOS}/map"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Seven pictures; one server for this module."""
    folder = tmp_path_factory.mktemp("map")
    write_images(folder / "pictures", 7, seed=3)
    roots = (folder / "pictures",)
    settings = Settings(library=folder / "library", models_cache=folder / "models", offline=True, allow_roots=roots)
    with morelike.open(settings) as library:
        library.collection("photos", modality="image", encoder=ToyJointEncoder()).add(folder / "pictures")
        with running(library) as serving:
            yield serving


def test_a_map_is_made_and_paged(served: Served) -> None:
    """404 until a job has made it; the pages together are all points, in one order."""
    assert "POST" in problem_in(served.client.get(MAP), 404)["hint"]
    job = finished(served, served.client.post(MAP))
    whole = served.client.get(MAP).json()
    pages = [served.client.get(MAP, params={"offset": at, "limit": 3}).json() for at in (0, 3, 6)]

    assert (job["kind"], job["state"], job["result"]["items"]) == ("map", "done", 7)
    assert (whole["items"], len(whole["points"]), whole["more"], whole["stale"]) == (7, 7, False, False)
    assert [page["more"] for page in pages] == [True, True, False]
    assert [point for page in pages for point in page["points"]] == whole["points"]
    assert {point[0] for point in whole["points"]} == {item.id for item in served.library.collection("photos").items()}
    assert all(-1 <= x <= 1 and -1 <= y <= 1 and type(cluster) is int for _, x, y, cluster in whole["points"])


def test_a_map_that_the_client_has_is_not_sent_again(served: Served) -> None:
    """Until the collection changes, which makes it stale; another page is another thing."""
    finished(served, served.client.post(MAP, json={"kind": "image"}))
    first = served.client.get(MAP, params={"limit": 3})
    tag = {"If-None-Match": first.headers["etag"]}

    assert served.client.get(MAP, params={"limit": 3}, headers=tag).status_code == 304
    assert served.client.get(MAP, params={"limit": 2}, headers=tag).status_code == 200
    served.library.collection("photos").tag([first.json()["points"][0][0]], ["new"])
    again = served.client.get(MAP, params={"limit": 3}, headers=tag)
    assert (again.status_code, again.json()["stale"]) == (200, True)


def test_what_cannot_be_mapped_is_refused_at_once(served: Served) -> None:
    """A kind that the collection has not, a page that is too long, a collection that is not there."""
    problem_in(served.client.post(MAP, json={"kind": "audio"}), 409)
    problem_in(served.client.post(MAP, json={"colour": 1}), 422)
    problem_in(served.client.get(MAP, params={"limit": 50_001}), 422)
    problem_in(served.client.get(MAP.replace("photos", "nothing")), 404)
