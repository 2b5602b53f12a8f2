"""Jobs: work that goes on behind a request, and its progress as it happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import Query, Request, Response
from starlette.responses import StreamingResponse

from morelike.errors import TooBusy
from morelike.jobs import FINISHED
from morelike.records import Job
from morelike.server.answers import Json, dumps
from morelike.server.deps import JobId, Limit, Offset, Parts, api_router, parts_of
from morelike.server.docs import documented, json_response, problems
from morelike.server.errors import Refused
from morelike.server.schemas import JobList, JobOut
from morelike.server.security import require_for_job
from morelike.shapes import job_shape

__all__ = ["accepted", "router"]

router = api_router("jobs")
WATCH_SECONDS = 1.0
HEARTBEAT = 15
"""Watches without news between two comments that keep a connection alive."""
EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"const": "progress"},
        "data": {"type": "string", "contentMediaType": "application/json", "description": "The job."},
    },
    "required": ["id", "event", "data"],
}
State = Literal["queued", "running", "done", "failed", "cancelled"]


@router.get(
    "/jobs",
    summary="List jobs",
    responses={**json_response("A page of them.", documented("jobs"), JobList), **problems()},
)
def list_jobs(
    request: Request,
    state: Annotated[State | None, Query(description="Only jobs in this state.")] = None,
    collection: Annotated[str | None, Query(max_length=64, description="Only jobs of this collection.")] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> Response:
    """A page of jobs, newest first, and how many there are in each state."""
    jobs = parts_of(request).library.jobs
    found = jobs.list(state, collection, offset, limit + 1)
    shapes = [job_shape(job) for job in found[:limit]]
    return Json({"jobs": shapes, "more": len(found) > limit, "counts": jobs.counts()})


@router.get(
    "/jobs/{job}",
    summary="One job",
    responses={**json_response("The job.", documented("job"), JobOut), **problems(404)},
)
def one_job(request: Request, job: JobId) -> Response:
    """How far it is, or what came of it."""
    return Json(job_shape(parts_of(request).library.jobs.get(job)))


@router.delete(
    "/jobs/{job}",
    summary="Cancel a job",
    responses={**json_response("The job as it is now.", documented("job"), JobOut), **problems(404)},
)
def cancel_job(request: Request, job: JobId) -> Response:
    """One that waits ends at once, one that runs soon; what it has done stays. A finished one is left as it is."""
    return Json(job_shape(parts_of(request).library.jobs.cancel(job)))


@router.post(
    "/jobs/{job}/retry",
    status_code=202,
    summary="Try a job again",
    responses={**json_response("It is queued.", documented("job"), JobOut, status=202), **problems(404, 409)},
)
def retry_job(request: Request, job: JobId) -> Response:
    """Queue a failed or cancelled job again; any other is a conflict. It takes the role that the job itself takes."""
    jobs = parts_of(request).library.jobs
    require_for_job(request, jobs.get(job).kind)
    if jobs.get(job).state not in ("failed", "cancelled"):
        raise Refused(
            409, f"the job {job} is {jobs.get(job).state}", hint="only a failed or cancelled one is tried again"
        )
    return accepted(jobs.retry(job))


@router.get(
    "/jobs/{job}/events",
    summary="A job's progress, live",
    response_class=Response,
    responses={
        200: {
            "description": "Server-sent events named `progress`, each with the job as JSON; the last one is final.",
            "content": {"text/event-stream": {"schema": EVENT}},
        },
        204: {"description": "`Last-Event-ID` was the final one: there is nothing more to come."},
        **problems(404, 503),
    },
)
async def job_events(request: Request, job: JobId) -> Response:
    """An event at each change. The stream ends with the job."""
    parts = parts_of(request)
    known = await parts.events.run(parts.library.jobs.get, job)
    if known.state in FINISHED and request.headers.get("last-event-id", "").endswith(f"-{known.state}"):
        return Response(status_code=204)
    if parts.events.running + parts.events.waiting >= parts.events.at_once:
        raise TooBusy("too many streams of progress are open", hint="close one, or ask for the job itself")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(parts, known), headers=headers, media_type="text/event-stream")


async def _events(parts: Parts, job: Job) -> AsyncIterator[bytes]:
    number, silent = 1, 0
    yield _event(number, job)
    while job.state not in FINISHED and not parts.closing.is_set():
        now = await parts.events.run(parts.library.jobs.watch, job.id, WATCH_SECONDS, job)
        if job_shape(now) != job_shape(job):
            number, silent, job = number + 1, 0, now
            yield _event(number, job)
        else:
            silent += 1
            if silent % HEARTBEAT == 0:
                yield b": still here\n\n"


def _event(number: int, job: Job) -> bytes:
    return b"id: %d-%s\nevent: progress\ndata: %s\n\n" % (number, job.state.encode(), dumps(job_shape(job)))


def accepted(job: Job) -> Response:
    """202 with the job, and where to look for it."""
    return Json(job_shape(job), 202, {"Location": f"/api/v1/jobs/{job.id}"})
