"""A snapshot makes an open faster, and never makes an answer different."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from morelike import faults
from morelike.settings import Settings
from morelike.stores.vectors import faiss, snapshot
from morelike.stores.vectors.faiss import FaissVectorStore
from morelike.testing.kits.vector_store import dense_space, seeded_vectors
from morelike.vecmath import similarity, top_k

SPACE = dense_space(dim=6, metric="l2")
VECTORS = seeded_vectors(SPACE, 300)
QUERIES = seeded_vectors(SPACE, 4, seed=1)


class Crash(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True, scope="module")
def _always() -> Iterator[None]:
    """A snapshot at every checkpoint that follows a change."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faiss, "_FIRST_SNAPSHOT", 1)
        patch.setattr(faiss, "_MANY_CHANGES", 0)
        patch.setattr(faiss, "_MANY_DELETIONS", 0)
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of 250 vectors with a snapshot of the first 200 of them, closed."""
    store = FaissVectorStore(tmp_path / "vectors", Settings())
    store.upsert(SPACE, np.arange(200), VECTORS[:200])
    store.checkpoint()
    store.upsert(SPACE, np.arange(200, 250), VECTORS[200:250])
    store.delete(SPACE, np.arange(0, 30))
    store.close()
    return tmp_path / "vectors"


def answer(folder: Path) -> list[list[int]]:
    store = FaissVectorStore(folder, Settings())
    found, _ = store.search(SPACE, QUERIES, 8)
    store.close()
    return found.tolist()


def test_it_is_used(folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good snapshot is loaded, what came after it is replayed, and nobody is warned."""
    read: list[int] = []
    real = snapshot.read

    def reading(*arguments):
        index, revision = real(*arguments)
        read.append(len(index))
        return index, revision

    monkeypatch.setattr(snapshot, "read", reading)
    with_it = answer(folder)
    (folder / "1.snapshot").unlink()

    assert read == [200]
    assert answer(folder) == with_it
    assert caplog.records == []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 60 vectors with a snapshot of them all, closed; to be copied."""
    folder = tmp_path_factory.mktemp("whole")
    store = FaissVectorStore(folder, Settings())
    store.upsert(SPACE, np.arange(60), VECTORS[:60])
    store.checkpoint()
    store.close()
    return folder


@given(
    damage=st.sampled_from(["flip", "cut", "append", "zero"]),
    place=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
@hypothesis_settings(max_examples=80, deadline=None)
def test_any_damage_is_harmless(whole: Path, damage: str, place: float, bit: int) -> None:
    """Flip a bit, cut the end off, append or zero bytes anywhere: the answer stays, and ``verify`` tells."""
    exact = top_k(similarity("l2", QUERIES, VECTORS[:60]), np.arange(60), 8)[0]
    with TemporaryDirectory() as name:
        folder = Path(name) / "copy"
        shutil.copytree(whole, folder)
        path = folder / "1.snapshot"
        before = path.read_bytes()
        data = bytearray(before)
        at = int(place * len(data))
        if damage == "flip":
            data[at] ^= 1 << bit
        elif damage == "cut":
            del data[at:]
        elif damage == "append":
            data += bytes(at + 1)
        else:
            data[at : at + 16] = bytes(len(data[at : at + 16]))
        path.write_bytes(data)
        store = FaissVectorStore(folder, Settings())

        np.testing.assert_array_equal(store.search(SPACE, QUERIES, 8)[0], exact)
        assert bool(store.verify()) == (data != before)
        store.close()


def test_damage_is_logged_and_mended(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged snapshot is a logged warning; the next checkpoint writes a good one."""
    expected = answer(folder)
    path = folder / "1.snapshot"
    data = bytearray(path.read_bytes())
    data[-100] ^= 4
    path.write_bytes(data)
    store = FaissVectorStore(folder, Settings())
    with caplog.at_level(logging.WARNING):
        store.search(SPACE, QUERIES, 8)
    store.checkpoint()
    store.close()

    assert "its checksum is wrong" in caplog.text
    caplog.clear()
    assert answer(folder) == expected
    assert caplog.records == []


def test_one_of_another_library(folder: Path, tmp_path: Path) -> None:
    """A snapshot copied from another library, whole as it is, is not believed."""
    expected = answer(folder)
    other = FaissVectorStore(tmp_path / "other", Settings())
    other.upsert(SPACE, np.arange(200), VECTORS[100:300])
    other.checkpoint()
    other.close()
    shutil.copy(tmp_path / "other" / "1.snapshot", folder / "1.snapshot")

    assert answer(folder) == expected


def test_an_older_one(folder: Path) -> None:
    """An old snapshot put back is either brought up to date or not believed."""
    expected = answer(folder)
    old = (folder / "1.snapshot").read_bytes()
    for number in range(3):
        store = FaissVectorStore(folder, Settings())
        store.upsert(SPACE, np.array([900 + number]), VECTORS[:1] + 50)
        store.checkpoint()
        store.close()
        (folder / "1.snapshot").write_bytes(old)

        assert answer(folder) == expected


def test_an_older_log(folder: Path, tmp_path: Path) -> None:
    """Where the log was restored from a copy and written on, a snapshot of the lost history is not believed."""
    copy = (folder / "vectors.sqlite").read_bytes()
    store = FaissVectorStore(folder, Settings())
    store.upsert(SPACE, np.arange(500, 550), VECTORS[:50] * 0)
    store.checkpoint()
    store.close()
    (folder / "vectors.sqlite").write_bytes(copy)
    store = FaissVectorStore(folder, Settings())
    store.upsert(SPACE, np.arange(700, 800), VECTORS[:100] + 50)
    store.close()
    found = answer(folder)
    (folder / "1.snapshot").unlink()

    assert found == answer(folder)
    assert not (np.array(found) >= 500).any()


@pytest.mark.parametrize("point", ["snapshot.written", "snapshot.renamed"])
def test_an_interruption(folder: Path, point: str) -> None:
    """Interrupted while a snapshot is written, the store answers as before, and the next checkpoint succeeds."""
    expected = answer(folder)

    def crash(reached: str) -> None:
        if reached == point:
            raise Crash

    store = FaissVectorStore(folder, Settings())
    faults.install(crash)
    try:
        with pytest.raises(Crash):
            store.checkpoint()
    finally:
        faults.install(None)
    store.close()
    (folder / "1.snapshot.part").write_bytes(b"as a killed process leaves it")

    assert answer(folder) == expected
    store = FaissVectorStore(folder, Settings())
    store.checkpoint()
    assert store.verify() == []
    store.close()
    assert not (folder / "1.snapshot.part").exists()
    assert answer(folder) == expected


def test_a_stale_reader_learns_of_deletions(folder: Path) -> None:
    """A process that slept through deletions which a checkpoint then forgot does not find what was deleted."""
    reader = FaissVectorStore(folder, Settings())
    first = reader.search(SPACE, QUERIES, 8)[0]
    writer = FaissVectorStore(folder, Settings())
    writer.delete(SPACE, np.unique(first))
    writer.upsert(SPACE, np.arange(250, 300), VECTORS[250:300])
    writer.checkpoint()
    with writer._rows._database.reading() as log:
        assert log is not None
        assert log.connection.execute("SELECT count(*) FROM gone").fetchone() == (0,)

    found = reader.search(SPACE, QUERIES, 8)[0]

    assert not np.isin(found, first).any()
    np.testing.assert_array_equal(found, writer.search(SPACE, QUERIES, 8)[0])
    reader.close()
    writer.close()


def test_only_where_it_pays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small spaces get none; a large one gets a new one after a tenth of it, and at least 1 000 rows, changed."""
    monkeypatch.setattr(faiss, "_FIRST_SNAPSHOT", 400)
    monkeypatch.setattr(faiss, "_MANY_CHANGES", 60)
    path = folder / "1.snapshot"
    path.unlink()
    store = FaissVectorStore(folder, Settings())
    store.checkpoint()
    assert not path.exists()
    store.upsert(SPACE, np.arange(1000, 1300), VECTORS)
    store.checkpoint()
    first = path.read_bytes()
    store.upsert(SPACE, np.arange(2000, 2060), VECTORS[:60])
    store.checkpoint()
    assert path.read_bytes() == first
    store.upsert(SPACE, np.array([3000]), VECTORS[:1])
    store.checkpoint()
    assert path.read_bytes() != first
    store.close()


def test_no_space_for_it(small_disk, caplog: pytest.LogCaptureFixture) -> None:
    """A snapshot that finds no space is a logged warning; nothing is lost."""
    folder = small_disk.path / "vectors"
    store = FaissVectorStore(folder, Settings())
    space = dense_space(dim=512)
    vectors = seeded_vectors(space, 700)
    store.upsert(space, np.arange(700), vectors)
    store._rows.tidy()
    small_disk.fill()
    with caplog.at_level(logging.WARNING):
        store.checkpoint()

    assert "no snapshot of space 1" in caplog.text
    assert store.search(space, vectors[:2], 1)[0].tolist() == [[0], [1]]
    assert not list(folder.glob("*.part"))
    store.close()
