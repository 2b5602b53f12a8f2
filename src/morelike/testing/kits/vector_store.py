"""What every vector store promises."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from morelike.errors import EncodeError, MorelikeError, SpaceMismatch, UsageError
from morelike.expressions import All
from morelike.protocols import VectorStore
from morelike.types import Card, Ids, Space, Vectors, Within
from morelike.vecmath import normalise, similarity, top_k

__all__ = ["DENSE", "SPACES", "VectorStoreKit", "bits_space", "dense_space", "seeded_vectors", "within"]


def dense_space(id: int = 1, *, dim: int = 8, metric: str = "cosine", name: str = "toy") -> Space:
    card = Card(name, "toy", "dense", dim, metric, {"image": {}}, fingerprint="000000000000")  # type: ignore[arg-type]  # a plain string
    return Space(id, 1, "image", card, active=True)


def bits_space(id: int = 1, *, dim: int = 64, name: str = "toy-bits") -> Space:
    return Space(id, 1, "molecule", Card(name, "toy", "bits", dim, "tanimoto", {"molecule": {}}), active=True)


def seeded_vectors(space: Space, count: int, seed: int = 0) -> Vectors:
    """(count, …) vectors that fit the space."""
    random = np.random.default_rng(seed)
    if space.card.form == "bits":
        return random.integers(0, 256, (count, -(-space.card.dim // 8)), dtype=np.uint8)
    return random.standard_normal((count, space.card.dim), dtype=np.float32)


def within(ids: Sequence[int] | Ids) -> Within:
    """A filter that leaves exactly these ids."""
    left = np.unique(np.asarray(ids, dtype=np.int64))
    return Within(All(()), lambda: left)


SPACES = {
    "cosine": dense_space(),
    "ip": dense_space(metric="ip"),
    "l2": dense_space(metric="l2"),
    "tanimoto": bits_space(),
    "odd-bits": bits_space(dim=21),
}
DENSE = ("cosine", "ip", "l2")


class VectorStoreKit:
    """Subclass it and give a fixture ``store``: an empty store."""

    keeps_bits = True
    """False where the store refuses packed bits: then ``space`` is to be one of ``DENSE`` only."""

    @pytest.fixture
    def store(self) -> VectorStore:
        raise NotImplementedError

    @pytest.fixture(params=sorted(SPACES))
    def space(self, request: pytest.FixtureRequest) -> Space:
        return SPACES[request.param]

    def test_bits_are_kept_or_refused(self, store: VectorStore) -> None:
        """A store that keeps no packed bits says so in a sentence that names another one, and has written nothing."""
        space = bits_space()
        if self.keeps_bits:
            store.upsert(space, np.array([1]), seeded_vectors(space, 1))
            assert store.count(space) == 1
            return
        with pytest.raises(UsageError) as refused:
            store.upsert(space, np.array([1]), seeded_vectors(space, 1))
        assert "MORELIKE_VECTORS" in refused.value.hint
        assert list(store.space_ids()) == []

    def test_search_is_exact(self, store: VectorStore, space: Space) -> None:
        """The answer is that of scoring every vector by the metric's definition."""
        vectors, queries = seeded_vectors(space, 300), seeded_vectors(space, 7, seed=1)
        ids = np.random.default_rng(2).choice(2**62, 300, replace=False)
        store.upsert(space, ids, vectors)

        found, scores = store.search(space, queries, 10)

        expected, exact = top_k(similarity(space.card.metric, queries, vectors), ids, 10)
        assert found.shape == scores.shape == (7, 10)
        assert found.dtype == np.int64
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores, exact, rtol=1e-5, atol=1e-6)
        if space.card.form == "dense":  # bits tie often; ties have a test of their own
            np.testing.assert_array_equal(found, expected)

    def test_itself_is_found_first(self, store: VectorStore, space: Space) -> None:
        """A stored vector's best hit is itself, with the metric's best score."""
        vectors = seeded_vectors(space, 50)
        if space.card.metric == "ip":
            vectors = normalise(vectors)
        store.upsert(space, np.arange(50), vectors)

        found, scores = store.search(space, vectors[:5], 1)

        best = {"cosine": 1.0, "ip": 1.0, "l2": 0.0, "tanimoto": 1.0}[space.card.metric]
        assert found[:, 0].tolist() == [0, 1, 2, 3, 4]
        np.testing.assert_allclose(scores, best, atol=1e-5)

    def test_ties_by_ascending_id(self, store: VectorStore, space: Space) -> None:
        """Equal scores come in the order of their ids, at the edge of k too."""
        one = np.zeros((1, seeded_vectors(space, 1).shape[1]), dtype=seeded_vectors(space, 1).dtype)
        one[0, 1] = 1
        ids = np.array([70, 10, 50, 30, 60, 20, 40])
        store.upsert(space, ids, np.repeat(one, 7, axis=0))

        found, _ = store.search(space, one, 4)

        assert found.tolist() == [[10, 20, 30, 40]]

    def test_fewer_than_k_are_padded(self, store: VectorStore, space: Space) -> None:
        """Where there are fewer vectors than asked for, ids end in -1 and scores in -inf."""
        store.upsert(space, np.array([4, 9]), seeded_vectors(space, 2))

        found, scores = store.search(space, seeded_vectors(space, 3, seed=1), 5)

        assert (found[:, 2:] == -1).all()
        assert (found[:, :2] >= 0).all()
        assert np.isneginf(scores[:, 2:]).all()

    def test_empty_space(self, store: VectorStore, space: Space) -> None:
        """A space that holds nothing answers with padding, no ids and a count of 0."""
        found, scores = store.search(space, seeded_vectors(space, 2), 3)

        assert found.tolist() == [[-1] * 3] * 2
        assert np.isneginf(scores).all()
        assert store.count(space) == 0
        assert list(store.ids(space)) == []
        assert list(store.space_ids()) == []

    def test_upsert_overwrites(self, store: VectorStore, space: Space) -> None:
        """An id has one vector: the one given last."""
        vectors = seeded_vectors(space, 6)
        store.upsert(space, np.arange(5), vectors[:5])
        store.search(space, vectors[:1], 1)
        store.upsert(space, np.array([3]), vectors[5:])

        _, fetched = store.fetch(space, np.array([3]))

        assert store.count(space) == 5
        _same(space, fetched, vectors[5:])
        if space.card.metric != "ip":
            assert store.search(space, vectors[5:], 1)[0].tolist() == [[3]]

    def test_last_of_a_repeated_id_counts(self, store: VectorStore, space: Space) -> None:
        """One batch may name an id twice; the later vector is kept."""
        vectors = seeded_vectors(space, 3)
        store.upsert(space, np.array([7, 8, 7]), vectors)

        found, fetched = store.fetch(space, np.array([7, 8]))

        assert found.tolist() == [7, 8]
        _same(space, fetched, vectors[[2, 1]])

    def test_delete(self, store: VectorStore, space: Space) -> None:
        """Deleted vectors are not found, fetched or counted; absent ids are passed over; the rest stays right."""
        vectors = seeded_vectors(space, 40)
        store.upsert(space, np.arange(40), vectors)
        store.search(space, vectors[:1], 1)
        gone = np.array([0, 5, 17, 38, 39, 1000])
        store.delete(space, gone)

        found, scores = store.search(space, vectors[:3], 40)

        left = np.setdiff1d(np.arange(40), gone)
        _, exact = top_k(similarity(space.card.metric, vectors[:3], vectors[left]), left, 40)
        assert sorted(found[0].tolist()) == [-1] * 5 + left.tolist()
        np.testing.assert_allclose(scores, exact, rtol=1e-5, atol=1e-6)
        assert store.count(space) == 35
        assert store.fetch(space, gone)[0].tolist() == []

    def test_everything_deleted(self, store: VectorStore, space: Space) -> None:
        """A space may be emptied and filled again."""
        vectors = seeded_vectors(space, 3)
        store.upsert(space, np.arange(3), vectors)
        store.delete(space, np.arange(3))

        assert store.search(space, vectors, 1)[0].tolist() == [[-1]] * 3
        store.upsert(space, np.array([1]), vectors[1:2])
        assert store.search(space, vectors[1:2], 2)[0].tolist() == [[1, -1]]

    def test_fetch_keeps_the_order(self, store: VectorStore, space: Space) -> None:
        """``fetch`` gives those that are there, as they were asked for."""
        vectors = seeded_vectors(space, 10)
        store.upsert(space, np.arange(10) * 3, vectors)

        found, fetched = store.fetch(space, np.array([9, 1, 27, 0]))

        assert found.tolist() == [9, 27, 0]
        _same(space, fetched, vectors[[3, 9, 0]])

    @pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
    def test_within(self, store: VectorStore, space: Space, share: float) -> None:
        """A filter leaves only its own ids, and the answer inside it is exact, however many they are."""
        vectors, queries = seeded_vectors(space, 400), seeded_vectors(space, 3, seed=1)
        store.upsert(space, np.arange(400) * 2, vectors)
        chosen = np.random.default_rng(3).choice(400, int(400 * share), replace=False)
        chosen.sort()
        also_unknown = np.concatenate([chosen * 2, [801, 10**9]])

        found, scores = store.search(space, queries, 6, within=within(also_unknown))

        _, exact = top_k(similarity(space.card.metric, queries, vectors[chosen]), chosen * 2, 6)
        assert np.isin(found[found >= 0], chosen * 2).all()
        np.testing.assert_allclose(scores, exact, rtol=1e-5, atol=1e-6)

    def test_the_same_filter_after_a_change(self, store: VectorStore, space: Space) -> None:
        """A filter that is used again sees what was written and deleted meanwhile."""
        vectors = seeded_vectors(space, 20)
        store.upsert(space, np.arange(10), vectors[:10])
        chosen = np.array([2, 9, 15])
        chosen.flags.writeable = False
        only = Within(All(()), lambda: chosen)
        before, _ = store.search(space, vectors[:1], 3, within=only)
        store.upsert(space, np.arange(10, 20), vectors[10:])
        store.delete(space, np.array([0, 2]))

        after, _ = store.search(space, vectors[:1], 3, within=only)

        assert sorted(before[0].tolist()) == [-1, 2, 9]
        assert sorted(after[0].tolist()) == [-1, 9, 15]

    def test_spaces_are_apart(self, store: VectorStore) -> None:
        """The same id in two spaces is two vectors; dropping one space leaves the other."""
        one, two = dense_space(1, metric="l2"), bits_space(2) if self.keeps_bits else dense_space(2, name="other")
        store.upsert(one, np.array([5]), seeded_vectors(one, 1))
        store.upsert(two, np.array([5, 6]), seeded_vectors(two, 2))

        assert list(store.space_ids()) == [1, 2]
        store.drop(two.id)
        assert list(store.space_ids()) == [1]
        assert (store.count(one), store.count(two)) == (1, 0)
        assert store.search(two, seeded_vectors(two, 1), 1)[0].tolist() == [[-1]]
        assert store.search(one, seeded_vectors(one, 1), 1)[0].tolist() == [[5]]

    def test_drop_of_an_unknown_space(self, store: VectorStore, space: Space) -> None:
        """Dropping or deleting from a space that was never written is no error."""
        store.drop(space.id)
        store.delete(space, np.array([1]))

        assert store.count(space) == 0

    def test_ids_ascend(self, store: VectorStore, space: Space) -> None:
        """``ids`` names every stored id, in blocks, ascending."""
        ids = np.random.default_rng(0).choice(2**62, 100, replace=False)
        store.upsert(space, ids, seeded_vectors(space, 100))

        assert np.concatenate(list(store.ids(space))).tolist() == sorted(ids.tolist())

    def test_largest_ids(self, store: VectorStore, space: Space) -> None:
        """Ids use 63 bits."""
        ids = np.array([2**63 - 1, 0, 2**62])
        vectors = seeded_vectors(space, 3)
        store.upsert(space, ids, vectors)

        assert store.fetch(space, ids)[0].tolist() == ids.tolist()
        assert set(store.search(space, vectors[:1], 3)[0][0].tolist()) == set(ids.tolist())

    def test_zero_vectors(self, store: VectorStore, space: Space) -> None:
        """A vector of zeros can be stored and searched with; no score is nan."""
        zero = np.zeros_like(seeded_vectors(space, 1))
        store.upsert(space, np.array([1, 2]), np.concatenate([zero, seeded_vectors(space, 1)]))

        found, scores = store.search(space, zero, 2)

        assert sorted(found[0].tolist()) == [1, 2]
        assert np.isfinite(scores).all()

    def test_other_width_or_type_is_refused(self, store: VectorStore, space: Space) -> None:
        """Vectors of another width or dtype raise SpaceMismatch, which names the space and its card."""
        right = seeded_vectors(space, 1)
        store.upsert(space, np.array([1]), right)

        for wrong in (np.concatenate([right, right], axis=1), right.astype(np.float64), right[0]):
            with pytest.raises(SpaceMismatch, match=f"space {space.id} of {space.card.name}@"):
                store.upsert(space, np.array([2]), wrong)
        with pytest.raises(SpaceMismatch):
            store.search(space, np.concatenate([right, right], axis=1), 1)
        assert store.count(space) == 1

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
    def test_not_finite_is_refused(self, store: VectorStore, bad: float) -> None:
        """A vector with nan or infinity, or one whose products overflow, is refused and nothing is written."""
        space = dense_space()
        vectors = seeded_vectors(space, 3)
        vectors[1, 2] = bad

        with pytest.raises(EncodeError, match="toy"):
            store.upsert(space, np.arange(3), vectors)
        with pytest.raises(MorelikeError):
            store.search(space, vectors[1:2], 1)
        assert store.count(space) == 0

    def test_negative_ids_are_refused(self, store: VectorStore, space: Space) -> None:
        """A negative id would look like padding."""
        with pytest.raises(MorelikeError):
            store.upsert(space, np.array([-1]), seeded_vectors(space, 1))

    def test_empty_batches(self, store: VectorStore, space: Space) -> None:
        """No rows, no queries and k = 0 are all allowed."""
        none = seeded_vectors(space, 0)
        store.upsert(space, np.empty(0, dtype=np.int64), none)
        store.delete(space, np.empty(0, dtype=np.int64))
        store.upsert(space, np.array([1]), seeded_vectors(space, 1))

        assert store.search(space, none, 3)[0].shape == (0, 3)
        assert store.search(space, seeded_vectors(space, 2), 0)[0].shape == (2, 0)
        assert store.fetch(space, np.empty(0, dtype=np.int64))[1].shape == (0, seeded_vectors(space, 1).shape[1])

    def test_checkpoint_changes_no_answer(self, store: VectorStore, space: Space) -> None:
        """``checkpoint`` may be called at any time; ``verify`` finds nothing wrong."""
        store.checkpoint()
        vectors = seeded_vectors(space, 30)
        store.upsert(space, np.arange(30), vectors)
        before = store.search(space, vectors[:3], 5)
        store.checkpoint()

        after = store.search(space, vectors[:3], 5)

        np.testing.assert_array_equal(before[0], after[0])
        np.testing.assert_array_equal(before[1], after[1])
        assert store.verify() == []
        assert store.bytes_used() > 0

    def test_build_changes_no_answer(self, store: VectorStore, space: Space) -> None:
        """``build`` may be called at any time, for a space or for all; what it made can be told only by the clock."""
        assert not store.due()
        assert not store.build()
        vectors = seeded_vectors(space, 60)
        store.upsert(space, np.arange(60), vectors)
        before = store.search(space, vectors[:3], 5)
        store.build(space.id)
        store.build(stop=threading.Event())

        after = store.search(space, vectors[:3], 5)

        np.testing.assert_array_equal(before[0], after[0])
        np.testing.assert_array_equal(before[1], after[1])
        assert not store.due()
        assert not store.due(space.id + 1)
        assert store.verify() == []

    def test_a_build_that_is_stopped(self, store: VectorStore, space: Space) -> None:
        """A build whose ``stop`` is set already ends at once and harms nothing."""
        stop = threading.Event()
        stop.set()
        vectors = seeded_vectors(space, 60)
        store.upsert(space, np.arange(60), vectors)

        assert not store.build(stop=stop)
        assert store.search(space, vectors[:1], 1)[0].shape == (1, 1)
        assert store.count(space) == 60

    def test_searches_beside_writes(self, store: VectorStore) -> None:
        """While a thread writes, overwrites and deletes, others search: each answer holds whole vectors only."""
        space = dense_space(metric="l2", dim=16)
        wrong: list[float] = []
        stop = threading.Event()

        def search() -> None:
            while not stop.is_set():
                found, scores = store.search(space, np.zeros((1, 16), dtype=np.float32), 50)
                # every stored vector is (v, v, …, v) with v its id modulo 7, so its distance is known
                expected = -16.0 * (found[0] % 7).astype(np.float32) ** 2
                wrong.extend(scores[0][(found[0] >= 0) & (scores[0] != expected)].tolist())

        threads = [threading.Thread(target=search) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for start in range(0, 300, 10):
                ids = np.arange(start, start + 30)
                store.upsert(space, ids, np.repeat((ids % 7)[:, None], 16, axis=1).astype(np.float32))
                store.delete(space, ids[::4])
        finally:
            stop.set()
            for thread in threads:
                thread.join()

        assert wrong == []


def _same(space: Space, fetched: Vectors, given: Vectors) -> None:
    """Fetched vectors are those given; a store may keep cosine spaces at length one."""
    assert fetched.dtype == given.dtype
    if space.card.metric == "cosine":
        fetched, given = normalise(fetched), normalise(given)
    np.testing.assert_allclose(fetched, given, rtol=1e-6, atol=1e-7)
