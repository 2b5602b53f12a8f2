"""How well composed queries find their answers: recall at k, as published with TIRG (Vo et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from morelike.errors import ModelError
from morelike.training.triplets import Triplets
from morelike.vecmath import normalise

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["KS", "Asked", "Encodes", "asked", "embeddings", "recalls", "vectors_of"]

KS = (1, 5, 10, 50, 100)
_BLOCK = 4 * 1024**2  # similarities at a time: 16 MB, twice, and masks
_PIECE = 256  # pictures or queries that the network takes at a time
DRAWN = 10_000
"""Triplets that a split without queries is asked with, as published."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Queries and the gallery they are asked of, by pictures' numbers.

    ``own``: (q,) the row of ``gallery`` that is the query's source, -1 where its source is no part of it.
    """

    sources: NDArray[np.int64]
    texts: tuple[str, ...]
    wanted: tuple[str, ...]
    own: NDArray[np.int64]
    gallery: NDArray[np.int64]
    labels: tuple[str, ...]
    """Of the gallery's pictures."""


def asked(triplets: Triplets, seed: int, at_most: int | None = None) -> Asked:
    """The split's own queries, asked of all its pictures; of a split without any, drawn triplets, of their targets.

    ``at_most`` takes so many of the queries by chance, and draws so many triplets (``DRAWN`` without it). The same
    ``seed`` takes the same. In the drawn form the gallery is the list of targets, repeats and all, and no source is
    taken out of it: as published.
    """
    labels = triplets.labels
    queries = triplets.queries()
    generator = np.random.default_rng([seed, 0])
    if queries:
        chosen = np.arange(len(queries))
        if at_most is not None and at_most < len(queries):
            chosen = np.sort(generator.choice(len(queries), at_most, replace=False))
        taken = [queries[number] for number in chosen.tolist()]
        sources = np.array([query.source for query in taken], dtype=np.int64)
        texts, wanted = tuple(query.text for query in taken), tuple(query.label for query in taken)
        return Asked(sources, texts, wanted, sources, np.arange(len(triplets)), tuple(labels))
    pairs = triplets.draw(generator, DRAWN if at_most is None else at_most)
    targets = np.array([pair.target for pair in pairs], dtype=np.int64)
    wanted = tuple(labels[target] for target in targets)
    sources = np.array([pair.source for pair in pairs], dtype=np.int64)
    texts = tuple(pair.text for pair in pairs)
    return Asked(sources, texts, wanted, np.full(len(pairs), -1), targets, wanted)


def recalls(  # noqa: PLR0917 - two tables and what is said of their rows, in the order of their reading
    query_vectors: NDArray[np.float32],
    sources: Sequence[int] | NDArray[np.int64],
    wanted_labels: Sequence[str],
    gallery_vectors: NDArray[np.float32],
    gallery_labels: Sequence[str],
    ks: Sequence[int] = KS,
) -> dict[int, float]:
    """For each k the share of queries that have a picture of the wanted label among the first k, by cosine.

    ``query_vectors`` (q, dim) and ``gallery_vectors`` (n, dim) float32 of any length; ``sources`` (q,) names the row of
    the gallery that the query came from and that is left out, -1 for none. Of equal similarities the lower row comes
    first. Memory is bounded whatever q and n. Raises ModelError where there is no query, or a number is not finite.
    """
    if len(query_vectors) == 0 or len(gallery_vectors) == 0:
        raise ModelError("there is nothing to evaluate: no query, or no picture to find", hint="look at the data set")
    if not (np.isfinite(query_vectors).all() and np.isfinite(gallery_vectors).all()):
        raise ModelError("the network gives vectors that are not finite", hint="train with a smaller learning rate")
    queries, gallery = normalise(query_vectors), normalise(gallery_vectors)
    codes = {label: code for code, label in enumerate(dict.fromkeys(gallery_labels))}
    labels = np.array([codes[label] for label in gallery_labels])
    wanted = np.array([codes.get(label, -1) for label in wanted_labels])
    own = np.asarray(sources, dtype=np.int64)
    rows = max(1, _BLOCK // len(gallery))
    ranks = np.empty(len(queries), dtype=np.int64)
    for start in range(0, len(queries), rows):
        block = slice(start, start + rows)
        ranks[block] = _ranks(queries[block] @ gallery.T, own[block], wanted[block], labels)
    return {k: float((ranks < k).mean()) for k in ks}


def _ranks(
    similar: NDArray[np.float32], own: NDArray[np.int64], wanted: NDArray[np.int64], labels: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many rows come before the first that is wanted: (q,); more than there are rows where none is."""
    right = labels[None, :] == wanted[:, None]
    (inside,) = np.nonzero(own >= 0)
    similar[inside, own[inside]] = -np.inf
    right[inside, own[inside]] = False
    best_similar = np.where(right, similar, -np.inf)
    first = best_similar.argmax(axis=1)  # of equal ones the lowest row
    best = best_similar.max(axis=1, keepdims=True)
    ahead: NDArray[np.int64] = (similar > best).sum(axis=1)
    ahead += ((similar == best) & (np.arange(len(labels))[None, :] < first[:, None])).sum(axis=1)
    ahead[~right.any(axis=1)] = np.iinfo(np.int64).max
    return ahead


class Encodes(Protocol):
    """A network in evaluation, with what it needs of pictures and words: rows of pictures and texts to vectors."""

    def targets(self, rows: NDArray[np.int64]) -> Tensor:
        """(n,) numbers of pictures to be found, to (n, dim)."""

    def queries(self, rows: NDArray[np.int64], texts: Sequence[str]) -> Tensor:
        """(n,) numbers of source pictures and as many texts, to (n, dim)."""


def vectors_of(
    encodes: Encodes, question: Asked, between: Callable[[], None] = lambda: None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The queries' vectors (q, dim) and the gallery's (n, dim), float32; each picture is encoded once.

    ``between`` is called between two batches, and may raise to end it.
    """
    numbers, where = np.unique(question.gallery, return_inverse=True)
    found = embeddings(encodes, numbers, between)
    order = np.argsort(question.sources, kind="stable")  # queries of one source lie in one batch: it is encoded once
    composed = np.empty((len(order), found.shape[1] if len(found) else 0), dtype=np.float32)
    for piece in _pieces(order):
        between()
        vectors = encodes.queries(question.sources[piece], [question.texts[row] for row in piece])
        composed[piece] = _numpy(vectors)
    return composed, found[where]


def embeddings(
    encodes: Encodes, numbers: NDArray[np.int64], between: Callable[[], None] = lambda: None
) -> NDArray[np.float32]:
    """(n,) pictures' numbers to (n, dim) float32, in batches."""
    parts = []
    for piece in _pieces(numbers):
        between()
        parts.append(_numpy(encodes.targets(piece)))
    return np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32)


def _pieces(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), _PIECE):
        yield rows[start : start + _PIECE]


def _numpy(vectors: Any) -> NDArray[np.float32]:
    result: NDArray[np.float32] = vectors.detach().float().cpu().numpy()
    return result
