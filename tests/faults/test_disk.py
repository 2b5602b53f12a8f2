"""A full disk, a read-only library: a clear error, and nothing acknowledged is lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import morelike
from morelike.errors import StoreError, StoreFull, StoreReadOnly
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB; skips by name where it cannot be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a small tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_said_and_loses_nothing(small_disk: Path, tmp_path: Path) -> None:
    """``add`` ends with StoreFull; what was ready before is found, and with space again the rest goes in."""
    pictures = tmp_path / "pictures"
    write_images(pictures, 400, seed=3)
    library_folder = small_disk / "library"
    before = 0
    with morelike.open(library=library_folder, commit_items=8, look_ahead=8) as library:
        collection = library.collection("photos", modality="image", encoder=ToyEncoder())
        with pytest.raises(StoreFull) as caught:
            collection.add(pictures)
        before = collection.count()
        assert 0 < before < 400
        assert "full" in str(caught.value)
        path = next(iter(sorted(pictures.rglob("*.*"))))
        assert collection.search(path, k=1)[0].source == str(path)

    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    with morelike.open(library=library_folder) as library:
        collection = library.collection("photos", encoder=ToyEncoder())
        assert collection.count() == before
        report = collection.add(pictures)
        assert collection.count() == 400
        assert report.added == 400 - before
        assert library.doctor().findings == []


def test_a_read_only_library_is_searched_but_not_written(small_disk: Path, tmp_path: Path) -> None:
    """Reading goes on as before; writing says why it cannot."""
    pictures = tmp_path / "pictures"
    write_images(pictures, 5, seed=3)
    (first, *_) = sorted(pictures.rglob("*.*"))
    with morelike.open(library=small_disk / "library") as library:
        library.collection("photos", modality="image", encoder=ToyEncoder()).add(pictures)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    write_images(tmp_path / "more", 1, seed=99)

    with morelike.open(library=small_disk / "library") as library:
        collection = library.collection("photos", encoder=ToyEncoder())

        assert collection.search(first, k=1)[0].source == str(first)
        assert library.doctor().findings == []
        with pytest.raises(StoreReadOnly, match=r"read-only|cannot be written"):
            collection.add(tmp_path / "more")
        assert collection.count() == 5


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_said(tmp_path: Path) -> None:
    """Opening a library where nothing can be made names the folder."""
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)

    with pytest.raises(StoreError, match="cannot be made"):
        morelike.open(library=locked / "library")
