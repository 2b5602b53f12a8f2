"""A filter's text to its tree: ``width >= 1000 and tag = 'cat'``."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any as AnyType

from lark import Lark, Transformer, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, VisitError

from morelike.errors import FilterError
from morelike.expressions import All, Any, Compare, Expression, Has, In, Like, Not, Value

__all__ = ["filter_text", "parse_filter"]

LONGEST = 10_000
DEEPEST = 50
_PLAIN = re.compile(r"(?!(?:and|or|not|in|like|has|true|false)\b)[^\W\d][\w.\-:]*", re.IGNORECASE)

_GRAMMAR = r"""
?start: either
?either: both ("or"i both)*
?both: inverse ("and"i inverse)*
?inverse: "not"i inverse -> negate
    | "(" either ")"
    | "has"i field -> has
    | field OPERATOR value -> compare
    | field "in"i "(" value ("," value)* ")" -> one_of
    | field "not"i "in"i "(" value ("," value)* ")" -> none_of
    | field "like"i STRING -> like
    | field "not"i "like"i STRING -> unlike
field: NAME | QUOTED
value: STRING -> text | NUMBER -> number | "true"i -> true | "false"i -> false
OPERATOR: "==" | "=" | "!=" | "<>" | "<=" | ">=" | "<" | ">"
NAME: /(?!(?:and|or|not|in|like|has|true|false)\b)[^\W\d][\w.\-:]*/i
QUOTED.2: /(?:meta\.)?`[^`]{1,400}`/
STRING: /'(?:[^'\\]|\\.)*'/ | /"(?:[^"\\]|\\.)*"/
NUMBER: /[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/
%import common.WS
%ignore WS
"""


class _Builder(Transformer[AnyType, Expression]):
    def either(self, parts: list[Expression]) -> Expression:
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def both(self, parts: list[Expression]) -> Expression:
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def negate(self, parts: list[Expression]) -> Expression:
        return Not(parts[0])

    def has(self, parts: list[str]) -> Expression:
        return Has(parts[0])

    def compare(self, parts: list[AnyType]) -> Expression:
        field, operator, value = parts
        return Compare(field, {"==": "=", "<>": "!="}.get(str(operator), str(operator)), value)  # type: ignore[arg-type] # the grammar knows no other operator

    def one_of(self, parts: list[AnyType]) -> Expression:
        return In(parts[0], tuple(parts[1:]))

    def none_of(self, parts: list[AnyType]) -> Expression:
        return Not(In(parts[0], tuple(parts[1:])))

    def like(self, parts: list[AnyType]) -> Expression:
        return Like(parts[0], _unquoted(parts[1]))

    def unlike(self, parts: list[AnyType]) -> Expression:
        return Not(Like(parts[0], _unquoted(parts[1])))

    def field(self, parts: list[AnyType]) -> str:
        return str(parts[0]).replace("`", "")

    def text(self, parts: list[AnyType]) -> Value:
        return _unquoted(parts[0])

    def number(self, parts: list[AnyType]) -> Value:
        text = str(parts[0])
        return float(text) if any(mark in text for mark in ".eE") else int(text)

    def true(self, _: list[AnyType]) -> Value:
        return True

    def false(self, _: list[AnyType]) -> Value:
        return False


def _unquoted(token: AnyType) -> str:
    body, out, escaped = str(token)[1:-1], [], False
    for letter in body:
        if letter == "\\" and not escaped:
            escaped = True
            continue
        out.append(letter)
        escaped = False
    return "".join(out)


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr")


@lru_cache(256)
def parse_filter(text: str) -> Expression:
    """Read a filter. Raises FilterError that points at the place.

    ``field op value`` with ``= != < <= > >=``, ``in (…)``, ``like 'beach*'``, ``has field``, joined by ``and``, ``or``,
    ``not`` and brackets. Text stands in quotes; dates are text (``taken >= '2024-05'``). A field of any other
    letters stands in backticks.
    """
    if len(text) > LONGEST:
        raise FilterError(f"the filter has {len(text)} characters", hint=f"at most {LONGEST}")
    depth = deepest = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        deepest = max(deepest, depth)
    if deepest + text.lower().count("not ") > DEEPEST:
        raise FilterError("the filter is nested too deeply", hint=f"at most {DEEPEST} brackets and nots")
    try:
        tree: Tree[AnyType] = _parser().parse(text)
        return _Builder().transform(tree)
    except UnexpectedEOF as error:
        raise FilterError(
            f"the filter ends too soon: {text!r}", hint="for example: width >= 1000 and tag = 'cat'"
        ) from error
    except UnexpectedInput as error:
        at = error.column - 1 if error.column > 0 else len(text)
        rest = text[at : at + 20]
        where = f"at {rest!r}" if rest else "at its end"
        hint = (
            "text stands in quotes: tag = 'cat'"
            if isinstance(error, UnexpectedCharacters) or rest
            else "something is missing"
        )
        raise FilterError(f"the filter cannot be read {where} (character {at + 1})", hint=hint) from error
    except (VisitError, RecursionError, ValueError, OverflowError) as error:
        raise FilterError(f"the filter cannot be read: {text[:80]!r}") from error


def filter_text(expression: Expression) -> str:
    """The text that ``parse_filter`` reads as this tree. Raises FilterError on one that it never makes."""
    if isinstance(expression, Not):
        inner = expression.inner
        if isinstance(inner, In):
            return f"{_field_text(inner.field)} not in ({_values_text(inner.values)})"
        if isinstance(inner, Like):
            return f"{_field_text(inner.field)} not like {_value_text(inner.pattern)}"
        return f"not {_inner_text(inner)}"
    if isinstance(expression, All | Any):
        if not expression.parts:
            raise FilterError("a filter without parts says nothing", hint="leave it out")
        return (" and " if isinstance(expression, All) else " or ").join(map(_inner_text, expression.parts))
    field = _field_text(expression.field)
    if isinstance(expression, Compare):
        return f"{field} {expression.op} {_value_text(expression.value)}"
    if isinstance(expression, In):
        return f"{field} in ({_values_text(expression.values)})"
    return f"has {field}" if isinstance(expression, Has) else f"{field} like {_value_text(expression.pattern)}"


def _inner_text(expression: Expression) -> str:
    text = filter_text(expression)
    return f"({text})" if isinstance(expression, All | Any) else text


def _field_text(field: str) -> str:
    if _PLAIN.fullmatch(field):
        return field
    if "`" in field or not 0 < len(field) <= 400:
        raise FilterError(f"the field {field[:80]!r} cannot be written in a filter")
    return f"`{field}`"


def _values_text(values: tuple[Value, ...]) -> str:
    return ", ".join(map(_value_text, values))


def _value_text(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return repr(value)
