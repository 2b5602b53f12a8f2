"""The few statements that every search makes, carried out by SQLite's driver itself.

SQLAlchemy writes the text, once for each number of values; carrying it out through SQLAlchemy takes four times as long
as SQLite needs, all of it under Python's lock. On another database it is carried out in the usual way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Select
from sqlalchemy.engine import Dialect

from morelike.stores.catalog.connections import Connected, translated
from morelike.stores.catalog.encoding import pack

__all__ = ["Ask", "Quick", "QuickRows"]

_MANY = 200
"""Texts with more values are not kept: there SQLite's own work is most of it."""

Row = tuple[Any, ...]


class Ask(Protocol):
    """``some``: the values of the statement's list, where it has one."""

    def __call__(self, statement: Quick, collection: int = ..., some: Sequence[Any] = ...) -> list[Row]: ...


@dataclass(frozen=True, slots=True)
class _Place:
    """Stands in a statement's parameters for one that comes at each execution; -1 is the collection."""

    at: int


@dataclass(frozen=True, slots=True)
class _Text:
    text: str
    parameters: tuple[Any, ...]


class Quick:
    """A statement with two bound names at the most: ``collection``, and ``some``, a list."""

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement
        self._texts: dict[int, _Text] = {}
        self._readers: list[tuple[int, Callable[[Any], Any]]] | None = None

    def run(self, driver: Any, dialect: Dialect, collection: int, some: Sequence[Any]) -> list[Row]:
        """Through SQLite's driver; its own errors come out."""
        known = self._texts.get(len(some))
        if known is None:
            known = self._written(dialect, len(some))
        values = [pack(value) if isinstance(value, str) else value for value in some]
        values.append(collection)
        bound = [values[given.at] if isinstance(given, _Place) else given for given in known.parameters]
        rows: list[Row] = driver.execute(known.text, bound).fetchall()
        if self._readers is None:
            self._readers = self._found_readers(dialect)
        return self._read(rows, self._readers) if self._readers else rows

    def _written(self, dialect: Dialect, number: int) -> _Text:
        compiled = self.statement.compile(dialect=dialect)
        places = {"collection": _Place(-1), "some": [_Place(at) for at in range(number)]}
        state = compiled.construct_expanded_state({name: places[name] for name in places.keys() & compiled.params})
        written = _Text(state.statement, tuple(state.positional_parameters))
        if number <= _MANY:
            self._texts[number] = written
        return written

    def _found_readers(self, dialect: Dialect) -> list[tuple[int, Callable[[Any], Any]]]:
        """What SQLAlchemy's types make of the driver's values, by column."""
        types = [column.type for column in self.statement.selected_columns]
        found = [(at, kind.dialect_impl(dialect).result_processor(dialect, None)) for at, kind in enumerate(types)]
        return [(at, reader) for at, reader in found if reader is not None]

    @staticmethod
    def _read(rows: list[Row], readers: list[tuple[int, Callable[[Any], Any]]]) -> list[Row]:
        read = [list(row) for row in rows]
        for column, reader in readers:
            for row in read:
                row[column] = reader(row[column])
        return [tuple(row) for row in read]


class QuickRows(Connected):
    """Reading for those who are in a hurry."""

    def _asking(self) -> AbstractContextManager[Ask]:
        """One consistent view of all tables."""
        return self._quickly() if self._database.engine.dialect.name == "sqlite" else self._usually()

    @contextmanager
    def _quickly(self) -> Iterator[Ask]:
        self._check_open()
        dialect = self._database.engine.dialect
        with translated(self._database):
            borrowed = self._database.engine.raw_connection()
            try:
                driver: Any = borrowed.driver_connection
                driver.execute("BEGIN")

                def ask(statement: Quick, collection: int = 0, some: Sequence[Any] = ()) -> list[Row]:
                    return statement.run(driver, dialect, collection, some)

                yield ask
                driver.execute("COMMIT")
            finally:
                borrowed.close()  # which rolls back what is open

    @contextmanager
    def _usually(self) -> Iterator[Ask]:
        with self._reading() as connection:

            def ask(statement: Quick, collection: int = 0, some: Sequence[Any] = ()) -> list[Row]:
                bound = {"collection": collection, "some": list(some)}
                return [tuple(row) for row in connection.execute(statement.statement, bound)]

            yield ask
