"""One query, from its parts to a page of hits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from morelike.errors import QueryError
from morelike.originals import stored_blob
from morelike.prepare import EncoderLane
from morelike.protocols import Modality, Rescorer
from morelike.registry import MODES, RESCORERS
from morelike.search.embed import Embedder
from morelike.search.modes import Asked
from morelike.search.rank import Candidate, candidates
from morelike.types import WHOLE, Answer, Collection, Hit, Item, Query, SegmentSpec, Space, Within
from morelike.wiring import Stores

__all__ = ["Search"]

LARGEST_PAGE = 10_000
DEEPEST_PAGE = 1_000_000
RESCORED = 100
"""How many of the best candidates a rescorer looks at, beyond the page asked for."""
FUSED = 1000
"""How many segments a space gives at least where several answer; pages up to there join."""


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
        self._embedder = Embedder(stores, collection, modality, lane_of)

    def answer(self, query: Query, *, rescorer: Rescorer | None = None) -> Answer:
        """One page of hits. Raises QueryError, ItemError on an example that cannot be used, NoSuchItem, StoreError."""
        _check(query)
        query = self._whole_ids(query)
        clock = _Clock()
        asked = Asked(self._embedder, self._spaces, query, self._within(query))
        mode = MODES.load(query.mode)
        needed = query.offset + query.k + 1
        if rescorer is not None:
            needed = max(needed, RESCORED)
        found = self._enough(mode, asked, needed)
        if not found and asked.vectors:
            self._embedder.check_vectors(self._spaces)
        clock.stop("vectors", of_which={"embed": asked.seconds})
        if rescorer is not None:
            found = self._rescored(rescorer, query, found[:needed])
        if query.threshold is not None:
            found = [candidate for candidate in found if candidate.score >= query.threshold]
        page = found[query.offset : query.offset + query.k]
        hits = self._hits(page)
        clock.stop("catalog")
        more = len(found) > query.offset + query.k
        return Answer(hits, more, clock.seconds if query.explain else {})

    def _whole_ids(self, query: Query) -> Query:
        """Item ids may be given by a prefix; from here on they are whole."""
        examples = tuple(
            replace(example, content=self._stores.catalog.item(self._collection, example.content).id)
            if example.form == "item"
            else example
            for example in query.examples
        )
        return replace(query, examples=examples)

    def _within(self, query: Query) -> Within | None:
        expression = query.filter
        if expression is None:
            return None
        kinds = sorted({"text" if space.card.form == "terms" else space.kind for space in self._spaces})
        catalog, collection = self._stores.catalog, self._collection

        def ids() -> Any:
            import numpy as np

            found = [catalog.segment_ids(collection, kind, filter=expression) for kind in kinds]
            return found[0] if len(found) == 1 else np.unique(np.concatenate(found))

        return Within(expression, ids)

    def _enough(self, mode: Callable[..., Any], asked: Asked, needed: int) -> list[Candidate]:
        """Ask for more segments until there are ``needed`` items or no more segments: items may have many."""
        examples = asked.query.examples
        without = {example.content for example in examples if example.form == "item"}
        n = needed + len(without)
        if len(asked.spaces) > 1:  # ranks are fused: how deep one looks must not change from page to page
            n = max(n, FUSED)
        while True:
            answers = mode(asked, n)
            found = candidates(self._stores.catalog, self._collection, answers, without)
            if len(found) >= needed or all(answer.all for answer in answers):
                return found
            n *= 2

    def _rescored(self, rescorer: Rescorer, query: Query, found: list[Candidate]) -> list[Candidate]:
        """The candidates again, by their exact score in the field's unit."""
        example = query.examples[0]
        if example.form == "text":
            raise QueryError(f"{rescorer.name} compares with an example, not with words", hint="leave --text out")
        payload = example.content
        if example.form in {"item", "blob"}:
            blob = (
                stored_blob(self._stores, self._collection, example.content)
                if example.form == "item"
                else example.content
            )
            payload = self._modality.load(blob, SegmentSpec(rescorer.kinds[0], example.at or WHOLE), {})
        rescored = []
        for candidate in found:
            blob = stored_blob(self._stores, self._collection, candidate.segment.item_id)
            spec = SegmentSpec(candidate.segment.kind, candidate.segment.span)
            score, why = rescorer.rescore(payload, self._modality.load(blob, spec, {}))
            rescored.append(replace(candidate, score=score, unit={**candidate.unit, rescorer.unit: score}, why=why))
        return sorted(rescored, key=lambda candidate: (-candidate.score, candidate.segment.item_id))

    def _hits(self, page: Sequence[Candidate]) -> tuple[Hit, ...]:
        items = self._stores.catalog.get_items(self._collection, [candidate.segment.item_id for candidate in page])
        return tuple(
            Hit(
                item=candidate.segment.item_id,
                source=item.sources[0].uri if item.sources else "",
                score=candidate.score,
                unit=candidate.unit,
                span=candidate.segment.span,
                metadata=metadata_of(item),
                kind=candidate.segment.kind,
                segment=candidate.segment.id,
                why=candidate.why,
            )
            for candidate in page
            if (item := items.get(candidate.segment.item_id)) is not None
        )


def metadata_of(item: Item) -> dict[str, Any]:
    """What a hit shows of its item: what the content says, then the first source's own metadata, then tags."""
    metadata = dict(item.info)
    if item.sources:
        metadata.update(item.sources[0].metadata)
    if item.tags:
        metadata["tags"] = list(item.tags)
    if len(item.sources) > 1:
        metadata["other_sources"] = [source.uri for source in item.sources[1:]]
    return metadata


def named_rescorer(name: str) -> Rescorer:
    """The registered rescorer of that name. Raises UnknownName, MissingExtra."""
    rescorer: Rescorer = RESCORERS.load(name)()
    return rescorer


def _check(query: Query) -> None:
    if not query.examples:
        raise QueryError("a query needs an example", hint="a file, an item id, or --text")
    if not 1 <= query.k <= LARGEST_PAGE:
        raise QueryError(
            f"k is {query.k}", hint=f"ask for 1 to {LARGEST_PAGE} hits, then for the next page with --offset"
        )
    if not 0 <= query.offset <= DEEPEST_PAGE:
        raise QueryError(f"the offset is {query.offset}", hint=f"it goes from 0 to {DEEPEST_PAGE}")
    for example in query.examples:
        crop = example.crop
        if crop and not (0 <= crop[0] < crop[2] <= 1 and 0 <= crop[1] < crop[3] <= 1):
            raise QueryError(
                f"the crop {crop} is no part of a picture", hint="left,top,right,bottom as fractions, 0 to 1"
            )


class _Clock:
    """Seconds a stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = perf_counter()

    def stop(self, stage: str, of_which: Mapping[str, float] | None = None) -> None:
        """``of_which``: stages that ran inside this one, told apart from it."""
        now = perf_counter()
        inside = dict(of_which or {})
        self.seconds.update(inside)
        self.seconds[stage] = now - self._since - sum(inside.values())
        self._since = now
