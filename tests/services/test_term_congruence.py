"""Keyword search in the catalog's database answers what the embedded one does, to the score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from databases import KINDS
from hypothesis import given, settings
from hypothesis import strategies as st

from morelike.errors import SpaceMismatch, UsageError
from morelike.protocols import TermStore
from morelike.registry import TERM_STORES
from morelike.settings import Settings
from morelike.stores.catalog.engine.sqlite import SqliteDatabase
from morelike.stores.catalog.terms import SqlTermStore
from morelike.stores.catalog.versions import make_ready
from morelike.stores.terms import SqliteTermStore
from morelike.testing.kits.term_store import terms_space
from morelike.testing.kits.vector_store import within
from morelike.types import Card, Space
from morelike.wiring import open_stores

ALL = 10_000
WORDS = [
    "fox",
    "Foxes",
    "dog",
    "dogs",
    "a",
    "series",
    "Häuser",
    "haus",
    "東",
    "京",
    "東京",
    "都庁",
    "ไทย",
    "हिन्दी",
    "42",
    "𞤀𞤣",
    "—",
    "\x00",
]
texts = st.one_of(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), st.text(max_size=12))


@dataclass
class Pair:
    """The embedded store, and the other one with the same texts; a new space for each example."""

    embedded: TermStore
    other: TermStore
    spaces: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**9)))

    def same(self, space: Space, query: str, k: int, ids: list[int] | None = None) -> None:
        """The same scores in the same order, of the same texts as far as scores tell them apart."""
        chosen = None if ids is None else within(ids)
        expected, scores = self.embedded.search(space, query, ALL, within=chosen)
        found, own = self.other.search(space, query, k, within=chosen)
        np.testing.assert_allclose(own, scores[:k], rtol=1e-5)
        by_id = dict(zip(expected.tolist(), scores.tolist(), strict=True))
        assert len(set(found.tolist())) == len(found)
        np.testing.assert_allclose([by_id[one] for one in found.tolist()], own, rtol=1e-5)


@pytest.fixture(
    params=["tables", *(pytest.param(kind, marks=pytest.mark.xdist_group("databases")) for kind in KINDS)],
    scope="module",
)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """``tables``: the same tables in a file of SQLite, which needs no server."""
    folder, kind = tmp_path_factory.mktemp("terms"), request.param
    chosen = Settings(library=folder, offline=True)
    if kind == "tables":
        other = tables(folder)
    else:
        address = request.getfixturevalue(f"{kind}_server").create()
        other = TERM_STORES.load(kind)(folder, chosen.model_copy(update={"catalog": address}))
    embedded = SqliteTermStore(folder, chosen)
    yield Pair(embedded, other)
    embedded.close()
    other.close()


def tables(folder: Path) -> SqlTermStore:
    database = SqliteDatabase(folder / "catalog.sqlite", timeout=60)
    make_ready(database)
    return SqlTermStore(database)


@settings(max_examples=40)
@given(
    first=st.dictionaries(st.integers(0, 2**62), texts, max_size=8),
    second=st.lists(st.tuples(st.integers(0, 7), texts), max_size=4),
    gone=st.lists(st.integers(0, 7), max_size=3),
    queries=st.lists(texts, min_size=1, max_size=4),
    k=st.integers(0, 9),
)
def test_they_answer_alike(  # noqa: PLR0917 - what is drawn
    pair: Pair,
    first: dict[int, str],
    second: list[tuple[int, str]],
    gone: list[int],
    queries: list[str],
    k: int,
) -> None:
    """Whatever is written, overwritten and removed: the same is found, with the same scores to 1e-5, and kept."""
    space = terms_space(next(pair.spaces))
    numbers = [*first, *range(8)]
    for store in (pair.embedded, pair.other):
        store.upsert(space, np.array(list(first), dtype=np.int64), list(first.values()))
        store.upsert(space, np.array([numbers[at] for at, _ in second], dtype=np.int64), [text for _, text in second])
        store.delete(space, np.array([numbers[at] for at in gone], dtype=np.int64))

    for query in queries:
        pair.same(space, query, ALL)
        pair.same(space, query, k)
        pair.same(space, query, k, sorted(set(numbers[::2])))
    ids = np.array(sorted(set(numbers)), dtype=np.int64)
    assert pair.other.fetch(space, ids) == pair.embedded.fetch(space, ids)
    assert pair.other.count(space) == pair.embedded.count(space)
    assert [block.tolist() for block in pair.other.ids(space)] == [block.tolist() for block in pair.embedded.ids(space)]


def test_a_long_filter(pair: Pair) -> None:
    """A filter with more ids than a statement takes leaves what the embedded store leaves."""
    space = terms_space(next(pair.spaces))
    numbers = np.arange(6000)
    told = [f"word {'word ' * (number % 7)}" for number in numbers.tolist()]
    for store in (pair.embedded, pair.other):
        store.upsert(space, numbers, told)

    pair.same(space, "word", 10, numbers[1::2].tolist())
    pair.same(space, "word", 5000, numbers[1::2].tolist())


def test_equal_texts_tie(pair: Pair) -> None:
    """Texts of the same words come by ascending id, in whatever order they were written and mended."""
    space = terms_space(next(pair.spaces))
    pair.other.upsert(space, np.array([9, 5]), ["one two three", "something else"])
    pair.other.upsert(space, np.array([7, 5, 1]), ["three one two", "two three one", "unlike"])

    ids, scores = pair.other.search(space, "three two one", 5)

    assert ids.tolist() == [5, 7, 9]
    assert len(set(scores.tolist())) == 1


def test_a_space_keeps_one_card(pair: Pair) -> None:
    """The words of another card are refused, and nothing is written; so are ids without texts."""
    space = terms_space(next(pair.spaces))
    pair.other.upsert(space, np.array([1]), ["x"])
    stranger = Space(space.id, 1, "text", Card("other", "terms", "terms", 0, "bm25", {"text": {}}), active=True)

    with pytest.raises(SpaceMismatch, match=f"space {space.id}"):
        pair.other.upsert(stranger, np.array([2]), ["y"])
    with pytest.raises(UsageError, match="2 ids were given for 1 texts"):
        pair.other.upsert(space, np.array([1, 2]), ["x"])
    assert pair.other.count(space) == 1


def test_another_process_sees_it(tmp_path: Path) -> None:
    """What was written is found by another opening of the same database, also after a close."""
    one, other = tables(tmp_path), tables(tmp_path)
    one.upsert(terms_space(), np.array([1, 2]), ["red fox", "blue fox"])
    one.close()

    assert other.search(terms_space(), "fox", 5)[0].tolist() == [1, 2]
    other.close()


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.xdist_group("databases")) for kind in KINDS])
def test_words_lie_where_the_catalog_does(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, settings: Settings
) -> None:
    """A library whose catalog is on a server keeps its words there, whichever folder it is opened from."""
    chosen = settings.model_copy(update={"catalog": request.getfixturevalue(f"{kind}_server").create()})
    one = open_stores(tmp_path / "one", chosen)
    one.terms.upsert(terms_space(), np.array([1, 2]), ["red fox", "blue fox"])
    one.close()
    other = open_stores(tmp_path / "other", chosen)
    found = other.terms.search(terms_space(), "blue", 5)[0].tolist()
    other.close()

    assert found == [2]
    assert not list(tmp_path.rglob("terms.sqlite*"))
