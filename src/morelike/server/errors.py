"""Every failure as a problem document (RFC 9457), with a ``hint`` that says what to do next."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from morelike import errors
from morelike.errors import MorelikeError, problem_name
from morelike.server.answers import dumps

__all__ = [
    "MEDIA_TYPE",
    "Invalid",
    "Refused",
    "add_handlers",
    "id_of",
    "problem",
    "problem_of",
    "response_of",
    "router_problem",
    "status_of",
]

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER: Final = 1
"""Seconds after which a busy server is worth another try."""

_STATUS: Final[Mapping[type[MorelikeError], int]] = {
    errors.MorelikeError: 500,
    errors.UsageError: 400,
    errors.CollectionExists: 409,
    errors.MissingExtra: 503,
    errors.NoSuchCollection: 404,
    errors.NoSuchItem: 404,
    errors.NoSuchJob: 404,
    errors.NoSuchMap: 404,
    errors.SettingsError: 500,
    errors.SpaceMismatch: 409,
    errors.ItemError: 422,
    errors.ModelError: 503,
    errors.OriginalGone: 410,
    errors.StoreBusy: 503,
    errors.StoreDamaged: 500,
    errors.StoreError: 500,
    errors.StoreFull: 507,
    errors.StoreReadOnly: 503,
    errors.StoreUnreachable: 503,
    errors.TooBusy: 503,
}
_METHODS: Final = ("DELETE", "GET", "PATCH", "POST", "PUT")
_BUSY: Final = (errors.TooBusy, errors.StoreBusy, errors.StoreUnreachable)


class Refused(MorelikeError):
    """A request that the server itself turns away, with the status that says why."""

    def __init__(self, status: int, message: str, *, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.headers = dict(headers or {})


class Invalid(MorelikeError):
    """A request that does not have the shape it should; ``found`` are pydantic's complaints."""

    def __init__(self, found: Sequence[Any]) -> None:
        super().__init__("the request is not valid")
        self.found = found


def status_of(error: MorelikeError) -> int:
    """The HTTP status of an error: that of its nearest ancestor in the table."""
    if isinstance(error, Refused):
        return error.status
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def problem(
    status: int, detail: str, *, kind: str = "", hint: str = "", fields: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """A problem document. ``kind`` names it for programs; ``fields`` are the parts of the request that are wrong."""
    title = HTTPStatus(status).phrase
    name = kind or re.sub(r"[^a-z]+", "-", title.lower()).strip("-")
    document: dict[str, Any] = {
        "type": f"urn:morelike:problem:{name}",
        "title": title,
        "status": status,
        "detail": detail,
        "hint": hint,
    }
    if fields:
        document["fields"] = [dict(field) for field in fields]
    return document


def problem_of(error: MorelikeError) -> dict[str, Any]:
    """The problem document of one of our own errors."""
    if isinstance(error, Invalid):
        return _invalid_document(error.found)
    kind = "" if isinstance(error, Refused) else problem_name(type(error))
    return problem(status_of(error), error.message, kind=kind, hint=error.hint)


def response_of(
    document: Mapping[str, Any], *, request_id: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """The document as a response; it carries the id under which the log knows the request."""
    whole = {**document, "request_id": request_id} if request_id else dict(document)
    return Response(
        dumps(whole), status_code=int(document["status"]), media_type=MEDIA_TYPE, headers=dict(headers or {})
    )


def add_handlers(app: FastAPI, busy: Callable[[], None]) -> None:
    """Our own errors, the router's, and FastAPI's about a request that does not fit its schema.

    ``busy`` is told of each request that was refused for want of room.
    """

    def ours(request: Request, error: Exception) -> Response:
        if isinstance(error, errors.TooBusy):
            busy()
        return _ours(request, error)

    app.add_exception_handler(MorelikeError, ours)
    app.add_exception_handler(HTTPException, router_problem)
    app.add_exception_handler(RequestValidationError, _invalid)


def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, MorelikeError)  # noqa: S101 - it is registered for these alone
    headers = dict(error.headers) if isinstance(error, Refused) else {}
    if isinstance(error, _BUSY):
        headers["Retry-After"] = str(RETRY_AFTER)
    return response_of(problem_of(error), request_id=id_of(request), headers=headers)


def router_problem(request: Request, error: Exception) -> Response:
    """What the router refused: no such route, another method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - likewise
    hints = {404: "/docs lists every route", 405: "/docs lists what each route takes"}
    plain = error.detail == HTTPStatus(error.status_code).phrase
    detail = f"{request.method} {request.scope['path']}: {error.detail.lower()}" if plain else error.detail
    document = problem(error.status_code, detail, hint=hints.get(error.status_code, ""))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed(request))
    return response_of(document, request_id=id_of(request), headers=headers)


def _allowed(request: Request) -> list[str]:
    """Every method that some route takes here; the router itself names those of the first one only."""
    routes = request.app.router.routes
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] == Match.FULL for route in routes)
    ]


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - likewise
    return response_of(_invalid_document(error.errors()), request_id=id_of(request))


def _invalid_document(found: Sequence[Any]) -> dict[str, Any]:
    """pydantic's complaints as one problem document; what was sent is not repeated, it may be long or secret."""
    fields = [
        {"field": ".".join(str(part) for part in one["loc"] if part != "body") or "body", "message": str(one["msg"])}
        for one in found[:20]
    ]
    first = fields[0] if fields else {"field": "body", "message": "is not valid"}
    hint = "/docs shows the shape of this request"
    return problem(422, f"{first['field']}: {first['message']}", kind="invalid-request", hint=hint, fields=fields)


def id_of(request: Request) -> str:
    """The id under which the log knows the request."""
    return str(request.scope.get("morelike.request_id", ""))
