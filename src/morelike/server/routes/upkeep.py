"""Looking after a collection: another encoder, duplicates, what its scores mean."""

from __future__ import annotations

from fastapi import Request, Response

from morelike.server.answers import Json
from morelike.server.asked import (
    AutoTagRequest,
    CalibrateRequest,
    DedupRequest,
    DistinctRequest,
    ReembedRequest,
    UndoRequest,
)
from morelike.server.deps import CollectionName, api_router, needs, parts_of
from morelike.server.docs import documented, json_response, problems
from morelike.server.routes.jobs import accepted
from morelike.server.schemas import BroughtBack, JobOut

__all__ = ["router"]

router = api_router("collections")


@router.post(
    "/collections/{collection}/reembed",
    status_code=202,
    summary="Change the encoder",
    openapi_extra=needs("admin"),
    responses={
        **json_response("A job does it.", documented("job"), JobOut, status=202),
        **problems(404, 413, 422, 503),
    },
)
def reembed(request: Request, collection: CollectionName, asked: ReembedRequest) -> Response:
    """Encode every item anew with another encoder. Searches use the old one until all is done, then the new one."""
    return _job(request, "reembed", collection, asked.model_dump(exclude_defaults=True))


@router.post(
    "/collections/{collection}/dedup",
    status_code=202,
    summary="Find duplicates",
    openapi_extra=needs("admin"),
    responses={
        **json_response("A job does it.", documented("job"), JobOut, status=202),
        **problems(404, 413, 422, 503),
    },
)
def dedup(request: Request, collection: CollectionName, asked: DedupRequest) -> Response:
    """Look for equal and near items; with `apply`, set all but one of each group aside: no search finds them."""
    return _job(request, "dedup", collection, asked.model_dump(exclude_defaults=True))


@router.post(
    "/collections/{collection}/dedup/undo",
    summary="Undo dedup",
    openapi_extra=needs("admin"),
    responses={
        **json_response("They are found again.", documented("brought_back"), BroughtBack),
        **problems(404, 413, 503),
    },
)
async def undo_dedup(request: Request, collection: CollectionName, asked: UndoRequest) -> Response:
    """Bring back what a run set aside, the last one where none is named."""
    parts = parts_of(request)

    def undo() -> Response:
        return Json({"brought_back": parts.library.collection(collection).undo_dedup(asked.run)})

    return await parts.writes.run(undo)


@router.post(
    "/collections/{collection}/distinct",
    summary="No duplicates",
    responses={
        **json_response("It is remembered.", documented("brought_back"), BroughtBack),
        **problems(404, 413, 503),
    },
)
async def not_duplicates(request: Request, collection: CollectionName, asked: DistinctRequest) -> Response:
    """Remember that no two of these items are duplicates; those that were set aside as such come back."""
    parts = parts_of(request)

    def remember() -> Response:
        return Json({"brought_back": parts.library.collection(collection).not_duplicates(*asked.items)})

    return await parts.writes.run(remember)


@router.post(
    "/collections/{collection}/tags/auto",
    status_code=202,
    summary="Tag by labels",
    responses={
        **json_response("A job does it.", documented("job"), JobOut, status=202),
        **problems(404, 413, 422, 503),
    },
)
def tag_auto(request: Request, collection: CollectionName, asked: AutoTagRequest) -> Response:
    """Tag items with those labels that they stand nearest to, where the collection's encoder takes words."""
    return _job(request, "tag", collection, asked.model_dump(exclude_defaults=True))


@router.post(
    "/collections/{collection}/calibrate",
    status_code=202,
    summary="Measure what scores mean",
    openapi_extra=needs("admin"),
    responses={
        **json_response("A job does it.", documented("job"), JobOut, status=202),
        **problems(404, 413, 422, 503),
    },
)
def calibrate(request: Request, collection: CollectionName, asked: CalibrateRequest | None = None) -> Response:
    """Measure the scores of random pairs, so that hits carry a percentile."""
    return _job(request, "calibrate", collection, {} if asked is None else asked.model_dump(exclude_defaults=True))


def _job(request: Request, kind: str, collection: str, arguments: dict[str, object]) -> Response:
    library = parts_of(request).library
    library.collection(collection)
    return accepted(library.jobs.add(kind, collection, arguments))
