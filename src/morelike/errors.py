"""Every exception that morelike raises on purpose, in one tree.

MorelikeError
├── UsageError             the call cannot work as it was made
│   ├── SettingsError      a setting has a wrong value
│   ├── QueryError         a query asks for something that cannot be answered
│   │   └── FilterError    a filter expression cannot be read
│   ├── UnknownName        no modality, encoder, store, source … of that name
│   ├── MissingExtra       the part exists but its optional packages are not installed
│   ├── NoSuchCollection
│   ├── CollectionExists
│   ├── NoSuchItem
│   ├── NoSuchJob
│   ├── NoSuchMap
│   └── SpaceMismatch      vectors of two different cards were about to meet
├── ItemError              one item cannot be used; the run goes on, the ledger keeps the reason
│   ├── SourceError        its bytes cannot be had (gone, too large, refused)
│   ├── UnknownMedia       no modality recognises its bytes
│   ├── DecodeError        its bytes are not what they seem to be
│   └── EncodeError        the encoder failed on it
├── TooBusy                more is waiting than there is room for
├── OriginalGone           an item is known, but its bytes are not where they were
├── ModelError             weights cannot be had or used
│   ├── ModelNotHere
│   ├── DownloadFailed
│   └── DigestMismatch
└── StoreError             a store cannot do its work
    ├── StoreBusy          somebody else holds the library's write lock
    ├── StoreFull
    ├── StoreReadOnly
    ├── StoreDamaged
    ├── StoreUnreachable   its server does not answer
    └── SchemaTooNew       a newer morelike wrote this library

A message says what happened and to which item; ``hint`` says what to do next.
"""

from __future__ import annotations

import re

__all__ = [
    "CollectionExists",
    "DecodeError",
    "DigestMismatch",
    "DownloadFailed",
    "EncodeError",
    "FilterError",
    "ItemError",
    "MissingExtra",
    "ModelError",
    "ModelNotHere",
    "MorelikeError",
    "NoSuchCollection",
    "NoSuchItem",
    "NoSuchJob",
    "NoSuchMap",
    "OriginalGone",
    "QueryError",
    "SchemaTooNew",
    "SettingsError",
    "SourceError",
    "SpaceMismatch",
    "StoreBusy",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreUnreachable",
    "TooBusy",
    "UnknownMedia",
    "UnknownName",
    "UsageError",
    "problem_name",
]


class MorelikeError(Exception):
    """Something that morelike can explain went wrong."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(MorelikeError):
    """The call cannot work as it was made."""


class SettingsError(UsageError):
    """A setting has a value that cannot be used."""


class QueryError(UsageError):
    """A query asks for something that this collection cannot answer."""


class FilterError(QueryError):
    """A filter expression cannot be read."""


class UnknownName(UsageError):
    """There is no part of that kind with that name."""


class MissingExtra(UsageError):
    """The part exists, but the packages it needs are not installed."""


class NoSuchCollection(UsageError):
    """The library has no collection of that name."""


class CollectionExists(UsageError):
    """The library has a collection of that name already."""


class NoSuchItem(UsageError):
    """The collection has no item with that id."""


class NoSuchJob(UsageError):
    """The library has no job with that id."""


class NoSuchMap(UsageError):
    """No map of the collection was made yet, or none with its encoder of today."""


class TooBusy(MorelikeError):
    """More is waiting than there is room for; the same call may work in a moment."""


class SpaceMismatch(UsageError):
    """Vectors of two different cards were about to be compared."""


class ItemError(MorelikeError):
    """One item cannot be used; ``stage`` names the step that failed."""

    stage = "item"


class SourceError(ItemError):
    """The item's bytes cannot be had."""

    stage = "source"


class UnknownMedia(ItemError):
    """No modality recognises the item's bytes."""

    stage = "sniff"


class DecodeError(ItemError):
    """The item's bytes are not what they seem to be."""

    stage = "decode"


class EncodeError(ItemError):
    """The encoder failed on the item."""

    stage = "encode"


class OriginalGone(MorelikeError):
    """An item is known, but its bytes are not where they were."""


class ModelError(MorelikeError):
    """Weights cannot be had or used."""


class ModelNotHere(ModelError):
    """The weights are not on this machine."""


class DownloadFailed(ModelError):
    """The weights could not be fetched."""


class DigestMismatch(ModelError):
    """The weights' bytes are not the bytes that the card names."""


class StoreError(MorelikeError):
    """A store cannot do its work."""


class StoreBusy(StoreError):
    """Somebody else holds the library's write lock."""


class StoreFull(StoreError):
    """The disk is full; nothing acknowledged was lost."""


class StoreReadOnly(StoreError):
    """The library's folder cannot be written."""


class StoreDamaged(StoreError):
    """A store's own files are not as it wrote them."""


class StoreUnreachable(StoreError):
    """The store's server does not answer, or refuses to; the same call may work when it is back."""


class SchemaTooNew(StoreError):
    """A newer morelike wrote this library."""


def problem_name(kind: type[MorelikeError]) -> str:
    """``no-such-item``: how a kind of error is called where it is no Python exception."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()
