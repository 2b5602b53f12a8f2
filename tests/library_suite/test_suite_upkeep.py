"""Duplicates, tags by labels, measures, other encoders, jobs, storage, doctor: on this machine and behind a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from morelike.errors import FilterError, UsageError
from morelike.progress import Progress
from morelike.records import Aside
from morelike.testing.images import synthetic_image
from morelike.testing.toys import COLOURS

pytestmark = pytest.mark.xdist_group("library suite")
Twenty = Callable[[str], Any]


@pytest.fixture
def twins(side: Any) -> Any:
    """Three pictures, one of them twice: the second time smaller."""
    folder = side.folder()
    for seed in range(3):
        Image.fromarray(synthetic_image(seed, (400, 300))).save(folder / f"{seed}.png")
    Image.fromarray(synthetic_image(0, (400, 300))).resize((200, 150)).save(folder / "again.jpg")
    return side.collection(folder)


def test_duplicates_are_found_and_nothing_is_changed(twins: Any) -> None:
    """The group has its keeper first, with all that is known of its members."""
    (group,) = twins.duplicates()

    assert group.kind == "near"
    assert [twins.item(member.item).sources[0].name for member in group.members] == ["0.png", "again.jpg"]
    assert (group.members[0].width, group.members[0].score) == (400, 1.0)
    assert 0.5 < group.members[1].score <= 1
    assert twins.duplicates(near=False) == []
    assert twins.count() == 4


def test_duplicates_are_set_aside_and_brought_back(twins: Any) -> None:
    """Shown first; set aside they are not found; undone they are."""
    shown = twins.dedup(dry_run=True)
    told: list[Progress] = []

    done = twins.dedup(keep="oldest", progress=told.append)

    assert (shown.set_aside, shown.run, len(shown.groups)) == (0, "", 1)
    assert (done.set_aside, done.looked_at, done.near, done.interrupted) == (1, 4, True, False)
    assert twins.count() == 3
    (aside,) = twins.asides()
    assert (aside.run, aside.keeper) == (done.run, done.groups[0].keeper)
    assert twins.item(aside.item_id).state == "duplicate"
    assert told
    assert twins.asides("another") == []
    assert twins.undo_dedup() == 1
    assert twins.count() == 4


def test_duplicates_go_for_good(twins: Any) -> None:
    """What is set aside is removed; nothing else."""
    twins.dedup()

    assert twins.purge_duplicates() == 1
    assert twins.count() == 3
    assert twins.asides() == []


def test_what_a_person_says_are_no_duplicates_stays(twins: Any) -> None:
    """Until it is forgotten."""
    twins.dedup()
    (aside,) = twins.asides()

    assert twins.not_duplicates(aside.item_id, aside.keeper) == 1
    assert twins.duplicates() == []
    twins.forget_not_duplicates(aside.item_id, aside.keeper)
    assert len(twins.duplicates()) == 1


def test_items_get_the_tags_they_stand_near(side: Any) -> None:
    """Only told of in a dry run; with a prefix; the report counts them."""
    folder = side.folder()
    for name, colour in COLOURS.items():
        Image.new("RGB", (40, 30), colour).save(folder / f"{name}.png")
    photos = side.collection(folder)
    labels = ["red", "green"]

    dry = photos.tag_auto(labels, threshold=0.5, dry_run=True)
    done = photos.tag_auto(labels, threshold=0.5, prefix="is:", filter="name like '*e*'")

    assert dry.dry_run
    assert photos.count(filter="has tag") == done.tagged
    assert {one.label for one in done.shown} <= set(labels)
    assert photos.item(next(one.item for one in done.shown)).tags[0].startswith("is:")
    assert done.labels.keys() == set(labels)


def test_a_collection_is_measured(side: Any) -> None:
    """How well items find those of their folder; what scores mean."""
    folder = side.folder()
    for name in ("red", "green"):
        (folder / name).mkdir()
        for shade in range(3):
            colour = tuple(max(0, level - 20 * shade) for level in COLOURS[name])
            Image.new("RGB", (20, 20), colour).save(folder / name / f"{shade}.png")
    photos = side.collection()
    photos.add(folder)

    found = photos.evaluate()

    assert (found.p_at_1, found.queries, found.labels, found.items) == (1.0, 6, 2, 6)
    assert found.intervals["p_at_1"] == (1.0, 1.0)
    assert photos.evaluate(queries=2, seed=3).queries == 2
    assert photos.calibrate() == 0


def test_another_encoder_and_back(side: Any) -> None:
    """The collection is switched, switched back, and the space that is left can be dropped."""
    photos = side.collection(side.folder(3))
    told: list[Progress] = []

    there = photos.reembed("classic", progress=told.append)

    assert (there.encoded, there.missing, there.switched, there.interrupted) == (3, 0, True, False)
    assert told[-1].done == 3
    assert [space.card.name for space in photos.spaces if space.active] == ["classic"]
    back = photos.rollback()
    assert back.encoder.startswith("toy-joint")
    (old,) = [space for space in photos.spaces if not space.active]
    photos.drop_space(old)
    assert [space.card.name for space in photos.spaces] == ["toy-joint"]


def test_a_collection_has_a_map(side: Any) -> None:
    """Made where it is missing, kept, the same from both sides; made anew when it is asked for."""
    photos = side.collection(side.folder(5))
    assert photos.kept_map() is None
    told: list[Progress] = []

    made = photos.map(progress=told.append)
    photos.tag([made.items[0]], ["new"])
    assert not photos.map().stale
    photos.set_aside([Aside(made.items[0], made.items[1], "")])
    other = side.other(photos).map(kind="image")

    assert told
    assert (len(made.items), made.points.shape, made.cluster_of.shape, made.stale) == (5, (5, 2), (5,), False)
    assert (other.items, other.clusters, other.made_at, other.stale) == (made.items, made.clusters, made.made_at, True)
    assert abs(other.points - made.points).max() < 1e-4
    assert other.cluster_of.tolist() == made.cluster_of.tolist()
    assert not photos.map(refresh=True).stale
    with pytest.raises(UsageError, match="audio"):
        photos.map(kind="audio")


def test_points_of_a_map_pass_filters(side: Any) -> None:
    """Those of the map that is given, as the items are now."""
    photos = side.collection(side.folder(5))
    made = photos.map()
    assert photos.map_places(made, "tag = 'new'").tolist() == []

    photos.tag([made.items[3], made.items[1]], ["new"])

    assert photos.map_places(made, "tag = 'new'").tolist() == [1, 3]
    with pytest.raises(FilterError):
        photos.map_places(made, "tag =")


def test_jobs_are_added_watched_and_listed(side: Any, twenty: Twenty) -> None:
    """Until they have ended; the newest first."""
    twenty("local")
    jobs = side.library.jobs

    job = jobs.add("calibrate", "twenty", {})
    while job.state not in {"done", "failed", "cancelled"}:
        job = jobs.watch(job.id, 60, job)

    assert (job.state, job.result, job.error) == ("done", {"spaces": 1}, "")
    assert jobs.get(job.id).finished_at
    assert jobs.list(collection="twenty")[0].id == job.id
    assert jobs.list(state="done", limit=1)[0].state == "done"
    assert jobs.counts()["done"] >= 1
    assert jobs.cancel(job.id).state == "done"
    with pytest.raises(UsageError):
        jobs.add("nonsense", "twenty", {})
    with pytest.raises(UsageError):
        jobs.retry(job.id)


def test_the_library_says_what_it_takes(side: Any, twenty: Twenty) -> None:
    """By part and by collection; the figures that were kept."""
    twenty("local")

    report = side.library.storage()

    (figures,) = [one for one in report.collections if one.name == "twenty"]
    assert (figures.items, figures.kept + figures.in_place) == (20, 20)
    assert figures.spaces[0].encoder.startswith("toy-joint")
    assert report.total == sum(report.parts.values()) > 0
    assert report.disks[0].total > 0
    assert side.library.last_storage == report
    assert all(reading.at for reading in side.library.storage_history())


def test_the_library_is_looked_over(side: Any) -> None:
    """All parts answer, and nothing is wrong that was not mended."""
    library = side.library

    assert library.failing() == {}
    assert library.degraded() == {}
    assert library.doctor(fix=True).ok
