"""Looking after a collection: another encoder, duplicates, what its scores mean."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from morelike.evaluate import folder, labeller
from morelike.records import Aside
from morelike.server.answers import Json
from morelike.server.asked_upkeep import (
    AsideRequest,
    AutoTagRequest,
    CalibrateRequest,
    DedupRequest,
    DistinctRequest,
    DuplicatesRequest,
    EvaluateRequest,
    PurgeRequest,
    ReembedRequest,
    UndoRequest,
)
from morelike.server.deps import CollectionName, Limit, Offset, api_router, needs, parts_of
from morelike.server.docs import documented, json_response, problems
from morelike.server.routes.jobs import accepted
from morelike.server.schemas import BroughtBack, JobOut
from morelike.server.schemas_collections import AsideList, DistinctList, Forgotten, Purged
from morelike.shapes import aside_shape

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
    "/collections/{collection}/dedup/purge",
    summary="Remove duplicates for good",
    openapi_extra=needs("admin"),
    responses={**json_response("They are gone.", documented("purged"), Purged), **problems(400, 404, 413, 503)},
)
async def purge(request: Request, collection: CollectionName, asked: PurgeRequest) -> Response:
    """Remove what is set aside, by one run or by any. Files that were added in place stay where they are."""
    parts = parts_of(request)

    def remove() -> Response:
        return Json({"removed": parts.library.collection(collection).purge_duplicates(asked.run)})

    return await parts.writes.run(remove)


@router.get(
    "/collections/{collection}/asides",
    summary="What is set aside",
    responses={**json_response("A page of it.", documented("asides"), AsideList), **problems(404)},
)
def asides(
    request: Request,
    collection: CollectionName,
    run: Annotated[str | None, Query(max_length=64, description="Only what this run of `dedup` set aside.")] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> Response:
    """Items that `dedup` set aside as duplicates, newest first; no search finds them."""
    found = parts_of(request).library.collection(collection).asides(run)
    page = found[offset : offset + limit]
    return Json({"asides": [aside_shape(one) for one in page], "more": len(found) > offset + limit})


@router.post(
    "/collections/{collection}/asides",
    summary="Set chosen items aside",
    openapi_extra=needs("admin"),
    responses={
        **json_response("What was set aside, with its run.", documented("asides"), AsideList),
        **problems(404, 413, 503),
    },
)
async def set_aside(request: Request, collection: CollectionName, asked: AsideRequest) -> Response:
    """Set aside these items, each for one that stays, as one run that `dedup/undo` undoes. What has gone, was set aside
    or called distinct meanwhile is passed over.
    """
    parts = parts_of(request)
    wanted = [Aside(one.item, one.keeper, "", one.score) for one in asked.asides]

    def put() -> Response:
        done = parts.library.collection(collection).set_aside(wanted)
        return Json({"asides": [aside_shape(one) for one in done], "more": False})

    return await parts.writes.run(put)


@router.post(
    "/collections/{collection}/duplicates",
    status_code=202,
    summary="List duplicates",
    openapi_extra=needs("admin"),
    responses={
        **json_response("A job does it.", documented("job"), JobOut, status=202),
        **problems(404, 413, 422, 503),
    },
)
def duplicates(request: Request, collection: CollectionName, asked: DuplicatesRequest) -> Response:
    """Look for equal and near items and change nothing. The result has whole groups, of 5 000 members together at the
    most, and how many were `found`.
    """
    return _job(request, "duplicates", collection, asked.model_dump(exclude_defaults=True))


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


@router.get(
    "/collections/{collection}/distinct",
    summary="What are no duplicates",
    responses={**json_response("A page of pairs.", documented("distinct"), DistinctList), **problems(404)},
)
def distinct(request: Request, collection: CollectionName, offset: Offset = 0, limit: Limit = 100) -> Response:
    """Pairs of items of which it is remembered that they are no duplicates, in the order of their ids."""
    found = parts_of(request).library.collection(collection).distinct()
    return Json({"pairs": found[offset : offset + limit], "more": len(found) > offset + limit})


@router.delete(
    "/collections/{collection}/distinct",
    summary="Perhaps duplicates after all",
    responses={**json_response("It is forgotten.", documented("forgotten"), Forgotten), **problems(404, 413, 503)},
)
async def forget_not_duplicates(request: Request, collection: CollectionName, asked: DistinctRequest) -> Response:
    """Forget that these items are no duplicates. The body is that of POST."""
    parts = parts_of(request)

    def forget() -> Response:
        parts.library.collection(collection).forget_not_duplicates(*asked.items)
        return Json({"forgotten": len(set(asked.items))})

    return await parts.writes.run(forget)


@router.post(
    "/collections/{collection}/evaluate",
    status_code=202,
    summary="Measure how well it finds",
    responses={
        **json_response("A job does it.", documented("job"), JobOut, status=202),
        **problems(400, 404, 413, 422, 503),
    },
)
def evaluate(request: Request, collection: CollectionName, asked: EvaluateRequest) -> Response:
    """Let labelled items look for others of their label. The result is that of `morelike eval --json`."""
    labeller(asked.labels)  # at once, not when the job is done
    if asked.folds is not None:
        folder(asked.folds)
    return _job(request, "evaluate", collection, asked.model_dump(exclude_defaults=True))


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
