"""The embedded vector store against the exact one: the same calls, the same answers, whatever happens in between."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morelike.settings import Settings
from morelike.stores.vectors import faiss, flat
from morelike.stores.vectors.faiss import FaissVectorStore
from morelike.stores.vectors.memory import MemoryVectorStore
from morelike.testing.kits.vector_store import bits_space, dense_space, within
from morelike.types import Space, Vectors
from morelike.vecmath import similarity

SPACES = [
    dense_space(dim=4, metric="cosine"),
    dense_space(dim=4, metric="ip"),
    dense_space(dim=4, metric="l2"),
    bits_space(dim=24),
]
IDS = st.lists(st.integers(0, 150), max_size=90)
STEPS = st.one_of(
    st.tuples(st.just("upsert"), IDS, st.integers(0, 2**32 - 1)),
    st.tuples(st.just("delete"), IDS),
    st.tuples(st.just("search"), st.integers(0, 2**32 - 1), st.integers(1, 12), st.none() | IDS),
    st.tuples(st.sampled_from(["checkpoint", "reopen", "drop"])),
)


@pytest.fixture(autouse=True, scope="module")
def _small() -> Any:
    """Small blocks, and a snapshot at every checkpoint."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flat, "_BLOCK_BYTES", 1)
        patch.setattr(flat, "_ALONE_BYTES", 0)
        patch.setattr(faiss, "_FIRST_SNAPSHOT", 1)
        patch.setattr(faiss, "_MANY_CHANGES", 0)
        patch.setattr(faiss, "_MANY_DELETIONS", 0)
        yield


def small_vectors(space: Space, count: int, seed: int) -> Vectors:
    """Small whole numbers: sums are exact in any order, and ties abound."""
    random = np.random.default_rng(seed)
    if space.card.form == "bits":
        return random.integers(0, 256, (count, 3), dtype=np.uint8) & random.integers(0, 256, (count, 3), dtype=np.uint8)
    return random.integers(-2, 3, (count, 4)).astype(np.float32)


def agree(space: Space, store: FaissVectorStore, exact: MemoryVectorStore, step: tuple[Any, ...]) -> None:
    _, seed, k, chosen = step
    queries = small_vectors(space, 3, seed)
    only = None if chosen is None else within(chosen)
    found, scores = store.search(space, queries, k, within=only)
    expected, right = exact.search(space, queries, k, within=only)
    np.testing.assert_allclose(scores, right, atol=1e-6)
    if space.card.metric != "cosine":
        np.testing.assert_array_equal(found, expected)
        return
    for query, row, row_scores in zip(queries, found, scores, strict=True):  # lengths of one are rounded: ids may swap
        held, vectors = exact.fetch(space, row[row >= 0])
        assert len(set(held.tolist())) == len(held) == np.isfinite(row_scores).sum()
        assert chosen is None or set(held.tolist()) <= set(chosen)
        own = similarity("cosine", query[None], vectors)[0]
        np.testing.assert_allclose(row_scores[: len(held)], own, atol=1e-6)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.card.metric)
@given(steps=st.lists(STEPS, max_size=14))
@settings(max_examples=30, deadline=None)
def test_congruent(space: Space, steps: list[tuple[Any, ...]]) -> None:
    """Two openings of one folder answer as the exact store does, across checkpoints, reopenings and drops."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        store, reader = FaissVectorStore(folder, Settings()), FaissVectorStore(folder, Settings())
        exact = MemoryVectorStore(folder, Settings())
        for step in [*steps, ("search", 1, 5, None)]:
            match step:
                case ("upsert", ids, seed):
                    vectors = small_vectors(space, len(ids), seed)
                    for each in (store, exact):
                        each.upsert(space, np.array(ids, dtype=np.int64), vectors)
                case ("delete", ids):
                    for each in (store, exact):
                        each.delete(space, np.array(ids, dtype=np.int64))
                case ("search", *_):
                    agree(space, store, exact, step)
                    if step[1] % 2:  # the other process does not look each time
                        agree(space, reader, exact, step)
                case ("checkpoint",):
                    store.checkpoint()
                case ("reopen",):
                    store.close()
                    store = FaissVectorStore(folder, Settings())
                case ("drop",):
                    store.drop(space.id)
                    exact.drop(space.id)
        everything = np.arange(151)
        found, vectors = store.fetch(space, everything)
        expected, right = exact.fetch(space, everything)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(vectors, right)
        assert store.count(space) == reader.count(space) == exact.count(space)
        assert [block.tolist() for block in store.ids(space)] == [block.tolist() for block in exact.ids(space)]
        assert store.verify() == []
        store.close()
        reader.close()
