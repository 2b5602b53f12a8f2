"""The segments that a filter leaves: worked out once, then mended by what changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, not_, select, true

from morelike.errors import FilterError
from morelike.expressions import Expression
from morelike.stores.catalog import changes, statements
from morelike.stores.catalog.collections import CollectionRows
from morelike.stores.catalog.connections import chunks
from morelike.stores.catalog.filters import compile_filter
from morelike.stores.catalog.schema import items, segments, sources
from morelike.types import Collection, Ids, Kind

__all__ = ["FilteredRows"]

_KEPT = 16
_KEPT_BYTES = 64 * 1024**2
_BLOCK = 50_000
_NOT_READY = ("pending", "rejected", "deleting", "duplicate")

Key = tuple[int, Kind, str]


@dataclass(frozen=True, slots=True)
class _Question:
    collection: Collection
    kind: Kind
    filter: Expression | None

    @property
    def key(self) -> Key:
        return self.collection.id, self.kind, _text_of(self.filter)


@dataclass(frozen=True, slots=True)
class _Answer:
    revision: int
    ids: Ids


class FilteredRows(CollectionRows):
    """``segment_ids``, and the condition that a filter is in a statement about items."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._answers: OrderedDict[Key, _Answer] = OrderedDict()
        self._answers_lock = threading.Lock()
        self._changes_noted: bool | None = None

    def segment_ids(self, collection: Collection, kind: Kind, *, filter: Expression | None = None) -> Ids:
        """The array is shared and cannot be written to; it is the same one for as long as the answer is the same.

        The last sixteen filters are kept, fewer where their answers are large.
        """
        question = _Question(collection, kind, filter)
        key = question.key
        with self._answers_lock:
            kept = self._answers.get(key)
            if kept is not None:
                self._answers.move_to_end(key)
        if kept is not None:
            with self._asking() as ask:
                found = ask(statements.REVISION, collection.id)
            if found and kept.revision >= found[0][0]:
                return kept.ids
        with self._reading() as connection:
            revision = self._revision(connection, collection)
            ids = None if kept is None else self._mended(connection, kept, revision, question)
            if ids is None:
                ids = _sorted(connection, self._left(question))
        self._keep(key, _Answer(revision, ids))
        return ids

    def _keep(self, key: Key, answer: _Answer) -> None:
        with self._answers_lock:
            self._answers[key] = answer
            self._answers.move_to_end(key)
            held = sum(kept.ids.nbytes for kept in self._answers.values())
            while len(self._answers) > 1 and (len(self._answers) > _KEPT or held > _KEPT_BYTES):
                held -= self._answers.popitem(last=False)[1].ids.nbytes

    def _mended(self, connection: Connection, kept: _Answer, revision: int, question: _Question) -> Ids | None:
        """An earlier answer with what was touched since asked anew; None where that is not known, or is too much."""
        if self._changes_noted is None:
            self._changes_noted = changes.noted(connection)
        if not self._changes_noted:
            return None
        touched = changes.touched(connection, question.collection.id, kept.revision, revision)
        if touched is None:
            return None
        left: list[int] = []
        query = self._left_of_some(question)
        for some in chunks(touched):
            rows = connection.execute(query, {"some": some})
            left.extend(segment_id for segment_id, state in rows if state == "ready")
        before = np.isin(touched, kept.ids, assume_unique=True)
        now = np.isin(touched, left)
        if np.array_equal(before, now):
            return kept.ids
        new = np.array(touched, dtype=np.int64)
        gone, came = new[before & ~now], new[now & ~before]
        ids = np.delete(kept.ids, np.searchsorted(kept.ids, gone))
        ids = np.insert(ids, np.searchsorted(ids, came), came)
        ids.flags.writeable = False
        return ids

    def _left(self, question: _Question) -> Select[Any]:
        mine = question.collection.id
        query = select(segments.c.segment_id).where(segments.c.collection_id == mine, segments.c.kind == question.kind)
        if question.filter is None:  # nearly all items are ready, so the few others are looked up instead
            other = (items.c.collection_id == mine, items.c.state.in_(_NOT_READY))
            return query.where(not_(segments.c.item.in_(select(items.c.number).where(*other))))
        # From the sources: they are many short rows in the order of the items, and one alone may decide.
        passing = (
            select(items.c.number)
            .select_from(sources)
            .join(items, items.c.number == sources.c.item)
            .where(
                sources.c.collection_id == mine,
                items.c.state == "ready",
                compile_filter(question.filter, self._database),
            )
        )
        return query.where(segments.c.item.in_(passing))

    def _left_of_some(self, question: _Question) -> Select[Any]:
        """With each one's state: asked in the statement, it would lead a planner through all that are ready."""
        query = (
            select(segments.c.segment_id, items.c.state)
            .join(items, items.c.number == segments.c.item)
            .where(
                segments.c.collection_id == question.collection.id,
                segments.c.segment_id.in_(statements.SOME),
                segments.c.kind == question.kind,
            )
        )
        return query if question.filter is None else query.where(self._passing(question.filter))

    def _passing(self, filter: Expression) -> ColumnElement[bool]:
        """True of an item where one of its sources makes the whole expression true."""
        condition = compile_filter(filter, self._database)
        return (
            select(true())
            .select_from(sources)
            .where(sources.c.item == items.c.number, condition)
            .correlate(items)
            .exists()
        )


def _text_of(filter: Expression | None) -> str:
    """What a filter's answer is kept under: as dataclasses, a comparison with 1 and one with True would be equal."""
    try:
        return repr(filter)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; a tree of thousands of floors
        raise FilterError("the filter is too large") from error


def _sorted(connection: Connection, query: Select[Any]) -> Ids:
    rows = connection.execution_options(yield_per=_BLOCK).execute(query)
    ids = np.fromiter(_first(rows.partitions()), dtype=np.int64)
    ids.sort()
    ids.flags.writeable = False
    return ids


def _first(blocks: Iterable[Sequence[Any]]) -> Iterable[int]:
    for block in blocks:
        for (value,) in block:
            yield value
