"""The facade: a library and its collections. Wiring, no logic."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, overload

from morelike import tasks
from morelike.access import Keys
from morelike.across import Across
from morelike.bundle.moving import Moving
from morelike.collection import OpenCollection
from morelike.deletion import delete_collection
from morelike.doctor import DoctorReport, Probes, examine
from morelike.errors import NoSuchCollection, StoreReadOnly, UsageError
from morelike.fields import keep_up
from morelike.guess import Guess, guess_modality
from morelike.jobs import LEASE, JobRunner, Jobs, Report
from morelike.lane import LaneStats
from morelike.lanes import Encoders, Lanes
from morelike.parts import add_spaces
from morelike.progress import AddReport, Progress
from morelike.protocols import Modality, NamesEncoder
from morelike.records import CollectionSummary, Job, StorageReading
from morelike.registry import MODALITIES
from morelike.settings import Settings, load_settings
from morelike.storage import StorageReport, measure, note
from morelike.types import (
    Blob,
    Collection,
    Metadata,
)
from morelike.unpacking import check_options, configured
from morelike.wiring import open_stores

if TYPE_CHECKING:
    from morelike.remote.library import RemoteLibrary

__all__ = ["CollectionSummary", "Library", "open"]

Tell = Callable[[str], None]


@overload
def open(where: Path | Settings, **overrides: Any) -> Library: ...  # noqa: A001 # see below
@overload
def open(where: str | None = None, **overrides: Any) -> Library | RemoteLibrary: ...  # noqa: A001 # see below
def open(  # noqa: A001 # morelike.open, as one opens a file
    where: str | Path | Settings | None = None, **overrides: Any
) -> Library | RemoteLibrary:
    """Open the library in a folder (made if it is not there), or the one behind the address of a `morelike serve`:
    ``morelike.open("https://host:8000", api_key="ml_…")``. Without either the one that the settings name.

    ``overrides`` are settings by name; with a Settings they are its own, and its ``server`` is not asked. Raises
    SettingsError, StoreError, UsageError.
    """
    if isinstance(where, Settings):
        return Library(where)
    if isinstance(where, str) and where[:8].lower().startswith(("http://", "https://")):
        overrides["server"] = where
    elif where is not None:
        return Library(load_settings(**overrides, library=where))
    settings = load_settings(**overrides)
    if not settings.server:
        return Library(settings)
    from morelike.remote.library import RemoteLibrary

    return RemoteLibrary(settings)


class Library(Moving, Across):
    """One installation's data. A context manager; safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.library
        self._stores = open_stores(self.folder, settings)
        self.cache_counts = self._stores.cache.counts
        self._lanes = Lanes(settings)
        self._jobs = Jobs(self._stores.catalog, tasks.check, tasks.OF_LIBRARY)
        self._keys = Keys(self._stores.catalog)
        self._runners: list[JobRunner] = []
        self._probes = Probes(self._stores)
        self.last_storage: StorageReport | None = None

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give running jobs back, write what makes the next open fast, and let go of everything."""
        for runner in self._runners:
            runner.close()
        self._lanes.close()
        self._stores.close()

    @property
    def id(self) -> str:
        """Twelve hex digits that no other library has."""
        return self._stores.catalog.library_id()

    @property
    def jobs(self) -> Jobs:
        """Work that some process does behind the request for it."""
        return self._jobs

    @property
    def keys(self) -> Keys:
        """Who may use the library over HTTP."""
        return self._keys

    def run_jobs(self, workers: int = 1, *, lease: float = LEASE) -> JobRunner:
        """Do jobs in threads of this process until the runner or the library is closed.

        ``lease``: seconds after which others take up the jobs of a process that fell silent.
        """

        def perform(job: Job, report: Report, stop: Event) -> Metadata:
            return tasks.perform(self, job, report, stop)

        runner = JobRunner(self._jobs, perform, workers=workers, lease=lease)
        self._runners.append(runner)
        return runner

    def collection(
        self,
        name: str,
        *,
        modality: str | None = None,
        encoder: Encoders = "auto",
        options: Mapping[str, Any] | None = None,
        notify: Tell | None = None,
    ) -> OpenCollection:
        """Open a collection; with ``modality``, make it where it is missing.

        ``encoder``: a card's name, an Encoder, or ``auto``, which says through ``notify`` what it chose and how to get
        a better one. A film has pictures and sound: several, in a sequence or ``"mobilenet-v2,yamnet"``, are for a kind
        each. ``options`` say how items are cut (``window``, ``hop``, ``every``, in seconds; ``regions``), once and for
        all. Raises NoSuchCollection, SpaceMismatch where the collection was made with another card, UsageError.
        """
        found = self._found(name) if modality is not None else self._stores.catalog.collection(name)
        if found is None or not self._stores.catalog.spaces(found):  # a crash may have come between the two
            if modality is None:  # or a drop: it is not to come back because somebody looks at it
                found = self._stores.catalog.collection(name)
            kind_of_media = found.modality if found is not None else str(modality)
            found = self._create(name, kind_of_media, encoder, options or {}, notify)
        opened = OpenCollection(self._stores, self._lanes, found)
        if modality is not None and modality != found.modality:
            raise UsageError(
                f"the collection {name} holds {found.modality}, not {modality}", hint="choose another name for it"
            )
        if options:
            check_options(self._modality(found.modality), found, options)
        if encoder != "auto":
            self._lanes.check(opened.spaces, encoder, name)
        return opened

    def _create(
        self, name: str, modality: str, encoder: Encoders, options: Mapping[str, Any], notify: Tell | None
    ) -> Collection:
        media = self._modality(modality)
        settled = media.settle(options)
        if encoder == "auto" and isinstance(media, NamesEncoder):
            encoder = media.encoder(settled)
        kinds = configured(modality, self.settings, settled).kinds
        chosen = self._lanes.choose(kinds, encoder, notify)  # before anything is written: it may not be there
        catalog = self._stores.catalog
        with self._stores.lock.hold(f"make {name}", waiting=notify):
            made = self._found(name) or catalog.create_collection(name, modality, settled)
            if not catalog.spaces(made):
                add_spaces(self._stores, made, chosen, active=True)
        return made

    def _modality(self, name: str) -> Modality:
        made: Modality = MODALITIES.load(name)(self.settings)
        return made

    def guess(self, *sources: Any, exclude: Sequence[str] = ()) -> Guess:
        """Which modality a new collection of these sources is of, from their first files; nothing is fetched.

        Raises UsageError where nothing is recognised, SourceError.
        """
        return guess_modality(sources, self.settings, tuple(exclude))

    def _found(self, name: str) -> Collection | None:
        try:
            return self._stores.catalog.collection(name)
        except NoSuchCollection:
            return None

    def names(self, modality: str | None = None) -> list[str]:
        """Of all collections, or those of one modality, in order; nothing is counted."""
        found = self._stores.catalog.collections()
        return sorted(one.name for one in found if modality in {None, one.modality})

    def collections(self) -> list[CollectionSummary]:
        """All collections, by name."""
        catalog = self._stores.catalog
        return [
            CollectionSummary(
                found.name,
                found.modality,
                catalog.count(found),
                catalog.ledger_count(found),
                tuple(catalog.spaces(found)),
                found.created_at,
                found.options,
            )
            for found in sorted(catalog.collections(), key=lambda found: found.name)
        ]

    def drop(self, name: str) -> None:
        """Remove a collection with its items, vectors and blobs. Raises NoSuchCollection."""
        found = self._stores.catalog.collection(name)
        with self._stores.lock.hold(f"drop {name}"):
            delete_collection(self._stores, found)

    def build_index(self, stop: Event | None = None) -> bool:
        """Make what searches of large collections need to be fast, where it is due; whether anything was made.

        Slow; searches and writes go on meanwhile. Setting ``stop`` ends it within about a second.
        """
        made = self._stores.vectors.due() and self._stores.vectors.build(stop=stop)
        return keep_up(self._stores, stop=stop) or made

    def storage(self, *, listed: bool = False) -> StorageReport:
        """What the library takes, by part, collection and disk, how it grows, and what there is to warn of.

        ``listed``: ask the blob store what it really holds, which takes a while where that is much. At most once an
        hour the figures are kept, for the growth. ``last_storage`` has the latest ones. Raises StoreError.
        """
        report = self.last_storage = measure(self._stores, listed=listed)
        with suppress(StoreReadOnly):
            note(self._stores, report)
        return report

    def storage_history(self) -> list[StorageReading]:
        """The figures that were kept, oldest first."""
        return self._stores.catalog.storage_readings()

    def batching(self) -> tuple[LaneStats, ...]:
        """What each encoder in use has done so far, by name: queries, batches, payloads, seconds."""
        return self._lanes.stats()

    def failing(self) -> dict[str, str]:
        """The parts that do not answer now, each with the reason; empty where all is well. Some seconds at the most."""
        return self._probes.failing()

    def degraded(self) -> dict[str, str]:
        """The same of what the library does without meanwhile: the cache."""
        return self._probes.degraded()

    def doctor(
        self,
        *,
        fix: bool = False,
        rescue: str = "",
        notify: Tell | None = None,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
    ) -> DoctorReport:
        """Hold the stores against each other; with ``fix``, mend what can be mended.

        ``rescue`` names a collection that takes in the blobs of no item, which are swept otherwise: after the catalog
        came from a backup they are what was added since. ``progress`` counts steps. Setting ``stop`` ends it between
        two rows or pages: what was mended is whole, and the rest as it was. Raises UsageError, NoSuchCollection.
        """
        if rescue and not fix:
            raise UsageError("without fix nothing is rescued", hint="morelike doctor --fix --rescue COLLECTION")

        def requeue(found: Collection, blobs: Iterator[Blob]) -> AddReport:
            return OpenCollection(self._stores, self._lanes, found).requeue(blobs)

        into = self._stores.catalog.collection(rescue) if rescue else None
        return examine(self._stores, requeue, fix=fix, rescue=into, waiting=notify, progress=progress, stop=stop)
