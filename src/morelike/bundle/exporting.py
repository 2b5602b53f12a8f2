"""Collections of a library into a bundle, in bounded memory, part by part.

A collection is written at one revision, as it was between two of its changes: where it changed while it was written
it is written anew under the write lock, which nobody else can change it under. An export that ended in any way goes
on where it ended if the collection has not changed since, and begins the collection anew if it has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from time import monotonic

from morelike import faults
from morelike.bundle import rows
from morelike.bundle.journal import Journal, clear
from morelike.bundle.manifest import (
    MANIFEST,
    CollectionEntry,
    Manifest,
    PageEntry,
    SpaceEntry,
    read_manifest,
)
from morelike.bundle.packs import plan_packs
from morelike.bundle.pages import Files, Page, pages_of, write_page, write_rest
from morelike.bundle.parts import Part, write_whole
from morelike.bundle.tables import need_pyarrow
from morelike.errors import SourceError, UsageError
from morelike.progress import Meter, Progress
from morelike.stores.disk import make_folder, translated
from morelike.types import Collection
from morelike.wiring import Stores

__all__ = ["Export", "ExportReport"]

STATE = "export.json"


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What one export did. ``written`` and ``same`` count files: made now, and there already.

    ``missing``: vectors that the library lacks; ``lost``: kept bytes that it lacks. The bundle goes without them.
    """

    folder: Path
    collections: tuple[str, ...]
    items: int
    written: int
    same: int
    bytes: int
    missing: int
    lost: int
    seconds: float
    interrupted: bool


class _Interrupted(Exception):
    """The caller wants it to end."""


class Export:
    """One run. Call ``run`` once."""

    def __init__(
        self,
        stores: Stores,
        folder: Path,
        names: Sequence[str] = (),
        *,
        made_by: str,
        blobs: bool = True,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self._stores = stores
        self._folder = folder.expanduser().absolute()
        self._names = list(dict.fromkeys(names))
        self._made_by = made_by
        self._blobs = blobs
        self._meter = Meter(progress)
        self._stop = stop or Event()
        self._notify = notify or (lambda _: None)
        self._written = self._same = self._missing = self._lost = 0
        self._finished: list[tuple[Collection, int]] = []
        """Collections that are in the bundle with their blobs, at these revisions."""

    def run(self) -> ExportReport:
        """Raises UsageError on a folder that holds something else, MissingExtra, NoSuchCollection, StoreError."""
        need_pyarrow()
        began = monotonic()
        catalog = self._stores.catalog
        chosen = [catalog.collection(name) for name in self._names] if self._names else catalog.collections()
        self._begin()
        self._meter.total = sum(catalog.count(found, state=None) for found in chosen)
        entries: list[CollectionEntry] = []
        interrupted = False
        try:
            for found in chosen:
                entries.append(self._collection(found))
                faults.reached("collection.exported")
            self._finish(entries)
        except _Interrupted:
            interrupted = True
        self._meter.tick("", force=True)
        return ExportReport(
            folder=self._folder,
            collections=tuple(entry.name for entry in entries),
            items=sum(entry.items for entry in entries),
            written=self._written,
            same=self._same,
            bytes=sum(part.size for entry in entries for part in entry.parts),
            missing=self._missing,
            lost=self._lost,
            seconds=monotonic() - began,
            interrupted=interrupted,
        )

    def _begin(self) -> None:
        """Make the folder, or find the same export begun in it."""
        of = {"library": self._stores.catalog.library_id(), "collections": self._names, "blobs": self._blobs}
        with translated(self._folder):
            make_folder(self._folder)
            try:
                known = json.loads((self._folder / STATE).read_bytes())
            except FileNotFoundError:
                known = None
            except ValueError:
                known = {}
            begun = {STATE + ".part"}  # all that a crash may have left of the first moment
            if known is None and {path.name for path in self._folder.iterdir()} - begun:
                raise UsageError(f"{self._folder} is not empty", hint="name a new folder for the bundle")
        if known is None:
            write_whole(self._folder / STATE, json.dumps(of).encode() + b"\n")
        elif known != of:
            raise UsageError(
                f"{self._folder} holds an export of other collections, of another library, or with other options",
                hint="run the same export again, or name a new folder",
            )

    def _collection(self, found: Collection) -> CollectionEntry:
        catalog = self._stores.catalog
        missing, lost = self._missing, self._lost
        revision = catalog.revision(found)
        entry = self._write(found, revision)
        if catalog.revision(found) != revision:
            self._notify(f"{found.name} changed while it was written: it is written anew, and changes wait for that")
            self._missing, self._lost = missing, lost
            with self._stores.lock.hold(f"export {found.name}", waiting=self._meter.waiting):
                revision = catalog.revision(found)
                entry = self._write(found, revision)
        self._finished.append((found, revision))
        return entry

    def _write(self, found: Collection, revision: int) -> CollectionEntry:
        """All of one collection at a revision; parts that are there already are passed over."""
        catalog, folder = self._stores.catalog, f"{found.name}-{found.id}"
        spaces = catalog.spaces(found)
        of = {
            "revision": revision,
            "blobs": self._blobs,
            "spaces": [[space.kind, space.card.id, space.active] for space in spaces],
        }
        files = Files(self._folder, Journal(self._folder, folder, of), self._check)
        asides = {aside.item_id: aside for aside in catalog.asides(found)}
        pages = []
        for number, page in enumerate(pages_of(self._stores, found, spaces)):
            place = f"{folder}/{number:05}"
            parts = write_page(self._stores, files, place, page, spaces=spaces, asides=asides)
            if self._blobs:
                parts += self._packs(files, place, page)
            pages.append(PageEntry(len(page.items), sum(map(len, page.segments.values())), tuple(parts)))
            self._meter.done += len(page.items)
            self._meter.tick(found.name)
        rest = tuple(write_rest(self._stores, files, folder, found))
        self._written, self._same = self._written + files.written, self._same + files.same
        self._missing, self._lost = self._missing + files.missing, self._lost + files.lost
        return CollectionEntry(
            name=found.name,
            modality=found.modality,
            options=found.options,
            created_at=found.created_at,
            revision=revision,
            spaces=tuple(SpaceEntry(one.kind, one.card, one.active, catalog.calibration(one)) for one in spaces),
            pages=tuple(pages),
            rest=rest,
        )

    def _packs(self, files: Files, place: str, page: Page) -> list[Part]:
        kept = [item.digest for item in page.items if not item.in_place]
        there = self._packed({digest.blake3 for digest in kept})
        parts = []
        for number, planned in enumerate(plan_packs(kept)):
            digests = [digest for digest in planned if digest.blake3 not in there]
            part = files.pack(f"{place}/blobs-{number:05}.tar", self._stores, digests)
            parts += [part] if part.rows else []
        return parts

    def _packed(self, digests: set[str]) -> set[str]:
        """Those of the digests that the bundle has already, in a collection that was written before."""
        packed: set[str] = set()
        for found, revision in self._finished:
            there = self._stores.catalog.get_items(found, sorted(digests - packed))
            of_it = {item.digest.blake3 for item in there.values() if not item.in_place and item.state in rows.STATES}
            if self._stores.catalog.revision(found) == revision:  # else it may have come since
                packed |= of_it & digests
        return packed

    def _check(self) -> None:
        if self._stop.is_set():
            raise _Interrupted
        self._meter.tick("")

    def _finish(self, entries: Sequence[CollectionEntry]) -> None:
        """The manifest, last of all; then what the bundle held of collections that it does not hold any more."""
        known = {f"{found.name}-{found.id}" for found, _ in self._finished}
        made = Manifest(
            library=self._stores.catalog.library_id(),
            made_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            made_by=self._made_by,
            blobs=self._blobs,
            collections=tuple(entries),
        )
        try:
            same = replace(read_manifest(self._folder), made_at="", made_by="") == replace(made, made_at="", made_by="")
        except SourceError:
            same = False
        if not same:
            write_whole(self._folder / MANIFEST, made.to_json())
        for folder in self._folder.iterdir():
            if folder.is_dir() and not folder.is_symlink() and folder.name not in known:
                clear(folder)
        faults.reached("bundle.finished")
