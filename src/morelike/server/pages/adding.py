"""``/c/NAME/add`` and ``/c/NAME/rejected``: pictures in, and what could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from starlette.datastructures import FormData, UploadFile

from morelike.collection import OpenCollection
from morelike.errors import MorelikeError, UsageError
from morelike.records import Job
from morelike.server.adding import add_uploads, check_sources
from morelike.server.deps import parts_of
from morelike.server.errors import status_of
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.view import collection_path, library_of, redirect, render

__all__ = ["router"]

router = page_router()

PAGE = 100


@router.get("/c/{name}/add")
def add_page(request: Request, name: str, job: str = "") -> Response:
    """Two ways in: files of this browser, and sources that the server reaches itself."""
    library = library_of(request)
    running = library.jobs.get(job) if job else None
    return _page(request, library.collection(name), job=running)


@router.post("/c/{name}/upload")
async def upload(request: Request, name: str, form: SentForm) -> Response:
    """Files from a plain form, where no script sends them in groups."""
    return await parts_of(request).uploads.run(_upload, request, name, form)


def _upload(request: Request, name: str, form: FormData) -> Response:
    opened = library_of(request).collection(name)
    files = [one for one in form.getlist("files") if isinstance(one, UploadFile) and one.filename]
    try:
        report = add_uploads(opened, files, tags=_tags(form), metadata={})
    except MorelikeError as error:
        return _page(request, opened, error=error)
    return _page(request, opened, report=report)


@router.post("/c/{name}/sources")
async def add_sources(request: Request, name: str, form: SentForm) -> Response:
    """Start a job that adds folders or addresses, one a line."""
    return await parts_of(request).fetches.run(_add_sources, request, name, form)


def _add_sources(request: Request, name: str, form: FormData) -> Response:
    library = library_of(request)
    opened = library.collection(name)
    arguments: dict[str, Any] = {"sources": _lines(form), "in_place": form.get("in_place") == "on"}
    if tags := _tags(form):
        arguments["tags"] = tags
    try:
        if not arguments["sources"]:
            raise UsageError("there is nothing to add", hint="one folder or address a line")
        check_sources(arguments["sources"], (), library.settings)
        job = library.jobs.add("add", name, arguments)
    except MorelikeError as error:
        return _page(request, opened, error=error)
    return redirect(collection_path(name, "add", query=f"job={job.id}"))


@router.get("/c/{name}/rejected")
def rejected_page(request: Request, name: str, offset: int = 0) -> Response:
    """The ledger: each file that could not be added, and why."""
    opened = library_of(request).collection(name)
    offset = min(max(offset, 0), 1_000_000_000)
    rows = opened.rejected(offset=offset, limit=PAGE)
    return render(
        request,
        "rejected.html",
        collection=opened,
        rows=rows,
        count=opened.rejected_count(),
        offset=offset,
        page=PAGE,
    )


@router.post("/c/{name}/retry")
def retry_rejected(request: Request, name: str) -> Response:
    """Start a job that tries all of the ledger once more."""
    library = library_of(request)
    library.collection(name)
    job = library.jobs.add("add", name, {"sources": [], "retry": True})
    return redirect(collection_path(name, "add", query=f"job={job.id}"))


def _page(
    request: Request,
    opened: OpenCollection,
    *,
    job: Job | None = None,
    report: Mapping[str, Any] | None = None,
    error: MorelikeError | None = None,
) -> Response:
    settings = library_of(request).settings
    return render(
        request,
        "add.html",
        status=200 if error is None else status_of(error),
        collection=opened,
        count=opened.count(),
        rejected=opened.rejected_count(),
        roots=[*map(str, settings.allow_roots or ()), *settings.s3_roots],
        job=job,
        report=report,
        error=error,
    )


def _tags(form: FormData) -> list[str]:
    return [tag.strip() for tag in str(form.get("tags") or "").split(",") if tag.strip()]


def _lines(form: FormData) -> list[str]:
    return [line.strip() for line in str(form.get("sources") or "").splitlines() if line.strip()]
