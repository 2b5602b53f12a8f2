"""What every term store promises."""

from __future__ import annotations

import numpy as np
import pytest

from morelike.protocols import TermStore
from morelike.testing.kits.vector_store import within
from morelike.types import Card, Space

__all__ = ["TermStoreKit", "terms_space"]

TEXTS = {
    10: "The quick brown fox jumps over the lazy dog",
    20: "A fox is a fox is a fox",
    30: "Cafés in São Paulo, naïve and cheap",
    40: "東京都庁へ行きました",
    50: "학교에서 공부합니다",
    60: "हिन्दी में खोज",
    70: "",
}


def terms_space(id: int = 1) -> Space:
    return Space(id, 1, "text", Card("bm25", "terms", "terms", 0, "bm25", {"text": {}}), active=True)


class TermStoreKit:
    """Subclass it and give a fixture ``store``: an empty store."""

    @pytest.fixture
    def store(self) -> TermStore:
        raise NotImplementedError

    @pytest.fixture
    def filled(self, store: TermStore) -> TermStore:
        store.upsert(terms_space(), np.array(list(TEXTS)), list(TEXTS.values()))
        return store

    def _found(self, store: TermStore, query: str, k: int = 10) -> list[int]:
        found: list[int] = store.search(terms_space(), query, k)[0].tolist()
        return found

    def test_best_first(self, filled: TermStore) -> None:
        """A text that says the word more often, in fewer words, comes first; scores descend and are float32."""
        ids, scores = filled.search(terms_space(), "fox", 10)

        assert ids.tolist() == [20, 10]
        assert scores[0] > scores[1]
        assert ids.dtype == np.int64
        assert scores.dtype == np.float32

    def test_any_word_is_enough(self, filled: TermStore) -> None:
        """A text answers when it has one of the words; more of them score higher."""
        assert self._found(filled, "lazy fox")[0] == 10
        assert set(self._found(filled, "lazy fox unknown")) == {10, 20}

    def test_what_a_query_repeats_counts_again(self, store: TermStore) -> None:
        """A word that the query says twice counts twice, so it can outweigh one that it says once."""
        store.upsert(terms_space(), np.arange(4), ["red apple", "blue pear", "green plum", "grey fig"])

        assert self._found(store, "red blue blue")[:2] == [1, 0]
        assert self._found(store, "red red blue")[:2] == [0, 1]
        once, twice = (store.search(terms_space(), query, 1)[1][0] for query in ("red", "red red"))
        assert twice == pytest.approx(2 * once, rel=1e-5)

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("jump", [10]),
            ("DOGS", [10]),
            ("CAFES", [30]),
            ("cafés", [30]),
            ("cafe\u0301s", [30]),
            ("sao", [30]),
            ("NAIVE", [30]),
            ("ｆｏｘ", [20, 10]),
            ("東京", [40]),
            ("都庁", [40]),
            ("京東", []),
            ("학교", [50]),
            ("हिन्दी", [60]),
        ],
    )
    def test_many_scripts(self, filled: TermStore, query: str, expected: list[int]) -> None:
        """Case, accents and width do not matter; scripts without spaces are found by their parts."""
        assert self._found(filled, query) == expected

    @pytest.mark.parametrize(
        "query",
        [
            '"',
            "fox OR",
            "NOT",
            "b* OR ^c",
            "NEAR(fox dog)",
            "text:fox",
            "(",
            "'; DROP TABLE x; --",
            "\0",
            "\ud800",
            "-",
        ],
    )
    def test_any_text_is_a_query(self, filled: TermStore, query: str) -> None:
        """A query has no operators and cannot fail; its words are looked for as they are."""
        expected = {20, 10} if "fox" in query else set()

        assert set(self._found(filled, query)) == expected

    @pytest.mark.parametrize("query", ["", "   ", "?!…", "🦊"])
    def test_no_word(self, filled: TermStore, query: str) -> None:
        """A query without a word finds nothing."""
        assert self._found(filled, query) == []

    def test_long_queries(self, filled: TermStore) -> None:
        """A whole text may be the query."""
        assert self._found(filled, "fox " + " ".join(f"word{number}" for number in range(5000))) == [20, 10]
        assert self._found(filled, "東京" * 5000) == [40]

    def test_k(self, filled: TermStore) -> None:
        """At most k answers, and there is no padding."""
        assert self._found(filled, "fox", k=1) == [20]
        assert self._found(filled, "fox", k=0) == []

    def test_ties_by_ascending_id(self, store: TermStore) -> None:
        """Equal texts come in the order of their ids."""
        store.upsert(terms_space(), np.array([9, 3, 5]), ["same words"] * 3)

        assert self._found(store, "words", k=2) == [3, 5]

    def test_within(self, filled: TermStore) -> None:
        """A filter leaves only its own ids, best first."""
        ids, _ = filled.search(terms_space(), "the fox", 5, within=within([10, 30, 99]))

        assert ids.tolist() == [10]

    def test_within_many(self, store: TermStore) -> None:
        """However far down the ranking they lie, the filter's ids are found."""
        numbers = np.arange(3000)
        store.upsert(terms_space(), numbers, ["word " * (1 + number % 7) for number in numbers])

        ids, _ = store.search(terms_space(), "word", 4, within=within([2996, 7, 14, 2100, 21]))

        assert sorted(ids.tolist()) == sorted(set(ids.tolist()))
        assert set(ids.tolist()) <= {2996, 7, 14, 2100, 21}
        assert len(ids) == 4

    def test_upsert_overwrites(self, filled: TermStore) -> None:
        """An id has one text: the last one given, in a batch too."""
        filled.upsert(terms_space(), np.array([20, 80, 80]), ["cat", "first", "second"])

        assert self._found(filled, "fox") == [10]
        assert self._found(filled, "cat") == [20]
        assert (self._found(filled, "first"), self._found(filled, "second")) == ([], [80])
        assert filled.count(terms_space()) == len(TEXTS) + 1

    def test_delete(self, filled: TermStore) -> None:
        """Deleted texts are not found; absent ids are passed over."""
        filled.delete(terms_space(), np.array([10, 999]))

        assert self._found(filled, "fox") == [20]
        assert filled.count(terms_space()) == len(TEXTS) - 1

    def test_what_is_fetched_is_found_alike(self, filled: TermStore) -> None:
        """In the order asked for, None where there is none; upserted elsewhere, it is found and ranked the same."""
        wanted = [40, 20, 999, 30, 10, 50, 60, 70]
        texts = filled.fetch(terms_space(), np.array(wanted))
        there = {identifier: text for identifier, text in zip(wanted, texts, strict=True) if text is not None}
        other = terms_space(2)
        filled.upsert(other, np.array(list(there)), list(there.values()))

        assert texts[2] is None
        assert len(there) == len(TEXTS)
        for query in ("fox", "lazy cafe", "東京", "학교", "हिन्दी"):
            ids, scores = filled.search(terms_space(), query, 10)
            same_ids, same_scores = filled.search(other, query, 10)
            assert len(ids)
            assert (same_ids.tolist(), same_scores.tolist()) == (ids.tolist(), scores.tolist())
        assert filled.fetch(other, np.array(wanted)) == texts
        assert filled.fetch(terms_space(77), np.array([1])) == [None]

    def test_ids_ascend(self, filled: TermStore) -> None:
        """``ids`` names every id, of empty texts too."""
        assert np.concatenate(list(filled.ids(terms_space()))).tolist() == sorted(TEXTS)

    def test_spaces_are_apart(self, filled: TermStore) -> None:
        """Each space has its own texts; dropping one leaves the other; unknown ones are empty."""
        other = terms_space(2)
        filled.upsert(other, np.array([10]), ["only here"])
        filled.drop(terms_space().id)
        filled.drop(terms_space(77).id)

        assert filled.count(terms_space()) == 0
        assert self._found(filled, "fox") == []
        assert list(filled.ids(terms_space())) == []
        assert filled.search(other, "here", 5)[0].tolist() == [10]
