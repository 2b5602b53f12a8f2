"""What a space says about its vectors, and the checks that every vector store makes of what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.errors import EncodeError, QueryError, SpaceMismatch, UsageError
from morelike.types import Card, Ids, Scores, Space, Vectors

__all__ = ["Shape", "checked_batch", "checked_ids", "checked_queries", "nothing"]

_METRICS = {"dense": ("cosine", "ip", "l2"), "bits": ("tanimoto",)}


@dataclass(frozen=True, slots=True)
class Shape:
    """``form``, ``metric`` and ``dim`` of a card: ``columns`` of ``dtype`` are one vector."""

    form: str
    metric: str
    dim: int

    @classmethod
    def of(cls, card: Card) -> Shape:
        """Raises UsageError where a vector store cannot keep what the card's encoder gives."""
        if card.metric not in _METRICS.get(card.form, ()):
            raise UsageError(
                f"a vector store keeps dense and bits vectors, but {card.name} gives {card.form} for {card.metric}"
            )
        return cls(card.form, card.metric, card.dim)

    @property
    def columns(self) -> int:
        return self.dim if self.form == "dense" else -(-self.dim // 8)

    @property
    def dtype(self) -> type[np.generic]:
        return np.float32 if self.form == "dense" else np.uint8

    @property
    def bytes(self) -> int:
        """The size of one vector as it was given."""
        return self.columns * np.dtype(self.dtype).itemsize


def checked_batch(space: Space, ids: Ids, vectors: Vectors) -> tuple[Ids, Vectors]:
    """The batch as C-contiguous (n,) and (n, columns), each id once (the last one given wins), ids ascending.

    Raises SpaceMismatch on another width or dtype, EncodeError on vectors that are not finite.
    """
    shape = Shape.of(space.card)
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or vectors.shape[1] != shape.columns or vectors.dtype != shape.dtype:
        raise SpaceMismatch(
            f"space {space.id} of {space.card.id} takes (n, {shape.columns}) {np.dtype(shape.dtype)}, "
            f"not {vectors.shape} {vectors.dtype}",
            hint="vectors of another encoder need a space of their own",
        )
    ids = checked_ids(ids)
    if len(ids) != len(vectors):
        raise UsageError(f"{len(ids)} ids were given for {len(vectors)} vectors")
    if not _finite(vectors):
        raise EncodeError(f"{space.card.name} gave a vector with a number that is not finite, or far too large")
    ids, last = np.unique(ids[::-1], return_index=True)
    return ids, np.ascontiguousarray(vectors[len(vectors) - 1 - last])


def checked_ids(ids: Ids) -> Ids:
    """(n,) int64. Raises UsageError on a negative id, which would look like padding."""
    ids = np.asarray(ids)
    if ids.size == 0:
        return np.empty(0, dtype=np.int64)
    if ids.ndim != 1 or ids.dtype.kind not in "iu" or int(ids.min()) < 0:
        raise UsageError("segment ids are one row of whole numbers from 0")
    return ids.astype(np.int64, copy=False)


def checked_queries(space: Space, queries: Vectors) -> Vectors:
    """(q, columns) in the space's dtype. Raises SpaceMismatch, QueryError."""
    shape = Shape.of(space.card)
    queries = np.atleast_2d(np.asarray(queries))
    kinds = "f" if shape.form == "dense" else "u"
    if queries.ndim != 2 or queries.shape[1] != shape.columns or queries.dtype.kind not in kinds:
        raise SpaceMismatch(
            f"space {space.id} of {space.card.id} is searched with (q, {shape.columns}) {np.dtype(shape.dtype)}, "
            f"not {queries.shape} {queries.dtype}",
            hint="encode the query with the space's own encoder",
        )
    queries = np.ascontiguousarray(queries, dtype=shape.dtype)
    if not _finite(queries):
        raise QueryError("the query's vector has a number that is not finite, or far too large")
    return queries


def nothing(queries: int, k: int) -> tuple[Ids, Scores]:
    """The answer of an empty space."""
    return np.full((queries, k), -1, dtype=np.int64), np.full((queries, k), -np.inf, dtype=np.float32)


def _finite(vectors: NDArray[Any]) -> bool:
    """Whether every row has a length that float32 can hold: no nan, no infinity, no overflow in a product."""
    if vectors.dtype.kind != "f":
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.einsum("ij,ij->i", vectors, vectors)).all())
