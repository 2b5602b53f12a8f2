"""MySQL and MariaDB, by PyMySQL."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Engine,
    Numeric,
    and_,
    bindparam,
    case,
    cast,
    collate,
    func,
    literal,
    literal_column,
    text,
    type_coerce,
)

from morelike.errors import (
    SettingsError,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnreachable,
)
from morelike.stores.catalog import dumping, schema
from morelike.stores.catalog.encoding import AnyText, name_in_path, read_as_packed
from morelike.stores.catalog.engine import Conflict, Json
from morelike.stores.catalog.engine.addresses import Address, read_address
from morelike.stores.catalog.engine.server import (
    CONNECT_SECONDS,
    PING_SECONDS,
    ServerDatabase,
    keep_alive,
    one_line,
    writing,
)

__all__ = ["OPTIONS", "MySqlDatabase", "tls_options"]

OPTIONS = ("ssl_ca", "ssl_cert", "ssl_key", "ssl_mode", "unix_socket")
_TLS_MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
_OLDEST_MYSQL = (8, 0, 17)
"""The first with ``utf8mb4_0900_bin``, which tells texts apart that differ in blanks at the end; CHECK came with 16."""
_OLDEST_MARIADB = (10, 6)
"""The oldest that is still looked after."""
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_MODES = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY"
_FOR_LONG = 31_536_000
_LONGEST_INTEGER = 60
"""Digits that a DECIMAL holds, and some to spare; a longer integer is compared as a float."""

_WELL = {"OK", "Table is already up to date"}

_GONE = {2002, 2003, 2005, 2006, 2013, 2055, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 4031, 0}
_TOO_MANY = {1040, 1203, 1226, 1129}
_DENIED = {1044, 1142, 1143, 1227, 1370}
_READ_ONLY = {1290, 1792, 1836, 3100}
_FULL = {1021, 1114}
_DAMAGED = {126, 127, 1034, 1035, 1146, 1194, 1195, 1712, 1877}
_TOO_LONG = {1153, 1264, 1366, 1406, 3140}


class MySqlDatabase(ServerDatabase):
    """A database on MySQL 8.0.17 or MariaDB 10.6, or newer. Raises SettingsError, StoreUnreachable, StoreError."""

    def __init__(self, setting: str, folder: Path, *, timeout: float) -> None:
        address = read_address(setting, scheme="mysql", port=3306, known=OPTIONS)
        self._collation = "utf8mb4_bin"
        options: dict[str, Any] = {
            "charset": "utf8mb4",
            "password": address.password.encode(),
            "connect_timeout": CONNECT_SECONDS,
            "init_command": f"SET SESSION sql_mode = '{_MODES}', time_zone = '+00:00', wait_timeout = {_FOR_LONG}, "
            f"innodb_lock_wait_timeout = {max(1, round(timeout))}, lock_wait_timeout = {max(1, round(timeout))}",
            **tls_options(address),
        }
        if "unix_socket" in address.options:
            options["unix_socket"] = address.options["unix_socket"]
        super().__init__(address.url("mysql+pymysql"), address.where("mysql"), folder, timeout=timeout, options=options)

    def _engine(self, **pool: Any) -> Engine:
        return super()._engine(json_deserializer=read_as_packed, **pool)

    def _connected(self, driver: Any) -> None:
        keep_alive(self._line(driver))

    def _line(self, driver: Any) -> Any:
        return driver._sock  # PyMySQL has no other way to it

    def _begin(self, connection: Connection) -> None:
        if writing(connection):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")

    def _check(self, connection: Connection) -> None:
        said = str(connection.exec_driver_sql("SELECT VERSION()").scalar_one())
        found = _VERSION.match(said)
        version = tuple(int(part or 0) for part in found.groups()) if found else ()
        mariadb = "mariadb" in said.lower()
        if version < (_OLDEST_MARIADB if mariadb else _OLDEST_MYSQL):
            raise StoreError(
                f"the server {self.where} is {'MariaDB' if mariadb else 'MySQL'} {one_line(said)}, which is too old",
                hint="a catalog needs MySQL 8.0.17, MariaDB 10.6, or newer",
            )
        self._mariadb = mariadb
        self._collation = "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin"

    def _exact_texts(self, statement: str) -> str:
        # The two servers have another name each for the collation in which "a" is not "a ".
        return statement.replace("utf8mb4_bin", self._collation)

    def _ping_options(self) -> dict[str, Any]:
        return {"connect_timeout": PING_SECONDS, "read_timeout": PING_SECONDS, "write_timeout": PING_SECONDS}

    def backup(self, version: str) -> str:
        """MySQL commits each change of a table by itself: all rows are written to a file in the library's folder."""
        return dumping.dump(self.engine, self._folder / f"catalog.backup-{version}.jsonl.gz", version)

    # What is asked of a filter

    def clock(self) -> ColumnElement[Any]:
        return _as_float(func.unix_timestamp(func.sysdate(text("6"))))

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
        if pattern.isascii():  # only ASCII's own letters have two cases then; two others would fall among them
            apart = func.replace(func.replace(text, "\u0130", "\u0131"), "\u212a", "\u0138")
            return func.lower(apart, type_=AnyText()).like(pattern.lower(), escape="!")
        return func.lower(text, type_=AnyText()).like(func.lower(literal(pattern, AnyText())), escape="!")

    def folded(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        for letter in ascii_uppercase:  # its LOWER knows the cases of all letters, and the others' does not
            text = func.replace(text, letter, letter.lower(), type_=AnyText())
        return text

    def json_text(self, column: Json, key: str) -> ColumnElement[Any]:
        return case((self._kind(column, key) == "STRING", self._text(column, key)))

    def json_numbers(self, column: Json, key: str) -> Sequence[ColumnElement[Any]]:
        said = self._text(column, key)
        number = self._kind(column, key).in_(["INTEGER", "DOUBLE", "UNSIGNED INTEGER", "DECIMAL"])
        # MariaDB takes 1e300 for an integer.
        whole = and_(number, said.regexp_match("^-?[0-9]+$"), func.char_length(said) <= _LONGEST_INTEGER)
        return case((whole, cast(said, Numeric(65, 0)))), case((whole, None), (number, _as_float(said)))

    def json_truth(self, column: Json, key: str) -> ColumnElement[Any]:
        said = self._text(column, key)
        return case((self._kind(column, key) == "BOOLEAN", case((said == "true", 1), else_=0)))

    def json_has(self, column: Json, key: str) -> ColumnElement[bool]:
        kind = self._kind(column, key)
        return and_(kind.is_not(None), kind != "NULL")

    def _kind(self, column: Json, key: str) -> ColumnElement[Any]:
        return func.json_type(func.json_extract(column, _path(key)))

    def _text(self, column: Json, key: str) -> ColumnElement[Any]:
        said: ColumnElement[Any] = func.json_unquote(func.json_extract(column, _path(key)), type_=AnyText())
        return collate(said, self._collation)

    # Upkeep

    def verify(self, connection: Connection) -> Iterator[str]:
        names = [table.name for table in schema.metadata.sorted_tables]
        for row in connection.exec_driver_sql(f"CHECK TABLE {', '.join(names)} QUICK"):
            if row[2] in {"error", "warning"} or (row[2] == "status" and row[3] not in _WELL):
                yield f"the table {row[0]} is damaged: {one_line(row[3])}"
        yield from super().verify(connection)

    def bytes_used(self, connection: Connection) -> int:
        if not self._mariadb:  # which answers from a cache of a day otherwise
            connection.exec_driver_sql("SET SESSION information_schema_stats_expiry = 0")
        names = [table.name for table in schema.metadata.sorted_tables]
        asked = text(
            "SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables "
            "WHERE table_schema = DATABASE() AND table_name IN :names"
        ).bindparams(bindparam("names", names, expanding=True))
        return int(connection.execute(asked).scalar_one())

    # Locks: GET_LOCK is one per server, not per database, so that the names have the database in them

    def take(self, connection: Connection, name: str, seconds: float) -> bool:
        taken = connection.execute(text("SELECT GET_LOCK(:name, :seconds)"), {"name": name, "seconds": int(seconds)})
        return bool(taken.scalar_one())

    def give(self, connection: Connection, name: str) -> None:
        connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})

    def holder(self, connection: Connection, name: str) -> int | None:
        found = connection.execute(text("SELECT IS_USED_LOCK(:name)"), {"name": name}).scalar_one()
        return None if found is None else int(found)

    def session(self, connection: Connection) -> int:
        return int(connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one())

    def _try_to_lock(self, driver: Any, name: str) -> bool:
        with driver.cursor() as cursor:
            cursor.execute("SELECT GET_LOCK(%s, 0)", (name,))
            return bool(cursor.fetchone()[0])

    def _unlock(self, driver: Any, name: str) -> None:
        with driver.cursor() as cursor:
            cursor.execute("SELECT RELEASE_LOCK(%s)", (name,))
            cursor.fetchall()

    # Errors

    def _of_driver(self, error: BaseException) -> StoreError | None:
        if type(error).__module__ != "pymysql.err":
            return None
        code = error.args[0] if error.args and isinstance(error.args[0], int) else -1
        said = one_line(error.args[-1] if error.args else "")
        return self._of_the_server(code, said) or self._of_the_data(code, said)

    def _of_the_server(self, code: int, said: str) -> StoreError | None:
        if code == 2026 or (code in _GONE and "CERTIFICATE_VERIFY_FAILED" in said):
            return StoreError(f"no TLS with the catalog's server {self.where}: {said}", hint="see ssl_mode and ssl_ca")
        if code in _GONE:
            return StoreUnreachable(
                f"the catalog's server {self.where} does not answer: {said}",
                hint="see that it runs and that the address is right; nothing acknowledged was lost",
            )
        if code in _TOO_MANY:
            return StoreUnreachable(
                f"the catalog's server {self.where} takes no more connections: {said}",
                hint="try again in a moment, or raise its max_connections",
            )
        if code in {1045, 1698}:
            return StoreError(
                f"the catalog's server {self.where} refuses the user or the password",
                hint="mend the setting catalog (MORELIKE_CATALOG)",
            )
        if code == 1049 or (code == 1044 and "database" in said.lower()):
            return StoreError(
                f"there is no database for the catalog at {self.where}, or the user may not use it",
                hint=f"CREATE DATABASE `{self._database_name}` CHARACTER SET utf8mb4; and GRANT ALL ON it to the user",
            )
        return None

    def _of_the_data(self, code: int, said: str) -> StoreError:
        if code == 1213:
            return Conflict(f"another writer was in the way in the catalog {self.where}", hint="run it again")
        if code == 1205:
            return StoreBusy(f"the catalog {self.where} is locked by another writer", hint="try again when it is done")
        if code in _FULL or (code in {3, 1026, 1030} and " 28" in said):
            return StoreFull(
                f"no space is left at the catalog's server {self.where}",
                hint="free some space there and run the command again; nothing acknowledged was lost",
            )
        if code in _READ_ONLY:
            return StoreReadOnly(
                f"the catalog {self.where} cannot be written: its server only reads",
                hint="searching works; to write, name the primary server in the setting catalog",
            )
        if code in _DENIED:
            return StoreReadOnly(
                f"the catalog {self.where} cannot be written by its user: {said}",
                hint=f"searching may work; to write, GRANT ALL ON `{self._database_name}`.* to the user",
            )
        if code == 1419:
            return StoreReadOnly(
                f"the catalog's server {self.where} lets its user make no triggers: {said}",
                hint="SET GLOBAL log_bin_trust_function_creators = 1, or open the library once as a privileged user",
            )
        if code in _DAMAGED:
            return StoreDamaged(f"the catalog {self.where} is damaged: {said}", hint="restore it from a backup")
        if code in _TOO_LONG:
            return StoreError(f"the catalog {self.where} cannot hold a value: {said}")
        return StoreError(f"the catalog {self.where} failed: {said}", hint="run `morelike doctor`")


def _path(key: str) -> str:
    return f'$."{name_in_path(key)}"'


def _as_float(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """SQLAlchemy leaves out a CAST to DOUBLE, which older servers did not know."""
    return type_coerce(value, Double()) + literal_column("0e0", Double())


def tls_options(address: Address) -> dict[str, Any]:
    """For PyMySQL. As the ``mysql`` program has it: ``ssl_ca`` alone means that the certificate is checked.

    Raises SettingsError.
    """
    given = address.options
    mode = given.get("ssl_mode", "VERIFY_CA" if "ssl_ca" in given else "PREFERRED").upper()
    if mode not in _TLS_MODES:
        raise SettingsError(f"ssl_mode cannot be {mode[:40]!r}", hint=f"there are: {', '.join(_TLS_MODES)}")
    if mode == "DISABLED":
        return {"ssl_disabled": True}
    if mode == "PREFERRED" and "ssl_cert" not in given:
        return {}
    try:
        context = ssl.create_default_context(cafile=given.get("ssl_ca"))
        # MySQL makes certificates for itself that are not to the letter of the standard.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = mode == "VERIFY_IDENTITY"
        context.verify_mode = ssl.CERT_REQUIRED if mode.startswith("VERIFY") else ssl.CERT_NONE
        if "ssl_cert" in given:
            context.load_cert_chain(given["ssl_cert"], given.get("ssl_key"))
    except OSError as error:
        raise SettingsError(
            f"the certificates that the setting 'catalog' names cannot be read: {error.strerror or error}",
            hint="ssl_ca, ssl_cert and ssl_key are paths of PEM files",
        ) from error
    return {"ssl": context}
