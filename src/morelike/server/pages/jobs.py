"""``/jobs``: what goes on in the background, live; stop it, try it again."""

from __future__ import annotations

from fastapi import Request, Response

from morelike.records import Job
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.view import library_of, redirect, render
from morelike.server.security import require_for_job

__all__ = ["router"]

router = page_router()

PAGE = 50


@router.get("/jobs")
def jobs_page(request: Request) -> Response:
    """The newest jobs first; the page asks again by itself."""
    jobs: list[Job] = library_of(request).jobs.list(limit=PAGE)
    return render(request, "jobs.html", jobs=jobs, busy=any(job.state in {"queued", "running"} for job in jobs))


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
    ours = isinstance(back, str) and (back == "/storage" or back.startswith("/c/")) and "//" not in back
    return str(back) if ours else "/jobs"
