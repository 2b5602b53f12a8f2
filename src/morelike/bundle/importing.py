"""A bundle into a library: blobs, then vectors, then the catalog, a page of items at a time.

Nothing of a page is used before all of it that is needed was found sound. What the catalog shows as the bundle has it
is passed over, so that an import which ended in any way is gone on with by the same call. Nothing is encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from time import monotonic

from morelike import faults
from morelike.bundle import rows
from morelike.bundle.arriving import Arrival, PageReader
from morelike.bundle.manifest import Manifest, read_manifest
from morelike.bundle.parts import Part
from morelike.bundle.plan import Target, made, planned
from morelike.bundle.tables import need_pyarrow, read_table
from morelike.calibration import keep_calibrated
from morelike.errors import SourceError
from morelike.progress import Meter, Progress
from morelike.wiring import Stores

__all__ = ["Coming", "Import", "ImportReport", "coming"]

LEDGER_GROUP = 1000


@dataclass(frozen=True, slots=True)
class Coming:
    """What an import of one collection would bring. ``new``: there is no collection of that name yet."""

    collection: str
    modality: str
    encoders: tuple[str, ...]
    items: int
    segments: int
    bytes: int
    new: bool


@dataclass(slots=True)
class ImportReport:
    """What one import did.

    ``same``: items that were there as the bundle has them. ``pending``: items whose vectors the bundle lacks; `doctor`
    makes them. ``lost``: items whose kept bytes neither the bundle nor the library has. ``replaced``: items of the
    library whose only source belongs to one of the bundle now.
    """

    collections: list[str] = field(default_factory=list)
    added: int = 0
    same: int = 0
    pending: int = 0
    lost: int = 0
    replaced: int = 0
    seconds: float = 0.0
    interrupted: bool = False


def coming(stores: Stores, folder: Path, names: Sequence[str] = ()) -> list[Coming]:
    """What ``Import`` would do; the manifest is read, and every file is there in its size. Raises what it raises."""
    need_pyarrow()
    bundle = folder.expanduser().absolute()
    found = []
    for target in planned(stores, read_manifest(bundle), names):
        entry = target.entry
        for part in entry.parts:
            path = bundle / part.name
            if not path.is_file() or path.stat().st_size != part.size:
                raise SourceError(f"{path} is not there, or not whole", hint="copy the bundle again")
        found.append(
            Coming(
                collection=entry.name,
                modality=entry.modality,
                encoders=tuple(space.card.id for space in entry.spaces),
                items=entry.items,
                segments=sum(page.segments for page in entry.pages),
                bytes=sum(part.size for part in entry.parts),
                new=target.found is None,
            )
        )
    return found


class Import:
    """One run. Call ``run`` once."""

    def __init__(
        self,
        stores: Stores,
        folder: Path,
        names: Sequence[str] = (),
        *,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
    ) -> None:
        self._stores = stores
        self._bundle = folder.expanduser().absolute()
        self._names = names
        self._meter = Meter(progress)
        self._stop = stop or Event()
        self._report = ImportReport()

    def run(self) -> ImportReport:
        """Raises SourceError on a bundle that cannot be used, UsageError where a collection is another one here,
        MissingExtra, StoreError. What was brought in before stays.
        """
        need_pyarrow()
        began, report = monotonic(), self._report
        manifest = read_manifest(self._bundle)
        targets = planned(self._stores, manifest, self._names)  # all of them, before the first is touched
        self._meter.total = sum(target.entry.items for target in targets)
        with self._locked("import"):
            self._stores.blobs.sweep()  # what a crash left half written
        for target in targets:
            self._collection(manifest, target)
            if report.interrupted:
                break
            report.collections.append(target.entry.name)
        self._meter.tick("", force=True)
        report.seconds = monotonic() - began
        return report

    def _collection(self, manifest: Manifest, target: Target) -> None:
        name = target.entry.name
        with self._locked(f"import {name}"):
            target = made(self._stores, target)
        assert target.found is not None  # noqa: S101  # ``made`` has seen to it
        reader = PageReader(self._stores, self._bundle, target, blobs=manifest.blobs)
        for page in target.entry.pages:
            if self._stop.is_set():
                self._report.interrupted = True
                return
            arrival = reader.read(page)
            with self._locked(f"import {name}"):
                self._count(reader.write(arrival))
            self._meter.tick(name)
        faults.reached("import.rest")
        self._rest(target)
        keep_calibrated(self._stores, target.found)
        faults.reached("import.finished")

    def _count(self, arrival: Arrival) -> None:
        report = self._report
        added = len(arrival.todo)
        report.added += added
        report.same += len(arrival.items) - added
        report.pending += arrival.pending
        report.lost += arrival.lost
        report.replaced += arrival.replaced
        self._meter.done += added
        self._meter.passed(len(arrival.items) - added)

    def _rest(self, target: Target) -> None:
        """The ledger, pairs that are no duplicates, and what scores mean where nothing was measured here."""
        found, catalog = target.found, self._stores.catalog
        assert found is not None  # noqa: S101  # ``made`` has seen to it
        for part in target.entry.rest:
            with self._readable(part):
                if Path(part.name).stem == "ledger":
                    ledger = list(rows.rejections_of(read_table(self._bundle, part, rows.LEDGER)))
                    there = catalog.rejected_before(found, [row.uri for row in ledger])
                    new = [row for row in ledger if there.get(row.uri) != row]
                    with self._locked(f"import {found.name}"):
                        for start in range(0, len(new), LEDGER_GROUP):
                            catalog.restore(found, [], {}, ledger=new[start : start + LEDGER_GROUP])
                elif Path(part.name).stem == "distinct":
                    pairs = list(rows.pairs_of(read_table(self._bundle, part, rows.DISTINCT)))
                    with self._locked(f"import {found.name}"):
                        catalog.mark_distinct(found, pairs)
        for space, entry in zip(target.spaces, target.entry.spaces, strict=True):
            if entry.calibration is not None and catalog.calibration(space) is None:
                with self._locked(f"import {found.name}"):
                    catalog.calibrate(space, entry.calibration)

    @contextmanager
    def _readable(self, part: Part) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise SourceError(f"{self._bundle / part.name} is not as it should be: {error}") from error

    @contextmanager
    def _locked(self, purpose: str) -> Iterator[None]:
        with self._stores.lock.hold(purpose, waiting=self._meter.waiting):
            yield
