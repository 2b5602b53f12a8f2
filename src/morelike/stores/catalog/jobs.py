"""The table of jobs, and how one is leased."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, delete, func, insert, or_, select, update

from morelike.errors import NoSuchJob, UsageError
from morelike.records import Job, JobState
from morelike.stores.catalog.connections import Connected, chunks, now, retried
from morelike.stores.catalog.schema import jobs
from morelike.types import Metadata

__all__ = ["JobRows"]

_FINISHED = ("done", "failed", "cancelled")
_NO_ONE: dict[str, Any] = {"owner": "", "lease_until": 0.0}


class JobRows(Connected):
    """``CatalogJobs``. None of it needs the library's write lock: a job tells its progress while another one writes."""

    @retried
    def enqueue(self, kind: str, collection: str, arguments: Metadata) -> Job:
        job_id = secrets.token_hex(16)
        values = {"id": job_id, "kind": kind, "collection": collection, "arguments": arguments, "created_at": now()}
        with self._writing() as connection:
            connection.execute(insert(jobs).values(**values, **_FRESH))
            return _found(connection, job_id)

    def job(self, job_id: str) -> Job:
        with self._reading() as connection:
            return _found(connection, job_id)

    def jobs(
        self, *, state: JobState | None = None, collection: str | None = None, offset: int = 0, limit: int = 100
    ) -> list[Job]:
        query = select(jobs).order_by(jobs.c.number.desc()).offset(offset).limit(limit)
        if state is not None:
            query = query.where(jobs.c.state == state)
        if collection is not None:
            query = query.where(jobs.c.collection == collection)
        with self._reading() as connection:
            return [_job(row) for row in connection.execute(query)]

    def job_counts(self) -> dict[JobState, int]:
        with self._reading() as connection:
            counted = connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state))
            return {row[0]: row[1] for row in counted}

    @retried
    def lease_job(self, owner: str, seconds: float) -> Job | None:
        free = self._free()
        with self._reading() as connection:  # most looks find nothing, and should not make the writers wait
            if connection.execute(select(jobs.c.number).where(free).limit(1)).first() is None:
                return None
        with self._writing() as connection:
            # What nobody had when it was called off has nobody left to say so.
            ended = {**_NO_ONE, "state": "cancelled", "cancelling": False, "finished_at": now()}
            connection.execute(update(jobs).where(free, jobs.c.cancelling).values(ended))
            while True:
                oldest = select(jobs.c.id).where(free).order_by(jobs.c.number).limit(1)
                job_id: str | None = connection.execute(oldest).scalar_one_or_none()
                if job_id is None:
                    return None
                taken = {
                    "state": "running",
                    "owner": owner,
                    "lease_until": self._database.clock() + seconds,  # from now: it may have waited long for its turn
                    "attempts": jobs.c.attempts + 1,
                    "started_at": case((jobs.c.started_at == "", now()), else_=jobs.c.started_at),
                }
                # On a server another one may have taken it since it was looked at: then it is free no more.
                if connection.execute(update(jobs).where(jobs.c.id == job_id, free).values(taken)).rowcount:
                    return _found(connection, job_id)

    def _free(self) -> ColumnElement[bool]:
        return or_(
            jobs.c.state == "queued", and_(jobs.c.state == "running", jobs.c.lease_until < self._database.clock())
        )

    @retried
    def renew_job(self, job_id: str, owner: str, seconds: float, progress: Metadata) -> Job | None:
        with self._writing() as connection:
            values = {"progress": progress, "lease_until": self._database.clock() + seconds}
            held = connection.execute(update(jobs).where(*_held(job_id, owner)).values(values))
            return _found(connection, job_id) if held.rowcount else None

    @retried
    def finish_job(
        self, job_id: str, owner: str, state: JobState, *, result: Metadata, error: str = "", hint: str = ""
    ) -> bool:
        """One that is given back does not count as tried; where it was called off meanwhile, it is cancelled."""
        values: dict[str, Any] = {**_NO_ONE, "state": state, "cancelling": False, "finished_at": now()}
        with self._writing() as connection:
            held = _held(job_id, owner)
            if state == "queued":
                waits = {**_NO_ONE, "state": state, "attempts": jobs.c.attempts - 1}
                if connection.execute(update(jobs).where(*held, jobs.c.cancelling.is_(False)).values(waits)).rowcount:
                    return True
                values["state"] = "cancelled"
            values |= {"result": result, "error": error, "hint": hint}
            return bool(connection.execute(update(jobs).where(*held).values(values)).rowcount)

    @retried
    def cancel_job(self, job_id: str) -> Job:
        this = jobs.c.id == job_id
        ended = {**_NO_ONE, "state": "cancelled", "finished_at": now()}
        with self._writing() as connection:
            connection.execute(update(jobs).where(this, jobs.c.state == "running").values(cancelling=True))
            connection.execute(update(jobs).where(this, jobs.c.state == "queued").values(ended))
            return _found(connection, job_id)

    @retried
    def retry_job(self, job_id: str) -> Job:
        """Its progress, its error and its attempts start anew."""
        again = {**_FRESH, "started_at": "", "finished_at": ""}
        with self._writing() as connection:
            may = (jobs.c.id == job_id, jobs.c.state.in_(["failed", "cancelled"]))
            changed = connection.execute(update(jobs).where(*may).values(again))
            found = _found(connection, job_id)
        if not changed.rowcount:
            raise UsageError(
                f"the job {job_id} is {found.state}", hint="only a failed or cancelled job can be tried again"
            )
        return found

    @retried
    def forget_jobs(self, keep: int) -> int:
        finished = select(jobs.c.number).where(jobs.c.state.in_(_FINISHED)).order_by(jobs.c.number.desc())
        with self._reading() as connection:
            if len(connection.execute(finished.limit(keep + 1)).all()) <= keep:
                return 0
        with self._writing() as connection:
            old = connection.scalars(finished).all()[keep:]
            for some in chunks(old):
                connection.execute(delete(jobs).where(jobs.c.number.in_(some)))
        return len(old)


_FRESH: dict[str, Any] = {
    **_NO_ONE,
    "state": "queued",
    "progress": {},
    "result": {},
    "error": "",
    "hint": "",
    "attempts": 0,
    "cancelling": False,
    "started_at": "",
    "finished_at": "",
}


def _held(job_id: str, owner: str) -> tuple[Any, ...]:
    return jobs.c.id == job_id, jobs.c.owner == owner, jobs.c.state == "running"


def _found(connection: Connection, job_id: str) -> Job:
    row = connection.execute(select(jobs).where(jobs.c.id == job_id)).one_or_none()
    if row is None:
        raise NoSuchJob(f"there is no job {job_id[:64]!r}", hint="`morelike jobs` lists them")
    return _job(row)


def _job(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        kind=row.kind,
        collection=row.collection,
        arguments=row.arguments,
        state=row.state,
        progress=row.progress,
        result=row.result,
        error=row.error,
        hint=row.hint,
        attempts=row.attempts,
        cancelling=row.cancelling,
        owner=row.owner,
        lease_until=row.lease_until,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
