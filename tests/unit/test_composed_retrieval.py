"""Recall at k of composed queries: worked out by hand, and held against the plain loop of its definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from morelike.errors import ModelError
from morelike.testing.triplets import ToyTriplets
from morelike.training.composed import retrieval
from morelike.training.composed.retrieval import asked, recalls, vectors_of

GALLERY = np.array([[1, 0], [0.9, 0.1], [0, 1], [-1, 0]], dtype=np.float32)
LABELS = ("a", "b", "c", "d")


def query(*vectors: Sequence[float]) -> np.ndarray:
    return np.array(vectors, dtype=np.float32)


def test_recall_is_the_share_that_is_found_among_the_first() -> None:
    """One of two queries has its picture first, the other as the third."""
    found = recalls(query([1, 0], [1, 0.01]), [-1, -1], ["a", "c"], GALLERY, LABELS, ks=(1, 2, 3))

    assert found == {1: 0.5, 2: 0.5, 3: 1.0}


def test_lengths_do_not_count() -> None:
    """Vectors are compared by direction: a long one further off does not come first."""
    long = GALLERY * np.array([[1], [50], [1], [1]], dtype=np.float32)

    assert recalls(query([100, 0]), [-1], ["a"], long, LABELS, ks=(1,)) == {1: 1.0}


def test_the_source_is_no_part_of_its_own_gallery() -> None:
    """The nearest picture is the query's source: the next one is the first hit, and the source itself never is one."""
    assert recalls(query([1, 0]), [0], ["b"], GALLERY, LABELS, ks=(1,)) == {1: 1.0}
    assert recalls(query([1, 0]), [0], ["a"], GALLERY, LABELS, ks=(1, 100)) == {1: 0.0, 100: 0.0}


def test_any_picture_of_the_label_is_a_hit() -> None:
    """Two pictures have the label; the nearer one counts."""
    assert recalls(query([1, 0]), [0], ["c"], GALLERY, ("x", "c", "c", "d"), ks=(1,)) == {1: 1.0}


def test_a_label_that_no_picture_has_is_not_found() -> None:
    """However large k is."""
    assert recalls(query([1, 0]), [-1], ["z"], GALLERY, LABELS, ks=(1, 100)) == {1: 0.0, 100: 0.0}


def test_of_equal_pictures_the_lower_row_comes_first() -> None:
    """Two pictures with the same vector: the wanted one is first only as the earlier of them."""
    same = query([1, 0], [1, 0], [0, 1])

    assert recalls(query([1, 0]), [-1], ["a"], same, ("a", "b", "c"), ks=(1,)) == {1: 1.0}
    assert recalls(query([1, 0]), [-1], ["b"], same, ("a", "b", "c"), ks=(1, 2)) == {1: 0.0, 2: 1.0}


def test_it_is_the_plain_loop_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorting everything, one query at a time, gives the same; with blocks of two queries and ties among pictures."""
    generator = np.random.default_rng(5)
    # Whole numbers of few values on an axis: ties are many, and similarities the same in every order of adding.
    gallery = np.eye(6, dtype=np.float32)[generator.integers(0, 6, 40)]
    queries = generator.integers(1, 9, (31, 6)).astype(np.float32)
    labels = [f"label {number}" for number in generator.integers(0, 12, 40)]
    wanted = [f"label {number}" for number in generator.integers(0, 14, 31)]
    sources = generator.integers(-1, 40, 31)
    monkeypatch.setattr(retrieval, "_BLOCK", 80)

    ranks = []
    for vector, source, label in zip(queries, sources, wanted, strict=True):
        order = np.argsort(-(gallery @ (vector / np.linalg.norm(vector))), kind="stable").tolist()
        names = [labels[row] for row in order if row != source]
        ranks.append(names.index(label) if label in names else 1000)

    expected = {k: float(np.mean([rank < k for rank in ranks])) for k in retrieval.KS}
    assert recalls(queries, sources, wanted, gallery, labels) == expected
    assert 0 < expected[1] < expected[10] < 1


@pytest.mark.parametrize(
    ("queries", "gallery"), [(query([1, 0]), GALLERY * np.nan), (query([np.inf, 0]), GALLERY), (GALLERY[:0], GALLERY)]
)
def test_what_is_no_measure_is_refused(queries: np.ndarray, gallery: np.ndarray) -> None:
    """Vectors that are not finite, and no queries at all, are an error and no recall."""
    with pytest.raises(ModelError):
        recalls(queries, [-1] * len(queries), ["a"] * len(queries), gallery, LABELS)


def test_a_splits_own_queries_are_asked_of_all_its_pictures() -> None:
    """Every query, with its source left out of the gallery."""
    toy = ToyTriplets()
    question = asked(toy, 0)

    assert len(question.sources) == len(toy.queries()) == 32
    assert question.gallery.tolist() == list(range(len(toy)))
    assert question.own.tolist() == question.sources.tolist() == [one.source for one in toy.queries()]


def test_some_of_the_queries_are_the_same_ones_each_time() -> None:
    """``at_most`` takes queries by the seed: the same again, others with another seed."""
    first, again, other = (asked(ToyTriplets(), seed, 9) for seed in (1, 1, 2))

    assert first.texts == again.texts
    assert first.sources.tolist() == again.sources.tolist()
    assert len(first.texts) == 9
    assert (first.texts, first.wanted) != (other.texts, other.wanted)


def test_a_split_without_queries_is_asked_drawn_triplets() -> None:
    """Of all their targets, repeats and all; nothing is left out of the gallery."""
    toy = ToyTriplets(asks=False)
    question = asked(toy, 3, 50)

    assert len(question.gallery) == len(question.sources) == 50
    assert set(question.own.tolist()) == {-1}
    assert question.wanted == question.labels == tuple(toy.labels[target] for target in question.gallery)


def test_vectors_keep_the_order_and_each_picture_is_encoded_once() -> None:
    """Whatever the order of sources and the repeats in the gallery."""
    torch = pytest.importorskip("torch", reason="the extra `train` is not installed (torch)")

    class Counting:
        encoded: list[int]

        def __init__(self) -> None:
            self.encoded = []

        def targets(self, rows: Any) -> Any:
            self.encoded += rows.tolist()
            return torch.from_numpy(np.stack([rows, rows], axis=1).astype(np.float32))

        def queries(self, rows: Any, texts: Sequence[str]) -> Any:
            assert rows.tolist() == sorted(rows.tolist())
            return torch.tensor([[float(row), float(len(text))] for row, text in zip(rows, texts, strict=True)])

    question = asked(ToyTriplets(asks=False), 3, 20)
    encodes = Counting()
    composed, gallery = vectors_of(encodes, question)

    assert encodes.encoded == sorted(set(question.gallery.tolist()))
    assert gallery[:, 0].tolist() == question.gallery.tolist()
    assert composed[:, 0].tolist() == question.sources.tolist()
    assert composed[:, 1].tolist() == [len(text) for text in question.texts]
