"""Queries as they come over HTTP, and what the library makes of them. No path of the server is ever opened here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from morelike.errors import MorelikeError, QueryError
from morelike.expressions import Expression
from morelike.library import Library
from morelike.search.filter import parse_filter
from morelike.server.asked import MOST_PARTS, FilePart, ItemPart, Part, QueryIn, TextPart, UrlPart, VectorPart
from morelike.server.errors import problem_of
from morelike.shapes import answer_shape
from morelike.sources.urls import UrlBlobs
from morelike.types import Blob, Example, Query, Span, Vectors

__all__ = ["Observe", "answer", "answers", "examples_of", "query_of"]

Observe = Callable[[Mapping[str, float]], None]


def query_of(asked: QueryIn, files: Sequence[Blob], urls: UrlBlobs) -> Query:
    """The library's query; without any part, each file is one. URLs are fetched here, through the guard.

    ``urls`` are the request's own: what it fetches shares one bound of memory, the rest lies in files.

    Raises QueryError, SourceError, FilterError.
    """
    return Query(
        examples=examples_of(asked.examples, files, urls),
        mode=asked.mode,
        k=asked.k,
        offset=asked.offset,
        filter=_expression(asked.filter) if asked.filter and asked.filter.strip() else None,
        threshold=asked.threshold,
        explain=asked.explain,
        options=asked.options,
        space=None if asked.space is None else int(asked.space),
        timed=True,  # the stages' seconds are measured anyway, for /metrics
    )


def examples_of(asked: Sequence[Part], files: Sequence[Blob], urls: UrlBlobs) -> tuple[Example, ...]:
    """The parts as the library takes them; without any, each file is one. Raises QueryError, SourceError."""
    if len(files) > MOST_PARTS:
        raise QueryError(f"the request has {len(files)} example files", hint=f"at most {MOST_PARTS}")
    parts: list[Part] = list(asked)
    if not parts:
        parts = [FilePart(file=number, weight=1.0, crop=None, at=None) for number in range(len(files))]
    if not parts:
        raise QueryError(
            "a query needs an example", hint="an item, a url, a text, or an `example` file in a multipart body"
        )
    return tuple(_example(part, files, urls) for part in parts)


def _example(part: Part, files: Sequence[Blob], urls: UrlBlobs) -> Example:
    if isinstance(part, TextPart):
        return Example("text", part.text, part.weight)
    if isinstance(part, VectorPart):
        return Example("payload", _vector(part.vector), part.weight)
    at = Span(part.at.unit, part.at.start, part.at.end) if part.at is not None else None
    if isinstance(part, ItemPart):
        return Example("item", part.item, part.weight, part.crop, at)
    if isinstance(part, UrlPart):
        return Example("blob", _fetched(part.url, urls), part.weight, part.crop, at)
    if part.file >= len(files):
        raise QueryError(
            f"there is no example file {part.file}", hint=f"the request has {len(files)}; they count from 0"
        )
    return Example("blob", files[part.file], part.weight, part.crop, at)


def _vector(numbers: Sequence[float]) -> Vectors:
    """(n,) as it was sent: bytes where all are, which packed bits must be and numbers may."""
    given = np.array(numbers, dtype=np.float32)
    packed = given.astype(np.uint8, casting="unsafe") if ((given >= 0) & (given <= 255)).all() else given
    return packed if np.array_equal(packed, given) else given


def _fetched(url: str, urls: UrlBlobs) -> Blob:
    """Its bytes are here when this returns, so that no search waits for somebody else's server."""
    blob = urls.blob(url)
    blob.open().close()
    return blob


@lru_cache(maxsize=256)
def _expression(text: str) -> Expression:
    return parse_filter(text)


def answer(library: Library, collection: str, query: Query, *, explain: bool, observe: Observe) -> dict[str, Any]:
    """One collection's page of hits, as JSON holds it. Raises what a search raises."""
    hits = library.collection(collection).search(query)
    observe(hits.timings)
    return answer_shape(hits, explain=explain)


def _answer_or_problem(
    library: Library, collection: str, query: Query, *, explain: bool, observe: Observe
) -> dict[str, Any]:
    """The same as one of several: what goes wrong with it is said in its place."""
    try:
        return answer(library, collection, query, explain=explain, observe=observe)
    except MorelikeError as error:
        return {"problem": problem_of(error)}


def answers(
    library: Library,
    collection: str,
    queries: Sequence[Query | MorelikeError],
    *,
    explain: Sequence[bool],
    observe: Observe,
) -> list[dict[str, Any]]:
    """An answer or a problem for each query, in order; an error among them stands for one that could not be made.

    Raises NoSuchCollection.
    """
    opened = library.collection(collection)
    good = [query for query in queries if isinstance(query, Query)]
    try:
        found = iter(opened.search_many(good))
    except MorelikeError:  # one of them cannot be answered: each by itself says which
        return [
            {"problem": problem_of(query)}
            if isinstance(query, MorelikeError)
            else _answer_or_problem(library, collection, query, explain=wanted, observe=observe)
            for query, wanted in zip(queries, explain, strict=True)
        ]
    shapes = []
    for query, wanted in zip(queries, explain, strict=True):
        if isinstance(query, MorelikeError):
            shapes.append({"problem": problem_of(query)})
            continue
        hits = next(found)
        observe(hits.timings)
        shapes.append(answer_shape(hits, explain=wanted))
    return shapes
