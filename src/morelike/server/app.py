"""The application: the library behind it, its middleware and its routes."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from starlette.staticfiles import StaticFiles

from morelike import __version__
from morelike.errors import UsageError
from morelike.library import Library
from morelike.objects import find_place, parse_address
from morelike.server import docs, pages
from morelike.server.deps import Parts
from morelike.server.envelope import Envelope
from morelike.server.errors import add_handlers, router_problem
from morelike.server.index import IndexKeeper
from morelike.server.limits import BodyLimit, Gate
from morelike.server.metrics import Metrics
from morelike.server.options import ServerOptions
from morelike.server.pages.language import N_
from morelike.server.pages.routing import error_page
from morelike.server.previews import PreviewCache
from morelike.server.routes import (
    collections,
    downloads,
    health,
    items,
    jobs,
    login,
    maps,
    moments,
    parts,
    search,
    solids,
    sources,
    spaces,
    upkeep,
)
from morelike.server.security import Doorman, Guard, wants_page
from morelike.server.storing import StorageKeeper
from morelike.settings import Settings

__all__ = ["STATIC", "Fresh", "create_app"]

STATIC = Path(__file__).parent / "static"
# the busiest first: they are tried in order
ROUTES = (search, moments, solids, items, downloads, sources, collections, spaces, jobs, upkeep, maps, parts, health)


class Fresh(StaticFiles):
    """Asked about at each use, so that an upgrade's files are seen; an unchanged one costs a 304."""

    def file_response(self, *args: Any, **named: Any) -> Response:
        answer = super().file_response(*args, **named)
        answer.headers.setdefault("Cache-Control", "no-cache")
        return answer


def create_app(library: Library, options: ServerOptions | None = None) -> FastAPI:
    """The HTTP API and the page over an open library, which stays the caller's to close.

    The library must have been opened with ``allow_roots``, or a request could add any file of this machine. Raises
    UsageError otherwise.
    """
    if library.settings.allow_roots is None:
        raise UsageError(
            "a served library may not read every file of this machine",
            hint="open it with allow_roots: morelike.open(folder, allow_roots=())",
        )
    chosen = replace(options or ServerOptions(), allow_roots=library.settings.allow_roots)
    app = FastAPI(title="morelike", version=__version__, docs_url=None, redoc_url=None, lifespan=_lifespan)
    app.state.library, app.state.options = library, chosen
    made = app.state.parts = _parts(library, chosen)
    # the last one added is the outermost
    app.add_middleware(BodyLimit, largest=library.settings.max_upload_bytes)
    app.add_middleware(Guard, doorman=made.doorman, options=chosen)
    app.add_middleware(Envelope, metrics=made.metrics, linked=_linked(library.settings))
    add_handlers(app, made.metrics.refused)
    app.add_exception_handler(404, _nothing_here)
    for part in ROUTES:
        app.include_router(part.router)
    app.include_router(health.open_router)
    for hidden in (login.router, docs.router, pages.router):
        app.include_router(hidden, include_in_schema=False)
    app.mount("/static", Fresh(directory=STATIC), name="static")
    _describe_with_ours(app)
    return app


def _linked(settings: Settings) -> str:
    """Where presigned links lead; nothing where there are none."""
    if not settings.s3_links or not settings.blobs.lower().startswith("s3://"):
        return ""
    bucket, _ = parse_address(settings.blobs)
    root = urlsplit(find_place(settings, bucket).root)
    return f"{root.scheme}://{root.netloc}"


def _nothing_here(request: Request, error: Exception) -> Response:
    if wants_page(request):
        hint = N_("the collections are all on the start page")
        return error_page(request, 404, f"there is nothing at {request.scope['path']}", hint)
    return router_problem(request, error)


def _describe_with_ours(app: FastAPI) -> None:
    def openapi() -> dict[str, Any]:
        return docs.describe(app)

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's own way of extending it


def _parts(library: Library, options: ServerOptions) -> Parts:
    settings = library.settings
    cores = os.cpu_count() or 1
    gates = {
        "searches": Gate("searches", settings.max_concurrent_searches, settings.max_waiting_searches),
        "fetches": Gate("fetches", 8, 32),
        "uploads": Gate("uploads", 4, 16),
        "pictures": Gate("pictures", max(2, cores), 256),
        "events": Gate("events", 32, 32),
        "writes": Gate("writes", 4, 60),
    }
    return Parts(
        library=library,
        options=options,
        doorman=Doorman(library, options),
        metrics=Metrics(library, gates),
        previews=PreviewCache(library.folder / "previews", settings.preview_cache_bytes),
        closing=threading.Event(),
        **gates,
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Jobs are done and the index is kept as long as the server runs; then jobs are given back."""
    made: Parts = app.state.parts
    workers, lease = made.options.job_workers, made.options.job_lease
    runner = made.library.run_jobs(workers, lease=lease) if workers else None
    keepers = IndexKeeper(made.library), StorageKeeper(made.library)
    try:
        yield
    finally:
        made.closing.set()
        for keeper in keepers:
            await asyncio.get_running_loop().run_in_executor(None, keeper.close)
        if runner is not None:
            await asyncio.get_running_loop().run_in_executor(None, runner.close)
        for gate in (made.searches, made.fetches, made.uploads, made.pictures, made.events, made.writes):
            gate.close()
