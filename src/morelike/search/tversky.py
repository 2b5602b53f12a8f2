"""The mode ``tversky``: likeness that need not be mutual, over packed bits (Tversky 1977)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from morelike.errors import QueryError
from morelike.search.modes import Asked, Ranked
from morelike.search.packed import Block, best, counted, scanned
from morelike.types import Scores, Space, Vectors

__all__ = ["tversky"]

HEAVIEST = 1000.0


def tversky(asked: Asked, n: int) -> list[Ranked]:
    """Every item by c / (alpha (a - c) + beta (b - c) + c), where the example has ``a`` bits, the item ``b``, and both
    have ``c`` in common. Exact.

    ``alpha`` near 1 and ``beta`` near 0 find what holds the example, the other way round what it holds; 1 and 1 are
    Tanimoto, 0.5 and 0.5 Dice. Raises QueryError.
    """
    alpha, beta = float(asked.options["alpha"]), float(asked.options["beta"])
    if not (0 <= alpha <= HEAVIEST and 0 <= beta <= HEAVIEST):
        raise QueryError(f"alpha {alpha:g} and beta {beta:g} cannot be", hint=f"both go from 0 to {HEAVIEST:g}")
    name = asked.embedder.collection.name
    spaces = [space for space in asked.dense_spaces() if space.card.form == "bits"]
    if not spaces:
        raise QueryError(f"the collection {name} has no fingerprints of bits", hint="molecules have them")
    found = [(space, asked.query_vectors(space)) for space in spaces]
    spoken_to = [(space, vectors) for space, vectors in found if len(vectors)]
    if not spoken_to:
        raise QueryError(f"the example has nothing that the collection {name} indexes", hint="give a molecule")
    return [_ranked(asked, space, vectors, n, (alpha, beta)) for space, vectors in spoken_to]


def _ranked(asked: Asked, space: Space, vectors: Vectors, n: int, weights: tuple[float, float]) -> Ranked:
    """A segment's best score counts, where the example has several vectors."""
    queries = [counted(space, vector) for vector in vectors]

    def score(block: Block) -> tuple[NDArray[np.bool_], Scores]:
        scores = np.zeros(len(block.ids), dtype=np.float32)
        for words, count in queries:
            common = np.bitwise_count(block.words & words).sum(axis=1, dtype=np.int32)
            np.maximum(scores, _scores(common, count, block.counts, weights), out=scores)
        return np.ones(len(block.ids), dtype=np.bool_), scores

    ids, scores = scanned(asked, space, score)
    kept, top = best(ids, scores, n)
    return Ranked(space, kept, top, len(kept) == len(ids), unit="tversky")


def _scores(common: NDArray[np.int32], ours: int, theirs: NDArray[np.int32], weights: tuple[float, float]) -> Scores:
    """0 where nothing is in common."""
    alpha, beta = weights
    shared = common.astype(np.float64)
    below = alpha * (ours - shared) + beta * (theirs - shared) + shared
    result: Scores = np.divide(shared, below, out=np.zeros_like(shared), where=shared > 0).astype(np.float32)
    return result
