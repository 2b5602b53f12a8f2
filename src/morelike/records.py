"""What the catalog keeps beside collections and items: jobs, keys, calibrations, and what ``dedup`` set aside.

``Shown`` is the short form of an item; ``CollectionStorage`` and ``StorageReading`` say how much there is. ``Rescored``
is what a rescorer says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from morelike.types import ContentDigest, ItemState, Kind, Metadata, Source, Space, Span

__all__ = [
    "ApiKey",
    "Aside",
    "Calibration",
    "CollectionStorage",
    "CollectionSummary",
    "ItemSort",
    "Job",
    "JobState",
    "Rescored",
    "Role",
    "Shown",
    "SourceRow",
    "StorageReading",
]

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
ItemSort = Literal["added", "name", "size"]
"""What a list of items goes by: their order of arrival, the name of the first source, or the bytes."""
Role = Literal["reader", "writer", "admin"]
"""What a key may do: each role may do all that the one before it may."""


@dataclass(frozen=True, slots=True)
class CollectionSummary:
    """A line of ``morelike ls``."""

    name: str
    modality: str
    items: int
    rejected: int
    spaces: tuple[Space, ...]
    created_at: str
    options: Metadata


@dataclass(frozen=True, slots=True)
class Calibration:
    """What scores mean in one space: two samples of its own scores, each as quantiles in ascending order.

    ``background``: scores of random pairs of items; ``nearest``: each sampled item's score with its nearest other item.
    """

    items: int
    """How many items the space had when this was measured."""
    background: tuple[float, ...]
    nearest: tuple[float, ...]
    made_at: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """Work that goes on behind a request: a row of the catalog, leased by whichever process does it.

    ``progress`` and ``result`` are JSON objects whose keys the kind of job defines. ``owner`` is who has it now, and
    ``lease_until`` (seconds since 1970) when it is anybody's again.
    """

    id: str
    kind: str
    collection: str
    arguments: Metadata
    state: JobState
    progress: Metadata = field(default_factory=dict)
    result: Metadata = field(default_factory=dict)
    error: str = ""
    hint: str = ""
    attempts: int = 0
    cancelling: bool = False
    owner: str = ""
    lease_until: float = 0.0
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as the catalog knows it: its digest, never itself. ``start``: its first letters, to tell keys apart."""

    name: str
    role: Role
    start: str
    digest: str
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class Aside:
    """An item that ``dedup`` set aside as a duplicate of ``keeper``. ``run`` names the call, for its undoing."""

    item_id: str
    keeper: str
    run: str
    score: float = 0.0
    at: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page of hits shows of an item, and no more. ``metadata`` are the first source's."""

    info: Metadata
    uris: tuple[str, ...]
    metadata: Metadata
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source as a row of its own, with what it says of its item.

    ``number`` is its own and counts up in order of arrival; ``key``: 32 hex digits that stand for its uri.
    """

    number: int
    key: str
    source: Source
    item_id: str
    state: ItemState
    digest: ContentDigest
    media_type: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class StorageReading:
    """How much there was at one moment: bytes by part (``catalog``, ``vectors``, ``blobs``), and ready items."""

    at: str
    """UTC, ISO 8601."""
    items: int
    parts: Metadata


@dataclass(frozen=True, slots=True)
class CollectionStorage:
    """What one collection has, as the catalog counts it: items of any state, segments of the ready ones and others."""

    collection_id: int
    states: Mapping[ItemState, int]
    kept: int
    """Items whose bytes are in the blob store, and how many bytes: what two collections share counts in both."""
    kept_bytes: int
    in_place: int
    """Items that only refer to their bytes, and how many those are."""
    in_place_bytes: int
    segments: Mapping[Kind, int]


@dataclass(frozen=True, slots=True)
class Rescored:
    """A candidate's exact score, higher for closer, with what else there is to say of it.

    ``unit``: the score and further figures in the field's units; ``why``: JSON values, bounded; ``span``: the part of
    the candidate's payload that matches, counted from its beginning; None: all of it.
    """

    score: float
    unit: Mapping[str, float] = field(default_factory=dict)
    why: Metadata = field(default_factory=dict)
    span: Span | None = None
