"""Precision and average precision, against numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import morelike
from morelike.errors import QueryError
from morelike.evaluate import _intervals, _measure, _scores, folder, labeller
from morelike.settings import Settings
from morelike.testing.toys import ToyEncoder
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
    [
        ("parent-folder", {"cats", "pets"}),
        ("tag", {"t"}),
        ("meta:kind", {"7"}),
        ("info:width", {"3"}),
        (r"name:^\d", {"1", "2"}),
        (r"name:^1(\.jpg)|x", {".jpg"}),
    ],
)
def test_labels(labels: str, expected: set[str]) -> None:
    """Folders of every source (inside archives too), tags, the user's metadata, the content's own, parts of names."""
    item = _item("/a/cats/1.jpg", "/b.zip!/pets/2.jpg", tags=("t",), kind=7)

    assert labeller(labels)(item) == expected


def test_unknown_labels_are_refused() -> None:
    """A misspelt kind of label says what there is."""
    with pytest.raises(QueryError, match="parent-folder"):
        labeller("folder")
    with pytest.raises(QueryError, match="no regular expression"):
        labeller("name:(")


def test_the_best_pair_of_segments_counts() -> None:
    """Items with several segments score by their closest pair, whatever the order of the rows."""
    card = Card("c", "toy", "dense", 2, "ip", {"image": {}})
    owners = np.array([2, 0, 1, 0], dtype=np.int64)
    vectors = np.array([[1, 0], [0, 3], [2, 1], [5, 0]], dtype=np.float32)

    scores = _scores(Space(1, 1, "image", card, active=True), np.array([0, 2]), owners, vectors, 3)

    assert scores.tolist() == [[-np.inf, 10.0, 5.0], [5.0, 2.0, -np.inf]]


@pytest.mark.parametrize(
    ("folds", "expected"),
    [(r"^(\d)", {"1", "2"}), (r"-\w", {"-A", "-B"}), (r"(\d)-(\w)", {"1", "2"}), ("meta:kind", {"7"})],
)
def test_folds(folds: str, expected: set[str]) -> None:
    """The first group of an expression found in the name of each of an item's files, or the whole of it; metadata."""
    item = _item("/9/1-A.ogg", "/8/x.zip!/2-B.ogg", kind=7)

    assert folder(folds)(item) == expected


def test_a_bad_expression_is_refused() -> None:
    """What is no regular expression says why, and what would be one."""
    with pytest.raises(QueryError, match=r"no regular expression: .*\n.*meta:KEY|no regular expression"):
        folder("(")


def test_what_is_left_out_is_no_answer() -> None:
    """Neither the query nor what scores -inf counts: right ones there are neither hits nor missed."""
    member = np.ones((4, 1), dtype=np.float32)
    scores = np.array([[-np.inf, -np.inf, 0.5, -np.inf]], dtype=np.float32)

    np.testing.assert_array_equal(_measure(np.array([0]), scores, member), [[1.0, 1.0, 1.0]])


@pytest.fixture
def twins(tmp_path: Path, settings: Settings) -> Settings:
    """Pictures of two labels in two folds: a picture is nearest to those of its fold, then to those of its label."""
    for label, shade in (("day", 60), ("night", 190)):
        for fold in (1, 2):
            for which in range(3):
                path = tmp_path / "pictures" / label / f"{fold}-{which}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                colour = (255, shade, which) if fold == 1 else (which, shade, 255)
                Image.new("RGB", (16, 16), colour).save(path)
    with morelike.open(settings) as library:
        library.collection("c", modality="image", encoder=ToyEncoder()).add(tmp_path / "pictures")
    return settings


def test_only_other_folds_answer(twins: Settings) -> None:
    """Of a query's own fold nothing is found, right or wrong: it has the three right ones of the other fold first."""
    with morelike.open(twins) as library:
        collection = library.collection("c", encoder=ToyEncoder())
        every, across = collection.evaluate(), collection.evaluate(folds=r"^(\d)-")

    assert (every.folds, across.folds) == (0, 2)
    assert (across.queries, across.items) == (12, 12)
    assert across.p_at_5 == pytest.approx(3 / 5)
    assert across.map == pytest.approx(1)
    assert every.p_at_5 == pytest.approx(2 / 5)  # the two others of its fold and label, then the fold's other label


@pytest.mark.parametrize(
    ("folds", "word"), [(r"^1", "6 of 12 items have no fold"), ("(p)ng", "nothing is left"), ("meta:no", "12 of 12")]
)
def test_folds_that_do_not_fit_are_refused(folds: str, word: str, twins: Settings) -> None:
    """An item without a fold would be searched with all others, and one fold leaves nothing: both are said."""
    with morelike.open(twins) as library, pytest.raises(QueryError, match=word):
        library.collection("c", encoder=ToyEncoder()).evaluate(folds=folds)
