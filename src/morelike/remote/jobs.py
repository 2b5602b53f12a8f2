"""Jobs of a server: listed, watched, called off; and a call that waits for one as if it did the work itself."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any, Final

from morelike.errors import MorelikeError, NoSuchJob, UsageError
from morelike.jobs import FINISHED
from morelike.progress import Progress
from morelike.records import Job, JobState
from morelike.remote.client import part
from morelike.remote.problems import error_named
from morelike.remote.server import Server
from morelike.remote.shapes_back import job_of, progress_of
from morelike.types import Metadata

__all__ = ["RemoteJobs", "cancelled", "done"]

FIRST_LOOK: Final = 0.05
LOOK: Final = 0.5
"""Seconds between two looks at a job: soon at first, as many are done at once. A runner tells once a second."""
ROUTES: Final[Mapping[str, str]] = {
    "add": "items",
    "calibrate": "calibrate",
    "dedup": "dedup",
    "duplicates": "duplicates",
    "evaluate": "evaluate",
    "map": "map",
    "reembed": "reembed",
    "tag": "tags/auto",
}
ID: Final = re.compile(r"[0-9a-f]{32}")
_Page = list[Job]


class RemoteJobs:
    """The jobs of a server's library. Safe from any thread."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def add(self, kind: str, collection: str, arguments: Metadata) -> Job:
        """Put it in the queue; it is durable. ``collection`` is empty where the whole library is worked on.

        Raises UsageError, TooBusy.
        """
        if kind == "doctor" and not collection:
            path = "/doctor"
        elif kind == "dry-run":
            path, arguments = f"/collections/{part(collection)}/items", {**arguments, "dry_run": True}
        elif kind in ROUTES:
            path = f"/collections/{part(collection)}/{ROUTES[kind]}"
        else:
            names = ", ".join(sorted({*ROUTES, "doctor", "dry-run"}))
            raise UsageError(f"there is no job of the kind {kind!r}", hint=f"there are: {names}")
        return self._made(self._server.client.post(path, arguments, repeat=False))

    def get(self, job_id: str) -> Job:
        """Raises NoSuchJob."""
        return self._made(self._server.client.get(f"/jobs/{_whole(job_id)}"))

    def list(
        self, state: JobState | None = None, collection: str | None = None, offset: int = 0, limit: int = 100
    ) -> _Page:
        """A page of them, newest first."""
        return self._server.page("/jobs", "jobs", job_of, offset, limit, state=state, collection=collection)

    def counts(self) -> dict[JobState, int]:
        """How many there are in each state that has any."""
        answer = self._server.client.get("/jobs", limit=1)
        return self._server.made(lambda shape: dict(shape["counts"]), answer)

    def cancel(self, job_id: str) -> Job:
        """A queued one ends at once, a running one when it has heard of it. Raises NoSuchJob."""
        return self._made(self._server.client.json("DELETE", f"/jobs/{_whole(job_id)}"))

    def retry(self, job_id: str) -> Job:
        """Queue a failed or cancelled one again. Raises NoSuchJob, UsageError on any other."""
        return self._made(self._server.client.post(f"/jobs/{_whole(job_id)}/retry", {}, repeat=False))

    def watch(self, job_id: str, timeout: float, seen: Job | None = None) -> Job:
        """Wait until it differs from ``seen`` (else from what it is now), has finished, or the timeout has passed.

        Returns it as it is then. Raises NoSuchJob.
        """
        deadline, pause = time.monotonic() + timeout, FIRST_LOOK
        while True:
            job = self.get(job_id)
            seen = seen or job
            left = deadline - time.monotonic()
            if job.state in FINISHED or job != seen or left <= 0:
                return job
            time.sleep(min(pause, left))
            pause = min(pause * 2, LOOK)

    def _made(self, shape: Mapping[str, Any]) -> Job:
        return self._server.made(job_of, shape)


def done(
    server: Server,
    job: Job,
    *,
    new: str = "",
    progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
    notify: Callable[[str], None] | None = None,
) -> Job:
    """Wait for a job's end. ``stop`` and Ctrl-C call it off, and then it has what was done until its end.

    ``new``: see ``progress_of``. Raises what the work raised on the server.
    """
    jobs, waiting, pause, asked, told, said = RemoteJobs(server), stop or Event(), FIRST_LOOK, False, job, ""
    try:
        while job.state not in FINISHED:
            if waiting.is_set():
                if not asked:
                    job, asked = jobs.cancel(job.id), True
                    continue
                time.sleep(FIRST_LOOK)
            elif waiting.wait(pause):
                continue
            pause = min(pause * 2, LOOK)
            job = jobs.get(job.id)
            if progress is not None and job != told:
                progress(progress_of(job, new))
            note = str(job.progress.get("note") or "")
            if notify is not None and note and note != said:
                notify(note)
                said = note
            told = job
    except KeyboardInterrupt:
        jobs.cancel(job.id)
        raise
    if progress is not None:
        progress(progress_of(job, new))
    if job.state == "failed":
        raise error_named(str(job.result.get("problem", "")), job.error, job.hint)
    return job


def _whole(job_id: str) -> str:
    """Raises NoSuchJob on what is no id: the API refuses it by its form."""
    if not ID.fullmatch(job_id):
        raise NoSuchJob(f"there is no job {job_id[:64]!r}", hint="`morelike jobs` lists them")
    return job_id


def cancelled(job: Job) -> MorelikeError:
    """For a job that somebody called off before it had anything to show."""
    return MorelikeError(
        f"the job {job.id} ({job.kind}) was cancelled before it had begun", hint=f"`morelike jobs {job.id}` shows it"
    )
