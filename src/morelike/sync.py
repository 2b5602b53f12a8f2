"""``add --sync``: sources that a run did not meet any more are gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from morelike.deletion import delete_items
from morelike.errors import UsageError
from morelike.types import Collection
from morelike.wiring import Stores

__all__ = ["Seen", "drop_gone", "gone_from"]

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
    uris, rejected = stores.catalog.sources_of_origin(collection, origin), _rejected(stores, collection)
    gone, bad = gone_from(origin, uris, rejected, seen)
    if not gone and not bad:
        return 0
    with stores.lock.hold(f"sync {collection.name}", waiting=waiting):
        orphans = stores.catalog.drop_sources(collection, gone)
        stores.catalog.forgive(collection, [*gone, *bad])
        return delete_items(stores, collection, orphans)


def gone_from(origin: str, uris: Iterable[str], rejected: Iterable[str], seen: Seen) -> tuple[list[str], list[str]]:
    """Of the sources of an origin, and of all that were rejected, those that are not there any more.

    Raises UsageError where nothing at all was seen.
    """
    if seen.unknown(origin):
        return [], []
    below = (origin.rstrip("/") + "/", origin + "!/", origin + "#")  # whether or not they ever became an item
    gone = [uri for uri in uris if uri not in seen and not seen.unknown(uri)]
    bad = [uri for uri in rejected if uri.startswith(below) and uri not in seen and not seen.unknown(uri)]
    if (gone or bad) and not seen:
        raise UsageError(
            f"{origin} is empty now; --sync would drop all {len(gone) or len(bad)} sources that came from it",
            hint="is the disk mounted? `morelike rm` removes items on purpose",
        )
    return gone, bad


def _rejected(stores: Stores, collection: Collection) -> Iterator[str]:
    offset = 0
    while page := stores.catalog.ledger(collection, offset=offset, limit=PAGE):
        offset += len(page)
        yield from (row.uri for row in page)
