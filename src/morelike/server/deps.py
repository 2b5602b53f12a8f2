"""What the routes share: the application's parts, the role that a route needs, and the words of its documentation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.routing import APIRoute

from morelike.library import Library
from morelike.records import Role
from morelike.server.limits import Gate
from morelike.server.metrics import Metrics
from morelike.server.options import ServerOptions
from morelike.server.previews import PreviewCache
from morelike.server.security import Doorman, require

__all__ = [
    "CollectionName",
    "ItemId",
    "JobId",
    "Limit",
    "Offset",
    "Parts",
    "api_router",
    "needs",
    "parts_of",
]

ROLE: Final = "x-role"


@dataclass(frozen=True, slots=True)
class Parts:
    """What one application is made of."""

    library: Library
    options: ServerOptions
    doorman: Doorman
    metrics: Metrics
    previews: PreviewCache
    searches: Gate
    fetches: Gate
    uploads: Gate
    pictures: Gate
    events: Gate
    writes: Gate
    """Whatever waits for the library's write lock: it must not keep others waiting who only read."""
    closing: threading.Event


class RoleRoute(APIRoute):
    """A route that asks for its role before it reads anything of the body."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        role: Role = (self.openapi_extra or {}).get(ROLE, "reader" if self.methods == {"GET"} else "writer")

        async def guarded(request: Request) -> Response:
            require(request, role)
            return await handle(request)

        return guarded


def api_router(tag: str, prefix: str = "/api/v1") -> APIRouter:
    """Routes of one noun. Without ``needs`` a GET needs a reader's key, everything else a writer's."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=RoleRoute)


def needs(role: Role, **more: Any) -> dict[str, Any]:
    """``openapi_extra`` of a route that needs another role than its method says."""
    return {ROLE: role, **more}


def parts_of(request: Request) -> Parts:
    """The application's parts."""
    parts: Parts = request.app.state.parts
    return parts


CollectionName = Annotated[str, Path(description="The collection's name.", examples=["photos"])]
ItemId = Annotated[str, Path(description="The item's id, or a unique beginning of it.", min_length=6, max_length=128)]
JobId = Annotated[str, Path(description="The job's id.", pattern="^[0-9a-f]{32}$")]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
Offset = Annotated[int, Query(ge=0, le=1_000_000_000, description="Leave out the first: the next page.")]
