"""Rows of one collection, read by their ids: whole, in blocks, and counted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import numpy as np

from morelike.stores.vectors._milvus_engine import MOST_ASKED
from morelike.stores.vectors._milvus_fields import COUNT, FIELDS
from morelike.stores.vectors._milvus_line import READ
from morelike.stores.vectors._milvus_spaces import ID, STAMP, VECTOR, Found, Spaces
from morelike.stores.vectors.shape import Shape
from morelike.types import Ids, Vectors

__all__ = ["BLOCK", "Reading", "between", "given", "halves", "kept", "naming"]

_BLOCK_BYTES: Final = 16 * 1024**2
"""Bytes of vectors in one answer; a server sends at most 64 MB."""
BLOCK: Final = 8192
"""Ids in one block of ``ids``."""
_LARGEST_ID: Final = 2**63 - 1
"""A row with this id is found by searches of Milvus 2.3, and by no query: it is kept under -1."""
_INSTEAD: Final = -1


def naming(ids: Ids) -> str:
    """The expression that leaves these ids; whole numbers cannot be anything else in it."""
    return f"{ID} in [{','.join(map(str, kept(ids).tolist()))}]"


def kept(ids: Ids) -> Ids:
    """Segments' ids as Milvus has them."""
    return np.where(ids == _LARGEST_ID, _INSTEAD, ids)


def given(ids: Ids) -> Ids:
    """Milvus' ids as segments have them."""
    return np.where(ids == _INSTEAD, _LARGEST_ID, ids)


class Reading:
    """What lies in a collection now, for every process."""

    def __init__(self, spaces: Spaces) -> None:
        self._spaces = spaces

    def query(
        self,
        found: Found,
        expression: str,
        columns: list[str],
        *,
        limit: int = 0,
        seconds: float = READ,
        strictly: bool = False,
    ) -> list[dict[str, Any]]:
        options: dict[str, Any] = {"limit": limit} if limit else {}

        def ask(client: Any, left: float) -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = client.query(
                found.name,
                filter=expression,
                output_fields=columns,
                consistency_level="Strong" if strictly else self._spaces.level(found),
                timeout=left,
                **options,
            )
            return rows

        return self._spaces.ask(found, ask, seconds)

    def count(self, found: Found, expression: str = "") -> int:
        rows = self.query(found, expression, ["count(*)"])
        return int(rows[0]["count(*)"]) if rows else 0

    def fetch(self, found: Found, ids: Ids) -> tuple[Ids, Vectors]:
        """Those that are there, ascending and once each, with their vectors."""
        shape = found.shape
        step = max(1, min(MOST_ASKED, _BLOCK_BYTES // max(1, shape.bytes)))
        wanted = np.unique(ids)
        blocks = [self._fetch(found, wanted[at : at + step]) for at in range(0, len(wanted), step)]
        if not blocks:
            return np.empty(0, dtype=np.int64), np.empty((0, shape.columns), dtype=shape.dtype)
        return np.concatenate([block for block, _ in blocks]), np.concatenate([rows for _, rows in blocks])

    def ids(self, found: Found, after: int = -1) -> Iterator[Ids]:
        """Every id beyond ``after`` in ascending blocks: ranges are halved until one answer holds what is in them.

        Raises Missing where the collection goes away in between.
        """
        ranges = self.ranges(found, after)
        while ranges:
            first, last = ranges.pop()
            block = self._idsbetween(found, first, last)
            if len(block) > BLOCK:
                ranges += halves(first, last)
            elif len(block):
                yield block

    def ranges(self, found: Found, after: int = -1) -> list[tuple[int, int]]:
        """Ranges (first, last) of all ids that there may be, of about half a block each, the next one at the end."""
        if after >= _LARGEST_ID:
            return []
        parts = min(65_536, 1 + self.count(found) // (BLOCK // 2))
        edges = [(_LARGEST_ID - 1) * part // parts for part in range(parts + 1)]
        ranges = [(max(after + 1, first + (first > 0)), last) for first, last in pairwise(edges)]
        return [(_INSTEAD, _INSTEAD), *((first, last) for first, last in reversed(ranges) if first <= last)]

    def stamps(self, found: Found, expression: str, seconds: float) -> dict[int, int]:
        """The stamps of what an expression leaves, read as strictly as can be; at most as many as can be asked for.

        These ids, and those of ``rows``, are as Milvus has them.
        """
        rows = self.query(found, expression, [ID, STAMP], limit=MOST_ASKED, seconds=seconds, strictly=True)
        return {row[ID]: row[STAMP] for row in rows}

    def rows(self, found: Found, ids: Ids, seconds: float) -> list[dict[str, Any]]:
        """Those that are there, with all their columns, each once."""
        rows = self.query(found, naming(ids), [ID, VECTOR, FIELDS, COUNT, STAMP], seconds=seconds)
        return list({row[ID]: row for row in rows}.values())

    def _idsbetween(self, found: Found, first: int, last: int) -> Ids:
        rows = self.query(found, between(first, last), [ID], limit=BLOCK + 1)
        return np.unique(given(np.array([row[ID] for row in rows], dtype=np.int64)))

    def _fetch(self, found: Found, ids: Ids) -> tuple[Ids, Vectors]:
        rows = self.query(found, naming(ids), [ID, VECTOR])
        stored, first = np.unique(given(np.array([row[ID] for row in rows], dtype=np.int64)), return_index=True)
        vectors = [_vector(found.shape, rows[at][VECTOR]) for at in first.tolist()]
        if not vectors:
            return stored, np.empty((0, found.shape.columns), dtype=found.shape.dtype)
        return stored, np.stack(vectors)


def between(first: int, last: int) -> str:
    """The expression that leaves a range of ids."""
    return f"{ID} >= {first:d} and {ID} <= {last:d}"


def halves(first: int, last: int) -> list[tuple[int, int]]:
    """Of a range, the lower one at the end."""
    middle = first + (last - first) // 2
    return [(middle + 1, last), (first, middle)]


def _vector(shape: Shape, value: Any) -> Vectors:
    if shape.form == "bits":  # a list with one value of bytes, or the bytes
        return np.frombuffer(value[0] if isinstance(value, list) else value, dtype=np.uint8)
    return np.asarray(value, dtype=np.float32)
