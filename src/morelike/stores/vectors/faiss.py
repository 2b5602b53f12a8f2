"""The embedded vector store: vectors durable in SQLite, an index of each searched space in memory."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from morelike.errors import StoreError
from morelike.settings import Settings
from morelike.stores.disk import remove, translated, tree_bytes
from morelike.stores.vectors import snapshot
from morelike.stores.vectors.blocks import kernels
from morelike.stores.vectors.flat import FlatIndex
from morelike.stores.vectors.rows import Changes, RowLog, SpaceRow, check_card
from morelike.stores.vectors.shape import checked_batch, checked_ids, checked_queries, nothing
from morelike.stores.vectors.turns import SharedLock
from morelike.types import Ids, Scores, Space, Vectors, Within

__all__ = ["FaissVectorStore"]

_log = logging.getLogger(__name__)

_FIRST_SNAPSHOT = 10_000
"""A smaller space is read from the log as fast."""
_MANY_CHANGES = 1_000
_MANY_DELETIONS = 1_000
_SELECTIONS = 8
"""How many filters' rows are remembered for a space."""


@dataclass(frozen=True, slots=True)
class _State:
    """An index, and what the log said of its space when the index was brought up to date."""

    index: FlatIndex
    row: SpaceRow


class _Held:
    """One space's index in this process. ``state`` is None while it is made anew."""

    def __init__(self) -> None:
        self.state: _State | None = None
        self.turn = threading.Lock()  # held by whoever brings the index up to date
        self.lock = SharedLock()  # taken after ``turn``, never before
        self.damaged_snapshot = False
        self._selections: OrderedDict[int, tuple[Ids, Ids]] = OrderedDict()
        self._selecting = threading.Lock()

    def replace(self, state: _State | None) -> None:
        """Once no search runs."""
        with self.lock.changing():
            self.state = state
            self._selections.clear()

    def apply(self, index: FlatIndex, changes: Changes) -> None:
        """Once no search runs; a failure in the middle leaves nothing that is half changed."""
        with self.lock.changing():
            self.state = None
            self._selections.clear()
            index.remove(changes.gone)
            for ids, vectors in changes.chunks:
                index.put(ids, vectors)
            self.state = _State(index, changes.row)

    def rows(self, index: FlatIndex, ids: Ids) -> Ids:
        """The rows of a filter's ids; remembered for an array that cannot change, as a catalog's cache gives."""
        with self._selecting:
            kept = self._selections.get(id(ids))
        if kept is not None and kept[0] is ids:
            return kept[1]
        rows = index.rows(ids)
        if not ids.flags.writeable:
            with self._selecting:
                self._selections[id(ids)] = ids, rows
                while len(self._selections) > _SELECTIONS:
                    self._selections.popitem(last=False)
        return rows


class FaissVectorStore:
    """``vectors.sqlite`` is the truth; ``<space>.snapshot`` only saves time at the first search of a process.

    Any number of processes may open one folder. A write goes to the log alone; each search first asks the log what
    is new, whoever wrote it. Every row is scanned by faiss' kernels, with a filter only those that it leaves. Cosine
    spaces keep what they were given, and rows of length one in memory.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder = folder
        self._rows = RowLog(folder / "vectors.sqlite", settings.lock_timeout)
        self._held: dict[int, _Held] = {}
        self._lock = threading.Lock()
        self._threads = settings.encoder_threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="scan", initializer=_one_thread_each)

    # -- writing

    def upsert(self, space: Space, ids: Ids, vectors: Vectors) -> None:
        ids, vectors = checked_batch(space, ids, vectors)
        if len(ids):
            self._rows.upsert(space, ids, vectors)

    def delete(self, space: Space, ids: Ids) -> None:
        ids = checked_ids(ids)
        if len(ids) and space.id in self._rows.spaces():
            self._rows.delete(space.id, ids)

    def drop(self, space_id: int) -> None:
        if space_id in self._rows.spaces():
            self._rows.drop(space_id)
        self._let_go(space_id)
        remove(self._snapshot_path(space_id))

    # -- reading

    def search(self, space: Space, queries: Vectors, k: int, *, within: Within | None = None) -> tuple[Ids, Scores]:
        queries = checked_queries(space, queries)
        ids = None if within is None else within.ids()
        while k > 0 and (held := self._current(space)) is not None:
            with held.lock.searching():
                if held.state is None:  # being made anew since a moment ago
                    continue
                check_card(space, held.state.row)
                index = held.state.index
                rows = None if ids is None else held.rows(index, ids)
                return index.search(queries, k, rows, self._pool, self._threads)
        return nothing(len(queries), max(k, 0))

    def fetch(self, space: Space, ids: Ids) -> tuple[Ids, Vectors]:
        return self._rows.fetch(space, checked_ids(ids))

    def ids(self, space: Space) -> Iterator[Ids]:
        return self._rows.ids(space.id)

    def count(self, space: Space) -> int:
        return self._rows.count(space.id)

    def space_ids(self) -> Iterator[int]:
        return (space_id for space_id in sorted(self._rows.spaces()) if self._rows.count(space_id))

    # -- keeping house

    def checkpoint(self) -> None:
        """Snapshots of the spaces that changed much, deletions forgotten, freed pages given back.

        A snapshot that cannot be written is a warning: the next open takes longer, and nothing else.
        """
        spaces = self._rows.spaces()
        self._sweep(spaces)
        for row in spaces.values():
            if self._due(row):
                try:
                    with translated(self._folder):
                        self._write_snapshot(row)
                except StoreError as error:
                    _log.warning("no snapshot of space %d was written: %s", row.id, error)
            elif row.revision - row.floor > _MANY_DELETIONS:
                self._rows.forget_deletions(row.id, row.snapshot_revision if row.snapshots[0] else row.revision)
        self._rows.tidy()

    def verify(self) -> list[str]:
        found = self._rows.verify()
        if found:
            return found
        for row in self._rows.spaces().values():
            path = self._snapshot_path(row.id)
            with contextlib.suppress(FileNotFoundError):
                try:
                    snapshot.read(path, row)
                except snapshot.Unusable as reason:
                    found.append(f"{path} is not used: {reason}; it is written anew in time")
        return found

    def repair(self) -> None:
        """A damaged log is renamed to ``vectors.sqlite.damaged``; snapshots that are not used are removed.

        Another process that has the old log open goes on with it until it is started again.
        """
        if self._rows.verify():
            self._rows.set_aside()
            with self._lock:
                self._held.clear()
        with translated(self._folder):
            spaces = self._rows.spaces()
            for path in self._folder.glob("*.snapshot"):
                row = spaces.get(int(path.stem)) if path.stem.isdigit() else None
                try:
                    if row is None:
                        raise snapshot.Unusable("its space is gone")
                    snapshot.read(path, row)
                except snapshot.Unusable:
                    remove(path)

    def bytes_used(self) -> int:
        return self._rows.bytes_used() + tree_bytes(self._folder, "*.snapshot*")

    def close(self) -> None:
        self._pool.shutdown()
        self._rows.close()
        with self._lock:
            self._held.clear()

    # -- bringing an index up to date

    def _current(self, space: Space) -> _Held | None:
        """The space's index with everything that any process has committed; None where the space holds nothing."""
        row = self._rows.spaces().get(space.id)
        if row is None:
            self._let_go(space.id)
            return None
        check_card(space, row)
        return self._up_to(row)

    def _up_to(self, row: SpaceRow) -> _Held | None:
        with self._lock:
            held = self._held.setdefault(row.id, _Held())
        with held.turn:
            state = held.state
            if state is not None and state.row.born == row.born and state.row.revision >= row.revision:
                return held
            if state is None or not self._replay(held, state):
                self._load(held, row)
            return held if held.state is not None else None

    def _replay(self, held: _Held, state: _State) -> bool:
        """Apply what is new; False where the index must be made anew."""
        at = state.row
        with self._rows.changes(at.id, at.revision) as changes:
            if changes is None or changes.row.born != at.born or changes.row.floor > at.revision:
                return False
            held.apply(state.index, changes)
            return True

    def _load(self, held: _Held, row: SpaceRow) -> None:
        """Make the index from the snapshot and what came after it, or else from the log alone."""
        held.replace(None)  # first: two indexes at once would take twice the memory
        found = self._read_snapshot(held, row)
        if found is not None:
            index, revision = found
            with self._rows.changes(row.id, revision) as changes:
                if changes is not None and changes.row.born == row.born and changes.row.floor <= revision:
                    held.apply(index, changes)
                    return
        with self._rows.changes(row.id, 0) as changes:
            if changes is not None:
                index = FlatIndex(changes.row.shape)
                for ids, vectors in changes.chunks:
                    index.append(ids, vectors)
                held.replace(_State(index, changes.row))

    def _read_snapshot(self, held: _Held, row: SpaceRow) -> tuple[FlatIndex, int] | None:
        path = self._snapshot_path(row.id)
        held.damaged_snapshot = False
        try:
            return snapshot.read(path, row)
        except FileNotFoundError:
            return None
        except snapshot.Unusable as reason:
            held.damaged_snapshot = True
            _log.warning("%s is not used: %s; the index is made from the log", path, reason)
            return None

    def _let_go(self, space_id: int) -> None:
        with self._lock:
            held = self._held.pop(space_id, None)
        if held is not None:
            held.replace(None)

    # -- snapshots

    def _due(self, row: SpaceRow) -> bool:
        count = self._rows.count(row.id)
        if count < _FIRST_SNAPSHOT:
            return False
        held = self._held.get(row.id)
        if (held is not None and held.damaged_snapshot) or not snapshot.fits(self._snapshot_path(row.id), row):
            return True
        return row.revision - row.snapshot_revision > max(_MANY_CHANGES, count // 10)

    def _write_snapshot(self, row: SpaceRow | None) -> None:
        while row is not None and (held := self._up_to(row)) is not None:
            with held.turn, held.lock.searching():
                state, token = held.state, uuid.uuid4().hex
                if state is not None:
                    at = state.row
                    if self._rows.announce_snapshot(at.id, at.born, at.revision, token):
                        snapshot.write(self._snapshot_path(at.id), state.index, at, token)
                        held.damaged_snapshot = False
                        self._rows.finish_snapshot(at.id, at.revision)
                        return
            row = self._rows.spaces().get(row.id)  # another process wrote meanwhile

    def _sweep(self, spaces: dict[int, SpaceRow]) -> None:
        """Remove what a crash left half written, and snapshots of spaces that are gone."""
        keep = {self._snapshot_path(space_id) for space_id in spaces}
        for path in self._folder.glob("*.snapshot*"):
            if path not in keep:
                remove(path)

    def _snapshot_path(self, space_id: int) -> Path:
        return self._folder / f"{space_id:d}.snapshot"


def _one_thread_each() -> None:
    """The pool's threads are the parallelism: faiss' own would only get in their way."""
    kernels().omp_set_num_threads(1)
