"""Bad items on their way to the catalog's ledger, in groups: one durable transaction each, not one an item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

from morelike.errors import ItemError, NoSuchItem
from morelike.originals import stored_blob
from morelike.progress import Meter
from morelike.types import Blob, Collection, Rejection
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


def rejected_blobs(stores: Stores, collection: Collection) -> Iterator[Blob]:
    """What the ledger names, as far as its bytes can still be had: the file itself, else the kept copy."""
    offset = 0
    rejections: list[Rejection] = []
    while page := stores.catalog.ledger(collection, offset=offset, limit=GROUP):
        rejections.extend(page)
        offset += len(page)
    for rejection in rejections:
        path = Path(rejection.uri)
        if path.is_absolute() and path.is_file():
            yield Blob.from_path(path)
        elif rejection.item_id:
            with suppress(NoSuchItem):
                yield stored_blob(stores, collection, rejection.item_id, rejection.uri)
