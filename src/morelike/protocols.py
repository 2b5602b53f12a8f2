"""The seams. Each is a small Protocol; ``morelike.testing.kits`` proves whatever claims to follow one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable

from morelike.expressions import Expression
from morelike.types import (
    Blob,
    Card,
    Claim,
    Collection,
    ContentDigest,
    Finished,
    Ids,
    Item,
    ItemState,
    Kind,
    Metadata,
    Payload,
    Preview,
    Rejection,
    Scores,
    Segment,
    SegmentSpec,
    Source,
    Space,
    Span,
    Vectors,
    Within,
)

__all__ = [
    "BlobStore",
    "Cache",
    "Catalog",
    "CatalogCollections",
    "CatalogIngest",
    "CatalogReading",
    "Encoder",
    "Modality",
    "OpenSource",
    "Rescorer",
    "TermStore",
    "VectorStore",
    "WriteLock",
]


class Modality(Protocol):
    """What a kind of media is: how its bytes are recognised, cut, decoded and shown. Holds no state."""

    name: str
    kinds: tuple[Kind, ...]
    """The payload kinds that its segments have; a collection has one active space for each it uses."""

    def sniff(self, head: bytes, name: str) -> float:
        """How sure it is, 0 to 1, from the first 4 KiB and the name. Never raises."""

    def media_type(self, head: bytes, name: str) -> str:
        """The IANA media type of bytes that ``sniff`` recognised."""

    def describe(self, blob: Blob) -> Metadata:
        """What the content says of itself (``width``, ``taken`` …): flat, JSON values. Cheap; raises DecodeError."""

    def split(self, blob: Blob, options: Metadata) -> Iterator[SegmentSpec]:
        """The segments to index, named cheaply and in order. Raises DecodeError."""

    def load(self, blob: Blob, spec: SegmentSpec, want: Mapping[str, Any]) -> Payload:
        """Decode one segment; ``want`` is the card's ``inputs`` for that kind. Raises DecodeError."""

    def preview(self, blob: Blob, span: Span, side: int) -> Preview:
        """A rendering no larger than ``side`` pixels a side. Raises DecodeError."""

    def identity(self, blob: Blob) -> str | None:
        """The canonical identity where the modality has one (InChIKey), else None: the bytes' digest is used."""


class Encoder(Protocol):
    """Payloads of the card's kinds to vectors of the card's space. Loads its weights on the first batch."""

    @property
    def card(self) -> Card: ...

    def prepare(self, kind: Kind, payload: Payload) -> Any:
        """What can be done an item at a time on the decode pool (resize, tokenise): safe from any thread."""

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        """Prepared payloads to (n, dim) float32, or packed bits; called from one thread. Raises EncodeError."""


class OpenSource(Protocol):
    """A row of the source registry: turns one argument into blobs, lazily.

    A blob that cannot be had raises SourceError from its ``open``, so that it becomes a ledger row like any other.
    """

    def accepts(self, argument: str) -> float:
        """How sure it is, 0 to 1, that the argument is its own. Never raises, touches at most the file's head."""

    def blobs(self, argument: str) -> Iterator[Blob]:
        """Raises SourceError at once where the whole argument cannot be used."""


class BlobStore(Protocol):
    """Bytes under their digest. A put is atomic and repeatable; when it returns the bytes are durable."""

    def put_many(self, blobs: Sequence[tuple[ContentDigest, Blob]]) -> None:
        """Store a group with one synchronisation. Raises StoreFull, StoreReadOnly, SourceError on changed bytes."""

    def open(self, blake3: str) -> BinaryIO:
        """Raises StoreDamaged where the blob is not there."""

    def path(self, blake3: str) -> Path | None:
        """The local file, where there is one."""

    def exists(self, blake3: str) -> bool: ...

    def delete(self, blake3s: Iterable[str]) -> None:
        """Absent ones are passed over."""

    def digests(self) -> Iterator[str]:
        """Every stored digest, for ``doctor``."""

    def sweep(self, *, dry_run: bool = False) -> int:
        """Remove what a crash left half written; how many files. Only under the write lock."""

    def bytes_used(self) -> int: ...

    def close(self) -> None: ...


class VectorStore(Protocol):
    """Vectors under segment ids, a space at a time. Scores are higher for closer, whatever the metric."""

    def upsert(self, space: Space, ids: Ids, vectors: Vectors) -> None:
        """Durable and visible to this and every other process's next search when it returns.

        Raises SpaceMismatch on another width or dtype, StoreFull, StoreReadOnly.
        """

    def delete(self, space: Space, ids: Ids) -> None:
        """Durable when it returns; absent ids are passed over."""

    def fetch(self, space: Space, ids: Ids) -> tuple[Ids, Vectors]:
        """Those of the ids that are there, in the order asked for, with their vectors as stored."""

    def search(
        self, space: Space, queries: Vectors, k: int, *, within: Within | None = None
    ) -> tuple[NDArrayIds, Scores]:
        """(q, k) ids and scores, best first; ties by ascending id; padded with -1 and -inf.

        Scores: cosine and inner product as they are, ``l2`` as minus the squared distance, ``tanimoto`` 0 to 1.
        """

    def ids(self, space: Space) -> Iterator[Ids]:
        """Every stored id in blocks, ascending, for ``doctor`` and ``export``."""

    def count(self, space: Space) -> int: ...

    def drop(self, space_id: int) -> None:
        """All that the space holds; an unknown one is no error."""

    def space_ids(self) -> Iterator[int]:
        """The spaces that hold anything, for ``doctor``."""

    def checkpoint(self) -> None:
        """Write what makes the next open fast. Never needed for durability. Only under the write lock."""

    def verify(self) -> list[str]:
        """One sentence a fault found in the store's own files."""

    def repair(self) -> None:
        """Put damaged files aside: what was in them is gone, and must be upserted anew. Only under the write lock."""

    def bytes_used(self) -> int: ...

    def close(self) -> None: ...


NDArrayIds = Ids
"""(q, k) int64; named apart because it is two-dimensional."""


class TermStore(Protocol):
    """Keyword search: texts under segment ids, ranked by BM25 (Robertson & Zaragoza 2009)."""

    def upsert(self, space: Space, ids: Ids, texts: Sequence[str]) -> None: ...

    def delete(self, space: Space, ids: Ids) -> None: ...

    def search(self, space: Space, query: str, k: int, *, within: Within | None = None) -> tuple[Ids, Scores]:
        """At most ``k`` (ids, scores), best first. Any text is a valid query: it has no operators."""

    def ids(self, space: Space) -> Iterator[Ids]: ...

    def count(self, space: Space) -> int: ...

    def drop(self, space_id: int) -> None:
        """All that the space holds; an unknown one is no error."""

    def close(self) -> None: ...


class Cache(Protocol):
    """Bytes that can always be made again. Never the only copy; never raises; a miss is None."""

    def get(self, key: str) -> bytes | None: ...

    def put(self, key: str, value: bytes) -> None: ...

    def forget(self, prefix: str) -> None: ...

    def close(self) -> None: ...


class Rescorer(Protocol):
    """Scores a candidate exactly against the query, in the field's unit, and says why."""

    name: str
    kinds: tuple[Kind, ...]
    unit: str

    def rescore(self, query: Payload, candidate: Payload) -> tuple[float, Metadata]:
        """(score, explanation); the score is higher for closer."""


@runtime_checkable
class WriteLock(Protocol):
    """Who writes to this library now. Re-entrant within a process's one holder thread."""

    def hold(self, purpose: str, *, waiting: Callable[[str], None] | None = None) -> AbstractContextManager[None]:
        """Wait for the turn; ``waiting(sentence)`` is told who has it. Raises StoreBusy after the timeout."""


class CatalogCollections(Protocol):
    """Collections and their spaces."""

    def create_collection(self, name: str, modality: str, options: Metadata) -> Collection:
        """Raises CollectionExists; UsageError on a name that is not a plain identifier."""

    def collection(self, name: str) -> Collection:
        """Raises NoSuchCollection, naming the nearest ones."""

    def collections(self) -> list[Collection]: ...

    def drop_collection(self, collection: Collection) -> list[str]:
        """Remove its rows; the digests of blobs that no collection needs now."""

    def add_space(self, collection: Collection, kind: Kind, card: Card, *, active: bool) -> Space: ...

    def spaces(self, collection: Collection | None = None) -> list[Space]:
        """All spaces of one collection, or of every one."""

    def activate(self, space: Space) -> None:
        """Make it the one active space of its kind, in one transaction."""

    def drop_space(self, space: Space) -> None: ...


class CatalogIngest(Protocol):
    """What ingest writes. Each call is one durable transaction."""

    def known(self, collection: Collection, item_ids: Sequence[str]) -> dict[str, ItemState]: ...

    def known_sources(self, collection: Collection, uris: Sequence[str]) -> dict[str, tuple[Source, str, ItemState]]:
        """uri to (source row, item id, that item's state)."""

    def claim(self, collection: Collection, claims: Sequence[Claim]) -> list[str]:
        """New items become pending; every claim's source row is written and moved from the item that had that uri.

        Tags are added. A rejected item becomes pending again. An item is in place as long as every claim of it is.
        Returns ids of items that were left without a source.
        """

    def finish(self, collection: Collection, finished: Sequence[Finished]) -> None:
        """Write the segments and turn the items ready, last of all."""

    def reject(self, collection: Collection, rejections: Sequence[Rejection]) -> None:
        """Ledger rows, attempts counted up by uri; a pending item among them becomes rejected."""

    def requeue(self, collection: Collection, item_ids: Sequence[str]) -> None:
        """Make ready items pending again: their vectors are gone, and ingest is to take them up anew."""

    def rejected_before(self, collection: Collection, uris: Sequence[str]) -> dict[str, Rejection]:
        """The ledger rows of those uris that have one."""

    def forgive(self, collection: Collection, uris: Sequence[str]) -> None:
        """Drop ledger rows of sources that are well now, or gone."""

    def sources_of_origin(self, collection: Collection, origin: str) -> Iterator[str]:
        """The uris that came through one source argument or lie below it, for ``add --sync``."""

    def drop_sources(self, collection: Collection, uris: Sequence[str]) -> list[str]:
        """Returns ids of items left without a source."""

    def mark_deleting(self, collection: Collection, item_ids: Sequence[str]) -> None:
        """Hide the items from every search; the first step of a deletion."""

    def forget(self, collection: Collection, item_ids: Sequence[str]) -> list[str]:
        """Remove the rows, the last step; the digests of blobs that nothing needs now."""

    def tag(
        self, collection: Collection, item_ids: Sequence[str], add: Sequence[str], remove: Sequence[str]
    ) -> None: ...

    def annotate(self, collection: Collection, item_ids: Sequence[str], metadata: Metadata) -> None:
        """Merge user metadata into every source of the items; a None value removes a key."""


class CatalogReading(Protocol):
    """What searches, lists and ``doctor`` read."""

    def revision(self, collection: Collection) -> int:
        """Grows with every committed change to the collection, by any process."""

    def item(self, collection: Collection, item_id: str) -> Item:
        """By id or unique prefix of at least six characters. Raises NoSuchItem."""

    def items(
        self,
        collection: Collection,
        *,
        filter: Expression | None = None,
        state: ItemState | None = "ready",
        offset: int = 0,
        limit: int = 100,
    ) -> list[Item]:
        """Oldest first."""

    def get_items(self, collection: Collection, item_ids: Sequence[str]) -> dict[str, Item]: ...

    def count(
        self, collection: Collection, *, filter: Expression | None = None, state: ItemState | None = "ready"
    ) -> int: ...

    def ledger(self, collection: Collection, *, offset: int = 0, limit: int = 100) -> list[Rejection]: ...

    def ledger_count(self, collection: Collection) -> int: ...

    def segments(self, collection: Collection, segment_ids: Ids) -> dict[int, Segment]:
        """Only those of ready items."""

    def segments_of(self, collection: Collection, item_ids: Sequence[str]) -> dict[str, list[Segment]]: ...

    def segment_ids(self, collection: Collection, kind: Kind, *, filter: Expression | None = None) -> Ids:
        """Sorted ids of ready items' segments that a filter leaves; cached until the revision changes."""

    def blobs_needed(self) -> Iterator[str]:
        """Every digest that some item keeps in the blob store."""

    def verify(self) -> list[str]:
        """One sentence a fault found in the catalog's own tables."""

    def bytes_used(self) -> int: ...


class Catalog(CatalogCollections, CatalogIngest, CatalogReading, Protocol):
    """The truth: collections, items, sources, segments, the ledger."""

    def close(self) -> None: ...
