"""Sketches in SQLite, found by the hashes that they share: an inverted index kept as sorted runs."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from morelike.errors import SpaceMismatch, UsageError
from morelike.settings import Settings
from morelike.stores._postings import (
    BLOCK,
    MOST_PLACES,
    Postings,
    Run,
    joined,
    matched,
    most_agreeing,
    pack_sketch,
    packed,
    postings_of,
    record_of,
    unpack_sketch,
)
from morelike.stores.sqlite import Database, Reader
from morelike.types import Ids, Sketch, Space, Within

__all__ = ["LARGEST_SKETCH", "LATEST_TICK", "SqliteSketchStore"]

LARGEST_SKETCH = 2**16
"""Hashes in one sketch: what is longer is cut into segments."""
LATEST_TICK = 2**23
"""``at`` lies between minus this and this."""
_VERSION = 1
_SCHEMA = """
CREATE TABLE spaces (space INTEGER PRIMARY KEY, card TEXT NOT NULL, dead INTEGER NOT NULL);
CREATE TABLE segments (
  slot INTEGER PRIMARY KEY AUTOINCREMENT, space INTEGER NOT NULL, segment INTEGER NOT NULL, size INTEGER NOT NULL,
  sketch BLOB NOT NULL, UNIQUE (space, segment));
CREATE TABLE runs (
  run INTEGER PRIMARY KEY AUTOINCREMENT, space INTEGER NOT NULL, postings INTEGER NOT NULL, slot_base INTEGER NOT NULL,
  at_base INTEGER NOT NULL, widths TEXT NOT NULL, firsts BLOB NOT NULL);
CREATE INDEX runs_of_space ON runs (space);
CREATE TABLE blocks (block INTEGER PRIMARY KEY, data BLOB NOT NULL)"""
_BLOCK_BITS = 24
"""A block's key is its run's number, then its own."""
_MERGED = 8
"""So many runs of about one size become one …"""
_LARGEST_RUN = 2**18
"""… unless they have so many postings already: merging is done in memory."""
_DEAD_SHARE = 0.25
"""When more of the postings belong to deleted sketches, they are dropped."""
_ID_BLOCK = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """What a search needs to know of a space, read once after each change."""

    slots: Ids
    """Of the sketches that are there, ascending; any other slot in a posting belongs to a deleted one."""
    ids: Ids
    runs: Sequence[Run]


class SqliteSketchStore:
    """``sketches.sqlite``. A sketch gets a slot of its own; each ``upsert`` writes its postings as one sorted run.

    Eight runs of a size are merged to one (the log-structured merge of O'Neil et al. 1996), up to two million
    postings: so a search reads a few blocks a hash and a write touches few pages, however large the index is.
    A delete takes the sketch away; its postings, whose slot is never used again, go with a later merge. A hash at
    more than 16 384 places is not looked for, and of one query two million agreements at the most, those of rare
    hashes first.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        path = folder / "sketches.sqlite"
        self._database = Database(path, schema=_SCHEMA, version=_VERSION, wait=settings.lock_timeout)

    def upsert(self, space: Space, ids: Ids, sketches: Sequence[Sketch]) -> None:
        """Durable when it returns; of a repeated id the last sketch counts.

        Raises SpaceMismatch, UsageError on what is no sketch, StoreFull, StoreReadOnly.
        """
        if len(ids) != len(sketches):
            raise UsageError(f"{len(ids)} ids were given for {len(sketches)} sketches")
        rows = {int(segment): _checked(sketch) for segment, sketch in zip(ids, sketches, strict=True)}
        if not rows:
            return
        with self._database.writing() as connection:
            _ready(connection, space)
            _forget(connection, space.id, list(rows))
            slots = [_add(connection, space.id, segment, sketch) for segment, sketch in rows.items()]
            _write_run(connection, space.id, postings_of(slots, list(rows.values())))
            _tidy(connection, space.id)

    def delete(self, space: Space, ids: Ids) -> None:
        """Durable when it returns; absent ids are passed over."""
        wanted = np.asarray(ids).tolist()
        with self._database.writing() as connection:
            if wanted and _card(connection, space.id) is not None:
                _forget(connection, space.id, wanted)
                _tidy(connection, space.id)

    def search(self, space: Space, sketch: Sketch, k: int, *, within: Within | None = None) -> tuple[Ids, Ids, Ids]:
        """See ``SketchStore``; of shifts with equal votes the one with more exact ones counts, then the least."""
        query = _checked(sketch)
        chosen = None if within is None else within.ids()
        nothing = np.empty(0, np.int64)
        if not len(query.hashes) or k < 1:
            return nothing, nothing, nothing
        with self._view(space.id) as (connection, view):
            if connection is None or not len(view.slots):
                return nothing, nothing, nothing
            pairs = matched(*_read(connection, view.runs, query))
        place = np.minimum(np.searchsorted(view.slots, pairs.slot), len(view.slots) - 1)
        keep = view.slots[place] == pairs.slot
        if chosen is not None:
            keep &= np.isin(view.ids, chosen)[place]
        pairs.slot[:] = place
        found, votes, shifts = most_agreeing(pairs.chosen(keep), k, view.ids)
        return view.ids[found], votes, shifts

    def fetch(self, space: Space, ids: Ids) -> list[Sketch | None]:
        wanted = np.asarray(ids).tolist()
        with self._reading() as connection:
            if connection is None:
                return [None] * len(wanted)
            query = (
                "SELECT segment, sketch FROM segments WHERE space = ? AND segment IN (SELECT value FROM json_each(?))"
            )
            found = dict(connection.execute(query, (space.id, json.dumps(wanted))).fetchall())
        return [unpack_sketch(found[segment]) if segment in found else None for segment in wanted]

    def ids(self, space: Space) -> Iterator[Ids]:
        """Ascending, in blocks."""
        last = -1
        while True:
            with self._reading() as connection:
                if connection is None:
                    return
                query = "SELECT segment FROM segments WHERE space = ? AND segment > ? ORDER BY segment LIMIT ?"
                found = connection.execute(query, (space.id, last, _ID_BLOCK)).fetchall()
            if not found:
                return
            ids = np.array(found, dtype=np.int64).reshape(-1)
            last = int(ids[-1])
            yield ids

    def count(self, space: Space) -> int:
        with self._reading() as connection:
            if connection is None:
                return 0
            query = "SELECT count(*) FROM segments WHERE space = ?"
            number: int = connection.execute(query, (space.id,)).fetchone()[0]
            return number

    def drop(self, space_id: int) -> None:
        with self._database.writing() as connection:
            _drop_runs(connection, [run for run, _ in _sizes(connection, space_id)])
            connection.execute("DELETE FROM segments WHERE space = ?", (space_id,))
            connection.execute("DELETE FROM spaces WHERE space = ?", (space_id,))

    def space_ids(self) -> Iterator[int]:
        with self._reading() as connection:
            found = [] if connection is None else connection.execute("SELECT space FROM spaces ORDER BY 1").fetchall()
        yield from (space for (space,) in found)

    def bytes_used(self) -> int:
        return self._database.bytes_used()

    def close(self) -> None:
        self._database.close()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """One unchanging view of the database; None where nothing was ever written."""
        with self._database.reading() as reader:
            if reader is None:
                yield None
                return
            with self._database.transaction(reader) as connection:
                yield connection

    @contextlib.contextmanager
    def _view(self, space_id: int) -> Iterator[tuple[sqlite3.Connection | None, _View]]:
        with self._database.reading() as reader:
            if reader is None:
                yield None, _View(np.empty(0, np.int64), np.empty(0, np.int64), [])
                return
            with self._database.transaction(reader) as connection:
                yield connection, _known_view(reader, space_id)


def _known_view(reader: Reader, space_id: int) -> _View:
    # The first reading fixes what this transaction sees; only then does the version say whose it is.
    reader.connection.execute("SELECT count(*) FROM spaces").fetchone()
    views: dict[int, _View] = reader.remembered(lambda _: {})
    if space_id not in views:
        views[space_id] = _read_view(reader.connection, space_id)
    return views[space_id]


def _read_view(connection: sqlite3.Connection, space_id: int) -> _View:
    query = "SELECT slot, segment FROM segments WHERE space = ?"  # the unique index has both: no sketch is read
    rows = np.array(connection.execute(query, (space_id,)).fetchall(), dtype=np.int64).reshape(-1, 2)
    rows = rows[np.argsort(rows[:, 0])]
    return _View(np.ascontiguousarray(rows[:, 0]), np.ascontiguousarray(rows[:, 1]), _runs(connection, space_id))


def _runs(connection: sqlite3.Connection, space_id: int, only: Sequence[int] | None = None) -> list[Run]:
    query = "SELECT run, postings, slot_base, at_base, widths, firsts FROM runs WHERE space = ? ORDER BY run"
    return [
        Run(number, postings, slot_base, at_base, record_of(widths), np.frombuffer(firsts, "<u8"))
        for number, postings, slot_base, at_base, widths, firsts in connection.execute(query, (space_id,))
        if only is None or number in only
    ]


def _read(connection: sqlite3.Connection, runs: Sequence[Run], query: Sketch) -> tuple[Sketch, list[Postings]]:
    """The blocks in which the query's hashes may lie; without those hashes that fill more blocks than are worth it."""
    hashes, which = np.unique(query.hashes, return_inverse=True)
    ranges = [run.blocks_of(hashes) for run in runs]
    longest = np.max([last - first for first, last in ranges], axis=0) if ranges else np.zeros(len(hashes))
    rare = longest <= MOST_PLACES // BLOCK + 1  # the two at the ends may hold one of it each
    found = []
    for run, (first, last) in zip(runs, ranges, strict=True):
        lengths = np.where(rare, last - first + 1, 0)
        steps = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        wanted = np.unique(np.repeat(first, lengths) + steps)
        if len(wanted):
            found.append(run.unpacked(_blocks(connection, run.number, wanted)))
    return Sketch(query.hashes[rare[which]], query.at[rare[which]]), found


def _blocks(connection: sqlite3.Connection, run: int, numbers: Ids | None = None) -> dict[int, bytes]:
    """Those blocks of a run, by number, or all of them."""
    start = run << _BLOCK_BITS
    if numbers is None:
        query = "SELECT block, data FROM blocks WHERE block BETWEEN ? AND ? ORDER BY block"
        rows = connection.execute(query, (start, start + (1 << _BLOCK_BITS) - 1))
    else:
        query = "SELECT block, data FROM blocks WHERE block IN (SELECT value FROM json_each(?)) ORDER BY block"
        rows = connection.execute(query, (json.dumps((numbers + start).tolist()),))
    return {block - start: data for block, data in rows}


def _add(connection: sqlite3.Connection, space_id: int, segment: int, sketch: Sketch) -> int:
    query = "INSERT INTO segments (space, segment, size, sketch) VALUES (?, ?, ?, ?)"
    slot = connection.execute(query, (space_id, segment, len(sketch.hashes), pack_sketch(sketch))).lastrowid
    return int(slot or 0)


def _forget(connection: sqlite3.Connection, space_id: int, segments: Sequence[int]) -> None:
    """Take sketches away; how many postings they leave behind is added up."""
    chosen = "FROM segments WHERE space = ? AND segment IN (SELECT value FROM json_each(?))"
    wanted = (space_id, json.dumps(segments))
    (dead,) = connection.execute(f"SELECT coalesce(sum(size), 0) {chosen}", wanted).fetchone()
    connection.execute(f"DELETE {chosen}", wanted)
    connection.execute("UPDATE spaces SET dead = dead + ? WHERE space = ?", (dead, space_id))


def _write_run(connection: sqlite3.Connection, space_id: int, postings: Postings) -> None:
    if not len(postings):
        return
    query = "INSERT INTO runs (space, postings, slot_base, at_base, widths, firsts) VALUES (?, ?, 0, 0, '', '')"
    number = int(connection.execute(query, (space_id, len(postings))).lastrowid or 0)
    run, blocks = packed(number, postings)
    query = "UPDATE runs SET slot_base = ?, at_base = ?, widths = ?, firsts = ? WHERE run = ?"
    firsts = run.firsts.astype("<u8").tobytes()
    connection.execute(query, (run.slot_base, run.at_base, run.widths, firsts, number))
    start = number << _BLOCK_BITS
    connection.executemany("INSERT INTO blocks (block, data) VALUES (?, ?)", enumerate(blocks, start))


def _tidy(connection: sqlite3.Connection, space_id: int) -> None:
    """Drop the postings of deleted sketches where there are many; merge runs where there are many of a size."""
    sizes = _sizes(connection, space_id)
    (dead,) = connection.execute("SELECT dead FROM spaces WHERE space = ?", (space_id,)).fetchone()
    if dead > _DEAD_SHARE * sum(size for _, size in sizes):
        for run, _ in sizes:
            _merge(connection, space_id, [run])
        connection.execute("UPDATE spaces SET dead = 0 WHERE space = ?", (space_id,))
    while some := _too_many(_sizes(connection, space_id)):
        _merge(connection, space_id, some)


def _too_many(sizes: Sequence[tuple[int, int]]) -> list[int]:
    """Runs of about one size, eight at the most, where there are eight."""
    alike: dict[int, list[int]] = {}
    for run, size in sizes:
        if size < _LARGEST_RUN:
            some = alike.setdefault((size.bit_length() - 1) // 3, [])
            some.append(run)
            if len(some) == _MERGED:
                return some
    return []


def _merge(connection: sqlite3.Connection, space_id: int, numbers: Sequence[int]) -> None:
    """One run of several, without the postings of deleted sketches, which are then no longer counted as dead."""
    runs = _runs(connection, space_id, numbers)
    everything = joined([run.unpacked(_blocks(connection, run.number)) for run in runs])
    query = "SELECT slot FROM segments WHERE slot IN (SELECT value FROM json_each(?))"
    slots = json.dumps(np.unique(everything.slots).tolist())
    alive = np.array(connection.execute(query, (slots,)).fetchall(), dtype=np.int64).reshape(-1)
    left = everything.chosen(np.isin(everything.slots, alive))
    _drop_runs(connection, numbers)
    _write_run(connection, space_id, left)
    dropped = len(everything) - len(left)
    connection.execute("UPDATE spaces SET dead = max(dead - ?, 0) WHERE space = ?", (dropped, space_id))


def _drop_runs(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    for number in numbers:
        start = number << _BLOCK_BITS
        connection.execute("DELETE FROM blocks WHERE block BETWEEN ? AND ?", (start, start + (1 << _BLOCK_BITS) - 1))
        connection.execute("DELETE FROM runs WHERE run = ?", (number,))


def _sizes(connection: sqlite3.Connection, space_id: int) -> list[tuple[int, int]]:
    """(run, postings), the oldest first."""
    return connection.execute("SELECT run, postings FROM runs WHERE space = ? ORDER BY run", (space_id,)).fetchall()


def _ready(connection: sqlite3.Connection, space: Space) -> None:
    card = _card(connection, space.id)
    if card is None:
        connection.execute("INSERT INTO spaces (space, card, dead) VALUES (?, ?, 0)", (space.id, space.card.id))
    elif card != space.card.id:
        raise SpaceMismatch(
            f"space {space.id} holds the sketches of {card}, not of {space.card.id}",
            hint="another card needs a space of its own",
        )


def _card(connection: sqlite3.Connection, space_id: int) -> str | None:
    row = connection.execute("SELECT card FROM spaces WHERE space = ?", (space_id,)).fetchone()
    return None if row is None else str(row[0])


def _checked(sketch: Sketch) -> Sketch:
    """The same, if it is what a sketch should be. Raises UsageError."""
    hashes, at = np.asarray(sketch.hashes), np.asarray(sketch.at)
    if hashes.dtype != np.uint64 or at.dtype != np.int32 or hashes.ndim != 1 or hashes.shape != at.shape:
        raise UsageError("a sketch has hashes uint64 (n,) and as many at int32")
    if len(hashes) > LARGEST_SKETCH or (len(at) and max(-int(at.min()), int(at.max())) > LATEST_TICK):
        raise UsageError(
            f"a sketch has up to {LARGEST_SKETCH} hashes, at most {LATEST_TICK} ticks in",
            hint="cut what is longer into segments",
        )
    rises, stays = hashes[1:] > hashes[:-1], hashes[1:] == hashes[:-1]
    if not bool(np.all(rises | (stays & (at[1:] >= at[:-1])))):
        raise UsageError("a sketch's hashes ascend, and equal ones stand in the order of at")
    return sketch
