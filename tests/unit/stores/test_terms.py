"""The term store in SQLite: durable, shared by processes, and BM25 as it is defined."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from morelike.errors import SchemaTooNew, SpaceMismatch, UsageError
from morelike.settings import Settings
from morelike.stores.terms import SqliteTermStore
from morelike.testing.kits.term_store import terms_space
from morelike.types import Card, Space


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> Iterator[SqliteTermStore]:
    store = SqliteTermStore(tmp_path / "terms", settings)
    yield store
    store.close()


def test_another_opening_sees_it(store: SqliteTermStore, tmp_path: Path, settings: Settings) -> None:
    """What was written is found by another process's store at once, and after a close."""
    other = SqliteTermStore(tmp_path / "terms", settings)
    assert other.count(terms_space()) == 0
    store.upsert(terms_space(), np.array([1, 2]), ["red fox", "blue fox"])
    assert other.search(terms_space(), "fox", 5)[0].tolist() == [1, 2]
    store.delete(terms_space(), np.array([1]))
    store.close()

    assert other.search(terms_space(), "fox", 5)[0].tolist() == [2]
    other.close()


def test_scores_are_bm25(store: SqliteTermStore) -> None:
    """A score is the sum over words of idf · f (k1 + 1) / (f + k1 (1 - b + b |d| / mean)), k1 1.2, b 0.75."""
    texts = ["a a b", "b c", "c c c c d", "e"]
    store.upsert(terms_space(), np.arange(4), texts)

    ids, scores = store.search(terms_space(), "a d", 5)

    words = [text.split() for text in texts]
    mean = sum(map(len, words)) / 4

    def score(document: list[str]) -> float:
        total = 0.0
        for word in ("a", "d"):
            holding = sum(word in other for other in words)
            idf = math.log((4 - holding + 0.5) / (holding + 0.5))
            f = document.count(word)
            total += idf * f * 2.2 / (f + 1.2 * (0.25 + 0.75 * len(document) / mean))
        return total

    expected = sorted(((score(document), -i) for i, document in enumerate(words) if score(document)), reverse=True)
    assert ids.tolist() == [-i for _, i in expected]
    np.testing.assert_allclose(scores, [s for s, _ in expected], rtol=1e-5)


def test_rarity_is_that_of_the_space(store: SqliteTermStore) -> None:
    """Texts of another space do not change a score."""
    store.upsert(terms_space(1), np.arange(3), ["red", "blue", "green"])
    before = store.search(terms_space(1), "red", 1)[1]
    store.upsert(terms_space(2), np.arange(50), ["red"] * 50)

    assert store.search(terms_space(1), "red", 1)[1].tolist() == before.tolist()


def test_another_card_is_refused(store: SqliteTermStore) -> None:
    """A space keeps the words of one card."""
    store.upsert(terms_space(), np.array([1]), ["x"])
    other = Space(1, 1, "text", Card("other", "terms", "terms", 0, "bm25", {"text": {}}), active=True)

    with pytest.raises(SpaceMismatch, match="space 1"):
        store.upsert(other, np.array([2]), ["y"])


def test_ids_and_texts_go_together(store: SqliteTermStore) -> None:
    """As many texts as ids, or nothing is written."""
    with pytest.raises(UsageError):
        store.upsert(terms_space(), np.array([1, 2]), ["x"])
    store.upsert(terms_space(), np.empty(0, dtype=np.int64), [])

    assert store.count(terms_space()) == 0


def test_a_newer_format(store: SqliteTermStore, tmp_path: Path, settings: Settings) -> None:
    """A file that a newer version wrote is refused."""
    store.upsert(terms_space(), np.array([1]), ["x"])
    with store._database.writing() as connection:
        connection.execute("PRAGMA user_version = 99")
    newer = SqliteTermStore(tmp_path / "terms", settings)

    with pytest.raises(SchemaTooNew):
        newer.search(terms_space(), "x", 1)
    newer.close()
