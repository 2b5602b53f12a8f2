"""Adding, on a library of this machine and on one behind a server."""

from __future__ import annotations

import os
import shutil
import threading
import zipfile
from typing import Any

import numpy as np
import pytest
from PIL import Image

from morelike.errors import SourceError, UsageError
from morelike.progress import Progress
from morelike.testing.images import synthetic_image
from morelike.types import Blob

pytestmark = pytest.mark.xdist_group("library suite")


def _counts(report: Any) -> tuple[int, int, int, int]:
    return report.added, report.same, report.rejected, report.rejected_before


def test_what_is_good_is_in_and_what_is_bad_is_in_the_ledger(side: Any) -> None:
    """A bad file is a row with its reason; the others are items, found under their uris."""
    photos, folder = side.collection(), side.folder(4)
    (folder / "notes.jpg").write_text("no picture")

    report = photos.add(folder)

    assert _counts(report) == (4, 0, 1, 0)
    assert not report.interrupted
    assert report.rejections[0].uri == str(folder / "notes.jpg")
    (row,) = photos.rejected()
    assert (row.uri, row.stage) == (side.uri(folder / "notes.jpg"), report.rejections[0].stage)
    assert row.reason == report.rejections[0].reason
    assert {item.sources[0].uri for item in photos.items()} == {side.uri(one) for one in folder.glob("0*.jpg")}
    assert (photos.count(), photos.rejected_count()) == (4, 1)


def test_again_nothing_is_done(side: Any) -> None:
    """What is in is the same, what was rejected is passed over, until it is tried again."""
    photos, folder = side.collection(), side.folder(3)
    (folder / "notes.jpg").write_text("no picture")
    photos.add(folder)

    assert _counts(photos.add(folder)) == (0, 3, 0, 1)
    assert _counts(photos.add(folder, retry=True)) == (0, 3, 1, 0)
    assert _counts(photos.add(retry=True))[2] == 1
    assert photos.rejected()[0].attempts == 3


def test_a_changed_file_replaces_its_item(side: Any) -> None:
    """The item whose only path has other bytes now goes; the new one has that path."""
    photos, folder = side.collection(), side.folder(3)
    photos.add(folder)
    old = {item.id for item in photos.items()}
    path = sorted(folder.glob("*.jpg"))[1]
    Image.fromarray(synthetic_image(99, (50, 40))).save(path)

    report = photos.add(folder)

    assert (report.added, report.same, report.replaced) == (1, 2, 1)
    (new,) = [item for item in photos.items() if item.id not in old]
    assert new.sources[0].uri == side.uri(path)
    assert photos.count() == 3


def test_a_file_that_was_only_touched_is_the_same(side: Any) -> None:
    """Another time with the same bytes is no change."""
    photos, folder = side.collection(), side.folder(2)
    photos.add(folder)
    for path in folder.glob("*.jpg"):
        os.utime(path, ns=(10**18, 10**18))

    assert _counts(photos.add(folder)) == (0, 2, 0, 0)


def test_the_same_bytes_at_two_places_are_one_item(side: Any) -> None:
    """It has both as sources."""
    photos, folder = side.collection(), side.folder(1)
    shutil.copy(folder / "00000.jpg", folder / "copy.jpg")

    report = photos.add(folder)

    assert _counts(report) == (1, 1, 0, 0)
    (item,) = photos.items()
    assert {source.uri for source in item.sources} == {side.uri(one) for one in folder.glob("*.jpg")}
    assert photos.count_sources() == 2
    assert photos.count_sources(md5=item.digest.md5) == 2


def test_bytes_pictures_arrays_and_blobs_are_added(side: Any) -> None:
    """Each is an item, a blob with its metadata."""
    photos, folder = side.collection(), side.folder(2)
    one, two = (path.read_bytes() for path in sorted(folder.glob("*.jpg")))
    array = synthetic_image(7, (30, 20))
    blob = Blob.from_bytes(two, "two.jpg", metadata={"year": 2024})

    report = photos.add(one, array, Image.fromarray(synthetic_image(8, (30, 20))), blob)

    assert _counts(report) == (4, 0, 0, 0)
    (found,) = photos.items(filter="year = 2024")
    assert photos.content(found.id) == two
    assert found.sources[0].name == "two.jpg"
    assert _counts(photos.add(one, array)) == (0, 2, 0, 0)


def test_an_archive_gives_its_members(side: Any) -> None:
    """Each under the archive's path and its own."""
    photos, folder = side.collection(), side.folder(2)
    archive = side.folder() / "some.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for path in folder.glob("*.jpg"):
            made.write(path, path.name)

    assert photos.add(archive).added == 2
    assert photos.add(archive).same == 2
    uris = {item.sources[0].uri for item in photos.items()}
    assert uris == {side.uri(f"{archive}!/{path.name}") for path in folder.glob("*.jpg")}


def test_a_table_gives_its_rows_with_their_columns(side: Any) -> None:
    """The other columns are metadata, which a filter finds."""
    photos, folder = side.collection(), side.folder(3)
    names = sorted(path.name for path in folder.glob("*.jpg"))
    rows = [f"{name},{place}" for place, name in enumerate(names)]
    (folder / "table.csv").write_text("\n".join(["path,place", *rows]))

    assert photos.add(folder / "table.csv").added == 3
    assert photos.add(folder / "table.csv").same == 3
    (item,) = photos.items(filter="place = 1")
    assert item.sources[0].name == names[1]


def test_tags_and_metadata_go_with_all_that_is_added(side: Any) -> None:
    """A second run says something new of what is there."""
    photos, folder = side.collection(), side.folder(2)
    photos.add(folder)

    report = photos.add(folder, tags=["holiday"], metadata={"year": 2024})

    assert _counts(report) == (0, 2, 0, 0)
    assert photos.count(filter="tag = 'holiday' and year = 2024") == 2


def test_excluded_and_other_names_are_passed_over(side: Any) -> None:
    """``exclude`` are globs of what stays out, ``only`` of what comes in, whatever the case."""
    photos, folder = side.collection(), side.folder(4)

    assert photos.add(folder, exclude=["*3.jpg", "*2.jpg"]).added == 2
    assert photos.add(folder, only="*2.JPG").added == 1


def test_sync_drops_what_is_gone(side: Any) -> None:
    """Sources of this origin that were not met, their items, and their rows in the ledger."""
    photos, folder = side.collection(), side.folder(3)
    (folder / "bad.jpg").write_text("no picture")
    elsewhere = side.folder(1, seed=50)
    photos.add(folder, elsewhere)
    (folder / "00001.jpg").unlink()
    (folder / "bad.jpg").unlink()

    report = photos.add(folder, sync=True)

    assert (report.same, report.removed) == (2, 2)  # what could not be used is an item, too, though a rejected one
    assert photos.count() == 3
    assert photos.rejected_count() == 0


def test_sync_does_not_empty_a_collection(side: Any) -> None:
    """A folder with nothing in it is more likely a disk that is not there."""
    photos, folder = side.collection(), side.folder(2)
    photos.add(folder)
    for path in folder.glob("*.jpg"):
        path.unlink()

    with pytest.raises(UsageError, match="is empty now"):
        photos.add(folder, sync=True)

    assert photos.count() == 2


def test_progress_is_told(side: Any) -> None:
    """It ends with all that was done, of as many as there were."""
    photos, folder = side.collection(), side.folder(5)
    told: list[Progress] = []

    photos.add(folder, progress=told.append)

    last = told[-1]
    assert (last.done, last.same, last.rejected, last.seen) == (5, 0, 0, 5)
    assert last.total in {5, None}
    assert [one.done for one in told] == sorted(one.done for one in told)


def test_what_was_stopped_is_gone_on_with(side: Any) -> None:
    """``stop`` before the first item: nothing is in; the next run adds all."""
    photos, folder = side.collection(), side.folder(3)
    stop = threading.Event()
    stop.set()

    report = photos.add(folder, stop=stop)

    assert report.interrupted
    assert photos.add(folder).added + report.added == 3


def test_nothing_to_add_is_an_error(side: Any) -> None:
    """So is a place that is not there: before anything is added."""
    photos, folder = side.collection(), side.folder(1)

    with pytest.raises(UsageError, match="nothing to add"):
        photos.add()
    with pytest.raises(SourceError, match="no such file"):
        photos.add(folder, folder / "nowhere")
    assert photos.count() == 0


def test_a_file_of_many_items_gives_all_of_them(side: Any) -> None:
    """A FASTA file's records are items; again they are the same."""
    genes = side.collection(modality="sequence", encoder="dna-kmers")
    letters = np.random.default_rng(3)
    records = ["".join(letters.choice(list("ACGT"), 60)) for _ in range(5)]
    file = side.folder() / "genes.fasta"
    file.write_text("".join(f">gene{number}\n{record}\n" for number, record in enumerate(records)))

    assert genes.add(file).added == 5
    assert genes.add(file).same == 5
    assert genes.search(records[2], k=1)[0].source.endswith("#record=3")


def test_a_picture_larger_than_a_part_of_an_upload_comes_whole(side: Any) -> None:
    """Its bytes are what they were."""
    photos, folder = side.collection(), side.folder()
    noise = np.random.default_rng(3).integers(0, 256, (700, 700, 3), dtype=np.uint8)
    path = folder / "noise.png"
    Image.fromarray(noise).save(path)
    assert path.stat().st_size > 1024**2

    assert photos.add(folder).added == 1
    (item,) = photos.items()
    with photos.blob(item.id).open() as stream:
        stream.seek(1000)
        assert stream.read(64) == path.read_bytes()[1000:1064]
    assert photos.content(item.id) == path.read_bytes()
