"""The database of a catalog on MySQL, made where a server has none of that name."""

from __future__ import annotations

from morelike.stores.catalog.engine.addresses import read_address
from morelike.stores.catalog.engine.mysql import OPTIONS, tls_options
from morelike.stores.catalog.engine.server import CONNECT_SECONDS

__all__ = ["make_database"]


def make_database(setting: str) -> None:
    """Make the database that the setting ``catalog`` names, unless it is there; one that is there is left as it is.

    What keeps it from being made is not said here: whoever opens the catalog next says it. Raises SettingsError.
    """
    try:
        import pymysql  # type: ignore[import-untyped] # it has none
    except ModuleNotFoundError:
        return
    address = read_address(setting, scheme="mysql", port=3306, known=OPTIONS)
    place = {"unix_socket": address.options["unix_socket"]} if "unix_socket" in address.options else {}
    name = address.database.replace("`", "``")
    try:
        connection = pymysql.connect(
            host=address.host,
            port=address.port,
            user=address.user or None,
            password=address.password.encode(),
            connect_timeout=CONNECT_SECONDS,
            **place,
            **tls_options(address),
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4")
    except (pymysql.err.MySQLError, OSError, RuntimeError):  # RuntimeError: passwords that need another package
        return
