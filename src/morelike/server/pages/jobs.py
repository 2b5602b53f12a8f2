"""``/jobs``: what goes on in the background, live; stop it, try it again."""

from __future__ import annotations

from typing import cast, get_args
from urllib.parse import urlencode

from fastapi import Request, Response

from morelike.records import JobState
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.view import library_of, redirect, render
from morelike.server.security import require_for_job

__all__ = ["router"]

router = page_router()

PAGE = 50
FURTHEST = 100_000
LONGEST_NAME = 64


@router.get("/jobs")
def jobs_page(request: Request, state: str = "", collection: str = "", offset: int = 0) -> Response:
    """The newest first, all or those of a state and a collection; the page asks again by itself."""
    library = library_of(request)
    wanted = cast("JobState", state) if state in get_args(JobState) else None
    within = collection[:LONGEST_NAME]
    offset = min(max(offset, 0), FURTHEST)
    jobs = library.jobs.list(wanted, within or None, offset, PAGE + 1)
    counts = library.jobs.counts()
    asked = {name: value for name, value in (("state", wanted or ""), ("collection", within)) if value}
    return render(
        request,
        "jobs.html",
        jobs=jobs[:PAGE],
        busy=bool(counts.get("running") or counts.get("queued")),
        counts=counts,
        state=wanted or "",
        within=within,
        names=library.names(),
        asked=asked,
        address=_address(asked, offset),
        earlier=_address(asked, max(0, offset - PAGE)) if offset else "",
        later=_address(asked, offset + PAGE) if len(jobs) > PAGE else "",
    )


def _address(asked: dict[str, str], offset: int) -> str:
    query = urlencode({**asked, **({"offset": str(offset)} if offset else {})})
    return f"/jobs?{query}" if query else "/jobs"


@router.post("/jobs/{job_id}/cancel")
def cancel_job(request: Request, job_id: str, form: SentForm) -> Response:
    """Ask a job to stop; what it has done stays."""
    library_of(request).jobs.cancel(job_id)
    return redirect(_back(form))


@router.post("/jobs/{job_id}/retry")
def retry_job(request: Request, job_id: str, form: SentForm) -> Response:
    """Queue a failed or cancelled job again."""
    jobs = library_of(request).jobs
    require_for_job(request, jobs.get(job_id).kind)
    jobs.retry(job_id)
    return redirect(_back(form))


def _back(form: SentForm) -> str:
    """Only to pages of our own."""
    back = form.get("back")
    ours = isinstance(back, str) and (back in {"/storage", "/jobs"} or back.startswith(("/c/", "/jobs?")))
    return str(back) if ours and "//" not in str(back) else "/jobs"
