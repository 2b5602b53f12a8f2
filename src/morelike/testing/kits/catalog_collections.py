"""What every catalog promises of collections and spaces."""

from __future__ import annotations

import pytest

from morelike.errors import CollectionExists, NoSuchCollection, UsageError
from morelike.protocols import Catalog
from morelike.testing.kits.catalog_samples import (
    CARD,
    OTHER_CARD,
    CatalogFixtures,
    digest_of,
    make_item,
    some_claim,
)
from morelike.types import Collection, Rejection

__all__ = ["CatalogCollectionsKit"]


class CatalogCollectionsKit(CatalogFixtures):
    """``CatalogCollections``."""

    def test_a_collection_is_found_by_its_name(self, catalog: Catalog) -> None:
        """What was created is read back as it was, options among it."""
        created = catalog.create_collection("films", "video", {"every": 2.5, "odd": "\udcff"})

        assert catalog.collection("films") == created
        assert (created.name, created.modality, created.options) == ("films", "video", {"every": 2.5, "odd": "\udcff"})
        assert created.created_at

    def test_collections_are_listed_by_name(self, catalog: Catalog) -> None:
        """Every collection once, in the order of their names."""
        for name in ("b", "a", "c"):
            catalog.create_collection(name, "image", {})

        assert [found.name for found in catalog.collections()] == ["a", "b", "c"]

    def test_a_name_is_taken_once(self, catalog: Catalog, photos: Collection) -> None:
        """A second collection of the same name is refused, and the first stays."""
        with pytest.raises(CollectionExists):
            catalog.create_collection("photos", "audio", {})

        assert catalog.collection("photos") == photos

    @pytest.mark.parametrize("name", ["", "a b", "../x", "a" * 65, "-x", "ä", "a\n", "a;b"])
    def test_a_name_is_a_plain_identifier(self, catalog: Catalog, name: str) -> None:
        """Anything else would come into the way of paths, addresses and other stores."""
        with pytest.raises(UsageError):
            catalog.create_collection(name, "image", {})

    @pytest.mark.usefixtures("photos")
    def test_an_unknown_name_is_answered_with_the_nearest(self, catalog: Catalog) -> None:
        """A slip of the finger is named."""
        with pytest.raises(NoSuchCollection) as raised:
            catalog.collection("photo")

        assert "photos" in raised.value.hint

    def test_a_space_keeps_its_card(self, catalog: Catalog, photos: Collection) -> None:
        """The card comes back equal, so that another one is noticed."""
        space = catalog.add_space(photos, "image", CARD, active=True)

        assert catalog.spaces(photos) == [space]
        assert (space.card, space.kind, space.active, space.collection_id) == (CARD, "image", True, photos.id)

    def test_a_space_is_added_once(self, catalog: Catalog, photos: Collection) -> None:
        """A run that was cut off may add its space again."""
        first = catalog.add_space(photos, "image", CARD, active=False)
        again = catalog.add_space(photos, "image", CARD, active=True)

        assert (again.id, again.active) == (first.id, True)
        assert len(catalog.spaces(photos)) == 1

    def test_one_space_of_a_kind_is_active(self, catalog: Catalog, photos: Collection) -> None:
        """Adding or activating one puts the other of its kind to rest, and leaves other kinds alone."""
        text = catalog.add_space(photos, "text", CARD, active=True)
        old = catalog.add_space(photos, "image", CARD, active=True)
        new = catalog.add_space(photos, "image", OTHER_CARD, active=True)
        after_adding = {space.id: space.active for space in catalog.spaces(photos)}
        catalog.activate(old)

        assert after_adding == {text.id: True, old.id: False, new.id: True}
        assert {space.id: space.active for space in catalog.spaces(photos)} == {
            text.id: True,
            old.id: True,
            new.id: False,
        }

    def test_all_spaces_are_listed(self, catalog: Catalog, photos: Collection) -> None:
        """Without a collection, those of every one."""
        films = catalog.create_collection("films", "video", {})
        mine, theirs = (catalog.add_space(of, "image", CARD, active=True) for of in (photos, films))

        assert catalog.spaces() == [mine, theirs]
        assert catalog.spaces(films) == [theirs]

    def test_a_dropped_space_does_not_lend_its_id(self, catalog: Catalog, photos: Collection) -> None:
        """Vectors may lie under it for a while."""
        space = catalog.add_space(photos, "image", CARD, active=True)
        catalog.drop_space(space)

        assert catalog.spaces() == []
        assert catalog.add_space(photos, "image", CARD, active=True).id > space.id

    def test_a_dropped_space_cannot_be_activated(self, catalog: Catalog, photos: Collection) -> None:
        """And the active one stays active."""
        kept = catalog.add_space(photos, "image", CARD, active=True)
        space = catalog.add_space(photos, "image", OTHER_CARD, active=False)
        catalog.drop_space(space)

        with pytest.raises(UsageError):
            catalog.activate(space)
        assert catalog.spaces() == [kept]

    def test_dropping_a_collection_names_blobs_nobody_needs(self, catalog: Catalog, photos: Collection) -> None:
        """Not those that another collection has too, and none for items that were never copied."""
        other = catalog.create_collection("other", "image", {})
        for name in ("mine", "shared"):
            make_item(catalog, photos, name)
        make_item(catalog, photos, "outside", in_place=True)
        make_item(catalog, other, "shared")

        assert catalog.drop_collection(photos) == [digest_of("mine").blake3]
        assert [found.name for found in catalog.collections()] == ["other"]
        assert catalog.count(other) == 1

    def test_a_dropped_collection_can_be_made_anew(self, catalog: Catalog, photos: Collection) -> None:
        """It is empty and has another id, so that a late writer of the old one is refused."""
        make_item(catalog, photos, "cat", tags=["a"])
        catalog.reject(photos, [Rejection("/x", "", "source", "gone")])
        catalog.drop_collection(photos)
        anew = catalog.create_collection("photos", "image", {})

        assert anew.id != photos.id
        assert (catalog.count(anew), catalog.ledger_count(anew)) == (0, 0)
        with pytest.raises(NoSuchCollection):
            catalog.claim(photos, [some_claim("dog")])
        with pytest.raises(NoSuchCollection):
            catalog.revision(photos)
