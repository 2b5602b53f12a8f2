"""Faults that a crash or a hand leaves behind are found, named, and mended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import morelike
from morelike.collection import OpenCollection
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder
from morelike.types import Blob, Claim, ContentDigest, Source, Space


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def photos(library: Library, tmp_path: Path) -> OpenCollection:
    write_images(tmp_path / "pictures", 6, seed=1)
    collection = library.collection("photos", modality="image", encoder=ToyEncoder())
    assert collection.add(tmp_path / "pictures").added == 6
    return collection


def _kinds(library: Library, *, fix: bool = False) -> list[str]:
    return sorted(finding.kind for finding in library.doctor(fix=fix).findings)


def test_a_healthy_library_has_no_findings(library: Library, photos: OpenCollection) -> None:
    """Nothing is reported where nothing is wrong."""
    assert library.doctor().findings == []


def test_vectors_of_no_item_are_swept(library: Library, photos: OpenCollection) -> None:
    """A crash between vectors and rows leaves vectors that no search may show."""
    space = photos.spaces[0]
    photos._stores.vectors.upsert(space, np.array([17], dtype=np.int64), np.ones((1, 48), dtype=np.float32))

    assert _kinds(library) == ["orphan-vectors"]
    assert library.doctor(fix=True).ok
    assert library.doctor().findings == []
    assert photos._stores.vectors.count(space) == 6


def test_missing_vectors_are_made_again(library: Library, photos: OpenCollection, tmp_path: Path) -> None:
    """An item whose vector is gone is worked on anew from its kept bytes, even when its source is gone."""
    path = sorted((tmp_path / "pictures").iterdir())[0]
    data = path.read_bytes()
    hit = photos.search(path, k=1)[0]
    photos._stores.vectors.delete(photos.spaces[0], np.array([hit.segment], dtype=np.int64))
    path.unlink()

    assert _kinds(library) == ["missing-vectors"]
    library.doctor(fix=True)

    assert library.doctor().findings == []
    assert photos.search(data, k=1)[0].item == hit.item


def test_orphan_blobs_are_swept(library: Library, photos: OpenCollection) -> None:
    """A crash after the blob and before the row leaves a blob that nothing names."""
    blobs = photos._stores.blobs
    digest = "ab" * 32
    import blake3

    data = b"nobody's"
    digest = blake3.blake3(data).hexdigest()
    blobs.put_many([(ContentDigest(digest, "", len(data)), Blob.from_bytes(data))])

    assert _kinds(library) == ["orphan-blobs"]
    library.doctor(fix=True)

    assert library.doctor().findings == []
    assert not blobs.exists(digest)


def test_half_written_files_are_counted_and_removed(library: Library, photos: OpenCollection) -> None:
    """What lies unfinished in the blob store is told, and goes with ``fix``."""
    unfinished = library.folder / "blobs" / "tmp"
    unfinished.mkdir(exist_ok=True)
    (unfinished / "half").write_bytes(b"hal")

    assert _kinds(library) == ["half-written"]
    library.doctor(fix=True)

    assert library.doctor().findings == []


def test_pending_items_are_taken_up_again(library: Library, photos: OpenCollection, tmp_path: Path) -> None:
    """A crash after the claim leaves a pending row; its bytes are worked on."""
    import blake3

    (path,) = write_images(tmp_path / "more", 1, seed=50)
    data = path.read_bytes()
    digest = ContentDigest(blake3.blake3(data).hexdigest(), "", len(data))
    photos._stores.blobs.put_many([(digest, Blob.from_path(path))])
    source = Source(str(path), path.name, len(data), path.stat().st_mtime_ns)
    photos._stores.catalog.claim(photos._record, [Claim(digest.blake3, digest, "image/jpeg", source, in_place=False)])

    assert _kinds(library) == ["pending"]
    assert photos.count() == 6
    library.doctor(fix=True)

    assert library.doctor().findings == []
    assert photos.count() == 7
    assert photos.search(data, k=1)[0].item == digest.blake3


def test_a_pending_item_without_bytes_is_rejected(library: Library, photos: OpenCollection) -> None:
    """Nothing can be done for it, and the ledger says so."""
    digest = ContentDigest("cd" * 32, "", 5)
    source = Source("/nowhere/x.jpg", "x.jpg", 5, 1)
    photos._stores.catalog.claim(photos._record, [Claim(digest.blake3, digest, "image/jpeg", source, in_place=False)])

    library.doctor(fix=True)

    assert library.doctor().findings == []
    assert [row.uri for row in photos.rejected()] == ["/nowhere/x.jpg"]


def test_a_cut_off_deletion_is_finished(library: Library, photos: OpenCollection) -> None:
    """What was marked is hidden at once and gone after ``fix``."""
    item = photos.items()[0]
    photos._stores.catalog.mark_deleting(photos._record, [item.id])

    assert photos.count() == 5
    assert _kinds(library) == ["deleting"]
    library.doctor(fix=True)

    assert library.doctor().findings == []
    assert photos._stores.vectors.count(photos.spaces[0]) == 5
    assert not photos._stores.blobs.exists(item.digest.blake3)


def test_missing_blobs_are_told_apart(library: Library, photos: OpenCollection) -> None:
    """Bytes that no source has any more cannot be mended, so the report is not ok even with ``fix``."""
    item = photos.items()[0]
    Path(item.sources[0].uri).unlink()
    photos._stores.blobs.delete([item.digest.blake3])

    report = library.doctor(fix=True)

    assert [finding.kind for finding in report.findings] == ["missing-blobs"]
    assert not report.ok


def test_vectors_of_a_dropped_space_are_swept(library: Library, photos: OpenCollection) -> None:
    """A crash while a collection was dropped leaves a space that nobody names."""
    ghost = Space(99, 1, "image", photos.spaces[0].card, active=True)
    photos._stores.vectors.upsert(ghost, np.array([1], dtype=np.int64), np.ones((1, 48), dtype=np.float32))

    assert _kinds(library) == ["orphan-space"]
    library.doctor(fix=True)

    assert library.doctor().findings == []


def test_a_damaged_vector_file_is_made_anew(settings: Settings, tmp_path: Path) -> None:
    """Vectors are an index: from the kept bytes, every one of them comes back, and the damaged file is set aside."""
    paths = write_images(tmp_path / "pictures", 6, seed=1)
    with morelike.open(settings) as library:
        library.collection("photos", modality="image", encoder=ToyEncoder()).add(tmp_path / "pictures")
    file = settings.library / "vectors.sqlite"
    file.write_bytes(b"not a database" * 1000)

    with morelike.open(settings) as library:
        collection = library.collection("photos", encoder=ToyEncoder())
        assert not library.doctor().ok
        assert library.doctor(fix=True).ok

        assert library.doctor().findings == []
        assert [collection.search(path, k=1)[0].source for path in paths] == [str(path) for path in paths]
    assert file.with_name("vectors.sqlite.damaged").exists()


def _mapped(photos: OpenCollection, library: Library) -> Path:
    photos.map()
    (path,) = (library.folder / "maps").glob("*/*.map")
    return path


def test_maps_of_what_is_gone_are_removed(library: Library, photos: OpenCollection) -> None:
    """A crash while a space or a collection was dropped leaves its map; the one that is used stays."""
    path = _mapped(photos, library)
    others = [path.with_name("99.map"), path.parent.with_name("77") / "1.map"]
    for other in others:
        other.parent.mkdir(exist_ok=True)
        other.write_bytes(path.read_bytes())
    (path.parent / "notes.txt").write_text("somebody's own")

    (told,) = library.doctor().findings
    (mended,) = library.doctor(fix=True).findings

    assert (told.kind, told.count, told.fixed, mended.fixed) == ("orphan-maps", 2, False, True)
    assert told.sentence == "2 maps are of collections or spaces that are gone"
    assert library.doctor().findings == []
    assert not any(other.exists() for other in others)
    assert not others[1].parent.exists()
    assert photos.kept_map() is not None
    assert (path.parent / "notes.txt").exists()


def test_a_map_of_one_that_had_the_same_number_is_removed(library: Library, photos: OpenCollection) -> None:
    """A catalog that came from a backup gives numbers a second time; the map says whose it is."""
    path = _mapped(photos, library)
    path.write_bytes(path.read_bytes().replace(b'"photos"', b'"before"'))

    assert [one.sentence for one in library.doctor(fix=True).findings] == [
        "1 map is of a collection or space that is gone"
    ]
    assert not path.exists()


def test_a_map_that_is_being_written_is_let_be(library: Library, photos: OpenCollection) -> None:
    """What was left of writing one goes once it is old enough to be nobody's."""
    path = _mapped(photos, library)
    half = path.with_name(f"{path.name}.0badcafe.part")
    half.write_bytes(b"half")

    assert library.doctor().findings == []
    os.utime(half, (1, 1))
    assert _kinds(library, fix=True) == ["orphan-maps"]
    assert (half.exists(), path.exists()) == (False, True)
