"""Near duplicates of one collection: look at every item once, pair up what may be the same, and make sure of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from morelike.dedup.alignment import Floats
from morelike.dedup.candidates import NEIGHBOURS, Pairs, Sketches, by_hash, by_neighbours
from morelike.dedup.groups import Likeness, Pair, pair_of
from morelike.dedup.looking import PAGE, Alike, Looking, pages
from morelike.dedup.pictures import Pictures, Screened
from morelike.errors import ItemError, OriginalGone
from morelike.originals import original
from morelike.prepare import decoding, map_ahead
from morelike.types import WHOLE, Ids, Item, Kind, Payload, SegmentSpec

__all__ = ["VERIFIERS", "Near", "Verifier"]

SCREENED = 256
LOOKS = 192
"""How many items' looks are kept at once, a third of a megabyte each for pictures."""


class Verifier(Protocol):
    """What makes sure that two payloads of a kind are the same. Safe from any thread."""

    sketch_side: int
    look_side: int
    sketch_shape: tuple[int, int]

    def sketch(self, picture: Payload, /) -> tuple[int | None, NDArray[np.uint8]]: ...

    def screen(self, first: NDArray[np.uint8], second: NDArray[np.uint8], /) -> Screened: ...

    def look(self, picture: Payload, /) -> Any: ...

    def thumbnail(self, look: Any, /) -> NDArray[np.uint8]: ...

    def compare(self, template: Any, picture: Any, start: Floats, threshold: float, /) -> Likeness | None: ...


VERIFIERS: Mapping[Kind, Callable[[], Verifier]] = {"image": Pictures}
"""By payload kind; items of another kind have no near duplicates yet."""


@dataclass(slots=True)
class _Known:
    """What is remembered of the items of one kind, by position."""

    ids: list[str] = field(default_factory=list)
    segments: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """Two items to be held against each other, and where the second seems to lie in the first."""

    template: str
    picture: str
    start: Floats


def _task(one: str, other: str, screened: Screened, at: int) -> _Task:
    template, picture = (other, one) if screened.turned[at] else (one, other)
    return _Task(template, picture, screened.maps[at])


class Near:
    """The look at items that are one segment each."""

    def __init__(self, looking: Looking) -> None:
        self._looking = looking
        self._stores = looking.stores
        self._collection = looking.collection
        self._modality = looking.modality
        self._threshold = looking.threshold
        self._teller = looking.teller
        self._stop = looking.stop
        self._looks: OrderedDict[tuple[Kind, str], Any] = OrderedDict()
        self._lock = Lock()

    def pairs(self) -> Alike:
        """See ``Look``."""
        found: dict[Pair, Likeness] = {}
        with self._looking.pool() as pool:
            for kind in self._modality.kinds:
                if kind in VERIFIERS:
                    found.update(self._pairs_of(kind, VERIFIERS[kind](), pool))
        return Alike(found)

    def compare(self, one: str, other: str) -> Likeness | None:
        """See ``Look``."""
        for kind in self._modality.kinds:
            if kind not in VERIFIERS or self._stop.is_set():
                continue
            verifier = VERIFIERS[kind]()
            first, second = (self._look(verifier, kind, item) for item in (one, other))
            if first is None or second is None:
                continue
            screened = verifier.screen(verifier.thumbnail(first)[None], verifier.thumbnail(second)[None])
            if screened.worth[0]:
                return self._compare(verifier, kind, _task(one, other, screened, 0))
        return None

    def _pairs_of(self, kind: Kind, verifier: Verifier, pool: ThreadPoolExecutor) -> dict[Pair, Likeness]:
        known = self._known(kind)
        sketches = Sketches(len(known.ids), verifier.sketch_shape)
        try:
            self._sketch_all(kind, verifier, known, sketches, pool)
            pairs = self._candidates(kind, known, sketches)
            found: dict[Pair, Likeness] = {}
            tasks = self._tasks(verifier, known, sketches, pairs)

            def work(task: _Task) -> Likeness | None:
                return self._compare(verifier, kind, task)

            for task, likeness in map_ahead(pool, work, tasks, self._stores.settings.look_ahead):
                if isinstance(likeness, Likeness):
                    found[pair_of(task.template, task.picture)] = likeness
            return found
        finally:
            sketches.close()

    def _known(self, kind: Kind) -> _Known:
        """Items that are one segment of this kind, regions of it apart; an item of several is more than its parts."""
        known = _Known()
        for items in pages(self._stores, self._collection):
            segments = self._stores.catalog.segments_of(self._collection, [item.id for item in items])
            for item in items:
                own = [one for one in segments.get(item.id, []) if one.span.unit != "pixels"]
                if len(own) == 1 and own[0].kind == kind and own[0].span == WHOLE:
                    known.ids.append(item.id)
                    known.segments.append(own[0].id)
            if self._stop.is_set():
                break
        return known

    def _sketch_all(
        self, kind: Kind, verifier: Verifier, known: _Known, sketches: Sketches, pool: ThreadPoolExecutor
    ) -> None:
        self._teller.begin("items looked at", len(known.ids))

        def wanted() -> Iterator[tuple[int, Item]]:
            for start in range(0, len(known.ids), PAGE):
                some = known.ids[start : start + PAGE]
                items = self._stores.catalog.get_items(self._collection, some)
                for at, item_id in enumerate(some, start):
                    if self._stop.is_set():
                        return
                    if item_id in items:
                        yield at, items[item_id]

        def work(task: tuple[int, Item]) -> tuple[int | None, NDArray[np.uint8]] | None:
            payload = self._payload(task[1], kind, verifier.sketch_side)
            return None if payload is None else verifier.sketch(payload)

        for (at, _), result in map_ahead(pool, work, wanted(), self._stores.settings.look_ahead):
            if isinstance(result, tuple):
                sketches.put(at, *result)
                self._looking.looked_at += 1
            self._teller.at(at + 1)

    def _candidates(self, kind: Kind, known: _Known, sketches: Sketches) -> Pairs:
        found = [by_hash(sketches.hashes, sketches.hashed)]
        ids: Ids = np.array(known.segments, dtype=np.int64)
        for space in filter(lambda space: space.has_vectors, self._looking.spaces(kind)):
            self._teller.begin("neighbourhoods searched", len(ids))

            def stopped(done: int) -> bool:
                self._teller.at(done)
                return self._stop.is_set()

            # where pictures have regions, those of a picture itself are among its nearest
            around = round(self._stores.vectors.count(space) / max(len(ids), 1)) or 1
            found.append(by_neighbours(self._stores.vectors, space, ids, stopped, k=NEIGHBOURS * around))
        pairs = np.unique(np.concatenate(found), axis=0)
        both = sketches.seen[pairs[:, 0]] & sketches.seen[pairs[:, 1]]
        chosen: Pairs = pairs[both]
        return chosen

    def _tasks(self, verifier: Verifier, known: _Known, sketches: Sketches, pairs: Pairs) -> Iterator[_Task]:
        self._teller.begin("pairs compared", len(pairs))
        for start in range(0, len(pairs), SCREENED):
            if self._stop.is_set():
                return
            some = pairs[start : start + SCREENED]
            screened = verifier.screen(sketches.thumbnails[some[:, 0]], sketches.thumbnails[some[:, 1]])
            for at in np.flatnonzero(screened.worth).tolist():
                if self._stop.is_set():
                    return
                one, other = some[at].tolist()
                yield _task(known.ids[one], known.ids[other], screened, at)
                self._teller.at(start + at + 1)
        self._teller.at(len(pairs))

    def _compare(self, verifier: Verifier, kind: Kind, task: _Task) -> Likeness | None:
        template, picture = self._look(verifier, kind, task.template), self._look(verifier, kind, task.picture)
        if template is None or picture is None:
            return None
        return verifier.compare(template, picture, task.start, self._threshold)

    def _look(self, verifier: Verifier, kind: Kind, item_id: str) -> Any:
        key = kind, item_id
        with self._lock:
            if key in self._looks:
                self._looks.move_to_end(key)
                return self._looks[key]
        payload = self._payload_of(item_id, kind, verifier.look_side)
        look = None if payload is None else verifier.look(payload)
        with self._lock:
            self._looks[key] = look
            while len(self._looks) > LOOKS:
                self._looks.popitem(last=False)
        return look

    def _payload_of(self, item_id: str, kind: Kind, side: int) -> Payload | None:
        item = self._stores.catalog.get_items(self._collection, [item_id]).get(item_id)
        return None if item is None else self._payload(item, kind, side)

    def _payload(self, item: Item, kind: Kind, side: int) -> Payload | None:
        """Decoded; None where that cannot be done any more, which is a row in the report."""
        try:
            blob = original(self._stores, item)
            with decoding(blob):
                return self._modality.load(blob, SegmentSpec(kind), {"side": side})
        except (ItemError, OriginalGone, MemoryError) as error:
            self._looking.pass_over(item, error)
        return None
