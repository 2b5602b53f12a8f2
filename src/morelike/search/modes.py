"""How a query may be answered. A mode ranks segments in the spaces it knows; ``rank.py`` makes items of them.

A mode is ``(Asked, n) -> list[Ranked]``: at most ``n`` segments a space, best first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from morelike.errors import QueryError
from morelike.search.embed import Embedder, texts_of
from morelike.types import Ids, Query, Scores, Space, Within

__all__ = ["Asked", "Ranked", "hybrid", "keyword", "similar"]


@dataclass(slots=True)
class Asked:
    """A query on its way, with what was worked out already: a mode is called again when more segments are needed."""

    embedder: Embedder
    spaces: Sequence[Space]
    query: Query
    within: Within | None
    vectors: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    seconds: float = 0.0
    """What embedding took."""

    def query_vectors(self, space: Space) -> NDArray[np.float32]:
        if space.id not in self.vectors:
            began = perf_counter()
            self.vectors[space.id] = self.embedder.embed(space, self.query)
            self.seconds += perf_counter() - began
        return self.vectors[space.id]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One space's answer: (n,) ids and scores, best first; ``all``: the space has no more than these."""

    space: Space
    ids: Ids
    scores: Scores
    all: bool


def similar(asked: Asked, n: int) -> list[Ranked]:
    """Nearest neighbours in every active space that the examples speak to."""
    answers = []
    wordless = all("text" not in space.card.kinds for space in asked.spaces if space.card.form != "terms")
    if wordless and any(example.form == "text" for example in asked.query.examples):
        raise QueryError(_why_nothing(asked), hint=_what_instead(asked))
    for space in asked.spaces:
        if space.card.form == "terms":
            continue
        queries = asked.query_vectors(space)
        if not len(queries):
            continue
        ids, scores = asked.embedder.stores.vectors.search(space, queries, n, within=asked.within)
        answers.append(_best_of(space, ids, scores, n))
    if not answers:
        raise QueryError(_why_nothing(asked), hint=_what_instead(asked))
    return answers


def keyword(asked: Asked, n: int) -> list[Ranked]:
    """BM25 over the collection's texts."""
    words = texts_of(asked.query.examples)
    spaces = [space for space in asked.spaces if space.card.form == "terms"]
    if not spaces:
        name = asked.embedder.collection.name
        raise QueryError(f"the collection {name} has no keyword index", hint="search it by example")
    if not words.strip():
        raise QueryError("a keyword search needs words", hint="give them with --text")
    answers = []
    for space in spaces:
        ids, scores = asked.embedder.stores.terms.search(space, words, n, within=asked.within)
        answers.append(Ranked(space, ids, scores, len(ids) < n))
    return answers


def hybrid(asked: Asked, n: int) -> list[Ranked]:
    """Both, to be fused by rank."""
    return [*similar(asked, n), *keyword(asked, n)]


def _best_of(space: Space, ids: Ids, scores: Scores, n: int) -> Ranked:
    """(q, n) answers of several query vectors to one list: a segment's best score counts."""
    everything = bool((ids[:, -1] == -1).all()) if n else True
    flat_ids, flat_scores = ids.ravel(), scores.ravel()
    real = flat_ids != -1
    flat_ids, flat_scores = flat_ids[real], flat_scores[real]
    order = np.lexsort((flat_ids, -flat_scores))
    _, first = np.unique(flat_ids[order], return_index=True)
    keep = order[np.sort(first)][:n]  # beyond n, segments may be missing that no query had among its best n
    return Ranked(space, flat_ids[keep], flat_scores[keep], everything)


def _why_nothing(asked: Asked) -> str:
    name = asked.embedder.collection.name
    if any(example.form == "text" for example in asked.query.examples):
        cards = ", ".join(space.card.name for space in asked.spaces) or "none"
        return f"the collection {name} cannot be searched with words: its encoder ({cards}) has no text tower"
    return f"the example has nothing that the collection {name} indexes"


def _what_instead(asked: Asked) -> str:
    if any(example.form == "text" for example in asked.query.examples):
        return "make the collection with a card that takes image and text; `morelike encoders` lists them"
    kinds = ", ".join(space.kind for space in asked.spaces)
    return f"it indexes: {kinds or 'nothing yet'}"
