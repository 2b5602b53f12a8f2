"""A space that outgrew its index moves to a collection with another one; searches and writes go on all the while.

1. The next collection is made, and the one in use *names* it: whoever writes, writes to the one in use first and then
   to the next. A writer looks which ones there are before its write and again after it, and writes to what is new.
2. What is there is copied, a range of ids at a time: the stamps of the next collection are read, then those of the one
   in use, and rows that differ are written or deleted and looked at again. One that does not differ is done with.
3. When the server has made the index, the alias is altered: the space *is* the next collection, which names the
   previous one. Whoever looked before that reads the previous one for a moment more, so writers write there too.
4. Then the previous one is dropped.

Why nothing is lost: take a row, and a write of it to the one in use that the copier's last look at it did not see. It
was confirmed after that look, and its writer writes to the next collection after that; so it has the last word there,
for the copier wrote the row for the last time before that look. What the look did see is in both. Writers take turns
under the library's lock; that is what orders *them*.

Whoever is killed leaves all of this as it is, and the next ``build`` goes on. A mover signs the collection in use with
a name and a count that goes up; one whose count stands still for some seconds has ended. So nobody's clock matters.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Iterable
from threading import Event
from typing import Final

import numpy as np

from morelike import faults
from morelike.errors import StoreError
from morelike.stores.vectors._milvus_engine import IndexKind, takes_less
from morelike.stores.vectors._milvus_line import MAKE, Line, Missing
from morelike.stores.vectors._milvus_reading import BLOCK, Reading, between, halves, naming
from morelike.stores.vectors._milvus_spaces import Found, Spaces
from morelike.stores.vectors._milvus_writing import Writing
from morelike.types import Ids

__all__ = ["Growing"]

_SIGNED: Final = 1.0
"""Seconds between two signatures of a mover."""
_STANDS: Final = 8.0
"""Seconds after which a mover whose signature stays the same is thought to have ended."""
_READ_ON: Final = 15.0
"""Seconds for which the previous collection stays, for those who looked at the space just before the switch: what they
know they believe for two, and a search of theirs may take ten.
"""
_PAUSE: Final = 0.2
_COPIED: Final = 1024
"""Rows that are copied at a time: about a second's work at the most."""
_SECONDS: Final = 60.0
"""For one question or write of a copier, which waits for no server that went away: the next ``build`` goes on."""
_NO_PROGRESS: Final = 1800.0
"""Seconds for which a server that makes an index may get no farther with it."""


class _Ended(Exception):
    """Somebody set ``stop``, or another one took over."""


class Growing:
    """What moves the spaces of one store."""

    def __init__(self, line: Line, spaces: Spaces, reading: Reading, writing: Writing, memory: int) -> None:
        self._line = line
        self._spaces = spaces
        self._reading = reading
        self._writing = writing
        self._memory = memory
        self._rows: dict[int, tuple[int, int]] = {}
        """By space: how many rows there were when they were counted (-1: never), and how many were written since."""
        self._turn = threading.Lock()

    def wrote(self, space_id: int, rows: int) -> None:
        counted, since = self._rows.get(space_id, (-1, 0))
        self._rows[space_id] = counted, since + rows

    def forget(self, space_id: int) -> None:
        self._rows.pop(space_id, None)

    def due(self, space_id: int | None = None) -> list[int]:
        """The spaces that have to move, of those that this process used. Counts rows only where that may matter."""
        known = {found.space_id for found in self._spaces.all_seen()} | set(self._rows)
        return [each for each in sorted(known) if space_id in {None, each} and self._is_due(each)]

    def _is_due(self, space_id: int) -> bool:
        with contextlib.suppress(StoreError, Missing):
            found = self._spaces.seen(space_id) or self._spaces.look(space_id)
            if found is not None and _may_move(found):
                return bool(found.next or found.previous) or self._index_due(found) is not None
        return False

    def grow(self, space_id: int, stop: Event | None) -> bool:
        """Whether the space has moved. It ends within about a second of ``stop``, or where somebody else is at it."""
        if not self._turn.acquire(blocking=False):
            return False
        try:
            found = self._spaces.look(space_id)
            if found is None or not _may_move(found):
                return False
            if found.previous:
                return _Move(self, found, stop or Event()).finished(found)
            index = self._index_due(found)
            if index is None and not found.next:
                return False
            return _Move(self, found, stop or Event()).done(index)
        except (Missing, _Ended):
            return False
        finally:
            self._turn.release()

    def _index_due(self, found: Found) -> IndexKind | None:
        """The index that the space should have had by now."""
        counted, since = self._rows.get(found.space_id, (-1, 0))
        if since and (counted < 0 or self._index(found, counted + since) is not None):
            counted, since = self._reading.count(found), 0
            self._rows[found.space_id] = counted, since
        return self._index(found, counted)

    def _index(self, found: Found, rows: int) -> IndexKind | None:
        index = self._line.engine.index_for(found.shape, max(0, rows), self._memory)
        return index if takes_less(index, found.index) else None


class _Move:
    """One space's way from one collection to the next."""

    def __init__(self, growing: Growing, found: Found, stop: Event) -> None:
        self._line, self._spaces = growing._line, growing._spaces
        self._reading, self._writing = growing._reading, growing._writing
        self._found = found
        self._stop = stop
        self._name = secrets.token_hex(4)
        self._count = 0
        self._signed = -_SIGNED

    def done(self, index: IndexKind | None) -> bool:
        found = self._found
        if not self._is_mine():
            return False
        target = self._spaces.at(found.space_id, found.next) if found.next else None
        if target is None or not takes_less(target.index, found.index):
            if index is None:  # somebody dropped it, and there is room for the one in use now
                self._spaces.note_next(found, "")
                return False
            target = self._spaces.make_next(found, index)
        self._sign()
        self._spaces.note_next(found, target.name)
        faults.reached("vectors.next")
        for first, last in reversed(self._reading.ranges(found)):
            self._copy(target, first, last)
        faults.reached("vectors.copied")
        self._wait_for_index(target)
        fresh = self._spaces.at(found.space_id, found.name)
        self._sign(always=True)
        if fresh is None:
            return False
        self._spaces.switch(fresh, target)
        faults.reached("vectors.switched")
        now = self._spaces.look(found.space_id)
        if now is not None:
            self.finished(now)
        return True

    def finished(self, found: Found) -> bool:
        """Drop what the space moved from as soon as nobody can be reading it."""
        if self._stop.wait(_READ_ON):
            return False
        self._spaces.end_move(found)
        return True

    # -- taking turns

    def _is_mine(self) -> bool:
        """Sign, if nobody else is at it: whose signature does not change for a while is gone."""
        seen, end = self._spaces.mover(self._found), time.monotonic() + _STANDS
        while seen and time.monotonic() < end:
            if self._stop.wait(_PAUSE) or self._spaces.mover(self._found) != seen:
                return False
        self._write_signature()
        return not self._stop.wait(_PAUSE) and self._is_signed()

    def _sign(self, *, always: bool = False) -> None:
        """Raises _Ended where it is not this one's turn any more."""
        if self._stop.is_set():
            raise _Ended
        if always or time.monotonic() - self._signed >= _SIGNED:
            if not self._is_signed():
                raise _Ended
            self._write_signature()

    def _write_signature(self) -> None:
        self._count += 1
        self._spaces.note_mover(self._found, f"{self._name} {self._count}")
        self._signed = time.monotonic()

    def _is_signed(self) -> bool:
        return self._spaces.mover(self._found).startswith(self._name)

    # -- copying

    def _copy(self, target: Found, first: int, last: int) -> None:
        """Returns when each id of a range was once seen to be the same in both, the one in use looked at last.

        From then on it is left alone: whoever writes it writes it to both.
        """
        have, want = self._stamps(target, between(first, last))
        if max(len(have), len(want)) > BLOCK:
            for half in reversed(halves(first, last)):
                self._copy(target, *half)
            return
        while other := [each for each in have.keys() | want.keys() if have.get(each) != want.get(each)]:
            self._mend(target, _array(each for each in other if each in want))
            self._writing.remove(target, _array(each for each in other if each not in want), _SECONDS)
            have, want = self._stamps(target, naming(_array(other)))

    def _stamps(self, target: Found, expression: str) -> tuple[dict[int, int], dict[int, int]]:
        self._sign()
        have = self._reading.stamps(target, expression, _SECONDS)
        return have, self._reading.stamps(self._found, expression, _SECONDS)

    def _mend(self, target: Found, ids: Ids) -> None:
        for at in range(0, len(ids), _COPIED):
            rows = self._reading.rows(self._found, ids[at : at + _COPIED], _SECONDS)
            self._sign()
            self._writing.put(target, rows, _SECONDS)
            faults.reached("vectors.copying")

    def _wait_for_index(self, target: Found) -> None:
        """The server makes it of what is sealed; what is written meanwhile is searched row by row."""
        self._line.ask(lambda client, left: client.flush(target.name, timeout=left), MAKE)
        least, since = self._spaces.pending(target), time.monotonic()
        while pending := self._spaces.pending(target):
            if pending < least:
                least, since = pending, time.monotonic()
            if time.monotonic() - since > _NO_PROGRESS:
                raise StoreError(
                    f"{self._line.place} does not get on with the {target.index.name} index of {target.name}",
                    hint="searches go on with the index there is; its own log says more",
                )
            if self._stop.wait(_PAUSE):
                raise _Ended
            self._sign()


def _may_move(found: Found) -> bool:
    return found.stamped and found.generation > 0


def _array(ids: Iterable[int]) -> Ids:
    return np.fromiter(ids, dtype=np.int64)
