"""The catalog's server is killed and comes back, while pictures are added and searched."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import KINDS, DatabaseServer, own_server

import morelike
from morelike.errors import StoreUnreachable
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder

DRIVER = Path(__file__).with_name("server_driver.py")
PICTURES = 90


@pytest.fixture(params=KINDS, scope="module")
def own(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """Its folder is made once: tests that kill it share it, each with a database of its own."""
    with own_server(request.param) as server:
        yield server


@pytest.fixture
def server(own: DatabaseServer) -> DatabaseServer:
    """It answers, even after a test that left it dead."""
    try:
        own.say("SELECT 1")
    except Exception:  # the driver may be any
        own.kill()
        own.start()
    return own


@pytest.fixture
def library_settings(server: DatabaseServer, settings: Settings) -> Settings:
    return settings.model_copy(update={"catalog": server.create()})


def start(library: Path, catalog: str, blobs: Path, pictures: Path, *items: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(DRIVER), str(library), catalog, str(blobs), str(pictures), *map(str, items)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def finish(run: subprocess.Popen[str]) -> dict[str, object]:
    out, err = run.communicate(timeout=300)
    assert (run.returncode, err) == (0, "")
    found: dict[str, object] = json.loads(out.splitlines()[-1])
    return found


def sources_of(library: Library) -> list[str]:
    return sorted(
        source.uri for item in library._stores.catalog.items(record(library), limit=9999) for source in item.sources
    )


def record(library: Library):
    return library._stores.catalog.collection("photos")


def test_killed_while_pictures_are_added(server: DatabaseServer, library_settings: Settings, tmp_path: Path) -> None:
    """The run ends with a sentence; what was acknowledged is there, once; the next run completes."""
    write_images(tmp_path / "pictures", PICTURES, seed=5)
    library = library_settings.library
    run = start(library, library_settings.catalog, tmp_path / "blobs", tmp_path / "pictures", 20)
    assert run.stdin is not None
    assert run.stdout is not None
    acknowledged = 0
    while acknowledged < 20:
        acknowledged = int(run.stdout.readline().removeprefix("done "))
    server.kill()
    run.stdin.write("go on\n")
    run.stdin.flush()
    for line in run.stdout:
        if line.startswith("done"):
            acknowledged = int(line.split()[1])
        else:
            said = json.loads(line)
    assert run.communicate(timeout=300)[1] == ""
    server.start()
    settings = library_settings.model_copy(update={"blobs": str(tmp_path / "blobs")})
    with morelike.open(settings) as opened:
        collection = opened.collection("photos", modality="image", encoder=ToyEncoder())
        found = collection.count()
        again = collection.add(tmp_path / "pictures")
        paths = sorted(str(path) for path in (tmp_path / "pictures").rglob("*") if path.is_file())
        listed = sources_of(opened)
        findings = opened.doctor().findings

    assert said["error"] == "StoreUnreachable"
    assert acknowledged <= found < PICTURES
    assert (again.rejected, listed, findings) == (0, paths, [])


def test_a_search_while_it_is_down(server: DatabaseServer, library_settings: Settings, tmp_path: Path) -> None:
    """It says so within seconds, as does the probe; when the server is back the same library answers as before."""
    write_images(tmp_path / "pictures", 12, seed=5)
    picture = min(path for path in (tmp_path / "pictures").rglob("*") if path.is_file())
    with morelike.open(library_settings) as library:
        collection = library.collection("photos", modality="image", encoder=ToyEncoder())
        collection.add(tmp_path / "pictures")
        before = [hit.item for hit in collection.search(picture)]
        failing_before = library.failing()
        server.kill()
        started = time.monotonic()
        for _ in range(2):
            with pytest.raises(StoreUnreachable):
                collection.search(picture)
        with pytest.raises(StoreUnreachable):
            library._stores.catalog.ping()
        failing = library.failing()
        took = time.monotonic() - started
        server.start()
        after = [hit.item for hit in collection.search(picture)]
        library._stores.catalog.ping()

        assert (failing_before, after, library.failing()) == ({}, before, {})
    assert (list(failing), took < 120) == (["catalog"], True)


def test_a_restart_between_two_searches(server: DatabaseServer, library_settings: Settings, tmp_path: Path) -> None:
    """Nobody notices a server that restarted while nobody asked."""
    write_images(tmp_path / "pictures", 4, seed=5)
    picture = min(path for path in (tmp_path / "pictures").rglob("*") if path.is_file())
    with morelike.open(library_settings) as library:
        collection = library.collection("photos", modality="image", encoder=ToyEncoder())
        collection.add(tmp_path / "pictures")
        before = [hit.item for hit in collection.search(picture)]
        server.kill()
        server.start()
        collection.tag([before[0]], add=["t"])

        assert [hit.item for hit in collection.search(picture)] == before


def test_the_lock_is_lost_with_its_server(server: DatabaseServer, library_settings: Settings, tmp_path: Path) -> None:
    """What is written under a lock that is no longer held is refused, and nothing of it stays."""
    with morelike.open(library_settings) as library:
        catalog = library._stores.catalog
        photos = catalog.create_collection("photos", "image", {})
        lock = catalog.write_lock()
        assert lock is not None
        with lock.hold("test"):
            server.kill()
            server.start()
            for name in ("other", "third"):
                with pytest.raises(StoreUnreachable):
                    catalog.create_collection(name, "image", {})

        assert [found.name for found in catalog.collections()] == [photos.name]


def test_two_machines_add_at_once(server: DatabaseServer, library_settings: Settings, tmp_path: Path) -> None:
    """Each with a folder of its own and one catalog: they take turns, nothing is lost, nothing doubled."""
    write_images(tmp_path / "all" / "a", 25, seed=10)
    write_images(tmp_path / "all" / "b", 25, seed=2000)
    folders = (tmp_path / "all" / "a", tmp_path / "all")
    runs = [
        start(tmp_path / f"library-{number}", library_settings.catalog, tmp_path / "blobs", folder)
        for number, folder in enumerate(folders)
    ]
    reports = [finish(run) for run in runs]
    settings = library_settings.model_copy(update={"blobs": str(tmp_path / "blobs")})
    with morelike.open(settings) as library:
        listed = sources_of(library)
        count = library._stores.catalog.count(record(library))
        faults = library._stores.catalog.verify()

    paths = sorted(str(path) for path in (tmp_path / "all").rglob("*") if path.is_file())
    assert (listed, count, faults) == (paths, 50, [])
    assert [report["rejected"] for report in reports] == [0, 0]
    assert sum(int(str(report["added"])) + int(str(report["same"])) for report in reports) == 75
