"""Work behind requests: jobs are rows of the catalog, done by whichever process leases them.

A runner holds the lease of its jobs with a heartbeat, which also writes down how far they are. When its process ends in
any way, the lease runs out and the next runner takes the job up; what a job does must therefore be something that can
be done again.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from morelike.errors import MorelikeError, TooBusy, UsageError, problem_name
from morelike.protocols import Catalog
from morelike.records import Job, JobState
from morelike.types import Metadata

__all__ = ["FINISHED", "LEASE", "JobRunner", "JobStopped", "Jobs", "Perform", "Report"]

FINISHED: frozenset[JobState] = frozenset({"done", "failed", "cancelled"})
MAX_ATTEMPTS = 5
MAX_QUEUED = 1000
MAX_ARGUMENTS = 1024**2
MAX_NAME = 64
KEPT = 1000
LEASE = 30.0
BEAT = 1.0
POLL = 1.0
PAUSE = 5.0
"""Seconds before a runner asks a catalog again that failed."""

Report = Callable[[Metadata], None]
"""Says how far a job is; cheap, the heartbeat writes the latest word down."""
Perform = Callable[[Job, Report, threading.Event], Metadata]
"""Does a job and returns its result. When the event is set it ends soon and raises JobStopped."""

_Page = list[Job]
_log = logging.getLogger(__name__)


class JobStopped(Exception):
    """The work ended early because it was asked to; ``result`` is what was done until then."""

    def __init__(self, result: Metadata) -> None:
        super().__init__("stopped")
        self.result = result


class _Bell:
    """Rings for everybody in this process who waits for a change of any job."""

    def __init__(self) -> None:
        self._rung = threading.Condition()
        self.count = 0

    def ring(self) -> None:
        with self._rung:
            self.count += 1
            self._rung.notify_all()

    def wait(self, since: int, timeout: float) -> None:
        """Until it has rung since ``count`` was ``since``, or so many seconds."""
        with self._rung:
            self._rung.wait_for(lambda: self.count != since, timeout)


class Jobs:
    """The library's jobs, of all processes. Safe from any thread."""

    def __init__(
        self, catalog: Catalog, check: Callable[[str, Metadata], None], of_library: AbstractSet[str] = frozenset()
    ) -> None:
        """``check(kind, arguments)`` raises UsageError on what could not be done; ``of_library``: the kinds that work
        on no one collection.
        """
        self.catalog = catalog
        self.bell = _Bell()
        self._check = check
        self._of_library = of_library

    def add(self, kind: str, collection: str, arguments: Metadata) -> Job:
        """Put it in the queue; it is durable. ``collection`` is empty where the whole library is worked on.

        Raises UsageError, TooBusy.
        """
        self._check(kind, arguments)
        if kind in self._of_library:
            if collection:
                raise UsageError(f"a job of the kind {kind} works on the whole library, not on {collection[:MAX_NAME]}")
        elif not 0 < len(collection) <= MAX_NAME:
            raise UsageError(f"no collection is named {collection[:MAX_NAME]!r}", hint="name the one to work on")
        if len(json.dumps(arguments, default=str)) > MAX_ARGUMENTS:
            raise UsageError(f"a job's arguments are longer than {MAX_ARGUMENTS} characters", hint="make several jobs")
        if self.catalog.job_counts().get("queued", 0) >= MAX_QUEUED:
            raise TooBusy(f"{MAX_QUEUED} jobs are waiting already", hint="try again when some are done")
        return self._rung(self.catalog.enqueue(kind, collection, arguments))

    def get(self, job_id: str) -> Job:
        """Raises NoSuchJob."""
        return self.catalog.job(job_id)

    def list(
        self, state: JobState | None = None, collection: str | None = None, offset: int = 0, limit: int = 100
    ) -> _Page:
        """A page of them, newest first."""
        return self.catalog.jobs(state=state, collection=collection, offset=offset, limit=limit)

    def counts(self) -> dict[JobState, int]:
        """How many there are in each state that has any."""
        return self.catalog.job_counts()

    def cancel(self, job_id: str) -> Job:
        """A queued one ends at once, a running one when it has heard of it. Raises NoSuchJob."""
        return self._rung(self.catalog.cancel_job(job_id))

    def retry(self, job_id: str) -> Job:
        """Queue a failed or cancelled one again. Raises NoSuchJob, UsageError on any other."""
        return self._rung(self.catalog.retry_job(job_id))

    def watch(self, job_id: str, timeout: float, seen: Job | None = None) -> Job:
        """Wait until it differs from ``seen`` (else from what it is now), has finished, or the timeout has passed.

        Returns it as it is then. Changes by this process are seen at once, those by others within half a second.
        Raises NoSuchJob.
        """
        deadline = time.monotonic() + timeout
        while True:
            since = self.bell.count
            job = self.catalog.job(job_id)
            left = deadline - time.monotonic()
            if job.state in FINISHED or (seen is not None and _told(job) != _told(seen)) or left <= 0:
                return job
            seen = seen or job
            self.bell.wait(since, min(left, POLL / 2))

    def _rung(self, job: Job) -> Job:
        self.bell.ring()
        return job


def _told(job: Job) -> Job:
    """What matters of a job to those who watch it: not each renewal of its lease."""
    return replace(job, lease_until=0.0)


@dataclass(eq=False, slots=True)
class _Run:
    """A job under way here."""

    job: Job
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Metadata = field(default_factory=dict)
    written: Metadata = field(default_factory=dict)
    ended: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while the catalog is told of this job: nothing may be said of it after its end."""

    def report(self, progress: Metadata) -> None:
        self.progress = progress


@dataclass(frozen=True, slots=True)
class _Outcome:
    state: JobState
    result: Metadata
    error: str = ""
    hint: str = ""


class JobRunner:
    """Threads that do jobs, until it is closed. A context manager."""

    def __init__(
        self,
        jobs: Jobs,
        perform: Perform,
        *,
        owner: str = "",
        workers: int = 1,
        lease: float = LEASE,
        beat: float = BEAT,
        poll: float = POLL,
    ) -> None:
        """``lease``: seconds after which a job whose runner fell silent is anybody's. ``beat``, ``poll``: seconds
        between two words on running jobs, and between two looks for new ones of other processes.
        """
        self._jobs, self._catalog, self._perform = jobs, jobs.catalog, perform
        self._owner = owner or f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._lease, self._poll = lease, poll
        self._beat = min(beat, lease / 3)
        self._leases = 0
        self._runs: set[_Run] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._quiet = threading.Event()
        self._complained = ""
        self._workers = [threading.Thread(target=self._work, name=f"job-{n}", daemon=True) for n in range(workers)]
        self._heart = threading.Thread(target=self._keep, name="job-heart", daemon=True)
        for thread in (*self._workers, self._heart):
            thread.start()

    def __enter__(self) -> JobRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take no further job, ask the running ones to stop, and give them back to the queue. Repeatable."""
        with self._lock:
            self._closing.set()
            for run in self._runs:
                run.stop.set()
        self._jobs.bell.ring()
        for thread in self._workers:
            thread.join()
        self._quiet.set()
        self._heart.join()

    def _work(self) -> None:
        while not self._closing.is_set():
            since = self._jobs.bell.count
            job = self._take()
            if job is None:
                self._jobs.bell.wait(since, self._poll)
                continue
            run = _Run(job, progress=job.progress, written=job.progress)
            with self._lock:
                self._runs.add(run)
                if self._closing.is_set():
                    run.stop.set()
            try:
                self._end(run, self._outcome(run))
            except Exception:
                # The catalog failed. What cannot be told now is told by whoever takes the job up when its lease ends.
                _log.exception("the end of the job %s could not be written", job.id)
            finally:
                with self._lock:
                    self._runs.discard(run)

    def _take(self) -> Job | None:
        with self._lock:
            self._leases += 1
            owner = f"{self._owner}:{self._leases}"  # a lease of its own: two workers never take each other's word
        try:
            job = self._catalog.lease_job(owner, self._lease)
        except Exception as error:
            if str(error) != self._complained:
                self._complained = str(error)
                _log.warning("no job can be taken: %s", error, exc_info=not isinstance(error, MorelikeError))
            self._closing.wait(PAUSE)
            return None
        self._complained = ""
        if job is not None:
            self._jobs.bell.ring()
        return job

    def _outcome(self, run: _Run) -> _Outcome:
        job = run.job
        if job.attempts > MAX_ATTEMPTS:
            return _Outcome(
                "failed",
                {},
                f"the job was interrupted {MAX_ATTEMPTS} times",
                hint="the process that did it may lack memory or disk space; `morelike jobs --retry` tries it again",
            )
        try:
            return _Outcome("done", self._perform(job, run.report, run.stop))
        except JobStopped as stopped:
            if run.stop.is_set():  # given back; where it was called off, the catalog makes it cancelled
                return _Outcome("queued", stopped.result)
            return _Outcome("failed", stopped.result, "the job stopped, and nobody had asked it to")
        except MorelikeError as error:
            return _Outcome("failed", {"problem": problem_name(type(error))}, error.message, error.hint)
        except Exception as error:
            _log.exception("the job %s (%s) failed", job.id, job.kind)
            return _Outcome(
                "failed",
                {},
                f"unexpected {type(error).__name__}: {error}"[:500],
                hint="this is a fault in morelike; the log of the process that did the job shows where",
            )

    def _end(self, run: _Run, outcome: _Outcome) -> None:
        job = run.job
        with run.lock:
            run.ended = True
            if run.progress != run.written:
                self._catalog.renew_job(job.id, job.owner, self._lease, run.progress)
            written = self._catalog.finish_job(
                job.id, job.owner, outcome.state, result=outcome.result, error=outcome.error, hint=outcome.hint
            )
        if not written:
            _log.warning("the job %s was taken over by another process meanwhile", job.id)
        self._jobs.bell.ring()
        self._catalog.forget_jobs(KEPT)

    def _keep(self) -> None:
        """The heartbeat: every job's lease and progress, until the last one has ended."""
        while not self._quiet.wait(self._beat):
            with self._lock:
                runs = list(self._runs)
            for run in runs:
                try:
                    self._renew(run)
                except Exception as error:
                    # The next beat may succeed: a disk that was full, a writer that took long.
                    unexpected = not isinstance(error, MorelikeError)
                    _log.warning("the job %s could not be renewed: %s", run.job.id, error, exc_info=unexpected)

    def _renew(self, run: _Run) -> None:
        with run.lock:
            if run.ended:
                return
            progress = run.progress
            job = self._catalog.renew_job(run.job.id, run.job.owner, self._lease, progress)
        changed, run.written = progress != run.written, progress
        if job is None or job.cancelling:
            run.stop.set()
        if changed:
            self._jobs.bell.ring()
