"""Whatever the stores are: sizes, orders and fields are looked at through the protocols alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import morelike
from morelike.collection import OpenCollection
from morelike.doctor import examine
from morelike.doctor.blobs import Digests
from morelike.errors import StoreError
from morelike.fields import keep_up
from morelike.library import Library
from morelike.protocols import BlobStore
from morelike.settings import Settings
from morelike.stores.blobs import FolderBlobStore
from morelike.testing.field_store import FieldVectorStore
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder
from morelike.types import Fields, Ids, Space


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def photos(library: Library, tmp_path: Path) -> OpenCollection:
    write_images(tmp_path / "pictures", 6, seed=1)
    collection = library.collection("photos", modality="image", encoder=ToyEncoder())
    collection.add(tmp_path / "pictures")
    return collection


def cut_short(library: Library, collection: OpenCollection) -> Path:
    """Takes a kept blob's end away; its source's path."""
    item = collection.items()[0]
    path = library._stores.blobs.path(item.digest.blake3)
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:100])
    return Path(item.sources[0].uri)


def test_a_blob_cut_short_is_made_whole(library: Library, photos: OpenCollection) -> None:
    """Its length in the listing tells, and a source that still has it gives it back."""
    source = cut_short(library, photos)

    (told,) = library.doctor().findings
    (mended,) = library.doctor(fix=True).findings

    assert (told.kind, told.fixed, mended.kind, mended.fixed) == ("damaged-blobs", False, "damaged-blobs", True)
    assert photos.content(photos.search(source, k=1)[0].item) == source.read_bytes()
    assert library.doctor().findings == []


def test_a_blob_cut_short_is_kept_where_nothing_else_is(library: Library, photos: OpenCollection) -> None:
    """Half of a picture is more than nothing: it is told of and not removed."""
    cut_short(library, photos).unlink()

    report = library.doctor(fix=True)

    assert [(one.kind, one.fixed) for one in report.findings] == [("damaged-blobs", False)]
    assert len(photos.content(photos.items()[0].id)) == 100


def test_a_missing_blob_comes_back_from_its_source(library: Library, photos: OpenCollection) -> None:
    """Kept bytes that are gone are read again where the source has them unchanged; a changed one is of no use."""
    first, second = photos.items()[:2]
    library._stores.blobs.delete([first.digest.blake3, second.digest.blake3])
    Path(second.sources[0].uri).write_bytes(b"something else")

    report = library.doctor(fix=True)

    assert sorted((one.kind, one.count, one.fixed) for one in report.findings) == [
        ("missing-blobs", 1, False),
        ("missing-blobs", 1, True),
    ]
    assert photos.content(first.id) == Path(first.sources[0].uri).read_bytes()


def test_each_collection_tells_its_own(library: Library, photos: OpenCollection, tmp_path: Path) -> None:
    """A blob that two collections keep is missed by both, and one source mends both."""
    others = library.collection("others", modality="image", encoder=ToyEncoder())
    others.add(tmp_path / "pictures")
    item = photos.items()[0]
    library._stores.blobs.delete([item.digest.blake3])

    sentences = [one.sentence for one in library.doctor().findings]

    assert [sentence.partition(":")[0] for sentence in sentences] == ["others", "photos"]
    assert library.doctor(fix=True).ok
    assert library.doctor().findings == []


class _Listed:
    """A blob store whose listing says no sizes, in an order of the test's own."""

    def __init__(self, store: BlobStore, order: Any = sorted) -> None:
        self._store = store
        self._order = order

    def __getattr__(self, name: str) -> Any:
        if name == "sizes":
            raise AttributeError(name)
        return getattr(self._store, name)

    def digests(self) -> Iterator[str]:
        yield from self._order(list(self._store.digests()))


def run_doctor(library: Library, photos: OpenCollection, **stores: Any) -> list[str]:
    changed = replace(library._stores, **stores)
    report = examine(changed, lambda _, blobs: photos.requeue(blobs), fix=True)
    return sorted(finding.kind for finding in report.findings)


def test_a_listing_without_sizes_is_enough(library: Library, photos: OpenCollection) -> None:
    """What is missing and what is nobody's is found all the same."""
    blobs = library._stores.blobs
    item = photos.items()[0]
    path = blobs.path(item.digest.blake3)
    assert path is not None
    path.rename(path.with_name("f" * 62))

    assert run_doctor(library, photos, blobs=_Listed(blobs)) == ["missing-blobs", "orphan-blobs"]
    assert run_doctor(library, photos, blobs=_Listed(blobs)) == []


def test_a_listing_out_of_order_removes_nothing(library: Library, photos: OpenCollection) -> None:
    """What is needed would look as if it were not; it is refused before anything is swept."""
    blobs = library._stores.blobs

    with pytest.raises(StoreError, match="out of order"):
        run_doctor(library, photos, blobs=_Listed(blobs, lambda found: sorted(found, reverse=True)))

    assert len(list(blobs.digests())) == 6


def test_a_folder_tells_sizes(library: Library, photos: OpenCollection) -> None:
    """Those that the catalog expects."""
    blobs = library._stores.blobs
    assert isinstance(blobs, FolderBlobStore)

    assert list(blobs.sizes()) == list(library._stores.catalog.blob_sizes())


def test_many_digests_take_little() -> None:
    """32 bytes each, in the order in which they came, in pages."""
    digests = Digests()
    names = [f"{number:064x}" for number in range(1201)]
    for name in names:
        digests.add(name)

    assert (len(digests), list(digests)) == (1201, names)
    assert [len(page) for page in digests.pages()] == [500, 500, 201]
    assert [name for page in digests.pages() for name in page] == names


class _Keeping:
    """A vector store that notes what it is told of fields."""

    def __init__(self, store: Any, revision: int) -> None:
        self._store = store
        self.revision = revision

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def fields_revision(self, space: Space) -> int:
        return self.revision

    def put_fields(
        self, space: Space, ids: Ids, fields: Sequence[Sequence[Fields]], revision: int, *, whole: bool = False
    ) -> None:
        assert (len(ids), len(fields)) == (0, 0)
        self.revision = revision


def test_fields_of_a_later_time_are_given_up(library: Library, photos: OpenCollection) -> None:
    """A catalog that came from a backup knows nothing of them; they are written anew from the start."""
    now = library._stores.catalog.revision(photos._record)
    vectors = _Keeping(library._stores.vectors, now + 3)

    assert run_doctor(library, photos, vectors=vectors) == ["stale-fields"]
    assert vectors.revision == -1
    assert run_doctor(library, photos, vectors=vectors) == []


def test_filters_are_pushed_down_again(library: Library, tmp_path: Path) -> None:
    """What was given up is written anew by the upkeep; until then filters go by ids, and both answer alike."""
    vectors = FieldVectorStore(library.folder, library.settings)
    library._stores = replace(library._stores, vectors=vectors)
    write_images(tmp_path / "pictures", 6, seed=1)
    photos = library.collection("photos", modality="image", encoder=ToyEncoder())
    photos.add(tmp_path / "pictures")
    space, first = photos.spaces[0], photos.items()[0]
    photos.tag([first.id], add=["mine"])
    keep_up(library._stores)
    stale = [(Fields({}, ("mine",), {}, {}),)] * 6
    ids = library._stores.catalog.segment_ids(photos._record, "image")
    vectors.put_fields(space, ids, stale, vectors.fields_revision(space) + 5)  # of a history that was undone

    assert [one.kind for one in library.doctor(fix=True).findings] == ["stale-fields"]
    by_ids = [hit.item for hit in photos.search(first.sources[0].uri, filter="tag = 'mine'")]
    keep_up(library._stores)
    pushed = [hit.item for hit in photos.search(first.sources[0].uri, filter="tag = 'mine'")]

    assert by_ids == pushed == [first.id]
    assert vectors.fields_revision(space) == library._stores.catalog.revision(photos._record)


@pytest.mark.parametrize("drift", [True, False])
def test_fields_are_given_up_where_vectors_drifted(library: Library, photos: OpenCollection, drift: bool) -> None:
    """A restored catalog that was written since may have caught up with them; a healthy one keeps them."""
    stores = library._stores
    vectors = _Keeping(stores.vectors, stores.catalog.revision(photos._record))
    if drift:
        stores.vectors.upsert(photos.spaces[0], np.array([17]), np.ones((1, 48), dtype=np.float32))

    assert run_doctor(library, photos, vectors=vectors) == ["orphan-vectors"] * drift
    assert (vectors.revision == -1) is drift


def test_duplicates_keep_their_vectors(library: Library, photos: OpenCollection) -> None:
    """What was set aside is found by nothing, and belongs to somebody all the same."""
    from morelike.records import Aside

    keeper, copy = (item.id for item in photos.items()[:2])
    library._stores.catalog.set_aside(photos._record, [Aside(copy, keeper, "run")])

    assert library.doctor(fix=True).findings == []
    assert library._stores.vectors.count(photos.spaces[0]) == 6
