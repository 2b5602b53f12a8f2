"""What a collection answers to a search, ready to draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from time import perf_counter

from fastapi import Request

from morelike.calibration import percentile
from morelike.collection import OpenCollection
from morelike.hits import Hits
from morelike.records import Calibration
from morelike.search.composing import composer_of
from morelike.search.filter import parse_filter
from morelike.server.pages.board import Board, Part
from morelike.server.pages.language import N_
from morelike.server.pages.telling import RECORD, called_of
from morelike.server.pages.uploads import stash_of
from morelike.server.pages.view import joins
from morelike.server.pages.writing import Writing
from morelike.types import Example as QueryExample
from morelike.types import Hit, Query

__all__ = ["PAGE", "Results", "Spread", "example_of", "query_of", "results_of", "spread_of"]

PAGE = 30
BARS = 60
"""Of the drawing behind the threshold's slider."""
TICK = 16
"""How high a hit's mark is, of 100."""
LEVELS = (*range(0, 96, 5), 97, 98, 99, 99.5, 99.8, 99.9, 99.99)
"""Percentiles whose scores the page knows, so that the slider can say one while it moves."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What is drawn behind the slider. ``bars``: how high each is, 0 to 1; ``marks``: where the hits stand, in bars.

    ``levels``: scores with their percentiles, ascending; none where the bars are those of the hits.
    """

    bars: Sequence[float] = ()
    marks: Sequence[float] = ()
    levels: Sequence[tuple[float, float]] = ()

    @property
    def area(self) -> str:
        """The bars as an SVG path, in a box of as many by 100."""
        steps = [f"V{100 - 100 * high:.4g}H{place + 1}" for place, high in enumerate(self.bars)]
        return f"M0 100{''.join(steps)}V100Z"

    @property
    def ticks(self) -> str:
        return "".join(f"M{mark:.2f} 100v-{TICK}" for mark in self.marks)

    @property
    def levels_value(self) -> str:
        """``0.12:50 0.4:98``"""
        return " ".join(f"{score:.4g}:{percent:g}" for score, percent in self.levels)


@dataclass(frozen=True, slots=True)
class Results:
    """One page of hits, ready to draw. ``scale``: where the threshold's slider begins and ends.

    ``names``: by id, those of items that are records of files. ``unknown``: words that ``composer`` does not know.
    ``joins``: whether a hit may join the query. ``spread_said``: what is behind the slider, for the page to say.
    """

    hits: Sequence[Hit]
    more: Board | None
    nothing_similar: bool
    scale: tuple[float, float]
    seconds: float
    names: Mapping[str, str] = field(default_factory=dict)
    unknown: Sequence[str] = ()
    composer: str = ""
    spread: Spread = field(default_factory=Spread)
    spread_said: str = ""
    joins: bool = True


def query_of(
    request: Request, opened: OpenCollection, board: Board, writing: Writing | None, *, explain: bool = False
) -> Query:
    """The board as the library asks it. Raises QueryError."""
    examples = [example_of(request, part) for part in board.parts]
    for text, weight in board.words:
        means = opened.means(text) if writing and not writing.words else "text"
        examples.append(QueryExample(means, text, weight))
    return Query(
        tuple(examples),
        mode=board.mode,
        k=PAGE,
        offset=board.offset,
        filter=parse_filter(board.filter) if board.filter else None,
        threshold=board.threshold,
        explain=explain or writing is not None,
    )


def results_of(request: Request, opened: OpenCollection, board: Board, writing: Writing | None) -> Results:
    """Raises what a search raises."""
    query = query_of(request, opened, board, writing)
    began = perf_counter()
    hits = opened.search(query)
    plain = all(part.weight > 0 for part in board.parts)  # no two items differ as an item and a difference do
    shown = hits.hits if plain else tuple(replace(hit, percentile=None) for hit in hits.hits)
    scale = _scale(opened, hits, board)
    spread = spread_of(opened, shown, scale)
    return Results(
        shown,
        board.page(board.offset + PAGE) if hits.more else None,
        hits.nothing_similar and plain,
        scale,
        perf_counter() - began,
        _names(opened, hits),
        hits.unknown_words,
        composer_of(opened.spaces),
        spread,
        _spread_said(opened, query, spread) if spread.bars else "",
        joins(opened),
    )


def spread_of(opened: OpenCollection, hits: Sequence[Hit], scale: tuple[float, float]) -> Spread:
    """How alike random pairs of the collection are, where the hits have percentiles; else how the hits themselves lie.

    The bars are roots of shares: else only the one hill of what is unlike would be seen.
    """
    low, high = scale
    if not hits or not high > low:
        return Spread()
    marks = [min(max((hit.score - low) / (high - low), 0.0), 1.0) * BARS for hit in hits]
    kinds = {hit.kind for hit in hits if hit.percentile is not None}
    space = next((one for one in opened.spaces if one.active and one.has_vectors and one.kind in kinds), None)
    known = opened.calibration(space) if space is not None and len(kinds) == 1 else None
    if known is None:
        counts = [0.0] * BARS
        for mark in marks:
            counts[min(int(mark), BARS - 1)] += 1.0
        return Spread(_roots(counts), marks)
    edges = [low + (high - low) * step / BARS for step in range(BARS + 1)]
    shares = [upper - lower for lower, upper in pairwise(percentile(known, edge) for edge in edges)]
    levels: dict[float, float] = {}
    for percent in LEVELS:
        levels[_score_at(known, percent)] = float(percent)
    return Spread(_roots(shares), marks, tuple(sorted(levels.items())))


def _spread_said(opened: OpenCollection, query: Query, spread: Spread) -> str:
    """Chance is known between items alone: not for words, nor where something is taken away, nor of other scores."""
    if spread.levels:
        return N_("The hill: how alike random pairs of the collection are. The marks: these hits.")
    spaces = [space for space in opened.spaces if space.active and space.has_vectors]
    if not any(opened.calibration(space) for space in spaces):
        return N_("Not calibrated: the bars are these hits alone.")
    if any(example.weight < 0 for example in query.examples):
        return N_("A search against something has no chance level: the bars are these hits alone.")
    if any(example.form == "text" for example in query.examples):
        return N_("A search in words has no chance level: the bars are these hits alone.")
    return N_("These scores have no chance level: the bars are these hits alone.")


def _score_at(known: Calibration, percent: float) -> float:
    """The lowest score that so many of the random pairs are below."""
    low, high = known.background[0], known.background[-1]
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if percentile(known, middle) >= percent else (middle, high)
    return high


def _roots(values: Sequence[float]) -> list[float]:
    most = max(values, default=0.0)
    return [math.sqrt(max(value, 0.0) / most) for value in values] if most > 0 else []


def _names(opened: OpenCollection, hits: Hits) -> dict[str, str]:
    """What records of files are called; a hit has only their place in the file."""
    records = [hit.item for hit in hits.hits if RECORD in hit.source]
    return {name: called_of(item) for name, item in opened.items_of(records).items()} if records else {}


def _scale(opened: OpenCollection, hits: Hits, board: Board) -> tuple[float, float]:
    """Similarities have known ends; what else there is gets those of the answer."""
    scores = [hit.score for hit in hits.hits] + ([board.threshold] if board.threshold is not None else [])
    metrics = {space.card.metric for space in opened.spaces if space.active and space.card.form != "terms"}
    low, high = min(scores, default=0.0), max(scores, default=1.0)
    unbounded = any(name in hit.unit for hit in hits.hits for name in ("rrf", "bits", "bm25"))
    if not unbounded and metrics <= {"cosine", "tanimoto", "containment"}:
        return (0.0 if low >= 0 else -1.0), 1.0
    # outwards: a browser sends no form whose slider stands a rounding error below its own beginning
    low, high = math.floor(low * 1000) / 1000, math.ceil(high * 1000) / 1000
    return low, high if high > low else low + 1.0


def example_of(request: Request, part: Part) -> QueryExample:
    """Raises QueryError where an uploaded example is gone."""
    if part.form == "upload":
        return QueryExample("blob", stash_of(request).get(part.name).blob, part.weight, part.crop, part.span)
    return QueryExample("item", part.name, part.weight, part.crop, part.span)
