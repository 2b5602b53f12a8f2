"""Vectors in Milvus against the exact store in memory: the same calls, the same answers."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from milvus_process import MilvusProcess, have_milvus_lite

from morelike.expressions import Compare
from morelike.protocols import VectorStore
from morelike.registry import VECTOR_STORES
from morelike.settings import Settings
from morelike.stores.vectors.memory import MemoryVectorStore
from morelike.testing.kits.vector_store import bits_space, dense_space, within
from morelike.types import Fields, Ids, Space, Vectors, Within
from morelike.vecmath import similarity, top_k

_libraries = itertools.count()
Opened = Callable[[], VectorStore]


@pytest.fixture(params=["lite", "server"])
def opened(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[Opened]:
    """Opens one store as often as it is called: each time as another process would, where Milvus allows for that."""
    if request.param == "lite":
        have_milvus_lite()
        address = "vectors.db"
    else:
        server: MilvusProcess = request.getfixturevalue("milvus_server")
        address = server.address
    library, stores = f"same{next(_libraries)}", []

    def open_() -> VectorStore:
        store = VECTOR_STORES.load("milvus")(tmp_path, settings.model_copy(update={"vectors": address}), library)
        stores.append(store)
        return store

    yield open_
    for space_id in list(stores[0].space_ids()):
        stores[0].drop(space_id)
    for store in stores:
        store.close()


def small_vectors(space: Space, count: int, random: np.random.Generator) -> Vectors:
    """Small whole numbers: sums are exact in any order, and ties abound."""
    if space.card.form == "bits":
        return random.integers(0, 256, (count, 3), dtype=np.uint8) & random.integers(0, 256, (count, 3), dtype=np.uint8)
    return random.integers(-2, 3, (count, 4)).astype(np.float32)


def agree(space: Space, store: VectorStore, exact: MemoryVectorStore, random: np.random.Generator) -> None:
    queries, k = small_vectors(space, 3, random), int(random.integers(1, 12))
    chosen = np.flatnonzero(random.random(151) < random.choice([0.02, 0.2, 0.9]))
    only: Within | None = random.choice([None, within(chosen)])
    found, scores = store.search(space, queries, k, within=only)
    expected, right = exact.search(space, queries, k, within=only)
    np.testing.assert_allclose(scores, right, atol=1e-6)
    if space.card.metric != "cosine":
        np.testing.assert_array_equal(found, expected)
        return
    for query, row, row_scores in zip(queries, found, scores, strict=True):  # lengths of one are rounded: ids may swap
        held, vectors = exact.fetch(space, row[row >= 0])
        assert len(set(held.tolist())) == len(held) == np.isfinite(row_scores).sum()
        assert only is None or set(held.tolist()) <= set(chosen.tolist())
        np.testing.assert_allclose(row_scores[: len(held)], similarity("cosine", query[None], vectors)[0], atol=1e-6)


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2", "tanimoto"])
def test_congruent(opened: Opened, metric: str) -> None:
    """Whatever is written and deleted by one opening, every opening answers as the exact store does, ties included."""
    space = bits_space(dim=24) if metric == "tanimoto" else dense_space(dim=4, metric=metric)
    store, reader = opened(), opened()
    if metric == "tanimoto" and not hasattr(store, "put_fields"):
        return  # Milvus Lite refuses them, as its kit says
    exact = MemoryVectorStore(Path(), Settings())
    random = np.random.default_rng(7)
    for step in range(40):
        ids = random.integers(0, 151, int(random.integers(0, 90)))
        if random.random() < 0.6:
            vectors = small_vectors(space, len(ids), random)
            for each in (store, exact):
                each.upsert(space, ids, vectors)
        else:
            for each in (store, exact):
                each.delete(space, ids)
        agree(space, (store, reader)[step % 2], exact, random)
    everything = np.arange(151)
    found, vectors = reader.fetch(space, everything)
    expected, right = exact.fetch(space, everything)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(vectors, right)
    assert store.count(space) == reader.count(space) == exact.count(space)
    assert np.concatenate([np.empty(0, int), *reader.ids(space)]).tolist() == found.tolist()
    assert store.verify() == []


ROWS, DIM = 6000, 24


@pytest.fixture
def clusters() -> tuple[Ids, Vectors, Vectors]:
    """Ids that descend cluster by cluster, their vectors, and queries near some of them."""
    random = np.random.default_rng(3)
    centres = random.standard_normal((60, DIM))
    vectors = (np.repeat(centres, ROWS // 60, axis=0) + 0.6 * random.standard_normal((ROWS, DIM))).astype(np.float32)
    ids = np.sort(random.choice(2**62, ROWS, replace=False))[::-1].copy()
    near = vectors[random.integers(0, ROWS, 25)] + 0.3 * random.standard_normal((25, DIM))
    return ids, vectors, near.astype(np.float32)


def recall(store: VectorStore, space: Space, rows: tuple[Ids, Vectors, Vectors], only: Within | None = None) -> float:
    """Of ten best ones; nothing may come that the filter does not leave."""
    ids, vectors, queries = rows
    chosen = np.ones(len(ids), dtype=bool) if only is None else np.isin(ids, only.ids())
    _, exact = top_k(similarity(space.card.metric, queries, vectors[chosen]), ids[chosen], 10)
    found, scores = store.search(space, queries, 10, within=only)
    assert np.isin(found[found >= 0], ids[chosen]).all()
    return float((scores >= exact[:, -1:] - 1e-5).mean())


def settle(store: Any, space: Space, rows: int) -> None:
    """As after many more rows: they are sealed, and their index is made."""
    store._unsettled[space.id] = 10**9
    assert store.due(space.id)
    assert store.build(space.id)
    deadline = time.monotonic() + 60
    name = store._spaces.name(space.id)
    while time.monotonic() < deadline:
        said = store._line.ask(lambda client, left: client.describe_index(name, "vector", timeout=left))
        if said.get("pending_index_rows", 0) == 0 and said.get("indexed_rows", rows) >= rows:
            return
        time.sleep(0.1)
    pytest.fail(f"no index after a minute: {said}")


def test_recall_of_an_index(opened: Opened, clusters: tuple[Ids, Vectors, Vectors]) -> None:
    """At least 98 of 100 of the ten best are found: in all, in any share that a filter leaves, also where the filter
    follows the clusters, and after deletions and new vectors.
    """
    space, store = dense_space(dim=DIM), opened()
    ids, vectors, queries = clusters
    store.upsert(space, ids, vectors)
    settle(store, space, ROWS)
    random = np.random.default_rng(5)
    shares = [within(ids[random.random(ROWS) < share]) for share in (0.03, 0.1, 0.5, 0.95)]
    for only in [None, *shares, within(ids[: ROWS // 10]), within(ids[ROWS // 2 :])]:
        assert recall(store, space, clusters, only) >= 0.98

    gone, anew = ids[::4], ids[1::4]
    store.delete(space, gone)
    vectors[1::4] = vectors[1::4][::-1]
    store.upsert(space, anew, vectors[1::4])
    left = ~np.isin(ids, gone)
    rows = ids[left], vectors[left], queries
    for only in [None, *shares]:
        assert recall(store, space, rows, only) >= 0.98
    assert store.count(space) == left.sum()


def test_more_than_milvus_answers(opened: Opened, clusters: tuple[Ids, Vectors, Vectors]) -> None:
    """Filters of more ids than are named at once, and pages longer than an index gives, are answered all the same."""
    space, store = dense_space(dim=DIM, metric="l2"), opened()
    ids, vectors, queries = clusters
    store.upsert(space, ids, vectors)
    settle(store, space, ROWS)
    found, _ = store.search(space, queries[:1], ROWS + 5)
    assert np.sort(found[0, :ROWS]).tolist() == ids[::-1].tolist()
    assert (found[0, ROWS:] == -1).all()
    engine = store._line.engine  # type: ignore[attr-defined]
    for masks_above in (0.01, 1.0):
        store._line._engine = dataclasses.replace(engine, named_ids=700, masks_above=masks_above)  # type: ignore[attr-defined]
        assert recall(store, space, clusters, within(ids[::3])) >= 0.98
        assert recall(store, space, clusters, within(ids[: ROWS // 4])) >= 0.98
    store._line._engine = engine  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["IVF_SQ8", "FLAT"])
def test_an_index_that_somebody_chose(
    milvus_server: MilvusProcess,
    settings: Settings,
    tmp_path: Path,
    clusters: tuple[Ids, Vectors, Vectors],
    kind: str,
) -> None:
    """A collection that was given another index is searched with it, and its scores are those of the vectors as given,
    where the index shortens them too.
    """
    space, (ids, vectors, _) = dense_space(dim=DIM), clusters
    settings = settings.model_copy(update={"vectors": milvus_server.address})
    first, second = (VECTOR_STORES.load("milvus")(tmp_path, settings, "chosen") for _ in range(2))
    first.upsert(space, ids, vectors)
    settle(first, space, ROWS)
    name = first._spaces.name(space.id)

    def exchange(client: Any, left: float) -> None:
        client.release_collection(name)
        client.drop_index(name, "vector")
        indexes = client.prepare_index_params()
        params = {"nlist": 64} if kind == "IVF_SQ8" else {}
        indexes.add_index("vector", index_type=kind, index_name="vector", metric_type="COSINE", params=params)
        client.create_index(name, indexes)
        client.load_collection(name)

    try:
        first._line.ask(exchange, 120)
        assert second.search(space, vectors[:1], 1)[1][0, 0] == pytest.approx(1, abs=1e-6)
        for only in (None, within(ids[::20]), within(ids[::2]), within(ids[: ROWS // 10])):
            assert recall(second, space, clusters, only) >= 0.98
    finally:
        first.drop(space.id)
        first.close()
        second.close()


def sized(number: int) -> list[Fields]:
    return [Fields({"path": f"/p/{number}", "name": f"{number}", "size": number}, (), {}, {})]


def test_pushed_down(milvus_server: MilvusProcess, settings: Settings, tmp_path: Path) -> None:
    """A filter whose fields are kept is not asked for its ids; one of a later revision is, and so are rows without."""
    space = dense_space(dim=DIM)
    address = {"vectors": milvus_server.address}
    stores = [VECTOR_STORES.load("milvus")(tmp_path, settings.model_copy(update=address), "pushed") for _ in range(2)]
    random = np.random.default_rng(1)
    vectors = random.standard_normal((300, DIM)).astype(np.float32)
    ids = np.arange(300)
    stores[0].upsert(space, ids, vectors)
    assert stores[1].fields_revision(space) == -1
    stores[0].put_fields(space, np.append(ids, 999), [sized(number) for number in [*range(300), 999]], 4, whole=True)

    asked = []

    def small(revision: int) -> Within:
        return Within(Compare("size", "<", 30), lambda: asked.append(revision) or np.arange(30), revision)  # type: ignore[func-returns-value]

    try:
        for store in stores:
            assert store.fields_revision(space) == 4
            assert recall(store, space, (ids, vectors, vectors[:5]), within(range(30))) == 1
            found, _ = store.search(space, vectors[:5], 40, within=small(4))
            assert np.sort(found[0, :30]).tolist() == list(range(30))
        assert asked == []
        assert stores[0].count(space) == 300

        stores[0].search(space, vectors[:1], 5, within=small(5))
        assert set(asked) == {5}

        stores[1].upsert(space, np.array([7, 200]), vectors[[7, 200]])  # their fields are not known now
        found, _ = stores[0].search(space, vectors[:5], 40, within=small(4))
        assert np.sort(found[0, :30]).tolist() == list(range(30))
        assert 4 in asked
        _, fetched = stores[0].fetch(space, ids)
        np.testing.assert_allclose(fetched, vectors, rtol=1e-6)
    finally:
        stores[0].drop(space.id)
        for store in stores:
            store.close()
