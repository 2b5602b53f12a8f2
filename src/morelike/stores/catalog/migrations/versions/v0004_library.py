"""The library's own id, and readings of how much it stores: tables of their own, nothing old is touched."""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(mysql.LONGTEXT(), "mysql")
_OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def upgrade() -> None:
    about = op.create_table(
        "about",
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_about")),
        **_OPTIONS,
    )
    op.bulk_insert(about, [{"key": "library", "value": secrets.token_hex(6)}])
    op.create_table(
        "storage_readings",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("parts", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_storage_readings")),
        **_OPTIONS,
    )


def downgrade() -> None:
    """A catalog goes back by its backup."""
    raise NotImplementedError
