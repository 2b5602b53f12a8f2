"""A catalog that came from an older backup: vectors and blobs are of a later time than it, and are brought in line."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import morelike
from morelike.collection import OpenCollection
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder


class Kept:
    """A library, a copy of its catalog, and the way back to it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._file = settings.library / "catalog.sqlite"
        self._copy = settings.library.parent / "catalog.backup"

    def back_up(self) -> None:
        """While the library may be open, by SQLite's own means."""
        with closing(sqlite3.connect(self._file)) as source, closing(sqlite3.connect(self._copy)) as copy:
            source.backup(copy)

    def restore(self) -> None:
        """While it is closed. The write-ahead log belongs to the file that goes."""
        for ending in ("", "-wal", "-shm"):
            self._file.with_name(self._file.name + ending).unlink(missing_ok=True)
        self._file.write_bytes(self._copy.read_bytes())

    def open(self) -> Library:
        return morelike.open(self.settings)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Ten of them: six in ``early``, four in ``late``."""
    early = write_images(tmp_path / "early", 6, seed=1)
    return [*early, *write_images(tmp_path / "late", 4, seed=70)]


@pytest.fixture
def kept(settings: Settings, pictures: list[Path], tmp_path: Path) -> Kept:
    """Six pictures, and a backup of their catalog."""
    made = Kept(settings)
    with made.open() as library:
        photos_of(library).add(tmp_path / "early")
        made.back_up()
    return made


def photos_of(library: Library, encoder: str = "toy") -> OpenCollection:
    return library.collection("photos", modality="image", encoder=ToyEncoder(encoder))


def kinds(library: Library) -> set[str]:
    return {finding.kind for finding in library.doctor().findings}


def found(collection: OpenCollection, pictures: list[Path]) -> list[str]:
    """What each picture's bytes find first: the name of the source."""
    return [Path(collection.search(path.read_bytes(), k=1)[0].source).name for path in pictures]


def consistent(library: Library, collection: OpenCollection, pictures: list[Path]) -> bool:
    """Nothing is wrong, and each picture finds itself and has its bytes."""
    hits = [collection.search(path.read_bytes(), k=1)[0] for path in pictures]
    return (
        library.doctor().findings == []
        and collection.count() == len(pictures)
        and found(collection, pictures) == [path.name for path in pictures]
        and [collection.content(hit.item) for hit in hits] == [path.read_bytes() for path in pictures]
    )


def test_what_was_added_since_is_swept(kept: Kept, pictures: list[Path], tmp_path: Path) -> None:
    """Vectors and blobs that the restored catalog does not know go; the rest is as it was, and they can be added."""
    with kept.open() as library:
        photos_of(library).add(tmp_path / "late")
    kept.restore()

    with kept.open() as library:
        photos = photos_of(library)
        assert kinds(library) == {"orphan-blobs", "orphan-vectors"}
        assert library.doctor(fix=True).ok
        assert consistent(library, photos, pictures[:6])

        assert photos.add(tmp_path / "late").added == 4
        assert consistent(library, photos, pictures)


def test_what_was_added_since_is_rescued(kept: Kept, pictures: list[Path], tmp_path: Path) -> None:
    """Its bytes are there: they become items again though their sources are gone, and what is no picture stays."""
    with kept.open() as library:
        photos_of(library).add(*(path.read_bytes() for path in pictures[6:]))
        text = b"no picture at all"
        keep_blob(library, text)
    for path in pictures[6:]:
        path.rename(path.with_suffix(".moved"))
    kept.restore()

    with kept.open() as library:
        photos = photos_of(library)
        report = library.doctor(fix=True, rescue="photos")

        assert {(one.kind, one.count) for one in report.findings if one.kind in {"rescued", "orphan-blobs"}} == {
            ("rescued", 4),
            ("orphan-blobs", 1),
        }
        assert not report.ok
        assert photos.count() == 10
        moved = [path.with_suffix(".moved").read_bytes() for path in pictures[6:]]
        assert [photos.content(photos.search(data, k=1)[0].item) for data in moved] == moved
        assert library.doctor(fix=True).ok
        assert library.doctor().findings == []


def keep_blob(library: Library, data: bytes) -> None:
    import blake3

    from morelike.types import Blob, ContentDigest

    digest = ContentDigest(blake3.blake3(data).hexdigest(), "", len(data))
    library._stores.blobs.put_many([(digest, Blob.from_bytes(data))])


def test_what_was_removed_since_comes_back_from_its_source(kept: Kept, pictures: list[Path]) -> None:
    """The restored catalog has items without vectors and blobs: they are made again where the source still is."""
    with kept.open() as library:
        photos = photos_of(library)
        photos.remove([item.id for item in photos.items(limit=3)])
    pictures[0].unlink()
    kept.restore()

    with kept.open() as library:
        photos = photos_of(library)
        assert kinds(library) == {"missing-blobs", "missing-vectors"}
        library.doctor(fix=True)

        assert [Path(row.uri).name for row in photos.rejected()] == [pictures[0].name]
        assert consistent(library, photos, pictures[1:6])


def test_a_collection_dropped_since_comes_back(kept: Kept, pictures: list[Path]) -> None:
    """All of it, from the sources."""
    with kept.open() as library:
        library.drop("photos")
    kept.restore()

    with kept.open() as library:
        photos = photos_of(library)
        assert library.doctor(fix=True).ok

        assert consistent(library, photos, pictures[:6])


def test_a_collection_made_since_leaves_nothing(kept: Kept, pictures: list[Path], tmp_path: Path) -> None:
    """Its space is unknown to the restored catalog, and swept."""
    with kept.open() as library:
        library.collection("others", modality="image", encoder=ToyEncoder()).add(tmp_path / "late")
    kept.restore()

    with kept.open() as library:
        assert kinds(library) == {"orphan-blobs", "orphan-space"}
        assert library.doctor(fix=True).ok
        assert consistent(library, photos_of(library), pictures[:6])


@pytest.mark.parametrize("encoder", ["toy", "another"])
def test_an_id_that_is_given_again_finds_an_empty_space(
    kept: Kept, pictures: list[Path], tmp_path: Path, encoder: str
) -> None:
    """The restored catalog gives a space's number a second time; what lay under it is of no new collection."""
    with kept.open() as library:
        library.collection("others", modality="image", encoder=ToyEncoder()).add(tmp_path / "late")
        before = library.collection("others").spaces[0].id
    kept.restore()

    with kept.open() as library:
        paintings = library.collection("paintings", modality="image", encoder=ToyEncoder(encoder))
        assert paintings.spaces[0].id == before
        assert library._stores.vectors.count(paintings.spaces[0]) == 0
        paintings.add(pictures[9])
        library.doctor(fix=True)

        assert found(paintings, pictures[6:]) == [pictures[9].name] * 4
        assert library.doctor().findings == []


def test_a_space_of_reembedding_that_is_given_again_begins_empty(kept: Kept, pictures: list[Path]) -> None:
    """Vectors that an undone re-embedding left are not taken for those of a new one."""
    with kept.open() as library:
        photos_of(library).reembed(ToyEncoder("second"))
    kept.restore()

    with kept.open() as library:
        photos = photos_of(library)
        report = photos.reembed(ToyEncoder("third"))

        assert (report.encoded, report.same, report.switched) == (6, 0, True)
        assert consistent(library, photos, pictures[:6])


def test_vectors_of_another_encoder_under_a_known_number(kept: Kept, pictures: list[Path]) -> None:
    """Where a crash came right after the number was given, they are told apart by their card, and made anew."""
    with kept.open() as library:
        photos_of(library).reembed(ToyEncoder("second"))
    kept.restore()

    with kept.open() as library:
        photos = photos_of(library)
        third = ToyEncoder("third")
        library._stores.catalog.add_space(photos._record, "image", third.card, active=True)
        library.collection("photos", modality="image", encoder=third)

        assert kinds(library) == {"missing-vectors", "other-card"}
        assert library.doctor(fix=True).ok
        assert consistent(library, photos, pictures[:6])


def test_tags_and_filters_are_those_of_the_catalog(kept: Kept, pictures: list[Path]) -> None:
    """What was said since is forgotten, and no filter remembers it."""
    with kept.open() as library:
        photos = photos_of(library)
        photos.tag([photos.items()[0].id], add=["late"])
        assert photos.count(filter="tag = 'late'") == 1
    kept.restore()

    with kept.open() as library:
        photos = photos_of(library)
        assert photos.count(filter="tag = 'late'") == 0
        assert list(photos.search(pictures[0], filter="tag = 'late'")) == []
        photos.tag([photos.items()[1].id], add=["late"])
        assert len(photos.search(pictures[0], filter="tag = 'late'")) == 1
        assert consistent(library, photos, pictures[:6])
