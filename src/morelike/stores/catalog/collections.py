"""Collections and their spaces."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, not_, select, update
from sqlalchemy.exc import IntegrityError

from morelike.errors import CollectionExists, NoSuchCollection, UsageError
from morelike.stores.catalog import schema, statements
from morelike.stores.catalog.blobs import unneeded
from morelike.stores.catalog.connections import now, retried
from morelike.stores.catalog.quick import QuickRows
from morelike.types import Card, Collection, Kind, Metadata, Space

__all__ = ["CollectionRows"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_collections = schema.collections
_spaces = schema.spaces


class CollectionRows(QuickRows):
    """``CatalogCollections``."""

    @retried
    def create_collection(self, name: str, modality: str, options: Metadata) -> Collection:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"a collection cannot be named {name!r}",
                hint="use at most 64 letters a-z, digits, _ and -, with a letter or digit first",
            )
        row = {"name": name, "modality": modality, "options": options, "created_at": now(), "revision": 1}
        with self._writing() as connection:
            try:
                connection.execute(insert(_collections).values(**row))
            except IntegrityError as error:
                raise CollectionExists(
                    f"there is a collection {name!r} already", hint="use it as it is, or choose another name"
                ) from error
            return _collection(connection.execute(select(_collections).where(_collections.c.name == name)).one())

    def collection(self, name: str) -> Collection:
        with self._asking() as ask:
            found = ask(statements.COLLECTIONS, some=[name])
        if found:
            return Collection(*found[0])
        with self._reading() as connection:
            names = connection.scalars(select(_collections.c.name).order_by(_collections.c.name)).all()
        raise NoSuchCollection(f"there is no collection {name!r}", hint=_nearest(name, names))

    def collections(self) -> list[Collection]:
        """By name."""
        with self._reading() as connection:
            return [_collection(row) for row in connection.execute(select(_collections).order_by(_collections.c.name))]

    @retried
    def drop_collection(self, collection: Collection) -> list[str]:
        items = schema.items
        inside = select(items.c.number).where(items.c.collection_id == collection.id)
        with self._writing(collection) as connection:
            digests = connection.scalars(
                select(items.c.blake3).distinct().where(items.c.collection_id == collection.id, not_(items.c.in_place))
            ).all()
            # A table at a time: faster than the cascade, which goes item by item.
            connection.execute(delete(schema.segments).where(schema.segments.c.collection_id == collection.id))
            connection.execute(delete(schema.item_tags).where(schema.item_tags.c.item.in_(inside)))
            calibrated = select(_spaces.c.id).where(_spaces.c.collection_id == collection.id)
            connection.execute(delete(schema.calibrations).where(schema.calibrations.c.space_id.in_(calibrated)))
            for table in (schema.asides, schema.distinct_pairs, schema.sources, schema.ledger, items, _spaces):
                connection.execute(delete(table).where(table.c.collection_id == collection.id))
            connection.execute(delete(_collections).where(_collections.c.id == collection.id))
            return unneeded(connection, digests)

    @retried
    def add_space(self, collection: Collection, kind: Kind, card: Card, *, active: bool) -> Space:
        """A card that the collection has for this kind already is not added again."""
        same = and_(_spaces.c.collection_id == collection.id, _spaces.c.kind == kind, _spaces.c.card_id == card.id)
        with self._writing(collection) as connection:
            if connection.execute(select(_spaces.c.id).where(same)).one_or_none() is None:
                values = {"collection_id": collection.id, "kind": kind, "card_id": card.id, "card": card.to_dict()}
                connection.execute(insert(_spaces).values(**values, active=False))
            found: int = connection.execute(select(_spaces.c.id).where(same)).scalar_one()
            if active:
                _activate(connection, collection.id, kind, found)
            return _space(connection.execute(select(_spaces).where(_spaces.c.id == found)).one())

    def spaces(self, collection: Collection | None = None) -> list[Space]:
        query = select(_spaces).order_by(_spaces.c.id)
        if collection is not None:
            query = query.where(_spaces.c.collection_id == collection.id)
        with self._reading() as connection:
            return [_space(row) for row in connection.execute(query)]

    @retried
    def activate(self, space: Space) -> None:
        with self._writing(self._of_space(space)) as connection:
            _activate(connection, space.collection_id, space.kind, space.id)

    @retried
    def drop_space(self, space: Space) -> None:
        with self._writing(self._of_space(space)) as connection:
            connection.execute(delete(_spaces).where(_spaces.c.id == space.id))

    def revision(self, collection: Collection) -> int:
        with self._reading() as connection:
            return self._revision(connection, collection)

    def _revision(self, connection: Connection, collection: Collection) -> int:
        query = select(_collections.c.revision).where(_collections.c.id == collection.id)
        found: int | None = connection.execute(query).scalar_one_or_none()
        if found is None:
            raise NoSuchCollection(f"the collection {collection.name!r} was dropped")
        return found

    def _of_space(self, space: Space) -> Collection:
        with self._reading() as connection:
            row = connection.execute(select(_collections).where(_collections.c.id == space.collection_id)).one_or_none()
        if row is None:
            raise NoSuchCollection(f"the collection of the space {space.id} was dropped")
        return _collection(row)


def _activate(connection: Connection, collection_id: int, kind: Kind, space_id: int) -> None:
    there = select(func.count()).select_from(_spaces).where(_spaces.c.id == space_id)
    if connection.execute(there).scalar_one() == 0:
        raise UsageError(f"the space {space_id} was dropped")
    rivals = and_(_spaces.c.collection_id == collection_id, _spaces.c.kind == kind)
    connection.execute(update(_spaces).where(rivals).values(active=_spaces.c.id == space_id))


def _nearest(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are: {', '.join(names[:10])}" if names else "there are no collections yet; `morelike add` makes one"


def _collection(row: Row[Any]) -> Collection:
    return Collection(id=row.id, name=row.name, modality=row.modality, options=row.options, created_at=row.created_at)


def _space(row: Row[Any]) -> Space:
    return Space(
        id=row.id,
        collection_id=row.collection_id,
        kind=row.kind,
        card=Card.from_dict(row.card),
        active=row.active,
    )
