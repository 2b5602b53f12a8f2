"""What filters ask for, as it lies beside each vector in Milvus: one JSON value and one small number a row.

``fields`` is ``{"s": [source, …]}`` with one object a source of the item::

    {"path": …, "name": …, "folder": …, "modified": …, "id": …, "state": …, "size": …, "media_type": …, "added": …,
     "tags": ["…"], "tagged": 1, "any": {"t": {…}, "n": {…}, "b": {…}, "o": {…}}, "meta": {…}}

with what is there of these. ``any`` is what a bare key means (what the content says, else the user's metadata);
``meta`` the user's metadata alone. Each is parted into texts, numbers, booleans and others, since Milvus and its Lite
form do not agree on what a comparison of a text with a number is.

``sources`` says how many of them there are: ``0`` for a segment that no filter may match (its item is not ready), and
``UNSURE`` (-1) for one that the fields do not decide: they were never written, were cleared by a new vector, or do not
fit. A filter becomes ``sources > 0 and (… fields["s"][0] …) or sources > 1 and (… fields["s"][1] …) or …``, up to
``MOST_SOURCES``; whoever searches adds ``or sources < 0``, and asks the catalog's ids about each such row found.
So a row whose fields are missing is never hidden and never wrongly shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from morelike.types import Fields

__all__ = [
    "BOOLEANS",
    "COUNT",
    "FIELDS",
    "LARGEST",
    "MOST_SOURCES",
    "NUMBERS",
    "OTHERS",
    "SOURCES",
    "TEXTS",
    "UNSURE",
    "kind_of",
    "nothing_known",
    "row_of",
]

FIELDS: Final = "fields"
"""The JSON column."""
COUNT: Final = "sources"
"""The INT8 column."""
SOURCES: Final = "s"
TEXTS, NUMBERS, BOOLEANS, OTHERS = "t", "n", "b", "o"
MOST_SOURCES: Final = 4
"""An item with more sources than this is left to the catalog: a filter's expression grows with each."""
UNSURE: Final = -1
LARGEST: Final = 32 * 1024
"""Bytes of one row's JSON; Milvus takes 64 KB."""
_DEEPEST: Final = 16
_WHOLE: Final = 2**63


def nothing_known() -> tuple[dict[str, Any], int]:
    """The columns ``fields`` and ``sources`` of a row of which only the vector is known."""
    return {}, UNSURE


def row_of(sources: Sequence[Fields]) -> tuple[dict[str, Any], int]:
    """The columns ``fields`` and ``sources`` of one segment's row."""
    if len(sources) > MOST_SOURCES:
        return nothing_known()
    row = {SOURCES: [_source(source) for source in sources]}
    return (row, len(sources)) if _fits(row) else nothing_known()


def _source(source: Fields) -> dict[str, Any]:
    tagged = {"tagged": 1} if source.tags else {}
    return {
        **source.plain,
        "tags": list(source.tags),
        **tagged,
        "any": _parted({**source.meta, **source.info}),
        "meta": _parted(source.meta),
    }


def _parted(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By the kind of value; of one that no filter compares it is only told that it is there."""
    parts: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        if value is None:
            continue
        kind = kind_of(value)
        parts.setdefault(kind, {})[key] = 1 if kind == OTHERS else value
    return parts


def kind_of(value: object) -> str:
    """The part that a value of metadata lies in."""
    if isinstance(value, bool):
        return BOOLEANS
    if isinstance(value, str):
        return TEXTS
    return NUMBERS if isinstance(value, int | float) else OTHERS


def _fits(row: Mapping[str, Any]) -> bool:
    """Whether every database on the way takes the row as it is: its size, its depth, its numbers, its letters."""
    try:
        return _plain(row, _DEEPEST) and len(json.dumps(row, ensure_ascii=False, allow_nan=False).encode()) <= LARGEST
    except (TypeError, ValueError):  # no JSON; a lone surrogate
        return False


def _plain(value: object, depth: int) -> bool:
    if depth == 0:
        return False
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _plain(key, 1) and _plain(inner, depth - 1) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return all(_plain(inner, depth - 1) for inner in value)
    if isinstance(value, int):
        return -_WHOLE <= value < _WHOLE
    return value is None or isinstance(value, float) or (isinstance(value, str) and "\0" not in value)
