"""Building beside everything else: nothing is lost, nothing is searched that is half made, any end is harmless."""

from __future__ import annotations

import contextlib
import logging
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from morelike import faults
from morelike.settings import Settings
from morelike.stores.vectors import building, faiss, making, segmentfiles
from morelike.stores.vectors.faiss import FaissVectorStore
from morelike.stores.vectors.flat import FlatIndex
from morelike.stores.vectors.layers import LayeredIndex
from morelike.stores.vectors.memory import MemoryVectorStore
from morelike.testing.kits.vector_store import dense_space, seeded_vectors, within
from morelike.types import Ids, Space, Vectors

SPACE = dense_space(dim=16)
ROWS = 700
VECTORS = seeded_vectors(SPACE, 1_000)
QUERIES = seeded_vectors(SPACE, 20, seed=1)


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments from 100 rows on, of at most 512, no graph; a snapshot at every checkpoint."""
    rows = {"SETTLED": 100, "AGAIN": 20, "GRAPH_ROWS": 10**9, "LARGEST_ROWS": 512, "_CHUNK": 64}
    for name, number in rows.items():
        monkeypatch.setattr(making, name, number)
    for name in ("_MANY_CHANGES", "_MANY_DELETIONS"):
        monkeypatch.setattr(faiss, name, 0)
    monkeypatch.setattr(faiss, "_FIRST_SNAPSHOT", 1)
    monkeypatch.setattr(building, "_NICENESS", 0)


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vectors"


@pytest.fixture
def store(folder: Path) -> Iterator[FaissVectorStore]:
    """700 rows, nothing built."""
    store = FaissVectorStore(folder, Settings())
    store.upsert(SPACE, np.arange(ROWS), VECTORS[:ROWS])
    yield store
    store.close()


def index(store: FaissVectorStore) -> LayeredIndex:
    state = store._held[SPACE.id].state
    assert state is not None
    return state.index


def right(vectors: dict[int, Any], queries: Vectors = QUERIES, k: int = 5) -> list[list[int]]:
    """The exact answer where the space holds these vectors."""
    exact = MemoryVectorStore(Path(), Settings())
    exact.upsert(SPACE, np.array(list(vectors)), np.stack(list(vectors.values())))
    return exact.search(SPACE, queries, k)[0].tolist()


def answer(store: FaissVectorStore) -> list[list[int]]:
    return store.search(SPACE, QUERIES, 5)[0].tolist()


PLAIN = dict(enumerate(VECTORS[:ROWS]))


@contextlib.contextmanager
def paused(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, store: FaissVectorStore) -> Iterator[None]:
    """A build of ``store`` in another thread stands still before ``place.name`` while the body runs."""
    there, on = threading.Event(), threading.Event()
    real = getattr(place, name)

    def waiting(*arguments: Any, **named: Any) -> Any:
        there.set()
        assert on.wait(120)
        return real(*arguments, **named)

    monkeypatch.setattr(place, name, waiting)
    thread = threading.Thread(target=store.build)
    thread.start()
    try:
        assert there.wait(120)
        yield
    finally:
        on.set()
        thread.join()


@pytest.mark.parametrize("loaded", [False, True])
def test_writes_while_a_segment_is_made(store: FaissVectorStore, monkeypatch: pytest.MonkeyPatch, loaded: bool) -> None:
    """Rows that are overwritten, deleted and added while a segment with them is made are right at once, and after."""
    if loaded:
        answer(store)
    else:  # an index that is read from the log settles on the way; make one that has settled before
        assert store.build()
        store.upsert(SPACE, np.arange(500), VECTORS[:500])
    now = dict(PLAIN)
    with paused(monkeypatch, segmentfiles, "write_codes", store):
        store.upsert(SPACE, np.arange(0, 50), VECTORS[800:850])
        store.delete(SPACE, np.arange(300, 350))
        store.upsert(SPACE, np.arange(2_000, 2_030), VECTORS[900:930])
        now.update(zip(range(50), VECTORS[800:850], strict=True))
        now.update(zip(range(2_000, 2_030), VECTORS[900:930], strict=True))
        for gone in range(300, 350):
            del now[gone]

        assert answer(store) == right(now)
    assert answer(store) == right(now)
    assert len(index(store)) == len(now)
    assert store.verify() == []
    store.build()
    assert answer(store) == right(now)


def test_a_row_written_back_meanwhile(store: FaissVectorStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that is deleted and written anew while its segment is made is there once, with the last vector."""
    answer(store)
    with paused(monkeypatch, segmentfiles, "write_codes", store):
        store.delete(SPACE, np.arange(10))
        answer(store)
        store.upsert(SPACE, np.arange(10), VECTORS[900:910])
        answer(store)

    assert answer(store) == right({**PLAIN, **dict(enumerate(VECTORS[900:910]))})
    assert store.search(SPACE, VECTORS[900:901], ROWS)[0][0].tolist().count(0) == 1


def test_dropped_meanwhile(store: FaissVectorStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A space that is dropped and filled anew while it is built holds the new rows only."""
    answer(store)
    with paused(monkeypatch, segmentfiles, "write_codes", store):
        store.drop(SPACE.id)
        store.upsert(SPACE, np.arange(5), VECTORS[900:905])
        answer(store)

    assert answer(store) == right(dict(enumerate(VECTORS[900:905])))
    store.checkpoint()
    assert not list(folder.glob("*.codes"))


def test_searches_go_on(store: FaissVectorStore) -> None:
    """Threads that search and write while another builds again and again see whole, right answers."""
    wrong: list[Any] = []
    stop = threading.Event()
    expected = right(PLAIN)
    opposite = np.repeat(-QUERIES[:1], 20, axis=0)  # never among the best five

    def search() -> None:
        while not stop.is_set():
            found = store.search(SPACE, QUERIES[:1], 5)[0].tolist()
            if found != expected[:1]:
                wrong.append(found)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for start in range(5_000, 5_400, 20):
            store.upsert(SPACE, np.arange(start, start + 20), opposite)
            store.delete(SPACE, np.arange(start, start + 20, 3))
            store.build()
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert wrong == []
    assert len(index(store).segments) >= 1


def test_a_stop(store: FaissVectorStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that is stopped leaves no files, says False, and the next one does all of it."""
    answer(store)
    stop = threading.Event()
    real = FlatIndex.stored
    monkeypatch.setattr(FlatIndex, "stored", lambda flat, ids: stop.set() or real(flat, ids))

    assert not store.build(stop=stop)
    assert not list(folder.glob(f"{SPACE.id}-*"))
    assert answer(store) == right(PLAIN)
    assert store.due()
    assert store.build(stop=threading.Event())
    assert answer(store) == right(PLAIN)


def test_an_interrupted_caller(store: FaissVectorStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the caller is interrupted the build ends too, and a later one works."""

    class Interrupted(threading.Thread):
        asked = False

        def join(self, timeout: float | None = None) -> None:
            if self.name == "build" and not Interrupted.asked:
                Interrupted.asked = True
                raise KeyboardInterrupt
            super().join(timeout)

    monkeypatch.setattr(building.threading, "Thread", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.build()

    assert not [thread for thread in threading.enumerate() if thread.name == "build"]
    store.build()
    assert not store.due()
    assert answer(store) == right(PLAIN)


def test_one_at_a_time(store: FaissVectorStore, folder: Path) -> None:
    """While somebody builds, another build and a checkpoint's snapshot do nothing."""
    with building.only_one(folder) as alone:
        assert alone
        assert not store.build()
        store.checkpoint()
    assert not list(folder.glob("*.snapshot"))
    assert store.build()


def test_another_process_takes_what_was_built(store: FaissVectorStore, folder: Path) -> None:
    """A process that has all of a space in memory takes over the segments that another one made."""
    other = FaissVectorStore(folder, Settings())
    answer(other)
    store.build()
    files = sorted(path.name for path in folder.glob("*.codes"))

    assert other.due()
    other.build()
    assert {f"{segment.name}.codes" for segment in index(other).segments} == set(files)
    assert sorted(path.name for path in folder.glob("*.codes")) == files
    assert not other.due()
    assert answer(other) == right(PLAIN)
    other.close()


def test_due_without_loading(store: FaissVectorStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether something is due is told from a snapshot's header; nothing is read for it."""
    assert store.due()
    store.build()
    store.close()
    monkeypatch.setattr(faiss.snapshot, "read", lambda *_: pytest.fail("it was read"))
    other = FaissVectorStore(folder, Settings())
    assert not other.due()
    other.upsert(SPACE, np.arange(800, 810), VECTORS[800:810])
    assert not other.due()
    other.upsert(SPACE, np.arange(810, 840), VECTORS[810:840])
    assert other.due()
    assert other.due(SPACE.id)
    assert not other.due(SPACE.id + 1)
    other.close()


SMALL_DIM = 4
STEPS = st.one_of(
    st.tuples(st.just("upsert"), st.lists(st.integers(0, 150), max_size=90), st.integers(0, 2**32 - 1)),
    st.tuples(st.just("delete"), st.lists(st.integers(0, 150), max_size=90)),
    st.tuples(
        st.just("search"),
        st.integers(0, 2**32 - 1),
        st.integers(1, 12),
        st.none() | st.lists(st.integers(0, 150), max_size=90),
    ),
    st.tuples(st.sampled_from(["build", "build", "checkpoint", "reopen", "drop"])),
)


def whole_numbers(count: int, seed: int) -> Vectors:
    """Sums are exact in any order, and ties abound."""
    return np.random.default_rng(seed).integers(-2, 3, (count, SMALL_DIM)).astype(np.float32)


def _told(space: Space, step: tuple[Any, ...], stores: list[FaissVectorStore], exact: MemoryVectorStore) -> None:
    match step:
        case ("upsert", ids, seed):
            for each in (stores[0], exact):
                each.upsert(space, np.array(ids, dtype=np.int64), whole_numbers(len(ids), seed))
        case ("delete", ids):
            for each in (stores[0], exact):
                each.delete(space, np.array(ids, dtype=np.int64))
        case ("search", seed, k, chosen):
            only = None if chosen is None else within(chosen)
            expected = exact.search(space, whole_numbers(3, seed), k, within=only)
            for store in stores[: 1 + seed % 2]:
                found = store.search(space, whole_numbers(3, seed), k, within=only)
                np.testing.assert_array_equal(found[1], expected[1])
                np.testing.assert_array_equal(found[0], expected[0])
        case ("checkpoint",):
            stores[0].checkpoint()
        case ("drop",):
            stores[0].drop(space.id)
            exact.drop(space.id)


@given(steps=st.lists(STEPS, max_size=14))
@hypothesis_settings(max_examples=40, deadline=None)
def test_congruent(steps: list[tuple[Any, ...]]) -> None:
    """Whatever is built in between, two openings of one folder answer as the exact store does, ties included."""
    space = dense_space(dim=SMALL_DIM, metric="ip")
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        for rows in ("SETTLED", "AGAIN"):
            patch.setattr(making, rows, 20)
        patch.setattr(making, "LARGEST_ROWS", 64)
        folder = Path(name)
        stores = [FaissVectorStore(folder, Settings()) for _ in range(2)]
        exact = MemoryVectorStore(folder, Settings())
        for step in [*steps, ("build",), ("search", 1, 5, None)]:
            if step == ("build",):
                stores[len(steps) % 2].build()
            elif step == ("reopen",):
                stores[0].close()
                stores[0] = FaissVectorStore(folder, Settings())
            else:
                _told(space, step, stores, exact)
        assert stores[0].count(space) == stores[1].count(space) == exact.count(space)
        assert stores[0].verify() == []
        for store in stores:
            store.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """700 rows in two segments, one with a graph, closed; to be copied."""
    folder = tmp_path_factory.mktemp("whole") / "vectors"
    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        patch.setattr(making, "GRAPH_ROWS", 400)
        store = FaissVectorStore(folder, Settings())
        store.upsert(SPACE, np.arange(ROWS), VECTORS[:ROWS])
        assert store.build()
        assert len(list(folder.glob("*.graph"))) == 1
        store.close()
    return folder


@given(
    kind=st.sampled_from([".codes", ".graph", ".rows", ".snapshot"]),
    damage=st.sampled_from(["flip", "cut", "append", "remove"]),
    place=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
@hypothesis_settings(max_examples=40, deadline=None, derandomize=True)
def test_any_damage_is_harmless(whole: Path, kind: str, damage: str, place: float, bit: int) -> None:
    """Flip a bit of any file, cut it, append to it or remove it: answers stay right, ``verify`` tells (a snapshot
    that is gone is no fault), and a repair with the next build mends it."""
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.root.manager, "disable", logging.WARNING)
        patch.setattr(making, "GRAPH_ROWS", 400)
        folder = Path(name) / "copy"
        shutil.copytree(whole, folder)
        path = max(folder.glob(f"*{kind}"))
        data = bytearray(path.read_bytes())
        at = int(place * len(data))
        if damage == "flip":
            data[at] ^= 1 << bit
        elif damage == "cut":
            del data[at:]
        elif damage == "append":
            data += bytes(at + 1)
        path.write_bytes(data)
        if damage == "remove":
            path.unlink()
        store = FaissVectorStore(folder, Settings())
        told = store.verify()

        assert answer(store) == right(PLAIN)
        assert store.search(SPACE, VECTORS[:60], 1)[0][:, 0].tolist() == list(range(60))
        assert bool(told) == ((kind, damage) != (".snapshot", "remove"))
        store.close()
        store = FaissVectorStore(folder, Settings())
        store.repair()
        store.build()
        store.checkpoint()
        assert store.verify() == []
        assert answer(store) == right(PLAIN)
        store.close()


def test_damage_found_while_searching(whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A row that changes on the disk under an open index is noticed when it is read, and the log is asked instead."""
    folder = tmp_path / "copy"
    shutil.copytree(whole, folder)
    store = FaissVectorStore(folder, Settings())
    expected = answer(store)
    for path in folder.glob("*.rows"):
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.write(np.random.default_rng(0).bytes(size))

    with caplog.at_level(logging.WARNING):
        assert answer(store) == expected
    assert "was changed" in caplog.text
    assert store.due()
    assert store.build()
    assert store.verify() == []
    assert answer(store) == expected
    store.close()


def test_an_old_snapshot_put_back(whole: Path, tmp_path: Path) -> None:
    """A snapshot from before its segments were replaced is not believed, and what is there is built anew."""
    folder = tmp_path / "copy"
    shutil.copytree(whole, folder)
    old = (folder / "1.snapshot").read_bytes()
    store = FaissVectorStore(folder, Settings())
    store.delete(SPACE, np.arange(0, ROWS, 2))
    answer(store)
    assert store.build()
    store.close()
    (folder / "1.snapshot").write_bytes(old)
    store = FaissVectorStore(folder, Settings())
    now = {segment: vector for segment, vector in PLAIN.items() if segment % 2}

    assert answer(store) == right(now)
    while store.build():
        pass
    assert store.verify() == []
    assert answer(store) == right(now)
    store.close()


def test_drop_removes_the_files(whole: Path, tmp_path: Path) -> None:
    """Nothing of a dropped space stays behind."""
    folder = tmp_path / "copy"
    shutil.copytree(whole, folder)
    store = FaissVectorStore(folder, Settings())
    used = store.bytes_used()
    store.drop(SPACE.id)

    assert used > ROWS * 16 * (4 + 4 + 1)
    assert {path.name for path in folder.iterdir()} <= {
        "build.lock",
        "vectors.sqlite",
        "vectors.sqlite-wal",
        "vectors.sqlite-shm",
    }
    store.close()


@pytest.mark.parametrize("point", faults.BUILD_POINTS)
def test_a_killed_build(store: FaissVectorStore, folder: Path, point: str) -> None:
    """A process that dies at any point of a build leaves a store that answers rightly and builds to the end, and no
    file of the dead one stays."""
    code = f"""
        import os, pathlib, sys
        from morelike import faults
        from morelike.settings import Settings
        from morelike.stores.vectors import making
        from morelike.stores.vectors.faiss import FaissVectorStore
        making.SETTLED, making.AGAIN, making.GRAPH_ROWS, making.LARGEST_ROWS = 100, 20, 100, 512
        faults.install(lambda reached: os._exit(9) if reached == {point!r} else None)
        FaissVectorStore(pathlib.Path(sys.argv[1]), Settings()).build()
        """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(folder)], check=False)

    assert done.returncode == 9
    assert answer(store) == right(PLAIN)
    store.upsert(SPACE, np.array([3]), VECTORS[950:951])
    now = {**PLAIN, 3: VECTORS[950]}
    assert answer(store) == right(now)
    store.close()
    again = FaissVectorStore(folder, Settings())
    while again.build():
        pass
    again.checkpoint()
    assert again.verify() == []
    assert answer(again) == right(now)
    names = {segment.name for segment in index(again).segments}
    assert names
    assert {path.stem for path in folder.glob(f"{SPACE.id}-*")} == names
    assert not list(folder.glob("*.part"))
    again.close()


def test_no_space_for_a_segment(small_disk: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A build that finds no space is a logged warning; answers stay, and a later one works."""
    folder = small_disk.path / "vectors"
    store = FaissVectorStore(folder, Settings())
    store.upsert(SPACE, np.arange(ROWS), VECTORS[:ROWS])
    store._rows.tidy()
    answer(store)
    filler = small_disk.fill()
    with caplog.at_level(logging.WARNING):
        assert not store.build()

    assert "no space is left" in caplog.text
    assert answer(store) == right(PLAIN)
    filler.unlink()
    assert store.build()
    assert answer(store) == right(PLAIN)
    store.close()


def test_it_is_put_together_evenly() -> None:
    """A plan takes segments that are not larger than what joins them, and never more than a segment may hold."""
    made: list[tuple[int, int]] = []
    space: Space = dense_space(dim=4)
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "LARGEST_ROWS", 200)
        real: Callable[..., Any] = making.make

        def noted(*arguments: Any, **named: Any) -> Any:
            segment = real(*arguments, **named)
            made.append((len(segment), len(arguments[3].instead)))
            return segment

        patch.setattr(making, "make", noted)
        store = FaissVectorStore(Path(name), Settings())
        ids: Ids = np.arange(1_000)
        for start in range(0, 1_000, 40):
            store.upsert(space, ids[start : start + 40], seeded_vectors(space, 40, seed=start))
            store.search(space, np.ones((1, 4), dtype=np.float32), 1)
            store.build()
        moved = sum(rows for rows, _ in made)
        sizes = [len(segment) for segment in index(store).segments]
        store.close()

    assert max(sizes) <= 200
    assert len(sizes) <= 8
    assert moved <= 4 * 1_000


def test_deleted_between_plan_and_making(store: FaissVectorStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that go after a segment was planned and before it is begun are not in it."""
    answer(store)
    with paused(monkeypatch, making, "make", store):
        store.delete(SPACE, np.arange(200, ROWS))
        answer(store)

    assert answer(store) == right({segment: vector for segment, vector in PLAIN.items() if segment < 200})
    assert len(index(store)) == 200
