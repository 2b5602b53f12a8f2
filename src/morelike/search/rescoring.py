"""The best candidates again, by their exact score in the field's unit, and why each hit on the page is one.

A card names its rescorer in ``options.rescorer``. Where the card's metric is the rescorer's unit, the space's scores
are exact already, and the rescorer only says why. Payloads are loaded as ``add`` loads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from morelike.errors import OriginalGone, QueryError
from morelike.originals import original, stored_blob
from morelike.prepare import decoding
from morelike.protocols import ReadsText, Rescorer
from morelike.records import Rescored
from morelike.registry import RESCORERS
from morelike.search.modes import Asked
from morelike.search.rank import Candidate
from morelike.search.together import in_time
from morelike.types import WHOLE, Blob, Example, Item, Kind, Payload, SegmentSpec, Span

__all__ = ["Rescoring", "example_blob", "example_payload", "named_rescorer", "rescoring_of"]

T = TypeVar("T")

SECONDS = 20.0
"""What is not scored by then stays where it was, behind what is."""
EXPLAINED = 100
"""So many hits of a page are explained, at most."""


def named_rescorer(name: str) -> Rescorer:
    """The registered rescorer of that name. Raises UnknownName, MissingExtra."""
    rescorer: Rescorer = RESCORERS.load(name)()
    return rescorer


def rescoring_of(asked: Asked, given: Rescorer | None = None) -> Rescoring | None:
    """What is to be done for this query: by the rescorer ``given``, else by the one that the space's card names.

    None where there is none, it is turned off (``options={"rescore": False}``), or the query is not one example that
    can be compared. Raises UnknownName, MissingExtra; with ``given`` QueryError where it cannot compare.
    """
    examples = asked.query.examples
    if given is not None:
        return Rescoring(asked, given, _payload_for(asked, given, examples[0]), ranks=True)
    if asked.query.mode != "similar" or not asked.options.get("rescore", True):
        return None
    spaces = asked.dense_spaces()
    if len(spaces) != 1 or len(examples) != 1 or examples[0].weight <= 0 or examples[0].crop is not None:
        return None
    name = spaces[0].card.options.get("rescorer")
    if not isinstance(name, str) or not name:
        return None
    rescorer = named_rescorer(name)
    ranks = rescorer.unit != spaces[0].card.metric
    if not ranks and not asked.query.explain:
        return None
    payload = example_payload(asked, examples[0], rescorer.kinds[0])
    if payload is None or not rescorer.takes(payload):
        return None
    return Rescoring(asked, rescorer, payload, ranks=ranks)


def _payload_for(asked: Asked, rescorer: Rescorer, example: Example) -> Payload:
    payload = example_payload(asked, example, rescorer.kinds[0])
    if payload is None:
        raise QueryError(f"{rescorer.name} compares with an example, not with words", hint="leave --text out")
    if not rescorer.takes(payload):
        raise QueryError(f"{rescorer.name} cannot compare with this example", hint="it is too long, or empty")
    return payload


def example_payload(asked: Asked, example: Example, kind: Kind) -> Payload | None:
    """The decoded example; None of a vector, of words that write nothing down, and of an item whose bytes are gone.

    Raises ItemError.
    """
    if example.form == "payload":
        vector = isinstance(example.content, np.ndarray) and example.content.ndim == 1
        return None if vector else example.content
    blob = example_blob(asked, example)
    if blob is None:
        return None
    with asked.clock.stage("decode"), decoding(blob):
        return asked.embedder.modality.load(blob, SegmentSpec(kind, example.at or WHOLE), {})


def example_blob(asked: Asked, example: Example) -> Blob | None:
    """The bytes of an example: a file's, an item's, or those of what a text writes down."""
    embedder = asked.embedder
    if example.form == "text":
        return embedder.modality.of_text(str(example.content)) if isinstance(embedder.modality, ReadsText) else None
    if example.form == "item":
        try:
            with asked.clock.waiting():  # the bytes may lie far away
                return stored_blob(embedder.stores, embedder.collection, example.content)
        except OriginalGone:
            return None
    return example.content if isinstance(example.content, Blob) else None


@dataclass(slots=True, eq=False)
class Rescoring:
    """One rescorer and one query. ``ranks``: whether candidates are put in order by it, or only explained."""

    asked: Asked
    rescorer: Rescorer
    query: Payload
    ranks: bool
    _loaded: dict[str, tuple[Payload, Span]] = field(default_factory=dict)
    """By item: what was loaded of it, and which part that is."""

    @property
    def most(self) -> int:
        """How many of the best candidates are scored, whatever page is asked for: so pages join."""
        return self.asked.embedder.stores.settings.rescored

    def ranked(self, found: Sequence[Candidate]) -> list[Candidate]:
        """The first ``most`` by their exact score; then those of them that could not be had; then all others."""
        first, rest = found[: self.most], found[self.most :]
        items = self._items(first)

        def score(candidate: Candidate) -> float:
            return self.rescorer.score(self.query, self._payload(candidate, items[candidate.segment.item_id]))

        known = [candidate for candidate in first if candidate.segment.item_id in items]
        scores = self._together(score, known)
        rescored = [self._with_score(candidate, one) for candidate, one in scores]
        rescored.sort(key=lambda candidate: (-candidate.score, candidate.segment.item_id))
        done = {candidate.segment.item_id for candidate, _ in scores}
        left = [candidate for candidate in first if candidate.segment.item_id not in done]
        return [*rescored, *left, *rest]

    def explained(self, page: Sequence[Candidate]) -> list[Candidate]:
        """The page's hits with their further units, the part that matches, and why; as they were where it fails."""
        wanted = [one for one in page if not self.ranks or one.segment.item_id in self._loaded][:EXPLAINED]
        items = self._items([one for one in wanted if one.segment.item_id not in self._loaded])

        def explain(candidate: Candidate) -> Candidate:
            payload = self._payload(candidate, items.get(candidate.segment.item_id))
            said = self.rescorer.explain(self.query, payload)
            whole = self._loaded[candidate.segment.item_id][1]
            unit = {**said.unit, **candidate.unit}
            return replace(candidate, unit=unit, why=said.why, matched=_within(whole, said) or candidate.matched)

        told = {old.segment.item_id: new for old, new in self._together(explain, wanted)}
        return [told.get(candidate.segment.item_id, candidate) for candidate in page]

    def _with_score(self, candidate: Candidate, score: float) -> Candidate:
        return replace(candidate, score=score, unit={self.rescorer.unit: score, **candidate.unit})

    def _items(self, candidates: Sequence[Candidate]) -> dict[str, Item]:
        embedder = self.asked.embedder
        ids = [candidate.segment.item_id for candidate in candidates]
        return embedder.stores.catalog.get_items(embedder.collection, ids) if ids else {}

    def _payload(self, candidate: Candidate, item: Item | None) -> Payload:
        """The candidate's segment, with what lies around it as far as the rescorer wants to see."""
        kept = self._loaded.get(candidate.segment.item_id)
        if kept is not None:
            return kept[0]
        if item is None:
            raise OriginalGone(f"the item {candidate.segment.item_id[:12]} went meanwhile", hint="search again")
        embedder = self.asked.embedder
        span = _wider(candidate.segment.span, self.rescorer.around(self.query), item.info)
        blob = original(embedder.stores, item)
        with decoding(blob):
            payload = embedder.modality.load(blob, SegmentSpec(self.rescorer.kinds[0], span), {})
        self._loaded[candidate.segment.item_id] = payload, span
        return payload

    def _together(self, work: Callable[[Candidate], T], candidates: Sequence[Candidate]) -> list[tuple[Candidate, T]]:
        """Those of which it could be done in time, in their order."""
        settings = self.asked.embedder.stores.settings
        return in_time(work, candidates, settings, seconds=SECONDS, name="rescore")


def _wider(span: Span, around: float, info: Mapping[str, object]) -> Span:
    if span == WHOLE or around <= 0:
        return span
    length = info.get("length")
    end = span.end + around
    if isinstance(length, int | float) and length >= span.end:
        end = min(end, float(length))
    return replace(span, start=max(span.start - around, 0.0), end=end)


def _within(whole: Span, said: Rescored) -> Span | None:
    """The part that matches, as a part of the item."""
    if said.span is None or whole == WHOLE:
        return said.span
    return replace(said.span, start=whole.start + said.span.start, end=whole.start + said.span.end)
