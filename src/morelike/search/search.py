"""One query, from its parts to a page of hits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import ceil
from time import perf_counter
from typing import Any

import numpy as np

from morelike.calibration import Scale
from morelike.errors import QueryError
from morelike.fields import bring_up, keeps_fields
from morelike.lane import EncoderLane
from morelike.protocols import Modality, Rescorer
from morelike.records import Shown
from morelike.registry import MODES
from morelike.search.clock import Clock
from morelike.search.embed import Embedder, units
from morelike.search.modes import Asked, settled
from morelike.search.quoting import quoted
from morelike.search.rank import Candidate, candidates
from morelike.search.rescoring import Rescoring, rescoring_of
from morelike.types import Answer, Collection, Example, Hit, Ids, ItemState, Query, Space, Within
from morelike.vecmath import similarity
from morelike.wiring import Stores

__all__ = ["LARGEST_PAGE", "Search", "check_query"]

LARGEST_PAGE = 10_000
DEEPEST_PAGE = 1_000_000
HEAVIEST = 1e6
TOGETHER = 16
"""How many queries of a list are worked on at a time."""
FUSED = 1000
"""How many segments a space gives at least where several answer; pages up to there join."""
FASTEST = 8
"""Times as many segments as before, where the items of those are far too few: a genome has ten thousands."""


class Search:
    """Answers queries to one collection."""

    def __init__(
        self,
        stores: Stores,
        collection: Collection,
        modality: Modality,
        spaces: Sequence[Space],
        *,
        lane_of: Callable[[Space], EncoderLane],
    ) -> None:
        self._stores = stores
        self._collection = collection
        self._modality = modality
        self._spaces = [space for space in spaces if space.active]
        kinds = frozenset(space.kind for space in self._spaces)
        self._embedder = Embedder(stores, collection, modality, lane_of, kinds)

    def answer(self, query: Query, *, rescorer: Rescorer | None = None) -> Answer:
        """One page of hits. Raises QueryError, ItemError on an example that cannot be used, NoSuchItem, StoreError."""
        clock = Clock()
        with clock.turn():
            return self._answer(self._asked(query, clock), rescorer)

    def answers(self, queries: Sequence[Query]) -> list[Answer]:
        """What ``answer`` would say to each; what can be done for several at once is. Raises as ``answer`` does."""
        found = []
        for start in range(0, len(queries), TOGETHER):
            with Clock().turn():
                group = [self._asked(query, Clock()) for query in queries[start : start + TOGETHER]]
                self._together([asked for asked in group if asked.query.mode == "similar"])
                found += [self._answer(asked, None) for asked in group]
        return found

    def compare(self, one: Example, other: Example) -> Mapping[str, float]:
        """The score of the nearest of their segments in the first space that both speak to, in the field's own unit.

        Raises QueryError where there is none, and what ``answer`` raises.
        """
        clock = Clock()
        with clock.turn():
            asked = [self._asked(Query((example,)), clock) for example in (one, other)]
            for space in asked[0].dense_spaces():
                rows = [each.query_vectors(space) for each in asked]
                if all(map(len, rows)):
                    return units(space, float(similarity(space.card.metric, rows[0], rows[1]).max()))
        raise QueryError("no encoder of this collection takes both examples", hint="give two of the same kind")

    def _asked(self, query: Query, clock: Clock) -> Asked:
        check_query(query)
        with clock.stage("catalog"):
            query, states = self._whole_ids(query)
        options = settled(query.mode, query.options)
        return Asked(self._embedder, self._spaces, query, states, self._within(query, clock), clock, options=options)

    def _answer(self, asked: Asked, rescorer: Rescorer | None) -> Answer:
        query, clock = asked.query, asked.clock
        mode = MODES.load(query.mode)
        rescoring = rescoring_of(asked, rescorer)
        needed = query.offset + query.k + 1
        if rescoring is not None and rescoring.ranks:
            needed = max(needed, rescoring.most)
        found = self._enough(mode, asked, needed)
        if not found and asked.vectors:
            self._embedder.check_vectors(self._spaces)
        scale = Scale(self._stores, self._spaces, query)
        nothing_similar = False
        if rescoring is not None and rescoring.ranks:  # a part may match well in what is little like the whole
            with clock.stage("rescore"):
                found = rescoring.ranked(found)
        elif found:
            nothing_similar = scale.nothing_similar(found[0].segment.kind, found[0].unit, found[0].score)
        if query.threshold is not None:
            found = [candidate for candidate in found if candidate.score >= query.threshold]
        page = quoted(self._explained(found[query.offset : query.offset + query.k], asked, rescoring), asked)
        with clock.stage("catalog"):
            hits = self._hits(page, scale)
        more = len(found) > query.offset + query.k
        unknown = dict.fromkeys(word for one in asked.embeddings.values() for word in one.unknown_words)
        timings = clock.seconds if query.explain or query.timed else {}
        return Answer(hits, more, timings, nothing_similar, tuple(unknown))

    def _together(self, group: Sequence[Asked]) -> None:
        """Their examples through the encoder together, and their vectors through the index together."""
        if len(group) < 2:
            return
        for space in group[0].dense_spaces():
            waiting = [asked.embedding(space) for asked in group]  # decoded, all of them, before the first is sent
            for embedding in waiting:
                embedding.ask()
            alike: defaultdict[tuple[int, str], list[Asked]] = defaultdict(list)
            for asked in group:
                if len(asked.query_vectors(space)) and asked.clip(space) is None:  # clips ask for more
                    alike[self._first_n(asked), repr(asked.query.filter)].append(asked)
            for (n, _), some in alike.items():
                self._nearest_together(space, n, some)

    def _nearest_together(self, space: Space, n: int, group: Sequence[Asked]) -> None:
        """One search of the index for queries with the same filter; each is charged its share of the time."""
        vectors = [asked.query_vectors(space) for asked in group]
        began = perf_counter()
        ids, scores = self._stores.vectors.search(space, np.concatenate(vectors), n, within=group[0].within_of(space))
        share = (perf_counter() - began) / len(group)
        start = 0
        for asked, rows in zip(group, vectors, strict=True):
            asked.near[space.id, n] = ids[start : start + len(rows)], scores[start : start + len(rows)]
            asked.clock.add("vectors", share)
            start += len(rows)

    def _whole_ids(self, query: Query) -> tuple[Query, dict[str, ItemState]]:
        """Item ids may be given by a prefix; from here on they are whole. Also those items' states."""
        asked = [example.content for example in query.examples if example.form == "item"]
        if not asked:
            return query, {}
        states = self._stores.catalog.known(self._collection, asked)
        whole = dict(zip(states, states, strict=True))
        for item_id in asked:
            if item_id not in whole:
                item = self._stores.catalog.item(self._collection, item_id)
                whole[item_id], states[item.id] = item.id, item.state
        examples = tuple(
            replace(example, content=whole[example.content]) if example.form == "item" else example
            for example in query.examples
        )
        return replace(query, examples=examples), states

    def _within(self, query: Query, clock: Clock) -> Callable[[Space], Within | None]:
        """What the filter leaves in a space, asked of the catalog when somebody wants to know."""
        expression = query.filter
        if expression is None:
            return lambda _: None
        catalog, collection = self._stores.catalog, self._collection
        revisions: dict[int, int] = {}
        """By space: when its fields were brought up to date, which is tried once a query."""

        def within(space: Space) -> Within:
            kind = "text" if space.card.form == "terms" else space.kind
            if space.id not in revisions and keeps_fields(self._stores, space):
                with clock.stage("fields"):
                    revisions[space.id] = bring_up(self._stores, collection, space)

            def ids() -> Ids:
                with clock.stage("filter"):
                    return catalog.segment_ids(collection, kind, filter=expression)

            return Within(expression, ids, revisions.get(space.id, -1))

        return within

    def _enough(self, mode: Callable[..., Any], asked: Asked, needed: int) -> list[Candidate]:
        """Ask for more segments until there are ``needed`` items or no more segments: items may have many."""
        without = asked.states.keys()
        n = self._first_n(asked, needed)
        while True:
            answers = mode(asked, n)
            with asked.clock.stage("catalog"):
                found = candidates(self._stores.catalog, self._collection, answers, without)
            if len(found) >= needed or all(answer.all for answer in answers):
                return found
            n *= min(max(2, ceil(needed / max(len(found), 1))), FASTEST)

    def _first_n(self, asked: Asked, needed: int = 0) -> int:
        """How many segments to ask a space for at first; ``needed`` items, or those of the page and one more."""
        n = (needed or asked.query.offset + asked.query.k + 1) + len(asked.states)
        if (
            sum(space.card.form != "sketch" and not space.is_screen for space in asked.spaces) > 1
        ):  # ranks are fused: how deep one looks must not change from page to page
            n = max(n, FUSED)
        return n

    def _explained(self, page: Sequence[Candidate], asked: Asked, rescoring: Rescoring | None) -> Sequence[Candidate]:
        """Why each of the page's hits is one. What a rescorer ranked gets its further units."""
        if rescoring is not None:
            with asked.clock.stage("rescore"):
                return rescoring.explained(page)
        if asked.explain is None or not asked.query.explain:
            return page
        with asked.clock.stage("explain"):
            whys = asked.explain([candidate.segment for candidate in page])
        return [replace(one, why={**one.why, **why}) for one, why in zip(page, whys, strict=True)]

    def _hits(self, page: Sequence[Candidate], scale: Scale) -> tuple[Hit, ...]:
        shown = self._stores.catalog.shown(self._collection, [candidate.segment.item_id for candidate in page])
        return tuple(
            Hit(
                item=candidate.segment.item_id,
                source=item.uris[0] if item.uris else "",
                score=candidate.score,
                unit=candidate.unit,
                span=candidate.span,
                metadata=metadata_of(item),
                kind=candidate.segment.kind,
                segment=candidate.segment.id,
                why=candidate.why,
                percentile=scale.percentile(candidate.segment.kind, candidate.unit, candidate.score),
                quote=candidate.quote,
            )
            for candidate in page
            if (item := shown.get(candidate.segment.item_id)) is not None
        )


def metadata_of(item: Shown) -> dict[str, Any]:
    """What a hit shows of its item: what the content says, then the first source's own metadata, then tags."""
    metadata = {**item.info, **item.metadata}
    if item.tags:
        metadata["tags"] = list(item.tags)
    if len(item.uris) > 1:
        metadata["other_sources"] = list(item.uris[1:])
    return metadata


def check_query(query: Query) -> None:
    """Raises QueryError on numbers that no search takes."""
    if not query.examples:
        raise QueryError("a query needs an example", hint="a file, an item id, or --text")
    if not 1 <= query.k <= LARGEST_PAGE:
        raise QueryError(
            f"k is {query.k}", hint=f"ask for 1 to {LARGEST_PAGE} hits, then for the next page with --offset"
        )
    if not 0 <= query.offset <= DEEPEST_PAGE:
        raise QueryError(f"the offset is {query.offset}", hint=f"it goes from 0 to {DEEPEST_PAGE}")
    for example in query.examples:
        if not -HEAVIEST <= example.weight <= HEAVIEST:
            raise QueryError(f"the weight {example.weight} is too large", hint=f"from -{HEAVIEST:g} to {HEAVIEST:g}")
        crop = example.crop
        if crop and not (0 <= crop[0] < crop[2] <= 1 and 0 <= crop[1] < crop[3] <= 1):
            raise QueryError(
                f"the crop {crop} is no part of a picture", hint="left,top,right,bottom as fractions, 0 to 1"
            )
