"""Vectors in Milvus: Milvus Lite in this process, a server, a cluster, Zilliz Cloud; one collection a space, two while
it moves to another index.

``Settings.vectors`` is an address, or a path that ends in ``.db``. A write is confirmed by one strict question at its
end, which waits until the server's readers have seen it (about a time tick, 200 ms as servers are set up); searches
then need not be strict, which would cost as much each. How durable a write is, is the server's affair: its log of
writes survives the end of its process, and with a message queue of its own (Pulsar, Kafka) the loss of a machine; the
log of a standalone server is not synchronised to the disk with each write. With Milvus Lite every write waits for the
disk here.

Milvus Lite lets one process in at a time, listens on the loopback interface without a password while it is open, keeps
no packed bits, and is far slower: it is for trials. Tried out: Milvus Lite 3.2.2, server 2.3.5; newer servers as their
documentation says.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Final, TypeVar

import numpy as np

from morelike import faults
from morelike.errors import StoreDamaged, StoreError, StoreUnreachable
from morelike.settings import Settings
from morelike.stores.disk import tree_bytes
from morelike.stores.vectors._milvus_fields import COUNT, FIELDS, nothing_known, row_of
from morelike.stores.vectors._milvus_growing import Growing
from morelike.stores.vectors._milvus_line import MAKE, PING, Line, Missing, Place
from morelike.stores.vectors._milvus_reading import Reading, kept, naming
from morelike.stores.vectors._milvus_search import Searching
from morelike.stores.vectors._milvus_spaces import ID, STAMP, VECTOR, Found, Spaces
from morelike.stores.vectors._milvus_writing import ROW_BYTES, Row, Writing
from morelike.stores.vectors.shape import Shape, checked_batch, checked_ids, checked_queries, nothing
from morelike.types import Fields, Ids, Scores, Space, Vectors, Within

__all__ = ["MilvusLiteVectorStore", "MilvusVectorStore", "open_milvus"]

_T = TypeVar("_T")

_REWRITTEN: Final = 2048
"""Rows that are rewritten with their fields at a time."""


def open_milvus(folder: Path, settings: Settings, library_id: str = "") -> MilvusLiteVectorStore:
    """Connects to nothing yet. Raises SettingsError."""
    local = Place.of(settings.vectors, folder).path is not None
    return (MilvusLiteVectorStore if local else MilvusVectorStore)(folder, settings, library_id)


class MilvusLiteVectorStore:
    """All that any Milvus does. In Milvus Lite naming the ids that a filter leaves is ten times as fast as having it
    evaluate the filter, so fields are not kept there.
    """

    def __init__(self, folder: Path, settings: Settings, library_id: str = "") -> None:
        self._line = Line(Place.of(settings.vectors, folder), settings)
        memory = settings.vectors_memory_bytes
        self._spaces = Spaces(self._line, library_id, memory)
        self._reading = Reading(self._spaces)
        self._writing = Writing(self._line, self._spaces)
        self._growing = Growing(self._line, self._spaces, self._reading, self._writing, memory)
        self._searching = Searching(self._line, self._spaces, self._reading)
        self._writers = threading.RLock()
        self._unsettled: dict[int, int] = {}
        """Rows written by this process since the last flush, by space."""

    def upsert(self, space: Space, ids: Ids, vectors: Vectors) -> None:
        """A row that is written anew loses its fields: they are as unknown as those of a new one."""
        ids, vectors = checked_batch(space, ids, vectors)
        if not len(ids):
            return
        unknown = [nothing_known()] * len(ids)
        stamp = _new_stamp()
        with self._turn():
            for _ in range(2):
                self._spaces.make(space)
                try:
                    self._everywhere(space, lambda found: self._put(found, ids, vectors, unknown, stamp))
                except Missing:  # dropped by somebody else just now
                    self._spaces.forget(space.id)
                else:
                    return
        raise StoreError(f"space {space.id} was dropped while it was written", hint="do the same again")

    def delete(self, space: Space, ids: Ids) -> None:
        ids = np.unique(checked_ids(ids))
        if len(ids):
            with self._turn(), contextlib.suppress(Missing):
                self._everywhere(space, lambda found: self._remove(found, ids))

    def fetch(self, space: Space, ids: Ids) -> tuple[Ids, Vectors]:
        ids = checked_ids(ids)
        shape = Shape.of(space.card)
        none = np.empty(0, dtype=np.int64), np.empty((0, shape.columns), dtype=shape.dtype)
        if not len(ids):
            return none
        stored, vectors = self._read(space, lambda found: self._reading.fetch(found, ids), none)
        there = ids[np.isin(ids, stored)]
        return there, vectors[np.searchsorted(stored, there)]

    def search(self, space: Space, queries: Vectors, k: int, *, within: Within | None = None) -> tuple[Ids, Scores]:
        queries = checked_queries(space, queries)
        none = nothing(len(queries), k)
        if not len(queries) or k <= 0:
            return none
        return self._read(space, lambda found: self._searching.search(found, queries, k, within), none)

    def ids(self, space: Space) -> Iterator[Ids]:
        """In the middle of a move it goes on in the collection that took over."""
        after = -1
        while (found := self._spaces.find(space)) is not None:
            try:
                for block in self._reading.ids(found, after):
                    after = int(block[-1])
                    yield block
            except Missing:
                self._spaces.forget(space.id)
            else:
                return

    def count(self, space: Space) -> int:
        return self._read(space, self._reading.count, 0)

    def drop(self, space_id: int) -> None:
        with self._turn():
            self._spaces.drop(space_id)
            self._unsettled.pop(space_id, None)
            self._growing.forget(space_id)

    def space_ids(self) -> Iterator[int]:
        for space_id in self._spaces.space_ids():
            with contextlib.suppress(Missing):
                found = self._spaces.of(space_id)
                if found is not None and self._reading.count(found):
                    yield space_id

    def checkpoint(self) -> None:
        self.build()

    def due(self, space_id: int | None = None) -> bool:
        """Whether this process wrote so much that it should be sealed, or a space outgrew its index."""
        return bool(self._to_seal(space_id) or self._growing.due(space_id))

    def build(self, space_id: int | None = None, *, stop: Event | None = None) -> bool:
        """Seal the rows that were written: the server then makes an index of them; and move a space that outgrew its
        index to a collection with another one.
        """
        made = False
        for each in self._to_seal(space_id):
            if (stop is None or not stop.is_set()) and each in self._to_seal(each):
                alone = self._turn() if self._line.engine.local else contextlib.nullcontext()
                with alone, contextlib.suppress(Missing):
                    self._unsettled.pop(each, None)
                    found = self._spaces.look(each)
                    if found is not None:
                        self._line.ask(partial(_flush, found.name), MAKE)
                        made = True
        for each in self._growing.due(space_id):
            if stop is None or not stop.is_set():
                made = self._growing.grow(each, stop) or made
        return made

    def _to_seal(self, space_id: int | None) -> list[int]:
        written = list(self._unsettled.items())
        if not written:
            return []
        enough = self._line.engine.settles_after
        return [each for each, rows in written if rows >= enough and space_id in {None, each}]

    def verify(self) -> list[str]:
        sentences = []
        for space_id in self._spaces.space_ids():
            try:
                found = self._spaces.of(space_id)
                if found is not None:
                    self._reading.count(found)
            except StoreDamaged as error:
                sentences.append(error.message)
            except Missing:
                continue
        return sentences

    def repair(self) -> None:
        """What is no collection of morelike's is dropped: its name is this library's own."""
        for space_id in self._spaces.space_ids():
            try:
                self._spaces.of(space_id)
            except StoreDamaged:
                self.drop(space_id)

    def bytes_used(self) -> int:
        """Of Milvus Lite the directory; of a server, which does not tell, its rows times their size."""
        path = self._line.place.path
        if path is not None:
            return tree_bytes(path)
        total = 0
        for space_id in self._spaces.space_ids():
            with contextlib.suppress(Missing, StoreDamaged):
                found = self._spaces.of(space_id)
                for each in () if found is None else found.all():
                    with contextlib.suppress(Missing):  # the one that it is moving to or from
                        total += self._reading.count(each) * (each.shape.bytes + ROW_BYTES)
        return total

    def ping(self) -> None:
        """Asks for a row too, of a collection that was in use: a server that starts answers before it can search."""
        self._line.ask(lambda client, left: client.get_server_version(timeout=left), PING)
        for known in self._spaces.all_seen()[:1]:
            with contextlib.suppress(Missing):
                self._reading.query(known, naming(np.zeros(1, dtype=np.int64)), [ID], seconds=PING)

    def close(self) -> None:
        self._line.close()

    # -- inside

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """One writer of this process at a time; with Milvus Lite one of all that have its directory open."""
        with self._writers:
            engine = self._line.engine
            lite = self._line.lite if engine.local else None
            if lite is None:
                yield
                return
            with lite.writing:
                yield
                lite.make_durable()

    def _read(self, space: Space, work: Callable[[Found], _T], none: _T) -> _T:
        """What ``work`` makes of the space's collection; looked at once more where it was made anew meanwhile."""
        for _ in range(2):
            found = self._spaces.find(space)
            if found is None:
                return none
            try:
                return work(found)
            except Missing:
                self._spaces.forget(space.id)
        return none

    def _everywhere(self, space: Space, work: Callable[[Found], None]) -> Found | None:
        """Do ``work`` in each collection of the space, the one in use first, and look again, until there is no new one.

        What it gives is the space as it was when it was last looked at. Raises Missing where there is none.
        """
        done: set[str] = set()
        written = False
        while (found := self._spaces.find(space, fresh=True)) is not None:
            new = [each for each in found.all() if each.name not in done]
            if not new:
                return found
            for each in new:
                try:
                    work(each)
                    written = True
                except (Missing, StoreUnreachable):
                    if self._spaces.at(space.id, each.name) is not None:
                        raise  # else it was dropped just now: the space has moved on, or is no more
                done.add(each.name)
        if not written:
            raise Missing(self._spaces.name(space.id))
        return None

    def _remove(self, found: Found, ids: Ids) -> None:
        self._writing.remove(found, ids)
        self._writing.confirm(found, ids[-1:])

    def _put(
        self, found: Found, ids: Ids, vectors: Vectors, columns: Sequence[tuple[dict[str, Any], int]], stamp: int
    ) -> None:
        """Write rows; they are there for everybody when it returns. Raises Missing."""
        self._writing.put(found, _rows(found, ids, vectors, columns, stamp))
        faults.reached("vectors.written")
        self._writing.confirm(found, ids[-1:], there=True)
        faults.reached("vectors.synced")
        self._unsettled[found.space_id] = self._unsettled.get(found.space_id, 0) + len(ids)
        self._growing.wrote(found.space_id, len(ids))


class MilvusVectorStore(MilvusLiteVectorStore):
    """Keeps beside each vector what filters ask for, and evaluates filters where the vectors are (``KeepsFields``)."""

    def fields_revision(self, space: Space) -> int:
        found = self._spaces.find(space, fresh=True)
        return -1 if found is None else found.revision

    def put_fields(
        self,
        space: Space,
        ids: Ids,
        fields: Sequence[Sequence[Fields]],
        revision: int,
        *,
        whole: bool = False,  # noqa: ARG002  a pass leaves nothing to tidy up
    ) -> None:
        """Servers of 2.3 know no partial update: the rows are written anew with the vectors that they have.

        So it is called under the library's write lock, as whoever writes vectors is: a vector that changed between the
        reading and the writing would be lost.
        """
        ids = checked_ids(ids)
        with self._turn():
            columns = {each: row_of(sources) for each, sources in zip(ids.tolist(), fields, strict=True)}
            wanted = np.unique(ids)
            with contextlib.suppress(Missing):
                found = self._spaces.find(space, fresh=True)
                for at in range(0, len(wanted), _REWRITTEN):
                    found = self._rewrite(space, wanted[at : at + _REWRITTEN], columns)
                if found is not None:
                    self._spaces.note_revision(found, revision)

    def _rewrite(self, space: Space, ids: Ids, columns: dict[int, tuple[dict[str, Any], int]]) -> Found | None:
        found = self._spaces.find(space, fresh=True)
        if found is None:
            return None
        stored, vectors = self._reading.fetch(found, ids)
        if not len(stored):
            return found
        rows, stamp = [columns[each] for each in stored.tolist()], _new_stamp()
        return self._everywhere(space, lambda each: self._put(each, stored, vectors, rows, stamp))


def _new_stamp() -> int:
    return secrets.randbits(63)


def _rows(
    found: Found, ids: Ids, vectors: Vectors, columns: Sequence[tuple[dict[str, Any], int]], stamp: int
) -> Iterator[Row]:
    bits = found.shape.form == "bits"
    own = {STAMP: stamp} if found.stamped else {}
    for each, vector, (fields, count) in zip(kept(ids).tolist(), vectors, columns, strict=True):
        yield {ID: each, VECTOR: vector.tobytes() if bits else vector, FIELDS: fields, COUNT: count, **own}


def _flush(name: str, client: Any, left: float) -> None:
    client.flush(name, timeout=left)
