"""Sources: where items were found, and what of many things is there already."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from morelike.server.answers import Json
from morelike.server.asked_items import LONGEST_URI, KnownRequest
from morelike.server.deps import CollectionName, Limit, Offset, api_router, needs, parts_of
from morelike.server.docs import documented, json_response, problems
from morelike.server.schemas_collections import Known, SourceList
from morelike.shapes import source_shape

__all__ = ["router"]

router = api_router("items")


@router.get(
    "/collections/{collection}/sources",
    summary="List sources",
    responses={**json_response("A page of them.", documented("sources"), SourceList), **problems(404)},
)
def list_sources(  # noqa: PLR0917 - FastAPI names them
    request: Request,
    collection: CollectionName,
    md5: Annotated[str, Query(pattern="^([0-9a-f]{32})?$", description="Only of items with this digest.")] = "",
    origin: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=2 * LONGEST_URI,
            description="Only those that came through this source argument or lie below it; of items in any state.",
        ),
    ] = None,
    after: Annotated[
        int,
        Query(ge=0, lt=2**63, description="Begin behind this `number`: cheaper than `offset` where there are many."),
    ] = 0,
    offset: Offset = 0,
    limit: Limit = 100,
) -> Response:
    """The sources of searchable items, in order of arrival: a row for each place, also of equal files."""
    opened = parts_of(request).library.collection(collection)
    rows = opened.sources(md5=md5, origin=origin, after=after, offset=offset, limit=limit + 1)
    return Json({"sources": [source_shape(row) for row in rows[:limit]], "more": len(rows) > limit})


@router.post(
    "/collections/{collection}/known",
    summary="What is there already",
    openapi_extra=needs("reader"),
    responses={**json_response("What of it is there.", documented("known"), Known), **problems(404, 413, 422)},
)
def known(request: Request, collection: CollectionName, asked: KnownRequest) -> Response:
    """Which of these items, uris and contents the collection has: whoever uploads need not send them again."""
    opened = parts_of(request).library.collection(collection)
    wanted = set(asked.uris)
    uris = {
        row.source.uri: {
            "item": row.item_id,
            "state": row.state,
            "size": row.source.size,
            "modified_ns": row.source.modified_ns,
            "metadata": dict(row.source.metadata),
        }
        for row in opened.find_sources(uris=asked.uris)
        if row.source.uri in wanted
    }
    content = {
        digest: {"item": item_id, "state": state} for digest, (item_id, state) in opened.holding(asked.content).items()
    }
    return Json({"items": opened.known(asked.items), "uris": uris, "content": content})
