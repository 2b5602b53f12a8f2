"""What the API gives of the library as a whole, as pydantic models."""

from __future__ import annotations

from pydantic import BaseModel, Field

__all__ = ["EncoderList", "Info", "Storage", "StorageHistory"]


class Limits(BaseModel):
    """How much one request may hold."""

    upload_bytes: int = Field(description="Of a multipart body.")
    json_bytes: int = Field(description="Of a JSON body.")
    files: int = Field(description="In one upload.")
    known: int = Field(description="Of each kind that `known` is asked for.")
    items: int = Field(description="That one request may change or remove.")
    queries: int = Field(description="In one search.")


class Info(BaseModel):
    """What answers here."""

    version: str = Field(description="Of morelike.")
    library: str = Field(description="Twelve hex digits that no other library has.")
    modalities: list[str] = Field(description="What a collection can hold.")
    limits: Limits


class EncoderOut(BaseModel):
    """An encoder that a collection can be made with."""

    name: str
    id: str
    family: str
    kinds: list[str]
    form: str
    dim: int
    metric: str
    licence: str
    source: str
    description: str
    here: bool = Field(description="Its weights are on the server.")
    size: int = Field(description="Bytes of its weights; 0 where it needs none or the card does not say.")


class EncoderList(BaseModel):
    """Every encoder."""

    encoders: list[EncoderOut]


class Amount(BaseModel):
    """Items and their bytes."""

    items: int
    bytes: int


class SpaceFigures(BaseModel):
    """The vectors, sketches or texts of one kind and encoder."""

    kind: str
    encoder: str
    form: str
    active: bool = Field(description="It is searched; others are kept to go back to.")
    rows: int
    bytes: int = Field(description="Of the numbers alone; 0 where the form says nothing about it.")


class CollectionFigures(BaseModel):
    """What one collection takes."""

    name: str
    modality: str
    items: int = Field(description="How many items are searchable.")
    states: dict[str, int] = Field(description="Items of every state.")
    segments: dict[str, int] = Field(description="By kind.")
    kept: Amount = Field(description="Items whose bytes are in the blob store.")
    in_place: Amount = Field(description="Items that refer to their bytes where they lie.")
    spaces: list[SpaceFigures]


class Disk(BaseModel):
    """A disk of the server's machine that holds parts of the library."""

    path: str
    total: int
    free: int
    share: float = Field(description="How much of it is taken, 0 to 1.")
    parts: list[str]


class Forecast(BaseModel):
    """How the library grows: the median of the slopes between any two of the last thirty days."""

    per_day: float = Field(description="Bytes.")
    days: int = Field(description="How many days were looked at.")
    days_left: float | None = Field(description="Until the room ends; null where nothing fills up.")
    limit: str = Field(description="What ends then.")


class Storage(BaseModel):
    """What the library takes."""

    at: str
    total: int
    parts: dict[str, int] = Field(description="Bytes by part; those of `blobs` as the catalog counts them.")
    needed: int = Field(description="Bytes of the blobs that items need, each counted once.")
    collections: list[CollectionFigures]
    disks: list[Disk]
    forecast: Forecast | None = Field(description="Null until there are figures of two days.")
    warnings: list[str]


class Reading(BaseModel):
    """How much there was at one moment."""

    at: str
    items: int = Field(description="Searchable ones.")
    parts: dict[str, int] = Field(description="Bytes by part.")


class StorageHistory(BaseModel):
    """The figures that were kept, oldest first; a thousand or so at the most."""

    history: list[Reading]
