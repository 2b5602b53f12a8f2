"""Whether the server is alive and ready, and what it counts."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from morelike.server.answers import Json
from morelike.server.deps import api_router, parts_of
from morelike.server.docs import example, json_response, problems
from morelike.server.errors import id_of, problem, response_of

__all__ = ["open_router", "router"]

router = api_router("operation", prefix="")
open_router = APIRouter(tags=["operation"])


@open_router.get(
    "/healthz",
    summary="Alive",
    openapi_extra={"security": []},
    responses=json_response("The process answers.", example({"status": "ok"})),
)
async def healthz() -> Response:
    """The process answers. Never needs a key."""
    return Json({"status": "ok"})


@router.get(
    "/readyz",
    summary="Ready",
    responses={
        **json_response("The catalog, the vectors and the blobs answer.", example({"status": "ready"})),
        **problems(401, 403, 503),
    },
)
def readyz(request: Request) -> Response:
    """The catalog, the vectors and the blobs answer within seconds; 503 names those that do not.

    `degraded` names what the library does without meanwhile: a cache that does not answer.
    """
    library = parts_of(request).library
    failing = library.failing()
    if not failing:
        degraded = sorted(library.degraded())
        return Json({"status": "ready", **({"degraded": degraded} if degraded else {})})
    sentence = "; ".join(f"{part}: {reason}" for part, reason in failing.items())
    document = problem(503, sentence, kind="not-ready", hint="`morelike doctor` says what is wrong")
    return response_of(
        {**document, "failing": sorted(failing)}, request_id=id_of(request), headers={"Retry-After": "5"}
    )


@router.get(
    "/metrics",
    summary="Metrics",
    response_class=Response,
    responses={
        200: {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems(401, 403),
    },
)
def metrics(request: Request) -> Response:
    """Requests, seconds a search stage, queues, items, rejected ones and jobs, for Prometheus."""
    return Response(parts_of(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)
