"""Maps: a collection's items as points in two dimensions."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query, Request, Response

from morelike.errors import NoSuchMap
from morelike.server.answers import Json
from morelike.server.asked_upkeep import MapRequest
from morelike.server.deps import CollectionName, Offset, api_router, parts_of
from morelike.server.docs import documented, json_response, problems
from morelike.server.ranges import matches
from morelike.server.routes.jobs import accepted
from morelike.server.schemas import JobOut
from morelike.server.schemas_collections import MapOut
from morelike.shapes import map_shape

__all__ = ["MOST_POINTS", "router"]

router = api_router("collections")
MOST_POINTS: Final = 50_000
"""Of one page: some five megabytes of JSON, with ids of 64 letters."""


@router.post(
    "/collections/{collection}/map",
    status_code=202,
    summary="Make a map",
    responses={
        **json_response("A job does it.", documented("job"), JobOut, status=202),
        **problems(404, 409, 413, 422, 503),
    },
)
def make_map(request: Request, collection: CollectionName, asked: MapRequest | None = None) -> Response:
    """Lay the items out in two dimensions, anew where there is a map; the result tells of it, without its points."""
    library = parts_of(request).library
    arguments = {} if asked is None else asked.model_dump(exclude_defaults=True)
    library.collection(collection).kept_map(arguments.get("kind"))  # at once, not when the job is done
    return accepted(library.jobs.add("map", collection, arguments))


@router.get(
    "/collections/{collection}/map",
    summary="The map",
    responses={
        **json_response("A page of its points.", documented("map"), MapOut),
        304: {"description": "The client has it: `If-None-Match`."},
        **problems(404, 409),
    },
)
def show_map(
    request: Request,
    collection: CollectionName,
    kind: Annotated[
        str | None, Query(min_length=1, max_length=64, description="Of this kind; of the first without.")
    ] = None,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_POINTS, description="How many points at most.")] = 10_000,
) -> Response:
    """The map that was made last on this machine; 404 until one was. Pages of one map have the same `made_at`."""
    found = parts_of(request).library.collection(collection).kept_map(kind)
    if found is None:
        raise NoSuchMap(f"no map of {collection} was made here yet", hint="POST to the same address makes one")
    version = f"{found.encoder}-{found.kind}-{found.made_at}-{found.revision}-{'stale' if found.stale else 'fresh'}"
    etag = f'"{version}-{offset}-{limit}"'
    headers = {"Cache-Control": "private, no-cache", "ETag": etag}
    if matches(request, etag):
        return Response(status_code=304, headers=headers)
    return Json(map_shape(found, offset, limit), 200, headers)
