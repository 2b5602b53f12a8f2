"""API keys, known by their digests."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, delete, insert, select
from sqlalchemy.exc import IntegrityError

from morelike.errors import UsageError
from morelike.records import ApiKey
from morelike.stores.catalog.connections import Connected, now, retried
from morelike.stores.catalog.schema import api_keys

__all__ = ["KeyRows"]


class KeyRows(Connected):
    """``CatalogKeys``."""

    @retried
    def add_key(self, key: ApiKey) -> None:
        values = {
            "name": key.name,
            "role": key.role,
            "start": key.start,
            "digest": key.digest,
            "created_at": key.created_at or now(),
        }
        with self._writing() as connection:
            try:
                connection.execute(insert(api_keys).values(**values))
            except IntegrityError as error:
                raise UsageError(
                    f"there is a key {key.name!r} already", hint=f"morelike keys rm {key.name}, or another name"
                ) from error

    def keys(self) -> list[ApiKey]:
        with self._reading() as connection:
            return [_key(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.name))]

    def key_of_digest(self, digest: str) -> ApiKey | None:
        with self._reading() as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.digest == digest)).one_or_none()
        return None if row is None else _key(row)

    @retried
    def drop_key(self, name: str) -> None:
        with self._writing() as connection:
            if connection.execute(delete(api_keys).where(api_keys.c.name == name)).rowcount:
                return
            names = connection.scalars(select(api_keys.c.name).order_by(api_keys.c.name).limit(10)).all()
        raise UsageError(
            f"there is no key {name!r}", hint=f"there are: {', '.join(names)}" if names else "there are no keys"
        )


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(name=row.name, role=row.role, start=row.start, digest=row.digest, created_at=row.created_at)
