"""One query to several collections: how each is asked, and one list made of their answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from morelike.errors import QueryError
from morelike.registry import MODES
from morelike.search.rank import RRF_K
from morelike.search.search import LARGEST_PAGE, check_query
from morelike.types import Hit, Query, Space

__all__ = ["AUTO", "Placed", "check_for_several", "fused", "suited"]

AUTO = "auto"
"""The mode that each collection chooses for itself."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A hit among those of several collections; ``score``: of the fusion, the hit's own is its collection's.

    ``also``: further collections that found the same item.
    """

    collection: str
    modality: str
    hit: Hit
    score: float
    also: tuple[str, ...] = ()


def check_for_several(query: Query) -> None:
    """Raises QueryError, UnknownName on what no collection could answer."""
    if query.mode != AUTO:
        _ = MODES[query.mode]
    check_query(query)
    if query.offset + query.k > LARGEST_PAGE:
        raise QueryError(
            f"the hits {query.offset} to {query.offset + query.k} of several collections lie too deep",
            hint=f"offset and k together at most {LARGEST_PAGE}; one collection alone goes deeper",
        )


def suited(query: Query, spaces: Sequence[Space], *, written: bool) -> Query:
    """The query as one collection is to be asked: from its first hit on, in a mode that it has.

    ``auto``: words alone are looked for by meaning and as they stand, where the collection has both, or in the one way
    that it has. ``written``: a text is an item itself there (a molecule), and no words.
    """
    query = replace(query, k=query.offset + query.k, offset=0)
    if query.mode != AUTO:
        return query
    words = all(example.form == "text" and example.weight > 0 for example in query.examples)
    active = [space for space in spaces if space.active]
    meaning = any(space.has_vectors and not space.is_screen and "text" in space.card.kinds for space in active)
    terms = any(space.card.form == "terms" for space in active)
    if not words or written or not terms:
        return replace(query, mode="similar")
    return replace(query, mode="hybrid" if meaning else "keyword")


def fused(answers: Mapping[str, tuple[str, Sequence[Hit]]]) -> list[Placed]:
    """Every hit, best first; ``answers``: by collection, its modality and its hits from the first one on.

    Reciprocal rank fusion, 1 / (60 + rank): scores of different encoders cannot be compared. Of hits of one rank that
    goes first which is nearer in its own space, by percentile as far as it is known. What several collections of one
    modality found stands once, with the sum.
    """
    scores: dict[tuple[str, str], float] = {}
    best: dict[tuple[str, str], tuple[int, str]] = {}
    found: dict[tuple[str, str], dict[str, Hit]] = {}
    for collection, (modality, hits) in answers.items():
        for rank, hit in enumerate(hits, start=1):
            key = modality, hit.item
            scores[key] = scores.get(key, 0.0) + 1.0 / (RRF_K + rank)
            found.setdefault(key, {})[collection] = hit
            if key not in best or rank < best[key][0]:
                best[key] = rank, collection
    placed = []
    for key, (_, collection) in best.items():
        others = tuple(name for name in found[key] if name != collection)
        placed.append(Placed(collection, key[0], found[key][collection], scores[key], others))
    order = {collection: at for at, collection in enumerate(answers)}
    return sorted(placed, key=lambda one: (-one.score, -_percentile(one.hit), order[one.collection], one.hit.item))


def _percentile(hit: Hit) -> float:
    return -math.inf if hit.percentile is None else hit.percentile
