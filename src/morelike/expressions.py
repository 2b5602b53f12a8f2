"""A filter as a small tree. ``search/filter.py`` reads it from text; each catalog and vector store compiles it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["All", "Any", "Compare", "Expression", "Has", "In", "Like", "Not", "Operator", "Value"]

Value = str | int | float | bool
Operator = Literal["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Compare:
    """``field op value``; an item without the field does not match."""

    field: str
    op: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class In:
    """``field in (v, …)``."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Like:
    """``field like 'beach*'``: a glob with ``*`` and ``?``, letters of any case."""

    field: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Has:
    """``has field``: the item has a value there."""

    field: str


@dataclass(frozen=True, slots=True)
class Not:
    """The inner expression does not match."""

    inner: Expression


@dataclass(frozen=True, slots=True)
class All:
    """Every part matches."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one part matches."""

    parts: tuple[Expression, ...]


Expression = Compare | In | Like | Has | Not | All | Any
