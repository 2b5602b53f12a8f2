"""Precision and average precision, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from morelike.errors import QueryError
from morelike.evaluate import _intervals, _measure, _scores, labeller
from morelike.types import Card, ContentDigest, Item, Source, Space


def _item(*uris: str, tags: tuple[str, ...] = (), **metadata: object) -> Item:
    sources = tuple(Source(uri, uri.rsplit("/", 1)[-1], 1, metadata=metadata) for uri in uris)
    digest, info = ContentDigest("", "", 1), {"width": 3}
    return Item("i", "ready", digest, "", info, tags, sources, in_place=False, added_at="", updated_at="")


def test_measures_by_hand() -> None:
    """Relevant, not, relevant: P@1 is 1, P@5 2 of the 3 there are, average precision (1 + 2/3) / 2."""
    member = np.array([[1, 0], [1, 0], [0, 1], [1, 0]], dtype=np.float32)
    scores = np.array([[-np.inf, 0.9, 0.8, 0.7]], dtype=np.float32)

    (row,) = _measure(np.array([0]), scores, member)

    np.testing.assert_allclose([1.0, 2 / 3, (1 + 2 / 3) / 2], row)


def test_a_query_without_a_partner_does_not_count() -> None:
    """An item whose label nobody shares is an answer, not a query."""
    member = np.eye(3, dtype=np.float32)

    assert _measure(np.array([0]), np.array([[-np.inf, 1.0, 0.5]], dtype=np.float32), member).shape == (0, 3)


def test_intervals_hold_the_mean() -> None:
    """The bootstrap interval lies about the mean and is repeatable."""
    table = np.random.default_rng(1).random((200, 3))

    low, high = _intervals(table, 0)["map"]

    assert low < table[:, 2].mean() < high
    assert _intervals(table, 0) == _intervals(table, 0)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [("parent-folder", {"cats", "pets"}), ("tag", {"t"}), ("meta:kind", {"7"}), ("info:width", {"3"})],
)
def test_labels(labels: str, expected: set[str]) -> None:
    """Folders of every source (inside archives too), tags, the user's metadata, the content's own."""
    item = _item("/a/cats/1.jpg", "/b.zip!/pets/2.jpg", tags=("t",), kind=7)

    assert labeller(labels)(item) == expected


def test_unknown_labels_are_refused() -> None:
    """A misspelt kind of label says what there is."""
    with pytest.raises(QueryError, match="parent-folder"):
        labeller("folder")


def test_the_best_pair_of_segments_counts() -> None:
    """Items with several segments score by their closest pair, whatever the order of the rows."""
    card = Card("c", "toy", "dense", 2, "ip", {"image": {}})
    owners = np.array([2, 0, 1, 0], dtype=np.int64)
    vectors = np.array([[1, 0], [0, 3], [2, 1], [5, 0]], dtype=np.float32)

    scores = _scores(Space(1, 1, "image", card, active=True), np.array([0, 2]), owners, vectors, 3)

    assert scores.tolist() == [[-np.inf, 10.0, 5.0], [5.0, 2.0, -np.inf]]
