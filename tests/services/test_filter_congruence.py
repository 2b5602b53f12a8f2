"""A filter leaves the same items whichever database the catalog is in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from databases import DatabaseServer
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from milvus_filters import EXPRESSIONS, KEYS, NUMBERS, WORDS

from morelike.errors import FilterError
from morelike.expressions import Compare, Expression, In, Like
from morelike.registry import CATALOGS
from morelike.settings import Settings
from morelike.stores.catalog.catalog import SqlCatalog
from morelike.testing.kits.catalog_samples import make_item

ODD_NUMBERS = NUMBERS | st.sampled_from(
    [2**64, 10**30, -(10**30), 10**70, 10**400, 0.1, 1.7e308, 2.5e-320, 1e22, 123456789.125]
)
ODD_TEXTS = WORDS | st.sampled_from(["a ", " a", "A", "ss", "ß", "\u212a", "K", "\0", "1", "1.0", "1e0", "TRUE", "\t"])
METADATA = st.dictionaries(
    KEYS, ODD_TEXTS | ODD_NUMBERS | st.booleans() | st.none() | st.sampled_from([[], [1], {}, {"x": 1}]), max_size=4
)
ITEMS = st.tuples(st.lists(METADATA, min_size=1, max_size=3), st.lists(ODD_TEXTS.filter(bool), max_size=3), METADATA)
FREE = KEYS.filter(lambda key: key not in {"tag", "name"})
ASKED = EXPRESSIONS | st.one_of(
    st.builds(Compare, FREE, st.sampled_from(["!=", "<", "<=", "=", ">", ">="]), ODD_TEXTS | ODD_NUMBERS),
    st.builds(In, FREE, st.lists(ODD_TEXTS | ODD_NUMBERS | st.booleans(), max_size=4).map(tuple)),
    st.builds(Like, FREE, ODD_TEXTS.map(lambda text: f"{text}*") | ODD_TEXTS),
)


QUIET = {"deadline": None, "database": None, "derandomize": True, "phases": [Phase.generate]}
NOBODY_MINDS = list(HealthCheck)
KINDS = ("sqlite", "mysql", "postgresql")
"""SQLite first, which the others are held against."""


@pytest.fixture(scope="module")
def catalogs(
    mysql_server: DatabaseServer, postgresql_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[SqlCatalog]]:
    """One of each kind, with the same items."""
    addresses = dict(zip(KINDS, ("sqlite", mysql_server.create(), postgresql_server.create()), strict=True))
    opened: list[SqlCatalog] = []
    for kind, address in addresses.items():
        folder = tmp_path_factory.mktemp(kind)
        opened.append(CATALOGS.load(kind)(folder, Settings(library=folder, catalog=address, offline=True)))
        opened[-1].create_collection("photos", "image", {})
    numbers = iter(range(10_000))

    @hypothesis_settings(max_examples=120, suppress_health_check=NOBODY_MINDS, **QUIET)
    @given(ITEMS)
    def fill(item: tuple[list[dict[str, Any]], list[str], dict[str, Any]]) -> None:
        sources, tags, info = item
        name = f"item-{next(numbers):04}"
        for catalog in opened:
            photos = catalog.collection("photos")
            for number, metadata in enumerate(sources):
                uri = f"/pictures/{name}-{number}"
                make_item(catalog, photos, name, uris=[uri], info=info, tags=tags, metadata=metadata)

    fill()
    yield opened
    for one in opened:
        one.close()


def left(catalog: SqlCatalog, asked: Expression) -> Any:
    """Which items, in their order; or why it cannot be asked."""
    try:
        return [item.id for item in catalog.items(catalog.collection("photos"), filter=asked, limit=1000)]
    except FilterError as error:
        return str(error)


def test_random_filters_leave_the_same(catalogs: list[SqlCatalog]) -> None:
    """Texts of every sort, integers of any length, floats, truths, nothing at all, and values that are no such."""
    wrong: list[tuple[str, Expression, Any, Any]] = []

    @hypothesis_settings(max_examples=150, suppress_health_check=NOBODY_MINDS, **QUIET)
    @given(ASKED)
    def ask(asked: Expression) -> None:
        answers = [left(catalog, asked) for catalog in catalogs]
        wrong.extend(
            (kind, asked, answers[0], answer)
            for kind, answer in zip(KINDS, answers, strict=True)
            if answer != answers[0]
        )

    ask()

    assert not wrong, f"{len(wrong)} differ; the first: {wrong[:3]}"


@pytest.mark.parametrize("key", ["-1", "-", "--a", "--", "\u241b002da", "$", "*", "a-b", " -", "\u241b"])
def test_a_key_may_begin_with_anything(catalogs: list[SqlCatalog], key: str) -> None:
    """Some databases have no way to name some keys of an object."""
    for catalog in catalogs:
        photos = catalog.create_collection("others", "image", {})
        make_item(catalog, photos, "cat", metadata={key: "x", "other": 1})
        found = catalog.items(photos, filter=Compare(f"meta.{key}", "=", "x"))
        catalog.drop_collection(photos)

        assert [item.sources[0].metadata for item in found] == [{key: "x", "other": 1}]


def test_what_vector_stores_are_told_is_the_same(catalogs: list[SqlCatalog]) -> None:
    """The fields of each item, names and values, that a filter is evaluated by elsewhere."""
    told = []
    for catalog in catalogs:
        photos = catalog.collection("photos")
        found = catalog.fields_of(photos, catalog.segment_ids(photos, "image"))
        told.append({segment: [(one.tags, one.info, one.meta) for one in fields] for segment, fields in found.items()})

    assert len(told[0]) == 120
    assert told[1] == told[0]
    assert told[2] == told[0]
