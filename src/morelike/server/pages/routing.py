"""Pages fail as pages: a sentence, what to do next, and a way back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import FormData

from morelike.errors import MorelikeError, TooBusy
from morelike.server.errors import RETRY_AFTER, status_of
from morelike.server.pages.view import render

__all__ = ["SentForm", "error_page", "page_router"]

MOST_FILES = 100
MOST_FIELDS = 200


class PageRoute(APIRoute):
    """A route whose failures a person reads. Who may use it the server's guard has asked before."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except MorelikeError as error:
                return failure(request, error)
            except RequestValidationError:
                return error_page(request, 422, "this address or form is not complete", "go back and try once more")

        return handled


def page_router() -> APIRouter:
    return APIRouter(route_class=PageRoute, include_in_schema=False)


def failure(request: Request, error: MorelikeError) -> Response:
    """One of our own errors as a page."""
    page = error_page(request, status_of(error), error.message, error.hint)
    if isinstance(error, TooBusy):
        request.app.state.parts.metrics.refused()
        page.headers["Retry-After"] = str(RETRY_AFTER)
    return page


def error_page(request: Request, status: int, message: str, hint: str = "") -> Response:
    """Any failure as a page."""
    return render(request, "error.html", status=status, message=message, hint=hint, code=status)


async def _sent_form(request: Request) -> AsyncIterator[FormData]:
    """Read on the event loop; large files are spooled to disk as they come."""
    async with request.form(max_files=MOST_FILES, max_fields=MOST_FIELDS) as form:
        yield form


SentForm = Annotated[FormData, Depends(_sent_form)]
