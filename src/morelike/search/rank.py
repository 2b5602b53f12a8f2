"""Ranked segments to ranked items: join to ready rows, best segment an item, fusion where several spaces answer."""

from __future__ import annotations

from collections.abc import Collection as Container
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from morelike.protocols import Catalog
from morelike.search.embed import units
from morelike.search.modes import Detail, Ranked
from morelike.types import Collection, Metadata, Quote, Segment, Span

__all__ = ["Candidate", "candidates"]

NOTHING_MORE = Detail()
RRF_K = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke & Büttcher 2009)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item with its best segment and score."""

    segment: Segment
    score: float
    unit: Mapping[str, float]
    why: Metadata = field(default_factory=dict)
    matched: Span | None = None
    """The part that matches, where it is not the segment's own span."""
    quote: Quote | None = None

    @property
    def span(self) -> Span:
        return self.matched or self.segment.span


def candidates(
    catalog: Catalog, collection: Collection, answers: Sequence[Ranked], without: Container[str] = ()
) -> list[Candidate]:
    """Items, best first. Segments that are in no ready item do not count.

    Ties stay in the order of the segments, by id: a longer answer only goes on where a shorter one ends, so that pages
    join.
    """
    lists = [_items_of(catalog, collection, answer, without) for answer in answers]
    if len(lists) == 1:
        return lists[0]
    return _fuse(lists)


def _items_of(catalog: Catalog, collection: Collection, answer: Ranked, without: Container[str]) -> list[Candidate]:
    segments = catalog.segments(collection, answer.ids)
    best: dict[str, Candidate] = {}
    for identifier, score in zip(answer.ids.tolist(), answer.scores.tolist(), strict=True):
        segment = segments.get(identifier)
        if segment is not None and segment.item_id not in best and segment.item_id not in without:
            detail = answer.details.get(identifier, NOTHING_MORE)
            own = {answer.unit: score} if answer.unit else units(answer.space, score)
            unit = {**own, **detail.unit}
            best[segment.item_id] = Candidate(segment, score, unit, detail.why, detail.span)
    return list(best.values())


def _fuse(lists: Sequence[list[Candidate]]) -> list[Candidate]:
    """Reciprocal rank fusion: 1 / (60 + rank), summed over the lists; the unit keeps each list's own score.

    Where in the item: what the list says that ranks it best; of those, frames before sounds and words.
    """
    scores: dict[str, float] = {}
    seen: dict[str, tuple[tuple[int, bool], Candidate]] = {}
    fused_units: dict[str, dict[str, float]] = {}
    whys: dict[str, dict[str, Any]] = {}
    for ranked in lists:
        for rank, candidate in enumerate(ranked, start=1):
            item = candidate.segment.item_id
            scores[item] = scores.get(item, 0.0) + 1.0 / (RRF_K + rank)
            place = rank, candidate.segment.kind != "image"
            if item not in seen or place < seen[item][0]:
                seen[item] = place, candidate
            fused_units.setdefault(item, {}).update(candidate.unit)
            whys.setdefault(item, {}).update(candidate.why)
    return [
        replace(
            seen[item][1],
            score=float(np.float32(scores[item])),
            unit={"rrf": scores[item], **fused_units[item]},
            why=whys[item],
        )
        for item in sorted(scores, key=lambda item: (-scores[item], item))
    ]
