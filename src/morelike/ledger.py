"""Bad items on their way to the catalog's ledger, in groups: one durable transaction each, not one an item."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock

from morelike.errors import ItemError, NoSuchItem, OriginalGone, SourceError
from morelike.originals import original
from morelike.progress import Meter
from morelike.settings import Settings
from morelike.sources.opening import check_allowed
from morelike.sources.s3 import check_object_allowed, is_address, object_at
from morelike.types import Blob, Collection, Rejection, Source
from morelike.wiring import Stores

__all__ = ["Ledger", "rejected_blobs"]

GROUP = 128


class Ledger:
    """Collects rejections and forgiven sources from any thread; ``flush`` writes them."""

    def __init__(self, stores: Stores, collection: Collection, meter: Meter) -> None:
        self._stores = stores
        self._collection = collection
        self._meter = meter
        self._lock = Lock()
        self._rejections: list[Rejection] = []
        self._forgiven: list[str] = []

    def reject(self, blob: Blob, item_id: str, error: ItemError) -> None:
        rejection = Rejection(blob.uri, item_id, error.stage, str(error), size=blob.size, modified_ns=blob.modified_ns)
        self._meter.reject(rejection)
        with self._lock:
            self._rejections.append(rejection)
        self._meter.tick(blob.name)

    def forgive(self, uris: Sequence[str]) -> None:
        """These sources are well now."""
        with self._lock:
            self._forgiven.extend(uris)

    @property
    def full(self) -> bool:
        return len(self._rejections) >= GROUP

    def flush(self) -> None:
        with self._lock:
            rejections, self._rejections = self._rejections, []
            forgiven, self._forgiven = self._forgiven, []
        if not rejections and not forgiven:
            return
        catalog = self._stores.catalog
        with self._stores.lock.hold(f"add to {self._collection.name}", waiting=self._meter.waiting):
            if rejections:
                catalog.reject(self._collection, rejections)
            if forgiven:
                catalog.forgive(self._collection, forgiven)


def rejected_blobs(
    stores: Stores, collection: Collection, *, in_place: bool, uris: Sequence[str] | None = None
) -> Iterator[Blob]:
    """What the ledger names, or what it names of ``uris``, as far as its bytes can still be had: the file or object
    itself, else the kept copy.

    A blob has a path where it is to be referred to: an item stays as it was, ``in_place`` or kept; ``in_place`` says it
    of files that never became one.
    """
    rejections = _rows(stores, collection) if uris is None else _rows_of(stores, collection, uris)
    for start in range(0, len(rejections), GROUP):
        group = rejections[start : start + GROUP]
        known = stores.catalog.known_sources(collection, [rejection.uri for rejection in group])
        items = stores.catalog.get_items(collection, [row.item_id for row in group if row.item_id])
        for rejection in group:
            item = items.get(rejection.item_id)
            if os.path.isabs(rejection.uri) and os.path.isfile(rejection.uri):  # noqa: PTH113, PTH117 # never raise
                metadata = known[rejection.uri][0].metadata if rejection.uri in known else {}
                with suppress(OSError, SourceError):  # it went a moment ago, or may not be read
                    check_allowed(rejection.uri, stores.settings.allow_roots)
                    blob = Blob.from_path(Path(rejection.uri), metadata=metadata)
                    yield blob if (in_place if item is None else item.in_place) else replace(blob, path=None)
            elif is_address(rejection.uri) and (found := _object(stores.settings, rejection.uri, known)):
                yield replace(found, lasting=in_place if item is None else item.in_place)
            elif item is not None:
                with suppress(NoSuchItem, OriginalGone):
                    yield original(stores, item, rejection.uri)


def _rows(stores: Stores, collection: Collection) -> list[Rejection]:
    rejections: list[Rejection] = []
    while page := stores.catalog.ledger(collection, offset=len(rejections), limit=GROUP):
        rejections.extend(page)
    return rejections


def _rows_of(stores: Stores, collection: Collection, uris: Sequence[str]) -> list[Rejection]:
    return list(stores.catalog.rejected_before(collection, list(dict.fromkeys(uris))).values())


def _object(settings: Settings, uri: str, known: Mapping[str, tuple[Source, str, str]]) -> Blob | None:
    """None where it is not there, or may not be read."""
    try:
        if settings.allow_roots is not None:
            check_object_allowed(uri, settings.s3_roots)
    except SourceError:
        return None
    return object_at(settings, uri, known[uri][0].metadata if uri in known else None)
