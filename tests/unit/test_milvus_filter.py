"""Filters as Milvus' expressions, against the plainest possible reading of both, without a server."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from milvus_filters import EXPRESSIONS, HOSTILE, ROWS

from morelike.expressions import All, Compare, Expression, Has, In, Like, Not
from morelike.search.filter import parse_filter
from morelike.stores.vectors._milvus_fields import MOST_SOURCES, nothing_known, row_of
from morelike.stores.vectors._milvus_filter import DEEPEST, LONGEST, MOST_LEAVES, MOST_VALUES, expression_of
from morelike.testing.field_store import holds
from morelike.types import Fields

TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"\\]*")|(?P<number>-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)|(?P<word>[a-z_]+)"""
    r"""|(?P<mark>==|!=|<=|>=|[<>()\[\],]))"""
)
WORDS = {"and", "exists", "false", "fields", "json_contains", "not", "or", "sources", "true"}
LAYOUT = {"any", "meta", "t", "n", "b", "o", "s", "tags", "tagged"}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}
Truth = bool | None
PLAIN = {"path": "/a/b.jpg", "name": "b.jpg", "folder": "a", "id": "i", "state": "ready", "media_type": "image/jpeg"}
SOURCE = Fields({**PLAIN, "added": "2020", "size": 3}, ("x",), {"width": 5}, {"by": "Ann", "width": 7})


class Reader:
    """As much of Milvus' language as is written, over a row; ``kleene``: what is missing is neither true nor false."""

    def __init__(self, text: str, row: dict[str, Any], *, kleene: bool) -> None:
        self._tokens = tokens_of(text)
        self._row = row
        self._kleene = kleene

    def answer(self) -> bool:
        found = self._several("or", lambda: self._several("and", self._inverse, decisive=False), decisive=True)
        assert not self._tokens
        return found is True

    def _several(self, word: str, part: Callable[[], Truth], *, decisive: bool) -> Truth:
        parts = [part()]
        while self._tokens and self._tokens[0] == word:
            self._tokens.pop(0)
            parts.append(part())
        if decisive in parts:
            return decisive
        return None if None in parts else not decisive

    def _inverse(self) -> Truth:
        if self._take("not"):
            inner = self._inverse()
            return None if inner is None else not inner
        if self._take("("):
            inner = self._several("or", lambda: self._several("and", self._inverse, decisive=False), decisive=True)
            assert self._take(")")
            return inner
        if self._take("exists"):
            return self._value() is not None
        if self._take("json_contains"):
            assert self._take("(")
            among = self._value()
            assert self._take(",")
            wanted = self._literal()
            assert self._take(")")
            return isinstance(among, list) and wanted in among
        return self._comparison()

    def _comparison(self) -> Truth:
        value, op, wanted = self._value(), self._tokens.pop(0), self._literal()
        if value is None:
            return None if self._kleene else op == "!="
        kinds = [bool if type(one) is bool else str if isinstance(one, str) else float for one in (value, wanted)]
        assert kinds[0] is kinds[1], "a text meets a number"
        return COMPARE[op](value, wanted)

    def _value(self) -> Any:
        value: Any = self._row[self._tokens.pop(0)]
        while self._take("["):
            key = self._literal()
            inside = (isinstance(value, dict) and key in value) or (isinstance(value, list) and key < len(value))
            value = value[key] if inside else None
            assert self._take("]")
        return value

    def _literal(self) -> Any:
        token = self._tokens.pop(0)
        if token.startswith('"'):
            return token[1:-1]
        if token in {"true", "false"}:
            return token == "true"
        return int(token) if token.lstrip("-").isdigit() else float(token)

    def _take(self, token: str) -> bool:
        return bool(self._tokens) and self._tokens[0] == token and bool(self._tokens.pop(0))


def tokens_of(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        assert match, text[at : at + 40]
        assert match["word"] is None or match["word"] in WORDS
        found.append(match[0].strip(" ") if match["text"] is None else match["text"])
        at = match.end()
    return found


def texts_in(expression: Expression) -> set[str]:
    """Every text that somebody gave: field names, keys, values, and what prefixes end before."""
    if isinstance(expression, Not):
        return texts_in(expression.inner)
    if hasattr(expression, "parts"):
        return set().union(*map(texts_in, expression.parts))
    values: Sequence[Any] = getattr(expression, "values", [getattr(expression, "value", "")])
    pattern = getattr(expression, "pattern", "").removesuffix("*")
    after = pattern[:-1] + chr(ord(pattern[-1]) + 1) if pattern else ""
    return {expression.field, expression.field.removeprefix("meta."), pattern, after, *map(str, values)}


@hypothesis_settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=ROWS, expression=EXPRESSIONS)
def test_it_says_what_the_filter_says(rows: list[Sequence[Fields]], expression: Expression) -> None:
    """In two-valued logic and in three-valued, of every row whose fields are known."""
    said = expression_of(expression)
    for sources in rows:
        fields, count = row_of(sources)
        if said is not None and count >= 0:
            for kleene in (False, True):
                row = {"fields": fields, "sources": count}
                assert Reader(said, row, kleene=kleene).answer() == holds(expression, sources)


@hypothesis_settings(max_examples=120, deadline=None)
@given(expression=EXPRESSIONS)
def test_nothing_breaks_out_of_quotation_marks(expression: Expression) -> None:
    """Outside of them are only the language's own words, inside only the layout's names and what the filter has."""
    said = expression_of(expression)
    for token in tokens_of(said or "sources > 0"):
        if token.startswith('"'):
            assert token[1:-1] in texts_in(expression) | LAYOUT


@pytest.mark.parametrize("text", [text for text in HOSTILE if re.search(r'["\\␛\x00-\x1f\udcff\u2028\ufeff]', text)])
def test_what_would_need_an_escape_is_not_said(text: str) -> None:
    """Neither as a value nor as a key: such a filter goes by ids."""
    for expression in (
        Compare("by", "=", text),
        Compare(text, "=", 1),
        Compare(f"meta.{text}", "<", "x"),
        In("by", ("x", text)),
        Has(text),
        Compare("tag", "=", text),
        Like("by", text),
    ):
        assert expression_of(expression) is None


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
        In("meta.", ()),
        Like("size", "1*"),
        All((Has("x"), All((Compare("size", "=", "x"),)))),
    ],
    ids=repr,
)
def test_what_the_catalog_refuses_is_left_to_it(expression: Expression) -> None:
    """So that it says why."""
    assert expression_of(expression) is None


@pytest.mark.parametrize(
    "expression",
    [
        Compare("x", ">", 2**53),
        Compare("x", "<", -(10.0**16)),
        Compare("x", "=", float("nan")),
        Compare("x", "<", float("inf")),
        Compare("x", "=", 10**400),
        Compare("tag", "<", "x"),
        Like("tag", "1*"),
        Like("name", "img*"),
        Like("name", "1?"),
        Like("name", "*1"),
        Compare("a/b", "=", 1),
        Compare("a~1b", "=", 1),
        Compare("x" * 201, "=", 1),
        Compare("by", "=", "x" * 5000),
        In("x", tuple(range(MOST_VALUES + 1))),
        All(tuple(Has("x") for _ in range(MOST_LEAVES + 1))),
        All(tuple(Compare("by", "=", f"{number}" + "x" * 4000) for number in range(LONGEST // 4000))),
    ],
    ids=lambda expression: repr(expression)[:50],
)
def test_what_milvus_might_see_otherwise_is_not_said(expression: Expression) -> None:
    """Numbers that floats round, letters of any case, orders of tags, and what is long."""
    assert expression_of(expression) is None


def test_depth() -> None:
    """However deep a filter is, Python's stack is not tried."""
    expression: Expression = Has("x")
    for _ in range(20_000):
        expression = Not(expression)

    assert expression_of(expression) is None
    assert expression_of(parse_filter("not " * (DEEPEST // 2) + "has x")) is not None


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("width = 5", True),
        ("width = 7", False),
        ("meta.width = 7", True),
        ("not width = 5", False),
        ("width != 5", False),
        ("missing != 5", False),
        ("not missing = 5", True),
        ("by in ('Ann', 'Bob') and size >= 3", True),
        ("tag = 'x' and tag != 'y'", True),
        ("tag != 'x'", False),
        ("has tag and has by and not has meta.none", True),
        ("added like '202*'", True),
        ("added like '2021*'", False),
        ("by like '*'", True),
        ("width like '*'", False),
        ("state = 'ready' and media_type = 'image/jpeg'", True),
    ],
)
def test_common_filters_are_said(text: str, left: bool) -> None:
    """What people ask is evaluated where the vectors are."""
    said = expression_of(parse_filter(text))
    fields, count = row_of([SOURCE])

    assert said is not None
    assert Reader(said, {"fields": fields, "sources": count}, kleene=True).answer() is left


def test_any_source_may_make_it_true_but_one_must_make_all_of_it() -> None:
    """Of items with several sources, up to as many as a row takes; a row with more is unsure, and is not asked."""
    other = Fields({**SOURCE.plain, "path": "/c.jpg"}, SOURCE.tags, SOURCE.info, {"by": "Bob"})
    both = row_of([SOURCE, other])

    for text, left in (
        ("by = 'Bob'", True),
        ("by = 'Bob' and path = '/c.jpg'", True),
        ("by = 'Ann' and path = '/c.jpg'", False),
    ):
        said = expression_of(parse_filter(text))
        assert said is not None
        assert Reader(said, {"fields": both[0], "sources": both[1]}, kleene=False).answer() is left
    assert row_of([other] * (MOST_SOURCES + 1)) == nothing_known()


def test_a_row_of_an_item_that_is_not_ready_matches_nothing() -> None:
    """Not even a filter that is true of everything, or false of what is missing."""
    fields, count = row_of([])
    for text in ("not has nothing", "not by = 'x'", "size >= 0"):
        said = expression_of(parse_filter(text))
        assert said is not None
        assert not Reader(said, {"fields": fields, "sources": count}, kleene=False).answer()
