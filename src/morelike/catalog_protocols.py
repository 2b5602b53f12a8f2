"""The catalog's seam, by noun. ``morelike.testing.kits.catalog`` proves whatever claims to follow it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from morelike.expressions import Expression
from morelike.records import ApiKey, Aside, Calibration, Job, JobState, Shown
from morelike.types import (
    Card,
    Claim,
    Collection,
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

    def shown(self, collection: Collection, item_ids: Sequence[str]) -> dict[str, Shown]:
        """What a page of hits shows of those of the items that are ready."""

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


class Catalog(
    CatalogCollections,
    CatalogIngest,
    CatalogReading,
    CatalogJobs,
    CatalogKeys,
    CatalogSpaces,
    CatalogDuplicates,
    Protocol,
):
    """The truth: collections, items, sources, segments, the ledger."""

    def close(self) -> None: ...
