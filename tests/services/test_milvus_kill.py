"""A Milvus that is killed again and again while a library is written and searched loses nothing and doubles nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from milvus_process import MilvusProcess, eventually, have_milvus_lite, running_milvus

import morelike
from morelike.collection import OpenCollection
from morelike.errors import StoreUnreachable
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder

DRIVER = Path(__file__).resolve().parents[1] / "faults" / "driver.py"
KILLS = int(os.environ.get("MILVUS_KILLS", "4"))
PICTURES = 120 * KILLS


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MilvusProcess]:
    """One that may be ended; as it is again and again, its session is short."""
    with running_milvus(tmp_path / "milvus", session=6) as process:
        yield process


def adding(library: Path, pictures: Path, vectors: str, point: str = "none", nth: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(DRIVER), str(library), str(pictures), point, str(nth)],
        env={**os.environ, "MORELIKE_VECTORS": vectors},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def photos(library: Library) -> OpenCollection:
    return library.collection("photos", modality="image", encoder=ToyEncoder())


def ready_without_vector(collection: OpenCollection) -> list[str]:
    stores, record = collection._stores, collection._record
    items = stores.catalog.items(record, limit=100_000)
    segments = stores.catalog.segments_of(record, [item.id for item in items])
    ids = np.array([segment.id for own in segments.values() for segment in own], dtype=np.int64)
    stored, _ = stores.vectors.fetch(collection.spaces[0], ids)
    there = set(stored.tolist())
    return [item for item, own in segments.items() if not {segment.id for segment in own} <= there]


def well(library: Library, seconds: float = 300) -> None:
    """Returns when every part answers: a probe waits for three seconds, in which a busy machine may stand still."""
    deadline = time.monotonic() + seconds
    while failing := library.failing():
        assert time.monotonic() < deadline, failing


@pytest.mark.timeout(900)
def test_the_server_is_killed(
    server: MilvusProcess, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """``add`` goes on by itself when the server is back; what was ready stays findable, once each; searches recover."""
    pictures = tmp_path / "pictures"
    write_images(pictures, PICTURES, seed=11)
    example = min(path for path in pictures.rglob("*") if path.is_file())
    run = adding(tmp_path / "library", pictures, server.address)
    random, kills, wrong = np.random.default_rng(2), 0, list[object]()
    answered = unreachable = 0
    stop = threading.Event()
    with morelike.open(Settings(library=tmp_path / "library", vectors=server.address, offline=True)) as library:

        def search() -> None:
            nonlocal answered, unreachable
            while not stop.is_set():
                try:
                    photos(library).search(example)
                    answered += 1
                except StoreUnreachable:
                    unreachable += 1
                except Exception as error:  # whatever else it is, it is wrong
                    wrong.append(error)
                stop.wait(0.05)

        collection = photos(library)
        while collection.count() == 0 and run.poll() is None:
            time.sleep(0.1)
        searching = threading.Thread(target=search)
        searching.start()
        try:
            while kills < KILLS:
                time.sleep(float(random.uniform(0.1, 1.5)))
                server.kill()
                kills += 1
                time.sleep(float(random.uniform(0, 0.5)))
                server.start()
                before = collection.count()
                assert eventually(lambda: ready_without_vector(collection)) == []
                assert collection.count() >= before
                if run.poll() is not None:
                    run.communicate()
                    run = adding(tmp_path / "library", pictures, server.address)
            said, errors = run.communicate(timeout=300)
        finally:
            stop.set()
            searching.join()
            run.kill()
            run.communicate()
        record_property("searches", f"{kills} kills, {answered} answered, {unreachable} not reached")
        assert run.returncode == 0, errors
        assert '"rejected": 0' in said
        assert wrong == []
        assert collection.count() == PICTURES
        assert ready_without_vector(collection) == []
        assert collection._stores.vectors.count(collection.spaces[0]) == PICTURES
        ids = np.concatenate(list(collection._stores.vectors.ids(collection.spaces[0])))
        assert len(ids) == len(set(ids.tolist())) == PICTURES
        assert library.doctor().findings == []
        assert collection.search(example)[0].score == pytest.approx(1)


def test_failing_says_so(server: MilvusProcess, tmp_path: Path) -> None:
    """While the server is away the library soon says which part does not answer, and is well when it is back."""
    write_images(tmp_path / "pictures", 3, seed=1)
    example = min(path for path in (tmp_path / "pictures").rglob("*") if path.is_file())
    with morelike.open(Settings(library=tmp_path / "library", vectors=server.address, offline=True)) as library:
        photos(library).add(tmp_path / "pictures")
        well(library)
        server.kill()
        failing = library.failing()
        assert set(failing) == {"vectors"}
        assert server.address in failing["vectors"]
        with pytest.raises(StoreUnreachable, match="does not answer"):
            photos(library).search(example)
        server.start()
        assert eventually(lambda: photos(library).search(example)[0].score) == pytest.approx(1)
        well(library)


def test_a_killed_process_with_milvus_lite(tmp_path: Path) -> None:
    """An ``add`` that is killed while it writes to Milvus Lite loses nothing that was ready, and ends as if it never
    had been.
    """
    have_milvus_lite()
    pictures = tmp_path / "pictures"
    write_images(pictures, 60, seed=5)
    settings = Settings(library=tmp_path / "library", vectors="vectors.db", offline=True)
    counts = [0]
    for point, nth in [("vectors.written", 3), ("vectors.synced", 2), ("vectors.written", 4), ("none", 0)]:
        run = adding(tmp_path / "library", pictures, "vectors.db", point, nth)
        _, errors = run.communicate(timeout=300)
        assert run.returncode == (0 if point == "none" else -signal.SIGKILL), errors
        with morelike.open(settings) as library:
            assert ready_without_vector(photos(library)) == []
            counts.append(photos(library).count())
    assert counts == sorted(counts)
    assert counts[-1] == 60
    with morelike.open(settings) as library:
        collection = photos(library)
        assert collection._stores.vectors.count(collection.spaces[0]) == 60
        assert library.doctor().findings == []


def test_one_process_at_a_time_with_milvus_lite(tmp_path: Path) -> None:
    """A second process that comes to an open Milvus Lite is told so in a sentence; when the first ends, it gets in."""
    have_milvus_lite()
    write_images(tmp_path / "pictures", 3, seed=5)
    settings = Settings(library=tmp_path / "library", vectors="vectors.db", offline=True)
    with morelike.open(settings) as library:
        photos(library).add(tmp_path / "pictures")
        write_images(tmp_path / "pictures", 6, seed=6)
        run = adding(tmp_path / "library", tmp_path / "pictures", "vectors.db")
        _, errors = run.communicate(timeout=300)
    assert run.returncode != 0
    assert "lets in one at a time" in errors
    run = adding(tmp_path / "library", tmp_path / "pictures", "vectors.db")
    said, errors = run.communicate(timeout=300)
    assert run.returncode == 0, errors
    assert "added" in said
