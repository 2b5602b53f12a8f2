"""The catalog's seam, by noun. ``morelike.testing.kits.catalog`` proves whatever claims to follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from morelike.expressions import Expression
from morelike.records import (
    ApiKey,
    Aside,
    Calibration,
    CollectionStorage,
    ItemSort,
    Job,
    JobState,
    Shown,
    SourceRow,
    StorageReading,
)
from morelike.types import (
    Card,
    Claim,
    Collection,
    Fields,
    Finished,
    Ids,
    Item,
    ItemState,
    Kind,
    Metadata,
    Rejection,
    Segment,
    Source,
    Space,
)

__all__ = [
    "Catalog",
    "CatalogCollections",
    "CatalogDuplicates",
    "CatalogIngest",
    "CatalogJobs",
    "CatalogKeys",
    "CatalogReading",
    "CatalogSpaces",
    "CatalogStorage",
    "WriteLock",
]


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

    def restore(
        self,
        collection: Collection,
        items: Sequence[Item],
        segments: Mapping[str, Sequence[Segment]],
        *,
        asides: Sequence[Aside] = (),
        ledger: Sequence[Rejection] = (),
    ) -> list[str]:
        """Write whole items as another catalog had them: their state, sources, tags, metadata and times.

        ``segments`` by item id; ``asides`` say of which items those of the state ``duplicate`` are copies. An item that
        is there already is replaced; a source that another item has moves to the new one. Rows of the ``ledger`` are
        written as they are, attempts too, and touch no item. One durable transaction; the order of ``items`` becomes
        their order of arrival. Returns ids of items that were left without a source.
        """

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
        sort: ItemSort = "added",
        descending: bool = False,
    ) -> list[Item]:
        """Oldest first, or ``descending``; by name A to Z stand as a to z, all else by code point.

        Equal ones stand in order of arrival. By name or size each page reads all that match. Raises UsageError.
        """

    def item_ids(self, collection: Collection, *, filter: Expression | None = None) -> list[str]:
        """Of all that are ready, oldest first."""

    def pages(
        self, collection: Collection, *, state: ItemState | None = "ready", size: int = 1024
    ) -> Iterator[list[Item]]:
        """All of them, oldest first, each page as cheap as the first. What is removed meanwhile hides nothing else."""

    def get_items(self, collection: Collection, item_ids: Sequence[str]) -> dict[str, Item]: ...

    def shown(self, collection: Collection, item_ids: Sequence[str]) -> dict[str, Shown]:
        """What a page of hits shows of those of the items that are ready."""

    def count(
        self, collection: Collection, *, filter: Expression | None = None, state: ItemState | None = "ready"
    ) -> int: ...

    def tags(
        self, collection: Collection, *, prefix: str = "", offset: int = 0, limit: int = 1000
    ) -> list[tuple[str, int]]:
        """Tags of ready items, and how many of them have each: the most frequent first, equal ones by code point.

        ``prefix``: those that begin with it, its letters in any case, as in a filter's ``like``.
        """

    def count_sources(self, collection: Collection, *, md5: str = "") -> int:
        """Of the items that are ready; with ``md5``, of those with that digest."""

    def sources(
        self,
        collection: Collection,
        *,
        md5: str = "",
        origin: str | None = None,
        after: int = 0,
        offset: int = 0,
        limit: int = 100,
    ) -> list[SourceRow]:
        """Those that ``count_sources`` counts, in order of arrival, from behind the one with the number ``after``.

        With ``origin`` those that ``sources_of_origin`` names, of items in any state.
        """

    def find_sources(
        self,
        collection: Collection,
        *,
        item_ids: Sequence[str] = (),
        uris: Sequence[str] = (),
        keys: Sequence[str] = (),
    ) -> list[SourceRow]:
        """Those of these items, with these uris or with these keys, in any state; in order of arrival."""

    def ledger(self, collection: Collection, *, offset: int = 0, limit: int = 100) -> list[Rejection]: ...

    def ledger_count(self, collection: Collection) -> int: ...

    def segments(self, collection: Collection, segment_ids: Ids) -> dict[int, Segment]:
        """Only those of ready items."""

    def segments_of(self, collection: Collection, item_ids: Sequence[str]) -> dict[str, list[Segment]]: ...

    def segment_ids(self, collection: Collection, kind: Kind, *, filter: Expression | None = None) -> Ids:
        """Sorted ids of ready items' segments that a filter leaves; cached until the revision changes."""

    def blobs_needed(self) -> Iterator[str]:
        """Every digest that some item keeps in the blob store."""

    def touched(self, collection: Collection, since: int) -> tuple[int, Ids | None]:
        """The revision now, and the sorted ids of segments that came, went, or whose items changed after ``since``.

        None where that is not known (any more), or where it is too many: everything may have changed.
        """

    def fields_of(self, collection: Collection, segment_ids: Ids) -> dict[int, tuple[Fields, ...]]:
        """What a filter can ask of those of the segments that are of ready items: one ``Fields`` a source.

        As filters compare them: texts and keys are valid Unicode without NUL, other characters written as several; null
        is left out; a list or an object stands as ``[0]``, since a filter can only ask whether it is there.
        """

    def verify(self) -> list[str]:
        """One sentence a fault found in the catalog's own tables."""

    def bytes_used(self) -> int: ...


class CatalogJobs(Protocol):
    """Work behind requests. A job is done by whoever leases it; a lease that runs out is anybody's again."""

    def enqueue(self, kind: str, collection: str, arguments: Metadata) -> Job:
        """A new job, queued; its id is 32 hex digits."""

    def job(self, job_id: str) -> Job:
        """Raises NoSuchJob."""

    def jobs(
        self, *, state: JobState | None = None, collection: str | None = None, offset: int = 0, limit: int = 100
    ) -> list[Job]:
        """Newest first."""

    def job_counts(self) -> dict[JobState, int]:
        """How many there are in each state that has any."""

    def lease_job(self, owner: str, seconds: float) -> Job | None:
        """The oldest job that is queued or whose lease ran out, now running for ``owner``, its attempts counted up.

        Two callers never get the same one. One whose cancelling was asked for while nobody had it turns cancelled.
        """

    def renew_job(self, job_id: str, owner: str, seconds: float, progress: Metadata) -> Job | None:
        """Note the progress and hold the lease on; None where ``owner`` has it no longer, and must stop."""

    def finish_job(
        self, job_id: str, owner: str, state: JobState, *, result: Metadata, error: str = "", hint: str = ""
    ) -> bool:
        """Turn it done, failed or cancelled; or queued, which gives it back. False where ``owner`` has it no longer."""

    def cancel_job(self, job_id: str) -> Job:
        """A queued one is cancelled at once, a running one marked ``cancelling``; a finished one stays.

        Raises NoSuchJob.
        """

    def retry_job(self, job_id: str) -> Job:
        """A failed or cancelled one is queued again. Raises NoSuchJob, UsageError on any other."""

    def forget_jobs(self, keep: int) -> int:
        """Drop the oldest finished ones but ``keep``; how many."""


class CatalogKeys(Protocol):
    """API keys, known by their digests."""

    def add_key(self, key: ApiKey) -> None:
        """Raises UsageError where there is one of that name."""

    def keys(self) -> list[ApiKey]:
        """By name."""

    def key_of_digest(self, digest: str) -> ApiKey | None: ...

    def drop_key(self, name: str) -> None:
        """Raises UsageError, naming those there are."""


class CatalogSpaces(Protocol):
    """What was measured of a space."""

    def calibrate(self, space: Space, calibration: Calibration) -> None: ...

    def calibration(self, space: Space) -> Calibration | None: ...


class CatalogDuplicates(Protocol):
    """Items that were set aside, and pairs that are no duplicates because somebody said so."""

    def set_aside(self, collection: Collection, asides: Sequence[Aside]) -> None:
        """Turn ready items ``duplicate``, in one transaction; those in another state are passed over."""

    def asides(self, collection: Collection, *, run: str | None = None) -> list[Aside]:
        """Newest first."""

    def bring_back(self, collection: Collection, item_ids: Sequence[str]) -> list[str]:
        """Turn ``duplicate`` items ready again; which of them were."""

    def mark_distinct(self, collection: Collection, pairs: Sequence[tuple[str, str]]) -> None:
        """Remember that these pairs of items are no duplicates, whichever comes first."""

    def unmark_distinct(self, collection: Collection, pairs: Sequence[tuple[str, str]]) -> None: ...

    def distinct(self, collection: Collection) -> set[tuple[str, str]]:
        """Every remembered pair, the lesser id first."""


class CatalogStorage(Protocol):
    """How much there is and was, and what ``doctor`` holds against the other stores."""

    def storage_by_collection(self) -> list[CollectionStorage]:
        """One for each collection, by its id. A few statements, however many collections and items there are."""

    def blob_bytes(self) -> int:
        """Bytes of all blobs that some item keeps, each counted once."""

    def blob_sizes(self) -> Iterator[tuple[str, int]]:
        """Every digest that some item keeps in the blob store, once and ascending, with the bytes it should have."""

    def keepers(self, collection: Collection, blake3s: Sequence[str]) -> list[Item]:
        """The collection's items, of any state, that keep one of these blobs."""

    def known_segment_ids(self, collection: Collection, kind: Kind) -> Ids:
        """Sorted ids of all its segments, but those of rejected items."""

    def note_storage(self, reading: StorageReading) -> None:
        """Keep one more; of the oldest, those beyond a thousand are thinned out."""

    def storage_readings(self) -> list[StorageReading]:
        """Oldest first."""


@runtime_checkable
class WriteLock(Protocol):
    """Who writes to this library now. Re-entrant within a process's one holder thread."""

    def hold(self, purpose: str, *, waiting: Callable[[str], None] | None = None) -> AbstractContextManager[None]:
        """Wait for the turn; ``waiting(sentence)`` is told who has it. Raises StoreBusy after the timeout."""


class Catalog(
    CatalogCollections,
    CatalogIngest,
    CatalogReading,
    CatalogJobs,
    CatalogKeys,
    CatalogSpaces,
    CatalogDuplicates,
    CatalogStorage,
    Protocol,
):
    """The truth: collections, items, sources, segments, the ledger."""

    def library_id(self) -> str:
        """Twelve hex digits that no other library has: what is kept elsewhere for this one carries them."""

    def write_lock(self) -> WriteLock | None:
        """The lock of a library that several machines write to; None: the one in the library's folder is enough."""

    def close(self) -> None: ...
