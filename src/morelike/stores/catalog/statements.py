"""The statements that every search makes, built once: building one takes longer than running it.

``collection`` and ``some``, a list, are bound at each execution.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, bindparam, select

from morelike.stores.catalog.quick import Quick
from morelike.stores.catalog.schema import collections, item_tags, items, segments, sources

__all__ = [
    "COLLECTIONS",
    "ITEMS",
    "NUMBERS",
    "REVISION",
    "SEGMENTS",
    "SEGMENTS_OF",
    "SHOWN",
    "SOME",
    "SOURCES",
    "STATES",
    "TAGS",
]

_collection: BindParameter[int] = bindparam("collection")
SOME: BindParameter[Any] = bindparam("some", expanding=True)

_segment = (
    segments.c.segment_id,
    segments.c.ordinal,
    segments.c.kind,
    segments.c.unit,
    segments.c.span_start,
    segments.c.span_end,
    items.c.item_id,
)

COLLECTIONS = Quick(
    select(
        collections.c.id, collections.c.name, collections.c.modality, collections.c.options, collections.c.created_at
    ).where(collections.c.name.in_(SOME))
)
"""By their names."""

REVISION = Quick(select(collections.c.revision).where(collections.c.id == _collection))

SEGMENTS = Quick(
    select(*_segment)
    .join(items, items.c.number == segments.c.item)
    .where(segments.c.collection_id == _collection, segments.c.segment_id.in_(SOME), items.c.state == "ready")
)
"""Segments by their ids, of ready items only."""

SEGMENTS_OF = Quick(
    select(*_segment)
    .join(items, items.c.number == segments.c.item)
    .where(items.c.collection_id == _collection, items.c.item_id.in_(SOME))
    .order_by(segments.c.item, segments.c.ordinal)
)
"""Segments by the ids of their items, in any state."""

NUMBERS = select(items.c.item_id, items.c.number, items.c.state, items.c.blake3, items.c.in_place).where(
    items.c.collection_id == _collection, items.c.item_id.in_(SOME)
)

SHOWN = Quick(
    select(items.c.number, items.c.state, items.c.item_id, items.c.info, sources.c.uri, sources.c.metadata)
    .outerjoin(sources, sources.c.item == items.c.number)
    .where(items.c.collection_id == _collection, items.c.item_id.in_(SOME))
    .order_by(sources.c.number)
)
"""A row for each source of the items, in any state."""

ITEMS = select(items).where(
    items.c.collection_id == _collection, items.c.item_id.in_(SOME), items.c.state != "deleting"
)

SOURCES = (
    select(
        sources.c.item,
        sources.c.uri,
        sources.c.name,
        sources.c.size,
        sources.c.modified_ns,
        sources.c.metadata,
        sources.c.origin,
        sources.c.added_at,
    )
    .where(sources.c.item.in_(SOME))
    .order_by(sources.c.number)
)
"""By the numbers of their items."""

STATES = Quick(
    select(items.c.item_id, items.c.state).where(items.c.collection_id == _collection, items.c.item_id.in_(SOME))
)

TAGS = Quick(select(item_tags.c.item, item_tags.c.tag).where(item_tags.c.item.in_(SOME)).order_by(item_tags.c.tag))
"""By the numbers of their items."""
