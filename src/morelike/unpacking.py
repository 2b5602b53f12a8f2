"""Files of many items, on their way in: a table of molecules, a FASTA file. Each record becomes a blob of its own.

A record's uri is the file's with ``#record=N``; it is as old as its file, has its metadata and its origin, and is kept
also where files stay in place, as a member of an archive is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from morelike.errors import ItemError, MissingExtra, SourceError, UsageError
from morelike.protocols import Configured, HoldsRecords, Modality
from morelike.registry import MODALITIES
from morelike.settings import Settings
from morelike.sources.opening import failing_blob
from morelike.sources.tables import names_files
from morelike.types import Blob, Collection, Metadata

__all__ = ["Holds", "check_options", "configured", "holds_of", "unpacked"]

HEAD = 4096
_RECORD = re.compile(r"#record=[0-9]+\Z")
Holds = Callable[[bytes, str], bool]
"""Whether a file with these first bytes and this name holds records. Never raises."""


def configured(name: str, settings: Settings, options: Metadata) -> Modality:
    """The modality as a collection with these options reads by it. Raises UnknownName, MissingExtra."""
    modality: Modality = MODALITIES.load(name)(settings)
    return modality.configured(options) if isinstance(modality, Configured) else modality


def check_options(modality: Modality, found: Collection, given: Metadata) -> None:
    """Raises UsageError where the collection was made with others: its segments lie as they were cut."""
    settled = modality.settle({**found.options, **given})
    other = {name: value for name, value in settled.items() if found.options.get(name) != value}
    if other:
        names = ", ".join(f"{name} {found.options.get(name, 'not set')}" for name in other)
        raise UsageError(
            f"the collection {found.name} was made with {names}, and that cannot be changed",
            hint="leave it out, or choose another name for a new collection",
        )


def unpacked(blobs: Iterable[Blob], modality: Modality) -> Iterator[Blob]:
    """The blobs, each that holds records of this modality replaced by these; lazily, and in order."""
    return _unpacked(blobs, modality) if isinstance(modality, HoldsRecords) else iter(blobs)


def _unpacked(blobs: Iterable[Blob], modality: HoldsRecords) -> Generator[Blob]:
    for blob in blobs:
        if _RECORD.search(blob.uri):  # it came out of a file already
            yield blob
            continue
        try:
            held = modality.holds(blob.read(HEAD), blob.name)
        except (ItemError, OSError):  # whoever reads it says why; what was in it may still be there for ``sync``
            yield replace(blob, path=None)
            continue
        if not held:
            yield blob
            continue
        try:
            for record in modality.records(blob):
                yield _of(blob, record) if blob.origin or blob.metadata else record
        except SourceError as error:
            yield failing_blob(blob.uri, blob.name, error.message, hint=error.hint)
        except OSError as error:
            yield failing_blob(blob.uri, blob.name, f"{blob.uri} cannot be read: {error.strerror or error}")


def _of(blob: Blob, record: Blob) -> Blob:
    """What is known of the file holds for its records; what a record says itself goes first."""
    return replace(record, origin=blob.origin, metadata={**blob.metadata, **record.metadata})


def holds_of(modality: Modality | None, settings: Settings) -> Holds | None:
    """How this modality knows files of records; None where it knows none.

    While nobody has said which modality it is to be, any: but a table that names files is a table of files then.
    """
    if modality is not None:
        return modality.holds if isinstance(modality, HoldsRecords) else None

    def anybody(head: bytes, name: str) -> bool:
        return not names_files(head, name) and any(one.holds(head, name) for one in _holders(settings))

    return anybody


def _holders(settings: Settings) -> Iterator[HoldsRecords]:
    for name in MODALITIES:
        with suppress(MissingExtra, ImportError):
            one = MODALITIES.load(name)(settings)
            if isinstance(one, HoldsRecords):
                yield one
