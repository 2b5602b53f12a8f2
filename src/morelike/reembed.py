"""Another encoder for a collection: a second space, filled from the stored originals while the first one is searched.

What is missing is asked of the stores each time, so that a run goes on wherever one before it ended, in any way. A
pass over what is missing writes in groups under the write lock; the last few and the switch share one hold of it, so
that nothing is added in between. Items that are removed meanwhile lose their vectors in every space.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Any, BinaryIO

import numpy as np

from morelike import faults
from morelike.batches import Batches
from morelike.calibration import keep_calibrated
from morelike.deletion import store_of
from morelike.errors import ItemError, NoSuchCollection, OriginalGone, SourceError, UsageError
from morelike.lanes import UNASKED, Encoders, Lanes
from morelike.originals import original
from morelike.parts import add_spaces, upsert_parts
from morelike.prepare import Reading, chunked, decode_pool, load_segments, map_ahead
from morelike.progress import Meter, Progress
from morelike.protocols import Modality
from morelike.types import Blob, Collection, Ids, Item, Kind, Rejection, SegmentSpec, Space
from morelike.wiring import Stores
from morelike.work import Part, Task, Work, run_length, runs

__all__ = ["STAGE", "Reembed", "ReembedReport", "drop_space", "earlier_spaces", "new_spaces"]

STAGE = "reembed"
"""The stage that the ledger names for items that could not be re-embedded."""
AT_ONCE = 32
"""How many segments may be missing when the lock is taken for the switch: encoding them holds up every writer."""
PAGE, LEDGER_GROUP = 1024, 128
KEPT = frozenset({"ready", "duplicate"})
"""What is set aside as a duplicate may come back, and has to be found then."""


@dataclass(frozen=True, slots=True)
class ReembedReport:
    """What one run did. ``encoded`` and ``same`` count vectors: made now, and there already.

    ``missing``: items that the new space lacks, because they could not be read or encoded; the ledger says why.
    ``switched``: the new space is the one that is searched; ``already``: it was so before.
    """

    encoder: str
    encoded: int
    same: int
    missing: int
    rejections: tuple[Rejection, ...]
    seconds: float
    switched: bool
    already: bool
    interrupted: bool


@dataclass(slots=True, eq=False, kw_only=True)
class _Again(Work):
    """An item that is there already, on its way into another space."""

    item: Item


@dataclass(frozen=True, slots=True)
class _Gap:
    """``missing``: sorted ids of segments that a space lacks; ``lost``: how many more of them could not be had."""

    missing: Ids
    lost: int
    wanted: int


def new_spaces(
    stores: Stores, lanes: Lanes, collection: Collection, encoder: Encoders, notify: Callable[[str], None] | None
) -> dict[Kind, Space]:
    """The spaces of this encoder, by kind, made where they are not there; not active yet.

    Raises UsageError where it takes none of the collection's kinds, ModelError where its weights cannot be had.
    """
    active = {one.kind: one.card.id for one in stores.catalog.spaces(collection) if one.active and one.has_vectors}
    chosen = lanes.choose(list(active), encoder, notify)
    chosen = {kind: card for kind, card in chosen.items() if kind not in UNASKED or card.id != active[kind]} or chosen
    for card in chosen.values():
        if card.form not in {"dense", "bits"}:
            raise UsageError(f"the encoder {card.name} gives {card.form}, which no other vectors can stand in for")
    with stores.lock.hold(f"reembed {collection.name}", waiting=notify):
        return add_spaces(stores, collection, chosen, active=False)


def earlier_spaces(stores: Stores, collection: Collection) -> dict[Kind, Space]:
    """For each kind the space to go back to: of those that are not active, the fullest; of equals, the latest.

    Raises UsageError where there is none, or none that is half full: that one was begun and never searched.
    """
    spaces = stores.catalog.spaces(collection)
    vectors = {space.id: stores.vectors.count(space) for space in spaces if space.has_vectors}
    found: dict[Kind, Space] = {}
    for active in (space for space in spaces if space.active and space.id in vectors):
        others = [one for one in spaces if one.kind == active.kind and not one.active and one.id in vectors]
        if others:
            fullest = max(others, key=lambda space: (vectors[space.id], space.id))
            if 2 * vectors[fullest.id] < vectors[active.id]:
                raise UsageError(
                    f"the space of {fullest.card.name} has {vectors[fullest.id]} of {vectors[active.id]} vectors",
                    hint=f"`morelike reembed {collection.name} --encoder {fullest.card.name}` fills it",
                )
            found[active.kind] = fullest
    if not found:
        raise UsageError(
            f"{collection.name} has no space to go back to",
            hint=f"`morelike reembed {collection.name} --encoder NAME` makes another one",
        )
    return found


def drop_space(stores: Stores, collection: Collection, space: Space) -> None:
    """Remove a space with its vectors. Raises UsageError where it is the one that is searched."""
    with stores.lock.hold(f"drop a space of {collection.name}"):
        own = next((one for one in stores.catalog.spaces(collection) if one.id == space.id), None)
        if own is None:
            raise UsageError(f"{collection.name} has no space {space.id}")
        if own.active:
            raise UsageError(
                f"the space of {own.card.name} is the one that {collection.name} is searched in",
                hint="switch to another one first, or drop the whole collection",
            )
        stores.catalog.drop_space(own)
        store_of(stores, own).drop(own.id)


class Reembed:
    """Fills ``spaces`` (one a kind) and, with ``switch``, makes them the active ones. One instance serves one run."""

    def __init__(
        self,
        stores: Stores,
        lanes: Lanes,
        collection: Collection,
        modality: Modality,
        spaces: Mapping[Kind, Space],
        *,
        allow_missing: bool = False,
        switch: bool = True,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
    ) -> None:
        self._stores = stores
        self._lanes = {space.id: lanes.lane(space) for space in spaces.values()}  # now: it may not be there
        self._collection, self._modality = collection, modality
        self._spaces = spaces
        self._allow_missing, self._switching = allow_missing, switch
        self._tell = progress
        self._meter = Meter(progress)
        self._stop = stop or Event()
        self._purpose = f"reembed {collection.name}"
        self._aside: dict[int, tuple[Kind, str]] = {}
        self._failed: list[tuple[Work, ItemError]] = []
        self._given_up = array("q")
        self._ledger_has_rows = stores.catalog.ledger_count(collection) > 0

    def run(self) -> ReembedReport:
        """Go round until nothing is missing, then switch. Setting ``stop`` ends it once what is in flight is durable.

        Where nothing is missing and the spaces are active already, nothing is done. Raises UsageError where a space is
        dropped meanwhile, StoreError, ModelError.
        """
        began = monotonic()
        gap = self._gap()
        same = gap.wanted - len(gap.missing)
        already = all(space.active for space in self._spaces.values())
        self._meter = Meter(self._tell, same=same)
        self._meter.total = gap.wanted
        pool = decode_pool(self._stores.settings.workers or os.cpu_count() or 1)
        try:
            switched = self._go_round(pool, gap) if len(gap.missing) or not already else True
            if switched:  # the few encoded with the switch may be all there are
                keep_calibrated(self._stores, self._collection, self._spaces.values())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        report = self._meter.report(interrupted=self._stop.is_set() and not switched)
        return ReembedReport(
            encoder=next(iter(self._spaces.values())).card.id,
            encoded=report.added,
            same=same,
            missing=report.rejected,
            rejections=report.rejections,
            seconds=monotonic() - began,
            switched=switched or already,
            already=already,
            interrupted=report.interrupted,
        )

    def _go_round(self, pool: ThreadPoolExecutor, gap: _Gap) -> bool:
        """Whether it came to the switch."""
        ready = False
        while not self._stop.is_set():
            if len(gap.missing) > AT_ONCE:
                self._fill(gap.missing, pool)
                gap = self._gap()
                continue
            if not ready:  # once only: what is added from here on is little
                self._make_ready()
                ready = True
            with self._hold():
                gap = self._gap()
                if len(gap.missing) <= AT_ONCE:
                    self._fill(gap.missing, pool)
                    gap = self._gap()
                    if not len(gap.missing):
                        faults.reached("reembed.filled")
                        return self._switch(gap.lost)
        return False

    def _switch(self, lost: int) -> bool:
        """Under the lock under which nothing was missing."""
        if not self._switching or (lost and not self._allow_missing):
            return False
        for space in self._spaces.values():
            if not space.active:
                self._stores.catalog.activate(space)
        faults.reached("reembed.switched")
        return True

    def _make_ready(self) -> None:
        """What may take a while and needs no standing still: the new space's index, its calibration."""
        stores = self._stores
        for space in self._spaces.values():
            stores.vectors.build(space.id, stop=self._stop)
        with self._hold():
            self._check_spaces()
            stores.vectors.checkpoint()
        for space in self._spaces.values():
            keep_calibrated(stores, self._collection, [space])
            for ids in stores.vectors.ids(space):
                stores.vectors.search(space, stores.vectors.fetch(space, ids[:1])[1], 1)
                break

    def _hold(self) -> AbstractContextManager[None]:
        return self._stores.lock.hold(self._purpose, waiting=self._meter.waiting)

    def _check_spaces(self) -> None:
        there = {space.id for space in self._stores.catalog.spaces(self._collection)}
        if not there:
            raise NoSuchCollection(f"the collection {self._collection.name} was dropped meanwhile")
        if any(space.id not in there for space in self._spaces.values()):
            raise UsageError(f"the new space of {self._collection.name} was dropped meanwhile")

    # What is missing

    def _gap(self) -> _Gap:
        """Hold the catalog's segments against the spaces' vectors. Memory: some nine bytes a segment."""
        missing: list[Ids] = []
        total = 0
        self._aside = self._set_aside()
        for kind, space in self._spaces.items():
            wanted = self._wanted(kind)
            total += len(wanted)
            lacks = np.ones(len(wanted), dtype=bool)
            for block in self._stores.vectors.ids(space):
                lacks[_places(wanted, block)] = False
            missing.append(wanted[lacks])
        found = np.sort(np.concatenate(missing))
        given_up = np.isin(found, np.array(self._given_up, dtype=np.int64))
        return _Gap(found[~given_up], int(given_up.sum()), total)

    def _wanted(self, kind: Kind) -> Ids:
        """Sorted ids of every segment of a kind that a search may come to find."""
        ready = self._stores.catalog.segment_ids(self._collection, kind)
        aside = [segment_id for segment_id, (of_kind, _) in self._aside.items() if of_kind == kind]
        return np.union1d(ready, np.array(aside, dtype=np.int64)) if aside else ready

    def _set_aside(self) -> dict[int, tuple[Kind, str]]:
        """The segments of duplicates, with their kinds and items."""
        catalog, found = self._stores.catalog, {}
        for page in catalog.pages(self._collection, state="duplicate", size=PAGE):
            for item_id, segments in catalog.segments_of(self._collection, [item.id for item in page]).items():
                found.update({segment.id: (segment.kind, item_id) for segment in segments})
        return found

    # One pass over it

    def _fill(self, missing: Ids, pool: ThreadPoolExecutor) -> None:
        settings = self._stores.settings
        tasks = self._tasks(missing)
        loaded = map_ahead(pool, self._load, tasks, settings.look_ahead, cost=lambda task: len(task.ordinals))
        part = lambda work: self._write([work.take()])  # noqa: E731 # short
        done = Batches(lambda space: self._lanes[space.id], self._fail, part).encoded(loaded)
        try:
            for group in chunked(done, settings.commit_items, settings.commit_seconds):
                self._write([work.take() for work in group])
        finally:
            for stage in (done, loaded, tasks):
                stage.close()
        self._put_down()

    def _tasks(self, missing: Ids) -> Generator[Task]:
        """Every segment of the items that lack one: an item's vectors are written together, unless it is long."""
        taken = np.zeros(len(missing), dtype=bool)
        for start in range(0, len(missing), PAGE):
            page = slice(start, start + PAGE)
            for work in self._works(missing[page][~taken[page]]):
                own = np.array([segment.id for segment in work.segments], dtype=np.int64)
                taken[_places(missing, own)] = True
                wanted = [task for task in runs(work, run_length(self._modality)) if task.kind in self._spaces]
                work.left = sum(len(task.ordinals) for task in wanted)
                for task in wanted:
                    if self._stop.is_set():
                        return
                    yield task

    def _works(self, segment_ids: Ids) -> list[_Again]:
        catalog, collection = self._stores.catalog, self._collection
        owners = {segment.item_id for segment in catalog.segments(collection, segment_ids).values()}
        owners |= {self._aside[segment_id][1] for segment_id in segment_ids.tolist() if segment_id in self._aside}
        items = catalog.get_items(collection, sorted(owners))
        works = []
        for item_id, segments in catalog.segments_of(collection, list(items)).items():
            item = items[item_id]
            uri = item.sources[0].uri if item.sources else item_id
            blob = Blob(uri=uri, name=item.sources[0].name if item.sources else "", open=_unopened)
            specs = tuple(SegmentSpec(segment.kind, segment.span) for segment in segments)
            reading = Reading(blob, item.digest, item_id, item.media_type, blob)
            works.append(_Again(reading=reading, specs=specs, spaces=self._spaces, item=item))
        return works

    def _load(self, task: Task) -> list[Any]:
        """On the decode pool, as ``add`` does it."""
        work = task.work
        if work.failed or not isinstance(work, _Again):
            return []
        try:
            blob = original(self._stores, work.item)
        except OriginalGone as error:
            raise SourceError(error.message, hint=error.hint) from error
        return load_segments(self._modality, self._lanes[self._spaces[task.kind].id].encoder, blob, task.specs)

    def _fail(self, work: Work, error: ItemError) -> None:
        if not work.failed:
            work.failed = True
            self._given_up.extend(segment.id for segment in work.segments if segment.kind in self._spaces)
            self._failed.append((work, error))
            if len(self._failed) >= LEDGER_GROUP:
                self._put_down()

    def _write(self, parts: list[Part]) -> None:
        """The vectors of those that are still there; what was removed since gets none."""
        catalog = self._stores.catalog
        with self._hold():
            self._check_spaces()
            states = catalog.known(self._collection, [part.work.item_id for part in parts])
            parts = [part for part in parts if not part.work.failed and states.get(part.work.item_id) in KEPT]
            upsert_parts(self._stores, parts)
            whole = [part.work.reading.blob.uri for part in parts if not part.work.left]
            if whole and self._ledger_has_rows:
                rows = catalog.rejected_before(self._collection, whole)
                catalog.forgive(self._collection, [uri for uri, row in rows.items() if row.stage == STAGE])
        self._meter.done += sum(len(part.vectors) for part in parts)
        if parts:
            self._meter.tick(parts[-1].work.reading.blob.name)

    def _put_down(self) -> None:
        """What could not be had, as rows of the ledger; the items stay as they are."""
        if not self._failed:
            return
        failed, self._failed = self._failed, []
        catalog = self._stores.catalog
        with self._hold():
            states = catalog.known(self._collection, [work.item_id for work, _ in failed])
            rows = [
                Rejection(work.reading.blob.uri, work.item_id, STAGE, f"{error.stage}: {error}")
                for work, error in failed
                if states.get(work.item_id) in KEPT
            ]
            catalog.reject(self._collection, rows)
        for row in rows:
            self._meter.reject(row)
        self._ledger_has_rows = self._ledger_has_rows or bool(rows)


def _places(among: Ids, ids: Ids) -> Ids:
    """Where in the sorted ``among`` those of the ids are that it has."""
    at = np.searchsorted(among, ids)
    inside = at < len(among)
    at, ids = at[inside], ids[inside]
    found: Ids = at[among[at] == ids]
    return found


def _unopened() -> BinaryIO:
    raise SourceError("the original is opened where it is decoded")
