"""An item's own bytes: the kept copy, or the file or object that it refers to in place."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import blake3

from morelike.errors import ItemError, OriginalGone, SourceError
from morelike.prepare import Reading
from morelike.protocols import LinksBlobs
from morelike.sources.s3 import is_address, object_at
from morelike.types import Blob, Collection, Item, Source
from morelike.wiring import Stores

__all__ = ["keep_copies", "original", "original_link", "stored_blob"]


def stored_blob(stores: Stores, collection: Collection, item_id: str, uri: str = "") -> Blob:
    """An item's bytes, under the source ``uri`` or its first one. Raises NoSuchItem, OriginalGone."""
    return original(stores, stores.catalog.item(collection, item_id), uri)


def original(stores: Stores, item: Item, uri: str = "") -> Blob:
    """The same for an item that is at hand. Raises OriginalGone."""
    digest = item.digest.blake3
    if item.media_type == "application/x-vector":
        raise OriginalGone(
            f"{item.id[:12]} was imported as a vector and has no bytes", hint="search by its id, or export the vectors"
        )
    source = next((source for source in item.sources if source.uri == uri), None)
    if source is None:
        source = item.sources[0] if item.sources else Source("", "", item.digest.size)
    if stores.blobs.exists(digest):
        return Blob(
            uri=source.uri,
            name=source.name,
            open=lambda: stores.blobs.open(digest),
            size=item.digest.size,
            modified_ns=source.modified_ns,
            metadata=source.metadata,
        )
    for place in item.sources:
        if is_address(place.uri):
            found = object_at(stores.settings, place.uri, place.metadata)
            if found is not None and _is_object(found, place, item):
                return replace(found, lasting=item.in_place)
            continue
        path = Path(place.uri)
        with suppress(OSError, ValueError):  # it cannot be looked at: as good as not there
            if path.is_absolute() and path.is_file() and _unchanged(path, place, item):
                return Blob.from_path(path, metadata=place.metadata)
    where = ", ".join(place.uri for place in item.sources) or "anywhere"
    hint = "add the folder that it was moved to" if item.in_place else "add the source again"
    raise OriginalGone(f"the bytes of {item.id[:12]} are not at {where} any more", hint=hint)


def original_link(stores: Stores, item: Item, seconds: int) -> str | None:
    """A URL that gives the kept copy to whoever has it; None where the store has none to give, or no copy."""
    if not stores.settings.s3_links or not isinstance(stores.blobs, LinksBlobs):
        return None
    if not stores.blobs.exists(item.digest.blake3):
        return None
    name = item.sources[0].name if item.sources else ""
    return stores.blobs.link(item.digest.blake3, seconds=seconds, name=name, media_type=item.media_type)


def _is_object(found: Blob, source: Source, item: Item) -> bool:
    """Some servers tell the time of a listing in thousandths of a second, and of one object in seconds."""
    if found.size != item.digest.size:
        return False
    if None not in (found.modified_ns, source.modified_ns) and _second(found) == _second(source):
        return True
    try:
        with found.open() as stream:
            return _digest_of(stream) == item.digest.blake3
    except SourceError:
        return False


def _second(found: Blob | Source) -> int:
    return (found.modified_ns or 0) // 10**9


def _unchanged(path: Path, source: Source, item: Item) -> bool:
    stat = path.stat()
    if stat.st_size != item.digest.size:
        return False
    return stat.st_mtime_ns == source.modified_ns or _digest(path) == item.digest.blake3


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return _digest_of(stream)


def _digest_of(stream: BinaryIO) -> str:
    digest = blake3.blake3()
    while data := stream.read(1 << 20):
        digest.update(data)
    return digest.hexdigest()


def keep_copies(stores: Stores, copies: Sequence[Reading]) -> set[str]:
    """Store what is only referred to so far, but came as bytes now; the ids of the items of which that failed."""
    unkept = set()
    for copy in copies:
        if not copy.other_bytes and not stores.blobs.exists(copy.digest.blake3):
            try:
                stores.blobs.put_many([(copy.digest, copy.blob)])
            except ItemError:
                unkept.add(copy.item_id)
    return unkept
