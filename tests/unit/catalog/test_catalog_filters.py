"""Filters as SQL against the plainest possible reading of them in Python."""

from __future__ import annotations

import fnmatch
import operator
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from morelike.errors import FilterError
from morelike.expressions import All, Compare, Expression, Has, In, Like, Not
from morelike.expressions import Any as AnyOf
from morelike.settings import Settings
from morelike.stores.catalog.catalog import SqlCatalog, open_sqlite_catalog
from morelike.types import Claim, Collection, ContentDigest, Finished, Item, Source

OPERATORS = {
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}
WORDS = st.text("aAéÉ%_!*?␛ '\"\\\udcff", max_size=3)
NUMBERS = st.integers(-3, 3) | st.sampled_from([0.5, -1.5, 2.0, 2**53 + 1, 2**63 - 1])
VALUES = WORDS | NUMBERS | st.booleans()
KEYS = st.sampled_from(["x", "y", 'odd"key\\', "tag", "é"])
METADATA = st.dictionaries(KEYS, VALUES | st.none() | st.lists(NUMBERS, max_size=1), max_size=3)
PATTERNS = st.text("aAéÉ%_!*?␛\udcff", max_size=3)
TEXT_FIELDS = st.sampled_from(["name", "path", "folder", "tag", "id", "modified"])
FREE_FIELDS = st.sampled_from(["x", "y", "meta.x", 'odd"key\\', "meta.tag", "é"])
OPS = st.sampled_from(sorted(OPERATORS))

LEAVES = st.one_of(
    st.builds(Compare, FREE_FIELDS, OPS, WORDS | NUMBERS),
    st.builds(Compare, FREE_FIELDS, st.sampled_from(["=", "!="]), st.booleans()),
    st.builds(Compare, TEXT_FIELDS, OPS, WORDS),
    st.builds(Compare, st.just("size"), OPS, NUMBERS),
    st.builds(In, FREE_FIELDS, st.lists(VALUES, max_size=3).map(tuple)),
    st.builds(In, TEXT_FIELDS, st.lists(WORDS, max_size=3).map(tuple)),
    st.builds(Like, FREE_FIELDS | TEXT_FIELDS, PATTERNS),
    st.builds(Has, FREE_FIELDS | TEXT_FIELDS),
)
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(All, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=5,
)
SOURCES = st.tuples(WORDS, METADATA, st.sampled_from([None, 0, 10**18]))
ITEMS = st.lists(
    st.tuples(st.lists(SOURCES, min_size=1, max_size=2), METADATA, st.sets(WORDS.filter(bool), max_size=2)), max_size=4
)


def naive(expression: Expression, item: Item, source: Source) -> bool:
    """What the words of the expression say, row by row."""
    if isinstance(expression, Not):
        return not naive(expression.inner, item, source)
    if isinstance(expression, All):
        return all(naive(part, item, source) for part in expression.parts)
    if isinstance(expression, AnyOf):
        return any(naive(part, item, source) for part in expression.parts)
    values = [value for value in naive_values(expression.field, item, source) if value is not None]
    if isinstance(expression, Has):
        return bool(values)
    if isinstance(expression, Like):
        return any(isinstance(value, str) and naive_like(value, expression.pattern) for value in values)
    if isinstance(expression, In):
        return any(naive_compare(value, "=", wanted) for value in values for wanted in expression.values)
    if expression.field == "tag" and expression.op == "!=":
        return bool(values) and expression.value not in values
    return any(naive_compare(value, expression.op, expression.value) for value in values)


def naive_values(field: str, item: Item, source: Source) -> list[Any]:
    built_in = {
        "folder": [folder_of(source.uri)],
        "id": [item.id],
        "modified": [{None: None, 0: "1970-01-01T00:00:00Z", 10**18: "2001-09-09T01:46:40Z"}[source.modified_ns]],
        "name": [source.name],
        "path": [source.uri],
        "size": [item.digest.size],
        "tag": list(item.tags),
    }
    if field in built_in:
        return built_in[field]
    if field.startswith("meta."):
        return [source.metadata.get(field.removeprefix("meta."))]
    own = item.info.get(field)
    return [source.metadata.get(field) if own is None else own]


def folder_of(uri: str) -> str:
    return re.split(r"[/\\]", uri)[-2]


def naive_compare(value: Any, op: str, wanted: Any) -> bool:
    kinds = [bool if isinstance(each, bool) else str if isinstance(each, str) else float for each in (value, wanted)]
    if kinds[0] is not kinds[1] or isinstance(value, list):
        return False
    if kinds[0] is str:  # databases compare the bytes of UTF-8
        value, wanted = in_database(value), in_database(wanted)
    return OPERATORS[op](value, wanted)


def naive_like(text: str, pattern: str) -> bool:
    translated = fnmatch.translate(in_database(pattern).decode().replace("[", "[[]").lower())
    return re.match(translated, in_database(text).decode().lower()) is not None


def in_database(text: str) -> bytes:
    """A character that no database takes is written as several, which is what order and wildcards see."""
    return text.replace("␛", "␛␛").replace("\udcff", "␛dcff").encode()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlCatalog]:
    folder = tmp_path_factory.mktemp("filters")
    catalog = open_sqlite_catalog(folder, Settings(library=folder))
    yield catalog
    catalog.close()


def fill(catalog: SqlCatalog, rows: list[Any]) -> Collection:
    collection = catalog.create_collection(uuid.uuid4().hex, "image", {})
    for number, (sources, info, tags) in enumerate(rows):
        claims = []
        for at, (name, metadata, modified) in enumerate(sources):
            source = Source(f"/{number}{name}/{at}{name}", name, 1, modified, metadata)
            digest = ContentDigest(f"{number}", "", number)
            claims.append(Claim(f"item-{number}", digest, "image/png", source, in_place=False, tags=tuple(tags)))
        catalog.claim(collection, claims)
        catalog.finish(collection, [Finished(f"item-{number}", info, ())])
    return collection


@hypothesis_settings(max_examples=60, deadline=None)
@given(rows=ITEMS, expressions=st.lists(EXPRESSIONS, min_size=1, max_size=6))
def test_sql_agrees_with_python(shared: SqlCatalog, rows: list[Any], expressions: list[Expression]) -> None:
    """An item is left by a filter if the whole of it is true of one of its sources."""
    collection = fill(shared, rows)
    everything = shared.items(collection)
    for expression in expressions:
        expected = [item for item in everything if any(naive(expression, item, source) for source in item.sources)]

        assert shared.items(collection, filter=expression) == expected
        assert shared.count(collection, filter=expression) == len(expected)


@pytest.mark.parametrize(
    "expression",
    [
        Compare("size", ">", "big"),
        Compare("name", "=", 2020),
        Compare("name", "=", value=True),
        Compare("x", "<", value=True),
        Compare("tag", "=", 3),
        Compare("meta.", "=", "x"),
        In("size", (1, "x")),
        In("x", tuple(range(10_001))),
        Like("size", "1*"),
        Like("name", "x" * 1001),
        All(tuple(Has("x") for _ in range(401))),
    ],
    ids=lambda expression: repr(expression)[:50],
)
def test_what_has_no_meaning_is_refused(catalog: SqlCatalog, photos: Collection, expression: Expression) -> None:
    """With a sentence, not with a database's error or an empty answer."""
    with pytest.raises(FilterError):
        catalog.count(photos, filter=expression)


@pytest.mark.parametrize("depth", [60, 20_000])
def test_a_deep_filter_is_refused(catalog: SqlCatalog, photos: Collection, depth: int) -> None:
    """However deep: neither Python's stack nor the database's is tried."""
    expression: Expression = Has("x")
    for _ in range(depth):
        expression = Not(expression)

    with pytest.raises(FilterError):
        catalog.segment_ids(photos, "image", filter=expression)


def test_a_number_of_thousands_of_digits_is_refused(catalog: SqlCatalog, photos: Collection) -> None:
    """Python itself will not print it."""
    with pytest.raises(FilterError):
        catalog.segment_ids(photos, "image", filter=Compare("x", "<", 10**5000))


def test_the_largest_filter_allowed_is_answered(catalog: SqlCatalog, photos: Collection) -> None:
    """The bound lies below the database's own."""
    expression = AnyOf(tuple(All((Compare(f"k{i}", "=", i), Like(f"meta.t{i}", "é*"))) for i in range(200)))

    assert catalog.count(photos, filter=expression) == 0


def test_a_list_may_be_long(catalog: SqlCatalog, photos: Collection) -> None:
    """As when a program asks for many ids."""
    assert catalog.count(photos, filter=In("id", tuple(f"i{i}" for i in range(10_000)))) == 0


def test_values_are_bound(catalog: SqlCatalog, photos: Collection, tmp_path: Path) -> None:
    """No text of a filter becomes part of a statement."""
    hostile = "x'); drop table items; --"
    for expression in (Compare(hostile, "=", hostile), Like(hostile, hostile), In("tag", (hostile,)), Has(hostile)):
        assert catalog.count(photos, filter=expression) == 0

    assert catalog.verify() == []
