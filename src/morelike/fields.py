"""What filters ask for, brought to a vector store that evaluates them itself, so that a filter need not go by ids.

Why no stale field hides a row that matches now: fields are read from the catalog after the revision that they are
written down under, and that revision is written after they are; a search uses them only where nothing was touched
since. Fields are written under the library's write lock, which those hold who write vectors, and which every page of a
long pass takes anew. Whoever finds the store's revision changed by somebody else begins anew. What is found is still
joined to the items that are ready.

A search writes a few itself, if nobody else writes just then; it waits for no one. The rest is upkeep.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from threading import Event
from typing import Final, NoReturn
from urllib.parse import urlsplit

import numpy as np

from morelike.errors import NoSuchCollection, StoreBusy, StoreError, StoreReadOnly
from morelike.protocols import KeepsFields
from morelike.types import Collection, Ids, Space
from morelike.wiring import Stores

__all__ = ["FEW", "PAGE", "bring_up", "keep_up", "keeps_fields"]

FEW: Final = 1000
"""How many segments' fields a search writes before it asks: some tenths of a second."""
PAGE: Final = 1000
"""How many are written under one hold of the lock."""
_STATE: Final = "fields.json"
_LARGEST_STATE: Final = 1 << 16
_ALL: Final = 2**63 - 1


def keeps_fields(stores: Stores, space: Space) -> bool:
    """Whether filters may be evaluated where the space's vectors are."""
    return space.has_vectors and isinstance(stores.vectors, KeepsFields)


def bring_up(stores: Stores, collection: Collection, space: Space, most: int = FEW) -> int:
    """The revision under which a search that begins now may use the store's fields; -1: it goes by ids.

    Where at most ``most`` segments were touched since, their fields are written first, unless somebody else writes to
    the library. Raises NoSuchCollection.
    """
    try:
        return _Fields(stores, collection, space).brought_up(most)
    except StoreError:  # it cannot be written now; the search itself says what else is wrong
        return -1


def keep_up(
    stores: Stores,
    collection: Collection | None = None,
    *,
    stop: Event | None = None,
    begun: Callable[[], None] | None = None,
) -> bool:
    """Write all fields that are missing or not those of now, of one collection or of every one; whether any were.

    Slow where it is much, and never in the way: a page at a time, and a later call goes on where one before it ended.
    It ends within a page after ``stop`` is set, where somebody else keeps the lock, or where so much changed that it is
    to begin anew; ``begun`` is called before there is much to write. Raises StoreError.
    """
    written = False
    for one in [collection] if collection is not None else stores.catalog.collections():
        with suppress(StoreBusy, StoreReadOnly, NoSuchCollection):  # a later call will do it, or there is no need
            for space in stores.catalog.spaces(one):
                if space.active and keeps_fields(stores, space):
                    written = _Fields(stores, one, space).keep_up(stop or Event(), begun) or written
    return written


@dataclass(frozen=True, slots=True)
class _Pass:
    """On its way: segments up to the id ``after`` have fields as of the revision ``at``, but for those that wait."""

    base: int
    """The store's revision, which the pass leaves as it is until its end."""
    at: int
    after: int = -1
    whole: bool = True
    """It goes over all segments, and another call may go on with it."""


class _Fields:
    """One space's, with the store that keeps them."""

    def __init__(self, stores: Stores, collection: Collection, space: Space) -> None:
        if not isinstance(stores.vectors, KeepsFields):
            raise StoreError("the vector store keeps no fields", hint="ask keeps_fields first")
        self._stores = stores
        self._store: KeepsFields = stores.vectors
        self._catalog = stores.catalog
        self._collection = collection
        self._space = space
        self._state = stores.folder / _STATE

    def brought_up(self, most: int) -> int:
        known = self._known()
        if known < 0:
            return -1
        _, ids = self._catalog.touched(self._collection, known)
        if ids is None or len(ids) > most:
            return -1
        if not len(ids):
            return known  # as good as of now
        try:
            with self._lock(waiting=_leave):
                return self._write_touched(most)
        except _SomebodyElse:
            return -1

    def _write_touched(self, most: int) -> int:
        """Asked again under the lock: another one may have done it."""
        known = self._known()
        if known < 0:
            return -1
        revision, ids = self._catalog.touched(self._collection, known)
        if ids is None or len(ids) > most:
            return -1
        if len(ids):
            self._put(ids, known, revision)
        return revision if len(ids) else known

    def keep_up(self, stop: Event, begun: Callable[[], None] | None) -> bool:
        written = False
        while not stop.is_set() and self._behind():
            written = True
            if not self._go(stop, begun):
                break
        return written

    def _behind(self) -> bool:
        if self._known() == self._catalog.revision(self._collection):
            return False
        return self._stores.vectors.count(self._space) > 0

    def _go(self, stop: Event, begun: Callable[[], None] | None) -> bool:
        """One pass; False: it came to no end."""
        run, waiting = self._begun()
        many = self._stores.vectors.count(self._space) if run.whole else len(waiting)
        if begun is not None and many > PAGE:
            begun()
        pages = self._pages(run.after) if run.whole else iter(())
        while not stop.is_set():
            with self._lock():
                if self._known() != run.base:
                    return True  # another one is through: what is left is asked anew
                revision, ids = self._catalog.touched(self._collection, run.at)
                if ids is None:
                    self._remember(None)
                    return False
                waiting = np.union1d(waiting, ids[ids <= run.after])
                run = replace(run, at=revision)
                if len(waiting):
                    page, waiting = waiting[:PAGE], waiting[PAGE:]
                elif (found := next(pages, None)) is not None:
                    page, run = found, replace(run, after=int(found[-1]))
                else:
                    self._store.put_fields(self._space, np.empty(0, dtype=np.int64), [], run.at, whole=run.whole)
                    self._remember(None)
                    return True
                self._put(page, run.base, run.base)
                if run.whole and not len(waiting):
                    self._remember(run)
        return False

    def _begun(self) -> tuple[_Pass, Ids]:
        """A pass over what was touched, with that; where it is not known what was, one over all, or its rest."""
        none = np.empty(0, dtype=np.int64)
        with self._lock():
            known = self._known()
            if known >= 0:
                revision, ids = self._catalog.touched(self._collection, known)
                if ids is not None:
                    return _Pass(known, revision, _ALL, whole=False), ids
            return self._resumed() or _Pass(known, self._catalog.revision(self._collection)), none

    def _put(self, ids: Ids, before: int, after: int) -> None:
        """A page at a time; ``after`` counts when the last of them is there."""
        pages = [ids[start : start + PAGE] for start in range(0, len(ids), PAGE)] or [ids]
        for number, page in enumerate(pages, start=1):
            found = self._catalog.fields_of(self._collection, page)
            fields = [found.get(identifier, ()) for identifier in page.tolist()]
            self._store.put_fields(self._space, page, fields, after if number == len(pages) else before)

    def _pages(self, after: int) -> Iterator[Ids]:
        for block in self._stores.vectors.ids(self._space):
            left = block[np.searchsorted(block, after, side="right") :]
            for start in range(0, len(left), PAGE):
                yield left[start : start + PAGE]

    def _known(self) -> int:
        return self._store.fields_revision(self._space)

    @contextmanager
    def _lock(self, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
        with self._stores.lock.hold(f"fields of {self._collection.name}", waiting=waiting):
            yield

    def _key(self) -> str:
        """Which space in which store; without the password that an address may have in it."""
        settings = self._stores.settings
        try:
            address = urlsplit(settings.vectors)
            where = f"{address.hostname}:{address.port}{address.path}" if address.netloc else settings.vectors
        except ValueError:
            where = ""
        text = "\n".join([self._catalog.library_id(), where, settings.vectors_database, self._space.card.id])
        return f"{blake2b(text.encode(), digest_size=12).hexdigest()}-{self._space.id}"

    def _resumed(self) -> _Pass | None:
        values = _states(self._state).get(self._key())
        if not isinstance(values, list) or len(values) != 3 or not all(type(value) is int for value in values):
            return None
        run = _Pass(*values)
        return run if run.base == self._known() else None

    def _remember(self, run: _Pass | None) -> None:
        """Under the write lock. Where it cannot be, a pass begins anew, which is no harm."""
        states, key = _states(self._state), self._key()
        if run is None and key not in states:
            return
        states.pop(key, None)
        if run is not None:
            states[key] = [run.base, run.at, run.after]
        part = self._state.with_suffix(".part")
        with suppress(OSError):
            part.write_text(json.dumps(states), encoding="utf-8")
            part.replace(self._state)


class _SomebodyElse(Exception):
    """The lock is taken."""


def _leave(_: str) -> NoReturn:
    """Told who has the lock, one who will not wait goes."""
    raise _SomebodyElse


def _states(path: Path) -> dict[str, object]:
    """Passes on their way, by space; what cannot be read is as good as none."""
    with suppress(OSError, ValueError, RecursionError), path.open("rb") as stream:
        values = json.loads(stream.read(_LARGEST_STATE))
        if isinstance(values, dict):
            return values
    return {}
