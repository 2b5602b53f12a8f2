"""``morelike jobs`` and ``morelike keys`` on a library whose jobs nobody does."""

from __future__ import annotations

from pathlib import Path

import pytest

import morelike as package
from morelike.library import Library
from morelike.records import Job


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """The library of the commands, opened beside them."""
    with package.open(tmp_path / "library") as opened:
        yield opened


def queue(library: Library, *sources: str) -> Job:
    return library.jobs.add("add", "photos", {"sources": list(sources or ("/pictures",))})


def fail(library: Library) -> Job:
    """A job that was begun and failed."""
    job = queue(library)
    catalog = library._stores.catalog
    catalog.lease_job("me", 60)
    catalog.renew_job(job.id, "me", 60, {"done": 37, "total": 120, "rate": 12.34, "eta": 1.0, "note": ""})
    catalog.finish_job(job.id, "me", "failed", result={}, error="the disk is full", hint="free some space")
    return library.jobs.get(job.id)


def test_no_jobs(morelike) -> None:
    """Where there is no library, none is made."""
    assert (morelike("jobs").out, morelike("jobs", "--json").json) == ("no jobs\n", {"jobs": []})
    assert not Path("library").exists()


def test_jobs_are_listed(morelike, library: Library) -> None:
    """Newest first, with what each is and how far; a failed one with its reason."""
    failed, queued = fail(library), queue(library)
    ran = morelike("jobs")
    rows = [line.split() for line in ran.out.splitlines()]

    assert rows[0] == ["job", "kind", "collection", "state", "progress"]
    assert rows[1] == [queued.id[:12], "add", "photos", "queued"]
    assert rows[2] == [failed.id[:12], "add", "photos", "failed", "the", "disk", "is", "full"]
    assert [job["id"] for job in morelike("jobs", "--json").json["jobs"]] == [queued.id, failed.id]
    assert [job["id"] for job in morelike("jobs", "--limit", 1, "--json").json["jobs"]] == [queued.id]


def test_a_running_job_says_how_far_it_is(morelike, library: Library) -> None:
    """Done of all, and how fast; one that is being called off says so."""
    job = queue(library)
    catalog = library._stores.catalog
    catalog.lease_job("me", 60)
    catalog.renew_job(job.id, "me", 60, {"done": 37, "total": 120, "rate": 12.34, "note": "waiting"})

    assert "37 of 120, 12.3/s, waiting" in morelike("jobs").out
    assert "stopping" in morelike("jobs", "--cancel", job.id).out


def test_one_job_is_shown(morelike, library: Library) -> None:
    """By its id or the beginning of it, with all that is known of it."""
    job = fail(library)
    ran = morelike("jobs", job.id[:8])

    assert ran.code == 0
    for expected in (job.id, "failed", "the disk is full", "free some space", "/pictures"):
        assert expected in ran.out
    assert morelike("jobs", job.id, "--json").json["arguments"] == {"sources": ["/pictures"]}


def test_a_job_is_cancelled(morelike, library: Library) -> None:
    """And shown as it is then."""
    job = queue(library)
    ran = morelike("jobs", "--cancel", job.id[:8], "--json")

    assert ran.json["state"] == "cancelled"
    assert library.jobs.get(job.id).state == "cancelled"


def test_a_job_is_tried_again(morelike, library: Library) -> None:
    """A failed one; a queued one is refused with what it is."""
    job = fail(library)
    ran, again = (morelike("jobs", "--retry", job.id) for _ in range(2))

    assert (ran.code, library.jobs.get(job.id).state) == (0, "queued")
    assert (again.code, "is queued" in again.err) == (2, True)


def test_an_unknown_job_is_wrong_usage(morelike, library: Library) -> None:
    """So are a beginning that several have, and two jobs at once."""
    for _ in range(20):
        queue(library)
    ids = [job.id for job in library.jobs.list()]
    shared = next(start for start in "0123456789abcdef" if sum(found.startswith(start) for found in ids) > 1)

    assert [morelike("jobs", given).code for given in ("nothing", shared)] == [2, 2]
    assert "several" in morelike("jobs", shared).err
    assert morelike("jobs", ids[0], "--cancel", ids[1]).code == 2
    assert library.jobs.counts() == {"queued": 20}


def test_a_hostile_name_steers_no_terminal(morelike, library: Library) -> None:
    """What came over a wire is cleaned before it is shown."""
    job = queue(library, "/\x1b[31mred")

    assert "\x1b" not in morelike("jobs", job.id).out


def test_a_key_is_made_and_printed_once(morelike, tmp_path: Path) -> None:
    """It opens the library; the list has its beginning only."""
    ran = morelike("keys", "add", "laptop", "--role", "writer")
    key = ran.out.strip()
    listed = morelike("keys", "ls")

    assert (ran.code, key.startswith("ml_"), "shown only here" in ran.err) == (0, True, True)
    with package.open(tmp_path / "library") as library:
        known = library.keys.check(key)
    assert known is not None
    assert (known.name, known.role) == ("laptop", "writer")
    assert "laptop" in listed.out
    assert key not in listed.out
    assert key[:7] in listed.out


def test_keys_as_json(morelike) -> None:
    """The key when it is made; afterwards all but the key and its digest."""
    made = morelike("keys", "add", "laptop", "--role", "admin", "--json").json
    listed = morelike("keys", "ls", "--json").json

    assert (set(made), made["name"], made["role"]) == ({"name", "role", "key"}, "laptop", "admin")
    assert [set(key) for key in listed["keys"]] == [{"name", "role", "start", "created_at"}]
    assert morelike("keys", "rm", "laptop", "--json").json == {"removed": "laptop"}


def test_a_key_is_removed(morelike) -> None:
    """A second time there is none."""
    morelike("keys", "add", "laptop", "--role", "reader")

    assert morelike("keys", "rm", "laptop").out == "removed the key laptop\n"
    assert morelike("keys", "rm", "laptop").code == 2
    assert morelike("keys", "ls").out.startswith("no keys")


def test_no_library_no_keys(morelike) -> None:
    """Listing makes none."""
    assert morelike("keys", "ls", "--json").json == {"keys": []}
    assert not Path("library").exists()


@pytest.mark.parametrize(
    "wrong", [["add", "laptop"], ["add", "laptop", "--role", "owner"], ["add", "\n", "--role", "reader"]]
)
def test_a_wrong_key_is_wrong_usage(morelike, wrong: list[str]) -> None:
    """Without a role, with none of the three, with a name that cannot be read."""
    assert morelike("keys", *wrong).code == 2
