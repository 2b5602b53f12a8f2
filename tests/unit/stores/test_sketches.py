"""The sketch store in SQLite: durable, shared by processes, and small work for large indexes."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from morelike.errors import SchemaTooNew, StoreFull, StoreReadOnly, UsageError
from morelike.settings import Settings
from morelike.stores._postings import MOST_PAIRS, MOST_PLACES
from morelike.stores.sketches import LARGEST_SKETCH, LATEST_TICK, SqliteSketchStore
from morelike.testing.kits.sketch_store import seeded_sketches, sketch_of, sketch_space
from morelike.types import Sketch

SPACE = sketch_space()


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> Iterator[SqliteSketchStore]:
    store = SqliteSketchStore(tmp_path / "sketches", settings)
    yield store
    store.close()


def rows(folder: Path, query: str) -> list[tuple[int, ...]]:
    connection = sqlite3.connect(folder / "sketches" / "sketches.sqlite")
    found = connection.execute(query).fetchall()
    connection.close()
    return found


def test_another_opening_sees_it(store: SqliteSketchStore, tmp_path: Path, settings: Settings) -> None:
    """What was written is found by another process's store at once, searched before or not, and after a close."""
    other = SqliteSketchStore(tmp_path / "sketches", settings)
    assert other.count(SPACE) == 0
    for segment in range(20):
        store.upsert(SPACE, np.array([segment]), [sketch_of([(7, segment)])])
        assert len(other.search(SPACE, sketch_of([(7, 0)]), 50)[0]) == segment + 1
    store.close()
    assert other.search(SPACE, sketch_of([(7, 0)]), 2)[2].tolist() == [0, 1]
    other.close()


def test_a_newer_file_is_refused(store: SqliteSketchStore, tmp_path: Path, settings: Settings) -> None:
    """What a newer morelike wrote is not read as if it were this one's."""
    store.upsert(SPACE, np.array([1]), [sketch_of([(1, 1)])])
    store.close()
    connection = sqlite3.connect(tmp_path / "sketches" / "sketches.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(SchemaTooNew):
        SqliteSketchStore(tmp_path / "sketches", settings).count(SPACE)


def test_full_and_read_only(small_disk, settings: Settings) -> None:
    """A full disk and a read-only one are said as such, and what was there is still found."""
    store = SqliteSketchStore(small_disk.path / "library", settings)
    store.upsert(SPACE, np.array([1]), [sketch_of([(1, 1)])])
    filler = small_disk.fill()
    with pytest.raises(StoreFull):
        store.upsert(SPACE, np.arange(50), seeded_sketches(50, 2000, hashes=2**24, ticks=1000))
    filler.unlink()
    assert store.search(SPACE, sketch_of([(1, 0)]), 5)[0].tolist() == [1]
    store.close()
    small_disk.freeze()
    store = SqliteSketchStore(small_disk.path / "library", settings)
    with pytest.raises(StoreReadOnly):
        store.upsert(SPACE, np.array([2]), [sketch_of([(1, 1)])])
    assert store.search(SPACE, sketch_of([(1, 0)]), 5)[0].tolist() == [1]
    store.close()


def test_runs_stay_few(store: SqliteSketchStore, tmp_path: Path) -> None:
    """A hundred writes leave a few runs, with every posting once."""
    for segment, sketch in enumerate(seeded_sketches(100, 30, hashes=2**20, ticks=100)):
        store.upsert(SPACE, np.array([segment]), [sketch])

    assert rows(tmp_path, "SELECT count(*) <= 14, sum(postings) FROM runs") == [(1, 3000)]


def test_the_deleted_make_room(store: SqliteSketchStore, tmp_path: Path) -> None:
    """Postings of deleted sketches are dropped before they are more than a quarter."""
    sketches = seeded_sketches(40, 50, hashes=2**20, ticks=100)
    store.upsert(SPACE, np.arange(40), sketches)
    store.delete(SPACE, np.arange(8))
    assert rows(tmp_path, "SELECT sum(postings) FROM runs") == [(2000,)]
    store.delete(SPACE, np.arange(8, 15))

    assert rows(tmp_path, "SELECT sum(postings) FROM runs") == [(25 * 50,)]
    store.delete(SPACE, np.arange(40))
    assert rows(tmp_path, "SELECT count(*) FROM runs UNION ALL SELECT count(*) FROM blocks") == [(0,), (0,)]


def test_a_hash_that_is_everywhere_is_left_out(store: SqliteSketchStore) -> None:
    """A hash at more than 16 384 places does not count; the others of the query do."""
    common = Sketch(np.full(40_000, 5, np.uint64), np.arange(40_000, dtype=np.int32))
    store.upsert(SPACE, np.array([1, 2]), [common, sketch_of([(6, 10)])])
    assert MOST_PLACES < 40_000

    assert store.search(SPACE, sketch_of([(5, 0), (6, 0)]), 5)[0].tolist() == [2]


def test_many_agreements_are_bounded(store: SqliteSketchStore) -> None:
    """A query of one hash over and over does not take the memory of all its pairs; rarer hashes count first."""
    store.upsert(SPACE, np.array([1]), [Sketch(np.full(16_000, 5, np.uint64), np.arange(16_000, dtype=np.int32))])
    store.upsert(SPACE, np.array([2]), [sketch_of([(6, 3)])])
    again = Sketch(np.array([5] * 60_000 + [6], np.uint64), np.concatenate([np.arange(60_000), [0]]).astype(np.int32))
    assert MOST_PAIRS < 16_000 * 60_000

    ids, shared, shifts = store.search(SPACE, again, 5)

    assert (ids.tolist(), shared.tolist(), shifts.tolist()) == ([2], [1], [3])


def test_the_bounds_of_a_sketch(store: SqliteSketchStore) -> None:
    """A sketch beyond the stated bounds is refused, one at them is not."""
    most = Sketch(np.arange(LARGEST_SKETCH, dtype=np.uint64), np.zeros(LARGEST_SKETCH, np.int32))
    store.upsert(SPACE, np.array([1, 2]), [most, sketch_of([(1, -LATEST_TICK), (2, LATEST_TICK)])])
    assert store.search(SPACE, sketch_of([(1, LATEST_TICK)]), 5)[2].tolist() == [-LATEST_TICK, -2 * LATEST_TICK]

    with pytest.raises(UsageError):
        store.upsert(SPACE, np.array([3]), [sketch_of([(1, LATEST_TICK + 1)])])
    longer = Sketch(np.arange(LARGEST_SKETCH + 1, dtype=np.uint64), np.zeros(LARGEST_SKETCH + 1, np.int32))
    with pytest.raises(UsageError):
        store.search(SPACE, longer, 1)
    with pytest.raises(UsageError):
        store.upsert(SPACE, np.array([3, 4]), [most])


def test_a_large_index_is_searched_as_a_small_one(store: SqliteSketchStore, tmp_path: Path) -> None:
    """Among 600 000 postings in large runs an excerpt is found, and bytes a posting stay below 20."""
    random = np.random.default_rng(1)
    sketches = [
        Sketch(np.unique(random.integers(0, 2**24, 2100, np.uint64))[:2000], random.integers(0, 1875, 2000, np.int32))
        for _ in range(300)
    ]
    for start in range(0, 300, 50):
        store.upsert(SPACE, np.arange(start, start + 50), sketches[start : start + 50])
    part = sketches[217]
    inside = part.at >= 1500

    ids, shared, shifts = store.search(SPACE, Sketch(part.hashes[inside], part.at[inside] - np.int32(1500)), 3)

    assert (ids[0], shared[0], shifts[0]) == (217, inside.sum(), 1500)
    store.close()
    assert (tmp_path / "sketches" / "sketches.sqlite").stat().st_size < 20 * 600_000


def test_readers_beside_a_writer(store: SqliteSketchStore) -> None:
    """While runs are merged and postings dropped, every search sees one state of the index, whole."""
    sketch = sketch_of([(1, 0), (2, 5), (3, 9)])
    store.upsert(SPACE, np.arange(4), [sketch] * 4)
    faults: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            ids, shared, shifts = store.search(SPACE, sketch, 1000)
            if len(ids) < 4 or set(shared.tolist()) != {3} or set(shifts.tolist()) != {0}:
                faults.append((ids, shared, shifts))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for segment in range(4, 60):
        store.upsert(SPACE, np.array([segment]), [sketch])
        if segment % 3 == 0:
            store.delete(SPACE, np.array([segment, segment - 1]))
    done.set()
    for reader in readers:
        reader.join()

    assert faults == []
