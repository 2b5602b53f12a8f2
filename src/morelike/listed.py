"""What a collection holds, as lists, pages and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from morelike.errors import DecodeError, NoSuchItem
from morelike.originals import stored_blob
from morelike.protocols import Draws, GivesModel, Highlights, Modality, Plays
from morelike.records import ItemSort, SourceRow
from morelike.search.filter import parse_filter
from morelike.types import WHOLE, Blob, Collection, Item, ItemState, Preview, Rejection, Segment, Span
from morelike.wiring import Stores

__all__ = ["Listed"]


class Listed:
    """Those methods of a collection."""

    _stores: Stores
    _record: Collection
    _modality: Modality

    def items(
        self,
        *,
        filter: str | None = None,
        offset: int = 0,
        limit: int = 100,
        state: ItemState | None = "ready",
        sort: ItemSort = "added",
        descending: bool = False,
    ) -> list[Item]:
        """A page of items, oldest first where nothing else is asked for; equal ones stand in order of arrival.

        ``sort``: ``size`` in bytes, or ``name`` of the first source, A to Z as a to z, all else by code point; by these
        every page reads all items that match. Raises FilterError, UsageError.
        """
        expression = parse_filter(filter) if filter else None
        return self._stores.catalog.items(
            self._record,
            filter=expression,
            state=state,
            offset=offset,
            limit=limit,
            sort=sort,
            descending=descending,
        )

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

    def holding(self, blake3s: Sequence[str]) -> dict[str, tuple[str, ItemState]]:
        """A content's digest to the item that has these bytes, and its state; unknown ones are left out.

        Bytes that stay in place are known by it only where the modality gives its items no other id than the digest.
        """
        catalog = self._stores.catalog
        found = {digest: (digest, state) for digest, state in catalog.known(self._record, blake3s).items()}
        for item in catalog.keepers(self._record, blake3s):
            found.setdefault(item.digest.blake3, (item.id, item.state))
        return found

    def count(self, *, filter: str | None = None) -> int:
        """How many items are searchable."""
        return self._stores.catalog.count(self._record, filter=parse_filter(filter) if filter else None)

    def tags(self, *, prefix: str = "", offset: int = 0, limit: int = 1000) -> dict[str, int]:
        """A page of the tags of searchable items: tag to how many have it, the most frequent first, then by name.

        ``prefix``: those that begin with it, in upper or lower case.
        """
        return dict(self._stores.catalog.tags(self._record, prefix=prefix, offset=offset, limit=limit))

    def count_sources(self, *, md5: str = "") -> int:
        """How many sources the searchable items have, or those with that digest: copies of one file count each."""
        return self._stores.catalog.count_sources(self._record, md5=md5)

    def sources(
        self, *, md5: str = "", origin: str | None = None, after: int = 0, offset: int = 0, limit: int = 100
    ) -> list[SourceRow]:
        """A page of what ``count_sources`` counts, in order of arrival.

        ``origin``: only those that came through this source argument or lie below it, of items in any state.
        ``after``: the number of the last row of the page before; of many, far cheaper than ``offset``.
        """
        catalog = self._stores.catalog
        return catalog.sources(self._record, md5=md5, origin=origin, after=after, offset=offset, limit=limit)

    def find_sources(
        self, *, item_ids: Sequence[str] = (), uris: Sequence[str] = (), keys: Sequence[str] = ()
    ) -> list[SourceRow]:
        """Those of these items, with these uris, or with these keys; of items in any state."""
        return self._stores.catalog.find_sources(self._record, item_ids=item_ids, uris=uris, keys=keys)

    def items_of(self, item_ids: Sequence[str]) -> Mapping[str, Item]:
        """By whole ids, those that are there."""
        return self._stores.catalog.get_items(self._record, list(dict.fromkeys(item_ids)))

    def preview(self, item_id: str, side: int = 256, span: Span = WHOLE, *, parts: Sequence[int] = ()) -> Preview:
        """A small rendering; ``parts`` (atoms of a molecule) marked where the modality can. Raises NoSuchItem,
        OriginalGone, DecodeError.
        """
        blob = self._blob(item_id)
        if parts and isinstance(self._modality, Highlights):
            return self._modality.highlighted(blob, side, parts)
        return self._modality.preview(blob, span, side)

    def drawing(self, item_id: str, side: int = 512, *, parts: Sequence[int] = ()) -> Preview:
        """An SVG with ``parts`` marked, of what the catalog knows. Raises NoSuchItem, also of one without a drawing."""
        item = self.item(item_id)
        if not isinstance(self._modality, Draws):
            raise NoSuchItem(f"the item {item.id[:40]} has no drawing", hint="it has a preview")
        return self._modality.drawing(item.info, side, parts)

    def model(self, item_id: str) -> Preview:
        """A GLB of a 3D model, for viewers. Raises NoSuchItem, also of what is none, OriginalGone, DecodeError."""
        blob = self._blob(item_id)
        if not isinstance(self._modality, GivesModel):
            raise NoSuchItem(f"the item {item_id[:40]} is no 3D model", hint="it has a preview")
        return self._modality.model(blob)

    def playable(self, item_id: str, span: Span = WHOLE, most: int = 400_000) -> Preview:
        """What a browser plays of a part, in ``most`` bytes at most: an MP3 of up to 15 s of a sound, a small film as a
        whole. Raises NoSuchItem, also of what makes no sound, OriginalGone, DecodeError where none is so small.
        """
        blob = self._blob(item_id)
        if not isinstance(self._modality, Plays):
            raise NoSuchItem(f"the item {item_id[:40]} cannot be played", hint="it has a preview")
        return self._modality.playable(blob, span, most)

    def segments(self, item_id: str) -> list[Segment]:
        """Where the item was cut, in the order of its parts. Raises NoSuchItem."""
        whole = self.item(item_id).id
        return self._stores.catalog.segments_of(self._record, [whole]).get(whole, [])

    def segment(self, segment_id: int) -> Segment | None:
        """The segment of that id, of a searchable item; None where there is none."""
        return self._stores.catalog.segments(self._record, np.array([segment_id], dtype=np.int64)).get(segment_id)

    def peaks(self, item_id: str, n: int = 800, span: Span = WHOLE) -> tuple[float, ...]:
        """The waveform in ``n`` numbers from 0 to 1. Raises NoSuchItem, OriginalGone, DecodeError where it has none."""
        blob = self._blob(item_id)
        if not hasattr(self._modality, "peaks"):
            raise DecodeError(f"{blob.name}: {self._record.modality} has no waveform", hint="items with sound have one")
        return tuple(self._modality.peaks(blob, n, span))

    def _blob(self, item_id: str) -> Blob:
        return stored_blob(self._stores, self._record, item_id)
