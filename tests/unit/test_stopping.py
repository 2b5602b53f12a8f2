"""Dry runs, evaluations and examinations take long: they tell how far they are, and can be ended midway."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import blake3
import numpy as np
import pytest

import morelike
from morelike import jobs as jobs_module
from morelike import tasks
from morelike.collection import OpenCollection
from morelike.doctor import again
from morelike.jobs import JobStopped
from morelike.library import Library
from morelike.progress import Progress
from morelike.records import Job
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder
from morelike.types import Blob, Claim, ContentDigest, Source

SOON = 60.0


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings.model_copy(update={"workers": 1, "look_ahead": 2})) as opened:
        yield opened


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    write_images(folder, 6, seed=1)
    return folder


@pytest.fixture
def photos(library: Library, pictures: Path) -> OpenCollection:
    collection = library.collection("photos", modality="image", encoder=ToyEncoder())
    assert collection.add(pictures).added == 6
    return collection


class Told:
    """What a run told, and a stop that is set at the first word that fits."""

    def __init__(self, fits: Callable[[Progress], bool] = lambda now: False) -> None:
        self.stop = threading.Event()
        self.words: list[Progress] = []
        self._fits = fits

    def __call__(self, now: Progress) -> None:
        self.words.append(now)
        if self._fits(now):
            self.stop.set()


def nobodys(library: Library, data: bytes = b"nobody's") -> str:
    """A blob that belongs to no item."""
    digest = ContentDigest(blake3.blake3(data).hexdigest(), "", len(data))
    library._stores.blobs.put_many([(digest, Blob.from_bytes(data))])
    return digest.blake3


def stray_vector(photos: OpenCollection) -> None:
    """A vector that belongs to no item."""
    photos._stores.vectors.upsert(photos.spaces[0], np.array([17], dtype=np.int64), np.ones((1, 48), dtype=np.float32))


def drop_vectors(photos: OpenCollection) -> None:
    """No item has its vector any more."""
    space = photos.spaces[0]
    ids = photos._stores.catalog.segment_ids(photos._record, space.kind)
    photos._stores.vectors.delete(space, ids)


def pending(library: Library, photos: OpenCollection, folder: Path, count: int) -> None:
    """Items that an ``add`` left on their way."""
    for path in write_images(folder, count, seed=50):
        data = path.read_bytes()
        digest = ContentDigest(blake3.blake3(data).hexdigest(), "", len(data))
        library._stores.blobs.put_many([(digest, Blob.from_path(path))])
        source = Source(str(path), path.name, len(data), path.stat().st_mtime_ns)
        claim = Claim(digest.blake3, digest, "image/jpeg", source, in_place=False)
        photos._stores.catalog.claim(photos._record, [claim])


def test_a_dry_run_tells_how_far_it_is(photos: OpenCollection, pictures: Path) -> None:
    """Files as they are found, without a total; then those that are through, of the sample."""
    told = Told()

    dry = photos.dry_run(pictures, sample=4, progress=told)

    first, last = told.words[0], told.words[-1]
    assert (first.seen, first.total, first.done) == (1, None, 0)
    assert (last.seen, last.total, last.same) == (6, 4, 4)
    assert (dry.files, dry.sampled, dry.there, dry.interrupted) == (6, 4, 4, False)


def test_a_dry_run_is_stopped_as_it_walks(photos: OpenCollection, pictures: Path) -> None:
    """With the file at which it heard of it; none is tried then."""
    told = Told(lambda now: now.seen == 1)

    dry = photos.dry_run(pictures, progress=told, stop=told.stop)

    assert (dry.files, dry.sampled, dry.interrupted) == (1, 0, True)
    assert (dry.items_per_second, dry.bytes_on_disk) == (0.0, 0)


def test_a_dry_run_is_stopped_as_it_tries(photos: OpenCollection, pictures: Path) -> None:
    """With the file that is under way; what was tried until then is told."""
    told = Told(lambda now: now.total is not None)

    dry = photos.dry_run(pictures, progress=told, stop=told.stop)

    assert (dry.files, dry.sampled, dry.interrupted) == (6, 1, True)
    assert dry.there == 1


def test_an_evaluation_tells_how_far_it_is(photos: OpenCollection) -> None:
    """Items as they are read, then queries."""
    told = Told()

    photos.evaluate(progress=told)

    assert (told.words[0].seen, told.words[0].total) == (6, None)
    assert (told.words[-1].done, told.words[-1].total) == (6, 6)


@pytest.mark.parametrize("when", [lambda now: now.total is None, lambda now: now.total == 6], ids=["reading", "asking"])
def test_an_evaluation_that_is_stopped_measures_nothing(
    photos: OpenCollection, when: Callable[[Progress], bool]
) -> None:
    """The first queries are no sample of all, so no figure of theirs is given."""
    told = Told(when)

    found = photos.evaluate(progress=told, stop=told.stop)

    assert (found.interrupted, found.queries, found.map, found.intervals) == (True, 0, 0.0, {})


def test_an_examination_tells_how_far_it_is(library: Library, photos: OpenCollection) -> None:
    """Steps of all, and the collection that is looked at."""
    told = Told()

    library.doctor(progress=told)

    assert {now.total for now in told.words[1:]} == {5}
    assert [now.done for now in told.words] == sorted(now.done for now in told.words)
    assert told.words[-1].done == 5
    assert "photos" in {now.current for now in told.words}


def test_an_examination_that_is_stopped_is_not_well(library: Library, photos: OpenCollection) -> None:
    """What was not looked at may be amiss."""
    told = Told(lambda now: now.current == "photos")

    report = library.doctor(progress=told, stop=told.stop)

    assert (report.findings, report.interrupted, report.ok) == ([], True, False)


def test_mending_is_stopped_between_two_faults(library: Library, photos: OpenCollection) -> None:
    """The first is mended and told so, the second is as it was; the next run mends it."""
    stray_vector(photos)
    blob = nobodys(library)
    told = Told(lambda now: now.done == 2)

    report = library.doctor(fix=True, progress=told, stop=told.stop)

    assert [(one.kind, one.fixed) for one in report.findings] == [("orphan-vectors", True)]
    assert (report.interrupted, report.ok) == (True, False)
    assert photos._stores.vectors.count(photos.spaces[0]) == 6
    assert library._stores.blobs.exists(blob)
    assert [one.kind for one in library.doctor(fix=True).findings] == ["orphan-blobs"]


def test_items_that_were_not_reached_stay_ready(
    library: Library, photos: OpenCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped while vectors are made again, no item is left pending that was not: what is begun is finished."""
    drop_vectors(photos)
    monkeypatch.setattr(again, "FIRST", 2)
    stop = threading.Event()
    requeue = OpenCollection.requeue

    def once(collection: OpenCollection, blobs: Iterator[Blob]) -> Any:
        stop.set()
        return requeue(collection, blobs)

    monkeypatch.setattr(OpenCollection, "requeue", once)
    report = library.doctor(fix=True, stop=stop)

    assert [(one.kind, one.count, one.fixed) for one in report.findings] == [("missing-vectors", 6, False)]
    assert report.interrupted
    assert photos._stores.vectors.count(photos.spaces[0]) == 2
    assert (photos.count(), len(photos.items(state="pending"))) == (6, 0)
    monkeypatch.undo()
    assert [one.count for one in library.doctor(fix=True).findings] == [4]
    assert library.doctor().findings == []


def test_pending_items_that_were_not_reached_stay_pending(
    library: Library, photos: OpenCollection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes next takes them up; those that were begun are ready."""
    pending(library, photos, tmp_path / "more", 12)
    stop = threading.Event()
    requeue = OpenCollection.requeue

    def begun(collection: OpenCollection, blobs: Iterator[Blob]) -> Any:
        def first() -> Iterator[Blob]:
            for blob in blobs:
                yield blob
                stop.set()

        return requeue(collection, first())

    monkeypatch.setattr(OpenCollection, "requeue", begun)
    report = library.doctor(fix=True, stop=stop)

    assert [(one.kind, one.count, one.fixed) for one in report.findings] == [("pending", 12, False)]
    assert report.interrupted
    assert (photos.count(), len(photos.items(state="pending"))) == (7, 11)
    monkeypatch.undo()
    assert library.doctor(fix=True).ok
    assert photos.count() == 18


def test_a_rescue_is_stopped_with_the_rest_untouched(
    library: Library, photos: OpenCollection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blobs that were not reached belong to no item, as before, and none is swept."""
    blobs = [nobodys(library, path.read_bytes()) for path in write_images(tmp_path / "more", 4, seed=80)]
    stop = threading.Event()
    requeue = OpenCollection.requeue

    def stopped(collection: OpenCollection, coming: Iterator[Blob]) -> Any:
        stop.set()
        return requeue(collection, coming)

    monkeypatch.setattr(OpenCollection, "requeue", stopped)
    report = library.doctor(fix=True, rescue="photos", stop=stop)

    assert [(one.kind, one.sentence, one.fixed) for one in report.findings] == [
        ("orphan-blobs", "4 blobs belong to no item", False)
    ]
    assert report.interrupted
    assert all(library._stores.blobs.exists(blob) for blob in blobs)


KINDS = {
    "dry-run": lambda pictures: ("photos", {"sources": [str(pictures)]}),
    "doctor": lambda pictures: ("", {"fix": True}),
    "evaluate": lambda pictures: ("photos", {}),
}


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_is_called_off_ends_cancelled(
    kind: str, library: Library, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first word it says, not at its end; its result says that it is not whole."""
    collection, arguments = KINDS[kind](pictures)
    job = library.jobs.add(kind, collection, arguments)
    real = tasks.perform

    def perform(of: Any, job: Job, report: Any, stop: threading.Event) -> Any:
        def told(progress: Any) -> None:
            report(progress)
            library.jobs.cancel(job.id)
            assert stop.wait(SOON)

        return real(of, job, told, stop)

    monkeypatch.setattr(tasks, "perform", perform)
    with library.run_jobs():
        while job.state not in jobs_module.FINISHED:
            job = library.jobs.watch(job.id, SOON, job)

    assert (job.state, job.result["interrupted"]) == ("cancelled", True)


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize("kind", KINDS)
def test_the_progress_of_such_a_job(kind: str, library: Library, pictures: Path) -> None:
    """All of it is through at the end; what was counted before is told apart."""
    collection, arguments = KINDS[kind](pictures)
    told: list[Any] = []
    job = Job("0" * 32, kind, collection, arguments, "running")

    result = tasks.perform(library, job, told.append, threading.Event())

    assert result["interrupted"] is False
    assert told[-1]["done"] == told[-1]["total"] > 0
    assert told[-1].get("found") == (None if kind == "doctor" else 6)


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_was_stopped_before_it_began(kind: str, library: Library, pictures: Path) -> None:
    """It says so by the exception that the runner knows."""
    collection, arguments = KINDS[kind](pictures)
    stop = threading.Event()
    stop.set()

    with pytest.raises(JobStopped) as raised:
        tasks.perform(library, Job("0" * 32, kind, collection, arguments, "running"), lambda progress: None, stop)
    assert raised.value.result["interrupted"] is True
