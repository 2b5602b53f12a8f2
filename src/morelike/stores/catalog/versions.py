"""The schema's version: a fresh catalog is made, an older one migrated after a backup, a newer one refused.

Alembic is imported only to migrate.
"""

from __future__ import annotations

import re
import secrets

from sqlalchemy import Connection, inspect, select

from morelike.errors import SchemaTooNew, StoreDamaged, StoreReadOnly
from morelike.stores.catalog import changes, schema
from morelike.stores.catalog.connections import translated
from morelike.stores.catalog.engine import WRITING, Database
from morelike.stores.catalog.engine.written import tables_as_written

__all__ = ["SCRIPTS", "make_ready", "upgrade"]

SCRIPTS = "morelike.stores.catalog:migrations"
"""Where Alembic finds ``env.py`` and the folder ``versions``."""


_UNFINISHED = "0000"
"""The version of a catalog that a server without transactions for tables has not made to the end."""
_MADE_BY = {
    "0001": ("collections", "items", "ledger", "spaces", "item_tags", "segments", "sources"),
    "0002": ("jobs", "api_keys", "calibrations", "distinct_pairs", "asides"),
    "0003": ("changes",),
    "0004": ("about", "storage_readings"),
    "0006": ("term_spaces", "term_texts", "term_postings"),
}
"""Which migration made which tables: an interrupted one may have left some, empty, where they cannot be undone."""


def make_ready(database: Database, *, newest: str = schema.VERSION, scripts: str = SCRIPTS) -> None:
    """Bring the catalog to the newest version. Raises SchemaTooNew, StoreDamaged, StoreReadOnly."""
    with translated(database):
        if _looked_at(database, newest) == newest:
            return
        if database.read_only:
            raise StoreReadOnly(
                f"the catalog {database.where} has an older form, and cannot be brought up to date where it is",
                hint="open the library once where it can be written",
            )
        with (
            database.engine.connect().execution_options(**{WRITING: True}) as connection,
            database.migrating(connection),
            connection.begin(),
        ):
            # Read again, now that nobody else can change it: another process may have been first.
            found = _version(database, connection, newest)
            if found is None or found == _UNFINISHED:
                _create(database, connection)
            elif found != newest:
                database.backup(found)
                if not database.whole_migrations:
                    _drop_left_over(connection, found)
                upgrade(connection, newest, scripts)


def _looked_at(database: Database, newest: str) -> str | None:
    """The version found, None also where another process may be about to make it."""
    with database.engine.connect() as connection, connection.begin():
        try:
            return _version(database, connection, newest)
        except StoreDamaged:
            if database.read_only or database.whole_migrations:
                raise
            return None


def _drop_left_over(connection: Connection, found: str) -> None:
    """Tables of later versions than the one found: the migration that made them did not come to its end."""
    there = set(inspect(connection).get_table_names())
    later = {name for version, names in _MADE_BY.items() if version > found for name in names}
    for table in reversed(schema.metadata.sorted_tables):
        if table.name in later & there:
            table.drop(connection)


def upgrade(connection: Connection, target: str, scripts: str = SCRIPTS) -> None:
    """Run the migrations up to ``target`` inside the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    config.attributes["connection"] = connection
    changes.remove(connection)
    command.upgrade(config, target)
    changes.install(connection)


def _version(database: Database, connection: Connection, newest: str) -> str | None:
    """The version found, at most ``newest``; None in an empty database."""
    tables = set(inspect(connection).get_table_names())
    ours = tables & set(schema.metadata.tables)
    named = schema.version_table.name in tables
    found = connection.execute(select(schema.version_table.c.version_num)).scalars().all() if named else []
    if not found:
        if ours:
            raise StoreDamaged(
                f"the catalog {database.where} has tables of its own names ({', '.join(sorted(ours)[:3])}), but does "
                "not say its version",
                hint="restore it from a backup; or, if they are another program's, name an empty database",
            )
        return None
    if len(found) != 1 or not re.fullmatch(r"\d{4}", found[0]):
        raise StoreDamaged(
            f"the catalog {database.where} names the version {', '.join(found)[:200]}, which never was",
            hint="restore it from a backup; or, if it is another program's, name an empty database",
        )
    if found[0] > newest:
        raise SchemaTooNew(
            f"the catalog {database.where} was written by a newer morelike (its form is {found[0]}, "
            f"this morelike knows {newest})",
            hint="pip install --upgrade morelike",
        )
    return str(found[0])


def _create(database: Database, connection: Connection) -> None:
    version = schema.version_table
    version.create(connection, checkfirst=True)
    connection.execute(version.delete())
    if not database.whole_migrations:  # the next table commits this, and whoever finds it begins anew
        connection.execute(version.insert().values(version_num=_UNFINISHED))
        schema.metadata.drop_all(connection)
    for statement in tables_as_written(schema.metadata, connection.dialect):
        connection.exec_driver_sql(statement)
    connection.execute(schema.about.insert().values(key="library", value=secrets.token_hex(6)))
    changes.install(connection)
    connection.execute(version.delete())
    connection.execute(version.insert().values(version_num=schema.VERSION))
