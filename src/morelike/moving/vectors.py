"""The vectors of an old server's Milvus collection, by their ids: read, and never written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from morelike.errors import SettingsError, StoreError, StoreUnreachable, UsageError
from morelike.settings import Settings
from morelike.stores.vectors._milvus_line import MAKE, READ, Line, Missing, NotLoaded, Place

__all__ = ["FetchesVectors", "OldVectors"]

_AT_ONCE: Final = 4 * 1024**2
"""Bytes of vectors in one answer."""
_MOST: Final = 1024
_SLOW: Final = 6 * READ
_FEW: Final = 128
"""MD5s of one question: several vectors may have the same."""
_INT64, _VARCHAR, _FLOATS = 5, 21, 101
"""Milvus' own numbers of the types."""
_HASHES: Final = "hash_code"
_MD5: Final = re.compile(r"[0-9a-f]{32}")


class FetchesVectors(Protocol):
    """Vectors of ``dim`` numbers by their ids, wherever they are; ``where`` is for sentences."""

    @property
    def where(self) -> str: ...
    @property
    def dim(self) -> int: ...
    def fetch(self, ids: Sequence[int]) -> dict[int, NDArray[np.float32]]: ...
    def fetch_by_hash(self, md5s: Sequence[str]) -> dict[str, NDArray[np.float32]]: ...


class OldVectors:
    """A collection at ``http://[USER:PASSWORD@]HOST:19530[/DATABASE]``; a context manager.

    The primary key and the vector are found by their types, whatever they are called. A collection that is not loaded
    is loaded, and released again at the end. Raises UsageError where there is none, or none such, SettingsError,
    MissingExtra, StoreUnreachable, StoreError.
    """

    def __init__(self, address: str, collection: str, settings: Settings) -> None:
        place, token, database = _place(address)
        self.where = f"collection {collection[:64]!r} of {place}"
        self._name = collection
        self._loaded = False
        own = {"vectors_token": token, "vectors_database": database}
        self._line = Line(place, settings.model_copy(update=own))
        try:
            self._key, self._vector, self.dim, self._has_hashes = self._described()
        except BaseException:
            self._line.close()
            raise
        self._step = max(1, min(_MOST, _AT_ONCE // (4 * self.dim)))

    def __enter__(self) -> OldVectors:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._loaded:
            with suppress(StoreError, Missing, NotLoaded):  # it stays loaded then, which harms nothing
                self._line.ask(lambda client, left: client.release_collection(self._name, timeout=left))
        self._line.close()

    def fetch(self, ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Those of the ids that are there, each with its vector as stored. Raises StoreUnreachable, StoreError."""
        found: dict[int, NDArray[np.float32]] = {}
        wanted = list(dict.fromkeys(ids))
        for start in range(0, len(wanted), self._step):
            some = wanted[start : start + self._step]
            for row in self._asked(f"{self._key} in [{', '.join(map(str, some))}]", len(some)):
                found[int(row[self._key])] = np.asarray(row[self._vector], dtype=np.float32)
        return found

    def fetch_by_hash(self, md5s: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The same by the column ``hash_code``, where the collection has one: an upload's MD5."""
        found: dict[str, NDArray[np.float32]] = {}
        wanted = [md5 for md5 in dict.fromkeys(md5s) if _MD5.fullmatch(md5)] if self._has_hashes else []
        for start in range(0, len(wanted), _FEW):
            few = wanted[start : start + _FEW]
            some = ", ".join(f'"{md5}"' for md5 in few)
            rows = self._asked(f"{_HASHES} in [{some}]", self._step, _HASHES)
            if len(rows) >= self._step:  # one that was uploaded very often may have left no room for others
                for md5 in set(few) - {str(row[_HASHES]) for row in rows}:
                    rows += self._asked(f'{_HASHES} == "{md5}"', 1, _HASHES)
            for row in rows:
                found.setdefault(str(row[_HASHES]), np.asarray(row[self._vector], dtype=np.float32))
        return found

    def _asked(self, condition: str, most: int, *more: str) -> list[dict[str, Any]]:
        def ask(client: Any, left: float) -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = client.query(
                self._name,
                filter=condition,
                output_fields=[self._key, self._vector, *more],
                limit=most,
                consistency_level="Strong",
                timeout=left,
            )
            return rows

        with self._failing():
            try:
                return self._line.ask(ask, _SLOW)
            except NotLoaded:
                self._line.ask(lambda client, left: client.load_collection(self._name, timeout=left), MAKE)
                self._loaded = True
                return self._line.ask(ask, _SLOW)

    def _described(self) -> tuple[str, str, int, bool]:
        """The key's name, the vector's, its width, and whether there are MD5s beside it."""
        with self._failing():
            said: Any = self._line.ask(lambda client, left: client.describe_collection(self._name, timeout=left), _SLOW)
        fields = said["fields"]
        keys = [one["name"] for one in fields if one.get("is_primary") and int(one["type"]) == _INT64]
        vectors = [one for one in fields if int(one["type"]) == _FLOATS]
        if not keys or len(vectors) != 1:
            raise UsageError(
                f"the {self.where} has no int64 key and one float vector",
                hint="where a path is its key, there is no MySQL table: add the folder anew instead",
            )
        hashes = any(one["name"] == _HASHES and int(one["type"]) == _VARCHAR for one in fields)
        return str(keys[0]), str(vectors[0]["name"]), int(vectors[0]["params"]["dim"]), hashes

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except Missing as error:
            raise UsageError(f"there is no {self.where}", hint="--table: it is called as the MySQL table is") from error
        except NotLoaded as error:
            raise StoreError(
                f"the {self.where} cannot be loaded", hint="give it an index, as its server did"
            ) from error
        except StoreUnreachable as error:
            raise StoreUnreachable(error.message, hint="see --milvus; what came in stays") from error
        except StoreError as error:
            raise StoreError(error.message, hint="see --milvus; what came in stays") from error


def _place(address: str) -> tuple[Place, str, str]:
    """Where it is, the token, the database. Raises SettingsError, which repeats nothing of what was written."""
    hint = "http://HOST:19530, http://USER:PASSWORD@HOST:19530 or https://…"
    text = address if "://" in address else f"http://{address}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SettingsError("--milvus is no address of Milvus", hint=hint) from None
    database = parts.path.strip("/")
    if not host or parts.scheme.lower() not in ("http", "https") or "/" in database or parts.query or parts.fragment:
        raise SettingsError("--milvus is no address of Milvus", hint=hint)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    token = f"{user}:{password}" if password else user
    secure = parts.scheme.lower() == "https"
    host = f"[{host}]" if ":" in host else host
    place = Place(f"{'https' if secure else 'http'}://{host}:{port or (443 if secure else 19530)}")
    return place, token, unquote(database)
