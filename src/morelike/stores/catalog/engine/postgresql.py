"""PostgreSQL, by psycopg 3."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Double,
    Numeric,
    Table,
    Text,
    and_,
    any_,
    bindparam,
    case,
    cast,
    collate,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.types import TypeEngine

from morelike.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreReadOnly, StoreUnreachable
from morelike.stores.catalog import schema
from morelike.stores.catalog.encoding import AnyText
from morelike.stores.catalog.engine import Conflict, Json
from morelike.stores.catalog.engine.addresses import read_address
from morelike.stores.catalog.engine.server import (
    CONNECT_SECONDS,
    KEEP_COUNT,
    KEEP_IDLE,
    KEEP_INTERVAL,
    PING_SECONDS,
    SILENT_SECONDS,
    ServerDatabase,
    one_line,
    writing,
)

__all__ = ["PostgresDatabase"]

logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it ignores it would write to standard error

_OPTIONS = (
    "application_name",
    "channel_binding",
    "gssencmode",
    "host",
    "krbsrvname",
    "options",
    "passfile",
    "service",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
)
"""Those of libpq that say where the server is and how it is to be trusted; ``host`` may be a socket's folder."""
_OLDEST = 130_000
_TEXTS = re.compile(r"\b(VARCHAR\(\d+\)|TEXT)(?! COLLATE)")
_LOWERING = ("und-x-icu", "pg_c_utf8", "C.UTF-8", "C.utf8", "en_US.utf8")
"""Collations that know the cases of all letters, the best first."""
_LONGEST_INTEGER = 300
"""Digits; a longer one is out of reach for a float, and is taken for the largest."""
_LARGEST = 1.7976931348623157e308

_REFUSED = ("password authentication failed", "no password supplied", "authentication failed", "no pg_hba.conf entry")


class PostgresDatabase(ServerDatabase):
    """A database on PostgreSQL 13 or newer. Raises SettingsError, StoreUnreachable, StoreError."""

    whole_migrations = True

    def __init__(self, setting: str, folder: Path, *, timeout: float) -> None:
        address = read_address(setting, scheme="postgresql", port=5432, known=_OPTIONS)
        self._lowering = "default"
        options: dict[str, Any] = {
            "connect_timeout": CONNECT_SECONDS,
            "client_encoding": "utf8",
            "application_name": "morelike",
            "keepalives": 1,
            "keepalives_idle": KEEP_IDLE,
            "keepalives_interval": KEEP_INTERVAL,
            "keepalives_count": KEEP_COUNT,
            "tcp_user_timeout": SILENT_SECONDS * 1000,
            "autocommit": False,
            **address.options,
        }
        self._lock_wait = max(1, round(timeout)) * 1000
        super().__init__(
            address.url("postgresql+psycopg"), address.where("postgresql"), folder, timeout=timeout, options=options
        )

    def _connected(self, driver: Any) -> None:
        driver.prepare_threshold = None  # a pooler between may not keep them
        # A statement that waits longer for another writer gives up; what is left idle is not thrown out.
        driver.execute(f"SET lock_timeout = {self._lock_wait}")
        if driver.info.server_version >= 140_000:
            driver.execute("SET idle_session_timeout = 0")
        driver.commit()

    def _line(self, driver: Any) -> Any:
        return driver.fileno()

    def _begin(self, connection: Connection) -> None:
        from psycopg import IsolationLevel

        driver: Any = connection.connection.driver_connection
        # Said at BEGIN: no statement of its own.
        wanted = IsolationLevel.READ_COMMITTED if writing(connection) else IsolationLevel.REPEATABLE_READ
        if driver.isolation_level != wanted:
            driver.isolation_level = wanted

    def _check(self, connection: Connection) -> None:
        number = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
        if number < _OLDEST:
            raise StoreError(
                f"the server {self.where} is PostgreSQL {number // 10000}, which is too old",
                hint="a catalog needs PostgreSQL 13 or newer",
            )
        encoding = str(connection.exec_driver_sql("SHOW server_encoding").scalar_one())
        if encoding != "UTF8":
            raise StoreError(
                f"the database {self.where} has the encoding {encoding}, which cannot hold every text",
                hint=f"CREATE DATABASE \"{self._database_name}\" ENCODING 'UTF8' TEMPLATE template0",
            )
        asked = text(
            "SELECT collname FROM pg_collation WHERE collname IN :names AND collencoding IN (-1, 6) "
            "AND pg_collation_is_visible(oid)"
        ).bindparams(bindparam("names", _LOWERING, expanding=True))
        there = set(connection.scalars(asked))
        self._lowering = next((name for name in _LOWERING if name in there), "default")

    def _exact_texts(self, statement: str) -> str:
        return _TEXTS.sub(r'\1 COLLATE "C"', statement)

    def _ping_options(self) -> dict[str, Any]:
        return {"connect_timeout": PING_SECONDS, "tcp_user_timeout": PING_SECONDS * 1000}

    def backup(self, version: str) -> str:  # noqa: ARG002  # other databases need it
        """PostgreSQL changes tables in a transaction: what fails leaves all as it was."""
        return ""

    # What is asked of a filter

    def clock(self) -> ColumnElement[Any]:
        return cast(func.date_part("epoch", func.clock_timestamp()), Double())

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
        # In "C" only ASCII's own letters have two cases, as for SQLite.
        lowered = func.lower(collate(text, "C" if pattern.isascii() else self._lowering), type_=AnyText())
        return collate(lowered, "C").like(pattern.lower(), escape="!")

    def folded(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return collate(func.lower(collate(text, "C"), type_=AnyText()), "C")

    def add_rows(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        names = list(rows[0])
        arrays = [bindparam(None, [row[name] for row in rows], type_=ARRAY(table.c[name].type)) for name in names]
        connection.execute(insert(table).from_select(names, select(*map(func.unnest, arrays))))

    def one_of(self, found: ColumnElement[Any], values: Sequence[Any], kind: TypeEngine[Any]) -> ColumnElement[bool]:
        return found == any_(bindparam(None, list(values), type_=ARRAY(kind)))  # one value, however many there are

    def json_text(self, column: Json, key: str) -> ColumnElement[Any]:
        return case((_kind(column, key) == "string", collate(_text(column, key), "C")))

    def json_numbers(self, column: Json, key: str) -> Sequence[ColumnElement[Any]]:
        said = _text(column, key)
        number, short = _kind(column, key) == "number", func.length(said) <= _LONGEST_INTEGER
        whole = and_(number, short, said.regexp_match("^-?[0-9]+$"))
        return (
            case((whole, cast(said, Numeric()))),
            case(
                (whole, None),
                (and_(number, short), cast(said, Double())),
                (and_(number, said.like("-%")), -_LARGEST),
                (number, _LARGEST),
            ),
        )

    def json_truth(self, column: Json, key: str) -> ColumnElement[Any]:
        return case((_kind(column, key) == "boolean", case((_text(column, key) == "true", 1), else_=0)))

    def json_has(self, column: Json, key: str) -> ColumnElement[bool]:
        kind = _kind(column, key)
        return and_(kind.is_not(None), kind != "null")

    # Upkeep

    def bytes_used(self, connection: Connection) -> int:
        asked = text(
            "SELECT COALESCE(SUM(pg_total_relation_size(c.oid)), 0) FROM pg_class AS c "
            "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relname IN :names"
        ).bindparams(bindparam("names", [table.name for table in schema.metadata.sorted_tables], expanding=True))
        return int(connection.execute(asked).scalar_one())

    def look_again(self) -> None:
        """Until its own round, a minute later, PostgreSQL takes the tables for empty: filters are 40 times as slow."""
        with self.lock_connection() as connection:
            connection.exec_driver_sql("ANALYZE items, sources, segments, item_tags")

    # Locks

    def take(self, connection: Connection, name: str, seconds: float) -> bool:
        key = {"key": _lock_key(name)}
        if seconds < 1:
            return bool(connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar_one())
        from psycopg.errors import LockNotAvailable
        from sqlalchemy.exc import DBAPIError

        connection.exec_driver_sql(f"SET lock_timeout = {int(seconds) * 1000}")
        try:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), key)
        except DBAPIError as error:
            if isinstance(error.orig, LockNotAvailable):
                # a lock that is granted in the moment of the timeout stays with the session, whatever the error says
                return self.holder(connection, name) == self.session(connection)
            raise
        return True

    def give(self, connection: Connection, name: str) -> None:
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _lock_key(name)})

    def holder(self, connection: Connection, name: str) -> int | None:
        asked = text(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND (classid::bigint << 32) | objid::bigint = :key LIMIT 1"
        )
        found = connection.execute(asked, {"key": _lock_key(name)}).scalar_one_or_none()
        return None if found is None else int(found)

    def session(self, connection: Connection) -> int:
        return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())

    def _try_to_lock(self, driver: Any, name: str) -> bool:
        taken = driver.execute("SELECT pg_try_advisory_lock(%s)", (_lock_key(name),)).fetchone()
        driver.commit()
        return bool(taken[0])

    def _unlock(self, driver: Any, name: str) -> None:
        driver.execute("SELECT pg_advisory_unlock(%s)", (_lock_key(name),))
        driver.commit()

    # Errors

    def _of_driver(self, error: BaseException) -> StoreError | None:
        if not type(error).__module__.startswith("psycopg"):
            return None
        state = getattr(error, "sqlstate", None) or ""
        diagnosed = getattr(getattr(error, "diag", None), "message_primary", None)
        said = one_line(diagnosed or error)
        if not state:
            return self._of_connecting(said)
        return self._of_the_server(state, said) or self._of_the_data(state, said)

    def _of_connecting(self, said: str) -> StoreError:
        """libpq says why it could not connect in words alone."""
        if "does not exist" in said and "database" in said:
            return self._no_database()
        if any(words in said for words in _REFUSED) or ("role" in said and "does not exist" in said):
            return self._refused()
        if "certificate" in said or ("SSL" in said and "server closed" not in said):
            return StoreError(
                f"no TLS with the catalog's server {self.where}: {said}", hint="see sslmode and sslrootcert"
            )
        return self._unreachable(said)

    def _unreachable(self, said: str) -> StoreError:
        return StoreUnreachable(
            f"the catalog's server {self.where} does not answer: {said}",
            hint="see that it runs and that the address is right; nothing acknowledged was lost",
        )

    def _refused(self) -> StoreError:
        return StoreError(
            f"the catalog's server {self.where} refuses the user or the password",
            hint="mend the setting catalog (MORELIKE_CATALOG)",
        )

    def _no_database(self) -> StoreError:
        return StoreError(
            f"there is no database for the catalog at {self.where}",
            hint=f"CREATE DATABASE \"{self._database_name}\" ENCODING 'UTF8' TEMPLATE template0; OWNER is the user",
        )

    def _of_the_server(self, state: str, said: str) -> StoreError | None:
        if state.startswith("28"):
            return self._refused()
        if state == "3D000":
            return self._no_database()
        if state == "53300":
            return StoreUnreachable(
                f"the catalog's server {self.where} takes no more connections: {said}",
                hint="try again in a moment, or raise its max_connections",
            )
        return self._unreachable(said) if state.startswith(("08", "57P")) else None

    def _of_the_data(self, state: str, said: str) -> StoreError:
        if state in {"40001", "40P01"}:
            return Conflict(f"another writer was in the way in the catalog {self.where}", hint="run it again")
        if state == "55P03":
            return StoreBusy(f"the catalog {self.where} is locked by another writer", hint="try again when it is done")
        if state == "53100":
            return StoreFull(
                f"no space is left at the catalog's server {self.where}",
                hint="free some space there and run the command again; nothing acknowledged was lost",
            )
        if state == "25006":
            return StoreReadOnly(
                f"the catalog {self.where} cannot be written: its server or its user only reads",
                hint="searching works; to write, name the primary server in the setting catalog",
            )
        if state == "42501":
            return StoreReadOnly(
                f"the catalog {self.where} cannot be written by its user: {said}",
                hint="searching may work; to write, let the user own the database, or "
                "GRANT ALL ON SCHEMA public and on its tables to it",
            )
        if state.startswith("XX") or state == "42P01":
            return StoreDamaged(f"the catalog {self.where} is damaged: {said}", hint="restore it from a backup")
        if state.startswith("22"):
            return StoreError(f"the catalog {self.where} cannot hold a value: {said}")
        return StoreError(f"the catalog {self.where} failed: {said}", hint="run `morelike doctor`")


def _kind(column: Json, key: str) -> ColumnElement[Any]:
    return func.json_typeof(func.json_extract_path(column, key), type_=Text())


def _text(column: Json, key: str) -> ColumnElement[Any]:
    said: ColumnElement[Any] = func.json_extract_path_text(column, key, type_=AnyText())
    return said


def _lock_key(name: str) -> int:
    """An advisory lock has a number of 64 bits for its name; positive, so that it is found again in ``pg_locks``."""
    return int(schema.key_of(name)[:16], 16) >> 1
