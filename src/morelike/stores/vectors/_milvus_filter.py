"""A filter to Milvus' boolean expression over the column ``fields``, as ``_milvus_fields`` lays it out.

What the catalog would answer, or None: then the filter goes by ids. It is written so that it means the same whether a
comparison with what is not there is false (Milvus 2.3), or neither true nor false (Milvus Lite): ``not`` is carried
down to the comparisons, each of which asks first whether there is something to compare. The layout parts the kinds of
values, so no text ever meets a number.

Milvus takes no bound values: they are written into the text. So only those are that can be written without any escape,
which a quotation mark, a backslash, a control character … cannot; numbers only as far as 64-bit floats count by ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from morelike.expressions import All, Compare, Expression, Has, In, Like, Not, Operator, Value
from morelike.expressions import Any as AnyOf
from morelike.stores.vectors._milvus_fields import (
    BOOLEANS,
    COUNT,
    FIELDS,
    MOST_SOURCES,
    NUMBERS,
    OTHERS,
    SOURCES,
    TEXTS,
    kind_of,
)

__all__ = ["expression_of"]

LONGEST: Final = 60_000
"""Characters of an expression; each is parsed anew with every search."""
MOST_VALUES: Final = 100
MOST_LEAVES: Final = 200
DEEPEST: Final = 50
_EXACT: Final = 2**53
"""Integers below it are floats too."""

_PLAIN_TEXTS: Final = frozenset({"added", "folder", "id", "media_type", "modified", "name", "path", "state"})
_PLAIN_NUMBERS: Final = frozenset({"size"})
_TAG, _META = "tag", "meta."
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f"\\\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff␛]')
_UNSAFE_IN_KEY = re.compile(r"[/~]")
_LONGEST_TEXT, _LONGEST_KEY = 4096, 200
_PREFIX = re.compile(r"[0-9 _.,:;+\-=@#]*")
"""What can stand before the star of a pattern: letters match in any case, and no order of texts has that."""
_OPPOSITE: Final[Mapping[Operator, Operator]] = {"!=": "=", "<": ">=", "<=": ">", "=": "!=", ">": "<=", ">=": "<"}

Test = str | bool
"""An expression's text; or what it is of every row."""
_Leaf = Compare | Like | Has


class _Unsaid(Exception):
    """Milvus cannot be asked this."""


def expression_of(expression: Expression, sources: int = MOST_SOURCES) -> str | None:
    """The rows that the filter leaves, of those whose fields are known (``sources`` >= 0); None: go by ids.

    An item is left if the whole filter is true of one of its sources. ``sources``: how many of them are looked at; rows
    with more must not be among those whose fields are known.
    """
    try:
        parts = [_of_source(expression, number) for number in range(sources)]
    except _Unsaid:
        return None
    text = _any(parts)
    if isinstance(text, bool):  # Milvus takes no constant
        text = f"{COUNT} >= 0" if text else f"{COUNT} > 100"
    return text if len(text) <= LONGEST else None


def _of_source(expression: Expression, number: int) -> Test:
    return _all([f"{COUNT} > {number}", _Writer(f'{FIELDS}["{SOURCES}"][{number}]').write(expression, yes=True)])


class _Writer:
    """The filter, over one source."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._leaves = 0

    def write(self, expression: Expression, *, yes: bool, depth: int = 0) -> Test:
        """``yes``: the text of the expression, else of its opposite. Raises _Unsaid."""
        if depth > DEEPEST:
            raise _Unsaid
        if isinstance(expression, Not):
            return self.write(expression.inner, yes=not yes, depth=depth + 1)
        if isinstance(expression, All | AnyOf):
            parts = [self.write(part, yes=yes, depth=depth + 1) for part in expression.parts]
            return _all(parts) if isinstance(expression, All) == yes else _any(parts)
        if isinstance(expression, In):
            self._check_values(expression)
            return self.write(
                AnyOf(tuple(Compare(expression.field, "=", value) for value in expression.values)),
                yes=yes,
                depth=depth + 1,
            )
        self._leaves += 1
        if self._leaves > MOST_LEAVES:
            raise _Unsaid
        return self._leaf(expression, yes=yes)

    def _check_values(self, leaf: In) -> None:
        """A field's name and values that do not go together are the catalog's to refuse, also in an empty list."""
        if len(leaf.values) > MOST_VALUES or leaf.field == _META:
            raise _Unsaid

    def _leaf(self, leaf: _Leaf, *, yes: bool) -> Test:
        if isinstance(leaf, Has):
            return self._has(leaf.field, yes=yes)
        if leaf.field == _TAG:
            return self._tag(leaf, yes=yes)
        if isinstance(leaf, Like):
            return self._like(leaf, yes=yes)
        literal = _literal(leaf.value)
        kind = kind_of(leaf.value)
        if kind == BOOLEANS and leaf.op not in {"=", "!="}:
            raise _Unsaid
        return _compared(self._place(leaf.field, kind), leaf.op, literal, yes=yes)

    def _has(self, field: str, *, yes: bool) -> Test:
        if field == _TAG:
            places = [f'{self._source}["tagged"]']
        elif field in _PLAIN_TEXTS | _PLAIN_NUMBERS:
            places = [f'{self._source}["{field}"]']
        else:
            places = [self._place(field, kind) for kind in (TEXTS, NUMBERS, BOOLEANS, OTHERS)]
        return _any([_there(place) for place in places]) if yes else _all([_not_there(place) for place in places])

    def _tag(self, leaf: Compare | Like, *, yes: bool) -> Test:
        """Any one of several: no order of them, but whether one of them is this one."""
        if isinstance(leaf, Like) or leaf.op not in {"=", "!="} or not isinstance(leaf.value, str):
            raise _Unsaid
        among = f'json_contains({self._source}["tags"], {_literal(leaf.value)})'
        if leaf.op == "=":
            return among if yes else f"not {among}"
        tagged = f'{self._source}["tagged"]'
        return _all([_there(tagged), f"not {among}"]) if yes else _any([_not_there(tagged), among])

    def _like(self, leaf: Like, *, yes: bool) -> Test:
        """What begins with a text lies between it and the next one that does not."""
        prefix = leaf.pattern.removesuffix("*")
        if not _PREFIX.fullmatch(prefix) or len(prefix) > _LONGEST_TEXT:
            raise _Unsaid
        place = self._place(leaf.field, TEXTS)
        if prefix == leaf.pattern:
            return _compared(place, "=", _literal(prefix), yes=yes)
        if not prefix:
            return _there(place) if yes else _not_there(place)
        after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        inside = (_compared(place, ">=", _literal(prefix), yes=yes), _compared(place, "<", _literal(after), yes=yes))
        return _all(inside) if yes else _any(inside)

    def _place(self, field: str, kind: str) -> str:
        """Where values of a kind lie under a name. Raises _Unsaid on what the catalog refuses, too."""
        if field in _PLAIN_TEXTS or field in _PLAIN_NUMBERS:
            if kind != (TEXTS if field in _PLAIN_TEXTS else NUMBERS):
                raise _Unsaid
            return f'{self._source}["{field}"]'
        key = field.removeprefix(_META)
        if field == _TAG or not 0 < len(key) <= _LONGEST_KEY or _UNSAFE.search(key) or _UNSAFE_IN_KEY.search(key):
            raise _Unsaid
        return f'{self._source}["{"any" if key == field else "meta"}"]["{kind}"]["{key}"]'


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if len(value) > _LONGEST_TEXT or _UNSAFE.search(value):
            raise _Unsaid
        return f'"{value}"'
    if not -_EXACT < value < _EXACT:  # nor is it NaN
        raise _Unsaid
    return repr(value)


def _compared(place: str, op: Operator, literal: str, *, yes: bool) -> Test:
    if not yes:
        return _any([_not_there(place), _said(place, _OPPOSITE[op], literal)])
    return _said(place, op, literal) if op != "!=" else _all([_there(place), _said(place, op, literal)])


def _said(place: str, op: Operator, literal: str) -> str:
    return f"{place} {'==' if op == '=' else op} {literal}"


def _there(place: str) -> str:
    return f"exists {place}"


def _not_there(place: str) -> str:
    return f"not (exists {place})"


def _all(parts: Sequence[Test]) -> Test:
    return _joined(parts, " and ", decisive=False)


def _any(parts: Sequence[Test]) -> Test:
    return _joined(parts, " or ", decisive=True)


def _joined(parts: Sequence[Test], word: str, *, decisive: bool) -> Test:
    """``decisive``: the constant that settles it."""
    if any(part is decisive for part in parts):
        return decisive
    texts = [part for part in parts if isinstance(part, str)]
    if not texts:
        return not decisive
    return texts[0] if len(texts) == 1 else word.join(f"({text})" for text in texts)
