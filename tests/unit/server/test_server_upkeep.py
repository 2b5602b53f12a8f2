"""Upkeep over HTTP: spaces, asides, what the library is, and jobs that measure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from remote_api import finished
from serving_library import API, PHOTOS, Served, bearer, problem_in, running

import morelike
from morelike import __version__
from morelike.server.options import ServerOptions
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyJointEncoder
from morelike.types import Card

UNKNOWN = "0" * 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of pictures, and a near copy of one of them."""
    folder = tmp_path_factory.mktemp("upkeep")
    for seed, name in enumerate(("red", "blue")):
        write_images(folder / "pictures" / name, 3, seed=1 + 10 * seed)
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    """One server for this module: what a test changes it puts back, or nobody else looks at."""
    settings = Settings(
        library=folder / "library",
        models_cache=folder / "models",
        offline=True,
        allow_roots=(folder / "pictures", folder / "others"),
        max_upload_bytes=5_000_000,
    )
    with morelike.open(settings) as library:
        library.collection("photos", modality="image", encoder=ToyJointEncoder()).add(folder / "pictures")
        with running(library) as serving:
            yield serving


def test_the_server_says_what_it_is(served: Served) -> None:
    """Its version, its library's own id, what collections hold, and the bounds it really keeps."""
    info = served.client.get(f"{API}/info").json()

    assert (info["version"], info["library"]) == (__version__, served.library.id)
    assert {"audio", "image", "text"} <= set(info["modalities"])
    assert info["limits"]["upload_bytes"] == 5_000_000
    assert (info["limits"]["files"], info["limits"]["known"], info["limits"]["items"]) == (100, 1000, 1000)


def test_spaces_are_whole(served: Served) -> None:
    """A card comes back as it was, with how many vectors there are; what was not measured is null."""
    (space,) = served.client.get(f"{PHOTOS}/spaces").json()["spaces"]
    (own,) = served.library.collection("photos").spaces

    assert Card.from_dict(space["card"]) == Card.from_dict(json.loads(json.dumps(own.card.to_dict())))
    assert (space["id"], space["kind"], space["active"], space["vectors"]) == (str(own.id), "image", True, 6)
    assert space["calibration"] is None


def test_a_space_that_is_not_searched_is_dropped(served: Served, folder: Path) -> None:
    """The one that is searched stays; one that is not there is 404."""
    opened = served.library.collection("spaces", modality="image", encoder=ToyJointEncoder())
    opened.add(folder / "pictures" / "red")
    opened.reembed("classic")
    place = f"{API}/collections/spaces/spaces"
    ids = {space["active"]: space["id"] for space in served.client.get(place).json()["spaces"]}

    problem = problem_in(served.client.delete(f"{place}/{ids[True]}"), 400)
    assert "searched" in problem["detail"]
    assert served.client.delete(f"{place}/{ids[False]}").json() == {"dropped": ids[False]}
    assert [space.active for space in opened.spaces] == [True]
    problem_in(served.client.delete(f"{place}/{ids[False]}"), 404)
    problem_in(served.client.delete(f"{place}/x"), 422)


def test_a_calibration_comes_with_its_space(served: Served, folder: Path) -> None:
    """Both samples, as they were measured."""
    opened = served.library.collection("measured", modality="image", encoder=ToyJointEncoder())
    opened.add(write_images(folder / "others" / "measured", 20, seed=500)[0].parent)
    (space,) = served.client.get(f"{API}/collections/measured/spaces").json()["spaces"]
    own = opened.calibration(opened.spaces[0])

    assert own is not None
    assert space["calibration"]["items"] == 20
    assert tuple(space["calibration"]["background"]) == own.background
    assert tuple(space["calibration"]["nearest"]) == own.nearest


def test_evaluation_is_that_of_python(served: Served) -> None:
    """The job's result has every figure of ``Evaluation``."""
    job = finished(served, served.client.post(f"{PHOTOS}/evaluate", json={"queries": 4, "seed": 3}))

    own = served.library.collection("photos").evaluate(queries=4, seed=3)
    assert (job["kind"], job["state"], job["error"]) == ("evaluate", "done", "")
    assert {name: job["result"][name] for name in ("queries", "items", "labels", "folds")} == {
        "queries": own.queries,
        "items": own.items,
        "labels": own.labels,
        "folds": own.folds,
    }
    assert (job["result"]["p_at_1"], job["result"]["p_at_5"], job["result"]["map"]) == (own.p_at_1, own.p_at_5, own.map)
    assert {name: tuple(interval) for name, interval in job["result"]["intervals"].items()} == own.intervals


@pytest.mark.parametrize(
    "labels", ["colour", "name:(", "name:(a+)+$", "name:(?x)(a+) +$", "name:a*b*", "name:^a*b*c*", "name:" + "a|" * 9]
)
def test_labels_that_cannot_be_used_are_refused_at_once(served: Served, labels: str) -> None:
    """What is no place of labels, and an expression that could keep the server busy for ever."""
    problem_in(served.client.post(f"{PHOTOS}/evaluate", json={"labels": labels}), 400)
    if labels.startswith("name:"):
        problem_in(served.client.post(f"{PHOTOS}/evaluate", json={"folds": labels.removeprefix("name:")}), 400)


@pytest.mark.parametrize(
    "labels", [r"name:^[a-z+*]+(?:_\d\+)?", "name:^(.*?)_", "meta:kind", "tag", r"name:_(?P<a>\d+)"]
)
def test_labels_by_plain_expressions_are_taken(served: Served, labels: str) -> None:
    """One or two things that repeat are enough to name most labels."""
    answer = served.client.post(f"{PHOTOS}/evaluate", json={"labels": labels})

    assert finished(served, answer)["state"] in {"done", "failed"}


@pytest.mark.parametrize("asked", [{"queries": 0}, {"seed": -1}, {"labels": ""}, {"labels": "x" * 501}, {"colour": 1}])
def test_what_is_asked_of_an_evaluation_is_bounded(served: Served, asked: dict[str, Any]) -> None:
    """Each field by itself."""
    problem_in(served.client.post(f"{PHOTOS}/evaluate", json=asked), 422)


def test_a_job_that_fails_names_the_problem(served: Served) -> None:
    """As a problem document would, so that a client can raise what Python raises."""
    job = finished(served, served.client.post(f"{PHOTOS}/evaluate", json={"labels": "meta:nothing"}))

    assert (job["state"], job["result"]["problem"]) == ("failed", "query-error")


def test_a_dry_run_adds_nothing(served: Served, folder: Path) -> None:
    """Its job counts the files, tries a sample, and names what would be rejected."""
    bad = folder / "pictures" / "dry" / "broken.jpg"
    write_images(bad.parent, 2, seed=70)
    bad.write_bytes(b"\xff\xd8\xff broken")
    before = served.library.collection("photos").count()
    asked = {"sources": [str(bad.parent)], "dry_run": True, "sample": 10, "tags": ["left out"]}

    job = finished(served, served.client.post(f"{PHOTOS}/items", json=asked))

    result = job["result"]
    assert (job["kind"], job["state"], result["files"], result["sampled"]) == ("dry-run", "done", 3, 3)
    assert [Path(row["source"]).name for row in result["rejected"]] == ["broken.jpg"]
    assert result["items_per_second"] > 0
    assert (result["encoder"], served.library.collection("photos").count()) == ("toy-joint", before)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"sources": ["/etc"], "dry_run": True}, 403),
        ({"sources": [], "dry_run": True}, 422),
        ({"retry": True, "dry_run": True}, 422),
        ({"sources": ["/etc"], "dry_run": True, "sample": 1001}, 422),
    ],
)
def test_a_dry_run_reaches_no_further(served: Served, asked: dict[str, Any], status: int) -> None:
    """The places that may be read are those of adding."""
    problem_in(served.client.post(f"{PHOTOS}/items", json=asked), status)


def test_a_job_adds_only_names_that_match(served: Served, folder: Path) -> None:
    """``only`` is that of ``add``."""
    write_images(folder / "pictures" / "only", 2, seed=90)
    served.library.collection("only", modality="image", encoder=ToyJointEncoder())
    asked = {"sources": [str(folder / "pictures" / "only")], "only": ["00000.*"]}

    job = finished(served, served.client.post(f"{API}/collections/only/items", json=asked))

    assert job["result"]["added"] == 1


def test_the_doctor_is_a_job(served: Served) -> None:
    """It names no collection; its result has each finding, and mends what it is told to."""
    looked = finished(served, served.client.post(f"{API}/doctor", json={}))
    mended = finished(served, served.client.post(f"{API}/doctor", json={"fix": True}))

    assert (looked["kind"], looked["collection"], looked["state"]) == ("doctor", "", "done")
    assert looked["result"] == {"ok": True, "findings": [], "interrupted": False}
    assert (mended["state"], mended["result"]["ok"]) == ("done", True)
    assert "doctor" in served.client.get("/jobs").text


def test_the_doctor_finds(tmp_path: Path) -> None:
    """A blob that nobody needs is a finding with its kind, sentence and number."""
    settings = Settings(library=tmp_path / "library", models_cache=tmp_path / "models", offline=True, allow_roots=())
    with morelike.open(settings) as library, running(library) as served:
        opened = library.collection("photos", modality="image", encoder=ToyJointEncoder())
        opened.add(write_images(tmp_path / "pictures", 2, seed=1)[0].read_bytes())
        (blob,) = (path for path in (tmp_path / "library" / "blobs").rglob("*") if path.is_file())
        blob.unlink()

        result = finished(served, served.client.post(f"{API}/doctor", json={}))["result"]

    assert result["ok"] is False
    assert set(result["findings"][0]) == {"kind", "sentence", "count", "fixed"}
    assert result["findings"][0]["count"] == 1


@pytest.mark.parametrize(
    ("asked", "status"), [({"rescue": "photos"}, 202), ({"fix": True, "rescue": "nowhere"}, 404), ({"mend": True}, 422)]
)
def test_what_the_doctor_is_asked_is_checked(served: Served, asked: dict[str, Any], status: int) -> None:
    """A collection that is not there is said at once; rescuing without mending by the job."""
    answer = served.client.post(f"{API}/doctor", json=asked)

    assert answer.status_code == status
    if status == 202:
        assert finished(served, answer)["result"] == {"problem": "usage-error"}


@pytest.fixture(scope="module")
def twins(served: Served, folder: Path) -> str:
    """A collection with a picture, a near copy, and another; its place."""
    from PIL import Image

    opened = served.library.collection("twins", modality="image", encoder=ToyJointEncoder())
    paths = write_images(folder / "others" / "twins", 2, seed=40, size=(256, 192))
    with Image.open(paths[0]) as picture:
        picture.save(folder / "others" / "twins" / "copy.jpg", quality=70)
    opened.add(folder / "others" / "twins")
    return f"{API}/collections/twins"


def test_duplicates_are_listed_whole(served: Served, twins: str) -> None:
    """Every member with all its fields, as Python gives them; nothing is set aside."""
    job = finished(served, served.client.post(f"{twins}/duplicates", json={"keep": "oldest"}))

    (own,) = served.library.collection("twins").duplicates(keep="oldest")
    result = job["result"]
    assert (job["kind"], job["state"], result["found"]) == ("duplicates", "done", 1)
    (group,) = result["groups"]
    assert (group["kind"], group["keeper"], group["size"]) == (own.kind, own.keeper, 2)
    assert [(one["item"], one["source"], one["size"], one["width"], one["score"]) for one in group["members"]] == [
        (one.item, one.source, one.size, one.width, one.score) for one in own.members
    ]
    assert served.client.get(f"{twins}/asides").json() == {"asides": [], "more": False}


def test_what_is_set_aside_is_listed_and_purged(served: Served, twins: str) -> None:
    """By pages and by run; purged it is gone for good."""
    run = finished(served, served.client.post(f"{twins}/dedup", json={"apply": True}))["result"]["run"]
    (own,) = served.library.collection("twins").asides()

    (aside,) = served.client.get(f"{twins}/asides", params={"run": run}).json()["asides"]
    assert aside == {"item": own.item_id, "keeper": own.keeper, "run": run, "score": own.score, "at": own.at}
    assert served.client.get(f"{twins}/asides", params={"run": "other"}).json()["asides"] == []
    assert served.client.get(f"{twins}/asides", params={"offset": 1}).json() == {"asides": [], "more": False}
    assert served.client.post(f"{twins}/dedup/purge", json={"run": run}).json() == {"removed": 1}
    assert served.client.get(f"{twins}/count").json()["items"] == 2


def test_what_are_no_duplicates_can_be_forgotten(served: Served) -> None:
    """DELETE takes what POST took; an item that is not there is named."""
    items = [served.item(0), served.item(1)]
    place = f"{PHOTOS}/distinct"
    served.client.post(place, json={"items": items})

    assert served.client.request("DELETE", place, json={"items": items}).json() == {"forgotten": 2}
    problem_in(served.client.request("DELETE", place, json={"items": [items[0], UNKNOWN]}), 404)
    problem_in(served.client.request("DELETE", place, json={"items": items[:1]}), 422)


def test_chosen_items_are_set_aside(served: Served, twins: str) -> None:
    """As one run with what each stays for; what contradicts itself, and too much at once, is refused."""
    first, second = [item.id for item in served.library.collection("twins").items(limit=2)]
    body = {"asides": [{"item": first, "keeper": second, "score": 0.5}]}

    (aside,) = served.client.post(f"{twins}/asides", json=body).json()["asides"]

    assert (aside["item"], aside["keeper"], aside["score"]) == (first, second, 0.5)
    assert served.client.post(f"{twins}/dedup/undo", json={"run": aside["run"]}).json() == {"brought_back": 1}
    own = {"item": first, "keeper": first}
    problem_in(served.client.post(f"{twins}/asides", json={"asides": [own]}), 400)
    problem_in(served.client.post(f"{twins}/asides", json={"asides": []}), 422)
    problem_in(served.client.post(f"{twins}/asides", json={"asides": [{**own, "item": UNKNOWN}]}), 404)


def test_what_are_no_duplicates_is_listed(served: Served) -> None:
    """By pages, as pairs."""
    items = sorted([served.item(0), served.item(1)])
    place = f"{PHOTOS}/distinct"
    served.client.post(place, json={"items": items})

    assert served.client.get(place).json() == {"pairs": [items], "more": False}
    assert served.client.get(place, params={"offset": 1}).json() == {"pairs": [], "more": False}
    served.client.request("DELETE", place, json={"items": items})
    assert served.client.get(place).json()["pairs"] == []


def test_a_space_is_asked_by_its_id(served: Served) -> None:
    """Whether or not it is searched; one that is not there is named with those that are."""
    (space, *_) = served.library.collection("photos").spaces
    query = {"examples": [{"item": served.item(0)}], "k": 3}
    plain = served.client.post(f"{PHOTOS}/search", json=query).json()["hits"]

    assert served.client.post(f"{PHOTOS}/search", json={**query, "space": str(space.id)}).json()["hits"] == plain
    assert (
        str(space.id)
        in problem_in(served.client.post(f"{PHOTOS}/search", json={**query, "space": "99999"}), 400)["hint"]
    )
    problem_in(served.client.post(f"{PHOTOS}/search", json={**query, "space": "first"}), 422)


def test_growth_is_listed(served: Served) -> None:
    """The figures that were kept, oldest first."""
    served.library.storage()

    history = served.client.get(f"{API}/storage/history").json()["history"]

    own = served.library.storage_history()
    assert [(one["at"], one["items"], one["parts"]) for one in history] == [(o.at, o.items, dict(o.parts)) for o in own]
    assert history


READ = [("GET", "/info"), ("GET", "/storage/history")]
OF_ONE = [
    ("GET", "asides", "reader"),
    ("GET", "count", "reader"),
    ("GET", "sources", "reader"),
    ("GET", "spaces", "reader"),
    ("POST", "compare", "reader"),
    ("POST", "known", "reader"),
    ("PATCH", "items", "writer"),
    ("POST", "evaluate", "writer"),
    ("POST", "remove", "writer"),
    ("DELETE", "distinct", "writer"),
    ("GET", "distinct", "reader"),
    ("POST", "asides", "admin"),
    ("DELETE", "spaces/1", "admin"),
    ("POST", "dedup/purge", "admin"),
    ("POST", "duplicates", "admin"),
]
ROUTES = [
    *((method, f"{API}{path}", "reader") for method, path in READ),
    ("POST", f"{API}/doctor", "admin"),
    *((method, f"{API}/collections/nowhere/{name}", role) for method, name, role in OF_ONE),
]
LESS = {"reader": None, "writer": "reader", "admin": "writer"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[str | None, dict[str, str]]]]:
    """A server with keys, and the headers of each role; without a role none."""
    folder = tmp_path_factory.mktemp("guarded")
    settings = Settings(library=folder / "library", models_cache=folder / "models", offline=True, allow_roots=())
    with morelike.open(settings) as library:
        headers: dict[str | None, dict[str, str]] = {None: {}}
        for role in ("reader", "writer", "admin"):
            headers[role] = bearer(library.keys.make(role, role))
        with running(library, ServerOptions(port=0, job_workers=0)) as serving:
            yield serving, headers


@pytest.mark.parametrize(("method", "path", "role"), ROUTES)
def test_a_route_needs_its_role(
    guarded: tuple[Served, dict[str | None, dict[str, str]]], method: str, path: str, role: str
) -> None:
    """The role below is refused before anything is looked at; the role itself is let in."""
    served, headers = guarded

    below = served.client.request(method, path, headers=headers[LESS[role]], json={})
    enough = served.client.request(method, path, headers=headers[role], json={})

    assert below.status_code == (401 if role == "reader" else 403)
    assert enough.status_code in {200, 202, 404, 422}
