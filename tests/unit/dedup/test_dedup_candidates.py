"""Candidates are all that they promise to be, against brute force."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.dedup.candidates import BITS_APART, Sketches, by_hash, by_neighbours
from morelike.errors import StoreFull
from morelike.settings import Settings
from morelike.stores.vectors.memory import MemoryVectorStore
from morelike.types import Card, Space

SPACE = Space(1, 1, "image", Card("c", "toy", "dense", 8, "cosine", {"image": {}}, fingerprint="0" * 12), active=True)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=40), st.data())
def test_near_hashes_are_all_found(values: list[int], data: st.DataObject) -> None:
    """Different hashes that differ in fewer than eight bits are found, all of them and no others."""
    near = []
    for value in values[:10]:
        bits = data.draw(st.sets(st.integers(0, 63), max_size=10))
        near.append(value ^ sum(1 << bit for bit in bits))
    hashes = np.array([*dict.fromkeys(values + near)], dtype=np.uint64)

    found = {tuple(pair) for pair in by_hash(hashes, np.ones(len(hashes), dtype=bool)).tolist()}

    apart = np.bitwise_count(hashes[:, None] ^ hashes[None, :])
    expected = {
        (one, other)
        for one in range(len(hashes))
        for other in range(one + 1, len(hashes))
        if apart[one, other] < BITS_APART
    }
    assert found == expected


def test_equal_hashes_hang_together() -> None:
    """A thousand equal hashes are joined up by far fewer than half a million pairs."""
    hashes = np.full(1000, 7, dtype=np.uint64)

    pairs = by_hash(hashes, np.ones(1000, dtype=bool))

    assert len(pairs) < 20_000
    assert {at for pair in pairs.tolist() for at in pair} == set(range(1000))
    assert {(at, at + 1) for at in range(999)} <= {tuple(pair) for pair in pairs.tolist()}


def test_what_has_no_hash_is_in_no_pair() -> None:
    """A plain picture's place in the table holds no hash, and is passed over."""
    hashed = np.array([True, False, True])

    assert by_hash(np.zeros(3, dtype=np.uint64), hashed).tolist() == [[0, 2]]


@pytest.fixture
def vectors(settings: Settings) -> MemoryVectorStore:
    return MemoryVectorStore(settings.library, settings)


def test_neighbours_are_those_of_the_space(vectors: MemoryVectorStore) -> None:
    """Each item comes with its nearest ones; strangers in the space (set aside, half added) are left out."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((30, 8)).astype(np.float32)
    ids = np.arange(30, dtype=np.int64) * 1000 + 5
    vectors.upsert(SPACE, ids, rows)
    known = np.delete(ids, 7)[::-1].copy()

    pairs = by_neighbours(vectors, SPACE, known, lambda _: False, k=3)

    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    scores = unit @ unit.T
    np.fill_diagonal(scores, -2)
    expected = set()
    for at in range(30):
        for near in np.argsort(-scores[at])[:3].tolist():
            if 7 not in {at, near}:
                places = (int(np.flatnonzero(known == ids[at])[0]), int(np.flatnonzero(known == ids[near])[0]))
                expected.add((min(places), max(places)))
    assert {tuple(pair) for pair in pairs.tolist()} == expected


def test_neighbours_stop_when_asked(vectors: MemoryVectorStore) -> None:
    """Nothing is searched once the caller has had enough."""
    vectors.upsert(SPACE, np.arange(4, dtype=np.int64), np.eye(4, 8, dtype=np.float32))

    assert len(by_neighbours(vectors, SPACE, np.arange(4, dtype=np.int64), lambda _: True)) == 0


@pytest.mark.parametrize("in_memory", [0, 1 << 20])
def test_sketches_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int) -> None:
    """Thumbnails lie in memory, or in a file without a name, gone with the process whatever happens to it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sketches = Sketches(3, (4, 4), in_memory=in_memory)
    sketches.put(1, 9, np.full((4, 4), 200, dtype=np.uint8))

    assert list(tmp_path.iterdir()) == []
    assert sketches.thumbnails[1].tolist() == [[200] * 4] * 4
    assert (sketches.hashed.tolist(), sketches.seen.tolist()) == ([False, True, False], [False, True, False])
    sketches.close()


def test_no_room_for_sketches_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full temporary folder is a sentence, and no crash at the first write."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)

    with pytest.raises(StoreFull, match="no room for thumbnails of 3 items"):
        Sketches(3, (4, 4), in_memory=0)
