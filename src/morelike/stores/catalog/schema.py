"""The catalog's tables. A change here needs a migration beside ``migrations/versions`` and the next ``VERSION``.

``number`` is a row's own small key, in order of arrival. Long texts are found by the hash of them (``key_of``), since
some databases bound the length of an index entry.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from morelike.stores.catalog.encoding import AnyJson, AnyString, AnyText, pack

__all__ = [
    "KEY_LENGTH",
    "TAG_LENGTH",
    "VERSION",
    "about",
    "api_keys",
    "asides",
    "calibrations",
    "changes",
    "collections",
    "distinct_pairs",
    "item_tags",
    "items",
    "jobs",
    "key_of",
    "ledger",
    "metadata",
    "segments",
    "sources",
    "spaces",
    "storage_readings",
    "term_postings",
    "term_spaces",
    "term_texts",
    "version_table",
]

VERSION = "0006"
"""The newest revision in ``migrations/versions``; four digits, counted up."""

KEY_LENGTH = 32
TAG_LENGTH = 200
# SQLite counts rows up only in a column that it knows as INTEGER.
Number = BigInteger().with_variant(Integer, "sqlite")
_OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def key_of(text: str) -> str:
    """32 hex digits that stand for a text of any length."""
    return blake2b(pack(text).encode(), digest_size=KEY_LENGTH // 2).hexdigest()


def _of_collection(*, primary_key: bool = False) -> Column[int]:
    foreign = ForeignKey("collections.id", ondelete="CASCADE")
    return Column("collection_id", Number, foreign, nullable=False, primary_key=primary_key, autoincrement=False)


def _of_item(*, primary_key: bool = False) -> Column[int]:
    foreign = ForeignKey("items.number", ondelete="CASCADE")
    return Column("item", Number, foreign, nullable=False, primary_key=primary_key, autoincrement=False)


collections = Table(
    "collections",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", AnyString(64), nullable=False, unique=True),
    Column("modality", AnyString(64), nullable=False),
    Column("options", AnyJson, nullable=False),
    Column("created_at", AnyString(32), nullable=False),
    Column("revision", BigInteger, nullable=False),
    sqlite_autoincrement=True,  # a dropped collection's id never comes back: a late writer must not find another's
    **_OPTIONS,
)

spaces = Table(
    "spaces",
    metadata,
    Column("id", Number, primary_key=True),
    _of_collection(),
    Column("kind", AnyString(32), nullable=False),
    Column("card_id", AnyString(255), nullable=False),
    Column("card", AnyJson, nullable=False),
    Column("active", Boolean, nullable=False),
    UniqueConstraint("collection_id", "kind", "card_id"),
    sqlite_autoincrement=True,  # vectors lie under this id, perhaps for a while after the space was dropped
    **_OPTIONS,
)

items = Table(
    "items",
    metadata,
    Column("number", Number, primary_key=True),
    _of_collection(),
    Column("item_id", AnyString(255), nullable=False),
    Column("state", AnyString(16), nullable=False),
    Column("blake3", AnyString(64), nullable=False),
    Column("md5", AnyString(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("media_type", AnyString(255), nullable=False),
    Column("in_place", Boolean, nullable=False),
    Column("info", AnyJson, nullable=False),
    Column("added_at", AnyString(32), nullable=False),
    Column("updated_at", AnyString(32), nullable=False),
    UniqueConstraint("collection_id", "item_id"),
    Index(None, "collection_id", "state", "number"),  # a page of items, oldest first; the few that are not ready
    Index(None, "blake3"),
    **_OPTIONS,
)

sources = Table(
    "sources",
    metadata,
    Column("number", Number, primary_key=True),
    _of_collection(),
    Column("uri_key", String(KEY_LENGTH), nullable=False),
    _of_item(),
    Column("uri", AnyText, nullable=False),
    Column("name", AnyText, nullable=False),
    Column("folder", AnyText, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("modified_ns", BigInteger),
    Column("modified", AnyString(32)),
    Column("metadata", AnyJson, nullable=False),
    Column("origin_key", String(KEY_LENGTH), nullable=False),
    Column("origin", AnyText, nullable=False),
    Column("added_at", AnyString(32), nullable=False),
    UniqueConstraint("collection_id", "uri_key"),
    Index(None, "item"),
    Index(None, "collection_id", "origin_key"),
    Index(None, "collection_id", "number"),  # a page of sources, oldest first
    **_OPTIONS,
)

item_tags = Table(
    "item_tags",
    metadata,
    _of_item(primary_key=True),
    Column("tag", AnyString(TAG_LENGTH), primary_key=True),
    sqlite_with_rowid=False,
    **_OPTIONS,
)

segments = Table(
    "segments",
    metadata,
    _of_collection(primary_key=True),
    Column("segment_id", BigInteger, primary_key=True, autoincrement=False),
    _of_item(),
    Column("ordinal", Integer, nullable=False),
    Column("kind", AnyString(32), nullable=False),
    Column("unit", AnyString(16), nullable=False),
    Column("span_start", Double, nullable=False),
    Column("span_end", Double, nullable=False),
    Index(None, "item"),
    sqlite_with_rowid=False,  # clustered by its key: half the size, and the ids come out sorted
    **_OPTIONS,
)

ledger = Table(
    "ledger",
    metadata,
    Column("number", Number, primary_key=True),
    _of_collection(),
    Column("uri_key", String(KEY_LENGTH), nullable=False),
    Column("uri", AnyText, nullable=False),
    Column("item_id", AnyString(255), nullable=False),
    Column("stage", AnyString(64), nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("size", BigInteger),
    Column("modified_ns", BigInteger),
    Column("at", AnyString(32), nullable=False),
    UniqueConstraint("collection_id", "uri_key"),
    Index(None, "collection_id", "item_id"),
    **_OPTIONS,
)

jobs = Table(
    "jobs",
    metadata,
    Column("number", Number, primary_key=True),
    Column("id", String(KEY_LENGTH), nullable=False, unique=True),
    Column("kind", AnyString(64), nullable=False),
    # By its name: a job may be there before the collection that it makes, and longer than the one it dropped.
    Column("collection", AnyString(255), nullable=False),
    Column("arguments", AnyJson, nullable=False),
    Column("state", AnyString(16), nullable=False),
    Column("progress", AnyJson, nullable=False),
    Column("result", AnyJson, nullable=False),
    Column("error", AnyText, nullable=False),
    Column("hint", AnyText, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("cancelling", Boolean, nullable=False),
    Column("owner", AnyString(255), nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("created_at", AnyString(32), nullable=False),
    Column("started_at", AnyString(32), nullable=False),
    Column("finished_at", AnyString(32), nullable=False),
    Index(None, "state", "number"),
    sqlite_autoincrement=True,  # the order of arrival holds when old jobs are forgotten
    **_OPTIONS,
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("name", AnyString(64), primary_key=True),
    Column("role", AnyString(16), nullable=False),
    Column("start", AnyString(16), nullable=False),
    Column("digest", AnyString(64), nullable=False, unique=True),
    Column("created_at", AnyString(32), nullable=False),
    **_OPTIONS,
)

calibrations = Table(
    "calibrations",
    metadata,
    Column("space_id", Number, ForeignKey("spaces.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("items", BigInteger, nullable=False),
    Column("background", AnyJson, nullable=False),
    Column("nearest", AnyJson, nullable=False),
    Column("made_at", AnyString(32), nullable=False),
    **_OPTIONS,
)

distinct_pairs = Table(
    "distinct_pairs",
    metadata,
    _of_collection(primary_key=True),
    Column("pair_key", String(KEY_LENGTH), primary_key=True),
    Column("lesser", AnyString(255), nullable=False),
    Column("greater", AnyString(255), nullable=False),
    Index(None, "collection_id", "lesser"),
    Index(None, "collection_id", "greater"),
    **_OPTIONS,
)

asides = Table(
    "asides",
    metadata,
    _of_item(primary_key=True),
    _of_collection(),
    Column("keeper", AnyString(255), nullable=False),
    Column("run", AnyString(64), nullable=False),
    Column("score", Double, nullable=False),
    Column("at", AnyString(32), nullable=False),
    Index(None, "collection_id", "run"),
    Index(None, "collection_id", "keeper"),
    **_OPTIONS,
)

changes = Table(
    "changes",
    metadata,
    _of_collection(primary_key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("segment_id", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
    **_OPTIONS,
)

about = Table(
    "about",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("value", String(255), nullable=False),
    **_OPTIONS,
)

storage_readings = Table(
    "storage_readings",
    metadata,
    Column("number", Number, primary_key=True),
    Column("at", AnyString(32), nullable=False),
    Column("items", BigInteger, nullable=False),
    Column("parts", AnyJson, nullable=False),
    **_OPTIONS,
)

# Keyword search where the catalog is on a server; elsewhere these stay empty. A space's words may outlive its row in
# ``spaces`` for a while, as its vectors do.
term_spaces = Table(
    "term_spaces",
    metadata,
    Column("space", BigInteger, primary_key=True, autoincrement=False),
    Column("card", AnyString(255), nullable=False),
    Column("texts", BigInteger, nullable=False),
    Column("words", BigInteger, nullable=False),  # of all texts together
    **_OPTIONS,
)

term_texts = Table(
    "term_texts",
    metadata,
    Column("space", BigInteger, primary_key=True, autoincrement=False),
    Column("segment", BigInteger, primary_key=True, autoincrement=False),
    Column("words", Integer, nullable=False),  # how many
    Column("text", AnyText, nullable=False),  # folded
    **_OPTIONS,
)

term_postings = Table(
    "term_postings",
    metadata,
    Column("space", BigInteger, primary_key=True, autoincrement=False),
    Column("term", BigInteger, primary_key=True, autoincrement=False),  # its digest
    Column("segment", BigInteger, primary_key=True, autoincrement=False),
    Column("found", Integer, nullable=False),  # how often
    Column("words", Integer, nullable=False),  # of the whole text
    Index(None, "space", "segment"),
    sqlite_with_rowid=False,
    info={"derived": True},  # follows from the texts
    **_OPTIONS,
)

# As Alembic makes it, in a metadata of its own, so that a fresh or up-to-date catalog needs no Alembic.
version_table = Table(
    "alembic_version",
    MetaData(naming_convention={"pk": "%(table_name)s_pkc"}),
    Column("version_num", String(32), primary_key=True),
)
