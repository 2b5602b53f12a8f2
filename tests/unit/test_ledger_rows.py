"""Some rows of the ledger tried again, and what a dry run says of items that are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import morelike
from morelike.collection import OpenCollection
from morelike.errors import UsageError
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Six pictures, three of them cut off."""
    folder = tmp_path / "pictures"
    write_images(folder, 6, seed=1)
    for path in sorted(folder.iterdir())[:3]:
        (tmp_path / f"whole-{path.name}").write_bytes(path.read_bytes())
        path.write_bytes(path.read_bytes()[:200])
    return folder


@pytest.fixture
def photos(library: Library, pictures: Path) -> OpenCollection:
    opened = library.collection("photos", modality="image", encoder=ToyEncoder())
    opened.add(pictures)
    return opened


def mend(pictures: Path) -> None:
    for path in sorted(pictures.iterdir())[:3]:
        path.write_bytes((pictures.parent / f"whole-{path.name}").read_bytes())


def test_only_the_named_rows_are_tried_again(photos: OpenCollection, pictures: Path) -> None:
    """Of three files that were mended the two that are named come in; a uri that is no row is passed over."""
    mend(pictures)
    first, second, third = (row.uri for row in photos.rejected())

    report = photos.add(retry=[first, third, "/nowhere.jpg"])

    assert (report.added, report.rejected) == (2, 0)
    assert [row.uri for row in photos.rejected()] == [second]


def test_rows_are_a_job(library: Library, photos: OpenCollection, pictures: Path) -> None:
    """The same rows, named in the arguments of a job."""
    mend(pictures)
    rows = [row.uri for row in photos.rejected()][:1]
    with library.run_jobs():
        job = library.jobs.add("add", "photos", {"sources": [], "retry": rows})
        while library.jobs.watch(job.id, 60).state not in {"done", "failed"}:
            pass

    assert library.jobs.get(job.id).result["added"] == 1
    assert photos.rejected_count() == 2


def test_rows_and_sources_at_once_are_refused(library: Library, photos: OpenCollection, pictures: Path) -> None:
    """Nobody could say which of them was meant."""
    with pytest.raises(UsageError, match="without sources"):
        photos.add(pictures, retry=["/a.jpg"])
    with pytest.raises(UsageError, match="without sources"):
        library.jobs.add("add", "photos", {"sources": [str(pictures)], "retry": ["/a.jpg"]})


def test_a_dry_run_knows_what_is_there(photos: OpenCollection, pictures: Path, tmp_path: Path) -> None:
    """By content, also under another name: it is neither new nor rejected, and takes no room."""
    copies = tmp_path / "copies"
    copies.mkdir()
    for path in sorted(pictures.iterdir()):
        (copies / f"copy-{path.name}").write_bytes(path.read_bytes())

    dry = photos.dry_run(copies)

    assert (dry.files, dry.sampled, dry.there, len(dry.rejected)) == (6, 6, 3, 3)
    assert dry.bytes_on_disk == 0
