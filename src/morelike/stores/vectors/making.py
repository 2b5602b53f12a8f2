"""Which segments of an index are due, and how one is made while searches and writes go on."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.stores.vectors import segmentfiles
from morelike.stores.vectors.bits import BitSegment
from morelike.stores.vectors.blocks import stored_columns
from morelike.stores.vectors.codes import Codes, rotated
from morelike.stores.vectors.files import as_bytes, written
from morelike.stores.vectors.graph import PROBES, Stopped
from morelike.stores.vectors.layers import LayeredIndex
from morelike.stores.vectors.rowfile import RowFile, checksums
from morelike.stores.vectors.segment import Segment
from morelike.stores.vectors.settled import Settled
from morelike.stores.vectors.shape import Shape
from morelike.types import Ids
from morelike.vecmath import popcount

__all__ = ["Plan", "better", "claimed_due", "due", "largest", "make", "plan", "settles", "wants_graph"]

SETTLED = 50_000
"""Rows from which on a space gets segments; below, all of it is scanned exactly."""
AGAIN = 8_192
"""Recent rows from which on a space that has segments gets another."""
LARGEST_ROWS = 1 << 20
LARGEST_BYTES = 2 << 30
"""The most that one segment holds, in float32: what is at stake when its making is broken off. Its codes are held
three times meanwhile. Fewer and larger ones are searched faster."""
LARGEST_BITS = 128 << 20
"""The same for packed bits, which are all in memory, and twice while they are put in order. As many segments as there
may be are searched together, so that more of them cost little.
"""
GRAPH_ROWS = 20_000
"""Rows of a segment from which on walking a graph is faster than scanning codes."""
_DEAD = 0.2
"""The share of dead rows from which on a segment is made anew."""
_SPREAD = 6.5
"""Standard deviations that a code can express of a rotated row's component; one in 10^10 is beyond."""
_COPIES = 8
"""How many equal rows go into the graph."""
_CHUNK = 2_048


@dataclass(frozen=True, slots=True)
class Plan:
    """A segment to be made of the ``recent`` first recent rows, and of the living rows of ``instead``."""

    recent: int
    instead: list[Settled]


def settles(shape: Shape) -> bool:
    """Whether a space may have segments: codes and their bounds are about inner products, folds about Tanimoto."""
    return shape.metric in {"cosine", "ip", "tanimoto"}


def plan(index: LayeredIndex) -> Plan | None:
    """What is due. Equal sizes are put together, so that a row is moved a few times only, however a space grows."""
    if not settles(index.shape):
        return None
    limit = largest(index.shape)
    recent = min(len(index.recent), limit)
    instead: list[Settled] = []
    if recent < min(limit, _enough(len(index), bool(index.segments))):
        stale = [segment for segment in index.segments if segment.dead > _DEAD * len(segment)]
        if not stale:
            return None
        instead = [min(stale, key=lambda segment: segment.living)]
        recent = max(0, min(recent, limit - instead[0].living))
    size = recent + sum(segment.living for segment in instead)
    for segment in sorted(index.segments, key=lambda segment: segment.living):
        if segment not in instead and segment.living < 2 * size and size + segment.living <= limit:
            instead.append(segment)
            size += segment.living
    return Plan(recent, instead)


def due(index: LayeredIndex, unseen: int) -> bool:
    """Whether an index, to which ``unseen`` changes will be applied, gives anything to make."""
    if unseen and len(index.recent) + unseen >= _enough(len(index), bool(index.segments)):
        return True
    return plan(index) is not None or any(wants_graph(index.shape, segment) for segment in index.segments)


def claimed_due(shape: Shape, recent: int, segments: Sequence[Mapping[str, Any]]) -> bool:
    """The same by what a snapshot says of its segments."""
    if recent >= _enough(recent + sum(each["rows"] - each["dead"] for each in segments), there_are=True):
        return True
    return any(each["dead"] > _DEAD * each["rows"] or _lacks_graph(shape, each) for each in segments)


def _lacks_graph(shape: Shape, said: Mapping[str, Any]) -> bool:
    missing = said["graph"] is None and not said["unlinkable"]
    return missing and shape.metric == "cosine" and said["linked"] >= GRAPH_ROWS


def better(segments: Sequence[Mapping[str, Any]], index: LayeredIndex) -> bool:
    """Whether more of a space lies in segments and graphs by what a snapshot says than in ``index``."""
    rows = sum(each["rows"] - each["dead"] for each in segments)
    graphs = sum(each["graph"] is not None for each in segments)
    own = sum(segment.living for segment in index.segments)
    return (rows, graphs) > (own, sum(segment.graph_digest is not None for segment in index.segments))


def _enough(rows: int, there_are: bool) -> int:
    """How many recent rows are worth a segment."""
    return max(AGAIN, rows // 64) if there_are else SETTLED


def largest(shape: Shape) -> int:
    """The most rows of one segment."""
    limit = LARGEST_BYTES // (shape.dim * 4) if shape.form == "dense" else LARGEST_BITS // stored_columns(shape)
    return max(1, min(LARGEST_ROWS, limit))


def wants_graph(shape: Shape, segment: Settled) -> bool:
    """Rows of different lengths make poor graphs, so only cosine spaces get one."""
    missing = segment.graph_digest is None and not segment.unlinkable
    return missing and shape.metric == "cosine" and segment.linked >= GRAPH_ROWS


def make(
    folder: Path,
    space_id: int,
    index: LayeredIndex,
    due: Plan,
    *,
    looking: Callable[[], AbstractContextManager[None]],
    stopped: Callable[[], bool],
) -> Settled:
    """The segment; its files are complete. ``index`` is left as it is, and must note what is
    ``touched``. ``looking`` keeps changes out for as long as recent rows are read. Raises Stopped, Damaged, OSError.
    """
    with looking():
        source = _Source(index, due)
    name = f"{space_id:d}-{uuid.uuid4().hex}"
    maker = _Maker(folder, name, index.shape, source, looking=looking, stopped=stopped)
    try:
        return maker.made() if index.shape.form == "dense" else maker.ordered()
    except BaseException:
        segmentfiles.remove_files(folder, name)
        raise


class _Source:
    """Where the rows of a planned segment are now."""

    def __init__(self, index: LayeredIndex, due: Plan) -> None:
        self._recent = index.recent
        self._segments = due.instead
        recent = index.recent.dump()[0][: due.recent].copy()  # fewer, where some were deleted since it was planned
        ids, owners, rows = [recent], [np.full(len(recent), -1)], [np.zeros(len(recent), dtype=np.int64)]
        for number, segment in enumerate(due.instead):
            living = np.flatnonzero(segment.alive)
            ids.append(segment.ids[living])
            owners.append(np.full(len(living), number))
            rows.append(living)
        self.ids: Ids = np.concatenate(ids)
        self._owners = np.concatenate(owners)
        self._rows = np.concatenate(rows)

    def read(self, places: Ids) -> NDArray[Any]:
        """Rows in stored form; those that were deleted meanwhile are zeros, and dead when the segment is used."""
        shape = self._recent.shape
        found = np.zeros((len(places), stored_columns(shape)), dtype=shape.dtype)
        owners = self._owners[places]
        recent = owners < 0
        found[recent] = self._recent.stored(self.ids[places[recent]])
        for number, segment in enumerate(self._segments):
            mine = owners == number
            if mine.any():
                found[mine] = segment.read(self._rows[places[mine]])
        return found


class _Maker:
    def __init__(
        self,
        folder: Path,
        name: str,
        shape: Shape,
        source: _Source,
        *,
        looking: Callable[[], AbstractContextManager[None]],
        stopped: Callable[[], bool],
    ) -> None:
        self._folder = folder
        self._name = name
        self._shape = shape
        self._source = source
        self._looking = looking
        self._stopped = stopped

    def made(self) -> Segment:
        count = len(self._source.ids)
        sums, longest = np.empty(count, dtype=np.uint64), 0.0
        for start in range(0, count, _CHUNK):
            stored = self._read(np.arange(start, min(start + _CHUNK, count)))
            sums[start : start + _CHUNK] = checksums(stored)
            longest = max(longest, float(np.linalg.norm(stored, axis=1).max()))
        order, linked = _order(sums)
        longest = longest or 1.0
        codes = Codes(self._shape.dim, longest * min(1.0, _SPREAD / self._shape.dim**0.5) / 127, longest)
        checks = self._write(order, codes)
        path = self._folder / f"{self._name}.rows"
        ids = self._source.ids[order]
        segment = Segment(self._name, ids, codes, RowFile(path, self._shape.dim, checks), linked)
        segment.codes_digest = segmentfiles.write_codes(self._folder, self._name, ids, checks, codes, linked=linked)
        return segment

    def ordered(self) -> BitSegment:
        """Packed bits, by how many are set."""
        count, width = len(self._source.ids), stored_columns(self._shape)
        counts = np.empty(count, dtype=np.int32)
        for start in range(0, count, _CHUNK):
            counts[start : start + _CHUNK] = popcount(self._read(np.arange(start, min(start + _CHUNK, count))))
        order = np.lexsort((self._source.ids, counts))
        rows = np.empty((count, width), dtype=np.uint8)
        for start in range(0, count, _CHUNK):
            rows[start : start + _CHUNK] = self._read(order[start : start + _CHUNK])
        starts = np.searchsorted(counts[order], np.arange(8 * width + 2))
        segment = BitSegment(self._name, self._source.ids[order], rows, starts)
        segment.codes_digest = segmentfiles.write_bits(self._folder, segment)
        return segment

    def _write(self, order: Ids, codes: Codes) -> NDArray[np.uint64]:
        """The file of rows, and the codes beside it."""
        checks = np.empty(len(order), dtype=np.uint64)
        data = codes.make_room(len(order))
        with written(self._folder / f"{self._name}.rows", "rows") as file:
            for start in range(0, len(order), _CHUNK):
                stored = self._read(order[start : start + _CHUNK])
                checks[start : start + _CHUNK] = checksums(stored)
                data[start : start + _CHUNK] = codes.encode(rotated(stored))
                file.write(as_bytes(stored))
        return checks

    def _read(self, places: Ids) -> NDArray[Any]:
        if self._stopped():
            raise Stopped
        with self._looking():
            return self._source.read(places)


def _order(sums: NDArray[np.uint64]) -> tuple[Ids, int]:
    """Places in random order, and how many of them belong into the graph; further copies and probes come last."""
    shuffled = np.random.default_rng(len(sums)).permutation(len(sums))
    by_sum = shuffled[np.argsort(sums[shuffled], kind="stable")]
    ordered = sums[by_sum]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(sums)])
    copy = np.arange(len(sums)) - np.repeat(starts, np.diff(np.append(starts, len(sums))))
    spare = np.zeros(len(sums), dtype=np.bool_)
    spare[by_sum[copy >= _COPIES]] = True
    first, copies = shuffled[~spare[shuffled]], shuffled[spare[shuffled]]
    linked = len(first) - min(PROBES, len(first) // 50)
    return np.concatenate([first[:linked], copies, first[linked:]]), linked
