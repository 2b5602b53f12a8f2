"""``doctor`` and ``storage`` where the blobs are in a bucket: what is amiss is found by one listing, and nobody else's
things are touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from radosgw_process import Gateway

import morelike
from morelike.collection import OpenCollection
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder


@pytest.fixture
def bucket(gateway: Gateway) -> str:
    return gateway.bucket()


def settings_at(gateway: Gateway, bucket: str, prefix: str, folder: Path) -> Settings:
    update = {"library": folder, "models_cache": folder / "models", "offline": True}
    return gateway.settings(f"s3://{bucket}/{prefix}").model_copy(update=update)


@pytest.fixture
def library(gateway: Gateway, bucket: str, tmp_path: Path) -> Iterator[Library]:
    with morelike.open(settings_at(gateway, bucket, "mine", tmp_path / "mine")) as opened:
        yield opened


@pytest.fixture
def photos(library: Library, tmp_path: Path) -> OpenCollection:
    write_images(tmp_path / "pictures", 6, seed=1)
    collection = library.collection("photos", modality="image", encoder=ToyEncoder())
    assert collection.add(tmp_path / "pictures").added == 6
    return collection


def key_of(blake3: str, prefix: str = "mine") -> str:
    return f"{prefix}/{blake3[:2]}/{blake3[2:]}"


def kinds(library: Library, *, fix: bool = False) -> list[str]:
    return sorted(finding.kind for finding in library.doctor(fix=fix).findings)


def test_damage_in_a_bucket_is_mended(library: Library, photos: OpenCollection, gateway: Gateway, bucket: str) -> None:
    """An object that is gone, one cut short and one that is nobody's: the first two come back from their sources."""
    gone, short = photos.items()[:2]
    gateway.ask("DELETE", bucket, key_of(gone.digest.blake3))
    gateway.ask("PUT", bucket, key_of(short.digest.blake3), b"short")
    gateway.ask("PUT", bucket, key_of("ab" * 32), b"nobody's")

    assert kinds(library) == ["damaged-blobs", "missing-blobs", "orphan-blobs"]
    assert library.doctor(fix=True).ok
    assert library.doctor().findings == []
    for item in (gone, short):
        assert photos.content(item.id) == Path(item.sources[0].uri).read_bytes()


def test_others_in_the_bucket_are_left_alone(
    library: Library, photos: OpenCollection, gateway: Gateway, bucket: str, tmp_path: Path
) -> None:
    """Another library beside this one, and objects of nobody's making, are neither counted nor swept."""
    with morelike.open(settings_at(gateway, bucket, "theirs", tmp_path / "theirs")) as other:
        theirs = other.collection("photos", modality="image", encoder=ToyEncoder())
        theirs.add(tmp_path / "pictures")
        gateway.ask("PUT", bucket, "mine/notes.txt", b"a note")
        library.drop("photos")

        assert library.doctor(fix=True).findings == []
        assert library.storage(listed=True).parts["blobs"] == 0
        assert other.doctor().findings == []
        assert [theirs.content(item.id) for item in theirs.items()]
    assert gateway.ask("GET", bucket, "mine/notes.txt").content == b"a note"


def test_the_bucket_is_no_disk_of_this_machine(library: Library, photos: OpenCollection) -> None:
    """Its bytes are told, and fill nothing here."""
    report = library.storage(listed=True)

    assert report.parts["blobs"] == report.needed == report.collections[0].kept_bytes > 0
    assert all("blobs" not in disk.parts for disk in report.disks)
    assert library.failing() == {}
