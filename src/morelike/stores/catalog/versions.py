"""The schema's version: a fresh catalog is made, an older one migrated after a backup, a newer one refused.

Alembic is imported only to migrate.
"""

from __future__ import annotations

import re

from sqlalchemy import Connection, inspect, select

from morelike.errors import SchemaTooNew, StoreDamaged, StoreReadOnly
from morelike.stores.catalog import changes, schema
from morelike.stores.catalog.connections import translated
from morelike.stores.catalog.engine import WRITING, Database

__all__ = ["SCRIPTS", "make_ready", "upgrade"]

SCRIPTS = "morelike.stores.catalog:migrations"
"""Where Alembic finds ``env.py`` and the folder ``versions``."""


def make_ready(database: Database, *, newest: str = schema.VERSION, scripts: str = SCRIPTS) -> None:
    """Bring the catalog to the newest version. Raises SchemaTooNew, StoreDamaged, StoreReadOnly."""
    with translated(database):
        with database.engine.connect() as connection, connection.begin():
            found = _version(database, connection, newest)
        if found == newest:
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
            if found is None:
                _create(connection)
            elif found != newest:
                database.backup(found)
                upgrade(connection, newest, scripts)


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
    tables = inspect(connection).get_table_names()
    if schema.version_table.name not in tables:
        if set(tables) & set(schema.metadata.tables):
            raise StoreDamaged(
                f"the catalog {database.where} does not say its version", hint="restore it from a backup"
            )
        return None
    found = connection.execute(select(schema.version_table.c.version_num)).scalars().all()
    if len(found) != 1 or not re.fullmatch(r"\d{4}", found[0]):
        raise StoreDamaged(
            f"the catalog {database.where} names the version {', '.join(found) or 'nothing'}, which never was",
            hint="restore it from a backup",
        )
    if found[0] > newest:
        raise SchemaTooNew(
            f"the catalog {database.where} was written by a newer morelike (its form is {found[0]}, "
            f"this morelike knows {newest})",
            hint="pip install --upgrade morelike",
        )
    return str(found[0])


def _create(connection: Connection) -> None:
    schema.metadata.create_all(connection, checkfirst=False)
    schema.version_table.create(connection, checkfirst=True)
    connection.execute(schema.version_table.insert().values(version_num=schema.VERSION))
    changes.install(connection)
