"""A library that goes from one folder to servers and back, and one that lives on servers; from the command line."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from databases import DatabaseServer, own_server
from journey import PICTURES, Home, Place, Servers, answers, eventually, make_home, told
from milvus_process import running_milvus
from radosgw_process import running_gateway

from morelike.library import Library
from morelike.testing.equality import differences
from morelike.testing.images import write_images

pytestmark = pytest.mark.xdist_group("journey")

HARMLESS = {"orphan-vectors", "orphan-blobs", "half-written"}
"""What an import that was killed may leave: things that nobody sees."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("servers")
    with own_server("mysql") as database, running_milvus(folder / "milvus") as milvus, running_gateway() as gateway:
        yield Servers(database, milvus, gateway)
        database.drop_all()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def bundle(home: Home) -> Path:
    """All of it, in several pages."""
    folder = home.place.folder.with_name("bundle")
    home.place.in_small_pages("export", folder)
    return folder


def settled_findings(library: Library) -> set[str]:
    return {finding.kind for finding in library.doctor().findings}


def there_and_back(home: Home, bundle: Path, away: Place, kills: list[tuple[str, int]]) -> None:
    """Into ``away``, killed on the way, and into another folder; the three are equal."""
    seen = [0]
    for point, nth in kills:
        away.killed(point, nth, "import", bundle)
        with away.open() as library:
            assert settled_findings(library) <= HARMLESS
            seen.append(sum(summary.items for summary in library.collections()))
    whole = away.told("import", bundle)
    assert (whole["pending"], whole["lost"], whole["interrupted"]) == (0, 0, False)
    assert whole["same"] >= seen[-1] > 0  # those that are set aside were not counted
    assert whole["added"] > 0
    assert seen == sorted(seen)
    assert away.told("import", bundle)["added"] == 0
    with home.place.open() as one, away.open() as other:
        expected = answers(one, home)
        assert differences(one, other) == []
        assert answers(other, home) == expected
        assert settled_findings(other) == set()
    again = away.folder.with_name(f"{away.folder.name}-bundle")
    away.morelike("export", again)
    back = Place(away.folder.with_name(f"{away.folder.name}-back"), home.models)
    back.morelike("import", again)
    with home.place.open() as one, back.open() as other:
        assert differences(one, other) == []
        assert answers(other, home) == expected
        assert settled_findings(other) == set()


def test_to_mariadb_milvus_and_s3_and_back(servers: Servers, home: Home, bundle: Path, tmp_path: Path) -> None:
    """An import that is killed shows whole items only and is gone on with; servers and folder hold the same to the bit
    and answer the same, there and back again.
    """
    away = Place(tmp_path / "away", {**home.models, **servers.variables()})
    coming = away.told("import", bundle, "--dry-run")["collections"]
    assert [(one["collection"], one["new"]) for one in coming] == [("photos", True), ("songs", True)]
    there_and_back(home, bundle, away, [("blob.put", 3), ("vectors.written", 3), ("catalog.restoring", 3)])
    with away.open() as library:
        photos = library.collection("photos")
        states = [len(photos.items(state=state)) for state in ("ready", "duplicate")]
        spaces = library._stores.catalog.spaces(photos._record)
        assert states == [PICTURES + 4, 1]
        assert library._stores.catalog.ledger_count(photos._record) == 1
        assert sorted(space.active for space in spaces) == [False, True]
        assert library._stores.catalog.calibration(spaces[0]) is not None
        assert sorted(space.card.form for space in library.collection("songs").spaces) == ["dense", "sketch"]


def test_to_postgresql_and_back(
    servers: Servers, postgresql_server: DatabaseServer, home: Home, bundle: Path, tmp_path: Path
) -> None:
    """The same with the catalog on PostgreSQL, killed between the vectors of two encoders."""
    variables = {**home.models, **servers.variables(), "MORELIKE_CATALOG": postgresql_server.create()}
    there_and_back(home, bundle, Place(tmp_path / "away", variables), [("vectors.synced", 3)])


# -- a library that lives there


@pytest.fixture(scope="module")
def living(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Sixty pictures, made on the servers from the start."""
    folder = tmp_path_factory.mktemp("living")
    write_images(folder / "pictures", 60, seed=1)
    place = Place(folder / "library", servers.variables())
    place.morelike("add", "photos", folder / "pictures", "--encoder", "classic", "--tag", "kept")
    return place


def example_of(place: Place) -> Path:
    return place.folder.with_name("pictures") / "00007.jpg"


def found(place: Place, *words: str | Path) -> list[str]:
    """The names of the files that a search finds."""
    return [Path(hit["source"]).name for hit in place.told("search", "photos", example_of(place), *words)["hits"]]


def test_every_day(living: Place) -> None:
    """What is tagged is found by its tag at the next search, what is removed by none; the figures are those of the
    servers, and nothing is left behind.
    """
    chosen = living.told("search", "photos", example_of(living), "-k", "6")["hits"]
    assert chosen[0]["source"] == str(example_of(living))
    living.morelike("tag", "photos", *(hit["item"] for hit in chosen), "--add", "six", "--meta", "place=here")
    assert found(living, "--filter", "tag = 'six' and place = 'here'", "-k", "20") == [
        Path(hit["source"]).name for hit in chosen
    ]
    living.morelike("tag", "photos", chosen[1]["item"], "--remove", "six")
    living.morelike("rm", "photos", chosen[2]["item"], "--yes")
    left = found(living, "--filter", "tag = 'six'", "-k", "20")
    assert left == [Path(hit["source"]).name for hit in (chosen[0], *chosen[3:])]
    assert living.told("doctor") == {"ok": True, "findings": [], "interrupted": False}
    figures = living.told("storage")
    (photos,) = figures["collections"]
    assert photos["items"] == photos["kept"]["items"] == photos["spaces"][0]["rows"] == 59
    assert figures["parts"]["blobs"] == photos["kept"]["bytes"] > 0
    assert figures["parts"]["vectors"] >= 59 * 1145 * 4
    assert figures["parts"]["catalog"] > 0
    assert all(not {"catalog", "blobs", "vectors"} & set(disk["parts"]) for disk in figures["disks"])
    living.morelike("add", "photos", living.folder.with_name("pictures"))
    assert living.morelike("count", "photos").strip() == "60"


def test_filters_are_evaluated_by_milvus(living: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter goes to Milvus as an expression, no ids are named, and the answer is that of a search by ids."""
    from pymilvus import MilvusClient

    asked: list[str] = []
    search = MilvusClient.search

    def listening(client: MilvusClient, *arguments: Any, **named: Any) -> Any:
        asked.append(named["filter"])
        return search(client, *arguments, **named)

    monkeypatch.setattr(MilvusClient, "search", listening)
    with living.open() as library:
        photos = library.collection("photos")
        some = {item.id for item in photos.items(limit=30)}
        photos.annotate(sorted(some), {"half": "first"})
        hits = photos.search(example_of(living), filter="half = 'first' and width > 100", k=60)
        assert {hit.item for hit in hits} == some
        assert len(hits) == 30
    (expression,) = asked
    assert "first" in expression
    assert str(10**15) not in expression
    assert len(expression) < 500


def test_damage_is_found_and_mended(living: Place, servers: Servers) -> None:
    """An object that somebody deleted and a row that Milvus lost are named by ``doctor``, and back after ``--fix``."""
    from pymilvus import MilvusClient

    with living.open() as library:
        photos = library.collection("photos")
        gone, lost = photos.items(limit=2)
        (space,) = photos.spaces
        (segment,) = photos.segments(lost.id)
        name = f"morelike_{library._stores.catalog.library_id()}_{space.id}"
        stored = library._stores.vectors.fetch(space, np.array([segment.id]))[1]
    bucket, _, prefix = living.variables["MORELIKE_BLOBS"].removeprefix("s3://").partition("/")
    digest = gone.digest.blake3
    assert servers.gateway.ask("DELETE", bucket, f"{prefix}/{digest[:2]}/{digest[2:]}").is_success
    client = MilvusClient(servers.milvus.address)
    (row,) = client.query(name, filter=f"id == {segment.id}", output_fields=["*"], consistency_level="Strong")
    client.delete(name, filter=f"id == {segment.id}")
    client.query(name, filter=f"id == {segment.id}", consistency_level="Strong")
    client.close()
    assert row

    report = json.loads(living.morelike("doctor", "--json", code=1))
    assert {(one["kind"], one["count"]) for one in report["findings"]} == {("missing-blobs", 1), ("missing-vectors", 1)}
    assert living.told("doctor", "--fix")["ok"]
    assert living.told("doctor") == {"ok": True, "findings": [], "interrupted": False}
    with living.open() as library:
        photos = library.collection("photos")
        assert photos.content(gone.id) == Path(gone.sources[0].uri).read_bytes()
        assert photos.search(Path(lost.sources[0].uri))[0].item == lost.id
        np.testing.assert_array_equal(library._stores.vectors.fetch(space, np.array([segment.id]))[1], stored)


def test_a_job_goes_from_one_server_to_another(living: Place) -> None:
    """Two processes with a folder each serve one library: what one is asked for another does, and when that one is
    stopped half-way a third goes on; each picture is there once, and all of them answer the same.
    """
    more = living.folder.with_name("more")
    write_images(more, 200, seed=500, size=(64, 48))
    variables = {**living.variables, "MORELIKE_COMMIT_ITEMS": "8", "MORELIKE_COMMIT_SECONDS": "0.05"}
    places = [Place(living.folder.with_name(f"machine-{number}"), variables) for number in range(3)]
    url = "/api/v1/collections"
    with places[0].serving("--no-jobs", "--allow-root", more) as (_, asked):
        with places[1].serving("--allow-root", more, groups=2) as (doing, _):
            told(asked.post(url, json={"name": "more", "encoder": "classic"}))
            job = told(asked.post(f"{url}/more/items", json={"sources": [str(more)]}))
            eventually(lambda: told(asked.get(f"{url}/more"))["items"] > 0, "the other one works on the job")
            doing.send_signal(signal.SIGTERM)
            assert doing.wait(300) == 0
        half = told(asked.get(f"/api/v1/jobs/{job['id']}"))
        assert half["state"] == "queued"
        with places[2].serving("--allow-root", more) as (_, third):
            with asked.stream("GET", f"/api/v1/jobs/{job['id']}/events") as events:
                events.read()
            finished = told(asked.get(f"/api/v1/jobs/{job['id']}"))
            assert finished["state"] == "done", finished
            page = {"limit": 1000}
            listed = [item["source"] for item in told(asked.get(f"{url}/more/items", params=page))["items"]]
            example = {"example": (more / "00199.jpg").read_bytes()}
            hits = [told(client.post(f"{url}/more/search", files=example))["hits"] for client in (asked, third)]
    assert sorted(listed) == sorted(str(path) for path in more.iterdir())
    assert hits[0] == hits[1]
    assert hits[0][0]["source"].endswith("00199.jpg")
    assert living.told("doctor") == {"ok": True, "findings": [], "interrupted": False}


def test_each_server_is_killed_while_it_serves(servers: Servers, living: Place) -> None:
    """While catalog, vectors or blobs are away, ``readyz`` names just that part, and what needs it is told 503; as soon
    as its server is back everything is as before, and is written to again.
    """
    url = "/api/v1/collections/photos"
    data = example_of(living).read_bytes()
    with living.serving() as (process, client):

        def ready() -> httpx.Response:
            return client.get("/readyz")

        def names_just(part: str) -> bool:
            return bool(ready().json().get("failing") == [part])

        def search(**query: str) -> httpx.Response:
            return client.post(f"{url}/search", files={"example": data}, data={"query": json.dumps(query)})

        def hits(**query: str) -> list[tuple[str, float]]:
            return [(hit["item"], round(hit["score"], 5)) for hit in told(search(**query))["hits"]]

        before = hits()
        item = before[0][0]
        eventually(lambda: ready().status_code == 200, "all parts answer")
        for part, server in (
            ("catalog", servers.database), ("vectors", servers.milvus), ("blobs", servers.gateway),
        ):  # fmt: skip
            server.kill()
            eventually(partial(names_just, part), f"{part} is away")
            assert ready().status_code == 503
            assert client.get("/healthz").status_code == 200
            refused = client.get(f"{url}/items/{item}/content") if part == "blobs" else search()
            assert (refused.status_code, "hint" in refused.json()) == (503, True)
            server.start()
            eventually(lambda: ready().status_code == 200, f"{part} is back")
            eventually(lambda: search().status_code == 200, f"{part} is searched")
            assert hits() == before
            assert client.get(f"{url}/items/{item}/content").content == data
            told(client.patch(f"{url}/items/{item}", json={"add_tags": [part]}))
            assert hits(filter=f"tag = '{part}'") == before[:1]
        assert process.poll() is None
    assert living.told("doctor") == {"ok": True, "findings": [], "interrupted": False}
