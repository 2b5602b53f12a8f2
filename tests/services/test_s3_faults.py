"""An ``add`` to a bucket whose gateway dies, or that dies itself, loses nothing that it acknowledged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from radosgw_process import Gateway, running_gateway

import morelike
from morelike import faults
from morelike.errors import StoreError, StoreUnreachable
from morelike.library import Library
from morelike.progress import Progress
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder

DRIVER = Path(__file__).resolve().parents[1] / "faults" / "driver.py"
PICTURES = 60


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    write_images(tmp_path / "pictures", PICTURES, seed=4)
    return tmp_path / "pictures"


@pytest.fixture(scope="module")
def mortal() -> Iterator[Gateway]:
    """A gateway that tests may kill."""
    with running_gateway() as gateway:
        yield gateway


def photos(library: Library):
    return library.collection("photos", modality="image", encoder=ToyEncoder())


def whole(library: Library, folder: Path) -> None:
    """Every picture is there, with its own bytes, and nothing else is in the bucket."""
    collection = photos(library)
    assert collection.count() == PICTURES
    for item in collection.items(limit=PICTURES):
        assert collection.content(item.id) == (folder / item.sources[0].uri).read_bytes()
    assert sorted(library._stores.blobs.digests()) == sorted(set(library._stores.catalog.blobs_needed()))
    assert library.doctor().findings == []


def test_killed_at_every_point(gateway: Gateway, pictures: Path, tmp_path: Path) -> None:
    """Killed between the bucket and the catalog again and again, the last run ends as if it never had been."""
    address = f"s3://{gateway.bucket()}/lib"
    environment = {**os.environ, **gateway.variables(address)}

    def run(point: str, nth: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(DRIVER), str(tmp_path / "library"), str(pictures), point, str(nth)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)

    for nth in (1, 3):  # the first group, and one that follows what is there already
        for point in faults.S3_POINTS[: 4 - nth]:
            assert run(point, nth).returncode == -signal.SIGKILL
    last = run("none", 0)

    assert last.returncode == 0, last.stderr
    assert json.loads(last.stdout)["rejected"] == 0
    with morelike.open(gateway.settings(address, library=tmp_path / "library")) as library:
        whole(library, pictures)


def test_the_gateway_dies_and_comes_back(mortal: Gateway, pictures: Path, tmp_path: Path) -> None:
    """The run ends with one sentence, what it acknowledged stays, and the same command finishes the rest."""
    settings = mortal.settings(
        f"s3://{mortal.bucket()}/lib", library=tmp_path / "library", commit_items=3, look_ahead=8
    )
    acknowledged = 0

    def told(progress: Progress) -> None:
        nonlocal acknowledged
        if progress.done and not acknowledged:
            mortal.kill()
        acknowledged = progress.done

    with morelike.open(settings) as library:
        with pytest.raises(StoreUnreachable, match="does not answer") as caught:
            photos(library).add(pictures, progress=told)
        assert caught.value.hint
        assert 0 < acknowledged <= photos(library).count() < PICTURES
        with pytest.raises(StoreError):
            photos(library).content(photos(library).items()[0].id)
        found = photos(library).search(min(pictures.rglob("*.*")))
        assert len(list(found)) > 0  # a search needs no blob

        mortal.start()
        report = photos(library).add(pictures)
        assert report.rejected == 0
        whole(library, pictures)


def test_removing_while_it_is_away(mortal: Gateway, pictures: Path, tmp_path: Path) -> None:
    """What is removed while the bucket is out of reach is gone for searches at once, and ``doctor`` ends the rest."""
    settings = mortal.settings(f"s3://{mortal.bucket()}/lib", library=tmp_path / "library")
    with morelike.open(settings) as library:
        photos(library).add(pictures)
        first = photos(library).items()[0].id
        mortal.kill()
        with pytest.raises(StoreUnreachable):
            photos(library).remove([first])
        assert photos(library).count() == PICTURES - 1

        mortal.start()
        library.doctor(fix=True)
        assert photos(library).count() == PICTURES - 1
        assert len(list(library._stores.blobs.digests())) == PICTURES - 1
        assert library.doctor().findings == []


def test_doctor_finds_what_was_cut(gateway: Gateway, pictures: Path, tmp_path: Path) -> None:
    """An object that was cut, and one that was deleted, are both found, and brought back from where they came."""
    bucket = gateway.bucket()
    with morelike.open(gateway.settings(f"s3://{bucket}/lib", library=tmp_path / "library")) as library:
        photos(library).add(pictures)
        gone, cut = (item.digest.blake3 for item in photos(library).items(limit=2))
        gateway.ask("DELETE", bucket, f"lib/{gone[:2]}/{gone[2:]}")
        gateway.ask("PUT", bucket, f"lib/{cut[:2]}/{cut[2:]}", b"cut")

        assert {found.kind for found in library.doctor().findings} == {"missing-blobs", "damaged-blobs"}
        library.doctor(fix=True)
        whole(library, pictures)
