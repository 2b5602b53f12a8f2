"""One collection of an open library. Wiring, no logic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Event
from typing import Any, TypeVar

from morelike.asking import Asking
from morelike.calibration import calibrate, calibration_of, keep_calibrated
from morelike.dedup.methods import Duplicates
from morelike.deletion import delete_items
from morelike.dryrun import DryRun, dry_run
from morelike.engines.partition import Adding, ingest_of
from morelike.errors import QueryError, SpaceMismatch, StoreDamaged, UsageError
from morelike.evaluate import Evaluation, evaluate
from morelike.examples import as_blob, as_sources, count_ahead, named
from morelike.fields import keep_up
from morelike.hits import Hits
from morelike.known import DONE
from morelike.lanes import Encoders, Lanes
from morelike.ledger import rejected_blobs
from morelike.listed import Listed
from morelike.originals import original_link
from morelike.progress import AddReport, Progress
from morelike.project import kept
from morelike.project.methods import Mapped
from morelike.protocols import Engine, Modality
from morelike.records import Calibration
from morelike.reembed import Reembed, ReembedReport, drop_space, earlier_spaces, new_spaces
from morelike.registry import ENGINES
from morelike.search.embed import Embedder
from morelike.search.pieces import MOST_FRAMES, Piece, pieces
from morelike.search.search import Search
from morelike.settings import Settings
from morelike.storage import note_now
from morelike.tagging import Tagging
from morelike.types import (
    Blob,
    Collection,
    Metadata,
    Query,
    Space,
)
from morelike.unpacking import configured, holds_of, unpacked
from morelike.wiring import Stores
from morelike.work import Options

__all__ = ["OpenCollection"]

T = TypeVar("T")


class OpenCollection(Duplicates, Listed, Mapped, Tagging, Asking):
    """One collection of an open library."""

    def __init__(self, stores: Stores, lanes: Lanes, record: Collection) -> None:
        self._stores = stores
        self._lanes = lanes
        self._record = record
        self._modality = configured(record.modality, stores.settings, record.options)

    def __repr__(self) -> str:
        return f"<collection {self.name}: {self.count()} items ({self.modality})>"

    @property
    def name(self) -> str:
        return self._record.name

    @property
    def modality(self) -> str:
        return self._record.modality

    @property
    def created_at(self) -> str:
        return self._record.created_at

    @property
    def options(self) -> Metadata:
        """How its items are cut: ``window``, ``hop``, ``every`` in seconds, ``regions``, as far as they apply."""
        return self._record.options

    @property
    def spaces(self) -> tuple[Space, ...]:
        return tuple(self._stores.catalog.spaces(self._record))

    def add(
        self,
        *sources: Any,
        exclude: Sequence[str] = (),
        only: Sequence[str] = (),
        in_place: bool = False,
        sync: bool = False,
        retry: bool | Sequence[str] = False,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        index: bool = True,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
        engine: str = "local",
        address: str | None = None,
    ) -> AddReport:
        """Add files, folders, globs, archives, tables, URLs, bytes or pictures; what it reports is durable.

        A bad item is a row in the ledger, not the end. ``retry`` takes up rejected items again, all of them where no
        source is named; uris of the ledger, instead of sources: those. ``only``: globs, whatever the case; files with
        another name are passed over. ``sync`` drops sources that are gone. Setting ``stop`` ends it cleanly; a second
        run goes on.
        ``index``: once all is added, make what a large collection needs for fast searches, which may take minutes;
        without it ``Library.build_index`` does. ``engine``: ``local``, or ``ray``: actors on a cluster of machines,
        the one at ``address`` or that the setting ``ray_address`` names; without either, on this machine.
        Raises SourceError, StoreError, ModelError, UsageError.
        """
        exclude, only = _several(exclude), _several(only)
        rows = None if isinstance(retry, bool) else _several(retry)
        options = Options(in_place, sync, bool(retry), _several(tags), dict(metadata or {}))
        if sources and rows:
            raise UsageError("rows of the ledger are tried again without sources", hint="name the ones or the others")
        if not sources:
            if not retry:
                raise UsageError("there is nothing to add", hint="name a file, a folder, an archive, a table or a URL")
            those = replace(options, in_place=True)  # those with a path: see rejected_blobs
            work = self._engine(engine, self._adding(those, progress, stop, address))
            again = rejected_blobs(self._stores, self._record, in_place=in_place, uris=rows)
            return self._run(work, [("", again)], stop, index=index)
        work = self._engine(engine, self._adding(options, progress, stop, address))
        if progress is not None:
            self._count_ahead(work, sources, exclude, only)
        given = ((origin, blobs) for _, origin, blobs in self._sources(sources, exclude, only))
        return self._run(work, given, stop, index=index)

    def _sources(
        self, sources: tuple[Any, ...], exclude: tuple[str, ...], only: Sequence[str] = ()
    ) -> Iterator[tuple[str, str, Iterator[Blob]]]:
        """(source kind, origin, blobs), each file of many items as these."""
        settings, modality = self._stores.settings, self._modality
        for name, origin, blobs in as_sources(sources, settings, exclude, holds_of(modality, settings)):
            yield name, origin, unpacked(named(blobs, only), modality)

    def _run(
        self, work: Engine, sources: Iterable[tuple[str, Iterator[Blob]]], stop: Event | None, *, index: bool
    ) -> AddReport:
        report: AddReport = work.run(sources)
        if not report.interrupted:
            keep_calibrated(self._stores, self._record)
            vectors = self._stores.vectors
            for space in (one for one in self.spaces if index and one.active and one.has_vectors):
                if vectors.due(space.id):
                    work.say("all is added; the index for fast searches is being made, which can be left off")
                    vectors.build(space.id, stop=stop)
            if index:
                say = "all is added; what filters ask for is being written beside the vectors, which can be left off"
                keep_up(self._stores, self._record, stop=stop, begun=lambda: work.say(say))
        note_now(self._stores)
        return report

    def _adding(
        self,
        options: Options,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
        address: str | None = None,
    ) -> Adding:
        lane_of, spaces = self._lanes.lane, self.spaces
        return Adding(self._stores, self._record, self._modality, lane_of, spaces, options, progress, stop, address)

    def _engine(self, name: str, adding: Adding) -> Engine:
        """Raises UnknownName, MissingExtra, UsageError."""
        engine: Engine = ENGINES.load(name)(adding)
        return engine

    def _count_ahead(
        self, work: Engine, sources: tuple[Any, ...], exclude: tuple[str, ...], only: Sequence[str]
    ) -> None:
        """Count what is coming while the work has begun, for the ETA; only where counting is cheap."""
        count_ahead(sources, lambda places: self._sources(places, exclude, only), work.expect, lambda: work.ended)

    def requeue(self, blobs: Iterator[Blob]) -> AddReport:
        """Work on these blobs again whatever the catalog says of them; those with a path stay in place."""
        return ingest_of(self._adding(Options(in_place=True, retry=True))).run([("", blobs)])

    def dry_run(
        self,
        *sources: Any,
        exclude: Sequence[str] = (),
        in_place: bool = False,
        sample: int = 64,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
    ) -> DryRun:
        """What ``add`` would do, from a sample; nothing is written. ``progress`` tells how many files were ``seen``
        while they are counted, then how many of the sample are through. Setting ``stop`` ends it within a file.
        """
        spaces = [space for space in self.spaces if space.active and space.card.form != "terms"]
        lanes = {space.kind: self._lanes.lane(space) for space in spaces}
        given = ((origin, blobs) for _, origin, blobs in self._sources(sources, _several(exclude)))
        settings = self._stores.settings
        return dry_run(
            settings,
            self._record,
            self._modality,
            lanes,
            given,
            in_place=in_place,
            sample=sample,
            has=lambda item_id: self.known([item_id]).get(item_id) in DONE,
            progress=progress,
            stop=stop,
        )

    @property
    def _reader(self) -> Modality:
        return self._modality

    @property
    def _settings(self) -> Settings:
        return self._stores.settings

    def _answered(self, query: Query) -> Hits:
        return Hits(self._asked(lambda search: search.answer(query), query.space), self)

    def search_many(self, queries: Sequence[Query]) -> list[Hits]:
        """What ``search`` answers to each, in less time: they share what the encoder and the index can share.

        Raises what ``search`` raises at the first query that cannot be answered.
        """
        if any(query.space is not None for query in queries):
            return [self._answered(query) for query in queries]
        return [Hits(answer, self) for answer in self._asked(lambda search: search.answers(queries))]

    def compare(self, one: Any, other: Any) -> Mapping[str, float]:
        """How alike two examples are, in the unit of a hit; neither is kept. Raises what ``search`` raises."""
        examples = [self._example(example) for example in (one, other)]
        return self._asked(lambda search: search.compare(examples[0], examples[1]))

    def pieces(
        self, example: Any, *, regions: str | None = None, every: float = 1.0, most: int = MOST_FRAMES
    ) -> Iterator[list[Piece]]:
        """What a picture is cut into, or each of a film's frames, one in ``every`` seconds: to search with each piece.
        A film of more than ``most`` such frames is refused.

        ``regions``: ``grid``, ``detector:NAME``; as the collection is cut where not given. Raises what ``search`` does.
        """
        options = self._modality.settle({"regions": regions}) if regions else self.options
        blob, spaces = as_blob(example, self._stores.settings), self.spaces
        embedder = Embedder(self._stores, self._record, self._modality, self._lanes.lane, frozenset())
        return pieces(embedder, spaces, blob, options=options, every=every, most=most)

    def _asked(self, ask: Callable[[Search], T], only: int | None = None) -> T:
        """A search goes on in the spaces that it began in; where they are dropped meanwhile, it begins anew.

        ``only``: the id of the one space to ask, active or not.
        """
        while True:
            spaces = self.spaces if only is None else _one_space(self.name, self.spaces, only)
            if not spaces:
                self._stores.catalog.collection(self.name)  # dropped meanwhile: it says so
            try:
                return ask(Search(self._stores, self._record, self._modality, spaces, lane_of=self._lanes.lane))
            except (StoreDamaged, SpaceMismatch):
                if {space.id for space in spaces if space.active} <= {space.id for space in self.spaces}:
                    raise

    def blob(self, item_id: str) -> Blob:
        """The item's original bytes, to be read in parts. Raises NoSuchItem, OriginalGone."""
        return self._blob(item_id)

    def link(self, item_id: str, *, seconds: int = 600) -> str | None:
        """A URL that gives the original to whoever has it; None where there is none to give. Raises NoSuchItem."""
        return original_link(self._stores, self.item(item_id), seconds)

    def content(self, item_id: str) -> bytes:
        """The item's original bytes. Raises NoSuchItem, OriginalGone."""
        return self._blob(item_id).read()

    def tag(self, item_ids: Sequence[str], add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Add and remove tags. Raises NoSuchItem."""
        whole = [self.item(item_id).id for item_id in item_ids]
        with self._stores.lock.hold(f"tag in {self.name}"):
            self._stores.catalog.tag(self._record, whole, _several(add), _several(remove))

    def annotate(self, item_ids: Sequence[str], metadata: Mapping[str, Any]) -> None:
        """Merge metadata into the items' sources; None removes a key. Raises NoSuchItem."""
        whole = [self.item(item_id).id for item_id in item_ids]
        with self._stores.lock.hold(f"tag in {self.name}"):
            self._stores.catalog.annotate(self._record, whole, metadata)

    def remove(self, item_ids: Sequence[str]) -> int:
        """Remove items with their vectors and kept bytes; in-place files stay. Raises NoSuchItem."""
        whole = [self.item(item_id).id for item_id in item_ids]
        with self._stores.lock.hold(f"remove from {self.name}"):
            removed = delete_items(self._stores, self._record, whole)
        keep_calibrated(self._stores, self._record)
        return removed

    def remove_sources(self, uris: Sequence[str]) -> int:
        """Remove sources, and items that have none left then with all they have; how many items went."""
        with self._stores.lock.hold(f"remove from {self.name}"):
            alone = self._stores.catalog.drop_sources(self._record, uris)
            self._stores.catalog.forgive(self._record, uris)
            removed = delete_items(self._stores, self._record, alone)
        keep_calibrated(self._stores, self._record)
        return removed

    def reembed(
        self,
        encoder: Encoders,
        *,
        allow_missing: bool = False,
        switch: bool = True,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> ReembedReport:
        """Give every item vectors of another encoder, from its stored original, and search in those from then on.

        Searches go on in the old space until the new one is whole; the old one stays, for ``rollback``, until it is
        dropped. A run that was stopped or killed is gone on with by the next. Items whose original is gone or cannot
        be encoded keep it from switching, unless ``allow_missing``. Without ``switch`` the new space is filled and the
        old one searched on: ``Query.space`` asks either. Raises UsageError, ModelError, StoreError.
        """
        spaces = new_spaces(self._stores, self._lanes, self._record, encoder, notify)
        return self._reembed(spaces, allow_missing=allow_missing, switch=switch, progress=progress, stop=stop)

    def rollback(
        self,
        *,
        allow_missing: bool = False,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
    ) -> ReembedReport:
        """Search in the space before this one again, once what was added since is in it too. Raises UsageError."""
        spaces = earlier_spaces(self._stores, self._record)
        return self._reembed(spaces, allow_missing=allow_missing, progress=progress, stop=stop)

    def _reembed(self, spaces: Mapping[str, Space], **options: Any) -> ReembedReport:
        return Reembed(self._stores, self._lanes, self._record, self._modality, spaces, **options).run()

    def drop_space(self, space: Space) -> None:
        """Remove a space that is not searched, with its vectors. Raises UsageError."""
        drop_space(self._stores, self._record, space)
        kept.forget(self._stores, self._record, space)

    def vectors_in(self, space: Space) -> int:
        """How many vectors a space holds."""
        return self._stores.vectors.count(space)

    def calibrate(self) -> int:
        """Measure anew what scores mean in each active space; how many were measured: none of under 20 items."""
        return calibrate(self._stores, self._record, always=True)

    def calibration(self, space: Space) -> Calibration | None:
        """What scores mean in a space, as far as it was measured."""
        return calibration_of(self._stores, space)

    def evaluate(
        self,
        *,
        labels: str = "parent-folder",
        folds: str | None = None,
        kind: str | None = None,
        queries: int | None = None,
        seed: int = 0,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
    ) -> Evaluation:
        """How well items find items of the same label, with ``folds`` those of other folds. ``progress`` tells how
        many items were ``seen`` while they are read, then how many queries are through. Setting ``stop`` ends it
        within a page or a block of queries; nothing is measured then. Raises QueryError.
        """
        spaces = [space for space in self.spaces if space.active and space.has_vectors]
        space = next((space for space in spaces if kind in {None, space.kind}), None)
        if space is None:
            raise SpaceMismatch(f"{self.name} has no space of the kind {kind}")
        asked: dict[str, Any] = {"labels": labels, "folds": folds, "queries": queries, "seed": seed}
        return evaluate(self._stores, self._record, space, **asked, progress=progress, stop=stop)


def _one_space(collection: str, spaces: Sequence[Space], space_id: int) -> tuple[Space, ...]:
    """The space of that id alone, to be searched whether or not it is active. Raises QueryError."""
    found = next((space for space in spaces if space.id == space_id and space.has_vectors), None)
    if found is None:
        there = ", ".join(str(space.id) for space in spaces if space.has_vectors)
        raise QueryError(
            f"{collection} has no space {space_id} that can be searched", hint=f"there are: {there or 'none'}"
        )
    return (replace(found, active=True),)


def _several(words: str | Sequence[str]) -> tuple[str, ...]:
    """A text alone is one tag or glob, not its letters: of ``*.png`` the first would match everything."""
    return (words,) if isinstance(words, str) else tuple(words)
