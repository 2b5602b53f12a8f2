"""A run's sources as lists of keys, a list for one actor at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from threading import Lock

from morelike.known import Known
from morelike.settings import Settings
from morelike.sources.keys import Key, carried, key_of
from morelike.types import Blob

__all__ = ["MOST_BYTES", "End", "Entry", "InFlight", "WorkList", "carry", "work_lists"]

MOST_BYTES = 64 * 1024**2
"""A list ends once its keys carry so many bytes, however few they are: what is in flight must fit into memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A blob on its way to an actor."""

    blob: Blob
    key: Key
    origin: str
    attempts: int
    """How often its source had been rejected before this run."""


@dataclass(slots=True, eq=False)
class WorkList:
    """What one actor gets at a time."""

    entries: list[Entry]
    alone: bool = False
    """Whether all lists before it have to be done first: it has a source that one of them has too."""
    deaths: int = 0
    """How many actors died while they had it."""
    as_bytes: bool = False
    """Whether its files have to go with their bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class End:
    """All of an origin is in the lists before."""

    origin: str


class InFlight:
    """The uris of what is in lists, and not done. Safe from any thread."""

    def __init__(self) -> None:
        self._uris: Counter[str] = Counter()
        self._lock = Lock()

    def __contains__(self, uri: str) -> bool:
        return uri in self._uris

    def begin(self, uris: Iterable[str]) -> None:
        with self._lock:
            self._uris.update(uris)

    def end(self, uris: Iterable[str]) -> None:
        with self._lock:
            for uri in uris:
                self._uris[uri] -= 1
                if self._uris[uri] <= 0:
                    del self._uris[uri]


@dataclass(slots=True)
class _Filling:
    """The list that is being filled."""

    size: int
    in_flight: InFlight
    entries: list[Entry] = field(default_factory=list)
    alone: bool = False
    bytes: int = 0

    @property
    def full(self) -> bool:
        return len(self.entries) >= self.size or self.bytes >= MOST_BYTES

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.bytes += entry.key.bytes

    def take(self) -> WorkList:
        taken = WorkList(self.entries, self.alone)
        self.in_flight.begin(entry.blob.uri for entry in taken.entries)
        self.entries, self.alone, self.bytes = [], False, 0
        return taken


def work_lists(
    sources: Iterable[tuple[str, Iterator[Blob]]],
    known: Known,
    settings: Settings,
    in_flight: InFlight,
    *,
    sync: bool,
) -> Iterator[WorkList | End]:
    """Lists of ``ray_list`` keys, the last one shorter, and those that carry many bytes; lazily.

    The rows of a table may name one path several times, and the last one counts: a list with a uri that is in flight
    is ``alone``. With ``sync`` each origin has its end. Raises what the sources raise.
    """
    filling = _Filling(settings.ray_list, in_flight)
    for origin, blobs in sources:
        known.begin(origin)
        for blob in known.changed(blobs):
            attempts = known.attempts.get(blob.uri, 0)
            entry = Entry(blob, key_of(blob) or carried(blob, settings.max_file_size), origin, attempts)
            if blob.uri in in_flight and not filling.alone:
                if filling.entries:
                    yield filling.take()
                filling.alone = True
            filling.add(entry)
            if filling.full:
                yield filling.take()
        if sync and origin:  # what came from memory or from the ledger lies nowhere
            if filling.entries:
                yield filling.take()
            yield End(origin)
    if filling.entries:
        yield filling.take()


def carry(work: WorkList, settings: Settings) -> tuple[list[Key], WorkList | None]:
    """The list's keys with the bytes of its files, and what is left of it beyond ``MOST_BYTES``; it gets shorter."""
    keys: list[Key] = []
    room = MOST_BYTES
    for entry in work.entries:
        if keys and room <= 0:
            break
        key = carried(entry.blob, settings.max_file_size) if entry.key.kind == "file" else entry.key
        room -= key.bytes
        keys.append(key)
    rest = work.entries[len(keys) :]
    if not rest:
        return keys, None
    work.entries = work.entries[: len(keys)]
    return keys, WorkList(rest, deaths=work.deaths, as_bytes=work.as_bytes)
