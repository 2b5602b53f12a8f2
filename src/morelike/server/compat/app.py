"""One older server as an application of its own: its routes, its way to fail, and a door that is open to every page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles

from morelike import __version__
from morelike.errors import MorelikeError, StoreBusy, StoreUnreachable, TooBusy
from morelike.server.answers import Json
from morelike.server.compat.describing import describe
from morelike.server.compat.older import router_of
from morelike.server.compat.served import Served
from morelike.server.envelope import Envelope
from morelike.server.errors import RETRY_AFTER, Refused, status_of
from morelike.server.limits import BodyLimit

__all__ = ["Failure", "create_compat_app"]

Failure = Callable[[int, str], Any]
"""Status and sentence to the JSON value that says it; a router may bring its own as ``failure`` of its APIRouter."""
_HEADERS: Final = {"cross-origin-resource-policy": "cross-origin"}
_OPEN: Final = {"Access-Control-Allow-Origin": "*"}
"""For an answer that is made outside of the middleware which says so."""


def create_compat_app(served: Served, static: StaticFiles) -> FastAPI:
    """The routes of ``served`` at the root, ``/docs`` and ``/openapi.json``. Raises MissingExtra."""
    router = router_of(served.older)(served)
    failure: Failure = getattr(router, "failure", _failure)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        served.loads.close()

    app = FastAPI(title=served.older.title, version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.served = served
    # the last one added is the outermost
    app.add_middleware(
        BodyLimit,
        largest=served.library.settings.max_upload_bytes,
        refuse=lambda sentence, hint, _: Json(failure(413, _joined(sentence, hint)), 413),
    )
    app.add_middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"], allow_private_network=True
    )
    app.add_middleware(
        Envelope,
        metrics=served.parts.metrics,
        headers=_HEADERS,
        fault=lambda sentence, request_id: Json(
            failure(500, f"{sentence}; see the log under {request_id}"), 500, _OPEN
        ),
    )
    _add_handlers(app, failure, served)
    app.include_router(router)
    describe(app, failure, served.older)
    app.mount("/static", static, name="static")
    return app


def _failure(status: int, sentence: str) -> dict[str, Any]:  # noqa: ARG001 # others answer with it
    return {"status": False, "msg": sentence}


def _joined(sentence: str, hint: str) -> str:
    return f"{sentence}: {hint}" if hint else sentence


def _add_handlers(app: FastAPI, failure: Failure, served: Served) -> None:
    def ours(_: Request, error: Exception) -> Response:
        assert isinstance(error, MorelikeError)  # noqa: S101 - it is registered for these alone
        if isinstance(error, TooBusy):
            served.parts.metrics.refused()
        status = status_of(error)
        headers = dict(error.headers) if isinstance(error, Refused) else {}
        if isinstance(error, TooBusy | StoreBusy | StoreUnreachable):
            headers["Retry-After"] = str(RETRY_AFTER)
        return Json(failure(status, _joined(error.message, error.hint)), status, headers)

    def routers(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - likewise
        plain = error.detail == HTTPStatus(error.status_code).phrase
        sentence = f"{request.method} {request.scope['path']}: {error.detail.lower()}" if plain else error.detail
        return Json(failure(error.status_code, sentence), error.status_code, dict(error.headers or {}))

    def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - likewise
        found = error.errors()[0]
        if found["type"] == "json_invalid":
            return Json(failure(422, f"the body is no JSON: see its character {found['loc'][-1]}"), 422)
        where = ".".join(str(part) for part in found["loc"] if part not in ("body", "query")) or "the body"
        return Json(failure(422, f"{where}: {found['msg'].lower()}"), 422)

    app.add_exception_handler(MorelikeError, ours)
    app.add_exception_handler(HTTPException, routers)
    app.add_exception_handler(RequestValidationError, invalid)
