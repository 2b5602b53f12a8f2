"""The side of the Ray engine that works: an open library, its encoders, and lists of keys that go into it.

Nothing here knows Ray: an actor is one of these in a process of its own.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from threading import Event
from typing import Any

from morelike.engines.partition import Adding, PartMeter, PartReport, add_part
from morelike.errors import MorelikeError, SettingsError, UsageError
from morelike.lanes import Lanes
from morelike.progress import Counts
from morelike.protocols import Encoder
from morelike.settings import Settings
from morelike.sources.keys import Key, Reopener
from morelike.stores.catalog.connections import now
from morelike.unpacking import configured
from morelike.wiring import Stores, open_stores
from morelike.work import Options

__all__ = ["SERVERS", "Adder", "Failed", "Opened", "Order", "Returned"]

SERVERS = "docs/servers.md says how to put the catalog, the vectors and the blobs on servers"


@dataclass(frozen=True, slots=True)
class Order:
    """What an actor opens, and how it adds to it. It travels from process to process, and is never shown."""

    settings: Mapping[str, Any] = field(repr=False)
    """Every setting; some are secrets."""
    library_id: str
    collection: str
    options: Options
    encoders: Sequence[bytes] = field(repr=False)
    """Pickled; those that no card leads to."""
    marks: Mapping[str, str]
    """Files that lie in folders which the library needs, by what the library keeps there."""
    version: str


@dataclass(frozen=True, slots=True)
class Opened:
    """An actor is ready. ``at``: its own time, as the catalog writes times."""

    at: str


@dataclass(frozen=True, slots=True)
class Returned:
    """What became of a list. ``unseen``: positions of keys whose files are not here, of which nothing was done."""

    report: PartReport
    unseen: tuple[int, ...] = ()
    files: int = 0
    """How many of its keys are files."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What ends the whole run. An error travels as a value: raised, it would come with a traceback."""

    error: MorelikeError


class Adder:
    """Holds the open library and its encoders for its life. Its methods may run in several threads at once."""

    def __init__(self) -> None:
        self._stores: Stores | None = None
        self._lanes: Lanes | None = None
        self._adding: Adding | None = None
        self._meters: dict[int, PartMeter] = {}
        self._stop = Event()

    def open(self, order: Order) -> Opened | Failed:
        """Once, before anything else."""
        try:
            self._open(order)
        except MorelikeError as error:
            self.close()
            return Failed(error)
        return Opened(now())

    def _open(self, order: Order) -> None:
        if order.version != version("morelike"):
            raise UsageError(
                f"morelike is {version('morelike')} on a machine of the cluster, and {order.version} here",
                hint="install the same version everywhere",
            )
        for what, mark in order.marks.items():
            if not Path(mark).is_file():
                raise UsageError(
                    f"a machine of the cluster does not see the library's folder for {what}: {Path(mark).parent}",
                    hint=SERVERS,
                )
        settings = Settings(**order.settings)
        self._stores = stores = open_stores(settings.library, settings)
        if stores.catalog.library_id() != order.library_id:
            raise UsageError(
                "a machine of the cluster opens another library than this one by the same settings",
                hint=f"addresses have to mean the same server everywhere: no localhost. {SERVERS}",
            )
        self._lanes = lanes = Lanes(settings)
        record = stores.catalog.collection(order.collection)
        spaces = stores.catalog.spaces(record)
        for pickled in order.encoders:
            lanes.check(spaces, _unpickled(pickled), record.name)
        for space in spaces:
            if space.active and space.card.form != "terms":
                lanes.lane(space)  # what cannot be loaded is said before any list is given out
        modality = configured(record.modality, settings, record.options)
        self._adding = Adding(stores, record, modality, lanes.lane, spaces, order.options, stop=self._stop)

    def add(self, number: int, keys: Sequence[tuple[str, Key]]) -> Returned | Failed:
        """(origin, key) pairs into the collection; all that is reported is durable."""
        if self._adding is None:
            raise SettingsError("the actor was not opened")
        reopener = Reopener(self._adding.stores.settings)
        unseen = tuple(at for at, (_, key) in enumerate(keys) if not reopener.sees(key))
        files = sum(key.kind == "file" for _, key in keys)
        seen = [pair for at, pair in enumerate(keys) if at not in unseen]
        sources = (
            (origin, (reopener.blob(key) for _, key in group)) for origin, group in groupby(seen, lambda pair: pair[0])
        )
        meter = self._meters[number] = PartMeter()
        try:
            return Returned(add_part(self._adding, sources, meter), unseen, files)
        except MorelikeError as error:
            return Failed(error)
        finally:
            del self._meters[number]

    def so_far(self) -> dict[int, Counts]:
        """How far the lists are that are being worked on."""
        with suppress(RuntimeError):  # one ended just now
            return {number: meter.counts() for number, meter in self._meters.items()}
        return {}

    def stop(self) -> None:
        """Lists come back soon; what is left of them stays pending."""
        self._stop.set()

    def close(self) -> None:
        if self._lanes is not None:
            self._lanes.close()
        if self._stores is not None:
            self._stores.close()


def _unpickled(encoder: bytes) -> Encoder:
    """Raises UsageError where its code is not installed here."""
    try:
        opened: Encoder = pickle.loads(encoder)  # noqa: S301 - it comes from whoever started us
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"the collection's encoder cannot be opened on a machine of the cluster: {error}",
            hint="install the package that it comes from on every machine",
        ) from error
    return opened
