"""A table of an old server's MySQL or MariaDB: read once, in order, and never written."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Protocol

from morelike.errors import MissingExtra, SettingsError, StoreError, StoreUnreachable, UsageError
from morelike.stores.catalog.engine.addresses import read_address
from morelike.stores.catalog.engine.mysql import OPTIONS, tls_options
from morelike.stores.catalog.engine.server import CONNECT_SECONDS, keep_alive, one_line

__all__ = ["LONGEST", "Column", "OldTable", "Rows"]

LONGEST: Final = 1000
"""Characters of one value; what is longer comes cut off, one character longer than this."""
_SILENT_SECONDS: Final = 600
"""How long the server may take to put the rows in order."""
_PATIENT_SECONDS: Final = 31_536_000
"""How long it waits for us, who write a page and may wait for another writer before we read on."""
_SCHEMES: Final = ("mysql://", "mariadb://", "mysql+pymysql://")
_TEXTS: Final = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_NUMBERS: Final = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
_NONE: Final = 1049, 1044
_DENIED: Final = 1045, 1698, 1142


class Column:
    """One column, as the server describes it."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.is_text = kind.lower() in _TEXTS
        self.is_number = kind.lower() in _NUMBERS


class Rows(Protocol):
    """A table to read, wherever it is; ``rows`` as ``OldTable`` says."""

    @property
    def name(self) -> str: ...
    @property
    def columns(self) -> Sequence[Column]: ...
    def count(self) -> int: ...
    def rows(self, names: Sequence[str], *, order: Sequence[str]) -> Iterator[tuple[Any, ...]]: ...


class OldTable:
    """A table at ``mysql://USER:PASSWORD@HOST:3306/NAME``; a context manager.

    Raises UsageError where there is no such table, SettingsError, MissingExtra, StoreUnreachable, StoreError.
    """

    def __init__(self, address: str, table: str) -> None:
        try:
            import pymysql  # type: ignore[import-untyped]  # it has no types
        except ModuleNotFoundError as error:
            raise MissingExtra("PyMySQL is not installed", hint="pip install 'morelike[mysql]'") from error
        if not address.lower().startswith(_SCHEMES):
            raise SettingsError("--mysql is no address of MySQL", hint="mysql://USER:PASSWORD@HOST:3306/NAME")
        place = read_address(address, scheme="mysql", port=3306, known=OPTIONS, what="--mysql")
        self.name = table
        self.where = f"table {table[:64]!r} at {place.where('mysql')}"
        options: dict[str, Any] = {
            "host": place.host,
            "port": place.port,
            "user": place.user or None,
            "password": place.password,
            "database": place.database,
            "charset": "utf8mb4",
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": _SILENT_SECONDS,
            "cursorclass": pymysql.cursors.SSCursor,
            "init_command": f"SET SESSION net_write_timeout = {_PATIENT_SECONDS}, wait_timeout = {_PATIENT_SECONDS}",
            **tls_options(place),
        }
        if "unix_socket" in place.options:
            options["unix_socket"] = place.options["unix_socket"]
        with self._failing():
            self._connection = pymysql.connect(**options)
        try:
            keep_alive(self._connection._sock)  # PyMySQL has no other way to it
            with self._failing():
                self._ask("SET SESSION TRANSACTION READ ONLY")
                self.columns = self._described()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> OldTable:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Rows that were not read yet are left where they are."""
        self._connection._force_close()  # ``close`` would read all that is left first

    def count(self) -> int:
        """How many rows there are now."""
        with self._failing():
            return int(self._ask(f"SELECT COUNT(*) FROM {_quoted(self.name)}")[0][0])  # noqa: S608  # it was found

    def rows(self, names: Sequence[str], *, order: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """The values of these columns, texts cut off behind ``LONGEST``, ordered byte by byte and number by number.

        A few rows are in memory at a time. Raises StoreUnreachable, StoreError.
        """
        kinds = {column.name: column for column in self.columns}
        wanted = ", ".join(
            f"LEFT({_quoted(name)}, {LONGEST + 1})" if kinds[name].is_text else _quoted(name) for name in names
        )
        by = ", ".join(self._in_order(kinds[name]) for name in order)
        with self._failing(), self._connection.cursor() as cursor:
            cursor.execute(f"SELECT {wanted} FROM {_quoted(self.name)} ORDER BY {by}")  # noqa: S608  # all were found
            while some := cursor.fetchmany(500):
                yield from some

    def _in_order(self, column: Column) -> str:
        quoted = _quoted(column.name)
        if not column.is_text:
            return quoted
        if column.name.lower().endswith("_id"):  # numbers that were written as text
            return f"CAST({quoted} AS SIGNED), CAST({quoted} AS BINARY)"
        return f"CAST({quoted} AS BINARY)"

    def _described(self) -> list[Column]:
        asked = (
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND table_name = %s ORDER BY ordinal_position"
        )
        found = [Column(str(name), str(kind)) for name, kind in self._ask(asked, self.name)]
        if not found:
            there = self._ask("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
            names = ", ".join(sorted(str(name) for (name,) in there)[:10]) or "none"
            raise UsageError(f"there is no {self.where}", hint=f"--table: there are {names}")
        return found

    def _ask(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    @contextmanager
    def _failing(self) -> Iterator[None]:
        import pymysql

        try:
            yield
        except pymysql.err.MySQLError as error:
            code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
            said = one_line(error.args[-1] if error.args else "")
            if code in _DENIED or code in _NONE:
                raise StoreError(f"the {self.where} is refused: {said}", hint="see --mysql") from error
            if isinstance(error, pymysql.err.OperationalError | pymysql.err.InterfaceError):
                raise self._silent(said) from error
            raise StoreError(f"the {self.where} cannot be read: {said}") from error
        except OSError as error:
            raise self._silent(one_line(error)) from error
        except (RuntimeError, IndexError, struct.error) as error:  # what PyMySQL makes of packets that are none
            raise StoreError(f"the {self.where} does not answer as MySQL does") from error

    def _silent(self, said: str) -> StoreUnreachable:
        return StoreUnreachable(
            f"the {self.where} does not answer: {said}",
            hint="is it running there? --mysql says where; what came in stays, and the same command goes on",
        )


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
