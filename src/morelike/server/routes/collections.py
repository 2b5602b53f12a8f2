"""Collections: list, make, look at, drop."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import Query, Request, Response

from morelike.errors import CollectionExists
from morelike.library import CollectionSummary, Library
from morelike.server.answers import Json
from morelike.server.asked import NewCollection
from morelike.server.deps import CollectionName, Limit, Offset, api_router, needs, parts_of
from morelike.server.docs import documented, json_response, problems
from morelike.server.schemas import CollectionList, CollectionOut, Dropped, RejectedList
from morelike.server.schemas_collections import Count
from morelike.shapes import collection_shape, rejection_shape

__all__ = ["router"]

router = api_router("collections")


@router.get(
    "/collections",
    summary="List collections",
    responses={**json_response("All of them.", documented("collections"), CollectionList), **problems()},
)
def list_collections(request: Request) -> Response:
    """All collections, by name."""
    return Json({"collections": [collection_shape(summary) for summary in parts_of(request).library.collections()]})


@router.post(
    "/collections",
    status_code=201,
    summary="Make a collection",
    openapi_extra=needs("admin"),
    responses={
        **json_response("It is made.", documented("collection"), CollectionOut, status=201),
        **problems(409, 413, 422, 503),
    },
)
async def make_collection(request: Request, wanted: NewCollection) -> Response:
    """Make an empty collection. Its encoder is fixed until `reembed`; with `auto` weights may be downloaded."""
    parts = parts_of(request)
    return await parts.writes.run(_make, parts.library, wanted)


def _make(library: Library, wanted: NewCollection) -> Response:
    if wanted.name in library.names():
        raise CollectionExists(f"there is a collection {wanted.name} already", hint="choose another name, or drop it")
    library.collection(wanted.name, modality=wanted.modality, encoder=wanted.encoder, options=wanted.options)
    place = f"/api/v1/collections/{quote(wanted.name, safe='')}"
    return Json(collection_shape(summary_of(library, wanted.name)), 201, {"Location": place})


@router.get(
    "/collections/{collection}",
    summary="One collection",
    responses={**json_response("The collection.", documented("collection"), CollectionOut), **problems(404)},
)
def one_collection(request: Request, collection: CollectionName) -> Response:
    """What it holds, and how much."""
    return Json(collection_shape(summary_of(parts_of(request).library, collection)))


@router.delete(
    "/collections/{collection}",
    summary="Drop a collection",
    openapi_extra=needs("admin"),
    responses={
        **json_response("It is gone.", documented("dropped"), Dropped),
        **problems(404, 503),
    },
)
async def drop_collection(request: Request, collection: CollectionName) -> Response:
    """Remove it with its items, vectors and kept bytes. Files that were added in place stay where they are."""
    parts = parts_of(request)

    def drop() -> Response:
        items = summary_of(parts.library, collection).items
        parts.library.drop(collection)
        return Json({"dropped": collection, "items": items})

    return await parts.writes.run(drop)


@router.get(
    "/collections/{collection}/count",
    summary="Count",
    responses={**json_response("How much there is.", documented("count"), Count), **problems(400, 404)},
)
def count(
    request: Request,
    collection: CollectionName,
    filter: Annotated[str, Query(max_length=10_000, description="Count only items that match.")] = "",
) -> Response:
    """How many items are searchable or match the filter; and all sources, and rows of the ledger."""
    opened = parts_of(request).library.collection(collection)
    items = opened.count(filter=filter.strip() or None)
    return Json({"items": items, "sources": opened.count_sources(), "rejected": opened.rejected_count()})


@router.get(
    "/collections/{collection}/rejected",
    summary="The ledger",
    responses={
        **json_response("A page of it.", documented("rejected"), RejectedList),
        **problems(404),
    },
)
def rejected(request: Request, collection: CollectionName, offset: Offset = 0, limit: Limit = 100) -> Response:
    """What could not be added, and why."""
    rows = parts_of(request).library.collection(collection).rejected(offset=offset, limit=limit + 1)
    return Json({"rejected": [rejection_shape(row) for row in rows[:limit]], "more": len(rows) > limit})


def summary_of(library: Library, name: str) -> CollectionSummary:
    """Of this one alone: counting all would take as long as all are large. Raises NoSuchCollection."""
    opened = library.collection(name)
    return CollectionSummary(
        opened.name,
        opened.modality,
        opened.count(),
        opened.rejected_count(),
        opened.spaces,
        opened.created_at,
        opened.options,
    )
