"""Maps: a collection's items as points in two dimensions."""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Any, Final

from fastapi import Query, Request, Response

from morelike.errors import NoSuchMap, QueryError
from morelike.project import Map
from morelike.server.answers import Json, dumps
from morelike.server.asked_upkeep import MapItemsRequest, MapRequest
from morelike.server.deps import CollectionName, Offset, api_router, needs, parts_of
from morelike.server.docs import binary_response, documented, json_response, problems
from morelike.server.ranges import matches
from morelike.server.routes.jobs import accepted
from morelike.server.schemas import JobOut
from morelike.server.schemas_collections import MapItems, MapOut, MapPlaces
from morelike.shapes import map_shape

__all__ = ["MOST_POINTS", "router"]

router = api_router("collections")
MOST_POINTS: Final = 50_000
"""Of one page: some five megabytes of JSON, with ids of 64 letters."""
MOST_BARE: Final = 1_000_000
"""Of one page without ids: ten megabytes."""
_HAS_IT: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "The client has it: `If-None-Match`."}}
_AGAIN: Final = "private, no-cache"
_FOR_EVER: Final = "private, max-age=31536000, immutable"

Kind = Annotated[str | None, Query(min_length=1, max_length=64, description="Of this kind; of the first without.")]
MadeAt = Annotated[str | None, Query(max_length=64, description="Only of the map that was made then; 404 otherwise.")]
Revision = Annotated[int | None, Query(description="Only of the map that was made at this one; 404 otherwise.")]


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
        **_HAS_IT,
        **problems(404, 409),
    },
)
def show_map(
    request: Request,
    collection: CollectionName,
    kind: Kind = None,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_POINTS, description="How many points at most.")] = 10_000,
) -> Response:
    """The map that was made last on this machine; 404 until one was. Pages of one map have the same `made_at`."""
    found = _kept(request, collection, kind)
    etag = f'"{_version(found)}-{"stale" if found.stale else "fresh"}-{offset}-{limit}"'
    headers = {"Cache-Control": _AGAIN, "ETag": etag}
    if matches(request, etag):
        return Response(status_code=304, headers=headers)
    return Json(map_shape(found, offset, limit), 200, headers)


@router.get(
    "/collections/{collection}/map/points",
    summary="The map's points, as bytes",
    response_class=Response,
    responses={
        **binary_response(200, "x and y of each point, then the cluster of each.", "application/octet-stream"),
        **_HAS_IT,
        **problems(404, 409),
    },
)
def show_points(  # noqa: PLR0917 - FastAPI names them
    request: Request,
    collection: CollectionName,
    kind: Kind = None,
    made_at: MadeAt = None,
    revision: Revision = None,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_BARE, description="How many points at most.")] = MOST_BARE,
) -> Response:
    """Ten bytes a point, little-endian: first x and y of each as float32 from -1 to 1, then the cluster of each as
    int16; in the order of the map, without their items. With `made_at` and `revision` a client may keep it for ever.
    """
    found = _kept(request, collection, kind, made_at, revision)
    etag = f'"{_version(found)}-{offset}-{limit}"'
    sure = made_at is not None and revision is not None
    headers = {"Cache-Control": _FOR_EVER if sure else _AGAIN, "ETag": etag}
    if matches(request, etag):
        return Response(status_code=304, headers=headers)
    part = slice(offset, offset + limit)
    body = found.points[part].astype("<f4").tobytes() + found.cluster_of[part].astype("<i2").tobytes()
    return Response(body, 200, headers, media_type="application/octet-stream")


@router.post(
    "/collections/{collection}/map/items",
    summary="Items of points",
    openapi_extra=needs("reader"),
    responses={
        **json_response("Their ids.", documented("map_items"), MapItems),
        **problems(404, 409, 413, 422),
    },
)
def items_of_points(request: Request, collection: CollectionName, asked: MapItemsRequest) -> Response:
    """Which items these points are, in the order asked for."""
    found = _kept(request, collection, asked.kind, asked.made_at, asked.revision)
    if asked.places and max(asked.places) >= len(found.items):
        raise QueryError(
            f"the map of {collection} has {len(found.items)} points, and none at {max(asked.places)}",
            hint="places count from 0",
        )
    return Json({"items": [found.items[place] for place in asked.places]})


@router.get(
    "/collections/{collection}/map/places",
    summary="Points that pass a filter",
    responses={
        **json_response("Which points they are.", documented("map_places"), MapPlaces),
        **_HAS_IT,
        **problems(404, 409),
    },
)
def show_places(  # noqa: PLR0917 - FastAPI names them
    request: Request,
    collection: CollectionName,
    filter: Annotated[str, Query(min_length=1, max_length=10_000, description="As items are filtered.")],
    kind: Kind = None,
    made_at: MadeAt = None,
    revision: Revision = None,
) -> Response:
    """The points whose items pass a filter now, all in one answer."""
    found = _kept(request, collection, kind, made_at, revision)
    places = parts_of(request).library.collection(collection).map_places(found, filter)
    body = dumps({"made_at": found.made_at, "revision": found.revision, "places": places.tolist()})
    etag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
    headers = {"Cache-Control": _AGAIN, "ETag": etag}
    if matches(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, media_type="application/json")


def _kept(
    request: Request, collection: str, kind: str | None, made_at: str | None = None, revision: int | None = None
) -> Map:
    """Raises NoSuchMap, also where another one than this was made since."""
    found = parts_of(request).library.collection(collection).kept_map(kind)
    if found is None:
        raise NoSuchMap(f"no map of {collection} was made here yet", hint="POST to …/map makes one")
    if made_at not in {None, found.made_at} or revision not in {None, found.revision}:
        raise NoSuchMap(
            f"the map of {collection} was made anew since: at {found.made_at}", hint="begin again with that one"
        )
    return found


def _version(found: Map) -> str:
    return f"{found.encoder}-{found.kind}-{found.made_at}-{found.revision}"
