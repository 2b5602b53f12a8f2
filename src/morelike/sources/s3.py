"""Objects in buckets: one of them, all below a prefix, a whole bucket, or a glob."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from io import BytesIO
from itertools import chain
from typing import BinaryIO, NoReturn

from morelike.errors import SourceError, StoreError, StoreUnreachable
from morelike.objects import find_place
from morelike.settings import Settings
from morelike.sources._s3_address import check_object_allowed, is_address, split_address
from morelike.sources._s3_listing import Entry, Folder, list_buckets, list_objects
from morelike.sources._s3_objects import Bucket, Fetching, Pieces, Room
from morelike.sources._s3_wire import Wire
from morelike.sources.archives import ArchiveWalk
from morelike.sources.containers import BLOCK, Box, container, has_archive_name
from morelike.sources.globs import Globs, has_wildcards, is_hidden, split_path
from morelike.sources.opening import clean_text, failing_blob, safe_name
from morelike.sources.spool import Spool
from morelike.types import Blob, Metadata

__all__ = [
    "Listed",
    "Reopened",
    "S3Source",
    "buckets",
    "check_object_allowed",
    "entry_of",
    "is_address",
    "list_folder",
    "object_at",
    "split_address",
]

_SMALL = 2 * 1024**2
"""Bytes; a zip of no more is fetched whole."""
_HINT = "s3://BUCKET/PREFIX; `morelike ls s3://` lists the buckets, `morelike ls s3://BUCKET/` what is in one"


class S3Source:
    """``s3://bucket/key``, as it is written: nothing in a key is escaped.

    A key means the object of that name and all that lies below it, as if it were a folder; with a slash at its end only
    what lies below. A glob (``s3://bucket/2024/**/*.jpg``) is one where nothing has that very name. Hidden and system
    names below the argument, excluded ones, and the empty objects that stand for folders are passed over. Archives
    (known by name, then by content) give their members; a table of files that is named by itself gives its rows.

    An object is fetched once, when it is first read, and held on disk where it is large; there is room for two of the
    largest. What finds none is read in pieces, where it lies. A zip is read in pieces too.
    """

    def __init__(self, settings: Settings, exclude: Sequence[str] = ()) -> None:
        self._settings = settings
        self._exclude = Globs(exclude)
        self._spool = Spool()
        self._room = Room(2 * settings.max_file_size)

    def accepts(self, argument: str) -> float:
        return 1.0 if is_address(argument) else 0.0

    def blobs(self, argument: str) -> Iterator[Blob]:
        """Raises SourceError, MissingExtra, SettingsError; StoreUnreachable where nothing answers."""
        name, key = split_address(argument)
        if not name:
            raise SourceError(f"{clean_text(argument)} names no bucket", hint=_HINT)
        with _at_once():
            _check_offline(self._settings, name)
            bucket = Bucket(self._settings, name)
            named = _exactly(bucket, key)
            table = self._table(bucket, named) if named is not None else None
            if table is not None:
                return table
            below = key if not key or key.endswith("/") else f"{key}/"
            entries = _begun(_objects(bucket, below), named)
            first = next(entries, None)
            if named is None and first is None and key:
                return self._glob(bucket, key)
        alone = iter(()) if named is None else self._visit(bucket, named)
        return chain(alone, self._walk(bucket, below, chain(() if first is None else (first,), entries)))

    def _glob(self, bucket: Bucket, key: str) -> Iterator[Blob]:
        """List what begins like the part before the first wildcard."""
        missing = SourceError(f"there is nothing at {bucket.uri(key)}", hint=_HINT)
        if not has_wildcards(key):
            raise missing
        parts = key.split("/")
        fixed = next(number for number, part in enumerate(parts) if has_wildcards(part))
        prefix = "".join(f"{part}/" for part in parts[:fixed])
        start = prefix + re.split(r"[*?[]", parts[fixed], maxsplit=1)[0]
        wanted = Globs(("./" + "/".join(parts[fixed:]),))
        blobs = self._walk(bucket, prefix, _objects(bucket, start), wanted)
        first = next(blobs, None)
        if first is None:
            raise missing
        return chain((first,), blobs)

    def _walk(
        self, bucket: Bucket, prefix: str, entries: Iterator[Entry], wanted: Globs | None = None
    ) -> Iterator[Blob]:
        """Raises StoreError where the listing breaks off: what was not seen is not known to be gone."""
        while True:
            with _listing(bucket, prefix):
                entry = next(entries, None)
            if entry is None:
                return
            below = entry.key[len(prefix) :]
            if entry.key.endswith("/") and not entry.size:  # how many tools write a folder
                continue
            if any(is_hidden(part) and part != ".." for part in split_path(below)):
                continue
            if (wanted is None or wanted.match(below)) and not (self._exclude and self._exclude.match(below)):
                yield from self._visit(bucket, entry)

    def _visit(self, bucket: Bucket, entry: Entry) -> Iterator[Blob]:
        if has_archive_name(entry.key):
            fetching = Fetching(bucket, entry, self._spool, self._room)
            try:
                box = _box(bucket, fetching)
            except SourceError as error:
                yield failing_blob(bucket.uri(entry.key), safe_name(entry.key), error.message, hint=error.hint)
                return
            if box is not None:
                yield from ArchiveWalk(self._settings, self._exclude, self._spool).blobs(box)
                return
        yield self._blob(bucket, entry)

    def _blob(self, bucket: Bucket, entry: Entry, metadata: Metadata | None = None) -> Blob:
        largest = self._settings.max_file_size
        fetched = Fetching(bucket, entry, self._spool, self._room)
        return _blob(bucket, entry, fetched if entry.size <= largest else None, metadata, largest)

    def _table(self, bucket: Bucket, entry: Entry) -> Iterator[Blob] | None:
        """The rows of an object that is a table of files."""
        from morelike.sources._s3_tables import ObjectTable, is_table_name

        if not is_table_name(entry.key):
            return None
        fetching = Fetching(bucket, entry, self._spool, self._room)
        return ObjectTable(self._settings, self._exclude, bucket, self._blob).rows(fetching)


def _exactly(bucket: Bucket, key: str) -> Entry | None:
    """The object of just that name. It sorts before all that only begin with it. Raises SourceError, StoreError."""
    if not key or key.endswith("/"):
        return None
    try:
        first = next(list_objects(bucket.wire, key, most=1), None)
    except PermissionError as error:  # who may not list may know one object by its name
        try:
            return bucket.head(key)
        except SourceError:
            raise error from None
    return first if isinstance(first, Entry) and first.key == key else None


def _objects(bucket: Bucket, prefix: str) -> Iterator[Entry]:
    return (entry for entry in list_objects(bucket.wire, prefix) if isinstance(entry, Entry))


def _begun(entries: Iterator[Entry], named: Entry | None) -> Iterator[Entry]:
    """With its first page read, which says whether the bucket may be listed."""
    try:
        first = next(entries, None)
    except PermissionError:
        if named is None:
            raise
        return iter(())
    return entries if first is None else chain((first,), entries)


def _box(bucket: Bucket, fetching: Fetching) -> Box | None:
    """An archive, by its content; None where it is none. Raises SourceError, StoreError."""
    entry = fetching.entry
    opened = fetching.open
    if entry.size > _SMALL and container(BytesIO(b"".join(bucket.chunks(entry, 0, BLOCK)))) == "zip":
        opened = Pieces(bucket, entry).open
    else:
        with opened() as stream:
            if container(stream) is None:
                return None
    return Box(bucket.uri(entry.key), opened, entry.size, entry.modified_ns)


def _blob(bucket: Bucket, entry: Entry, fetched: Fetching | None, metadata: Metadata | None, largest: int = 0) -> Blob:
    uri = bucket.uri(entry.key)
    return Blob(
        uri=uri,
        name=safe_name(entry.key),
        open=partial(_too_large, uri, entry.size, largest) if fetched is None else fetched.open,
        size=entry.size,
        modified_ns=entry.modified_ns,
        metadata=metadata or {},
        lasting=uri == f"s3://{bucket.name}/{entry.key}",  # else it could not be found again by its uri
    )


def _too_large(uri: str, size: int, largest: int) -> NoReturn:
    raise SourceError(
        f"{uri} has {size:,} bytes, more than the limit of {largest:,}", hint="raise MORELIKE_MAX_FILE_SIZE"
    )


def _check_offline(settings: Settings, bucket: str) -> None:
    if settings.offline and find_place(settings, bucket).is_amazon:
        raise SourceError(f"s3://{bucket} is not read offline", hint="unset MORELIKE_OFFLINE, or set s3_endpoint")


@contextmanager
def _at_once() -> Iterator[None]:
    """What keeps a whole argument from being used is a SourceError, unless the server may answer later."""
    try:
        yield
    except StoreUnreachable:
        raise
    except StoreError as error:
        raise SourceError(error.message, hint=error.hint) from error
    except PermissionError as error:
        raise _may_not_list(str(error.filename)) from error
    except FileNotFoundError as error:
        raise SourceError(f"there is nothing at {error.filename}", hint=_HINT) from error


@contextmanager
def _listing(bucket: Bucket, prefix: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{bucket.uri(prefix)} cannot be listed any further: {error.strerror}") from error


def _may_not_list(what: str) -> SourceError:
    return SourceError(
        f"{clean_text(what)} may not be listed with these keys (403)", hint="give them the permission s3:ListBucket"
    )


@lru_cache(maxsize=8)
def _bucket(settings: Settings, name: str) -> Bucket:
    return Bucket(settings, name)


def object_at(settings: Settings, uri: str, metadata: Metadata | None = None) -> Blob | None:
    """The object that a uri names, as it is now; None where there is none, or it may not be read.

    Small ones are fetched once, large ones are read in pieces. Raises StoreError, MissingExtra, SettingsError.
    """
    try:
        name, key = split_address(uri)
        if not name or not key:
            return None
        bucket = _bucket(settings, name)
        entry = bucket.head(key)
    except SourceError:
        return None
    return _blob(bucket, entry, Fetching(bucket, entry, Spool()), metadata)


def entry_of(blob: Blob) -> Entry | None:
    """The object whose bytes a blob has, as ``Reopened`` takes it; None where it is no whole object."""
    fetching = getattr(blob.open, "__self__", None)
    return fetching.entry if isinstance(fetching, Fetching) else None


class Reopened:
    """Objects that another process listed: fetched here, if they are still the ones that it saw."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._spool = Spool()
        self._room = Room(2 * settings.max_file_size)

    def open_of(self, uri: str, entry: Entry) -> Callable[[], BinaryIO]:
        """Raises SourceError on an object that may not be read here, StoreError, MissingExtra, SettingsError."""
        if self._settings.allow_roots is not None:
            check_object_allowed(uri, self._settings.s3_roots)
        bucket = _bucket(self._settings, split_address(uri)[0])
        return Fetching(bucket, entry, self._spool, self._room).open


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of a listing; a folder has neither size nor time. ``modified`` is in ISO 8601."""

    uri: str
    size: int | None = None
    modified: str = ""


def buckets(settings: Settings) -> list[Listed]:
    """Those that the keys own. Raises SourceError, StoreUnreachable."""
    with _at_once():
        found = list_buckets(Wire(settings))
    return [Listed(f"s3://{clean_text(name)}/", None, clean_text(made)) for name, made in found]


def list_folder(settings: Settings, address: str) -> Iterator[Listed]:
    """What lies right below an address, folders by their prefix. Raises SourceError, StoreUnreachable."""
    name, key = split_address(address)
    with _at_once():
        bucket = Bucket(settings, name)
        named = _exactly(bucket, key)
        prefix = key if not key or key.endswith("/") else f"{key}/"
        found = iter(list_objects(bucket.wire, prefix, delimiter="/"))
        first = next(found, None)
        if named is None and first is None and key:
            raise SourceError(f"there is nothing at {bucket.uri(key)}", hint=_HINT)
    heads = [one for one in (named, first) if one is not None]
    return _lines(bucket, prefix, chain(heads, found))


def _lines(bucket: Bucket, prefix: str, entries: Iterator[Entry | Folder]) -> Iterator[Listed]:
    while True:
        with _listing(bucket, prefix):
            one = next(entries, None)
        if one is None:
            return
        if isinstance(one, Folder):
            yield Listed(bucket.uri(one.prefix))
        else:
            modified = datetime.fromtimestamp(one.modified_ns // 10**9, UTC)
            yield Listed(bucket.uri(one.key), one.size, modified.isoformat(timespec="seconds"))
