"""``/language``: the language that somebody reads the page in."""

from __future__ import annotations

from fastapi import Request, Response

from morelike.errors import UsageError
from morelike.server.pages.language import COOKIE, LANGUAGES
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.view import redirect
from morelike.server.places import came_from

__all__ = ["router"]

router = page_router()

YEAR = 365 * 24 * 3600


@router.post("/language")
async def choose_language(request: Request, form: SentForm) -> Response:
    """Kept by the browser for a year; back to the page that it was chosen on."""
    language = form.get("language")
    if not isinstance(language, str) or language not in LANGUAGES:
        raise UsageError("the page does not speak this language", hint=f"it speaks: {', '.join(LANGUAGES)}")
    answer = redirect(came_from(request))
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, language, max_age=YEAR, path="/", httponly=True, samesite="lax", secure=secure)
    return answer
