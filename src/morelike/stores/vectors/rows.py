"""The durable log of vectors: one SQLite file, from which every process brings its own index up to date."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from morelike import faults
from morelike.errors import SpaceMismatch, StoreDamaged
from morelike.stores.sqlite import Database
from morelike.stores.vectors.shape import Shape
from morelike.types import Ids, Space, Vectors

__all__ = ["Changes", "RowLog", "SpaceRow"]

_VERSION = 1
_SCHEMA = """
CREATE TABLE spaces (
    space INTEGER PRIMARY KEY,
    card TEXT NOT NULL,
    form TEXT NOT NULL,
    metric TEXT NOT NULL,
    dim INTEGER NOT NULL,
    born TEXT NOT NULL,
    revision INTEGER NOT NULL DEFAULT 0,
    floor INTEGER NOT NULL DEFAULT 0,
    snapshot TEXT NOT NULL DEFAULT '',
    snapshot_before TEXT NOT NULL DEFAULT '',
    snapshot_revision INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE gone (
    space INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (space, revision)
) WITHOUT ROWID
"""
_ROWS = "CREATE TABLE {rows} (revision INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE, data BLOB NOT NULL)"
_SPACE = (
    "SELECT space, card, form, metric, dim, born, revision, floor, snapshot, snapshot_before, snapshot_revision "
    "FROM spaces"
)
_PAGE = 16384
"""Vectors of 512 floats fill 4 KiB pages by half only; larger pages cost more where ids land at random."""
_CHUNK_BYTES = 2 << 20


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """What the log knows of a space. ``revision`` counts changed vectors; ``born`` tells two lives of an id apart.

    An index that was last brought up to date before ``floor`` has missed deletions and must be made anew.
    ``snapshots`` are the tokens of snapshots that belong to this very history.
    """

    id: int
    card: str
    shape: Shape
    born: str
    revision: int
    floor: int
    snapshots: tuple[str, str]
    snapshot_revision: int

    @classmethod
    def of(cls, row: tuple[int, str, str, str, int, str, int, int, str, str, int]) -> SpaceRow:
        space, card, form, metric, dim, born, revision, floor, token, before, at = row
        return cls(space, card, Shape(form, metric, dim), born, revision, floor, (token, before), at)


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened to a space after a revision: first drop ``gone``, then put the rows of ``chunks``."""

    row: SpaceRow
    gone: Ids
    chunks: Iterator[tuple[Ids, Vectors]]


class RowLog:
    """Each stored vector is one row under the revision that wrote it; a deletion leaves its id in ``gone``.

    The table of a space is in the order of writing, so what is new since a revision is one scan of its end.
    """

    def __init__(self, path: Path, wait: float) -> None:
        self._database = Database(path, schema=_SCHEMA, version=_VERSION, wait=wait, page_size=_PAGE)

    # -- reading

    def spaces(self) -> dict[int, SpaceRow]:
        """Every space by id. Some microseconds where nothing changed, so each search may ask."""
        with self._database.reading() as reader:
            return {} if reader is None else reader.remembered(_read_spaces)

    @contextlib.contextmanager
    def changes(self, space_id: int, since: int) -> Iterator[Changes | None]:
        """What happened after the revision ``since``, all of one moment; None where there is no such space."""
        with self._database.reading() as reader:
            if reader is None:
                yield None
                return
            with self._database.transaction(reader) as connection:
                row = _read_spaces(connection).get(space_id)
                if row is None:
                    yield None
                    return
                gone = connection.execute(
                    "SELECT id FROM gone WHERE space = ? AND revision > ?", (space_id, since)
                ).fetchall()
                cursor = connection.execute(_on(space_id, "SELECT id, data FROM {rows} WHERE revision > ?"), (since,))
                yield Changes(row, np.array(gone, dtype=np.int64).reshape(-1), _chunks(cursor, row.shape))

    def fetch(self, space: Space, ids: Ids) -> tuple[Ids, Vectors]:
        """Those that are there, in the order asked for. Raises SpaceMismatch."""
        shape = Shape.of(space.card)
        found: dict[int, bytes] = {}
        with self._table(space.id) as connection:
            if connection is not None:
                check_card(space, _read_spaces(connection)[space.id])
                wanted = _on(space.id, "SELECT id, data FROM {rows} WHERE id IN (SELECT value FROM json_each(?))")
                found.update(connection.execute(wanted, (json.dumps(ids.tolist()),)))
        there = [segment for segment in ids.tolist() if segment in found]
        return np.array(there, dtype=np.int64), _matrix([found[segment] for segment in there], shape).copy()

    def ids(self, space_id: int, block: int = 65536) -> Iterator[Ids]:
        """Ascending, in blocks, each of them read by itself so that no writer waits for the caller."""
        last = -1
        while True:
            with self._table(space_id) as connection:
                if connection is None:
                    return
                query = _on(space_id, "SELECT id FROM {rows} WHERE id > ? ORDER BY id LIMIT ?")
                found = connection.execute(query, (last, block)).fetchall()
            if not found:
                return
            ids = np.array(found, dtype=np.int64).reshape(-1)
            last = int(ids[-1])
            yield ids

    def count(self, space_id: int) -> int:
        with self._table(space_id) as connection:
            if connection is None:
                return 0
            number: int = connection.execute(_on(space_id, "SELECT count(*) FROM {rows}")).fetchone()[0]
            return number

    @contextlib.contextmanager
    def _table(self, space_id: int) -> Iterator[sqlite3.Connection | None]:
        """One view of the database in which the space's table is there; None where it is not."""
        with self._database.reading() as reader:
            if reader is None:
                yield None
                return
            with self._database.transaction(reader) as connection:
                yield connection if space_id in _read_spaces(connection) else None

    # -- writing

    def upsert(self, space: Space, ids: Ids, vectors: Vectors) -> None:
        """One transaction; ``ids`` are distinct and ``vectors`` C-contiguous."""
        with self._database.writing() as connection:
            row = _read_spaces(connection).get(space.id) or _create_space(connection, space)
            check_card(space, row)
            size = row.shape.bytes
            data = memoryview(vectors.tobytes())
            revisions = range(row.revision + 1, row.revision + 1 + len(ids))
            connection.executemany(
                _on(space.id, "INSERT OR REPLACE INTO {rows} (revision, id, data) VALUES (?, ?, ?)"),
                (
                    (revision, segment, data[at : at + size])
                    for revision, segment, at in zip(revisions, ids.tolist(), range(0, len(data), size), strict=True)
                ),
            )
            _set_revision(connection, space.id, revisions[-1])
            faults.reached("vectors.written")
        faults.reached("vectors.synced")

    def delete(self, space_id: int, ids: Ids) -> None:
        with self._database.writing() as connection:
            row = _read_spaces(connection).get(space_id)
            if row is None:
                return
            query = _on(space_id, "DELETE FROM {rows} WHERE id IN (SELECT value FROM json_each(?)) RETURNING id")
            gone = connection.execute(query, (json.dumps(ids.tolist()),)).fetchall()
            connection.executemany(
                "INSERT INTO gone (space, revision, id) VALUES (?, ?, ?)",
                ((space_id, row.revision + 1 + i, segment) for i, (segment,) in enumerate(gone)),
            )
            _set_revision(connection, space_id, row.revision + len(gone))

    def drop(self, space_id: int) -> None:
        with self._database.writing() as connection:
            if space_id in _read_spaces(connection):
                connection.execute(_on(space_id, "DROP TABLE {rows}"))
                connection.execute("DELETE FROM gone WHERE space = ?", (space_id,))
                connection.execute("DELETE FROM spaces WHERE space = ?", (space_id,))

    def announce_snapshot(self, space_id: int, born: str, revision: int, token: str) -> bool:
        """Say that the snapshot ``token`` is about to be written; False where it could not be brought up to date from
        ``revision``, as the space was made anew or deletions since then were forgotten.

        Whoever restores an older copy of the log restores an older token too, and no later snapshot is believed.
        """
        with self._database.writing() as connection:
            changed = connection.execute(
                "UPDATE spaces SET snapshot_before = snapshot, snapshot = ? "
                "WHERE space = ? AND born = ? AND revision >= ? AND floor <= ?",
                (token, space_id, born, revision, revision),
            )
            return changed.rowcount == 1

    def finish_snapshot(self, space_id: int, revision: int) -> None:
        """Note that a snapshot stands at ``revision``: no index needs to learn of deletions before it."""
        with self._database.writing() as connection:
            connection.execute("UPDATE spaces SET snapshot_revision = ? WHERE space = ?", (revision, space_id))
            _forget_deletions(connection, space_id, revision)

    def forget_deletions(self, space_id: int, until: int) -> None:
        """Drop what was noted of deletions up to a revision; indexes that are older will be made anew."""
        with self._database.writing() as connection:
            _forget_deletions(connection, space_id, until)

    # -- the file

    def tidy(self) -> None:
        self._database.tidy()

    def verify(self) -> list[str]:
        """One sentence a fault."""
        found = self._database.verify()
        if found:
            return found
        with self._database.reading() as reader:
            for row in [] if reader is None else reader.remembered(_read_spaces).values():
                query = _on(row.id, "SELECT count(*) FROM {rows} WHERE length(data) <> ?")
                wrong = reader.connection.execute(query, (row.shape.bytes,)).fetchone()[0] if reader else 0
                if wrong:
                    one = wrong == 1
                    what = f"{wrong} vector{'' if one else 's'} of space {row.id} {'has' if one else 'have'}"
                    found.append(f"{self._database.path}: {what} a wrong length")
        return found

    def set_aside(self) -> None:
        """Rename the file and begin an empty one."""
        self._database.set_aside()

    def bytes_used(self) -> int:
        return self._database.bytes_used()

    def close(self) -> None:
        self._database.close()


def check_card(space: Space, row: SpaceRow) -> None:
    """Raises SpaceMismatch where the space's vectors came from another card."""
    if row.card != space.card.id:
        raise SpaceMismatch(
            f"space {space.id} holds vectors of {row.card}, not of {space.card.id}",
            hint="`morelike reembed` gives a collection another encoder",
        )


def _on(space_id: int, statement: str) -> str:
    """The statement about the table of one space; a whole number cannot be anything but part of a name."""
    return statement.replace("{rows}", f"rows_{space_id:d}")


def _read_spaces(connection: sqlite3.Connection) -> dict[int, SpaceRow]:
    return {row[0]: SpaceRow.of(row) for row in connection.execute(_SPACE)}


def _create_space(connection: sqlite3.Connection, space: Space) -> SpaceRow:
    shape = Shape.of(space.card)
    connection.execute(
        "INSERT INTO spaces (space, card, form, metric, dim, born) VALUES (?, ?, ?, ?, ?, ?)",
        (space.id, space.card.id, shape.form, shape.metric, shape.dim, uuid.uuid4().hex),
    )
    connection.execute(_on(space.id, _ROWS))
    return _read_spaces(connection)[space.id]


def _set_revision(connection: sqlite3.Connection, space_id: int, revision: int) -> None:
    connection.execute("UPDATE spaces SET revision = ? WHERE space = ?", (revision, space_id))


def _forget_deletions(connection: sqlite3.Connection, space_id: int, until: int) -> None:
    last = connection.execute(
        "SELECT max(revision) FROM gone WHERE space = ? AND revision <= ?", (space_id, until)
    ).fetchone()[0]
    if last is not None:
        connection.execute("DELETE FROM gone WHERE space = ? AND revision <= ?", (space_id, last))
        connection.execute("UPDATE spaces SET floor = ? WHERE space = ?", (last, space_id))


def _chunks(cursor: sqlite3.Cursor, shape: Shape) -> Iterator[tuple[Ids, Vectors]]:
    rows = max(1, _CHUNK_BYTES // shape.bytes)
    while found := cursor.fetchmany(rows):
        ids = np.array([segment for segment, _ in found], dtype=np.int64)
        yield ids, _matrix([data for _, data in found], shape)


def _matrix(rows: list[bytes], shape: Shape) -> Vectors:
    """(n, columns), not writeable."""
    if any(len(row) != shape.bytes for row in rows):
        raise StoreDamaged("the log holds a vector of a wrong length", hint="run `morelike doctor --fix`")
    return np.frombuffer(b"".join(rows), dtype=shape.dtype).reshape(len(rows), shape.columns)
