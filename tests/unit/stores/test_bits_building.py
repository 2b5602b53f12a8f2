"""Packed bits put in order beside everything else: any end of it is harmless, and every answer is exact."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morelike.expressions import All
from morelike.settings import Settings
from morelike.stores.vectors import bits, building, faiss, making
from morelike.stores.vectors.faiss import FaissVectorStore
from morelike.stores.vectors.layers import LayeredIndex
from morelike.stores.vectors.memory import MemoryVectorStore
from morelike.testing.kits.vector_store import bits_space, within
from morelike.types import Ids, Vectors, Within

SPACE = bits_space(dim=512)
ROWS = 700
IDS = np.random.default_rng(5).choice(2**62, 1_000, replace=False)


def fingerprints(count: int, seed: int, *, width: int = 64) -> Vectors:
    """Sparse, of unlike numbers of set bits, some of them alike and a few empty."""
    random = np.random.default_rng(seed)
    parents = random.random((20, 8 * width)) < random.uniform(0.01, 0.1, (20, 1))
    children = parents[random.integers(0, 20, count)] ^ (random.random((count, 8 * width)) < 0.01)
    children[random.random(count) < 0.02] = False
    return np.packbits(children, axis=1)


VECTORS = fingerprints(1_000, 0)
QUERIES = np.concatenate([fingerprints(20, 1), np.zeros((1, 64), dtype=np.uint8), VECTORS[:3]])


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments from 100 rows on, of at most 512, in pieces of 64; a snapshot at every checkpoint."""
    for name, number in {"SETTLED": 100, "AGAIN": 20, "LARGEST_ROWS": 512, "_CHUNK": 64}.items():
        monkeypatch.setattr(making, name, number)
    for name in ("_MANY_CHANGES", "_MANY_DELETIONS"):
        monkeypatch.setattr(faiss, name, 0)
    monkeypatch.setattr(faiss, "_FIRST_SNAPSHOT", 1)
    monkeypatch.setattr(building, "_NICENESS", 0)
    monkeypatch.setattr(bits, "_PIECE", 64)


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        yield


class Pair:
    """The store and the exact one, told the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = FaissVectorStore(folder, Settings())
        self.exact = MemoryVectorStore(folder, Settings())

    def upsert(self, ids: Ids, vectors: Vectors) -> None:
        for each in (self.store, self.exact):
            each.upsert(SPACE, ids, vectors)

    def delete(self, ids: Ids) -> None:
        for each in (self.store, self.exact):
            each.delete(SPACE, ids)

    def agree(self, *, k: int = 10, only: Within | None = None, store: FaissVectorStore | None = None) -> None:
        """All at once, and one by one."""
        right = self.exact.search(SPACE, QUERIES, k, within=only)
        for found in (
            (store or self.store).search(SPACE, QUERIES, k, within=only),
            tuple(
                np.concatenate(part)
                for part in zip(
                    *((store or self.store).search(SPACE, query[None], k, within=only) for query in QUERIES),
                    strict=True,
                )
            ),
        ):
            np.testing.assert_array_equal(found[1], right[1])
            np.testing.assert_array_equal(found[0], right[0])

    def reopen(self) -> None:
        self.store.close()
        self.store = FaissVectorStore(self.folder, Settings())

    def index(self) -> LayeredIndex:
        state = self.store._held[SPACE.id].state
        assert state is not None
        return state.index


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """700 rows, nothing built."""
    pair = Pair(tmp_path / "vectors")
    pair.upsert(IDS[:ROWS], VECTORS[:ROWS])
    yield pair
    pair.store.close()


def only(chosen: Ids) -> Within:
    """A filter whose ids cannot change, as the catalog gives them."""
    left = np.sort(chosen)
    left.flags.writeable = False
    return Within(All(()), lambda: left)


def test_it_is_put_in_order(pair: Pair) -> None:
    """A build takes all rows into segments; before and after it every answer is the same, however long the page."""
    pair.agree()
    assert pair.store.due()
    assert pair.store.build()

    assert sum(len(segment) for segment in pair.index().segments) == ROWS
    assert len(pair.index().recent) == 0
    assert not pair.store.due()
    for k in (1, 10, 600, 2_000):
        pair.agree(k=k)


@pytest.mark.parametrize("share", [0, 0.01, 0.1, 0.5, 1])
def test_filters_and_changes(pair: Pair, share: float) -> None:
    """What a filter leaves is answered exactly, and again after rows were written, deleted and put in order."""
    pair.store.build()
    chosen = np.random.default_rng(int(100 * share)).random(1_000) < share
    left = only(IDS[chosen])
    pair.agree(only=left)
    pair.upsert(IDS[650:1_000], fingerprints(350, 9))
    pair.delete(IDS[100:180])
    pair.agree(only=left)
    assert pair.store.build()
    pair.agree(only=left)
    pair.agree()


def test_new_rows_are_found_at_once(pair: Pair) -> None:
    """A row that was written after the build is found by the next search, and its old form is not."""
    pair.store.build()
    place = 7
    new = np.packbits(np.random.default_rng(3).random((1, 512)) < 0.3, axis=1)
    pair.upsert(IDS[place : place + 1], new)

    found, scores = pair.store.search(SPACE, new, 1)
    assert found[0].tolist() == [IDS[place]]
    assert scores[0].tolist() == [1]
    pair.agree()


def test_equal_rows_tie_by_id(tmp_path: Path) -> None:
    """Of a thousand copies in segments and beside them the smallest ids come first."""
    pair = Pair(tmp_path / "vectors")
    one = fingerprints(3, 4)[-1:]
    pair.upsert(IDS[:600], np.repeat(one, 600, axis=0))
    pair.store.build()
    pair.upsert(IDS[600:615], np.repeat(one, 15, axis=0))
    found, scores = pair.store.search(SPACE, one, 50)

    assert found[0].tolist() == np.sort(IDS[:615])[:50].tolist()
    assert set(scores[0].tolist()) == {1}
    pair.store.close()


def test_an_open_does_not_read_the_log(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was built is read from its files at the next open, and only what came after it from the log."""
    pair.store.build()
    pair.upsert(IDS[ROWS : ROWS + 5], VECTORS[ROWS : ROWS + 5])
    pair.reopen()
    put: list[int] = []
    real = LayeredIndex.put
    monkeypatch.setattr(LayeredIndex, "put", lambda self, ids, rows: (put.append(len(ids)), real(self, ids, rows))[1])
    monkeypatch.setattr(LayeredIndex, "append", lambda *_: pytest.fail("the log was read"))

    pair.agree()
    assert put == [5]


def test_another_process_sees_it(pair: Pair) -> None:
    """A second opening answers rightly before and after the first one builds and writes, and takes what was built."""
    other = FaissVectorStore(pair.folder, Settings())
    pair.agree(store=other)
    pair.store.build()
    pair.agree(store=other)
    pair.delete(IDS[:300])
    pair.upsert(IDS[900:], VECTORS[900:])
    pair.agree(store=other)
    other.close()
    code = """
        import pathlib, sys
        import numpy as np
        from morelike.settings import Settings
        from morelike.stores.vectors.faiss import FaissVectorStore
        from morelike.testing.kits.vector_store import bits_space
        store = FaissVectorStore(pathlib.Path(sys.argv[1]), Settings())
        queries = np.frombuffer(bytes.fromhex(sys.argv[2]), dtype=np.uint8).reshape(-1, 64)
        print(store.search(bits_space(dim=512), queries, 10)[0].tolist())
        """
    asked = [sys.executable, "-c", textwrap.dedent(code), str(pair.folder), QUERIES.tobytes().hex()]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert said.strip() == str(pair.exact.search(SPACE, QUERIES, 10)[0].tolist())


IDS_OF_STEPS = st.lists(st.integers(0, 150), max_size=90)
STEPS = st.one_of(
    st.tuples(st.just("upsert"), IDS_OF_STEPS, st.integers(0, 2**32 - 1)),
    st.tuples(st.just("delete"), IDS_OF_STEPS),
    st.tuples(st.just("search"), st.integers(1, 12), st.none() | IDS_OF_STEPS),
    st.tuples(st.sampled_from(["build", "build", "checkpoint", "reopen", "drop"])),
)


def told(pair: Pair, other: FaissVectorStore, step: tuple[Any, ...]) -> None:
    match step:
        case ("upsert", ids, seed):
            pair.upsert(np.array(ids, dtype=np.int64), fingerprints(len(ids), seed))
        case ("delete", ids):
            pair.delete(np.array(ids, dtype=np.int64))
        case ("search", k, chosen):
            left = None if chosen is None else within(chosen)
            pair.agree(k=k, only=left)
            if k % 2:  # the other process does not look each time
                pair.agree(k=k, only=left, store=other)
        case ("build",):
            pair.store.build()
        case ("checkpoint",):
            pair.store.checkpoint()
        case ("reopen",):
            pair.reopen()
        case ("drop",):
            pair.store.drop(SPACE.id)
            pair.exact.drop(SPACE.id)


@given(steps=st.lists(STEPS, max_size=12))
@settings(max_examples=30, deadline=None)
def test_congruent(steps: list[tuple[Any, ...]]) -> None:
    """Whatever is built in between, two openings of one folder answer as the exact store does, ties included."""
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        for rows in ("SETTLED", "AGAIN"):
            patch.setattr(making, rows, 20)
        patch.setattr(making, "LARGEST_ROWS", 64)
        pair = Pair(Path(name))
        other = FaissVectorStore(pair.folder, Settings())
        for step in [*steps, ("build",), ("search", 5, None)]:
            told(pair, other, step)
        assert pair.store.count(SPACE) == other.count(SPACE) == pair.exact.count(SPACE)
        assert pair.store.verify() == []
        pair.store.close()
        other.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """700 rows in two segments, closed; to be copied."""
    folder = tmp_path_factory.mktemp("whole") / "vectors"
    store = FaissVectorStore(folder, Settings())
    store.upsert(SPACE, IDS[:ROWS], VECTORS[:ROWS])
    assert store.build()
    store.close()
    return folder


@given(
    kind=st.sampled_from([".bits", ".snapshot"]),
    damage=st.sampled_from(["flip", "cut", "append", "remove"]),
    place=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_any_damage_is_harmless(whole: Path, kind: str, damage: str, place: float, bit: int) -> None:
    """Flip a bit of any file, cut it, append to it or remove it: answers stay right, ``verify`` tells (a snapshot
    that is gone is no fault), and a repair with the next build mends it."""
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.root.manager, "disable", logging.WARNING)
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
        pair = Pair(folder)
        pair.exact.upsert(SPACE, IDS[:ROWS], VECTORS[:ROWS])

        assert bool(pair.store.verify()) == ((kind, damage) != (".snapshot", "remove"))
        pair.agree()
        pair.reopen()
        pair.store.repair()
        pair.store.build()
        pair.store.checkpoint()
        assert pair.store.verify() == []
        pair.agree()
        pair.store.close()


def test_drop_removes_the_files(whole: Path, tmp_path: Path) -> None:
    """Nothing of a dropped space stays behind, and its bytes were counted."""
    folder = tmp_path / "copy"
    shutil.copytree(whole, folder)
    store = FaissVectorStore(folder, Settings())
    used = store.bytes_used()
    store.drop(SPACE.id)

    assert used > 2 * ROWS * 64  # in the log and in order
    assert not list(folder.glob("*.bits"))
    assert not list(folder.glob("*.snapshot"))
    store.close()


@pytest.mark.parametrize("point", ["segment.written", "segment.renamed", "snapshot.written", "snapshot.renamed"])
def test_a_killed_build(pair: Pair, point: str) -> None:
    """A process that dies at any point of a build leaves a store that answers rightly and builds to the end, and no
    file of the dead one stays."""
    code = f"""
        import os, pathlib, sys
        from morelike import faults
        from morelike.settings import Settings
        from morelike.stores.vectors import making
        from morelike.stores.vectors.faiss import FaissVectorStore
        making.SETTLED, making.AGAIN, making.LARGEST_ROWS = 100, 20, 512
        faults.install(lambda reached: os._exit(9) if reached == {point!r} else None)
        FaissVectorStore(pathlib.Path(sys.argv[1]), Settings()).build()
        """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(pair.folder)], check=False)

    assert done.returncode == 9
    pair.agree()
    pair.upsert(IDS[3:4], VECTORS[950:951])
    pair.reopen()
    while pair.store.build():
        pass
    pair.store.checkpoint()
    assert pair.store.verify() == []
    pair.agree()
    names = {segment.name for segment in pair.index().segments}
    assert names
    assert {path.stem for path in pair.folder.glob(f"{SPACE.id}-*")} == names
    assert not list(pair.folder.glob("*.part"))
