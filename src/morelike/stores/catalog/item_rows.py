"""Items as rows, and back."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from morelike.records import Shown
from morelike.stores.catalog import statements
from morelike.stores.catalog.connections import chunks
from morelike.stores.catalog.quick import Ask
from morelike.stores.catalog.schema import key_of
from morelike.types import WHOLE, Collection, ContentDigest, Item, Rejection, Segment, Source, Span

__all__ = [
    "bounded",
    "items_of",
    "numbers_of",
    "rejection_of",
    "segment_of",
    "segment_values",
    "shown_of",
    "source_of",
    "source_values",
]

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


def source_of(row: Any) -> Source:
    return Source(
        uri=row.uri,
        name=row.name,
        size=row.size,
        modified_ns=row.modified_ns,
        metadata=row.metadata,
        origin=row.origin,
        added_at=row.added_at,
    )


def segment_values(collection: Collection, number: int, segment: Segment) -> dict[str, Any]:
    """The reverse of ``segment_of``, for the item with that number."""
    return {
        "collection_id": collection.id,
        "segment_id": segment.id,
        "item": number,
        "ordinal": segment.ordinal,
        "kind": segment.kind,
        "unit": segment.span.unit,
        "span_start": segment.span.start,
        "span_end": segment.span.end,
    }


def segment_of(row: Any) -> Segment:
    """From a row of the statements ``SEGMENTS`` and ``SEGMENTS_OF``."""
    identifier, ordinal, kind, unit, start, end, item_id = row
    span = WHOLE if unit == "whole" and start == end == 0.0 else Span(unit, start, end)
    return Segment(identifier, ordinal, kind, span, item_id)


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
        rows = connection.execute(statements.NUMBERS, {"collection": collection_id, "some": some})
        found.update({row.item_id: row for row in rows})
    return found


def items_of(connection: Connection, rows: Sequence[Row[Any]]) -> list[Item]:
    """Whole rows of ``items`` to items, in their order, with two further statements a thousand."""
    found_sources: defaultdict[int, list[Source]] = defaultdict(list)
    found_tags: defaultdict[int, list[str]] = defaultdict(list)
    for some in chunks([row.number for row in rows]):
        for row in connection.execute(statements.SOURCES, {"some": some}):
            found_sources[row.item].append(source_of(row))
        for number, tag in connection.execute(statements.TAGS.statement, {"some": some}):
            found_tags[number].append(tag)
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


def shown_of(ask: Ask, collection_id: int, item_ids: Sequence[str]) -> dict[str, Shown]:
    """Those of up to a chunk of items that are ready, with two statements."""
    found: dict[int, tuple[str, Any, list[str], Any]] = {}
    for number, state, item_id, info, uri, said in ask(statements.SHOWN, collection_id, item_ids):
        if state != "ready":  # asked in the statement, it would lead a planner astray: through all that are ready
            continue
        _, _, uris, _ = found.setdefault(number, (item_id, info, [], said or {}))
        if uri is not None:
            uris.append(uri)
    tags: defaultdict[int, list[str]] = defaultdict(list)
    if found:
        for number, tag in ask(statements.TAGS, some=list(found)):
            tags[number].append(tag)
    return {
        item_id: Shown(info, tuple(uris), said, tuple(tags.get(number, ())))
        for number, (item_id, info, uris, said) in found.items()
    }


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
