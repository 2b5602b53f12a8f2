"""``add --engine ray`` on a cluster of two nodes: what comes of it is what one machine alone makes."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from databases import DatabaseServer
from journey import Servers
from milvus_process import MilvusProcess
from radosgw_process import Gateway
from ray_cluster import DeadlyEncoder, HeldEncoder, TwoNodes, assert_equal, ledger_of, two_nodes, wait_for

import morelike
from morelike.errors import StoreUnreachable, UsageError
from morelike.library import Library
from morelike.progress import AddReport, Progress
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder

pytestmark = pytest.mark.xdist_group("milvus")

PICTURES = 150


@pytest.fixture(scope="module")
def nodes() -> Iterator[TwoNodes]:
    with two_nodes() as nodes:
        yield nodes


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def servers(postgresql_server: DatabaseServer, milvus_server: MilvusProcess, gateway: Gateway) -> Servers:
    return Servers(postgresql_server, milvus_server, gateway)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, copies of them in other lists, and files that cannot be read."""
    folder = tmp_path_factory.mktemp("sources") / "pictures"
    write_images(folder, PICTURES)
    first = sorted(folder.iterdir())[:3]
    for path in first:
        shutil.copy(path, folder / f"zz-{path.name}")
    for number in range(4):
        (folder / f"bad-{number}.jpg").write_bytes(b"\xff\xd8\xff" + bytes([number]) * 20)
    return folder


@pytest.fixture(scope="module")
def others(pictures: Path) -> list[Path]:
    """An archive, and a table whose rows name one picture twice."""
    files = sorted(pictures.glob("*.*"))
    archive, table = pictures.parent / "more.zip", pictures.parent / "rows.csv"
    write_images(pictures.parent / "zipped", 5, seed=1000)
    with zipfile.ZipFile(archive, "w") as into:
        for path in [*sorted((pictures.parent / "zipped").iterdir()), files[0]]:
            into.write(path, f"{path.parent.name}-{path.name}")
        into.writestr("broken.png", b"\x89PNG\r\n\x1a\n no more")
    with table.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerows([["path", "year"], [files[10], 1990], [files[11], 1991], [files[10], 2000]])
    return [archive, table]


def counts(report: AddReport) -> dict[str, Any]:
    names = ("added", "same", "replaced", "removed", "rejected", "rejected_before", "interrupted")
    return {name: getattr(report, name) for name in names}


def _said(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=400)


def open_two(tmp_path: Path, **more: Any) -> tuple[Library, Library]:
    """One for the local engine, one for Ray."""
    made = [
        Settings(library=tmp_path / name, models_cache=tmp_path / "models", offline=True, **more)
        for name in ("local", "ray")
    ]
    return morelike.open(made[0]), morelike.open(made[1])


def test_it_makes_what_one_machine_makes(nodes: TwoNodes, pictures: Path, others: list[Path], tmp_path: Path) -> None:
    """Files, members of an archive and rows of a table; copies, bad files, tags and metadata: items, sources, vectors,
    ledger and counts are those of the local engine, now and when some of it changed and it is synced.
    """
    sources = shutil.copytree(pictures, tmp_path / "pictures")
    local, ray = open_two(tmp_path)
    seen: list[Progress] = []
    with local, ray:
        alone = local.collection("photos", modality="image", encoder=ToyEncoder())
        together = ray.collection("photos", modality="image", encoder=ToyEncoder())
        given = {"tags": ["trip"], "metadata": {"who": "me"}, "only": ["*.jpg", "*.png", "*.webp"]}
        expected = alone.add(sources, *others, **given)

        report = together.add(sources, *others, **given, engine="ray", address=nodes.address, progress=seen.append)

        assert counts(report) == counts(expected)
        assert {row.uri for row in report.rejections} == {row.uri for row in expected.rejections}
        assert_equal(local, ray, "photos")
        assert (seen[-1].done, seen[-1].rejected) == (report.added, report.rejected)
        assert together.search(sorted(sources.iterdir())[20], k=3)[0].score == pytest.approx(1.0)

        files = sorted(path for path in sources.iterdir() if not path.name.startswith(("bad", "zz")))
        files[20].unlink()
        shutil.copy(files[21], files[22])
        (sources / "bad-0.jpg").unlink()
        write_images(sources / "new", 3, seed=5000)
        expected = alone.add(sources, sync=True)
        report = together.add(sources, sync=True, engine="ray", address=nodes.address)

        assert counts(report) == counts(expected)
        assert_equal(local, ray, "photos")
        assert ray.doctor().findings == []


def test_stop_ends_it_cleanly(nodes: TwoNodes, pictures: Path, beside: ThreadPoolExecutor, tmp_path: Path) -> None:
    """Stopped while an actor is at work, it reports what is in, and a second run brings the rest and no more."""
    pictures, many = tmp_path / "pictures", 2 * 2 * 64 + 20  # more than two actors have at once
    write_images(pictures, many, size=32)
    (tmp_path / "hold").write_text("")
    stop = Event()
    local, ray = open_two(tmp_path)
    with local, ray:
        photos = ray.collection("photos", modality="image", encoder=HeldEncoder(tmp_path))

        run = beside.submit(photos.add, pictures, engine="ray", address=nodes.address, stop=stop)
        wait_for(tmp_path / "held", run)
        stop.set()
        (tmp_path / "hold").unlink()
        stopped = run.result()
        assert stopped.interrupted
        assert stopped.added == photos.count() < many

        rest = photos.add(pictures, engine="ray", address=nodes.address)

        assert stopped.added + rest.added == many
        local.collection("photos", modality="image", encoder=HeldEncoder(tmp_path)).add(pictures)
        assert_equal(local, ray, "photos")


def test_what_kills_actors_is_found_and_put_down(nodes: TwoNodes, tmp_path: Path) -> None:
    """A picture that ends every process that works on it becomes a row of the ledger; its neighbours are in."""
    write_images(tmp_path / "pictures", 1)
    write_images(tmp_path / "deadly", 1, seed=9, size=(DeadlyEncoder.WIDTH, 60))
    deadly = shutil.copy(next((tmp_path / "deadly").iterdir()), tmp_path / "pictures" / "deadly.jpg")
    with open_two(tmp_path)[1] as library:
        photos = library.collection("photos", modality="image", encoder=DeadlyEncoder("deadly"))

        report = photos.add(tmp_path / "pictures", engine="ray", address=nodes.address)

        assert (report.added, report.rejected) == (1, 1)
        [row] = ledger_of(library, "photos")
        assert row[0] == str(deadly)
        assert "processes that worked on deadly.jpg ended at once" in row[3]
        assert library.doctor().findings == []


def test_without_an_address_ray_is_started_for_the_run(pictures: Path, tmp_path: Path) -> None:
    """From the command line: it says nothing of its own, its processes end with the run, and none of its files stays;
    a second run, which has nothing to do, starts none.
    """
    folder = tmp_path / "t"
    folder.mkdir()
    environment = {**os.environ, "MORELIKE_MODELS_CACHE": str(tmp_path / "models"), "TMPDIR": str(folder)}
    command = [sys.executable, "-m", "morelike", "--library", str(tmp_path / "library"), "add", "photos", str(pictures)]
    command += ["--engine", "ray", "--encoder", "classic", "--json"]

    runs = [_said(command, environment) for _ in range(2)]

    first, second = (json.loads(run.stdout) for run in runs)
    assert (first["added"], first["same"], len(first["rejections"])) == (PICTURES, 3, 4)
    assert (second["added"], second["same"]) == (0, PICTURES + 3)
    guessed, *told = runs[0].stderr.splitlines()
    assert guessed.startswith("a collection of image")
    # how far it is, now and then: how often, or ever, depends on how long it takes
    assert all(re.fullmatch(r"\d+ added, (.+, )?[\d.]+/s(, \d+:\d\d left)?", line) for line in told), told
    assert runs[1].stderr == ""
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        ({"vectors": "memory"}, None, UsageError, "vectors in memory"),
        ({"ray_cpus": 64}, None, UsageError, "no machine of the Ray cluster has room for an actor: it takes 64 CPUs"),
        ({"ray_gpus": 0.5}, None, UsageError, "1 CPUs and 0.5 GPUs"),
        ({"ray_gpus": 1.5}, None, UsageError, "'ray_gpus' cannot be 1.5"),
        ({}, "ray://127.0.0.1:10001", UsageError, "is not supported"),
        ({}, "127.0.0.1:1", StoreUnreachable, "cannot be joined"),
        ({}, "nowhere", UsageError, "no address of a Ray cluster"),
    ],
)
def test_what_cannot_work_is_said(
    nodes: TwoNodes, tmp_path: Path, wrong: tuple[dict[str, Any], str | None, type[Exception], str]
) -> None:
    """In a sentence, before anything is added."""
    more, address, kind, sentence = wrong
    write_images(tmp_path / "pictures", 1)
    with open_two(tmp_path, **more)[1] as library:
        photos = library.collection("photos", modality="image", encoder=ToyEncoder())

        with pytest.raises(kind, match=sentence.replace("(", r"\(")):
            photos.add(tmp_path / "pictures", engine="ray", address=address or nodes.address)

        assert (photos.count(), photos.rejected_count()) == (0, 0)


def test_a_node_is_killed_while_it_holds_work(
    nodes: TwoNodes,
    pictures: Path,
    servers: Servers,
    beside: ThreadPoolExecutor,
    tmp_path: Path,
) -> None:
    """Catalog, vectors and blobs on servers, files and objects to add: a node dies with a list claimed and the write
    lock held. The other one does all that is left; items, vectors, ledger and counts are those of one machine.
    """
    bucket = servers.gateway.bucket()
    for path in sorted(pictures.iterdir())[:4] + write_images(tmp_path / "objects", 6, seed=3000):
        servers.gateway.ask("PUT", bucket, f"2024/{path.parent.name}-{path.name}", path.read_bytes())
    sources = [pictures, f"s3://{bucket}/2024/"]
    place = servers.gateway.settings(f"s3://{bucket}/library").model_dump()
    place |= {"catalog": servers.database.create(), "vectors": servers.milvus.address, "library": tmp_path / "ray"}
    (tmp_path / "hold").write_text(str(nodes.second))
    here = {**place, "library": tmp_path / "local", "catalog": "sqlite", "vectors": "faiss", "blobs": "folder"}
    with morelike.open(Settings(**here)) as local, morelike.open(Settings(**place)) as ray:
        photos = ray.collection("photos", modality="image", encoder=HeldEncoder(tmp_path))

        run = beside.submit(photos.add, *sources, engine="ray", address=nodes.address)
        held = int(wait_for(tmp_path / "held", run))
        catalog = ray._stores.catalog
        pending = catalog.items(catalog.collection("photos"), state="pending", limit=1000)
        assert len(pending) >= 10
        assert Path(f"/proc/{held}").exists()
        nodes.kill_second()

        report = run.result()

        expected = local.collection("photos", modality="image", encoder=HeldEncoder(tmp_path)).add(*sources)
        assert counts(report) == counts(expected)
        assert_equal(local, ray, "photos")
        assert ray.doctor().findings == []
