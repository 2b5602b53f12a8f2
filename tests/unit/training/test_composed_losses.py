"""Losses of composed retrieval: the vectorised forms against the published ones, a triplet at a time."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morelike.errors import UsageError

torch = pytest.importorskip("torch", reason="the extra `train` is not installed (torch)")

from morelike.training.composed.losses import (  # noqa: E402 - after the skip
    LOSSES,
    Indices,
    batch_based_classification,
    draw_triplets,
    soft_triplet,
    triplet_loss,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def points(rows: int, dim: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, dim, generator=seeded(seed), dtype=torch.float32)


def one_at_a_time(vectors: torch.Tensor, triplets: list[tuple[int, int, int]]) -> torch.Tensor:
    """The published loop: each triplet's loss by itself, then the mean."""
    total = torch.zeros(())
    for anchor, positive, negative in triplets:
        near = ((vectors[anchor] - vectors[positive]) ** 2).sum()
        far = ((vectors[anchor] - vectors[negative]) ** 2).sum()
        total = total + torch.log(1 + torch.exp(near - far))
    return total / len(triplets)


def every_triplet(rows: int) -> list[tuple[int, int, int]]:
    """What the published code lists before it picks: labels twice over, anchors, positives, negatives."""
    labels = [*range(rows), *range(rows)]
    everyone = range(len(labels))
    return [
        (i, j, k)
        for i in everyone
        for j in everyone
        if i != j and labels[i] == labels[j]
        for k in everyone
        if labels[i] != labels[k]
    ]


def as_list(triplets: Indices) -> list[tuple[int, int, int]]:
    return list(zip(*(indices.tolist() for indices in triplets), strict=True))


@settings(max_examples=50, deadline=None)
@given(rows=st.integers(2, 40), seed=st.integers(0, 2**31))
def test_drawn_triplets_are_the_published_ones(rows: int, seed: int) -> None:
    """Each is one that the published code lists, none is there twice, and every anchor has as many as it may."""
    drawn = as_list(draw_triplets(rows, seeded(seed)))
    assert len(set(drawn)) == len(drawn)
    assert set(drawn) <= set(every_triplet(rows))
    assert Counter(anchor for anchor, _, _ in drawn) == dict.fromkeys(range(2 * rows), min(3, 2 * rows - 2))


def test_two_rows_are_all_triplets() -> None:
    """With two negatives an anchor nothing is left to chance: the loss is the published loop's."""
    vectors = points(4)
    loss = soft_triplet(vectors[:2], vectors[2:], seeded(5))
    torch.testing.assert_close(loss, one_at_a_time(vectors, every_triplet(2)))


def test_negatives_are_drawn_evenly() -> None:
    """Of 4 others, each of the 24 ordered triples is as likely: 4 000 draws, each count within five deviations."""
    generator = seeded(1)
    counts: Counter[tuple[int, ...]] = Counter()
    for _ in range(2000):
        negatives = draw_triplets(3, generator)[2].reshape(6, 3)
        counts.update(tuple(row) for row in negatives[[0, 3]].tolist())  # both anchors of the first row
    big = np.array([counts[key] for key in sorted(counts)])
    expected = 4000 / 24
    assert len(big) == 24
    assert np.abs(big - expected).max() < 5 * np.sqrt(expected)


@pytest.mark.parametrize("rows", [2, 3, 16])
def test_the_loss_is_the_loops(rows: int) -> None:
    """On the same triplets: the same number, and the same gradients."""
    triplets = draw_triplets(rows, seeded(2))
    fast, slow = points(2 * rows).requires_grad_(), points(2 * rows).requires_grad_()
    loss, expected = triplet_loss(fast, triplets), one_at_a_time(slow, as_list(triplets))
    loss.backward()
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(fast.grad, slow.grad)


def test_picks_are_the_generators_alone() -> None:
    """A generator in the same state picks the same, whatever the global one does: a run can be resumed."""
    first = draw_triplets(16, seeded(3))
    torch.manual_seed(99)
    again, other = draw_triplets(16, seeded(3)), draw_triplets(16, seeded(4))
    assert as_list(again) == as_list(first)
    assert as_list(other) != as_list(first)


def test_far_points_do_not_overflow() -> None:
    """Where exp(x) would be infinite, log(1 + exp(x)) is x: here 400 for half of the triplets, log 2 for the rest."""
    vectors = torch.tensor([[0.0], [20.0], [20.0], [0.0]])
    assert float(soft_triplet(vectors[:2], vectors[2:], seeded())) == pytest.approx((400 + np.log(2)) / 2)


@pytest.mark.parametrize("rows", [0, 1])
def test_a_batch_without_negatives_is_refused(rows: int) -> None:
    """One row has no other to be held against."""
    with pytest.raises(UsageError, match="two rows"):
        soft_triplet(points(rows), points(rows), seeded())


def test_classification_wants_the_own_target() -> None:
    """The mean of -log softmax of a query's product with its own target, among its products with all."""
    queries, targets = points(5), points(5, seed=1)
    products = queries.numpy() @ targets.numpy().T
    chances = np.exp(products) / np.exp(products).sum(axis=1, keepdims=True)
    loss = batch_based_classification(queries, targets)
    assert float(loss) == pytest.approx(-np.log(np.diag(chances)).mean(), rel=1e-5)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_losses_count_in_float32(name: str) -> None:
    """Under autocast, which would round the products to 8 bits, the loss is the same number."""
    queries, targets = points(32, 64), points(32, 64, seed=1)
    expected = LOSSES[name](queries, targets, seeded())
    with torch.autocast("cpu", torch.bfloat16):
        got = LOSSES[name](queries, targets, seeded())
    assert got.dtype == torch.float32
    assert torch.equal(got, expected)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_losses_fall_as_queries_near_their_targets(name: str) -> None:
    """A batch of 512, and a step along the gradient: every gradient is finite, and the loss is less after it."""
    targets = torch.nn.functional.normalize(points(512, 32), dim=1)
    queries = torch.nn.functional.normalize(points(512, 32, seed=1), dim=1).requires_grad_()
    before = LOSSES[name](queries, targets, seeded())
    before.backward()
    assert torch.isfinite(queries.grad).all()
    after = LOSSES[name](queries.detach() - 10 * queries.grad, targets, seeded())
    assert float(after) < float(before.detach())
