"""Jobs and the threads that do them, on a real catalog, with work that the test holds in its hand."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from morelike import jobs as jobs_module
from morelike.errors import NoSuchJob, StoreError, StoreReadOnly, TooBusy, UsageError
from morelike.jobs import JobRunner, Jobs, JobStopped, Report
from morelike.records import Job
from morelike.settings import Settings
from morelike.stores.catalog.catalog import SqlCatalog, open_sqlite_catalog
from morelike.stores.catalog.schema import jobs as table
from morelike.types import Metadata

SOON = 120.0
QUICK: dict[str, Any] = {"beat": 0.01, "poll": 0.01}


class Work:
    """Stands for what jobs do: it begins, waits until the test lets it end or it is asked to stop, and ends."""

    def __init__(self) -> None:
        self.began: list[Job] = []
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Event()
        self.says: Metadata = {}
        self.raises: Exception | None = None

    def __call__(self, job: Job, report: Report, stop: threading.Event) -> Metadata:
        self.began.append(job)
        report({"done": 1, **self.says})
        self.begun.release()
        while not self.may_end.is_set():
            if stop.wait(0.005):
                raise JobStopped({"partly": True})
        if self.raises is not None:
            raise self.raises
        report({"done": 2})
        return {"added": 2}

    def wait_for_begin(self) -> Job:
        assert self.begun.acquire(timeout=SOON)
        return self.began[-1]


@pytest.fixture
def catalog(settings: Settings) -> Iterator[SqlCatalog]:
    catalog = open_sqlite_catalog(settings.library, settings)
    yield catalog
    catalog.close()


@pytest.fixture
def another(settings: Settings, catalog: SqlCatalog) -> Iterator[SqlCatalog]:
    """The same catalog as another process has it."""
    catalog = open_sqlite_catalog(settings.library, settings)
    yield catalog
    catalog.close()


def accept(kind: str, arguments: Metadata) -> None:
    if kind == "wrong":
        raise UsageError("there is no such kind")


@pytest.fixture
def jobs(catalog: SqlCatalog) -> Jobs:
    return Jobs(catalog, accept)


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def run(work: Work) -> Iterator[Callable[..., JobRunner]]:
    """``run(jobs)`` starts a runner, which is closed at the end."""
    with ExitStack() as stack:

        def start(jobs: Jobs, perform: Any = work, **options: Any) -> JobRunner:
            return stack.enter_context(JobRunner(jobs, perform, **{**QUICK, **options}))

        yield start


def finished(jobs: Jobs, job_id: str) -> Job:
    """The job when it has come to its end."""
    seen = None
    for _ in range(1000):
        seen = jobs.watch(job_id, SOON, seen)
        if seen.state in jobs_module.FINISHED:
            return seen
    raise AssertionError(seen)


def until(jobs: Jobs, job_id: str, true: Callable[[Job], bool]) -> Job:
    """The job as soon as something is true of it."""
    seen = jobs.get(job_id)
    while not true(seen):
        before, seen = seen, jobs.watch(job_id, SOON, seen)
        assert seen != before, seen
    return seen


def test_a_job_is_done(jobs: Jobs, run, work: Work) -> None:
    """It is taken up, its last progress and its result are written down, and it was tried once."""
    work.may_end.set()
    run(jobs)
    job = finished(jobs, jobs.add("toy", "photos", {"a": 1}).id)

    assert (job.state, job.progress, job.result, job.attempts) == ("done", {"done": 2}, {"added": 2}, 1)
    assert (work.began[0].arguments, work.began[0].collection) == ({"a": 1}, "photos")
    assert (job.error, job.owner, jobs.counts()) == ("", "", {"done": 1})


def test_a_job_is_taken_up_at_once(jobs: Jobs, run, work: Work) -> None:
    """The runner does not wait for its next look: whoever adds the job wakes it."""
    run(jobs, poll=3600.0)
    jobs.add("toy", "photos", {})

    assert work.wait_for_begin().state == "running"
    work.may_end.set()


def test_a_job_of_another_process_is_found(jobs: Jobs, another: SqlCatalog, run, work: Work) -> None:
    """Nobody rings for it; the next look finds it."""
    work.may_end.set()
    run(jobs)
    job = another.enqueue("toy", "photos", {})

    assert work.wait_for_begin().id == job.id


def test_progress_is_told_while_the_job_runs(jobs: Jobs, another: SqlCatalog, run, work: Work) -> None:
    """Other processes see it, though the job itself writes nothing down."""
    work.says = {"note": "half way"}
    run(jobs)
    job = jobs.add("toy", "photos", {})
    seen = until(Jobs(another, accept), job.id, lambda job: bool(job.progress))

    assert (seen.state, seen.progress) == ("running", {"done": 1, "note": "half way"})
    work.may_end.set()


def test_the_lease_is_held_while_the_job_runs(
    jobs: Jobs, another: SqlCatalog, run, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that takes longer than its lease stays with its runner."""
    clock = [time.time()]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    run(jobs, lease=30.0)
    job = jobs.add("toy", "photos", {})
    work.wait_for_begin()
    first = jobs.get(job.id).lease_until
    for _ in range(3):
        clock[0] += 20.0
        while jobs.get(job.id).lease_until < clock[0] + 30.0:
            work.may_end.wait(0.005)
        assert another.lease_job("another", 60) is None

    assert first < clock[0]
    work.may_end.set()
    assert finished(jobs, job.id).state == "done"


def test_several_workers_do_several_jobs(jobs: Jobs, run, work: Work) -> None:
    """As many at a time as there are workers, the oldest first, and each once."""
    ids = [jobs.add("toy", "photos", {}).id for _ in range(3)]
    run(jobs, workers=2)
    work.wait_for_begin()
    work.wait_for_begin()

    assert jobs.counts() == {"running": 2, "queued": 1}
    assert {job.id for job in work.began} == set(ids[:2])
    work.may_end.set()
    assert [finished(jobs, job_id).attempts for job_id in ids] == [1, 1, 1]


def test_what_morelike_can_explain_is_the_jobs_error(jobs: Jobs, run, work: Work) -> None:
    """Message and hint are kept apart; the runner goes on to the next job."""
    work.raises = UsageError("there is no card x", hint="morelike encoders lists them")
    work.may_end.set()
    run(jobs)
    job = finished(jobs, jobs.add("toy", "photos", {}).id)
    work.raises = None
    other = finished(jobs, jobs.add("toy", "photos", {}).id)

    assert (job.state, job.error, job.hint) == ("failed", "there is no card x", "morelike encoders lists them")
    assert other.state == "done"


def test_a_fault_is_named_and_logged(jobs: Jobs, run, work: Work, caplog: pytest.LogCaptureFixture) -> None:
    """The sentence names its type; the log has where it happened."""
    work.raises = ZeroDivisionError("by nought")
    work.may_end.set()
    with caplog.at_level(logging.ERROR, "morelike.jobs"):
        run(jobs)
        job = finished(jobs, jobs.add("toy", "photos", {}).id)

    assert (job.state, job.error) == ("failed", "unexpected ZeroDivisionError: by nought")
    assert "raise self.raises" in caplog.text


def test_a_running_job_can_be_cancelled(jobs: Jobs, another: SqlCatalog, run, work: Work) -> None:
    """From another process too; what it did until then is its result."""
    run(jobs)
    job = jobs.add("toy", "photos", {})
    work.wait_for_begin()
    another.cancel_job(job.id)
    ended = finished(jobs, job.id)

    assert (ended.state, ended.result, ended.error) == ("cancelled", {"partly": True}, "")


def test_a_cancelled_job_that_was_quicker_is_done(jobs: Jobs, run, work: Work) -> None:
    """What was done whole is said so."""
    ends = threading.Event()

    def stubborn(job: Job, report: Report, stop: threading.Event) -> Metadata:
        work.begun.release()
        assert stop.wait(SOON)
        ends.set()
        return {"whole": True}

    run(jobs, stubborn)
    job = jobs.add("toy", "photos", {})
    assert work.begun.acquire(timeout=SOON)
    jobs.cancel(job.id)

    assert ends.wait(SOON)
    assert (finished(jobs, job.id).state, jobs.get(job.id).result) == ("done", {"whole": True})


def test_closing_gives_running_jobs_back(jobs: Jobs, work: Work) -> None:
    """They wait in the queue again, and it does not count as an attempt."""
    runner = JobRunner(jobs, work, **QUICK)
    job = jobs.add("toy", "photos", {})
    work.wait_for_begin()
    runner.close()
    found = jobs.get(job.id)

    assert (found.state, found.attempts, found.owner, found.progress) == ("queued", 0, "", {"done": 1})


def test_a_job_taken_up_while_its_runner_closes_is_given_back(
    jobs: Jobs, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing comes between the lease and the beginning: the job hears of it all the same."""
    lease_job, leased, closing = jobs.catalog.lease_job, threading.Event(), threading.Event()

    def slowly(owner: str, seconds: float) -> Job | None:
        job = lease_job(owner, seconds)
        if job is not None:
            leased.set()
            assert closing.wait(SOON)
        return job

    monkeypatch.setattr(jobs.catalog, "lease_job", slowly)
    runner = JobRunner(jobs, work, **QUICK)
    job = jobs.add("toy", "photos", {})
    assert leased.wait(SOON)
    monkeypatch.setattr(jobs.bell, "ring", closing.set)  # what closing does when it has told the running jobs
    runner.close()

    assert (jobs.get(job.id).state, jobs.get(job.id).attempts) == ("queued", 0)


def test_a_closed_runner_takes_nothing(jobs: Jobs, work: Work) -> None:
    """And closing it twice is harmless; its threads have ended."""
    before = set(threading.enumerate())
    runner = JobRunner(jobs, work, workers=2, **QUICK)
    runner.close()
    runner.close()
    job = jobs.add("toy", "photos", {})

    assert set(threading.enumerate()) <= before
    assert (jobs.get(job.id).state, work.began) == ("queued", [])


def test_a_job_called_off_while_its_runner_closes_is_cancelled(jobs: Jobs, work: Work) -> None:
    """Both were asked for: nobody does it again."""
    runner = JobRunner(jobs, work, beat=3600.0, lease=36000.0, poll=0.01)  # it hears nothing before it is closed
    job = jobs.add("toy", "photos", {})
    work.wait_for_begin()
    jobs.cancel(job.id)
    runner.close()

    assert jobs.get(job.id).state == "cancelled"


def test_a_lost_job_is_left_alone(
    jobs: Jobs, another: SqlCatalog, run, work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    """Its runner hears that another one has it, stops, and writes nothing more."""
    run(jobs)
    job = jobs.add("toy", "photos", {})
    work.wait_for_begin()
    _take_over(another, job.id)
    with caplog.at_level(logging.WARNING, "morelike.jobs"):
        while "taken over" not in caplog.text:
            assert another.renew_job(job.id, "another", 3600, {"by": "another"}) is not None

    found = jobs.get(job.id)
    assert (found.state, found.owner, found.progress, found.result) == ("running", "another", {"by": "another"}, {})


def _take_over(catalog: SqlCatalog, job_id: str) -> None:
    """What is left when a lease ran out and another process was first."""
    with catalog._writing() as connection:
        connection.execute(update(table).where(table.c.id == job_id).values(owner="another"))


def test_a_job_that_breaks_its_process_each_time_is_given_up(jobs: Jobs, run, work: Work) -> None:
    """After five attempts that nobody finished it fails, with a sentence, and is not begun."""
    job = jobs.add("toy", "photos", {})
    for _ in range(jobs_module.MAX_ATTEMPTS):
        jobs.catalog.lease_job("gone", -1)
    run(jobs)
    ended = finished(jobs, job.id)

    assert (ended.state, ended.error, work.began) == ("failed", "the job was interrupted 5 times", [])
    assert "retry" in ended.hint


def test_a_job_has_five_attempts(jobs: Jobs, run, work: Work) -> None:
    """The fifth may still succeed."""
    work.may_end.set()
    job = jobs.add("toy", "photos", {})
    for _ in range(jobs_module.MAX_ATTEMPTS - 1):
        jobs.catalog.lease_job("gone", -1)
    run(jobs)

    assert (finished(jobs, job.id).state, jobs.get(job.id).attempts) == ("done", 5)


def test_a_job_given_up_can_be_tried_again(jobs: Jobs, run, work: Work) -> None:
    """Its attempts are counted from the beginning."""
    work.may_end.set()
    job = jobs.add("toy", "photos", {})
    for _ in range(jobs_module.MAX_ATTEMPTS):
        jobs.catalog.lease_job("gone", -1)
    run(jobs)
    finished(jobs, job.id)
    jobs.retry(job.id)

    assert (finished(jobs, job.id).state, jobs.get(job.id).attempts) == ("done", 1)


def test_old_finished_jobs_are_forgotten(jobs: Jobs, run, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table does not grow for ever."""
    monkeypatch.setattr(jobs_module, "KEPT", 2)
    work.may_end.set()
    ids = [jobs.add("toy", "photos", {}).id for _ in range(5)]
    with JobRunner(jobs, work, **QUICK):
        finished(jobs, ids[-1])

    assert [job.id for job in jobs.list()] == ids[:2:-1]


def test_a_wrong_job_is_refused(jobs: Jobs) -> None:
    """Before it is in the queue."""
    with pytest.raises(UsageError, match="kind"):
        jobs.add("wrong", "photos", {})
    for name in ("", "x" * 65):
        with pytest.raises(UsageError, match="named"):
            jobs.add("toy", name, {})

    assert jobs.list() == []


def test_the_queue_is_bounded(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """In jobs, and in what one of them may carry."""
    monkeypatch.setattr(jobs_module, "MAX_QUEUED", 2)
    for _ in range(2):
        jobs.add("toy", "photos", {})

    with pytest.raises(TooBusy, match="waiting"):
        jobs.add("toy", "photos", {})
    jobs.cancel(jobs.list()[0].id)
    with pytest.raises(UsageError, match="longer"):
        jobs.add("toy", "photos", {"a": "x" * jobs_module.MAX_ARGUMENTS})


def test_watching_returns_when_something_changed(jobs: Jobs, run, work: Work) -> None:
    """Not before; and with what was seen before it returns at once where that is out of date."""
    job = jobs.add("toy", "photos", {})
    unchanged = jobs.watch(job.id, 0.0, job)
    run(jobs)
    running = jobs.watch(job.id, SOON, job)
    late = jobs.watch(job.id, SOON, job)

    assert unchanged == job
    assert (running.state, late.state) == ("running", "running")
    work.may_end.set()


def test_watching_a_finished_job_does_not_wait(jobs: Jobs, run, work: Work) -> None:
    """There is nothing to come."""
    job = jobs.add("toy", "photos", {})
    ended = jobs.cancel(job.id)

    assert jobs.watch(job.id, 3600.0, ended) == ended
    with pytest.raises(NoSuchJob):
        jobs.watch("nothing", 0.0)


def test_a_catalog_that_fails_for_a_while_stops_no_runner(
    jobs: Jobs, run, work: Work, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so once, waits, and goes on when the catalog can be used again."""
    lease_job, fails = jobs.catalog.lease_job, [StoreReadOnly("no room"), StoreReadOnly("no room"), KeyError("odd")]

    def sometimes(owner: str, seconds: float) -> Job | None:
        if fails:
            raise fails.pop(0)
        return lease_job(owner, seconds)

    monkeypatch.setattr(jobs.catalog, "lease_job", sometimes)
    monkeypatch.setattr(jobs_module, "PAUSE", 0.0)
    work.may_end.set()
    with caplog.at_level(logging.WARNING, "morelike.jobs"):
        run(jobs)
        job = jobs.add("toy", "photos", {})

        assert finished(jobs, job.id).state == "done"
    assert caplog.text.count("no room") == 1
    assert "odd" in caplog.text


def test_an_end_that_cannot_be_written_is_tried_again(
    jobs: Jobs, run, work: Work, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The disk was full just then: when the lease ends, the job is taken up anew."""
    finish_job, fails = jobs.catalog.finish_job, [StoreError("the disk is full")]

    def sometimes(*arguments: Any, **more: Any) -> bool:
        if fails:
            raise fails.pop(0)
        return finish_job(*arguments, **more)

    monkeypatch.setattr(jobs.catalog, "finish_job", sometimes)
    work.may_end.set()
    with caplog.at_level(logging.ERROR, "morelike.jobs"):
        run(jobs, lease=1.0)  # when it is over: nobody else is there to take the job
        job = finished(jobs, jobs.add("toy", "photos", {}).id)

    assert (job.state, job.attempts) == ("done", 2)
    assert "the disk is full" in caplog.text


def test_progress_is_written_beside_a_busy_writer(jobs: Jobs, another: SqlCatalog, tmp_path: Path) -> None:
    """Two hundred transactions of another writer come between, and each renewal gets through."""
    photos = another.create_collection("photos", "image", {})
    job = jobs.add("toy", "photos", {})
    leased = jobs.catalog.lease_job("me", 60)
    done = threading.Event()
    written: list[int] = []

    def busy() -> None:
        while not done.is_set():
            another.tag(photos, [], ["x"], [])
            written.append(1)

    writer = threading.Thread(target=busy)
    writer.start()
    try:
        renewed = 0
        while len(written) < 200 or renewed < 50:
            assert jobs.catalog.renew_job(job.id, "me", 60, {"done": renewed}) is not None
            renewed += 1
    finally:
        done.set()
        writer.join()

    assert leased is not None
    assert jobs.get(job.id).progress == {"done": renewed - 1}
