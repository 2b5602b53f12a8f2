"""What kinds of jobs take and do, through a library with a toy encoder."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import morelike
from morelike import jobs as jobs_module
from morelike import tasks
from morelike.collection import OpenCollection
from morelike.errors import UsageError
from morelike.jobs import JobStopped
from morelike.library import Library
from morelike.records import Job
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder

SOON = 60.0


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def photos(library: Library) -> OpenCollection:
    return library.collection("photos", modality="image", encoder=ToyEncoder())


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    write_images(folder, 12, seed=1)
    return folder


def done(library: Library, kind: str, collection: str, arguments: dict[str, Any]) -> Job:
    """The job after some runner has done it."""
    job = library.jobs.add(kind, collection, arguments)
    with library.run_jobs():
        while job.state not in jobs_module.FINISHED:
            job = library.jobs.watch(job.id, SOON, job)
    return job


def test_adding_as_a_job(library: Library, photos: OpenCollection, pictures: Path) -> None:
    """The same items as ``add`` itself makes; the result counts them, the progress ends where it should."""
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    job = done(library, "add", "photos", {"sources": [str(pictures)], "tags": ["x"], "metadata": {"year": 2024}})

    assert (job.state, job.error, photos.count()) == ("done", "", 12)
    assert (job.result["added"], job.result["same"], job.result["rejected"]) == (12, 0, 1)
    assert [Path(row["source"]).name for row in job.result["rejections"]] == ["broken.jpg"]
    assert (job.progress["done"], job.progress["added"], job.progress["rejected"]) == (13, 12, 1)
    assert set(job.progress) >= {"total", "rate", "eta", "note", "same", "seen", "current"}
    assert all(item.tags == ("x",) and item.sources[0].metadata == {"year": 2024} for item in photos.items())


def test_options_of_adding_reach_it(library: Library, photos: OpenCollection, pictures: Path) -> None:
    """Left out, kept in place, synchronised, tried again."""
    done(library, "add", "photos", {"sources": [str(pictures)], "exclude": ["00000.jpg"], "in_place": True})
    items = photos.items()
    (pictures / "00001.jpg").unlink()
    synced = done(library, "add", "photos", {"sources": [str(pictures)], "sync": True, "retry": True})

    assert len(items) == 11
    assert all(item.in_place for item in items)
    assert (synced.result["removed"], synced.result["added"]) == (1, 1)


def test_rejected_items_are_tried_again_as_a_job(library: Library, photos: OpenCollection, pictures: Path) -> None:
    """Without a source, all of them."""
    whole = (pictures / "00000.jpg").read_bytes()
    (pictures / "00000.jpg").write_bytes(whole[:100])
    done(library, "add", "photos", {"sources": [str(pictures)]})
    (pictures / "00000.jpg").write_bytes(whole)
    job = done(library, "add", "photos", {"retry": True})

    assert (job.state, job.result["added"], photos.rejected_count()) == ("done", 1, 0)


def test_a_job_makes_its_collection(library: Library, pictures: Path) -> None:
    """Where the modality is named; what the choice of an encoder says is told with the progress."""
    job = done(library, "add", "new", {"sources": [str(pictures)], "modality": "image", "encoder": "classic"})

    assert (job.state, library.collection("new").count()) == ("done", 12)
    assert library.collection("new").spaces[0].card.name == "classic"


def test_a_source_that_is_not_there_fails_the_job(library: Library, tmp_path: Path) -> None:
    """With the sentence that the command line says, and no empty collection is left behind."""
    job = done(library, "add", "new", {"sources": [str(tmp_path / "nothing")], "modality": "image"})

    assert (job.state, library.collections()) == ("failed", [])
    assert "nothing" in job.error
    assert job.hint


def test_an_unknown_collection_fails_the_job(library: Library, pictures: Path) -> None:
    """It is named."""
    job = done(library, "add", "nothing", {"sources": [str(pictures)]})

    assert (job.state, "nothing" in job.error) == ("failed", True)


def test_a_cancelled_job_keeps_what_it_did(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how many are in; the same job again adds the rest."""
    pictures = tmp_path / "many"
    write_images(pictures, 40, seed=50)
    slow = settings.model_copy(update={"commit_items": 1, "look_ahead": 2, "workers": 1})
    with morelike.open(slow) as library:
        photos = library.collection("photos", modality="image", encoder=ToyEncoder())
        job = library.jobs.add("add", "photos", {"sources": [str(pictures)]})
        _cancel_at_first_item(monkeypatch, library, job)
        with library.run_jobs():
            while job.state not in jobs_module.FINISHED:
                job = library.jobs.watch(job.id, SOON, job)
        after = photos.count()
        monkeypatch.undo()
        again = done(library, "add", "photos", {"sources": [str(pictures)]})

    assert (job.state, job.result["interrupted"]) == ("cancelled", True)
    assert job.result["added"] == after
    assert after < 40
    assert (again.result["added"], again.result["same"]) == (40 - after, after)


def _cancel_at_first_item(monkeypatch: pytest.MonkeyPatch, library: Library, job: Job) -> None:
    """The run goes on only when it was asked to stop, so that it never ends before."""
    real = tasks.perform

    def perform(of: Any, job: Job, report: Any, stop: threading.Event) -> Any:
        def slowly(progress: Any) -> None:
            report(progress)
            if progress["seen"]:
                library.jobs.cancel(job.id)
                assert stop.wait(SOON)

        return real(of, job, slowly, stop)

    monkeypatch.setattr(tasks, "perform", perform)


def test_closing_the_library_gives_jobs_back(settings: Settings, pictures: Path) -> None:
    """A runner that nobody closed is closed first, and the job is there when the library is opened again."""
    with morelike.open(settings) as library:
        library.collection("photos", modality="image", encoder=ToyEncoder())
        library.run_jobs()
        job = library.jobs.add("add", "photos", {"sources": [str(pictures)]})
    with morelike.open(settings) as library:
        library.collection("photos", modality="image", encoder=ToyEncoder())
        found = library.jobs.get(job.id)
        with library.run_jobs():
            while found.state not in jobs_module.FINISHED:
                found = library.jobs.watch(job.id, SOON, found)

        assert (found.state, library.collection("photos").count()) == ("done", 12)


@pytest.fixture
def twins(photos: OpenCollection, tmp_path: Path) -> OpenCollection:
    """Thirty pictures, and the first one again as somebody saved it anew."""
    folder = tmp_path / "twins"
    paths = write_images(folder, 30, seed=200, size=(256, 192))
    Image.open(paths[0]).save(folder / "again.jpg", quality=80)
    photos.add(folder)
    return photos


def test_looking_for_duplicates_as_a_job(library: Library, twins: OpenCollection) -> None:
    """Unless it is told to apply it, it changes nothing; its result lists the groups, the keeper first."""
    job = done(library, "dedup", "photos", {"threshold": 0.5})
    group = job.result["groups"][0]

    assert (job.state, job.result["found"], job.result["set_aside"], twins.count()) == ("done", 1, 0, 31)
    assert (group["kind"], group["size"]) == ("near", 2)
    assert group["members"][0]["item"] == group["keeper"]
    assert {Path(member["source"]).name for member in group["members"]} == {"00000.jpg", "again.jpg"}
    assert job.progress["total"] is not None


def test_setting_duplicates_aside_as_a_job(library: Library, twins: OpenCollection) -> None:
    """The result names the run, by which it can be undone."""
    job = done(library, "dedup", "photos", {"apply": True, "near": True})

    assert (job.state, job.result["set_aside"], twins.count()) == ("done", 1, 30)
    assert [aside.run for aside in twins.asides()] == [job.result["run"]]


def test_calibrating_as_a_job(library: Library, twins: OpenCollection) -> None:
    """How many spaces were measured is the result."""
    job = done(library, "calibrate", "photos", {})

    assert (job.state, job.result) == ("done", {"spaces": 1})
    assert twins.calibration(twins.spaces[0]) is not None


def test_making_a_map_as_a_job(library: Library, twins: OpenCollection) -> None:
    """The result tells of it, without its points; the collection has it then."""
    job = done(library, "map", "photos", {"kind": "image"})
    found = twins.kept_map()

    assert (job.state, job.error) == ("done", "")
    assert found is not None
    assert (job.result["items"], job.result["made_at"], "points" in job.result) == (31, found.made_at, False)
    assert sum(cluster["size"] for cluster in job.result["clusters"]) == 31
    assert (job.progress["done"], job.progress["total"]) == (31, 31)


def test_changing_the_encoder_as_a_job(library: Library, twins: OpenCollection) -> None:
    """The collection is searched in the new space afterwards; the result counts the vectors."""
    job = done(library, "reembed", "photos", {"encoder": "classic"})

    assert (job.state, job.error) == ("done", "")
    assert (job.result["encoded"], job.result["switched"], job.result["rejections"]) == (31, True, [])
    assert (job.progress["done"], job.progress["encoded"]) == (31, 31)
    assert [space.card.name for space in twins.spaces if space.active] == ["classic"]


def test_duplicates_are_whole_groups(library: Library, twins: OpenCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group beyond the bound is left out as a whole, and still counted; nothing is set aside."""
    whole = done(library, "duplicates", "photos", {}).result
    monkeypatch.setattr(tasks, "MOST_MEMBERS", 1)
    bounded = done(library, "duplicates", "photos", {}).result

    assert (whole["found"], len(whole["groups"]), len(whole["groups"][0]["members"])) == (1, 1, 2)
    assert bounded == {"found": 1, "groups": []}
    assert twins.asides() == []


def test_the_whole_library_is_no_collection(library: Library, photos: OpenCollection) -> None:
    """Jobs that work on all of it name none, and the others name one."""
    assert library.jobs.add("doctor", "", {}).collection == ""
    with pytest.raises(UsageError, match="whole library"):
        library.jobs.add("doctor", photos.name, {})
    with pytest.raises(UsageError, match="no collection"):
        library.jobs.add("calibrate", "", {})


def test_going_back_as_a_job(library: Library, twins: OpenCollection) -> None:
    """The space before is searched again."""
    before = [space.card.name for space in twins.spaces if space.active]
    done(library, "reembed", "photos", {"encoder": "classic"})

    job = done(library, "reembed", "photos", {"rollback": True})

    assert (job.state, job.error, job.result["switched"]) == ("done", "", True)
    assert [space.card.name for space in twins.spaces if space.active] == before


@pytest.mark.parametrize(
    "arguments",
    [
        {"sources": ["/pictures", "http://example.org/list", "urls:/list.txt", "s3://bucket/prefix"]},
        {"retry": True},
        {"sources": ["/a"], "options": {"window": 2.5}},
        {"sources": ["/a"], "metadata": {"a": 1, "b": None, "c": 1.5, "d": "x", "e": True}},
    ],
)
def test_arguments_that_fit(arguments: dict[str, Any]) -> None:
    """Folders by their whole paths, addresses, and flat metadata."""
    tasks.check("add", arguments)


@pytest.mark.parametrize(
    ("kind", "arguments", "named"),
    [
        ("fly", {}, "fly"),
        ("add", {}, "nothing to add"),
        ("add", {"sources": []}, "nothing to add"),
        ("add", {"sources": ["pictures"]}, "sources"),
        ("add", {"sources": ["../pictures"]}, "sources"),
        ("add", {"sources": ["urls:list.txt"]}, "sources"),
        ("add", {"sources": "/pictures"}, "sources"),
        ("add", {"sources": ["/a\0b"]}, "sources"),
        ("add", {"sources": [1]}, "sources"),
        ("add", {"sources": ["/a"] * 10_001}, "sources"),
        ("add", {"sources": ["/a"], "sync": 1}, "sync"),
        ("add", {"sources": ["/a"], "tags": "x"}, "tags"),
        ("add", {"sources": ["/a"], "metadata": {"a": [1]}}, "metadata"),
        ("add", {"sources": ["/a"], "wings": 2}, "wings"),
        ("calibrate", {"a": 1}, "'a'"),
        ("dedup", {"threshold": "high"}, "threshold"),
        ("dedup", {"threshold": True}, "threshold"),
        ("dedup", {"threshold": 0}, "threshold"),
        ("dedup", {"near": "yes"}, "near"),
        ("doctor", {"fix": 1}, "fix"),
        ("dry-run", {}, "sources"),
        ("dry-run", {"sources": ["pictures"]}, "sources"),
        ("dry-run", {"sources": ["/a"], "sample": 0}, "sample"),
        ("duplicates", {"apply": True}, "apply"),
        ("duplicates", {"threshold": 0}, "threshold"),
        ("evaluate", {"labels": "name:(a+)+$"}, "labels"),
        ("evaluate", {"folds": "a*b*c*"}, "folds"),
        ("evaluate", {"queries": 0}, "queries"),
        ("evaluate", {"seed": True}, "seed"),
        ("reembed", {}, "encoder"),
        ("reembed", {"encoder": ""}, "encoder"),
        ("reembed", {"encoder": "classic", "rollback": True}, "rollback"),
    ],
)
def test_arguments_that_do_not_fit_are_named(kind: str, arguments: dict[str, Any], named: str) -> None:
    """Before anything is queued."""
    with pytest.raises(UsageError, match=named):
        tasks.check(kind, arguments)


def test_arguments_are_checked_again_when_the_job_is_done(library: Library) -> None:
    """A row that an older or another program wrote does not reach the facade."""
    job = Job("0" * 32, "add", "photos", {"sources": ["pictures"]}, "running")

    with pytest.raises(UsageError, match="sources"):
        tasks.perform(library, job, lambda progress: None, threading.Event())


def test_kinds_are_in_order() -> None:
    """So that help and documents list them alike."""
    assert list(tasks.KINDS) == sorted(tasks.KINDS)


def test_a_run_that_was_stopped_says_so(library: Library, photos: OpenCollection, pictures: Path) -> None:
    """By the exception that the runner knows, with what was done until then."""
    stop = threading.Event()
    stop.set()
    job = Job("0" * 32, "add", "photos", {"sources": [str(pictures)]}, "running")

    with pytest.raises(JobStopped) as raised:
        tasks.perform(library, job, lambda progress: None, stop)
    assert raised.value.result["added"] == 0
