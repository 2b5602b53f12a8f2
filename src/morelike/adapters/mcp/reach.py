"""What the clients of one server reach: some collections, some folders; to read, and to add where that is allowed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from morelike.adapters.mcp.arguments import LARGEST_DATA
from morelike.errors import NoSuchCollection, QueryError, SourceError, UsageError
from morelike.examples import as_blob
from morelike.settings import Settings
from morelike.sources.opening import check_allowed, local_path
from morelike.types import Blob
from morelike.unpacking import holds_of

__all__ = ["Limits", "Reach", "ReadOnly"]

LIBRARY_READS: Final = frozenset({"collections", "names", "search"})
COLLECTION_READS: Final = frozenset(
    {"blob", "count", "item", "modality", "name", "options", "preview", "search", "spaces"}
)
ADD_HINT: Final = "`morelike mcp --allow-add` lets its clients add"
_WEB: Final = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Limits:
    """``collections``: names or globs of those that may be seen, none for all; ``adding``: whether clients may add."""

    collections: tuple[str, ...] = ()
    adding: bool = False


class ReadOnly:
    """An open library or collection of which only some methods can be had. Raises UsageError on all others."""

    def __init__(self, opened: Any, reads: frozenset[str]) -> None:
        self._opened = opened
        self._reads = reads

    def __getattr__(self, name: str) -> Any:
        if name not in self._reads:
            raise UsageError(f"the library is open for reading only: {name} is not to be had", hint=ADD_HINT)
        return getattr(self._opened, name)


class Reach:
    """An open library, local or remote, within ``limits``; of this machine's files it reads those below the library's
    setting ``allow_roots``, and none where that is not set.

    Raises UsageError where clients may add and ``allow_roots`` is not set: a table may name any file.
    """

    def __init__(self, library: Any, limits: Limits) -> None:
        settings: Settings = library.settings
        if limits.adding and settings.allow_roots is None:
            raise UsageError(
                "clients may add, and nothing says which files of this machine they may name",
                hint="open the library with allow_roots=(…), an empty one for none",
            )
        self.limits = limits
        self.roots: tuple[Path, ...] = settings.allow_roots or ()
        self.library = ReadOnly(library, LIBRARY_READS)
        self._library = library
        self._confined = settings.model_copy(update={"allow_roots": self.roots, "s3_roots": ()})

    def names(self) -> list[str]:
        """Of the collections that may be seen, in order."""
        return [name for name in self._library.names() if self._may_be_seen(name)]

    def named(self, given: Sequence[str] | None) -> list[str]:
        """Those that names and globs mean, each once; all where nothing is given.

        Raises NoSuchCollection on a name that none has, or that may not be seen; UsageError where there is none.
        """
        known = self.names()
        found: dict[str, None] = {}
        for name in known if given is None else given:
            globbed = bool(set(name) & set("*?["))
            meant = [one for one in known if fnmatchcase(one, name)] if globbed else [name]
            if not meant or not set(meant) <= set(known):
                raise self._missing(name, known)
            found.update(dict.fromkeys(meant))
        if not found:
            raise UsageError("there is no collection to search", hint="`morelike add COLLECTION SOURCE` makes one")
        return list(found)

    def collection(self, name: str) -> Any:
        """To read. Raises NoSuchCollection."""
        known = self.names()
        if name not in known:
            raise self._missing(name, known)
        return ReadOnly(self._library.collection(name), COLLECTION_READS)

    def to_add_to(self, name: str, modality: str | None) -> Any:
        """The whole collection, made where it is missing and ``modality`` is given. Raises UsageError."""
        self.check_adding()
        if not self._may_be_seen(name):
            raise self._missing(name, self.names())
        if modality is None:
            return self._library.collection(name)
        return self._library.collection(name, modality=modality)

    def check_adding(self) -> None:
        """Raises UsageError unless clients may add."""
        if not self.limits.adding:
            raise UsageError("nothing can be added: the library is open for reading only", hint=ADD_HINT)

    def check_source(self, source: str) -> None:
        """Raises SourceError on all but http(s) addresses and absolute paths below the folders that may be read."""
        if source[:8].lower().startswith(_WEB):
            return
        roots = self.roots
        hint = f"folders that may be read: {', '.join(map(str, roots))}" if roots else "http and https addresses may be"
        if not Path(source).is_absolute() or "\0" in source:
            raise SourceError(f"{source[:200]!r} is neither an http address nor an absolute path", hint=hint)
        try:
            check_allowed(local_path(source), roots)
        except SourceError as error:
            raise SourceError(f"{source[:200]!r} may not be read", hint=hint) from error

    def place(self, place: str) -> Blob:
        """The one file at an address or a path. Raises SourceError, QueryError."""
        self.check_source(place)
        return as_blob(place, self._confined, holds_of(None, self._confined))

    @staticmethod
    def data(encoded: str) -> Blob:
        """A file that came in the call itself. Raises QueryError."""
        try:
            content = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise QueryError("data is not base64", hint="encode the whole file, without a data: prefix") from error
        if not 0 < len(content) <= LARGEST_DATA:
            raise QueryError(f"data holds {len(content)} bytes", hint=f"1 to {LARGEST_DATA} of them can be used")
        return Blob.from_bytes(content, "data", uri="upload:data")

    def _may_be_seen(self, name: str) -> bool:
        only = self.limits.collections
        return not only or any(fnmatchcase(name, glob) for glob in only)

    @staticmethod
    def _missing(name: str, known: Sequence[str]) -> NoSuchCollection:
        return NoSuchCollection(
            f"there is no collection {name[:64]!r} here", hint=f"there are: {', '.join(known[:20]) or 'none yet'}"
        )
