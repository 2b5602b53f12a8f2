"""Where somebody is led: only ever to a page of this server."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.routing import Match

__all__ = ["came_from", "own"]

DEEPEST = 8
"""Folders of an address that are gone up at most."""


def own(place: str) -> str:
    """A path of this server as it is, and ``/`` instead of anything else: nobody is sent elsewhere from here."""
    try:
        parts = urlsplit(place)
    except ValueError:
        return "/"
    plain = place.isprintable() and "\\" not in place and not place.startswith("//")
    return place if plain and place.startswith("/") and not parts.scheme and not parts.netloc else "/"


def came_from(request: Request) -> str:
    """The page that a form or a script stood on, where it is one of this server's; else the first page.

    A page that only a form's answer was has no address of its own: the one above it instead.
    """
    said = request.headers.get("hx-current-url") or request.headers.get("referer", "")
    try:
        page = urlsplit(said)
    except ValueError:
        return "/"
    if page.scheme not in ("http", "https") or page.netloc.lower() != request.headers.get("host", "").lower():
        return "/"
    path, query = page.path or "/", f"?{page.query}" if page.query else ""
    for _ in range(DEEPEST):
        if _is_there(request, path):
            return own(path + query)
        path, query = path.rpartition("/")[0] or "/", ""
    return "/"


def _is_there(request: Request, path: str) -> bool:
    scope = {**request.scope, "method": "GET", "path": path}
    return any(route.matches(scope)[0] == Match.FULL for route in request.app.router.routes)
