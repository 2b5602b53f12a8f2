"""The first form of the catalog."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql")
_JSON = sa.JSON().with_variant(mysql.LONGTEXT(), "mysql")
_OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def upgrade() -> None:
    _collections()
    _items()
    _ledger()
    _spaces()
    _item_tags()
    _segments()
    _sources()


def downgrade() -> None:
    """A catalog goes back by its backup."""
    raise NotImplementedError


def _collections() -> None:
    op.create_table(
        "collections",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("modality", sa.String(length=64), nullable=False),
        sa.Column("options", _JSON, nullable=False),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collections")),
        sa.UniqueConstraint("name", name=op.f("uq_collections_name")),
        **_OPTIONS,
        sqlite_autoincrement=True,
    )


def _items() -> None:
    op.create_table(
        "items",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("collection_id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("item_id", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("blake3", sa.String(length=64), nullable=False),
        sa.Column("md5", sa.String(length=32), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=255), nullable=False),
        sa.Column("in_place", sa.Boolean(), nullable=False),
        sa.Column("info", _JSON, nullable=False),
        sa.Column("added_at", sa.String(length=32), nullable=False),
        sa.Column("updated_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name=op.f("fk_items_collection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_items")),
        sa.UniqueConstraint("collection_id", "item_id", name=op.f("uq_items_collection_id_item_id")),
        **_OPTIONS,
    )
    op.create_index(op.f("ix_items_blake3"), "items", ["blake3"], unique=False)
    op.create_index(
        op.f("ix_items_collection_id_state_number"), "items", ["collection_id", "state", "number"], unique=False
    )


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("collection_id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("uri_key", sa.String(length=32), nullable=False),
        sa.Column("uri", _TEXT, nullable=False),
        sa.Column("item_id", sa.String(length=255), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("modified_ns", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name=op.f("fk_ledger_collection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ledger")),
        sa.UniqueConstraint("collection_id", "uri_key", name=op.f("uq_ledger_collection_id_uri_key")),
        **_OPTIONS,
    )
    op.create_index(op.f("ix_ledger_collection_id_item_id"), "ledger", ["collection_id", "item_id"], unique=False)


def _spaces() -> None:
    op.create_table(
        "spaces",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("collection_id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("card_id", sa.String(length=255), nullable=False),
        sa.Column("card", _JSON, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name=op.f("fk_spaces_collection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spaces")),
        sa.UniqueConstraint("collection_id", "kind", "card_id", name=op.f("uq_spaces_collection_id_kind_card_id")),
        **_OPTIONS,
        sqlite_autoincrement=True,
    )


def _item_tags() -> None:
    op.create_table(
        "item_tags",
        sa.Column("item", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("tag", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["item"], ["items.number"], name=op.f("fk_item_tags_item"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("item", "tag", name=op.f("pk_item_tags")),
        **_OPTIONS,
        sqlite_with_rowid=False,
    )


def _segments() -> None:
    op.create_table(
        "segments",
        sa.Column("collection_id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("segment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("item", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("span_start", sa.Double(), nullable=False),
        sa.Column("span_end", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name=op.f("fk_segments_collection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["item"], ["items.number"], name=op.f("fk_segments_item"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("collection_id", "segment_id", name=op.f("pk_segments")),
        **_OPTIONS,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_segments_item"), "segments", ["item"], unique=False)


def _sources() -> None:
    op.create_table(
        "sources",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("collection_id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("uri_key", sa.String(length=32), nullable=False),
        sa.Column("item", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("uri", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("folder", _TEXT, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified_ns", sa.BigInteger(), nullable=True),
        sa.Column("modified", sa.String(length=32), nullable=True),
        sa.Column("metadata", _JSON, nullable=False),
        sa.Column("origin_key", sa.String(length=32), nullable=False),
        sa.Column("origin", _TEXT, nullable=False),
        sa.Column("added_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name=op.f("fk_sources_collection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["item"], ["items.number"], name=op.f("fk_sources_item"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_sources")),
        sa.UniqueConstraint("collection_id", "uri_key", name=op.f("uq_sources_collection_id_uri_key")),
        **_OPTIONS,
    )
    op.create_index(
        op.f("ix_sources_collection_id_origin_key"), "sources", ["collection_id", "origin_key"], unique=False
    )
    op.create_index(op.f("ix_sources_item"), "sources", ["item"], unique=False)
