"""A browser's way in: the key once, then a session."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse

from morelike.server.deps import parts_of
from morelike.server.errors import Refused
from morelike.server.places import own
from morelike.server.security import COOKIE, session_token

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
LONGEST = 200


@router.post("/login")
async def login(request: Request) -> Response:
    """The form's ``key`` begins a session; on to ``next``, a page of this server."""
    async with request.form(max_files=0, max_fields=4, max_part_size=4096) as form:
        key, place = _field(form, "key").strip()[:LONGEST], own(_field(form, "next"))
    doorman = parts_of(request).doorman
    found = await doorman.check(key)
    if found is None:
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(f"/login?failed=1&next={quote(place, safe='')}", 303)
        raise Refused(401, "that is no key of this library", hint="`morelike keys add NAME --role reader` makes one")
    answer = RedirectResponse(place, 303)
    answer.set_cookie(
        COOKIE,
        doorman.sessions.begin(found.digest),
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/logout")
async def logout(request: Request) -> Response:
    """Ends the session."""
    token = session_token(request)
    if token:
        parts_of(request).doorman.sessions.end(token)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""
