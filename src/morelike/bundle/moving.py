"""What a library does with bundles and with files of vectors: the part of its facade that moves things in and out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from morelike.lanes import Encoders, Lanes
from morelike.progress import Progress
from morelike.types import Collection
from morelike.wiring import Stores

if TYPE_CHECKING:
    from morelike.bundle.exporting import ExportReport
    from morelike.bundle.importing import Coming, ImportReport
    from morelike.bundle.vectors import VectorsReport
    from morelike.bundle.vectorsout import ExportedVectors
    from morelike.moving.moves import MoveReport
    from morelike.moving.older import Mover, Old, OldComing

__all__ = ["Moving"]

Tell = Callable[[str], None]


class Moving(ABC):
    """``Library``'s methods of that kind."""

    _stores: Stores
    _lanes: Lanes

    @abstractmethod
    def _create(
        self, name: str, modality: str, encoder: Encoders, options: Mapping[str, Any], notify: Tell | None
    ) -> Collection:
        """The library makes a collection."""

    def export(
        self,
        folder: str | Path,
        collections: Sequence[str] = (),
        *,
        blobs: bool = True,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
        notify: Tell | None = None,
    ) -> ExportReport:
        """Write collections, all where none is named, as a bundle into a folder: each as it was between two changes.

        The same call goes on with an export that was cut off, and brings a finished one up to date. ``blobs``: with the
        bytes that the library keeps. Raises UsageError on a folder that holds something else, NoSuchCollection,
        MissingExtra, StoreError.
        """
        from importlib.metadata import version

        from morelike.bundle.exporting import Export

        names = _several(collections)
        made_by = f"morelike {version('morelike')}"
        return Export(
            self._stores,
            Path(folder),
            names,
            made_by=made_by,
            blobs=blobs,
            progress=progress,
            stop=stop,
            notify=notify,
        ).run()

    def coming_from(self, folder: str | Path, collections: Sequence[str] = ()) -> list[Coming]:
        """What ``import_from`` would bring; nothing is changed. Raises what it raises."""
        from morelike.bundle.importing import coming

        return coming(self._stores, Path(folder), _several(collections))

    def import_from(
        self,
        folder: str | Path,
        collections: Sequence[str] = (),
        *,
        index: bool = True,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
        notify: Tell | None = None,
    ) -> ImportReport:
        """Bring a bundle's collections, all where none is named, into this library, item by item as they were.

        Collections of the same name are joined: the bundle's form of an item replaces the one that is here. The same
        call goes on with an import that was cut off. ``index``: then make what a large collection needs for fast
        searches. Raises UsageError where a collection of that name is another one here, SourceError on a bundle that
        cannot be used, MissingExtra, StoreError.
        """
        from morelike.bundle.importing import Import

        report = Import(self._stores, Path(folder), _several(collections), progress=progress, stop=stop).run()
        if index and not report.interrupted:
            self._make_index(stop, notify)
        return report

    def export_vectors(
        self,
        collection: str,
        file: str | Path,
        *,
        encoder: str | None = None,
        kind: str | None = None,
        stop: Event | None = None,
    ) -> ExportedVectors:
        """Write the vectors of one space of a collection, the searched one where no ``encoder`` is named, into a file.

        A ``.parquet`` file has their ids, sources and metadata beside them, a ``.npy`` file ids in one of its own. A
        file that is there is replaced. Raises UsageError, MissingExtra, StoreError.
        """
        from morelike.bundle.vectorsout import export_vectors

        return export_vectors(self._stores, collection, Path(file), encoder=encoder, kind=kind, stop=stop)

    def import_vectors(
        self,
        collection: str,
        file: str | Path,
        *,
        ids: str | Path | None = None,
        encoder: str | None = None,
        modality: str | None = None,
        metric: str | None = None,
        name: str | None = None,
        index: bool = True,
        dry_run: bool = False,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
        notify: Tell | None = None,
    ) -> VectorsReport:
        """Bring ready-made vectors with ids into a collection, made where it is missing; such items have no bytes.

        ``file``: ``.npy`` (n, dim), its ids in ``ids`` or beside it, or ``.parquet``. ``encoder``: the card that made
        them, so that files and words find them; else the card is ``imported`` (or ``name``) and compares by
        ``metric``. An id that is there already is replaced. Raises UsageError, SpaceMismatch, SourceError, StoreError.
        """
        from morelike.bundle.vectors import ImportVectors

        run = ImportVectors(
            self._stores,
            collection,
            Path(file),
            ids=None if ids is None else Path(ids),
            encoder=encoder,
            modality=modality,
            metric=metric,
            name=name,
            make=lambda name, modality, encoder: self._create(name, modality, encoder, {}, notify),
        )
        report = run.run(dry_run=dry_run, progress=progress, stop=stop, notify=notify)
        if index and not dry_run and not report.interrupted:
            self._make_index(stop, notify)
        return report

    def coming_from_older(
        self, collection: str, old: Old, *, encoder: str | None = None, modality: str | None = None
    ) -> OldComing:
        """What ``import_older`` would read; nothing is changed. Raises what it raises."""
        return self._mover(collection, old, encoder, modality, None).coming()

    def import_older(
        self,
        collection: str,
        old: Old,
        *,
        encoder: str | None = None,
        modality: str | None = None,
        index: bool = True,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
        notify: Tell | None = None,
    ) -> MoveReport:
        """Bring what an older demo server keeps into a collection, made where it is missing; the server is only read.

        ``encoder``: the card that made its vectors, which come as they are; where none is named, every file is encoded
        anew. Files stay where they are, objects of a bucket are stored. A row that cannot be used stands in the ledger.
        The same call goes on with one that was cut off. Raises UsageError, SpaceMismatch where the card did not make
        the vectors, ModelError, MissingExtra, StoreError.
        """
        report = self._mover(collection, old, encoder, modality, notify).run(progress=progress, stop=stop)
        if index and not report.interrupted:
            self._make_index(stop, notify)
        return report

    def _mover(
        self, collection: str, old: Old, encoder: str | None, modality: str | None, notify: Tell | None
    ) -> Mover:
        from morelike.moving.older import Mover

        def make(name: str, modality: str, encoder: str, options: Mapping[str, Any]) -> Collection:
            return self._create(name, modality, encoder, options, notify)

        return Mover(
            self._stores, self._lanes, make, collection, old, encoder=encoder, modality=modality, notify=notify
        )

    def _make_index(self, stop: Event | None, notify: Tell | None) -> None:
        if self._stores.vectors.due():
            if notify is not None:
                notify("all is in; the index for fast searches is being made, which can be left off")
            self._stores.vectors.build(stop=stop)


def _several(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
