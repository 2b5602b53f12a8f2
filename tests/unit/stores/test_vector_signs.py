"""Signs of rotated vectors: what they rule out is not near; a filter that follows the clusters is answered by them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from morelike.expressions import All
from morelike.settings import Settings
from morelike.stores.vectors import building, making, scanning
from morelike.stores.vectors.codes import Codes, ask, rotated
from morelike.stores.vectors.faiss import FaissVectorStore
from morelike.stores.vectors.memory import MemoryVectorStore
from morelike.stores.vectors.scanning import _Search
from morelike.stores.vectors.signs import Signs
from morelike.testing.kits.vector_store import dense_space
from morelike.types import Ids, Vectors, Within
from morelike.vecmath import normalise

DIM, ROWS, CLUSTERS = 512, 4_000, 64
SPACE = dense_space(dim=DIM)
IDS = np.random.default_rng(5).choice(2**62, ROWS, replace=False)


def clustered(count: int, seed: int) -> tuple[Vectors, Ids]:
    """Clusters, some of them near each other, and which of them each row belongs to."""
    shared = np.random.default_rng(0)
    directions = shared.standard_normal((3, DIM), dtype=np.float32)
    centres = shared.standard_normal((CLUSTERS, 3), dtype=np.float32) @ directions / np.float32(3**0.5)
    random = np.random.default_rng(seed)
    cluster = random.integers(0, CLUSTERS, count)
    return centres[cluster] + np.float32(0.5) * random.standard_normal((count, DIM), dtype=np.float32), cluster


VECTORS, CLUSTER = clustered(ROWS, 1)
QUERIES, ASKED = clustered(100, 2)


def only(chosen: Ids) -> Within:
    left = np.sort(chosen)
    left.flags.writeable = False
    return Within(All(()), lambda: left)


def coded(rows: Vectors) -> Codes:
    turned = rotated(normalise(rows))
    codes = Codes(DIM, float(np.abs(turned).max()) / 127, 1.0)
    codes.make_room(len(rows))[:] = codes.encode(turned)
    return codes


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FaissVectorStore, MemoryVectorStore]]:
    """4 000 rows in one segment with a graph, of which signs are looked at from 500 rows on; and the exact store."""
    for name, rows in {"SETTLED": 2_000, "GRAPH_ROWS": 500}.items():
        monkeypatch.setattr(making, name, rows)
    monkeypatch.setattr(building, "_NICENESS", 0)
    monkeypatch.setattr(scanning, "_SIFTED", 500)
    monkeypatch.setattr(scanning, "_SAMPLE", 32)
    store, exact = FaissVectorStore(tmp_path, Settings()), MemoryVectorStore(tmp_path, Settings())
    for each in (store, exact):
        each.upsert(SPACE, IDS, VECTORS)
    assert store.build()
    yield store, exact
    store.close()


def make_signs(store: FaissVectorStore) -> None:
    """Wait for them, as searches do not."""
    store.search(SPACE, QUERIES[:1], 1)
    state = store._held[SPACE.id].state
    assert state is not None
    for segment in state.index.segments:
        segment.signs(store._pool)
        assert segment._signs is not None
        segment._signs.result()


def test_signs_that_differ_are_counted() -> None:
    """The count is that of the numbers whose signs differ after the rotation, whatever the slice."""
    signs = Signs(coded(VECTORS))
    rows, query = rotated(normalise(VECTORS)), rotated(normalise(QUERIES[:1]))[0]
    everything = np.ones(ROWS, dtype=np.bool_)
    found = signs.differing(ask(query), slice(100, 3_000), everything)
    differ = (np.abs(rows) > 0.01) & ((rows >= 0) != (query >= 0))  # of small numbers the sign may be rounded away
    small = (np.abs(rows) <= 0.01) | (np.abs(query) <= 0.01)

    assert (found >= (differ & ~small)[100:3_000].sum(axis=1)).all()
    assert (found <= (differ | small)[100:3_000].sum(axis=1)).all()


def test_rows_outside_of_the_mask_differ_in_more_than_all() -> None:
    """So no bound lets them through."""
    mask = np.arange(ROWS) % 3 == 0
    found = Signs(coded(VECTORS)).differing(ask(rotated(QUERIES[:1])[0]), slice(10, ROWS), mask)

    np.testing.assert_array_equal(found > DIM, ~mask[10:])


def test_near_rows_are_not_ruled_out() -> None:
    """Of 400 000 pairs no more than one in a hundred differs in more signs than its own cosine allows."""
    signs = Signs(coded(VECTORS))
    cosines = normalise(QUERIES) @ normalise(VECTORS).T
    asked = rotated(normalise(QUERIES))
    missed, everything = 0, np.ones(ROWS, dtype=np.bool_)
    for query, row in zip(asked, cosines, strict=True):
        most = np.array([signs.most(float(cosine)) for cosine in row])
        missed += int((signs.differing(ask(query), slice(0, ROWS), everything) > most).sum())

    assert missed <= ROWS * len(QUERIES) / 100


@pytest.mark.parametrize("k", [1, 10, 100])
def test_recall_outside_of_the_own_cluster(stores, monkeypatch: pytest.MonkeyPatch, k: int) -> None:
    """A filter that leaves half of the clusters, the query's own not among them: recall >= 0.98, without a scan of all
    that is left for most queries, each score exact.
    """
    store, exact = stores
    make_signs(store)
    sifted: list[bool] = []
    real = _Search._sift
    monkeypatch.setattr(_Search, "_sift", lambda self, part: sifted.append(real(self, part)) or sifted[-1])
    hits = 0
    for query, own in zip(QUERIES, ASKED, strict=True):
        left = only(IDS[(CLUSTER + own) % 2 == 1])
        found, scores = store.search(SPACE, query[None], k, within=left)
        right, best = exact.search(SPACE, query[None], k, within=left)
        hits += len(np.intersect1d(found, right))
        known = dict(zip(right[0].tolist(), best[0].tolist(), strict=True))
        for segment, score in zip(found[0].tolist(), scores[0].tolist(), strict=True):
            assert score == pytest.approx(known.get(segment, score), abs=1e-5)

    assert hits >= 0.98 * k * len(QUERIES)
    assert sum(sifted) >= len(QUERIES) // 2


def test_rows_that_died_are_not_found(stores) -> None:
    """What is deleted after the signs were made is not an answer."""
    store, _ = stores
    make_signs(store)
    gone = IDS[::2]
    store.delete(SPACE, gone)
    found, _ = store.search(SPACE, QUERIES, 10, within=only(IDS[CLUSTER < CLUSTERS // 2]))

    assert not np.isin(found, gone).any()
    assert (found >= 0).all()


def test_the_first_search_does_not_wait(stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """While signs are being made, searches scan, and are exact."""
    store, exact = stores
    monkeypatch.setattr(scanning.Segment, "signs", lambda *_: None)
    left = only(IDS[CLUSTER < CLUSTERS // 2])
    outside = QUERIES[CLUSTERS // 2 <= ASKED]
    found, _ = store.search(SPACE, outside, 10, within=left)
    right, _ = exact.search(SPACE, outside, 10, within=left)

    assert np.mean([len(np.intersect1d(a, b)) for a, b in zip(found, right, strict=True)]) >= 9.8
