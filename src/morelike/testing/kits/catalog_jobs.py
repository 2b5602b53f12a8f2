"""What every catalog promises of jobs."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from morelike.errors import NoSuchJob, UsageError
from morelike.protocols import Catalog
from morelike.testing.kits.catalog_samples import ODD_TEXTS, CatalogFixtures

__all__ = ["CatalogJobsKit"]

LONG = 60.0
RUN_OUT = -1.0
"""The seconds of a lease that is over when it is given: nobody has to wait for it."""


class CatalogJobsKit(CatalogFixtures):
    """``CatalogJobs``."""

    def test_a_new_job_waits(self, catalog: Catalog) -> None:
        """It is queued, nobody has it, and it is found by its id."""
        job = catalog.enqueue("add", "photos", {"sources": ["/pictures"]})

        assert catalog.job(job.id) == job
        assert (job.kind, job.collection, job.state, job.attempts) == ("add", "photos", "queued", 0)
        assert (job.owner, job.lease_until, job.started_at, job.finished_at) == ("", 0.0, "", "")
        assert (len(job.id), bool(job.created_at)) == (32, True)
        assert set(job.id) <= set("0123456789abcdef")

    @pytest.mark.parametrize(
        "arguments",
        [
            {},
            {"deep": [{"a": [None, True, 1.5, "x"]}], "number": 2**60},
            dict(zip("abcdefgh", ODD_TEXTS, strict=True)),
        ],
        ids=["nothing", "nested", "odd texts"],
    )
    def test_arguments_progress_and_result_come_back(self, catalog: Catalog, arguments: dict[str, Any]) -> None:
        """JSON objects of any depth, file names that are not Unicode among them."""
        job = catalog.enqueue("add", "photos", arguments)
        catalog.lease_job("me", LONG)
        renewed = catalog.renew_job(job.id, "me", LONG, arguments)
        catalog.finish_job(job.id, "me", "failed", result=arguments, error="\udcff", hint="b\0")
        found = catalog.job(job.id)

        assert renewed is not None
        assert (job.arguments, renewed.progress, found.progress, found.result) == (arguments,) * 4
        assert (found.error, found.hint) == ("\udcff", "b\0")

    def test_jobs_are_listed_newest_first(self, catalog: Catalog) -> None:
        """A page at a time; of one state or one collection where asked."""
        ids = [catalog.enqueue("add", name, {}).id for name in ("a", "b", "a", "b")]
        catalog.lease_job("me", LONG)

        assert [job.id for job in catalog.jobs()] == ids[::-1]
        assert [job.id for job in catalog.jobs(offset=1, limit=2)] == [ids[2], ids[1]]
        assert [job.id for job in catalog.jobs(collection="a")] == [ids[2], ids[0]]
        assert [job.id for job in catalog.jobs(state="running")] == [ids[0]]
        assert [job.id for job in catalog.jobs(state="queued", collection="a")] == [ids[2]]

    def test_jobs_are_counted_by_state(self, catalog: Catalog) -> None:
        """A state that no job has is not named."""
        for _ in range(3):
            catalog.enqueue("add", "photos", {})
        catalog.lease_job("me", LONG)

        assert catalog.job_counts() == {"queued": 2, "running": 1}

    def test_the_oldest_is_leased_first(self, catalog: Catalog) -> None:
        """Each once, until there are none."""
        ids = [catalog.enqueue("add", "photos", {}).id for _ in range(3)]
        leased = [catalog.lease_job("me", LONG) for _ in range(4)]

        assert [job.id if job else None for job in leased] == [*ids, None]

    def test_a_leased_job_runs_for_its_owner(self, catalog: Catalog) -> None:
        """It says whose it is and until when, and that it was tried once."""
        catalog.enqueue("add", "photos", {})
        job = catalog.lease_job("me", LONG)

        assert job is not None
        assert (job.state, job.owner, job.attempts) == ("running", "me", 1)
        assert (bool(job.started_at), job.lease_until > 0) == (True, True)

    def test_two_never_get_the_same_job(self, catalog: Catalog, another: Catalog) -> None:
        """Leased from two openings by two threads each: every job exactly once."""
        ids = {catalog.enqueue("add", "photos", {}).id for _ in range(40)}
        got: list[tuple[str, str]] = []
        start = threading.Barrier(4)

        def lease(of: Catalog, owner: str) -> None:
            start.wait()
            while job := of.lease_job(owner, LONG):
                got.append((job.id, job.owner))

        threads = [
            threading.Thread(target=lease, args=(of, owner))
            for of, owner in ((catalog, "a"), (catalog, "b"), (another, "c"), (another, "d"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(job_id for job_id, _ in got) == sorted(ids)
        assert {job.id: job.owner for job in catalog.jobs(limit=100)} == dict(got)

    def test_a_lease_that_ran_out_is_anybodys(self, catalog: Catalog, another: Catalog) -> None:
        """The next one goes on with it, told how often it was tried; the first owner has it no longer."""
        job = catalog.enqueue("add", "photos", {"a": 1})
        catalog.lease_job("old", RUN_OUT)
        taken = another.lease_job("new", LONG)

        assert taken is not None
        assert (taken.id, taken.owner, taken.attempts, taken.arguments) == (job.id, "new", 2, {"a": 1})
        assert catalog.renew_job(job.id, "old", LONG, {"done": 9}) is None
        assert catalog.finish_job(job.id, "old", "done", result={"added": 9}) is False
        assert catalog.job(job.id) == taken

    def test_a_lease_that_ran_out_can_be_renewed(self, catalog: Catalog) -> None:
        """As long as nobody else took it."""
        job = catalog.enqueue("add", "photos", {})
        catalog.lease_job("me", RUN_OUT)

        assert catalog.renew_job(job.id, "me", LONG, {}) is not None
        assert catalog.lease_job("you", LONG) is None

    def test_renewing_notes_the_progress(self, catalog: Catalog, another: Catalog) -> None:
        """Others see it, and the lease lasts longer."""
        job = catalog.enqueue("add", "photos", {})
        leased = catalog.lease_job("me", LONG)
        renewed = catalog.renew_job(job.id, "me", 2 * LONG, {"done": 3, "total": None})

        assert leased is not None
        assert renewed is not None
        assert renewed.lease_until > leased.lease_until
        assert another.job(job.id).progress == {"done": 3, "total": None}

    @pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
    def test_a_finished_job_is_nobodys(self, catalog: Catalog, state: Any) -> None:
        """It keeps its result and its reason, and is not leased, renewed or finished again."""
        job = catalog.enqueue("add", "photos", {})
        catalog.lease_job("me", RUN_OUT)

        assert catalog.finish_job(job.id, "me", state, result={"added": 1}, error="e", hint="h")
        found = catalog.job(job.id)
        assert (found.state, found.owner, found.result, found.error, found.hint) == (state, "", {"added": 1}, "e", "h")
        assert found.finished_at
        assert catalog.lease_job("me", LONG) is None
        assert catalog.renew_job(job.id, "me", LONG, {}) is None
        assert catalog.finish_job(job.id, "me", "done", result={}) is False

    def test_a_job_can_be_given_back(self, catalog: Catalog) -> None:
        """It waits again, keeps its progress, and does not count as tried."""
        job = catalog.enqueue("add", "photos", {})
        catalog.lease_job("me", LONG)
        catalog.renew_job(job.id, "me", LONG, {"done": 3})

        assert catalog.finish_job(job.id, "me", "queued", result={})
        found = catalog.job(job.id)
        assert (found.state, found.owner, found.attempts, found.finished_at) == ("queued", "", 0, "")
        assert found.progress == {"done": 3}
        assert catalog.lease_job("you", LONG) is not None

    def test_a_queued_job_is_cancelled_at_once(self, catalog: Catalog) -> None:
        """Nobody gets it any more."""
        job = catalog.enqueue("add", "photos", {})
        cancelled = catalog.cancel_job(job.id)

        assert (cancelled.state, bool(cancelled.finished_at), cancelled.cancelling) == ("cancelled", True, False)
        assert catalog.lease_job("me", LONG) is None

    def test_a_running_job_is_asked_to_stop(self, catalog: Catalog, another: Catalog) -> None:
        """Its owner hears it when it renews, and ends it."""
        job = catalog.enqueue("add", "photos", {})
        catalog.lease_job("me", LONG)
        asked = another.cancel_job(job.id)
        renewed = catalog.renew_job(job.id, "me", LONG, {})

        assert (asked.state, asked.cancelling) == ("running", True)
        assert renewed is not None
        assert renewed.cancelling
        assert catalog.finish_job(job.id, "me", "cancelled", result={})
        assert (catalog.job(job.id).state, catalog.job(job.id).cancelling) == ("cancelled", False)

    def test_a_job_called_off_while_nobody_had_it_is_cancelled(self, catalog: Catalog) -> None:
        """Its owner is gone: the next one who looks for work ends it, and gets the job after it."""
        job, other = (catalog.enqueue("add", "photos", {}) for _ in range(2))
        catalog.lease_job("gone", RUN_OUT)
        catalog.cancel_job(job.id)
        leased = catalog.lease_job("me", LONG)

        assert leased is not None
        assert leased.id == other.id
        assert (catalog.job(job.id).state, catalog.job(job.id).attempts) == ("cancelled", 1)

    def test_a_job_called_off_and_given_back_is_cancelled(self, catalog: Catalog) -> None:
        """It does not wait for somebody who would end it."""
        job = catalog.enqueue("add", "photos", {})
        catalog.lease_job("me", LONG)
        catalog.cancel_job(job.id)

        assert catalog.finish_job(job.id, "me", "queued", result={})
        assert (catalog.job(job.id).state, bool(catalog.job(job.id).finished_at)) == ("cancelled", True)

    def test_a_finished_job_stays_as_it_is(self, catalog: Catalog) -> None:
        """Calling it off comes too late, and says so by what it returns."""
        job = catalog.enqueue("add", "photos", {})
        catalog.lease_job("me", LONG)
        catalog.finish_job(job.id, "me", "done", result={"added": 1})
        before = catalog.job(job.id)

        assert catalog.cancel_job(job.id) == before
        assert catalog.job(job.id) == before

    @pytest.mark.parametrize("state", ["failed", "cancelled"])
    def test_an_ended_job_can_be_tried_again(self, catalog: Catalog, state: Any) -> None:
        """As if it were new, with the same arguments."""
        job = catalog.enqueue("add", "photos", {"a": 1})
        catalog.lease_job("me", LONG)
        catalog.renew_job(job.id, "me", LONG, {"done": 1})
        catalog.finish_job(job.id, "me", state, result={"b": 2}, error="e", hint="h")

        assert catalog.retry_job(job.id) == job
        leased = catalog.lease_job("me", LONG)
        assert leased is not None
        assert (leased.id, leased.attempts) == (job.id, 1)

    @pytest.mark.parametrize("state", ["queued", "running", "done"])
    def test_only_an_ended_job_is_tried_again(self, catalog: Catalog, state: Any) -> None:
        """Otherwise the sentence says how it stands with it, and it stays."""
        job = catalog.enqueue("add", "photos", {})
        if state != "queued":
            catalog.lease_job("me", LONG)
        if state == "done":
            catalog.finish_job(job.id, "me", "done", result={})
        before = catalog.job(job.id)

        with pytest.raises(UsageError, match=state):
            catalog.retry_job(job.id)
        assert catalog.job(job.id) == before

    def test_an_unknown_job_is_named(self, catalog: Catalog) -> None:
        """By whatever asks for it; and its lease is nobody's."""
        for ask in (catalog.job, catalog.cancel_job, catalog.retry_job):
            with pytest.raises(NoSuchJob, match="nothing"):
                ask("nothing")
        assert catalog.renew_job("nothing", "me", LONG, {}) is None
        assert catalog.finish_job("nothing", "me", "done", result={}) is False

    def test_the_oldest_finished_jobs_are_forgotten(self, catalog: Catalog) -> None:
        """So many are kept; what waits or runs always is."""
        ids = [catalog.enqueue("add", "photos", {}).id for _ in range(6)]
        for job_id in ids[:4]:
            catalog.lease_job("me", LONG)
            catalog.finish_job(job_id, "me", "done", result={})
        catalog.lease_job("me", LONG)

        assert catalog.forget_jobs(2) == 2
        assert [job.id for job in catalog.jobs()] == [ids[5], ids[4], ids[3], ids[2]]
        assert catalog.forget_jobs(2) == 0
        with pytest.raises(NoSuchJob):
            catalog.job(ids[0])
