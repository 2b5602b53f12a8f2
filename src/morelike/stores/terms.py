"""Keyword search in SQLite's FTS5."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from morelike.errors import SpaceMismatch, UsageError
from morelike.settings import Settings
from morelike.stores.sqlite import Database
from morelike.types import Ids, Scores, Space, Within
from morelike.words import folded, terms_asked

__all__ = ["SqliteTermStore"]

_VERSION = 1
_SCHEMA = "CREATE TABLE spaces (space INTEGER PRIMARY KEY, card TEXT NOT NULL)"
_TABLE = "CREATE VIRTUAL TABLE {terms} USING fts5(text, tokenize = 'ascii')"
"""Words are cut before they come here: what is no ASCII counts as part of one."""
_BLOCK = 65536


class SqliteTermStore:
    """``terms.sqlite``: a table a space, so that a word's rarity is that within its space.

    Texts and queries are folded and cut into words as ``morelike.words`` has it. Scripts that are written without
    spaces are kept a character a word; a query finds them by pairs of neighbours. A text answers when it has any of
    the query's words; BM25 (Robertson & Zaragoza 2009; k1 1.2, b 0.75) ranks, and a word that the query repeats counts
    as often.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        path = folder / "terms.sqlite"
        self._database = Database(path, schema=_SCHEMA, version=_VERSION, wait=settings.lock_timeout)

    def upsert(self, space: Space, ids: Ids, texts: Sequence[str]) -> None:
        """Durable when it returns; of a repeated id the last text counts. Raises SpaceMismatch, StoreFull …"""
        if len(ids) != len(texts):
            raise UsageError(f"{len(ids)} ids were given for {len(texts)} texts")
        rows = dict(zip(np.asarray(ids).tolist(), texts, strict=True))
        if not rows:
            return
        with self._database.writing() as connection:
            _ready(connection, space)
            connection.executemany(
                _on(space.id, "INSERT OR REPLACE INTO {terms} (rowid, text) VALUES (?, ?)"),
                ((segment, " ".join(folded(text))) for segment, text in rows.items()),
            )

    def delete(self, space: Space, ids: Ids) -> None:
        """Absent ids are passed over."""
        wanted = json.dumps(np.asarray(ids).tolist())
        with self._database.writing() as connection:
            if _card(connection, space.id) is not None:
                query = _on(space.id, "DELETE FROM {terms} WHERE rowid IN (SELECT value FROM json_each(?))")
                connection.execute(query, (wanted,))

    def search(self, space: Space, query: str, k: int, *, within: Within | None = None) -> tuple[Ids, Scores]:
        match = _match(query)
        chosen = None if within is None else within.ids()
        found: list[tuple[int, float]] = []
        if match and k > 0:
            with self._table(space.id) as connection:
                if connection is not None:
                    found = _best(connection, space.id, match, k, chosen)
        ids = np.array([segment for segment, _ in found], dtype=np.int64)
        return ids, np.array([-rank for _, rank in found], dtype=np.float32)

    def fetch(self, space: Space, ids: Ids) -> list[str | None]:
        """The folded words, spaces between them; in the order asked for."""
        wanted = np.asarray(ids).tolist()
        found: dict[int, str] = {}
        with self._table(space.id) as connection:
            if connection is not None:
                query = _on(space.id, "SELECT rowid, text FROM {terms} WHERE rowid IN (SELECT value FROM json_each(?))")
                found.update(connection.execute(query, (json.dumps(wanted),)))
        return [found.get(segment) for segment in wanted]

    def ids(self, space: Space) -> Iterator[Ids]:
        """Ascending, in blocks."""
        last = -1
        while True:
            with self._table(space.id) as connection:
                if connection is None:
                    return
                query = _on(space.id, "SELECT rowid FROM {terms} WHERE rowid > ? ORDER BY rowid LIMIT ?")
                found = connection.execute(query, (last, _BLOCK)).fetchall()
            if not found:
                return
            ids = np.array(found, dtype=np.int64).reshape(-1)
            last = int(ids[-1])
            yield ids

    def count(self, space: Space) -> int:
        with self._table(space.id) as connection:
            if connection is None:
                return 0
            number: int = connection.execute(_on(space.id, "SELECT count(*) FROM {terms}")).fetchone()[0]
            return number

    def drop(self, space_id: int) -> None:
        with self._database.writing() as connection:
            if _card(connection, space_id) is not None:
                connection.execute(_on(space_id, "DROP TABLE {terms}"))
                connection.execute("DELETE FROM spaces WHERE space = ?", (space_id,))

    def close(self) -> None:
        self._database.close()

    @contextlib.contextmanager
    def _table(self, space_id: int) -> Iterator[sqlite3.Connection | None]:
        """One view of the database in which the space's table is there; None where it is not."""
        with self._database.reading() as reader:
            if reader is None:
                yield None
                return
            with self._database.transaction(reader) as connection:
                yield connection if _card(connection, space_id) is not None else None


def _best(
    connection: sqlite3.Connection, space_id: int, match: str, k: int, chosen: Ids | None
) -> list[tuple[int, float]]:
    """(id, FTS5's rank) best first: its rank is the negative score, in which lower is closer."""
    query = _on(space_id, "SELECT rowid, rank FROM {terms} WHERE {terms} MATCH ? ORDER BY rank, rowid")
    if chosen is None:
        return connection.execute(f"{query} LIMIT ?", (match, k)).fetchall()
    found: list[tuple[int, float]] = []
    cursor = connection.execute(query, (match,))
    while len(found) < k and (rows := cursor.fetchmany(1024)):
        inside = np.isin([segment for segment, _ in rows], chosen)
        found += [row for row, is_inside in zip(rows, inside, strict=True) if is_inside]
    cursor.close()
    return found[:k]


def _ready(connection: sqlite3.Connection, space: Space) -> None:
    card = _card(connection, space.id)
    if card is None:
        connection.execute("INSERT INTO spaces (space, card) VALUES (?, ?)", (space.id, space.card.id))
        connection.execute(_on(space.id, _TABLE))
    elif card != space.card.id:
        raise SpaceMismatch(
            f"space {space.id} holds the words of {card}, not of {space.card.id}",
            hint="another card needs a space of its own",
        )


def _card(connection: sqlite3.Connection, space_id: int) -> str | None:
    row = connection.execute("SELECT card FROM spaces WHERE space = ?", (space_id,)).fetchone()
    return None if row is None else str(row[0])


def _on(space_id: int, statement: str) -> str:
    """The statement about the table of one space; a whole number cannot be anything but part of a name."""
    return statement.replace("{terms}", f"terms_{space_id:d}")


def _match(query: str) -> str:
    """An FTS5 expression that any of the query's terms satisfies; empty where it has none. What is in it twice counts
    twice in FTS5's rank.
    """
    return " OR ".join(f'"{term}"' for term, count in terms_asked(query).items() for _ in range(count))
