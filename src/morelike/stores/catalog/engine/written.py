"""Statements that SQLAlchemy has written out for one database serve every other that is like it.

Writing one takes longer than carrying it out, and an engine keeps its own only as long as it lives; a process that
opens many libraries, or one of them many times, would write the same again each time.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from itertools import count
from types import FunctionType
from typing import Any

from sqlalchemy import MetaData
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement
from sqlalchemy.util import LRUCache

__all__ = ["WrittenStatements", "tables_as_written"]

_KEPT = 1000
"""Statements, of all databases; a filter is another one for each form that it has."""
_DATABASES_KEPT = 16

_PLAIN = (str, int, float, tuple, FunctionType)
"""Functions too: how JSON is written and read."""

_numbers: dict[Any, int] = {}
"""What a dialect knows, to a number that stands for it: a process meets few servers, and looks here often."""
_next = count()
_statements: LRUCache[Any, Any] = LRUCache(_KEPT)
_tables: LRUCache[Any, tuple[str, ...]] = LRUCache(_DATABASES_KEPT)


class WrittenStatements(MutableMapping[Any, Any]):
    """For an engine's execution option ``compiled_cache``: one for each engine, all over the same statements.

    SQLAlchemy looks under the engine's own dialect first of all; in its place stands what the dialect knows.
    """

    def __init__(self) -> None:
        self._alike: tuple[Dialect, int] | None = None

    def _known(self, key: Any) -> Any:
        dialect, *rest = key
        # Not before the first statement: by then the engine has connected, and the dialect knows its server.
        if self._alike is None or self._alike[0] is not dialect:
            self._alike = dialect, _facts(dialect)
        return self._alike[1], *rest

    def __getitem__(self, key: Any) -> Any:
        return _statements[self._known(key)]

    def __setitem__(self, key: Any, statement: Any) -> None:
        _statements[self._known(key)] = statement

    def __delitem__(self, key: Any) -> None:
        del _statements[self._known(key)]

    def __iter__(self) -> Iterator[Any]:
        return iter(_statements)

    def __len__(self) -> int:
        return len(_statements)


def tables_as_written(metadata: MetaData, dialect: Dialect) -> tuple[str, ...]:
    """The statements that make all tables and their indexes, in this order, in a database that has none of them."""
    key = metadata, _facts(dialect)
    known = _tables.get(key)
    if known is None:
        making: list[ExecutableDDLElement] = []
        for table in metadata.sorted_tables:
            making.append(CreateTable(table))
            making += [CreateIndex(index) for index in sorted(table.indexes, key=lambda index: str(index.name))]
        known = tuple(str(statement.compile(dialect=dialect)) for statement in making)
        _tables[key] = known
    return known


def _facts(dialect: Dialect) -> int:
    """Stands for all that a dialect was told, and has found out about its server: any of it may change a statement."""
    plain = {name: value for name, value in vars(dialect).items() if isinstance(value, _PLAIN)}
    facts = type(dialect), tuple(sorted((name, repr(value)) for name, value in plain.items()))
    return _numbers.setdefault(facts, next(_next))
