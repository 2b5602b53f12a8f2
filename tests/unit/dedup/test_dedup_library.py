"""Duplicates of a collection: found, set aside, brought back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from copies import SAME, jpeg, photograph, png
from PIL import Image

import morelike
from morelike.collection import OpenCollection
from morelike.errors import NoSuchItem, UsageError
from morelike.library import Library
from morelike.progress import Progress
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder, ToyLines

HALF, CROPPED = "half the size", "5 % cropped"


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


def write_copies(folder: Path) -> Path:
    """Two photographs, each whole, smaller and cropped; and twelve other pictures."""
    write_images(folder / "others", 12, seed=50, size=(300, 200))
    for name in ("chelsea", "coffee"):
        picture = photograph(name)
        (folder / f"{name}.png").write_bytes(png(picture))
        for alteration in (HALF, CROPPED):
            (folder / f"{name}, {alteration}.jpg").write_bytes(jpeg(SAME[alteration](picture)))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_copies(tmp_path / "pictures")


@pytest.fixture
def photos(library: Library, folder: Path) -> OpenCollection:
    collection = library.collection("photos", modality="image", encoder=ToyEncoder())
    assert collection.add(folder).rejected == 0
    return collection


def names(collection: OpenCollection) -> set[str]:
    return {Path(item.sources[0].uri).name for item in collection.items()}


def by_name(collection: OpenCollection) -> dict[str, str]:
    items = [*collection.items(), *collection.items(state="duplicate")]
    return {Path(item.sources[0].uri).name: item.id for item in items}


def answers(collection: OpenCollection) -> list[object]:
    """Every hit of every picture, with all that a hit says."""
    paths = sorted(item.sources[0].uri for item in [*collection.items(), *collection.items(state="duplicate")])
    return [
        [(hit.item, hit.source, hit.score, hit.metadata) for hit in collection.search(path, k=50)] for path in paths
    ]


def test_near_duplicates_are_grouped(photos: OpenCollection) -> None:
    """Each photograph with its copies is a group; the one with the most pixels is first; nothing is changed."""
    revision = photos._stores.catalog.revision(photos._record)

    groups = photos.duplicates()

    found = {
        Path(group.members[0].source).name: [Path(member.source).name for member in group.members] for group in groups
    }
    assert {keeper: set(members) for keeper, members in found.items()} == {
        f"{name}.png": {f"{name}.png", f"{name}, {HALF}.jpg", f"{name}, {CROPPED}.jpg"}
        for name in ("chelsea", "coffee")
    }
    assert all(group.kind == "near" and group.members[0].item == group.keeper for group in groups)
    assert all(0.5 <= member.score <= 1 and member.why for group in groups for member in group.members[1:])
    assert photos._stores.catalog.revision(photos._record) == revision


def test_equal_files_are_a_group_of_sources(photos: OpenCollection, folder: Path, tmp_path: Path) -> None:
    """The same bytes at two paths are one item: listed, with nothing to set aside."""
    copy = tmp_path / "copy.png"
    copy.write_bytes((folder / "coffee.png").read_bytes())
    photos.add(copy)

    groups = photos.duplicates(near=False)
    report = photos.dedup(near=False)

    assert [(group.kind, {member.source for member in group.members}) for group in groups] == [
        ("equal", {str(copy), str(folder / "coffee.png")})
    ]
    assert (report.run, report.set_aside) == ("", 0)


def test_what_is_set_aside_is_not_found(photos: OpenCollection) -> None:
    """No search and no count sees it; by its id it is all there still."""
    before = by_name(photos)

    report = photos.dedup()

    assert report.set_aside == 4
    assert photos.count() == 14
    aside = {item_id for name, item_id in before.items() if "," in name}
    assert {a.item_id for a in photos.asides()} == aside
    assert {a.run for a in photos.asides()} == {report.run}
    for item_id in aside:
        assert photos.item(item_id).state == "duplicate"
        assert aside.isdisjoint(hit.item for hit in photos.search(photos.content(item_id), k=50))


def test_a_dry_run_changes_nothing(photos: OpenCollection) -> None:
    """It finds the same groups and says what a purge would free."""
    revision = photos._stores.catalog.revision(photos._record)

    dry = photos.dedup(dry_run=True)

    assert (dry.run, dry.set_aside) == ("", 0)
    assert photos._stores.catalog.revision(photos._record) == revision
    wet = photos.dedup()
    assert wet.groups == dry.groups
    assert wet.would_free == dry.would_free > 0


def test_undo_restores_every_answer(photos: OpenCollection) -> None:
    """After dedup and undo, every hit of every search is what it was, to the last bit."""
    before = answers(photos)

    photos.dedup()
    changed = answers(photos)
    restored = photos.undo_dedup()

    assert changed != before
    assert restored == 4
    assert answers(photos) == before
    assert photos.undo_dedup() == 0


def test_a_named_run_is_undone(photos: OpenCollection, folder: Path) -> None:
    """Each run can be undone for itself, and a run that does not exist is said."""
    first = photos.dedup()
    (folder / "later.jpg").write_bytes(jpeg(photograph("coffee"), 50))
    photos.add(folder)
    second = photos.dedup()

    assert (first.set_aside, second.set_aside) == (4, 1)
    assert photos.undo_dedup(first.run) == 4
    assert {aside.run for aside in photos.asides()} == {second.run}
    with pytest.raises(UsageError, match="no-such-run") as caught:
        photos.undo_dedup("no-such-run")
    assert second.run in caught.value.hint


def test_adding_again_does_not_bring_back(photos: OpenCollection, folder: Path, tmp_path: Path) -> None:
    """Files that were set aside are passed over as there already; a further copy becomes a further source."""
    photos.dedup()
    ids = by_name(photos)
    aside = f"coffee, {HALF}.jpg"
    copy = tmp_path / "again.jpg"
    copy.write_bytes((folder / aside).read_bytes())

    again, further = photos.add(folder), photos.add(copy)

    assert (again.added, again.same) == (0, 18)
    assert (further.added, further.same) == (0, 1)
    item = photos.item(ids[aside])
    assert item.state == "duplicate"
    assert {source.uri for source in item.sources} == {str(copy), str(folder / aside)}


def test_sync_drops_what_was_set_aside(photos: OpenCollection, folder: Path) -> None:
    """A file that is gone goes, set aside or not; when a keeper goes, its duplicates come back."""
    photos.dedup()
    (folder / f"coffee, {HALF}.jpg").unlink()
    (folder / "chelsea.png").unlink()

    assert photos.add(folder, sync=True).removed == 2

    assert {f"chelsea, {HALF}.jpg", f"chelsea, {CROPPED}.jpg"} <= names(photos)
    assert [Path(photos.item(aside.item_id).sources[0].uri).name for aside in photos.asides()] == [
        f"coffee, {CROPPED}.jpg"
    ]


def test_not_a_duplicate_is_remembered(photos: OpenCollection) -> None:
    """It comes back at once, and no later run groups the two again, whichever is named first, until it is forgotten."""
    ids = by_name(photos)
    photos.dedup()
    pair = ids["coffee.png"], ids[f"coffee, {HALF}.jpg"]

    assert photos.not_duplicates(pair[1][:12], pair[0]) == 1
    assert f"coffee, {HALF}.jpg" in names(photos)
    assert photos.dedup().set_aside == 0
    photos.forget_not_duplicates(*pair)
    assert photos.dedup().set_aside == 1


@pytest.mark.parametrize("ids", [(), ("0",), ("0", "0")])
def test_distinct_items_are_two(photos: OpenCollection, ids: tuple[str, ...]) -> None:
    """Fewer than two different items are no pair."""
    one = photos.items()[0].id

    with pytest.raises(UsageError, match="two different items"):
        photos.not_duplicates(*(one for _ in ids))
    with pytest.raises(NoSuchItem):
        photos.not_duplicates(one, "f" * 64)


def test_purge_removes_for_good(photos: OpenCollection, library: Library) -> None:
    """Items, vectors and kept bytes go, and what is searchable stays; there is nothing to undo any more."""
    before = photos.dedup()
    used = photos._stores.blobs.bytes_used()
    kept = names(photos)

    assert photos.purge_duplicates() == 4

    assert names(photos) == kept
    assert photos.asides() == []
    assert photos.undo_dedup() == 0
    assert used - photos._stores.blobs.bytes_used() == before.would_free
    assert library.doctor().findings == []


def test_doctor_finds_nothing_to_mend(photos: OpenCollection, library: Library) -> None:
    """Vectors of what is set aside belong to somebody; ``--fix`` takes none of them."""
    photos.dedup()

    assert library.doctor(fix=True).findings == []
    assert photos.undo_dedup() == 4
    assert library.doctor().findings == []


@pytest.mark.parametrize(
    ("keep", "stays"),
    [("best", "big.jpg"), ("largest", "heavy.jpg"), ("oldest", "old.jpg"), ("newest", "big.jpg")],
)
def test_which_one_stays(library: Library, tmp_path: Path, keep: str, stays: str) -> None:
    """Most pixels, most bytes, or by the time that the picture says it was taken."""
    picture = photograph("chelsea")
    small = picture.resize((picture.width * 2 // 3, picture.height * 2 // 3))
    for name, content, year, quality in (
        ("big.jpg", picture, 2022, 60),
        ("heavy.jpg", small, 2021, 100),
        ("old.jpg", small, 2020, 70),
    ):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = f"{year}:05:06 07:08:09"
        content.save(tmp_path / name, quality=quality, exif=exif)
    collection = library.collection("photos", modality="image", encoder=ToyEncoder())
    collection.add(tmp_path / "big.jpg", tmp_path / "heavy.jpg", tmp_path / "old.jpg")

    (group,) = collection.duplicates(keep=keep)

    assert Path(group.members[0].source).name == stays
    assert len(group.members) == 3


def test_a_broken_original_is_passed_over(library: Library, folder: Path) -> None:
    """One whose file is gone or became something else is a row in the report, and the rest is looked at."""
    collection = library.collection("photos", modality="image", encoder=ToyEncoder())
    collection.add(folder, in_place=True)
    (folder / "coffee.png").unlink()
    other = folder / f"chelsea, {HALF}.jpg"
    other.write_bytes(b"\xff\xd8\xff" + bytes(other.stat().st_size - 3))

    report = collection.dedup()

    assert {Path(row.uri).name: row.stage for row in report.passed_over} == {
        "coffee.png": "source",
        f"chelsea, {HALF}.jpg": "source",
    }
    assert report.looked_at == 16
    assert report.set_aside == 2
    assert report.would_free == 0


def test_a_kept_copy_that_rotted_is_passed_over(photos: OpenCollection) -> None:
    """Bytes in the library that cannot be decoded any more are a row of the stage decode."""
    item = photos.items(filter="name = 'coffee.png'")[0]
    path = photos._stores.blobs.path(item.digest.blake3)
    assert path is not None
    path.chmod(0o600)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))

    report = photos.dedup(dry_run=True)

    assert [(Path(row.uri).name, row.stage) for row in report.passed_over] == [("coffee.png", "decode")]
    assert len(report.groups) == 2


def test_stopping_changes_nothing(photos: OpenCollection) -> None:
    """Once ``stop`` is set, the look ends soon and nothing is set aside; a second run does it."""
    stop = Event()
    told: list[Progress] = []

    def tell(progress: Progress) -> None:
        told.append(progress)
        stop.set()

    report = photos.dedup(progress=tell, stop=stop)

    assert report.interrupted
    assert (report.run, report.set_aside, photos.count()) == ("", 0, 18)
    assert told
    assert photos.dedup().set_aside == 4


def test_progress_says_where_it_is(photos: OpenCollection) -> None:
    """Three stretches, each to its end, with what is counted in words."""
    told: list[Progress] = []

    photos.duplicates(progress=told.append)

    ends = {progress.note for progress in told if progress.done == progress.total}
    assert "18 of 18 items looked at" in ends
    assert any(note.endswith("pairs compared") for note in ends)


def test_items_removed_meanwhile_are_no_duplicates(photos: OpenCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the keeper goes between the look and the setting aside, its copies stay searchable."""
    from morelike.dedup import methods

    keeper = by_name(photos)["coffee.png"]
    find = methods.find

    def find_then_remove(*arguments, **options):
        found = find(*arguments, **options)
        photos.remove([keeper])
        return found

    monkeypatch.setattr(methods, "find", find_then_remove)

    report = photos.dedup()

    assert report.set_aside == 2
    assert {f"coffee, {HALF}.jpg", f"coffee, {CROPPED}.jpg"} <= names(photos)


def test_what_was_aside_during_a_reembed_comes_back_searchable(photos: OpenCollection) -> None:
    """Items that lack vectors of the space that is active now get them when they are brought back."""
    photos.dedup()
    (space,) = photos.spaces
    aside = [a.item_id for a in photos.asides()]
    segments = photos._stores.catalog.segments_of(photos._record, aside)
    photos._stores.vectors.delete(space, np.array([own[0].id for own in segments.values()], dtype=np.int64))

    assert photos.undo_dedup() == 4

    assert photos.count() == 18
    for item_id in aside:
        assert photos.search(photos.content(item_id), k=1)[0].item == item_id


@pytest.mark.parametrize("threshold", [0, -0.1, 1.5, float("nan")])
def test_a_threshold_is_a_share(photos: OpenCollection, threshold: float) -> None:
    """Above 0, up to 1."""
    with pytest.raises(UsageError, match="threshold"):
        photos.duplicates(threshold=threshold)


def test_a_higher_threshold_finds_less(photos: OpenCollection) -> None:
    """At 1 only what is the same pixel by pixel is left."""
    assert photos.duplicates(threshold=1.0) == []
    assert sum(len(group.members) for group in photos.duplicates(threshold=0.9)) < 6


def test_other_kinds_have_no_near_duplicates_yet(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can make sure of them, near duplicates are not looked for, and the report says so."""
    monkeypatch.setattr(OpenCollection, "_modality", ToyLines(library.settings), raising=False)
    collection = library.collection("photos", modality="image", encoder=ToyEncoder())
    collection._modality = ToyLines(library.settings)

    report = collection.dedup()

    assert (report.near, report.groups) == (False, ())
