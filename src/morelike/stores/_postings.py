"""The arithmetic of the sketch store: postings packed into blocks, looked up, and counted by shift. numpy only.

A posting says that the sketch in ``slot`` has a hash ``at`` a tick. A run is many postings sorted by their hashes, cut
into blocks of equal length; within a run every field is kept as the difference from a base in as few bytes as hold it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morelike.types import Sketch

__all__ = [
    "BLOCK",
    "MOST_PAIRS",
    "MOST_PLACES",
    "Pairs",
    "Postings",
    "Run",
    "joined",
    "matched",
    "most_agreeing",
    "pack_sketch",
    "packed",
    "postings_of",
    "unpack_sketch",
]

Int64s = NDArray[np.int64]

BLOCK = 256
"""Postings a block: what one hash costs to read."""
MOST_PLACES = 16_384
"""A hash found at more places than this tells nothing apart, and is left out of the search."""
MOST_PAIRS = 2**21
"""So many agreements of a query's hash with a place are looked at, those of the rarest hashes first."""


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """``hashes`` uint64 ascending, ``slots`` int64, ``at`` int64, all (n,)."""

    hashes: NDArray[np.uint64]
    slots: Int64s
    at: Int64s

    def __len__(self) -> int:
        return len(self.hashes)

    def chosen(self, keep: NDArray[np.bool_]) -> Postings:
        return Postings(self.hashes[keep], self.slots[keep], self.at[keep])


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What must be known of a run to read single blocks of it."""

    number: int
    postings: int
    slot_base: int
    at_base: int
    record: np.dtype[np.void]
    """A posting as it lies in a block: hash less the block's first, slot and at less the run's least."""
    firsts: NDArray[np.uint64]
    """The first hash of each block."""

    @property
    def widths(self) -> str:
        return "".join(str(self.record[name].itemsize) for name in ("hash", "slot", "at"))

    def blocks_of(self, hashes: NDArray[np.uint64]) -> tuple[Int64s, Int64s]:
        """(m,) first and last block in which each hash may lie; an empty range where it lies before them all."""
        first = np.maximum(np.searchsorted(self.firsts, hashes, "left") - 1, 0)
        return first, np.searchsorted(self.firsts, hashes, "right") - 1

    def unpacked(self, blocks: Mapping[int, bytes]) -> Postings:
        """The postings of some of its blocks, by number ascending."""
        rows = np.frombuffer(b"".join(blocks.values()), dtype=self.record)
        lengths = [len(data) // self.record.itemsize for data in blocks.values()]
        firsts = np.repeat(self.firsts[np.fromiter(blocks, np.int64, len(blocks))], lengths)
        return Postings(
            rows["hash"].astype(np.uint64) + firsts,
            rows["slot"].astype(np.int64) + self.slot_base,
            rows["at"].astype(np.int64) + self.at_base,
        )


def record_of(widths: str) -> np.dtype[np.void]:
    """The record whose fields have these many bytes, e.g. ``422``."""
    return np.dtype([(name, f"<u{width}") for name, width in zip(("hash", "slot", "at"), widths, strict=True)])


def postings_of(slots: Sequence[int], sketches: Sequence[Sketch]) -> Postings:
    """Every hash of the sketches, sorted."""
    hashes = np.concatenate([sketch.hashes for sketch in sketches])
    at = np.concatenate([sketch.at for sketch in sketches]).astype(np.int64)
    order = np.argsort(hashes, kind="stable")
    return Postings(hashes[order], np.repeat(slots, [len(sketch.hashes) for sketch in sketches])[order], at[order])


def joined(parts: Sequence[Postings]) -> Postings:
    """Several, each sorted, as one."""
    hashes = np.concatenate([part.hashes for part in parts])
    order = np.argsort(hashes, kind="stable")  # which merges what is sorted in parts
    slots, at = np.concatenate([part.slots for part in parts]), np.concatenate([part.at for part in parts])
    return Postings(hashes[order], slots[order], at[order])


def packed(number: int, postings: Postings) -> tuple[Run, list[bytes]]:
    """A run of at least one posting, and its blocks."""
    starts = np.arange(len(postings)) // BLOCK * BLOCK
    firsts = postings.hashes[::BLOCK]
    slot_base, at_base = int(postings.slots.min()), int(postings.at.min())
    fields = (postings.hashes - postings.hashes[starts], postings.slots - slot_base, postings.at - at_base)
    record = record_of("".join(str(_width(int(field.max()))) for field in fields))
    rows = np.empty(len(postings), dtype=record)
    for name, field in zip(("hash", "slot", "at"), fields, strict=True):
        rows[name] = field
    blocks = [rows[start : start + BLOCK].tobytes() for start in range(0, len(rows), BLOCK)]
    return Run(number, len(rows), slot_base, at_base, record, firsts), blocks


def pack_sketch(sketch: Sketch) -> bytes:
    """The widths of its two fields, then the steps from hash to hash, then ``at`` less its least."""
    if not len(sketch.hashes):
        return b""
    steps = np.diff(sketch.hashes, prepend=np.uint64(0))
    base = int(sketch.at.min())
    at = sketch.at.astype(np.int64) - base
    widths = _width(int(steps.max())), _width(int(at.max()))
    head = bytes(widths) + np.array(base, dtype="<i4").tobytes()
    return head + steps.astype(f"<u{widths[0]}").tobytes() + at.astype(f"<u{widths[1]}").tobytes()


def unpack_sketch(data: bytes) -> Sketch:
    """The reverse."""
    if not data:
        return Sketch(np.empty(0, np.uint64), np.empty(0, np.int32))
    count = (len(data) - 6) // (data[0] + data[1])
    base = int(np.frombuffer(data, "<i4", 1, 2)[0])
    steps = np.frombuffer(data, f"<u{data[0]}", count, 6)
    at = np.frombuffer(data, f"<u{data[1]}", count, 6 + count * data[0])
    return Sketch(np.cumsum(steps, dtype=np.uint64), (at.astype(np.int64) + base).astype(np.int32))


def _width(largest: int) -> int:
    """The bytes of the smallest unsigned integer that holds it."""
    return next(width for width in (1, 2, 4, 8) if largest < 1 << (8 * width))


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """(p,) int64: the query's ``entry`` has a hash that ``slot`` has too, ``shift`` ticks later."""

    entry: Int64s
    slot: Int64s
    shift: Int64s

    def chosen(self, keep: NDArray[np.bool_]) -> Pairs:
        return Pairs(self.entry[keep], self.slot[keep], self.shift[keep])


def matched(query: Sketch, found: Sequence[Postings]) -> Pairs:
    """Every agreement of the query's hashes with postings, but of those at more than ``MOST_PLACES`` places."""
    hashes, which, times = np.unique(query.hashes, return_inverse=True, return_counts=True)
    lefts = [np.searchsorted(part.hashes, hashes, "left") for part in found]
    counts = [np.searchsorted(part.hashes, hashes, "right") - left for part, left in zip(found, lefts, strict=True)]
    places = np.zeros(len(hashes), np.int64)
    for count in counts:
        places += count
    rarest = np.argsort(places, kind="stable")
    kept = np.zeros(len(hashes), np.bool_)
    kept[rarest] = (places[rarest] <= MOST_PLACES) & (np.cumsum((places * times)[rarest]) <= MOST_PAIRS)
    parts = []
    for part, left, count in zip(found, lefts, counts, strict=True):
        each = np.where(kept, count, 0)[which]
        entry = np.repeat(np.arange(len(which)), each)
        row = np.repeat(left[which] - (np.cumsum(each) - each), each) + np.arange(len(entry))
        parts.append(Pairs(entry, part.slots[row], part.at[row] - query.at[entry]))
    if not parts:
        nothing = np.empty(0, np.int64)
        return Pairs(nothing, nothing, nothing)
    return Pairs(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("entry", "slot", "shift")))


def most_agreeing(pairs: Pairs, k: int, names: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """At most ``k`` (places in ``names``, votes, shifts): the most votes first, ties by ascending name.

    ``pairs.slot`` are places in ``names`` here. A shift's votes are the entries that agree at it or a tick beside it;
    a slot's shift is, of those at which an entry agrees, the one with the most votes, then with the most entries of
    its own, then the least.
    """
    if not len(pairs.entry) or k < 1:
        nothing = np.empty(0, np.int64)
        return nothing, nothing, nothing
    keys, entries, starts, places, shifts = _counted(pairs)
    counts = np.diff(starts)
    follows = np.diff(keys) == 1
    before = np.concatenate([[0], np.where(follows, counts[:-1], 0)])
    after = np.concatenate([np.where(follows, counts[1:], 0), [0]])
    at_most = before + counts + after  # an entry may agree at two of the three
    begins = np.flatnonzero(np.diff(places, prepend=-1))
    at_least = np.maximum.reduceat(counts, begins)
    enough = 0 if len(at_least) <= k else np.partition(at_least, len(at_least) - k)[len(at_least) - k]
    bound = np.maximum(np.repeat(at_least, np.diff(begins, append=len(places))), enough)
    left = np.flatnonzero(at_most >= bound)
    votes = _votes(left, before[left] > 0, after[left] > 0, starts, entries)
    best = np.lexsort((shifts[left], -counts[left], -votes, places[left]))
    best = best[np.flatnonzero(np.diff(places[left][best], prepend=-1))]
    best = best[np.lexsort((names[places[left][best]], -votes[best]))][:k]
    return places[left][best], votes[best], shifts[left][best]


def _counted(pairs: Pairs) -> tuple[Int64s, Int64s, Int64s, Int64s, Int64s]:
    """(keys, entries, starts, places, shifts): ``entries[starts[i]:starts[i + 1]]`` agree at ``keys[i]``, each once.

    A key is a slot and a shift; keys that follow one another are neighbouring shifts of one slot.
    """
    slots, slot = np.unique(pairs.slot, return_inverse=True)
    least, entry_range = int(pairs.shift.min()), int(pairs.entry.max()) + 1
    shift_range = int(pairs.shift.max()) - least + 2  # one is free between slots
    ordered = np.unique((slot * shift_range + (pairs.shift - least)) * entry_range + pairs.entry)
    key, entries = np.divmod(ordered, entry_range)
    begins = np.flatnonzero(np.diff(key, prepend=-1))
    keys = key[begins]
    place, shift = np.divmod(keys, shift_range)
    return keys, entries, np.append(begins, len(key)), slots[place], shift + least


def _votes(
    left: Int64s, before: NDArray[np.bool_], after: NDArray[np.bool_], starts: Int64s, entries: Int64s
) -> Int64s:
    """How many different entries each of the keys ``left`` has, with the one before and after it where they count."""
    first, last = starts[left - before], starts[left + after + 1]
    votes = last - first
    crowded = np.flatnonzero(before | after)
    if not len(crowded):
        return votes
    lengths = votes[crowded]
    whose = np.repeat(np.arange(len(crowded)), lengths)
    row = np.repeat(first[crowded] - (np.cumsum(lengths) - lengths), lengths) + np.arange(len(whose))
    entry_range = int(entries.max()) + 1
    different = np.unique(whose * entry_range + entries[row])
    votes[crowded] = np.bincount(different // entry_range, minlength=len(crowded))
    return votes
