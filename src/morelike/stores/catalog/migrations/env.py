"""Alembic runs this: the connection and its transaction are the catalog's (``versions.upgrade``)."""

from __future__ import annotations

from alembic import context

from morelike.stores.catalog.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
)
context.run_migrations()
