"""Items as rows, and back."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from morelike.stores.catalog.connections import chunks
from morelike.stores.catalog.schema import item_tags, items, key_of, sources
from morelike.types import ContentDigest, Item, Rejection, Segment, Source, Span

__all__ = ["bounded", "items_of", "numbers_of", "rejection_of", "segment_of", "source_of", "source_values"]

_INT64 = 2**63
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEPARATORS = re.compile(r"[/\\]")


def source_values(collection_id: int, number: int, source: Source, added_at: str) -> dict[str, Any]:
    """A row of ``sources``. A size or time that no 64 bits can hold is as good as unknown."""
    modified_ns = bounded(source.modified_ns)
    return {
        "collection_id": collection_id,
        "uri_key": key_of(source.uri),
        "item": number,
        "uri": source.uri,
        "name": source.name,
        "folder": _folder(source.uri),
        "size": bounded(source.size) or 0,
        "modified_ns": modified_ns,
        "modified": None if modified_ns is None else _date(modified_ns),
        "metadata": dict(source.metadata),
        "origin_key": key_of(source.origin),
        "origin": source.origin,
        "added_at": source.added_at or added_at,
    }


def source_of(row: Row[Any]) -> Source:
    return Source(
        uri=row.uri,
        name=row.name,
        size=row.size,
        modified_ns=row.modified_ns,
        metadata=row.metadata,
        origin=row.origin,
        added_at=row.added_at,
    )


def segment_of(row: Row[Any]) -> Segment:
    """From a row of ``segments`` with the item's ``item_id``."""
    return Segment(
        id=row.segment_id,
        ordinal=row.ordinal,
        kind=row.kind,
        span=Span(row.unit, row.span_start, row.span_end),
        item_id=row.item_id,
    )


def rejection_of(row: Row[Any]) -> Rejection:
    return Rejection(
        uri=row.uri,
        item_id=row.item_id,
        stage=row.stage,
        reason=row.reason,
        attempts=row.attempts,
        at=row.at,
        size=row.size,
        modified_ns=row.modified_ns,
    )


def numbers_of(connection: Connection, collection_id: int, item_ids: Iterable[str]) -> dict[str, Row[Any]]:
    """Item id to its row's ``number``, ``state``, ``blake3`` and ``in_place``; unknown ids are left out."""
    found: dict[str, Row[Any]] = {}
    for some in chunks(list(dict.fromkeys(item_ids))):
        query = select(items.c.item_id, items.c.number, items.c.state, items.c.blake3, items.c.in_place)
        rows = connection.execute(query.where(items.c.collection_id == collection_id, items.c.item_id.in_(some)))
        found.update({row.item_id: row for row in rows})
    return found


def items_of(connection: Connection, rows: Sequence[Row[Any]]) -> list[Item]:
    """Whole rows of ``items`` to items, in their order, with two further statements a thousand."""
    found_sources: defaultdict[int, list[Source]] = defaultdict(list)
    found_tags: defaultdict[int, list[str]] = defaultdict(list)
    for some in chunks([row.number for row in rows]):
        for row in connection.execute(select(sources).where(sources.c.item.in_(some)).order_by(sources.c.number)):
            found_sources[row.item].append(source_of(row))
        for row in connection.execute(select(item_tags).where(item_tags.c.item.in_(some)).order_by(item_tags.c.tag)):
            found_tags[row.item].append(row.tag)
    return [
        Item(
            id=row.item_id,
            state=row.state,
            digest=ContentDigest(blake3=row.blake3, md5=row.md5, size=row.size),
            media_type=row.media_type,
            info=row.info,
            tags=tuple(found_tags[row.number]),
            sources=tuple(found_sources[row.number]),
            in_place=row.in_place,
            added_at=row.added_at,
            updated_at=row.updated_at,
        )
        for row in rows
    ]


def bounded(number: int | None) -> int | None:
    """A number that 64 bits can hold, else None."""
    return number if number is not None and -_INT64 <= number < _INT64 else None


def _folder(uri: str) -> str:
    """The name of the folder that holds it, which is often a label; empty where there is none."""
    parts = _SEPARATORS.split(uri)
    return parts[-2] if len(parts) > 1 else ""


def _date(modified_ns: int) -> str | None:
    try:
        return (_EPOCH + timedelta(seconds=modified_ns // 10**9)).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError:
        return None
