"""Keyword search in the catalog's own database, where that is a server: what SQLite's FTS5 answers, to the score."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    Select,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from morelike.errors import SpaceMismatch, UsageError
from morelike.settings import Settings
from morelike.stores.catalog.connections import Connected, chunks, retried
from morelike.stores.catalog.engine import Database
from morelike.stores.catalog.schema import term_postings, term_spaces, term_texts
from morelike.stores.catalog.servers import mysql_database, postgresql_database
from morelike.stores.catalog.versions import make_ready
from morelike.types import Ids, Scores, Space, Within
from morelike.words import folded, terms_asked, terms_of

__all__ = ["SqlTermStore", "open_mysql_terms", "open_postgresql_terms"]

_K1, _B = 1.2, 0.75
_LEAST = 1e-6
"""What a word counts that more than half of the texts have, as in FTS5."""
_PARTS = 1e12
"""Scores are summed in whole trillionths: the order of the rows does not change a sum, so equal texts tie."""
_FEW = 2000
"""So many ids of a filter go into the statement; of more, the whole ranking is read until enough are among them."""
_BLOCK = 65_536
_ROWS = 1024


class SqlTermStore(Connected):
    """A row for each term of each text, with how often it is there.

    Words are folded and cut as in the embedded store; pairs of neighbours in a script without spaces, which FTS5 finds
    as phrases, are terms of their own. The text's words are kept beside, to be fetched. Writing is one transaction a
    call. Safe from any thread.
    """

    def upsert(self, space: Space, ids: Ids, texts: Sequence[str]) -> None:
        """Durable when it returns; of a repeated id the last text counts. Raises SpaceMismatch, StoreFull …"""
        if len(ids) != len(texts):
            raise UsageError(f"{len(ids)} ids were given for {len(texts)} texts")
        rows = dict(zip(np.asarray(ids).tolist(), map(folded, texts), strict=True))
        if rows:
            self._upsert(space, rows)

    @retried
    def _upsert(self, space: Space, rows: Mapping[int, list[str]]) -> None:
        with self._writing() as connection:
            _ready(connection, space)
            _remove(connection, space.id, list(rows))
            told = [
                {"space": space.id, "segment": segment, "words": len(words), "text": " ".join(words)}
                for segment, words in rows.items()
            ]
            connection.execute(insert(term_texts), told)
            postings = [
                {"space": space.id, "term": number, "segment": segment, "found": found, "words": len(words)}
                for segment, words in rows.items()
                for number, found in _counted(words).items()
            ]
            for some in chunks(sorted(postings, key=lambda row: (row["term"], row["segment"])), _BLOCK):
                self._database.add_rows(connection, term_postings, some)
            _count(connection, space.id, len(rows), sum(map(len, rows.values())))

    @retried
    def delete(self, space: Space, ids: Ids) -> None:
        """Absent ids are passed over."""
        with self._writing() as connection:
            _remove(connection, space.id, np.unique(np.asarray(ids, dtype=np.int64)).tolist())

    def search(self, space: Space, query: str, k: int, *, within: Within | None = None) -> tuple[Ids, Scores]:
        asked = {_number(term): count for term, count in terms_asked(query).items()}
        chosen = None if within is None else within.ids()
        found: list[tuple[int, float]] = []
        if asked and k > 0 and (chosen is None or len(chosen)):
            with self._reading() as connection:
                weights, mean = _weights(connection, space.id, asked)
                if weights:
                    ranking = _ranking(space.id, weights, mean)
                    found = self._best(connection, ranking, k, chosen)
        ids = np.array([segment for segment, _ in found], dtype=np.int64)
        return ids, np.array([float(score) / _PARTS for _, score in found], dtype=np.float32)

    def fetch(self, space: Space, ids: Ids) -> list[str | None]:
        """The folded words, spaces between them; in the order asked for."""
        wanted = np.asarray(ids).tolist()
        found: dict[int, str] = {}
        table = term_texts.c
        with self._reading() as connection:
            for some in chunks(wanted):
                query = select(table.segment, table.text).where(table.space == space.id, table.segment.in_(some))
                found.update(tuple(row) for row in connection.execute(query))
        return [found.get(segment) for segment in wanted]

    def ids(self, space: Space) -> Iterator[Ids]:
        """Ascending, in blocks."""
        last = -1
        while True:
            table = term_texts.c
            query = select(table.segment).where(table.space == space.id, table.segment > last).order_by(table.segment)
            with self._reading() as connection:
                found = connection.scalars(query.limit(_BLOCK)).all()
            if not found:
                return
            last = int(found[-1])
            yield np.array(found, dtype=np.int64)

    def count(self, space: Space) -> int:
        with self._reading() as connection:
            return _told(connection, space.id)[0]

    @retried
    def drop(self, space_id: int) -> None:
        with self._writing() as connection:
            for table in (term_postings, term_texts, term_spaces):
                connection.execute(delete(table).where(table.c.space == space_id))

    def close(self) -> None:
        """Repeatable."""
        self._closed = True
        self._database.close()

    def _best(
        self, connection: Connection, ranking: Select[Any], k: int, chosen: Ids | None
    ) -> list[tuple[int, float]]:
        if chosen is None:
            return [tuple(row) for row in connection.execute(ranking.limit(k))]
        if len(chosen) <= _FEW:
            one_of = self._database.one_of(term_postings.c.segment, chosen.tolist(), BigInteger())
            return [tuple(row) for row in connection.execute(ranking.where(one_of).limit(k))]
        found: list[tuple[int, float]] = []
        rows = connection.execution_options(yield_per=_ROWS).execute(ranking)
        for some in rows.partitions():
            inside = np.isin([row[0] for row in some], chosen)
            found += [(row[0], row[1]) for row, is_inside in zip(some, inside, strict=True) if is_inside]
            if len(found) >= k:
                break
        rows.close()
        return found[:k]


def open_mysql_terms(folder: Path, settings: Settings) -> SqlTermStore:
    """The words of the library whose catalog ``settings.catalog`` names. Raises as ``open_mysql_catalog`` does."""
    return _opened(mysql_database(folder, settings))


def open_postgresql_terms(folder: Path, settings: Settings) -> SqlTermStore:
    """The same on PostgreSQL."""
    return _opened(postgresql_database(folder, settings))


def _opened(database: Database) -> SqlTermStore:
    try:
        make_ready(database)
    except BaseException:
        database.close()
        raise
    return SqlTermStore(database)


@lru_cache(65_536)
def _number(term: str) -> int:
    """64 bits that stand for a term of any length. Among ten million terms two are alike once in 370 000 libraries."""
    return int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "big", signed=True)


def _counted(words: list[str]) -> Counter[int]:
    return Counter(map(_number, terms_of(words)))


def _ready(connection: Connection, space: Space) -> None:
    card = connection.scalar(select(term_spaces.c.card).where(term_spaces.c.space == space.id))
    if card is None:
        connection.execute(insert(term_spaces).values(space=space.id, card=space.card.id, texts=0, words=0))
    elif card != space.card.id:
        raise SpaceMismatch(
            f"space {space.id} holds the words of {card}, not of {space.card.id}",
            hint="another card needs a space of its own",
        )


def _told(connection: Connection, space_id: int) -> tuple[int, int]:
    """How many texts the space has, and how many words they have together."""
    query = select(term_spaces.c.texts, term_spaces.c.words).where(term_spaces.c.space == space_id)
    row = connection.execute(query).one_or_none()
    return (0, 0) if row is None else (int(row.texts), int(row.words))


def _count(connection: Connection, space_id: int, texts: int, words: int) -> None:
    table = term_spaces
    more = {"texts": table.c.texts + texts, "words": table.c.words + words}
    connection.execute(update(table).where(table.c.space == space_id).values(more))


def _remove(connection: Connection, space_id: int, ids: Sequence[int]) -> None:
    """Texts that are not there are passed over."""
    texts, words = 0, 0
    for some in chunks(ids):
        table = term_texts.c
        query = select(table.segment, table.words).where(table.space == space_id, table.segment.in_(some))
        there = {int(segment): int(number) for segment, number in connection.execute(query)}
        for rows in (term_postings, term_texts) if there else ():
            connection.execute(delete(rows).where(rows.c.space == space_id, rows.c.segment.in_(list(there))))
        texts, words = texts + len(there), words + sum(there.values())
    if texts:
        _count(connection, space_id, -texts, -words)


def _weights(connection: Connection, space_id: int, asked: Mapping[int, int]) -> tuple[dict[int, float], float]:
    """For each term that the space has, what it counts at the most; and the words of a mean text."""
    texts, words = _told(connection, space_id)
    if not words:
        return {}, 0.0
    table = term_postings.c
    query = select(table.term, func.count()).where(table.space == space_id, table.term.in_(list(asked)))
    weights = {}
    for term, holding in connection.execute(query.group_by(table.term)):
        rarity = math.log((texts - holding + 0.5) / (holding + 0.5))
        weights[int(term)] = asked[int(term)] * (rarity if rarity > 0 else _LEAST)
    return weights, words / texts


def _ranking(space_id: int, weights: Mapping[int, float], mean: float) -> Select[Any]:
    """(segment, score) of all texts that have any of the terms, best first, ties by ascending id."""
    table = term_postings.c

    def number(value: float) -> ColumnElement[float]:
        return literal(float(value), Double())

    weight = case({term: number(own) for term, own in weights.items()}, value=table.term)
    length = number(_K1 * (1 - _B)) + number(_K1 * _B / mean) * table.words
    share = weight * number((_K1 + 1) * _PARTS) * table.found / (table.found + length)
    score = func.sum(cast(share, BigInteger)).label("score")
    which = (table.space == space_id, table.term.in_(list(weights)))
    return select(table.segment, score).where(*which).group_by(table.segment).order_by(score.desc(), table.segment)
