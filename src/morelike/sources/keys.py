"""Blobs as keys: small values by which another process opens the same bytes again, within the same limits.

Files go by their path, objects in buckets by their name and etag, URLs by themselves. What has no such name (a member
of an archive, an upload, a cell of a table) goes with its bytes.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from morelike.errors import ItemError, SourceError
from morelike.settings import Settings
from morelike.sources.opening import check_allowed, failing_blob, open_regular
from morelike.sources.s3 import Reopened, entry_of
from morelike.sources.urls import UrlBlobs, is_fetched
from morelike.types import Blob

__all__ = ["Key", "Reopener", "carried", "key_of"]


@dataclass(frozen=True, slots=True)
class Key:
    """A blob without its ``open``; ``where`` is what its kind needs to make one. It can be pickled."""

    kind: Literal["file", "object", "url", "bytes", "failing"]
    uri: str
    name: str
    where: Any = field(default=None, repr=False)
    """A path, an object's entry, nothing, the bytes, or (reason, hint)."""
    size: int | None = None
    modified_ns: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    lasting: bool = False
    origin: str = ""

    @property
    def bytes(self) -> int:
        """How much the key carries."""
        return len(self.where) if self.kind == "bytes" else 0


def key_of(blob: Blob) -> Key | None:
    """None where the bytes themselves have to go: see ``carried``. Nothing is read."""
    if blob.path is not None:
        return _key(blob, "file", os.fspath(blob.path))
    entry = entry_of(blob)
    if entry is not None:
        return _key(blob, "object", entry)
    return _key(blob, "url") if is_fetched(blob) else None


def carried(blob: Blob, largest: int) -> Key:
    """With the bytes, or with the reason why they cannot be had; of more than ``largest`` bytes none go."""
    try:
        data = blob.read(largest + 1)
    except ItemError as error:
        return _key(blob, "failing", (error.message, error.hint))
    except OSError as error:  # in the words of whoever would read it here
        return _key(blob, "failing", (f"{blob.uri} cannot be read: {error.strerror or error}", ""))
    if len(data) > largest:
        reason = f"{blob.uri} has more bytes than the limit of {largest:,}"
        return _key(blob, "failing", (reason, "raise MORELIKE_MAX_FILE_SIZE"))
    return _key(blob, "bytes", data)


def _key(blob: Blob, kind: Literal["file", "object", "url", "bytes", "failing"], where: Any = None) -> Key:
    may_stay = blob.lasting or (blob.path is not None and blob.uri == str(blob.path))
    lasting = blob.lasting if kind in {"file", "object"} else may_stay
    size, modified = blob.size, blob.modified_ns
    return Key(kind, blob.uri, blob.name, where, size, modified, dict(blob.metadata), lasting, blob.origin)


class Reopener:
    """Makes blobs of keys; those of one list share connections and memory."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._urls = UrlBlobs(settings)
        self._objects = Reopened(settings)

    def sees(self, key: Key) -> bool:
        """Whether the file that a key means is there, with the size and time that it had. True of any other kind."""
        if key.kind != "file":
            return True
        try:
            found = os.stat(key.where)  # noqa: PTH116 - a str is what there is
        except (OSError, ValueError):
            return False
        return (found.st_size, found.st_mtime_ns) == (key.size, key.modified_ns)

    def blob(self, key: Key) -> Blob:
        """One that cannot be opened again makes a blob that fails. Raises StoreError, MissingExtra, SettingsError."""
        path = Path(key.where) if key.kind == "file" else None
        try:
            opened = self._open(key)
        except SourceError as error:
            opened = failing_blob(key.uri, key.name, error.message, hint=error.hint).open
        return Blob(key.uri, key.name, opened, key.size, key.modified_ns, path, key.metadata, key.lasting, key.origin)

    def _open(self, key: Key) -> Any:
        if key.kind == "file":
            check_allowed(key.where, self._settings.allow_roots)
            return partial(open_regular, key.where, self._settings.max_file_size)
        if key.kind == "object":
            return self._objects.open_of(key.uri, key.where)
        if key.kind == "url":
            return self._urls.blob(key.uri).open
        if key.kind == "bytes":
            return partial(io.BytesIO, key.where)
        reason, hint = key.where
        return failing_blob(key.uri, key.name, reason, hint=hint).open
