"""What every catalog promises of how much there is, and of what the other stores should have."""

from __future__ import annotations

import numpy as np

from morelike.protocols import Catalog
from morelike.records import Aside, CollectionStorage
from morelike.testing.kits.catalog_samples import CatalogFixtures, digest_of, finished, make_item, some_claim
from morelike.types import Collection, Rejection, segment_id

__all__ = ["CatalogAmountsKit"]


class CatalogAmountsKit(CatalogFixtures):
    """The part of ``CatalogStorage`` that counts and sums."""

    def test_an_empty_collection_has_nothing(self, catalog: Catalog, photos: Collection) -> None:
        """It is told all the same."""
        assert catalog.storage_by_collection() == [CollectionStorage(photos.id, {}, 0, 0, 0, 0, {})]
        assert catalog.blob_bytes() == 0
        assert list(catalog.blob_sizes()) == []

    def test_each_collection_is_counted_alone(self, catalog: Catalog, photos: Collection) -> None:
        """Items by state, those kept and those in place with their bytes, segments by kind."""
        films = catalog.create_collection("films", "video", {})
        for name in ("one", "three"):
            make_item(catalog, photos, name)
        catalog.claim(photos, [some_claim("seventeen", in_place=True), some_claim("five")])
        catalog.finish(photos, [finished("seventeen")])
        catalog.claim(films, [some_claim("film")])
        catalog.finish(films, [finished("film", kinds=("image", "image", "audio"))])

        assert catalog.storage_by_collection() == [
            CollectionStorage(photos.id, {"ready": 3, "pending": 1}, 3, 12, 1, 9, {"image": 3}),
            CollectionStorage(films.id, {"ready": 1}, 1, 4, 0, 0, {"audio": 1, "image": 2}),
        ]

    def test_shared_bytes_count_once_in_all(self, catalog: Catalog, photos: Collection) -> None:
        """Two collections that keep the same blob each have it; the library has it once."""
        others = catalog.create_collection("others", "image", {})
        for collection in (photos, others):
            make_item(catalog, collection, "shared")
        make_item(catalog, others, "own")
        make_item(catalog, others, "elsewhere", in_place=True)

        assert [one.kept_bytes for one in catalog.storage_by_collection()] == [6, 9]
        assert catalog.blob_bytes() == 9
        wanted = sorted((digest_of(name).blake3, len(name)) for name in ("shared", "own"))
        assert list(catalog.blob_sizes()) == wanted

    def test_blob_sizes_go_through_all_pages(self, catalog: Catalog, photos: Collection) -> None:
        """Ascending, however many there are, and the same digests that ``blobs_needed`` gives."""
        names = [f"{number:05d}" for number in range(2300)]
        catalog.claim(photos, [some_claim(name) for name in names])

        found = list(catalog.blob_sizes())

        assert found == sorted((digest_of(name).blake3, 5) for name in names)
        assert [digest for digest, _ in found] == list(catalog.blobs_needed())

    def test_keepers_are_told_by_their_blobs(self, catalog: Catalog, photos: Collection) -> None:
        """Of this collection, in any state; not those that only refer to the bytes."""
        others = catalog.create_collection("others", "image", {})
        make_item(catalog, photos, "ready", uris=("/a", "/b"))
        catalog.claim(photos, [some_claim("pending")])
        make_item(catalog, photos, "in-place", in_place=True)
        make_item(catalog, others, "not-here")
        asked = [digest_of(name).blake3 for name in ("pending", "in-place", "not-here", "ready", "unknown")]

        found = catalog.keepers(photos, asked)

        assert sorted((item.id, item.state) for item in found) == [("pending", "pending"), ("ready", "ready")]
        assert {source.uri for item in found for source in item.sources if item.id == "ready"} == {"/a", "/b"}
        assert catalog.keepers(photos, []) == []

    def test_known_segments_are_those_of_any_state(self, catalog: Catalog, photos: Collection) -> None:
        """Sorted, of one kind; those of set aside and deleted items too, and not those of rejected ones."""
        for name in ("keeper", "copy", "going", "bad", "again"):
            make_item(catalog, photos, name)
        catalog.claim(photos, [some_claim("film")])
        catalog.finish(photos, [finished("film", kinds=("audio",))])
        catalog.set_aside(photos, [Aside("copy", "keeper", "run")])
        catalog.mark_deleting(photos, ["going"])
        catalog.requeue(photos, ["again", "bad"])
        catalog.reject(photos, [Rejection("/pictures/bad.jpg", "bad", "decode", "broken")])

        found = catalog.known_segment_ids(photos, "image")

        assert found.dtype == np.int64
        assert found.tolist() == sorted(segment_id(name, 0) for name in ("keeper", "copy", "going", "again"))
        assert catalog.known_segment_ids(photos, "audio").tolist() == [segment_id("film", 0)]
