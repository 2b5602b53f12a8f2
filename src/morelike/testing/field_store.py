"""A vector store that evaluates filters itself, in Python: the plainest reading of what one has to do."""

from __future__ import annotations

import math
import operator
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from morelike.expressions import All, Expression, Has, In, Like, Not, Value
from morelike.expressions import Any as AnyOf
from morelike.settings import Settings
from morelike.stores.catalog.encoding import pack, pack_key
from morelike.stores.vectors.memory import MemoryVectorStore
from morelike.types import Fields, Ids, Scores, Space, Vectors, Within

__all__ = ["FieldVectorStore", "holds"]

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}
_PLAIN = frozenset({"added", "folder", "id", "media_type", "modified", "name", "path", "size", "state"})


def holds(expression: Expression, sources: Sequence[Fields]) -> bool:
    """Whether the whole of the filter is true of one of the sources."""
    return any(_true(expression, source) for source in sources)


def _true(expression: Expression, source: Fields) -> bool:
    if isinstance(expression, Not):
        return not _true(expression.inner, source)
    if isinstance(expression, All):
        return all(_true(part, source) for part in expression.parts)
    if isinstance(expression, AnyOf):
        return any(_true(part, source) for part in expression.parts)
    values = _values(expression.field, source)
    if isinstance(expression, Has):
        return bool(values)
    if isinstance(expression, Like):
        return any(isinstance(value, str) and _like(value, expression.pattern) for value in values)
    if isinstance(expression, In):
        return any(_compare(value, "=", wanted) for value in values for wanted in expression.values)
    if expression.field == "tag" and expression.op == "!=":
        return bool(values) and not any(_compare(value, "=", expression.value) for value in values)
    return any(_compare(value, expression.op, expression.value) for value in values)


def _values(field: str, source: Fields) -> list[Any]:
    if field == "tag":
        return list(source.tags)
    if field in _PLAIN:
        return [source.plain[field]] if field in source.plain else []
    key = pack_key(field.removeprefix("meta."))
    places = [source.meta] if field.startswith("meta.") else [source.info, source.meta]
    return next(([place[key]] for place in places if key in place), [])


def _compare(value: Any, op: str, wanted: Value) -> bool:
    kinds = [bool if isinstance(each, bool) else str if isinstance(each, str) else float for each in (value, wanted)]
    if kinds[0] is not kinds[1] or isinstance(value, list):
        return False
    if isinstance(wanted, str):
        value, wanted = value.encode(), pack(wanted).encode()  # type: ignore[assignment] # their bytes are compared
    return not (isinstance(wanted, float) and math.isnan(wanted)) and _OPERATORS[op](value, wanted)


def _like(text: str, pattern: str) -> bool:
    parts = {"*": ".*", "?": "."}
    regex = "".join(parts.get(letter, re.escape(letter)) for letter in pack(pattern).lower())
    return re.fullmatch(regex, text.lower(), re.DOTALL) is not None


class FieldVectorStore(MemoryVectorStore):
    """``KeepsFields``. ``pushed`` and ``by_ids`` count the searches that went either way."""

    def __init__(self, folder: Path, settings: Settings, library_id: str = "") -> None:
        super().__init__(folder, settings, library_id)
        self._fields: dict[int, dict[int, tuple[Fields, ...]]] = {}
        """By space and segment; a segment that is not there is one of which nothing is known."""
        self._revisions: dict[int, int] = {}
        self._fields_lock = threading.RLock()
        self.pushed = 0
        self.by_ids = 0

    def upsert(self, space: Space, ids: Ids, vectors: Vectors) -> None:
        with self._fields_lock:
            super().upsert(space, ids, vectors)
            for identifier in ids.tolist():
                self._fields.get(space.id, {}).pop(identifier, None)

    def delete(self, space: Space, ids: Ids) -> None:
        with self._fields_lock:
            super().delete(space, ids)
            for identifier in ids.tolist():
                self._fields.get(space.id, {}).pop(identifier, None)

    def drop(self, space_id: int) -> None:
        with self._fields_lock:
            super().drop(space_id)
            self._fields.pop(space_id, None)
            self._revisions.pop(space_id, None)

    def search(self, space: Space, queries: Vectors, k: int, *, within: Within | None = None) -> tuple[Ids, Scores]:
        if within is None:
            return super().search(space, queries, k)
        with self._fields_lock:
            if not 0 <= within.revision <= self.fields_revision(space):
                self.by_ids += 1
                return super().search(space, queries, k, within=within)
            self.pushed += 1
            known = self._fields.get(space.id, {})
            stored, _ = self._rows(space)
            left = np.array([one for one in stored.tolist() if holds(within.expression, known.get(one, ()))], np.int64)
            unsure = stored[~np.isin(stored, np.array(list(known), dtype=np.int64))]
        if len(unsure):
            left = np.union1d(left, np.intersect1d(unsure, within.ids()))
        return super().search(space, queries, k, within=Within(within.expression, lambda: left))

    def fields_revision(self, space: Space) -> int:
        with self._fields_lock:
            return self._revisions.get(space.id, -1)

    def put_fields(
        self,
        space: Space,
        ids: Ids,
        fields: Sequence[Sequence[Fields]],
        revision: int,
        *,
        whole: bool = False,  # noqa: ARG002  there is nothing to tidy up
    ) -> None:
        with self._fields_lock:
            stored, _ = self._rows(space)
            kept = self._fields.setdefault(space.id, {})
            there = np.isin(ids, stored)
            for identifier, sources, known in zip(ids.tolist(), fields, there.tolist(), strict=True):
                if known:
                    kept[identifier] = tuple(sources)
            self._revisions[space.id] = revision
