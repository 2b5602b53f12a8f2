"""What the library is made of: its encoders, and what it takes on disk."""

from __future__ import annotations

from fastapi import Request, Response

from morelike.models import cards, weights
from morelike.server.answers import Json
from morelike.server.deps import api_router, parts_of
from morelike.server.docs import documented, json_response, problems
from morelike.server.schemas import EncoderList, Storage
from morelike.shapes import card_shape, storage_shape

__all__ = ["router"]

router = api_router("library")


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
