"""The library as a whole: what answers here, its encoders, what it takes on disk, and whether it is well."""

from __future__ import annotations

from fastapi import Request, Response

from morelike import __version__
from morelike.models import cards, weights
from morelike.registry import MODALITIES
from morelike.server.answers import Json
from morelike.server.asked import MOST_QUERIES
from morelike.server.asked_items import MOST_ITEMS, MOST_KNOWN
from morelike.server.asked_upkeep import DoctorRequest
from morelike.server.bodies import MOST_FILES
from morelike.server.deps import api_router, needs, parts_of
from morelike.server.docs import documented, json_response, problems
from morelike.server.limits import LARGEST_JSON
from morelike.server.routes.jobs import accepted
from morelike.server.schemas import JobOut
from morelike.server.schemas_library import EncoderList, Info, Storage, StorageHistory
from morelike.shapes import card_shape, reading_shape, storage_shape

__all__ = ["router"]

router = api_router("library")


@router.get(
    "/info",
    summary="What answers here",
    responses={**json_response("The server.", documented("info"), Info), **problems()},
)
def info(request: Request) -> Response:
    """The version, the library's own id, what collections can hold, and how much one request may."""
    library = parts_of(request).library
    upload = library.settings.max_upload_bytes
    limits = {
        "upload_bytes": upload,
        "json_bytes": min(LARGEST_JSON, upload),
        "files": MOST_FILES,
        "known": MOST_KNOWN,
        "items": MOST_ITEMS,
        "queries": MOST_QUERIES,
    }
    return Json({"version": __version__, "library": library.id, "modalities": list(MODALITIES), "limits": limits})


@router.get(
    "/encoders",
    summary="List encoders",
    responses={**json_response("All of them.", documented("encoders"), EncoderList), **problems()},
)
def list_encoders(request: Request) -> Response:
    """The encoders that a collection can be made with, and whether their weights are on the server."""
    settings = parts_of(request).library.settings
    found = []
    for card in cards.all_cards(settings):
        status = weights.status(card, settings)
        found.append({**card_shape(card), "here": status.here, "size": status.size})
    return Json({"encoders": found})


@router.get(
    "/storage",
    summary="What the library takes",
    responses={**json_response("By part, collection and disk.", documented("storage"), Storage), **problems()},
)
def storage(request: Request) -> Response:
    """What the library takes by part, collection and disk, how it grows, and what there is to warn of."""
    return Json(storage_shape(parts_of(request).library.storage()))


@router.get(
    "/storage/history",
    summary="How it grew",
    responses={**json_response("Oldest first.", documented("history"), StorageHistory), **problems()},
)
def storage_history(request: Request) -> Response:
    """The figures that were kept, one an hour at the most; of the oldest some."""
    return Json({"history": [reading_shape(one) for one in parts_of(request).library.storage_history()]})


@router.post(
    "/doctor",
    status_code=202,
    summary="Check the library",
    openapi_extra=needs("admin"),
    responses={
        **json_response("A job does it.", documented("job"), JobOut, status=202),
        **problems(400, 404, 413, 422, 503),
    },
)
def doctor(request: Request, asked: DoctorRequest) -> Response:
    """Hold catalog, vectors and blobs against each other; with `fix` mend what can be. Writers wait meanwhile."""
    library = parts_of(request).library
    if asked.rescue:
        library.collection(asked.rescue)
    return accepted(library.jobs.add("doctor", "", asked.model_dump(exclude_defaults=True)))
