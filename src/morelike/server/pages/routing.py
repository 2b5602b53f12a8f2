"""Pages fail as pages: a sentence, what to do next, and a way back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from morelike.errors import MorelikeError, TooBusy
from morelike.server.errors import RETRY_AFTER, Refused, status_of
from morelike.server.pages.failing import heading_of, status_heading
from morelike.server.pages.language import N_
from morelike.server.pages.view import render

__all__ = ["SentForm", "error_page", "page_router"]

MOST_FILES = 100
MOST_FIELDS = 200
LARGEST_FIELD = 1024**2
"""Bytes of what somebody types or pastes."""


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
                hint = N_("go back and try once more")
                return error_page(request, 422, N_("this address or form is not complete"), hint)

        return handled


def page_router() -> APIRouter:
    return APIRouter(route_class=PageRoute, include_in_schema=False)


def failure(request: Request, error: MorelikeError) -> Response:
    """One of our own errors as a page."""
    page = error_page(request, status_of(error), error.message, error.hint, heading=heading_of(error))
    if isinstance(error, TooBusy):
        request.app.state.parts.metrics.refused()
        page.headers["Retry-After"] = str(RETRY_AFTER)
    return page


def error_page(request: Request, status: int, message: str, hint: str = "", *, heading: str = "") -> Response:
    """Any failure as a page; without a ``heading`` of its own it has that of its status."""
    heading = heading or status_heading(status)
    return render(request, "error.html", status=status, heading=heading, message=message, hint=hint, code=status)


async def _sent_form(request: Request) -> AsyncIterator[FormData]:
    """Read on the event loop; large files are spooled to disk as they come. Raises Refused, which a person reads."""
    try:
        form = await request.form(max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=LARGEST_FIELD)
    except HTTPException as error:
        if error.status_code != 400:  # of the body as a whole, which ends the connection
            raise
        if "exceeded maximum size" in error.detail:
            sentence = f"what was typed or pasted is larger than {LARGEST_FIELD // 1024**2} MB"
            raise Refused(413, sentence, hint="save it as a file, and choose that") from error
        hint = f"send at most {MOST_FILES} files at a time, or go back and try once more"
        raise Refused(400, f"the form cannot be read: {error.detail}", hint=hint) from error
    try:
        yield form
    finally:
        await form.close()


SentForm = Annotated[FormData, Depends(_sent_form)]
