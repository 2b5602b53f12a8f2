"""Spaces: the vectors of a collection by each of its encoders."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request, Response

from morelike.server.answers import Json
from morelike.server.deps import CollectionName, api_router, needs, parts_of
from morelike.server.docs import documented, json_response, problems
from morelike.server.errors import Refused
from morelike.server.schemas_collections import DroppedSpace, SpaceList
from morelike.shapes import space_shape

__all__ = ["router"]

router = api_router("collections")
SpaceId = Annotated[str, Path(description="The space's id.", pattern="^[0-9]{1,19}$")]


@router.get(
    "/collections/{collection}/spaces",
    summary="List spaces",
    responses={**json_response("All of them.", documented("spaces"), SpaceList), **problems(404)},
)
def list_spaces(request: Request, collection: CollectionName) -> Response:
    """Those that are searched and those that `reembed` left, each with its whole card and what was measured in it."""
    opened = parts_of(request).library.collection(collection)
    shapes = [space_shape(space, opened.vectors_in(space), opened.calibration(space)) for space in opened.spaces]
    return Json({"spaces": shapes})


@router.delete(
    "/collections/{collection}/spaces/{space}",
    summary="Drop a space",
    openapi_extra=needs("admin"),
    responses={**json_response("It is gone.", documented("dropped_space"), DroppedSpace), **problems(404, 503)},
)
async def drop_space(request: Request, collection: CollectionName, space: SpaceId) -> Response:
    """Remove a space that is not searched, with its vectors: there is no going back to it then."""
    parts = parts_of(request)

    def drop() -> Response:
        opened = parts.library.collection(collection)
        found = next((one for one in opened.spaces if one.id == int(space)), None)
        if found is None:
            there = ", ".join(str(one.id) for one in opened.spaces)
            raise Refused(404, f"{collection} has no space {space}", hint=f"there are: {there or 'none'}")
        opened.drop_space(found)
        return Json({"dropped": str(found.id)})

    return await parts.writes.run(drop)
