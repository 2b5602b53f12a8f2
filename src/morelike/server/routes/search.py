"""Searching: one query, several at once, several collections."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fastapi import Request, Response
from starlette.datastructures import UploadFile

from morelike.errors import MorelikeError, QueryError
from morelike.hits import Reply
from morelike.library import Library
from morelike.server.answers import Json
from morelike.server.asked import (
    BatchQuery,
    CompareForm,
    CompareRequest,
    QueryIn,
    SearchForm,
    SearchRequest,
    SeveralForm,
    SeveralRequest,
    UrlPart,
)
from morelike.server.bodies import blob_of, field_of, form_of, json_of, kind_of_body, parse
from morelike.server.deps import CollectionName, Parts, api_router, needs, parts_of
from morelike.server.docs import COMPARE_BODY, SEARCH_BODY, SEVERAL_BODY, documented, json_response, problems
from morelike.server.queries import answer, answers, examples_of, query_of
from morelike.server.schemas import Answer, Answers
from morelike.server.schemas_collections import Compared
from morelike.server.several import Grouped, asked_of_each, grouped
from morelike.sources.urls import UrlBlobs
from morelike.types import Blob, Example, Query

__all__ = ["router"]

router = api_router("search")
AT_ONCE = 8
"""Addresses of one batch, or collections of one query, that are under way together."""


@router.post(
    "/collections/{collection}/search",
    summary="Search a collection",
    openapi_extra=needs("reader", requestBody=SEARCH_BODY),
    responses={
        **json_response("A page of hits; with `queries`, one for each.", documented("answer"), Answer | Answers),
        **problems(400, 404, 409, 413, 415, 422, 503),
    },
)
async def search(request: Request, collection: CollectionName) -> Response:
    """The items most like the examples. JSON, or multipart with files named `example` and the same JSON as `query`.

    Scores are higher for closer. An item given by its id is left out of the answer.
    """
    parts = parts_of(request)
    if kind_of_body(request) == "json":
        return await _answered(parts, collection, (await json_of(request, SearchRequest)).root, [])
    async with form_of(request, "example", "query") as form:
        files = [blob_of(one, "upload:query") for one in form.getlist("example") if isinstance(one, UploadFile)]
        return await _answered(parts, collection, parse(field_of(form, "query") or "{}", SearchForm).root, files)


@router.post(
    "/search",
    summary="Search several collections",
    openapi_extra=needs("reader", requestBody=SEVERAL_BODY),
    responses={
        **json_response("The hits as one list, by modality, and by collection.", documented("grouped"), Grouped),
        **problems(400, 404, 413, 415, 422, 503),
    },
)
async def search_several(request: Request) -> Response:
    """The same query to several collections; all of them where none is named. `fused` ranks the hits of all by their
    places in their own collections, as scores of different encoders cannot be compared; `groups` has them by modality;
    `answers` by collection, each with its own page or its problem; `silent` names those that the query does not speak
    to, or that cannot be searched now. An item that one collection has is looked for in the others by its bytes.
    """
    parts = parts_of(request)
    if kind_of_body(request) == "json":
        return await _several(parts, await json_of(request, SeveralRequest), [])
    async with form_of(request, "example", "query") as form:
        files = [blob_of(one, "upload:query") for one in form.getlist("example") if isinstance(one, UploadFile)]
        return await _several(parts, parse(field_of(form, "query") or "{}", SeveralForm), files)


@router.post(
    "/collections/{collection}/compare",
    summary="Compare two examples",
    openapi_extra=needs("reader", requestBody=COMPARE_BODY),
    responses={
        **json_response("How alike they are.", documented("compared"), Compared),
        **problems(400, 404, 409, 413, 415, 422, 503),
    },
)
async def compare(request: Request, collection: CollectionName) -> Response:
    """How alike two examples are to the collection's encoder, in the unit of a hit; neither is kept. JSON, or multipart
    with files named `example` and the same JSON as `query`.
    """
    parts = parts_of(request)
    if kind_of_body(request) == "json":
        return await _compared(parts, collection, await json_of(request, CompareRequest), [])
    async with form_of(request, "example", "query") as form:
        files = [blob_of(one, "upload:query") for one in form.getlist("example") if isinstance(one, UploadFile)]
        return await _compared(parts, collection, parse(field_of(form, "query") or "{}", CompareForm), files)


async def _compared(parts: Parts, collection: str, asked: CompareForm, files: Sequence[Blob]) -> Response:
    urls = UrlBlobs(parts.library.settings)
    if any(isinstance(part, UrlPart) for part in asked.examples):
        examples = await parts.fetches.run(examples_of, asked.examples, files, urls)
    else:
        examples = examples_of(asked.examples, files, urls)
    if len(examples) != 2:
        raise QueryError(f"there are {len(examples)} examples", hint="two are compared")
    return Json({"unit": await parts.searches.run(_unit, parts.library, collection, examples)})


def _unit(library: Library, collection: str, examples: Sequence[Example]) -> dict[str, float]:
    return dict(library.collection(collection).compare(examples[0], examples[1]))


async def _answered(parts: Parts, collection: str, asked: QueryIn | BatchQuery, files: Sequence[Blob]) -> Response:
    observe = parts.metrics.search
    urls = UrlBlobs(parts.library.settings)
    if isinstance(asked, QueryIn):
        query = await _query(parts, asked, files, urls)
        shape = await parts.searches.run(
            answer, parts.library, collection, query, explain=asked.explain, observe=observe
        )
        return Json(shape)
    room = asyncio.Semaphore(AT_ONCE)

    async def made(inner: QueryIn) -> Query | MorelikeError:
        async with room:
            try:
                return await _query(parts, inner, files, urls)
            except MorelikeError as error:
                return error

    queries = await asyncio.gather(*map(made, asked.queries))
    explain = [inner.explain for inner in asked.queries]
    shapes = await parts.searches.run(answers, parts.library, collection, queries, explain=explain, observe=observe)
    return Json({"answers": shapes})


async def _several(parts: Parts, asked: SeveralForm, files: Sequence[Blob]) -> Response:
    query = await _query(parts, asked, files, UrlBlobs(parts.library.settings))
    queries = await parts.searches.run(asked_of_each, parts.library, query, asked.collections)
    room = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> Reply:
        async with room:
            return await parts.searches.run(parts.library.reply, name, queries[name])

    replies = await asyncio.gather(*map(one, queries))
    return Json(grouped(replies, query, explain=asked.explain, observe=parts.metrics.search))


async def _query(parts: Parts, asked: QueryIn, files: Sequence[Blob], urls: UrlBlobs) -> Query:
    """URLs are fetched by other threads than search uses: somebody else's slow server must not hold a place."""
    if any(isinstance(part, UrlPart) for part in asked.examples):
        return await parts.fetches.run(query_of, asked, files, urls)
    return query_of(asked, files, urls)
