"""A job whose process is killed is taken up by the next one, and ends as if nothing had happened."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forking import Run
from sqlalchemy import update

import morelike
from morelike.records import Job
from morelike.stores.catalog.schema import jobs as table
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder

pytestmark = pytest.mark.xdist_group("killed jobs")

PICTURES = 300
LEASE = 3600
"""Seconds: no process here stands still for so long that its job is another one's."""


def queue(library: Path, pictures: Path) -> Job:
    with morelike.open(library=library) as opened:
        opened.collection("photos", modality="image", encoder=ToyEncoder())
        return opened.jobs.add("add", "photos", {"sources": [str(pictures)], "tags": ["x"]})


def run(
    run_driver: Run, library: Path, job: Job, point: str = "none", nth: int = 0
) -> subprocess.CompletedProcess[str]:
    ended = run_driver("job_driver", library, job.id, LEASE, point, nth)
    let_the_lease_run_out(library, job)
    return ended


def let_the_lease_run_out(library: Path, job: Job) -> None:
    with morelike.open(library=library) as opened, opened._stores.catalog._writing() as connection:
        connection.execute(update(table).where(table.c.id == job.id).values(lease_until=1.0))


def contents(library: Path) -> tuple[dict[str, Any], list[Any]]:
    """Everything of every item that does not depend on when it was added; and what ``doctor`` finds."""
    with morelike.open(library=library) as opened:
        photos = opened.collection("photos", encoder=ToyEncoder())
        stores, items = opened._stores, photos.items(limit=10_000, state=None)
        segments = stores.catalog.segments_of(photos._record, [item.id for item in items])
        found = {}
        for item in items:
            ids = np.array([segment.id for segment in segments[item.id]], dtype=np.int64)
            _, vectors = stores.vectors.fetch(photos.spaces[0], ids)
            uris = sorted(source.uri for source in item.sources)
            found[item.id] = (item.state, item.digest, item.tags, uris, vectors.tobytes(), photos.content(item.id))
        return found, opened.doctor().findings


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    write_images(folder, PICTURES, seed=11, size=(48, 36))
    return folder


@pytest.fixture(scope="module")
def whole(run_driver: Run, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a job that nothing interrupted leaves behind."""
    library = tmp_path_factory.mktemp("whole")
    ran = run(run_driver, library, queue(library, pictures))
    assert ran.returncode == 0, ran.stderr
    found, faults = contents(library)
    assert (len(found), faults) == (PICTURES, [])
    return found


@pytest.mark.parametrize(
    ("point", "nth"),
    [("catalog.claimed", 15), ("vectors.synced", 12), ("catalog.writing", 9), ("catalog.finished", 20)],
)
def test_a_killed_job_is_taken_up(
    run_driver: Run, pictures: Path, whole: dict[str, Any], tmp_path: Path, *, point: str, nth: int
) -> None:
    """When its lease has run out, by the next runner; every item is there once, and the job was tried twice."""
    job = queue(tmp_path, pictures)
    killed = run(run_driver, tmp_path, job, point, nth)
    with morelike.open(library=tmp_path) as library:
        between, added = library.jobs.get(job.id), library.collection("photos", encoder=ToyEncoder()).count()
    second = run(run_driver, tmp_path, job)
    assert second.returncode == 0, second.stderr
    ended = json.loads(second.stdout)
    found, faults = contents(tmp_path)

    assert killed.returncode == -signal.SIGKILL
    assert (between.state, between.attempts, 0 < added < PICTURES) == ("running", 1, True)
    assert (ended["state"], ended["attempts"], ended["error"]) == ("done", 2, "")
    assert ended["result"]["added"] + ended["result"]["same"] == PICTURES
    assert ended["result"]["added"] <= PICTURES - added
    assert found.keys() == whole.keys()
    assert found == whole
    assert faults == []


def test_a_job_that_kills_its_process_each_time_is_given_up(run_driver: Run, pictures: Path, tmp_path: Path) -> None:
    """After five processes the sixth says so instead of dying too; tried again by hand, it goes on from there."""
    job = queue(tmp_path, pictures)
    codes = [run(run_driver, tmp_path, job, "catalog.finished", 2).returncode for _ in range(5)]
    given_up = json.loads(run(run_driver, tmp_path, job).stdout)
    with morelike.open(library=tmp_path) as library:
        added = library.collection("photos", encoder=ToyEncoder()).count()
        library.jobs.retry(job.id)
    ended = json.loads(run(run_driver, tmp_path, job).stdout)

    assert codes == [-signal.SIGKILL] * 5
    assert (given_up["state"], given_up["error"]) == ("failed", "the job was interrupted 5 times")
    assert 0 < added < PICTURES
    assert (ended["state"], ended["attempts"]) == ("done", 1)
    assert ended["result"]["added"] == PICTURES - added
