"""``/login``: the form; the server's own route takes the key."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from morelike.server.pages.view import render
from morelike.server.places import own

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/login")
def login_page(request: Request, next: str = "/") -> Response:
    """Ask for an API key; afterwards on to ``next``, a page of our own."""
    asked = request.query_params
    return render(request, "login.html", next=own(next), failed=asked.get("failed") == "1", ended=asked.get("ended"))
