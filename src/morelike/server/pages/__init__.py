"""The web page: server-rendered HTML that works as links and forms, and better with its scripts."""

from __future__ import annotations

from fastapi import APIRouter

from morelike.server.pages import adding, collecting, items, jobs, login, searching, speaking, storage, upkeep

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
for part in (collecting, searching, items, adding, upkeep, storage, jobs, login, speaking):
    router.include_router(part.router)
