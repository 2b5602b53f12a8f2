"""The reference arithmetic."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from morelike.vecmath import normalise, popcount, similarity, tanimoto, top_k

BITS = hnp.arrays(np.uint8, st.tuples(st.integers(1, 5), st.just(4)))


@given(BITS, BITS)
def test_tanimoto_is_its_definition(queries: np.ndarray, rows: np.ndarray) -> None:
    """|a ∩ b| / |a ∪ b| over the unpacked bits."""
    a, b = np.unpackbits(queries, axis=1).astype(int), np.unpackbits(rows, axis=1).astype(int)
    both = a @ b.T
    either = a.sum(1)[:, None] + b.sum(1)[None, :] - both
    expected = np.where(either > 0, both / np.maximum(either, 1), 0).astype(np.float32)

    np.testing.assert_allclose(tanimoto(queries, rows), expected, rtol=1e-6)


@given(BITS)
def test_popcount_counts_bits(rows: np.ndarray) -> None:
    """The number of ones in each row."""
    assert np.unpackbits(rows, axis=1).sum(axis=1).tolist() == popcount(rows).tolist()


def test_scores_are_higher_for_closer_in_every_metric() -> None:
    """A row is closest to itself."""
    rows = np.random.default_rng(0).standard_normal((20, 8)).astype(np.float32)
    for metric in ("cosine", "l2"):
        assert similarity(metric, rows, rows).argmax(axis=1).tolist() == list(range(20))


def test_squared_distance_is_exact_enough() -> None:
    """``l2`` is minus the squared distance."""
    a, b = np.array([[1.0, 2.0]], dtype=np.float32), np.array([[4.0, 6.0]], dtype=np.float32)

    assert similarity("l2", a, b).tolist() == [[-25.0]]


def test_a_zero_row_stays_zero() -> None:
    """Normalising never divides by nothing."""
    assert normalise(np.zeros((1, 3), dtype=np.float32)).tolist() == [[0.0, 0.0, 0.0]]


@given(
    hnp.arrays(np.float32, st.integers(0, 12).map(lambda n: (1, n)), elements=st.sampled_from([0.0, 0.5, 1.0])),
    st.integers(1, 15),
)
def test_top_k_sorts_by_score_then_id_and_pads(scores: np.ndarray, k: int) -> None:
    """The same as sorting everything, with -1 and -inf behind the end."""
    ids = np.arange(scores.shape[1], dtype=np.int64)[::-1].copy()
    expected = sorted(zip(ids.tolist(), scores[0].tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))[:k]

    found_ids, found_scores = top_k(scores, ids, k)

    padding = [(-1, float("-inf"))] * (k - len(expected))
    assert expected + padding == list(zip(found_ids[0].tolist(), found_scores[0].tolist(), strict=True))
