"""The embedded vector store: vectors durable in SQLite, an index of each searched space in memory."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TypeVar

from morelike.errors import StoreError
from morelike.settings import Settings
from morelike.stores.disk import remove, translated, tree_bytes
from morelike.stores.vectors import building, making, segmentfiles, snapshot
from morelike.stores.vectors.blocks import kernels
from morelike.stores.vectors.held import Held, State
from morelike.stores.vectors.layers import LayeredIndex
from morelike.stores.vectors.rowfile import Damaged
from morelike.stores.vectors.rows import RowLog, SpaceRow, check_card
from morelike.stores.vectors.shape import checked_batch, checked_ids, checked_queries, nothing
from morelike.types import Ids, Scores, Space, Vectors, Within

__all__ = ["FaissVectorStore"]

_log = logging.getLogger(__name__)

_T = TypeVar("_T")
_FIRST_SNAPSHOT = 10_000
"""A smaller space is read from the log as fast."""
_MANY_CHANGES = 1_000
_MANY_DELETIONS = 1_000
_READS = 3
"""How often a snapshot is looked at again because another process wrote a new one meanwhile."""


class FaissVectorStore:
    """``vectors.sqlite`` is the truth; ``<space>.snapshot`` only saves time at the first search of a process.

    Any number of processes may open one folder. A write goes to the log alone; each search first asks the log what
    is new, whoever wrote it. A small space is scanned exactly. In a large one most rows lie in segments, which
    ``build`` makes: they are found by a graph or by 8-bit codes and scored exactly. A score never depends on how its
    row was found. Cosine spaces keep what they were given, and rows of length one in the index.
    """

    def __init__(self, folder: Path, settings: Settings, library_id: str = "") -> None:  # noqa: ARG002  every store is made alike
        self._folder = folder
        self._rows = RowLog(folder / "vectors.sqlite", settings.lock_timeout)
        self._held: dict[int, Held] = {}
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
        for ending in segmentfiles.ENDINGS:
            for path in self._folder.glob(f"{space_id:d}-*{ending}"):
                remove(path)

    # -- reading

    def search(self, space: Space, queries: Vectors, k: int, *, within: Within | None = None) -> tuple[Ids, Scores]:
        queries = checked_queries(space, queries)
        ids = None if within is None else within.ids()
        while k > 0 and (held := self._current(space)) is not None:
            with held.lock.searching():
                state = held.state
                if state is None:  # being made anew since a moment ago
                    continue
                check_card(space, state.row)
                picked = None if ids is None else held.pick(state.index, ids)
                try:
                    return state.index.search(queries, k, picked, self._pool, self._threads)
                except (Damaged, OSError) as error:
                    reason = error
            self._distrust(held, state, reason)
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

        A snapshot that cannot be written is a warning: the next open takes longer, and nothing else. While another
        process builds none is written: that process will.
        """
        spaces = self._rows.spaces()
        due = [row.id for row in spaces.values() if self._snapshot_due(row)]
        if spaces:
            with building.warned(self._folder, "no snapshot was written"), building.only_one(self._folder) as alone:
                if alone:
                    self._sweep(spaces)
                    for space_id in due:
                        with building.warned(self._folder, f"no snapshot of space {space_id} was written"):
                            self._write_snapshot(space_id)
        for row in spaces.values():
            if row.id not in due and row.revision - row.floor > _MANY_DELETIONS:
                self._rows.forget_deletions(row.id, row.snapshot_revision if row.snapshots[0] else row.revision)
        self._rows.tidy()

    def due(self, space_id: int | None = None) -> bool:
        """Whether ``build`` would make something, as far as can be told without loading anything."""
        rows = self._rows.spaces().values()
        return any(self._build_due(row) for row in rows if space_id is None or row.id == space_id)

    def build(self, space_id: int | None = None, *, stop: Event | None = None) -> bool:
        """Make the segments and graphs that are due; whether any was made. Searches and writes go on meanwhile.

        Minutes at a million rows; it ends within a second or so after ``stop``. Only a large space that this process
        did not search before keeps searches waiting, while it is read. Where another thread or process is at it,
        nothing is done. What cannot be written is a warning.
        """
        if not self.due(space_id):
            return False
        made = False
        with building.warned(self._folder, "nothing was built"), building.only_one(self._folder) as alone:
            if alone:
                for row in self._rows.spaces().values():
                    if (space_id is None or row.id == space_id) and self._build_due(row):
                        work = functools.partial(self._build, row)
                        made |= building.gently(work, stop, self._threads)
                self._sweep(self._rows.spaces())
        return made

    def verify(self) -> list[str]:
        found = self._rows.verify()
        if found:
            return found
        for space_id in self._rows.spaces():
            with contextlib.suppress(FileNotFoundError):
                try:
                    self._newest_snapshot(space_id, snapshot.verify)
                except snapshot.Unusable as reason:
                    path = self._snapshot_path(space_id)
                    found.append(f"{path} is not used: {reason}; it is written anew in time")
        return found

    def repair(self) -> None:
        """A damaged log is renamed to ``vectors.sqlite.damaged``; snapshots that are not used are removed.

        Another process that has the old log open goes on with it until it is started again.
        """
        if self._rows.verify():
            self._rows.set_aside()
            for space_id in list(self._held):
                self._let_go(space_id)
        with translated(self._folder):
            for path in self._folder.glob("*.snapshot"):
                try:
                    self._newest_snapshot(int(path.stem) if path.stem.isdigit() else -1, snapshot.verify)
                except (snapshot.Unusable, FileNotFoundError):
                    remove(path)

    def bytes_used(self) -> int:
        endings = (".snapshot*", ".part", *segmentfiles.ENDINGS)
        return self._rows.bytes_used() + sum(tree_bytes(self._folder, f"*{ending}") for ending in endings)

    def close(self) -> None:
        self._pool.shutdown()
        self._rows.close()
        for space_id in list(self._held):
            self._let_go(space_id)

    # -- bringing an index up to date

    def _current(self, space: Space) -> Held | None:
        """The space's index with everything that any process has committed; None where the space holds nothing."""
        row = self._rows.spaces().get(space.id)
        if row is None:
            self._let_go(space.id)
            return None
        check_card(space, row)
        return self._up_to(row)

    def _up_to(self, row: SpaceRow, builder: building.Builder | None = None) -> Held | None:
        with self._lock:
            held = self._held.setdefault(row.id, Held())
        if held.knows(row):  # most often, and also while a snapshot of it is being written
            return held
        with held.turn:
            if held.knows(row):
                return held
            state = held.state
            if state is None or not self._replay(held, state.index, state.row, state.token):
                self._load(held, row, builder)
            return held if held.state is not None else None

    def _replay(self, held: Held, index: LayeredIndex, at: SpaceRow, token: str) -> bool:
        """Apply what is new since ``at``; False where the index must be made anew."""
        with self._rows.changes(at.id, at.revision) as changes:
            if changes is None or changes.row.born != at.born or changes.row.floor > at.revision:
                return False
            held.apply(index, changes, token)
            return True

    def _load(self, held: Held, row: SpaceRow, builder: building.Builder | None) -> None:
        """Make the index from the snapshot and what came after it, or else from the log alone.

        A builder gets to see it while it grows, so that there is never all of a large space in memory.
        """
        held.replace(None)  # first: two indexes at once would take twice the memory
        found = self._read_snapshot(held, row)
        if found is not None:
            index, said, at = found
            if self._replay(held, index, dataclasses.replace(at, revision=said.revision), said.token):
                return
            index.close()
        with self._rows.changes(row.id, 0) as changes:
            if changes is not None:
                index = LayeredIndex(changes.row.shape)
                for ids, vectors in changes.chunks:
                    index.append(ids, vectors)
                    if builder is not None:
                        builder.load(index)
                held.replace(State(index, changes.row, ""))

    def _read_snapshot(self, held: Held, row: SpaceRow) -> tuple[LayeredIndex, snapshot.Claims, SpaceRow] | None:
        held.damaged_snapshot = False
        try:
            row, (index, said) = self._newest_snapshot(row.id, snapshot.read)
        except FileNotFoundError:
            return None
        except snapshot.Unusable as reason:
            held.damaged_snapshot = True
            path = self._snapshot_path(row.id)
            _log.warning("%s is not used: %s; the index is made from the log", path, reason)
            return None
        if said.token == held.distrusted:
            held.damaged_snapshot = True
            index.close()
            return None
        return index, said, row

    def _newest_snapshot(self, space_id: int, look: Callable[[Path, SpaceRow], _T]) -> tuple[SpaceRow, _T]:
        """What ``look`` makes of a space's snapshot; once more where another process wrote a new one meanwhile.

        Raises Unusable, FileNotFoundError.
        """
        row = self._rows.spaces().get(space_id)
        for _ in range(_READS):
            if row is None:
                break
            try:
                return row, look(self._snapshot_path(space_id), row)
            except snapshot.Unusable:
                newer = self._rows.spaces().get(space_id)
                if newer is not None and newer.snapshots == row.snapshots:
                    raise
                row = newer
        raise snapshot.Unusable("its space is gone, or never still")

    def _distrust(self, held: Held, state: State, reason: Exception) -> None:
        """Make an index anew whose rows cannot be read any more."""
        with held.turn:
            if held.state is not None and held.state.index is state.index:
                _log.warning("the index of space %d is made from the log: %s", state.row.id, reason)
                held.replace(None)
                held.damaged_snapshot, held.distrusted = True, state.token

    def _let_go(self, space_id: int) -> None:
        with self._lock:
            held = self._held.pop(space_id, None)
        if held is not None:
            held.replace(None)

    # -- snapshots

    def _snapshot_due(self, row: SpaceRow) -> bool:
        count = self._rows.count(row.id)
        if count < _FIRST_SNAPSHOT:
            return False
        said = snapshot.claims(self._snapshot_path(row.id), row)
        held = self._held.get(row.id)
        state = None if held is None else held.state
        settled = bool(said is not None and said.segments if state is None else state.index.segments)
        if not settled and making.settles(row.shape) and count >= making.SETTLED:
            return False  # ``build`` writes one that takes a quarter of the memory
        if (held is not None and held.damaged_snapshot) or said is None:
            return True
        return row.revision - row.snapshot_revision > max(_MANY_CHANGES, count // 10)

    def _write_snapshot(self, space_id: int) -> None:
        """Only inside ``only_one``. Raises StoreError."""
        row = self._rows.spaces().get(space_id)
        if row is None or (held := self._up_to(row)) is None:
            return
        with held.turn, held.lock.searching():
            state, token = held.state, uuid.uuid4().hex
            if state is None:
                return
            at = state.row
            names = (each.name for each in state.index.segments)
            if not all(segmentfiles.there(self._folder, name, at.shape) for name in names):
                # swept elsewhere after this process could not name them
                raise StoreError(f"files of space {space_id} are gone", hint="start this process again")
            if self._rows.announce_snapshot(at.id, at.born, at.revision, token):
                with translated(self._folder):
                    snapshot.write(self._snapshot_path(at.id), state.index, at, token)
                held.damaged_snapshot, held.distrusted = False, ""
                held.state = dataclasses.replace(state, token=token)
                self._rows.finish_snapshot(at.id, at.revision)

    def _sweep(self, spaces: dict[int, SpaceRow]) -> None:
        def kept(space_id: int) -> set[str] | None:
            names = snapshot.named(self._snapshot_path(space_id), space_id)
            held = self._held.get(space_id)
            state = None if held is None else held.state
            if names is None or state is None:
                return names
            return names | {segment.name for segment in state.index.segments}

        building.sweep(self._folder, kept, set(spaces))

    def _snapshot_path(self, space_id: int) -> Path:
        return self._folder / f"{space_id:d}.snapshot"

    # -- building

    def _build_due(self, row: SpaceRow) -> bool:
        if not making.settles(row.shape) or row.revision < min(making.SETTLED, making.AGAIN):
            return False
        held = self._held.get(row.id)
        state = None if held is None else held.state
        if state is not None:
            return making.due(state.index, row.revision - state.row.revision)
        said = snapshot.claims(self._snapshot_path(row.id), row)
        if said is None or not said.segments:
            return row.revision >= making.SETTLED and self._rows.count(row.id) >= making.SETTLED
        return making.claimed_due(row.shape, said.recent + row.revision - said.revision, said.segments)

    def _build(self, row: SpaceRow, stopped: Callable[[], bool]) -> bool:
        builder = building.Builder(self._folder, row.id, stopped, lambda: self._write_snapshot(row.id))
        try:
            held = self._newest(row, builder)
            state = None if held is None else held.state
            return held is not None and state is not None and builder.run(held, state.index)
        except Damaged as error:
            if (held := self._held.get(row.id)) is not None and held.state is not None:
                self._distrust(held, held.state, error)
            return False

    def _newest(self, row: SpaceRow, builder: building.Builder) -> Held | None:
        """The index, taken from another process' snapshot where that one has more in segments than this one."""
        held = self._up_to(row, builder)
        if held is None or held.state is None:
            return held
        latest = self._rows.spaces().get(row.id)
        said = None if latest is None else snapshot.claims(self._snapshot_path(row.id), latest)
        state = held.state
        if said is None or said.token in {state.token, held.distrusted}:
            return held
        if not making.better(said.segments, state.index):
            return held
        with held.turn:
            self._load(held, latest or row, builder)
        return held


def _one_thread_each() -> None:
    """The pool's threads are the parallelism: faiss' own would only get in their way."""
    kernels().omp_set_num_threads(1)
