"""``add --sync``: sources that a run did not meet any more are gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from morelike.deletion import delete_items
from morelike.errors import UsageError
from morelike.types import Collection
from morelike.wiring import Stores

__all__ = ["Seen", "drop_gone"]

PAGE = 1000


class Seen:
    """The uris of one run, as 64-bit hashes: a million of them must fit into little memory."""

    def __init__(self) -> None:
        self._hashes: set[int] = set()
        self._unread: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def __contains__(self, uri: str) -> bool:
        return hash(uri) in self._hashes

    def add(self, uri: str) -> None:
        self._hashes.add(hash(uri))

    def could_not_read(self, uri: str) -> None:
        """A folder, archive or table, perhaps: nobody knows what it holds today."""
        self._unread.add(uri)

    def unknown(self, uri: str) -> bool:
        """Whether it is, or lies in, something that could not be read."""
        if not self._unread:
            return False
        ends = [at for at, letter in enumerate(uri) if letter in "/#"]
        return uri in self._unread or any(uri[:at].removesuffix("!") in self._unread for at in ends)

    def clear(self) -> None:
        self._hashes.clear()
        self._unread.clear()


def drop_gone(
    stores: Stores, collection: Collection, origin: str, seen: Seen, *, waiting: Callable[[str], None] | None = None
) -> int:
    """Drop the sources of ``origin`` that were not seen, and items left without any; how many items went.

    What lies in a folder or archive that could not be read stays. Raises UsageError where nothing at all was seen: an
    unmounted disk must not empty a collection.
    """
    if seen.unknown(origin):
        return 0
    uris = stores.catalog.sources_of_origin(collection, origin)
    gone = [uri for uri in uris if uri not in seen and not seen.unknown(uri)]
    bad = [uri for uri in _rejected_below(stores, collection, origin) if uri not in seen and not seen.unknown(uri)]
    if not gone and not bad:
        return 0
    if not seen:
        raise UsageError(
            f"{origin} is empty now; --sync would drop all {len(gone) or len(bad)} sources that came from it",
            hint="is the disk mounted? `morelike rm` removes items on purpose",
        )
    with stores.lock.hold(f"sync {collection.name}", waiting=waiting):
        orphans = stores.catalog.drop_sources(collection, gone)
        stores.catalog.forgive(collection, [*gone, *bad])
        return delete_items(stores, collection, orphans)


def _rejected_below(stores: Stores, collection: Collection, origin: str) -> Iterator[str]:
    """Sources below a folder or archive that failed, whether or not they ever became an item."""
    below = (origin.rstrip("/") + "/", origin + "!/", origin + "#")
    offset = 0
    while page := stores.catalog.ledger(collection, offset=offset, limit=PAGE):
        offset += len(page)
        yield from (row.uri for row in page if row.uri.startswith(below))
