"""What a filter can ask of a segment, for vector stores that evaluate filters themselves."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import JSON, BindParameter, Connection, String, bindparam, select, type_coerce

from morelike.stores.catalog import changes, statements
from morelike.stores.catalog.collections import CollectionRows
from morelike.stores.catalog.connections import chunks
from morelike.stores.catalog.schema import item_tags, items, segments, sources
from morelike.types import Collection, Fields, Ids

__all__ = ["FieldRows"]

_collection: BindParameter[int] = bindparam("collection")


def _stored(column: Any) -> Any:
    """A column's texts as they lie in the database, which is what a filter compares."""
    return type_coerce(column, String()).label(column.name)


def _object(column: Any) -> Any:
    """The same for a column of JSON objects."""
    return type_coerce(column, JSON()).label(column.name)


_OWNERS = (
    select(segments.c.segment_id, segments.c.item, items.c.state)
    .join(items, items.c.number == segments.c.item)
    .where(segments.c.collection_id == _collection, segments.c.segment_id.in_(statements.SOME))
)
"""By segments; with the state, since asked for it a planner would go through all that are ready."""

_ITEMS = select(
    items.c.number,
    _stored(items.c.item_id),
    _stored(items.c.state),
    items.c.size,
    _stored(items.c.media_type),
    _stored(items.c.added_at),
    _object(items.c.info),
).where(items.c.number.in_(statements.SOME))

_SOURCES = (
    select(
        sources.c.item,
        _stored(sources.c.uri),
        _stored(sources.c.name),
        _stored(sources.c.folder),
        _stored(sources.c.modified),
        _object(sources.c.metadata),
    )
    .where(sources.c.item.in_(statements.SOME))
    .order_by(sources.c.number)
)

_TAGS = (
    select(item_tags.c.item, _stored(item_tags.c.tag))
    .where(item_tags.c.item.in_(statements.SOME))
    .order_by(item_tags.c.tag)
)


class FieldRows(CollectionRows):
    """``CatalogReading.touched`` and ``fields_of``."""

    def touched(self, collection: Collection, since: int) -> tuple[int, Ids | None]:
        with self._reading() as connection:
            revision = self._revision(connection, collection)
            if since == revision:
                return revision, np.empty(0, dtype=np.int64)
            if not changes.noted(connection):
                return revision, None
            found = changes.touched(connection, collection.id, since, revision)
        return revision, None if found is None else np.array(found, dtype=np.int64)

    def fields_of(self, collection: Collection, segment_ids: Ids) -> dict[int, tuple[Fields, ...]]:
        """In the order asked for; segments of one item share theirs. Four statements a thousand."""
        found: dict[int, tuple[Fields, ...]] = {}
        with self._reading() as connection:
            for some in chunks(segment_ids.tolist()):
                rows = connection.execute(_OWNERS, {"collection": collection.id, "some": some})
                owners = {segment_id: item for segment_id, item, state in rows if state == "ready"}
                of_items = _fields(connection, sorted(set(owners.values())))
                found.update({one: of_items[owners[one]] for one in some if one in owners})
        return found


def _fields(connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[Fields, ...]]:
    """By the items' numbers; at most a chunk of them."""
    if not numbers:
        return {}
    some = {"some": numbers}
    tags: defaultdict[int, list[str]] = defaultdict(list)
    for number, tag in connection.execute(_TAGS, some):
        tags[number].append(tag)
    found_items = {
        row.number: (
            {
                "id": row.item_id,
                "state": row.state,
                "size": row.size,
                "media_type": row.media_type,
                "added": row.added_at,
            },
            _askable(row.info),
        )
        for row in connection.execute(_ITEMS, some)
    }
    found: dict[int, list[Fields]] = {number: [] for number in found_items}
    for row in connection.execute(_SOURCES, some):
        plain, info = found_items[row.item]
        own = {"path": row.uri, "name": row.name, "folder": row.folder}
        if row.modified is not None:
            own["modified"] = row.modified
        found[row.item].append(Fields({**plain, **own}, tuple(tags[row.item]), info, _askable(row.metadata)))
    return {number: tuple(fields) for number, fields in found.items()}


def _askable(values: Mapping[str, Any] | str) -> dict[str, Any]:
    """Null is no value. Of a list or an object a filter can ask only whether it is there."""
    read: Mapping[str, Any] = json.loads(values) if isinstance(values, str) else values  # drivers differ in this
    return {
        key: value if isinstance(value, str | int | float) else [0] for key, value in read.items() if value is not None
    }
