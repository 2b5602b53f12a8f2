"""The index in memory: blocks, gaps and threads never show in an answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from morelike.stores.vectors import flat
from morelike.stores.vectors.flat import FlatIndex
from morelike.stores.vectors.shape import Shape
from morelike.testing.kits.vector_store import bits_space, dense_space, seeded_vectors
from morelike.vecmath import similarity, top_k

SPACES = [dense_space(metric="cosine", dim=5), dense_space(metric="l2", dim=16), bits_space(dim=100)]


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 rows a block, and work is always shared among threads."""
    monkeypatch.setattr(flat, "_BLOCK_BYTES", 1)
    monkeypatch.setattr(flat, "_ALONE_BYTES", 0)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.card.metric)
@pytest.mark.parametrize("count", [1, 63, 64, 65, 200, 641])
@pytest.mark.parametrize("threads", [1, 3])
def test_many_blocks(space, count: int, threads: int) -> None:
    """Any number of blocks, threads and queries gives the exact answer, filtered or not."""
    vectors, queries = seeded_vectors(space, count), seeded_vectors(space, 70, seed=1)
    ids = np.random.default_rng(2).choice(2**62, count, replace=False)
    index = FlatIndex(Shape.of(space.card))
    for start in range(0, count, 50):
        index.append(ids[start : start + 50], vectors[start : start + 50])
    half = np.sort(ids)[::2]
    inside = np.isin(ids, half)
    with ThreadPoolExecutor(threads) as pool:
        found = index.search(queries, 12, None, pool, threads)
        filtered = index.search(queries, 12, index.rows(half), pool, threads)

    exact = top_k(similarity(space.card.metric, queries, vectors), ids, 12)
    exact_inside = top_k(similarity(space.card.metric, queries, vectors[inside]), ids[inside], 12)
    for (got, scores), (expected, right) in ((found, exact), (filtered, exact_inside)):
        np.testing.assert_allclose(scores, right, rtol=1e-5, atol=1e-6)
        if space.card.metric == "tanimoto":  # both sides divide the same whole numbers
            np.testing.assert_array_equal(got, expected)


def test_equal_rows_tie_wherever_they_stand() -> None:
    """Copies of one vector have the very same score in every block, so ids decide."""
    for metric in ("cosine", "ip", "l2"):
        space = dense_space(metric=metric, dim=37)
        one, query = seeded_vectors(space, 1, seed=4), seeded_vectors(space, 1, seed=5)
        ids = np.random.default_rng(0).permutation(500)
        index = FlatIndex(Shape.of(space.card))
        index.append(ids, np.repeat(one, 500, axis=0))
        with ThreadPoolExecutor(2) as pool:
            found, scores = index.search(query, 100, None, pool, 2)

        assert found[0].tolist() == list(range(100))
        assert len(set(scores[0].tolist())) == 1


def test_put_and_remove_agree_with_a_dict() -> None:
    """After any mixture of new, overwritten and removed rows the index holds what a dict would."""
    random = np.random.default_rng(7)
    space = dense_space(metric="l2", dim=3)
    index, model = FlatIndex(Shape.of(space.card)), {}
    for _ in range(120):
        ids = random.choice(400, random.integers(0, 60), replace=False)
        if random.random() < 0.6:
            vectors = random.integers(-9, 9, (len(ids), 3)).astype(np.float32)
            index.put(ids, vectors)
            model.update(zip(ids.tolist(), vectors.tolist(), strict=True))
        else:
            index.remove(np.concatenate([ids, ids[:3]]))
            for segment in ids.tolist():
                model.pop(segment, None)
        held_ids, blocks = index.dump()
        rows = np.concatenate([*blocks, np.empty((0, 3), dtype=np.float32)])

        assert len(index) == len(model)
        assert dict(zip(held_ids.tolist(), rows.tolist(), strict=True)) == model
        known = index.rows(np.arange(400))
        assert held_ids[known].tolist() == held_ids.tolist()


def test_memory_is_about_the_vectors_own() -> None:
    """Beside the vectors an index keeps no more than a few numbers a row, and no second copy."""
    import tracemalloc

    space = dense_space(dim=256)
    tracemalloc.start()
    index = FlatIndex(Shape.of(space.card))
    for start in range(0, 6400, 64):
        index.put(np.arange(start, start + 64), seeded_vectors(space, 64, seed=start))
    current, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    own = 6400 * 256 * 4
    assert current < own * 1.1
    assert peak < own * 1.3
