"""``add --sync``: sources that a run did not meet any more are gone."""

from __future__ import annotations

from collections.abc import Callable

from morelike.deletion import delete_items
from morelike.errors import UsageError
from morelike.types import Collection
from morelike.wiring import Stores

__all__ = ["Seen", "drop_gone"]


class Seen:
    """The uris of one run, as 64-bit hashes: a million of them must fit into little memory."""

    def __init__(self) -> None:
        self._hashes: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def __contains__(self, uri: str) -> bool:
        return hash(uri) in self._hashes

    def add(self, uri: str) -> None:
        self._hashes.add(hash(uri))

    def clear(self) -> None:
        self._hashes.clear()


def drop_gone(
    stores: Stores, collection: Collection, origin: str, seen: Seen, *, waiting: Callable[[str], None] | None = None
) -> int:
    """Drop the sources of ``origin`` that were not seen, and items left without any; how many items went.

    Raises UsageError where nothing at all was seen: an unmounted disk must not empty a collection.
    """
    gone = [uri for uri in stores.catalog.sources_of_origin(collection, origin) if uri not in seen]
    if not gone:
        return 0
    if not seen:
        raise UsageError(
            f"{origin} is empty now; --sync would drop all {len(gone)} sources that came from it",
            hint="is the disk mounted? `morelike rm` removes items on purpose",
        )
    with stores.lock.hold(f"sync {collection.name}", waiting=waiting):
        orphans = stores.catalog.drop_sources(collection, gone)
        stores.catalog.forgive(collection, gone)
        return delete_items(stores, collection, orphans)
