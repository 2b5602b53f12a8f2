"""The map over HTTP: a job makes it, its points come in pages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from remote_api import finished
from serving_library import PHOTOS, Served, problem_in, running

import morelike
from morelike.records import Aside
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
    """Until items come or go, which makes it stale; a tag does not, and another page is another thing."""
    finished(served, served.client.post(MAP, json={"kind": "image"}))
    first = served.client.get(MAP, params={"limit": 3})
    tag = {"If-None-Match": first.headers["etag"]}

    assert served.client.get(MAP, params={"limit": 3}, headers=tag).status_code == 304
    assert served.client.get(MAP, params={"limit": 2}, headers=tag).status_code == 200
    photos = served.library.collection("photos")
    one, other, _ = (point[0] for point in first.json()["points"])
    photos.tag([one], ["new"])
    assert served.client.get(MAP, params={"limit": 3}, headers=tag).status_code == 304
    photos.set_aside([Aside(one, other, "")])
    again = served.client.get(MAP, params={"limit": 3}, headers=tag)
    photos.undo_dedup()
    assert (again.status_code, again.json()["stale"]) == (200, True)


def test_points_come_as_bytes(served: Served) -> None:
    """The same places and clusters as the pages have; a client that names the map may keep them for ever."""
    finished(served, served.client.post(MAP))
    shown = served.client.get(MAP).json()
    which = {"made_at": shown["made_at"], "revision": shown["revision"]}
    whole = served.client.get(f"{MAP}/points", params=which)
    places = np.frombuffer(whole.content, "<f4", 14).reshape(7, 2)
    clusters = np.frombuffer(whole.content, "<i2", offset=8 * 7)

    assert np.abs(places - [point[1:3] for point in shown["points"]]).max() < 1e-5
    assert clusters.tolist() == [point[3] for point in shown["points"]]
    assert "immutable" in whole.headers["cache-control"]
    part = served.client.get(f"{MAP}/points", params={"offset": 5, "limit": 5})
    assert part.content == places[5:].tobytes() + clusters[5:].tobytes()
    assert "immutable" not in part.headers["cache-control"]
    tag = {"If-None-Match": part.headers["etag"]}
    assert served.client.get(f"{MAP}/points", params={"offset": 5, "limit": 5}, headers=tag).status_code == 304


def test_points_are_asked_for_by_what_they_are(served: Served) -> None:
    """Which items they are, and which pass a filter now: a new tag is seen though the map is the old one."""
    finished(served, served.client.post(MAP))
    shown = served.client.get(MAP).json()
    ids = [point[0] for point in shown["points"]]
    asked = {"filter": "tag = 'chosen'", "kind": "image"}
    none = served.client.get(f"{MAP}/places", params=asked)
    tag = {"If-None-Match": none.headers["etag"]}

    assert none.json()["places"] == []
    assert served.client.post(f"{MAP}/items", json={"places": [4, 0]}).json() == {"items": [ids[4], ids[0]]}
    assert served.client.get(f"{MAP}/places", params=asked, headers=tag).status_code == 304
    served.library.collection("photos").tag([ids[5], ids[2]], ["chosen"])
    assert served.client.get(f"{MAP}/places", params=asked, headers=tag).json()["places"] == [2, 5]
    problem_in(served.client.get(f"{MAP}/places", params={"filter": "tag ="}), 400)
    problem_in(served.client.post(f"{MAP}/items", json={"places": [7]}), 400)


def test_another_map_than_the_client_has_is_said(served: Served) -> None:
    """Whoever names one that is not there any more begins again, instead of mixing two."""
    finished(served, served.client.post(MAP))
    old = {"made_at": "2026-01-01T00:00:00Z", "revision": 1}

    assert "made anew" in problem_in(served.client.get(f"{MAP}/points", params=old), 404)["detail"]
    problem_in(served.client.get(f"{MAP}/places", params={"filter": "has tag", **old}), 404)
    problem_in(served.client.post(f"{MAP}/items", json={"places": [0], **old}), 404)


def test_what_cannot_be_mapped_is_refused_at_once(served: Served) -> None:
    """A kind that the collection has not, a page that is too long, a collection that is not there."""
    problem_in(served.client.post(MAP, json={"kind": "audio"}), 409)
    problem_in(served.client.post(MAP, json={"colour": 1}), 422)
    problem_in(served.client.get(MAP, params={"limit": 50_001}), 422)
    problem_in(served.client.get(MAP.replace("photos", "nothing")), 404)
