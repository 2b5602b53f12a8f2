"""A filter expression to SQL over one row of (item, source). Values are bound, never written into the statement.

Two-valued: where a field is missing, or has a value of another type than it is compared with, a comparison is false and
its ``Not`` true. Fields: ``path name folder modified`` of the source; ``id state size media_type added`` of the item;
``tag`` (any one of them); a key of what the content says of itself, else of the user's metadata; ``meta.KEY`` for the
user's alone.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from sqlalchemy import Column, ColumnElement, and_, exists, false, func, literal, not_, or_, true
from sqlalchemy.types import BigInteger, Boolean, Double, TypeEngine

from morelike.errors import FilterError
from morelike.expressions import All, Compare, Expression, Has, In, Like, Not, Operator, Value
from morelike.expressions import Any as AnyOf
from morelike.stores.catalog.encoding import AnyText, pack_key
from morelike.stores.catalog.engine import Database, Json
from morelike.stores.catalog.schema import item_tags, items, sources

__all__ = ["FIELDS", "META", "compile_filter"]

Truth = ColumnElement[bool]
Test = Callable[[ColumnElement[Any]], Truth]
Read = Callable[[Json, str], Sequence[ColumnElement[Any]]]

META = "meta."
"""Before a key: the user's metadata, whatever the content says under the same key."""

_TEXTS: Mapping[str, Column[Any]] = {
    "added": items.c.added_at,
    "folder": sources.c.folder,
    "id": items.c.item_id,
    "media_type": items.c.media_type,
    "modified": sources.c.modified,
    "name": sources.c.name,
    "path": sources.c.uri,
    "state": items.c.state,
}
_NUMBERS: Mapping[str, Column[Any]] = {"size": items.c.size}
_TAG = "tag"
FIELDS = tuple(sorted([*_TEXTS, *_NUMBERS, _TAG]))
"""The names that never mean a key of metadata."""

_OPERATORS: Mapping[Operator, Callable[[Any, Any], Any]] = {
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}
_MAX_DEPTH = 50
_MAX_LEAVES = 400  # databases bound the size of an expression; SQLite at 1000
_MAX_VALUES = 10_000
_MAX_PATTERN = 1000
_INT64 = 2**63


def compile_filter(expression: Expression, database: Database) -> Truth:
    """A condition over ``items`` joined to ``sources``. Raises FilterError on what cannot be asked."""
    return _Compiler(database).compile(expression, 0)


class _Compiler:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._leaves = 0

    def compile(self, expression: Expression, depth: int) -> Truth:
        if depth > _MAX_DEPTH:
            raise FilterError(f"the filter is nested more than {_MAX_DEPTH} deep")
        if isinstance(expression, Not):
            return not_(self.compile(expression.inner, depth + 1))
        if isinstance(expression, All):
            return and_(true(), *[self.compile(part, depth + 1) for part in expression.parts])
        if isinstance(expression, AnyOf):
            return or_(false(), *[self.compile(part, depth + 1) for part in expression.parts])
        self._leaves += 1
        if self._leaves > _MAX_LEAVES:
            raise FilterError(f"the filter has more than {_MAX_LEAVES} comparisons", hint="use `field in (…)`")
        # NULL, which says neither yes nor no, becomes no here, so that everything above is plain logic.
        return func.coalesce(self._leaf(expression), false(), type_=Boolean())

    def _leaf(self, leaf: Compare | In | Like | Has) -> Truth:
        if isinstance(leaf, Has):
            return self._has(leaf.field)
        if isinstance(leaf, Like):
            return self._like(leaf)
        if isinstance(leaf, In):
            return self._in(leaf)
        return self._compare(leaf.field, leaf.op, leaf.value)

    def _has(self, field: str) -> Truth:
        if field in _NUMBERS or field in _TEXTS:
            return {**_NUMBERS, **_TEXTS}[field].is_not(None)
        if field == _TAG:
            return _any_tag(lambda _: true())
        return or_(*[self._database.json_has(column, key) for column, key in self._places(field)])

    def _like(self, leaf: Like) -> Truth:
        if len(leaf.pattern) > _MAX_PATTERN:
            raise FilterError(f"the pattern for {leaf.field!r} is longer than {_MAX_PATTERN} characters")
        pattern = leaf.pattern.translate(_GLOB)

        def like(text: ColumnElement[Any]) -> Truth:
            return self._database.matches(text, pattern)

        if leaf.field in _NUMBERS:
            _refuse(leaf.field, "a number", leaf.pattern)
        if leaf.field in _TEXTS:
            return like(_TEXTS[leaf.field])
        if leaf.field == _TAG:
            return _any_tag(like)
        return self._in_metadata(leaf.field, self._text_under, like)

    def _in(self, leaf: In) -> Truth:
        if len(leaf.values) > _MAX_VALUES:
            raise FilterError(f"the list for {leaf.field!r} has more than {_MAX_VALUES} values")
        texts = [value for value in leaf.values if isinstance(value, str)]
        truths = [value for value in leaf.values if isinstance(value, bool)]
        numbers = [value for value in leaf.values if not isinstance(value, str | bool)]
        parts = [self._compare(leaf.field, "=", value) for value in truths]
        if texts:
            parts.append(self._texts(leaf.field, texts[0], lambda text: self._one_of(text, texts, AnyText())))
        if numbers:
            bound = [_bindable(number) for number in numbers if not _is_nan(number)]
            parts.append(self._numbers(leaf.field, numbers[0], lambda number: self._one_of_numbers(number, bound)))
        return or_(false(), *parts)

    def _one_of(self, found: ColumnElement[Any], values: list[Any], kind: TypeEngine[Any]) -> Truth:
        return self._database.one_of(found, values, kind) if values else false()

    def _one_of_numbers(self, found: ColumnElement[Any], values: list[float]) -> Truth:
        whole = [value for value in values if isinstance(value, int)]
        other = [value for value in values if not isinstance(value, int)]
        return or_(self._one_of(found, whole, BigInteger()), self._one_of(found, other, Double()))

    def _compare(self, field: str, op: Operator, value: Value) -> Truth:
        if isinstance(value, bool):
            return self._truth(field, op, value=value)
        if isinstance(value, str):
            if field == _TAG and op == "!=":  # has tags, and none of them is this one
                return and_(_any_tag(lambda _: true()), not_(_any_tag(lambda tag: tag == value)))
            return self._texts(field, value, lambda found: _OPERATORS[op](found, value))
        if _is_nan(value):
            return false()
        # Its type is said: some databases would take the value for one of the column's.
        bound = _bindable(value)
        number = literal(bound, BigInteger() if isinstance(bound, int) else Double())
        return self._numbers(field, bound, lambda found: _OPERATORS[op](found, number))

    def _texts(self, field: str, value: str, holds: Test) -> Truth:
        if field in _NUMBERS:
            _refuse(field, "a number", value)
        if field in _TEXTS:
            return holds(_TEXTS[field])
        if field == _TAG:
            return _any_tag(holds)
        return self._in_metadata(field, self._text_under, holds)

    def _numbers(self, field: str, value: Value, holds: Test) -> Truth:
        if field in _NUMBERS:
            return holds(_NUMBERS[field])
        if field in FIELDS:
            _refuse(field, "a text", value)
        return self._in_metadata(field, self._database.json_numbers, holds)

    def _truth(self, field: str, op: Operator, *, value: bool) -> Truth:
        if field in FIELDS:
            _refuse(field, "a number" if field in _NUMBERS else "a text", value)
        if op not in {"=", "!="}:
            raise FilterError(f"{field!r} {op} {str(value).lower()} has no meaning", hint="use = or !=")
        wanted = int(value == (op == "="))
        return self._in_metadata(field, self._truth_under, lambda found: found == literal(wanted))

    def _text_under(self, column: Json, key: str) -> Sequence[ColumnElement[Any]]:
        return (self._database.json_text(column, key),)

    def _truth_under(self, column: Json, key: str) -> Sequence[ColumnElement[Any]]:
        return (self._database.json_truth(column, key),)

    def _in_metadata(self, field: str, read: Read, holds: Test) -> Truth:
        """Where the content itself says something under the key, the user's metadata is not asked."""
        (column, key), *rest = self._places(field)
        answer: Truth = func.coalesce(or_(*map(holds, read(column, key))), false(), type_=Boolean())
        for other, same_key in rest:
            silent = not_(self._database.json_has(column, key))
            answer = or_(answer, and_(silent, or_(*map(holds, read(other, same_key)))))
        return answer

    def _places(self, field: str) -> list[tuple[Json, str]]:
        key = field.removeprefix(META)
        if not key:
            raise FilterError(f"{field!r} names no field")
        user = (sources.c.metadata, pack_key(key))
        return [user] if field.startswith(META) else [(items.c.info, pack_key(key)), user]


_GLOB = str.maketrans({"*": "%", "?": "_", "!": "!!", "%": "!%", "_": "!_"})


def _any_tag(holds: Test) -> Truth:
    return exists().where(item_tags.c.item == items.c.number, holds(item_tags.c.tag)).correlate(items)


def _is_nan(number: float) -> bool:
    return isinstance(number, float) and math.isnan(number)


def _bindable(number: float) -> float:
    """Databases have 64-bit integers and floats; anything further out is as good as the largest of them."""
    if isinstance(number, int) and not -_INT64 <= number < _INT64:
        try:
            return float(number)
        except OverflowError:
            return sys.float_info.max if number > 0 else -sys.float_info.max
    return number


def _refuse(field: str, kind: str, value: object) -> NoReturn:
    quoted = f"'{value}'" if kind == "a text" else f"{value!r}"
    hint = f"write {quoted} in quotes" if kind == "a text" else "write the value without quotes"
    raise FilterError(f"{field!r} is {kind}, and {value!r} is not", hint=hint)
