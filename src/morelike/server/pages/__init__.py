"""The web page: server-rendered HTML that works as links and forms, and better with its scripts."""

from __future__ import annotations

from fastapi import APIRouter

from morelike.server.pages import (
    adding,
    collecting,
    comparing,
    duplicates,
    explaining,
    items,
    jobs,
    ledger,
    listing,
    login,
    mapping,
    picking,
    searching,
    speaking,
    storage,
    upkeep,
)

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
for part in (
    collecting,
    searching,
    explaining,
    items,
    listing,
    adding,
    ledger,
    upkeep,
    duplicates,
    comparing,
    storage,
    jobs,
    login,
    speaking,
    mapping,
    picking,
):
    router.include_router(part.router)
