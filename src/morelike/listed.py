"""What a collection holds, as lists, pages and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from morelike.records import SourceRow
from morelike.search.filter import parse_filter
from morelike.types import Collection, Item, ItemState, Rejection
from morelike.wiring import Stores

__all__ = ["Listed"]


class Listed:
    """Those methods of a collection."""

    _stores: Stores
    _record: Collection

    def items(
        self, *, filter: str | None = None, offset: int = 0, limit: int = 100, state: ItemState | None = "ready"
    ) -> list[Item]:
        """A page of items, oldest first."""
        expression = parse_filter(filter) if filter else None
        return self._stores.catalog.items(self._record, filter=expression, state=state, offset=offset, limit=limit)

    def rejected(self, *, offset: int = 0, limit: int = 100) -> list[Rejection]:
        """A page of the ledger."""
        return self._stores.catalog.ledger(self._record, offset=offset, limit=limit)

    def rejected_count(self) -> int:
        return self._stores.catalog.ledger_count(self._record)

    def item(self, item_id: str) -> Item:
        """By id, or a unique prefix of it. Raises NoSuchItem."""
        return self._stores.catalog.item(self._record, item_id)

    def known(self, item_ids: Sequence[str]) -> dict[str, ItemState]:
        """Which of these whole ids the collection has, and in which state."""
        return self._stores.catalog.known(self._record, item_ids)

    def found_at(self, uris: Sequence[str]) -> dict[str, tuple[str, ItemState]]:
        """A source's uri to the item that it leads to, and that item's state; unknown ones are left out."""
        known = self._stores.catalog.known_sources(self._record, uris)
        return {uri: (item_id, state) for uri, (_, item_id, state) in known.items()}

    def count(self, *, filter: str | None = None) -> int:
        """How many items are searchable."""
        return self._stores.catalog.count(self._record, filter=parse_filter(filter) if filter else None)

    def count_sources(self, *, md5: str = "") -> int:
        """How many sources the searchable items have, or those with that digest: copies of one file count each."""
        return self._stores.catalog.count_sources(self._record, md5=md5)

    def sources(self, *, md5: str = "", offset: int = 0, limit: int = 100) -> list[SourceRow]:
        """A page of what ``count_sources`` counts, in order of arrival."""
        return self._stores.catalog.sources(self._record, md5=md5, offset=offset, limit=limit)

    def find_sources(
        self, *, item_ids: Sequence[str] = (), uris: Sequence[str] = (), keys: Sequence[str] = ()
    ) -> list[SourceRow]:
        """Those of these items, with these uris, or with these keys; of items in any state."""
        return self._stores.catalog.find_sources(self._record, item_ids=item_ids, uris=uris, keys=keys)

    def items_of(self, item_ids: Sequence[str]) -> Mapping[str, Item]:
        """By whole ids, those that are there."""
        return self._stores.catalog.get_items(self._record, list(dict.fromkeys(item_ids)))
