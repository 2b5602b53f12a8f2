"""What the API gives of a collection beside its items, as pydantic models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

__all__ = [
    "AsideList",
    "Changed",
    "Compared",
    "Count",
    "DistinctList",
    "DroppedSpace",
    "Forgotten",
    "Known",
    "MapItems",
    "MapOut",
    "MapPlaces",
    "Purged",
    "SourceList",
    "SpaceList",
    "TagList",
]

State = Literal["pending", "ready", "rejected", "deleting", "duplicate"]


class CalibrationOut(BaseModel):
    """What scores mean: two samples of the space's own scores, each as quantiles in ascending order."""

    items: int = Field(description="How many items the space had when this was measured.")
    background: list[float] = Field(description="Scores of random pairs.")
    nearest: list[float] = Field(description="Each sampled item's score with its nearest other item.")
    made_at: str


class SpaceOut(BaseModel):
    """A collection and an encoder: the only place where two vectors may be compared."""

    id: str
    kind: str
    active: bool = Field(description="It is searched; others are kept to go back to.")
    card: dict[str, Any] = Field(description="The encoder's identity, with all that its vectors depend on.")
    vectors: int
    calibration: CalibrationOut | None = Field(description="Null where nothing was measured.")


class SpaceList(BaseModel):
    """All spaces of a collection."""

    spaces: list[SpaceOut]


class DroppedSpace(BaseModel):
    """A space that is gone with its vectors."""

    dropped: str = Field(description="Its id.")


class Count(BaseModel):
    """How much a collection holds."""

    items: int = Field(description="Searchable ones; with `filter` those that match.")
    sources: int = Field(description="Of all searchable items; the filter does not count.")
    rejected: int = Field(description="Rows of the ledger; likewise.")


class KnownSource(BaseModel):
    """Where a source leads to, and how it was when it was added."""

    item: str
    state: State
    size: int
    modified_ns: int | None
    metadata: dict[str, Any]


class KnownContent(BaseModel):
    """The item that has these bytes."""

    item: str
    state: State


class Known(BaseModel):
    """What of all that was asked for is there; what is not is left out."""

    items: dict[str, State] = Field(description="By whole id.")
    uris: dict[str, KnownSource] = Field(description="By uri, as items show it.")
    content: dict[str, KnownContent] = Field(description="By BLAKE3 of the bytes.")


class TagCount(BaseModel):
    """A tag and how many searchable items have it."""

    tag: str
    count: int


class TagList(BaseModel):
    """A page of tags, the most frequent first; equally frequent ones by name."""

    tags: list[TagCount]
    more: bool


class Changed(BaseModel):
    """How many items were changed."""

    changed: int


class SourceRowOut(BaseModel):
    """A source as a row of its own, with what it says of its item."""

    number: int = Field(description="Counts up in order of arrival; `after` takes it.")
    key: str = Field(description="32 hex digits that stand for the uri.")
    uri: str
    name: str
    size: int
    modified_ns: int | None
    metadata: dict[str, Any]
    origin: str
    added_at: str
    item: str
    state: State
    blake3: str
    md5: str
    item_size: int
    media_type: str
    updated_at: str


class SourceList(BaseModel):
    """A page of sources, in order of arrival."""

    sources: list[SourceRowOut]
    more: bool


class AsideOut(BaseModel):
    """An item that was set aside as a duplicate."""

    item: str
    keeper: str = Field(description="The item that it is a duplicate of.")
    run: str = Field(description="The run of `dedup` that did it.")
    score: float
    at: str


class AsideList(BaseModel):
    """A page of them, newest first."""

    asides: list[AsideOut]
    more: bool


class DistinctList(BaseModel):
    """A page of pairs of items that are no duplicates."""

    pairs: list[Annotated[list[str], Field(min_length=2, max_length=2)]]
    more: bool


class Purged(BaseModel):
    """How many items are gone."""

    removed: int


class Forgotten(BaseModel):
    """How many items it was forgotten of that they are no duplicates."""

    forgotten: int


class Compared(BaseModel):
    """How alike two examples are."""

    unit: dict[str, float] = Field(description="In the unit of a hit, by its name: `cosine`, `tanimoto` …")


class ClusterOut(BaseModel):
    """Items whose vectors lie together."""

    id: int = Field(description="Counts up from 0, the largest cluster first; points name it.")
    name: str = Field(description="What is typical of their tags and folders; empty where nothing is.")
    size: int


class MapPlaces(BaseModel):
    """Points of one map whose items pass a filter now."""

    made_at: str
    revision: int = Field(description="With `made_at`: which map it is.")
    places: list[int] = Field(description="Count from 0 through all its pages, ascending.")


class MapItems(BaseModel):
    """The items of points."""

    items: list[str] = Field(description="Their ids, in the order asked for.")


class MapOut(BaseModel):
    """Items as points in two dimensions: what stands together is alike. The axes mean nothing."""

    made_at: str
    revision: int = Field(description="Of the collection, when the map was made.")
    stale: bool = Field(description="Items came, went, were set aside or brought back since; tags do not count.")
    kind: str
    encoder: str
    items: int = Field(description="How many points there are on all pages.")
    clusters: list[ClusterOut]
    points: list[tuple[str, float, float, int]] = Field(
        description="Item, x and y from -1 to 1, cluster; the oldest items first."
    )
    more: bool
