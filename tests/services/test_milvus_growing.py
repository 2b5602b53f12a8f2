"""A space in Milvus that outgrows its index moves on to another one while it is written and searched."""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from milvus_process import MilvusProcess, find_milvus

from morelike import faults
from morelike.registry import VECTOR_STORES
from morelike.settings import Settings
from morelike.stores.vectors import _milvus_growing, _milvus_spaces
from morelike.stores.vectors.memory import MemoryVectorStore
from morelike.stores.vectors.shape import Shape
from morelike.testing.kits.vector_store import dense_space, within
from morelike.types import Fields, Ids, Vectors, Within

DIM, ROWS = 32, 5000
MEMORY = 2000 * DIM * 4
"""Enough for a graph of fewer rows than the tests have."""
SPACE = dense_space(dim=DIM)
_libraries = itertools.count()


def opened(address: str, library: str, folder: Path, memory: int = MEMORY) -> Any:
    settings = Settings(vectors=address, offline=True, vectors_memory_bytes=memory)
    return VECTOR_STORES.load("milvus")(folder, settings, library)


SHORTER = {(_milvus_growing, "_SIGNED"): 0.1, (_milvus_growing, "_STANDS"): 1.0, (_milvus_growing, "_READ_ON"): 2.0}
SHORTER[(_milvus_spaces, "_KEPT")] = 0.4
"""What is waited for the sake of other processes: here they are quick."""


def vectors_of(count: int, seed: int = 0) -> Vectors:
    random = np.random.default_rng(seed)
    centres = random.standard_normal((50, DIM))
    near = centres[random.integers(0, 50, count)] + 0.6 * random.standard_normal((count, DIM))
    return near.astype(np.float32)


class Place:
    """A library of a test's own at the server, opened as often as there would be processes."""

    def __init__(self, address: str, folder: Path) -> None:
        find_milvus()
        self.address, self.folder = address, folder
        self.library = f"growing{next(_libraries)}"
        self._stores: list[Any] = []

    def store(self, memory: int = MEMORY) -> Any:
        self._stores.append(opened(self.address, self.library, self.folder, memory))
        return self._stores[-1]

    def collections(self) -> list[str]:
        listed = self._stores[0]._line.ask(lambda client, left: client.list_collections(timeout=left))
        return sorted(name for name in listed if name.startswith(f"morelike_{self.library}_"))

    def close(self) -> None:
        self._stores[0].drop(SPACE.id)
        for store in self._stores:
            store.close()


@pytest.fixture
def place(milvus_server: MilvusProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for (module, name), seconds in SHORTER.items():
        monkeypatch.setattr(module, name, seconds)
    place = Place(milvus_server.address, tmp_path)
    yield place
    place.close()


def index_of(store: Any) -> str:
    found = store._spaces.find(SPACE, fresh=True)
    return str(found.index.name)


def holds(store: Any, rows: dict[int, Vectors]) -> None:
    """Exactly these, with these vectors."""
    everything = np.sort(np.fromiter(rows, dtype=np.int64))
    stored = np.concatenate([np.empty(0, dtype=np.int64), *store.ids(SPACE)])
    assert stored.tolist() == everything.tolist()
    assert store.count(SPACE) == len(rows)
    found, vectors = store.fetch(SPACE, everything)
    assert found.tolist() == everything.tolist()
    np.testing.assert_array_equal(vectors, np.stack([rows[each] for each in everything.tolist()]))


def recall(store: Any, rows: dict[int, Vectors], only: Within | None = None) -> float:
    exact = MemoryVectorStore(Path(), Settings())
    exact.upsert(SPACE, np.fromiter(rows, dtype=np.int64), np.stack(list(rows.values())))
    queries = vectors_of(40, seed=9)
    found, scores = store.search(SPACE, queries, 10, within=only)
    _, right = exact.search(SPACE, queries, 10, within=only)
    assert len(set(found[0].tolist())) == 10
    return float((scores >= right[:, -1:] - 1e-5).mean())


class User(threading.Thread):
    """Writes, overwrites and deletes rows of its own in one opening, and looks for rows that stay in another."""

    def __init__(self, writer: Any, reader: Any, rows: dict[int, Vectors]) -> None:
        super().__init__()
        self._writer, self._reader, self.rows = writer, reader, rows
        self._still = list(rows.items())[:300]
        self._random = np.random.default_rng(4)
        self._ended = threading.Event()
        self.wrong: list[object] = []
        self.turns = 0

    def run(self) -> None:
        try:
            while not self._ended.is_set():
                self._write()
                self._search()
                self.turns += 1
        except BaseException as error:  # whatever it is, it is wrong
            self.wrong.append(error)

    def _write(self) -> None:
        ids = self._random.choice(np.arange(500, ROWS + 2000), 60, replace=False)
        vectors = vectors_of(60, seed=int(self._random.integers(2**31)))
        self._writer.upsert(SPACE, ids[:40], vectors[:40])
        self.rows.update(zip(ids[:40].tolist(), vectors[:40], strict=True))
        self._writer.delete(SPACE, ids[40:])
        for each in ids[40:].tolist():
            self.rows.pop(each, None)
        there, _ = self._reader.fetch(SPACE, ids)
        if set(there.tolist()) != set(ids[:40].tolist()):
            self.wrong.append(("acknowledged, but not seen", ids.tolist(), there.tolist()))

    def _search(self) -> None:
        for at in self._random.integers(0, len(self._still), 4).tolist():
            own, vector = self._still[at]
            found, scores = self._reader.search(SPACE, vector[None], 1)
            if found[0, 0] != own or abs(scores[0, 0] - 1) > 1e-5:
                self.wrong.append(("not found", own, found.tolist(), scores.tolist()))

    def end(self) -> None:
        self._ended.set()
        self.join()


def filled(store: Any, count: int = ROWS, apart: int = 1) -> dict[int, Vectors]:
    ids, vectors = np.arange(count) * apart, vectors_of(count)
    store.upsert(SPACE, ids, vectors)
    return dict(zip(ids.tolist(), vectors, strict=True))


def sized(number: int) -> list[Fields]:
    return [Fields({"path": f"/p/{number}", "name": f"{number}", "size": number}, (), {}, {})]


@contextmanager
def at(point: str, work: Callable[[], object]) -> Iterator[None]:
    """Do something when a mover of this process comes to a point."""
    faults.install(lambda name: work() if name == point else None)  # type: ignore[func-returns-value]
    try:
        yield
    finally:
        faults.install(None)


class Slow(threading.Thread):
    """Looks where to write, and then for a while does not come to it."""

    def __init__(self, store: Any, monkeypatch: pytest.MonkeyPatch, part: str, work: Callable[[], object]) -> None:
        super().__init__()
        self._work, self.looked, self.go_on = work, threading.Event(), threading.Event()
        act = getattr(store._writing, part)

        def late(*words: Any) -> None:
            self.looked.set()
            assert self.go_on.wait(60)
            act(*words)

        monkeypatch.setattr(store._writing, part, late)
        self.start()
        assert self.looked.wait(60)

    def run(self) -> None:
        self._work()

    def end(self) -> None:
        self.go_on.set()
        self.join()


def fields_of(store: Any, ids: list[int]) -> list[int]:
    """The sizes that lie beside vectors."""
    rows = store._reading.rows(store._spaces.find(SPACE), np.array(ids), 10)
    return [
        row["fields"]["s"][0]["size"] for row in sorted(rows, key=lambda row: int(row["id"])) if row["sources"] == 1
    ]


def test_in_use_all_along(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a space moves, with two processes at it, every acknowledged write is seen by every opening at once, no
    search fails or misses what was long there. Afterwards there are exactly the right rows with their last values, and
    what filters ask for with its revision, also where that was written beside the move, or by somebody so slow that
    all was copied, or the old collection gone, between a look and the write.
    """
    movers, other = [place.store(), place.store()], place.store()
    rows = filled(movers[0])
    movers[1].put_fields(SPACE, np.arange(200), [sized(each) for each in range(200)], 3)
    assert index_of(movers[0]) == "HNSW"
    assert movers[0].due()
    assert movers[1].due(SPACE.id)
    slow = [place.store() for _ in range(3)]
    one, two = (vectors_of(1, seed=seed) for seed in (71, 72))
    beside = Slow(slow[0], monkeypatch, "put", lambda: slow[0].upsert(SPACE, np.array([300]), one))
    after = [
        Slow(slow[1], monkeypatch, "put", lambda: slow[1].upsert(SPACE, np.array([301]), two)),
        Slow(slow[2], monkeypatch, "remove", lambda: slow[2].delete(SPACE, np.array([302]))),
    ]
    user = User(place.store(), place.store(), rows)
    user.start()
    made: list[bool] = []
    again = [sized(1000 + each) for each in range(100)]
    try:
        with at("vectors.copied", lambda: (beside.end(), other.put_fields(SPACE, np.arange(100), again, 4))):
            moving = [threading.Thread(target=lambda store=each: made.append(store.build(SPACE.id))) for each in movers]
            for thread in moving:
                thread.start()
            for thread in moving:
                thread.join()
        before = user.turns
        while user.is_alive() and user.turns < before + 3:
            user.join(0.05)
    finally:
        user.end()
        for each in (beside, *after):
            each.end()
    assert user.wrong == []
    rows |= {300: one[0], 301: two[0]}
    del rows[302]
    assert len(made) == 2
    assert True in made
    for store in (*movers, place.store()):
        assert index_of(store) == "IVF_SQ8"
        assert store.fields_revision(SPACE) == 4
        assert not store.due()
        assert not store.build()
    assert len(place.collections()) == 1
    holds(movers[1], rows)
    assert fields_of(movers[1], list(range(200))) == [*range(1000, 1100), *range(100, 200)]
    assert recall(place.store(), rows) >= 0.98
    assert recall(place.store(), rows, within(np.arange(0, ROWS, 2))) >= 0.98


def beyond(rows: dict[int, Vectors], edge: float) -> Ids:
    """Of the rows those on one side: what is nearest to queries of the other side is left out."""
    return np.sort(np.array([each for each, vector in rows.items() if vector[0] > edge]))


def masking(store: Any) -> Any:
    """A store that names so few ids at once that it picks out what a filter leaves by itself."""
    store.ping()
    store._line._engine = dataclasses.replace(store._line.engine, named_ids=300)
    return store


def moving(place: Place, point: str, nth: int = 1) -> None:
    """A process that moves the space and is killed at a point."""
    words = [place.address, place.library, str(place.folder), point, str(nth)]
    run = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == -signal.SIGKILL, run.stdout + run.stderr


def test_killed_on_the_way(place: Place) -> None:
    """Wherever whoever moves a space is stopped or killed, it can be written and searched, and the next one goes on; a
    list of all ids that was begun before names each of them once. It ends with an index that finds what is right, also
    where a filter leaves out what is nearest.
    """
    store, apart = place.store(), 2**50
    rows = filled(store, apart=apart)
    listed = store.ids(SPACE)
    first = next(listed)
    assert len(first) < ROWS
    stop = threading.Event()
    with at("vectors.next", stop.set):
        assert not store.build(stop=stop)
    for number, (point, nth) in enumerate([("vectors.copying", 3), ("vectors.switched", 1)]):
        moving(place, point, nth)
        new = vectors_of(300, seed=20 + number)
        ids = (np.arange(700, 1000) + 250 * number) * apart
        store.upsert(SPACE, ids, new)
        rows.update(zip(ids.tolist(), new, strict=True))
        store.delete(SPACE, ids[:30])
        for each in ids[:30].tolist():
            del rows[each]
        holds(place.store(), rows)
        assert store.search(SPACE, rows[5 * apart][None], 1)[0].tolist() == [[5 * apart]]
        assert len(place.collections()) == 2
    assert store.bytes_used() > 1.9 * len(rows) * DIM * 4
    assert index_of(store) == "IVF_SQ8"
    assert store.due()
    assert store.build()
    assert len(place.collections()) == 1
    holds(store, rows)
    rest = np.concatenate([first, *listed])
    assert np.unique(rest).tolist() == rest.tolist()
    assert {each * apart for each in range(500)} <= set(rest.tolist())
    assert recall(masking(place.store()), rows, within(beyond(rows, 1.0))) >= 0.98


def test_a_drop_that_was_cut_off(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A space can be dropped in the middle of its move. What a cut-off drop left is told of, and does not come back
    with the next write; a whole drop leaves nothing.
    """
    store, stop = place.store(), threading.Event()
    rows = filled(store, 2500)
    with at("vectors.copying", stop.set):
        assert not store.build(stop=stop)
    assert len(place.collections()) == 2
    assert store.due()
    assert store.verify() == []
    with monkeypatch.context() as patch:
        patch.setattr(store._spaces, "drop_collection", lambda name: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.drop(SPACE.id)
    other = place.store()
    assert other.count(SPACE) == 0
    assert list(other.space_ids()) == [SPACE.id]
    other.upsert(SPACE, np.array([1]), rows[7][None])
    holds(store, {1: rows[7]})
    assert len(place.collections()) == 1
    store.drop(SPACE.id)
    assert place.collections() == []
    assert other.count(SPACE) == 0
    assert not store.due()


def test_no_memory_for_a_graph(place: Place) -> None:
    """Where a space may take no memory at all, it has the smaller index from its first row and never moves."""
    store = place.store(memory=0)
    rows = filled(store, 300)
    assert index_of(store) == "IVF_SQ8"
    assert not store.due()
    assert recall(store, rows) == 1


def test_a_collection_of_a_plain_name(place: Place) -> None:
    """A collection without an alias, as older versions made them, is written and searched where it is, and stays."""
    store = place.store()
    spaces = store._spaces
    ids, vectors = np.arange(2500), vectors_of(2500)
    name = spaces.name(SPACE.id)
    properties = {"morelike.card": SPACE.card.id, "morelike.shape": f"dense cosine {DIM}", "morelike.revision": "-1"}
    shape = Shape.of(SPACE.card)
    spaces._making.collection(name, SPACE.card.id, shape, properties, stamped=False)
    spaces._make_index(name, shape, store._line.engine.index_for(shape, 0, MEMORY))
    store.upsert(SPACE, ids, vectors)
    assert not store.due()
    assert place.collections() == [name]
    holds(store, dict(zip(ids.tolist(), vectors, strict=True)))
    assert store.search(SPACE, vectors[:1], 1)[0].tolist() == [[0]]


def main() -> None:
    """Move the space, and be killed at a point."""
    address, library, folder, point, nth = sys.argv[1:6]
    for (module, name), seconds in SHORTER.items():
        setattr(module, name, seconds)
    reached = 0

    def handler(name: str) -> None:
        nonlocal reached
        reached += name == point
        if reached == int(nth):
            os.kill(os.getpid(), signal.SIGKILL)

    store = opened(address, library, Path(folder))
    ids, vectors = store.fetch(SPACE, np.array([0]))
    store.upsert(SPACE, ids, vectors)
    faults.install(handler)
    store.build()


if __name__ == "__main__":
    main()
