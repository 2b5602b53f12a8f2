"""Jobs, API keys, calibrations, and what ``dedup`` remembers: tables of their own, nothing old is touched."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql")
_JSON = sa.JSON().with_variant(mysql.LONGTEXT(), "mysql")
_OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def upgrade() -> None:
    _jobs()
    _api_keys()
    _calibrations()
    _distinct_pairs()
    _asides()


def downgrade() -> None:
    """A catalog goes back by its backup."""
    raise NotImplementedError


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("collection", sa.String(length=255), nullable=False),
        sa.Column("arguments", _JSON, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("progress", _JSON, nullable=False),
        sa.Column("result", _JSON, nullable=False),
        sa.Column("error", _TEXT, nullable=False),
        sa.Column("hint", _TEXT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("cancelling", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("lease_until", sa.Double(), nullable=False),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.Column("started_at", sa.String(length=32), nullable=False),
        sa.Column("finished_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_jobs")),
        sa.UniqueConstraint("id", name=op.f("uq_jobs_id")),
        **_OPTIONS,
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_jobs_state_number"), "jobs", ["state", "number"], unique=False)


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("start", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
        **_OPTIONS,
    )


def _calibrations() -> None:
    op.create_table(
        "calibrations",
        sa.Column("space_id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("background", _JSON, nullable=False),
        sa.Column("nearest", _JSON, nullable=False),
        sa.Column("made_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_calibrations_space_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("space_id", name=op.f("pk_calibrations")),
        **_OPTIONS,
    )


def _distinct_pairs() -> None:
    op.create_table(
        "distinct_pairs",
        sa.Column("collection_id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("pair_key", sa.String(length=32), nullable=False),
        sa.Column("lesser", sa.String(length=255), nullable=False),
        sa.Column("greater", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name=op.f("fk_distinct_pairs_collection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("collection_id", "pair_key", name=op.f("pk_distinct_pairs")),
        **_OPTIONS,
    )
    for column in ("lesser", "greater"):
        name = op.f(f"ix_distinct_pairs_collection_id_{column}")
        op.create_index(name, "distinct_pairs", ["collection_id", column], unique=False)


def _asides() -> None:
    op.create_table(
        "asides",
        sa.Column("item", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("collection_id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("keeper", sa.String(length=255), nullable=False),
        sa.Column("run", sa.String(length=64), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name=op.f("fk_asides_collection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["item"], ["items.number"], name=op.f("fk_asides_item"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("item", name=op.f("pk_asides")),
        **_OPTIONS,
    )
    for column in ("run", "keeper"):
        name = op.f(f"ix_asides_collection_id_{column}")
        op.create_index(name, "asides", ["collection_id", column], unique=False)
