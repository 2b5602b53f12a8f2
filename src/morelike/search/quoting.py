"""The words of the hits on a page, with what answers the query marked.

In mode ``keyword`` the query's own words are marked, in other modes one sentence: with ``explain`` the nearest by
meaning, else the one that shares most words with the query. What has no words, or no bytes any more, has no quote.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

import numpy as np

from morelike.errors import ItemError, OriginalGone, StoreError, TooBusy
from morelike.originals import original
from morelike.prepare import decoding
from morelike.protocols import Quotes
from morelike.search.marking import Mark, marked_sentence, marked_words
from morelike.search.modes import Asked
from morelike.search.rank import Candidate
from morelike.search.together import in_time
from morelike.sentences import sentences
from morelike.types import Example, Query, Quote, Space
from morelike.vecmath import similarity
from morelike.words import terms_asked

__all__ = ["quoted"]

TEXT: Final = "text"
QUOTED: Final = 100
"""So many hits of a page are quoted, at most …"""
BY_MEANING: Final = 20
"""… and of so many the nearest sentence is looked for by meaning: each costs the encoder some milliseconds."""
MOST_SENTENCES: Final = 32
SECONDS: Final = 5.0
"""What is not read by then is not quoted."""


def quoted(page: Sequence[Candidate], asked: Asked) -> Sequence[Candidate]:
    """The page's hits, with their words where they are of kind ``text``."""
    wanted = [candidate for candidate in page if candidate.segment.kind == TEXT][:QUOTED]
    if not wanted or not isinstance(asked.embedder.modality, Quotes):
        return page
    with asked.clock.stage("quote"):
        marker = _Marker(asked)
        told = {item: marker.marked(quote) for item, quote in _quotes(wanted, asked, asked.embedder.modality)}
    return [replace(one, quote=told.get(one.segment.item_id)) for one in page]


def _quotes(wanted: Sequence[Candidate], asked: Asked, modality: Quotes) -> Iterator[tuple[str, Quote]]:
    """(item, its words) of those that can be had in time."""
    embedder, stores = asked.embedder, asked.embedder.stores
    ids = [candidate.segment.item_id for candidate in wanted]
    items = stores.catalog.get_items(embedder.collection, ids)

    def words(candidate: Candidate) -> Quote | None:
        item = items.get(candidate.segment.item_id)
        if item is None:
            raise OriginalGone(f"the item {candidate.segment.item_id[:12]} went meanwhile", hint="search again")
        try:
            blob = original(stores, item)
            with decoding(blob):
                return modality.quote(blob, candidate.segment.span)
        except StoreError as error:
            raise OriginalGone(f"the bytes of {item.id[:12]} cannot be had now", hint="search again") from error

    with asked.clock.waiting():
        found = in_time(words, wanted, stores.settings, seconds=SECONDS, name="quote")
    return ((one.segment.item_id, quote) for one, quote in found if quote is not None)


class _Marker:
    """Marks the quotes of one query, best hit first."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        examples = [one for one in asked.query.examples if one.weight > 0]
        self._terms = terms_asked(" ".join(str(one.content) for one in examples if one.form == TEXT))
        self._left = BY_MEANING if asked.query.explain else 0

    def marked(self, quote: Quote) -> Quote:
        if self._asked.query.mode == "keyword":
            return replace(quote, marks=marked_words(quote.text, self._terms))
        marks: tuple[Mark, ...] = ()
        if self._left > 0:
            self._left -= 1
            with suppress(ItemError, TooBusy):  # the words that are shared say it too
                marks = self._nearest(quote.text)
        return replace(quote, marks=marks or marked_sentence(quote.text, self._terms))

    def _nearest(self, text: str) -> tuple[Mark, ...]:
        """The sentence whose vector is nearest to the query's; its vectors are remembered as those of queries are."""
        spans = sentences(text)[:MOST_SENTENCES]
        space = self._space()
        if space is None or not spans:
            return ()
        asked, queries = self._asked, self._asked.query_vectors(space)
        if not len(queries):
            return ()
        parts = [Query((Example(TEXT, text[start:end]),)) for start, end in spans]
        waiting = [asked.embedder.begin(space, part, {}, asked.clock) for part in parts]
        for embedding in waiting:
            embedding.ask()
        rows = np.concatenate([embedding.vectors() for embedding in waiting])
        return (spans[int(similarity(space.card.metric, queries, rows).max(axis=0).argmax())],)

    def _space(self) -> Space | None:
        return next((space for space in self._asked.dense_spaces() if space.kind == TEXT), None)
