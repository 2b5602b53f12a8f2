"""Keyword search in the catalog's database: tables of their own, nothing old is touched."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql")
_OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def upgrade() -> None:
    op.create_table(
        "term_spaces",
        sa.Column("space", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("card", sa.String(length=255), nullable=False),
        sa.Column("texts", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("space", name=op.f("pk_term_spaces")),
        **_OPTIONS,
    )
    op.create_table(
        "term_texts",
        sa.Column("space", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("segment", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("text", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("space", "segment", name=op.f("pk_term_texts")),
        **_OPTIONS,
    )
    op.create_table(
        "term_postings",
        sa.Column("space", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("term", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("segment", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("space", "term", "segment", name=op.f("pk_term_postings")),
        sqlite_with_rowid=False,
        **_OPTIONS,
    )
    op.create_index(op.f("ix_term_postings_space_segment"), "term_postings", ["space", "segment"], unique=False)


def downgrade() -> None:
    """A catalog goes back by its backup."""
    raise NotImplementedError
