"""What every catalog promises of items set aside, and of pairs that are no duplicates."""

from __future__ import annotations

import pytest

from morelike.protocols import Catalog
from morelike.records import Aside
from morelike.testing.kits.catalog_samples import CatalogFixtures, finished, make_item, some_claim
from morelike.types import Collection, Rejection, segment_id

__all__ = ["CatalogDuplicatesKit"]

EARLIER, LATER = "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"


class CatalogDuplicatesKit(CatalogFixtures):
    """``CatalogDuplicates``."""

    @pytest.fixture
    def pets(self, catalog: Catalog, photos: Collection) -> Collection:
        """``cat``, ``copy`` and ``dog``, all ready."""
        for name in ("cat", "copy", "dog"):
            make_item(catalog, photos, name)
        return photos

    def test_an_item_set_aside_is_searched_no_more(self, catalog: Catalog, another: Catalog, pets: Collection) -> None:
        """It is there, with its sources, but its segments are nobody's answer; every opening sees it."""
        before = (another.revision(pets), len(another.segment_ids(pets, "image")))
        catalog.set_aside(pets, [Aside("copy", "cat", "first", 0.9)])
        copy = segment_id("copy", 0)

        assert before[1] == 3
        assert another.revision(pets) > before[0]
        assert copy not in another.segment_ids(pets, "image")
        assert len(another.segment_ids(pets, "image")) == 2
        assert another.segments(pets, another.segment_ids(pets, "image")).keys() == {
            segment_id("cat", 0),
            segment_id("dog", 0),
        }
        assert (another.count(pets), another.count(pets, state="duplicate")) == (2, 1)
        assert another.item(pets, "copy").state == "duplicate"
        assert another.known(pets, ["copy"]) == {"copy": "duplicate"}
        assert another.known_sources(pets, ["/pictures/copy.jpg"])["/pictures/copy.jpg"][1:] == ("copy", "duplicate")
        assert another.verify() == []

    def test_asides_are_listed_newest_first(self, catalog: Catalog, pets: Collection) -> None:
        """As they were written; those of one run where asked."""
        first, second = Aside("copy", "cat", "first", 0.875, EARLIER), Aside("dog", "cat", "second", 1.0, LATER)
        catalog.set_aside(pets, [first])
        catalog.set_aside(pets, [second])

        assert catalog.asides(pets) == [second, first]
        assert catalog.asides(pets, run="first") == [first]
        assert catalog.asides(pets, run="third") == []

    def test_only_ready_items_are_set_aside(self, catalog: Catalog, pets: Collection) -> None:
        """Pending, deleted and unknown ones are passed over, and the first word on one set aside holds."""
        catalog.claim(pets, [some_claim("new")])
        catalog.mark_deleting(pets, ["dog"])
        catalog.set_aside(pets, [Aside("copy", "cat", "first")])
        catalog.set_aside(pets, [Aside(name, "cat", "second") for name in ("new", "dog", "nothing", "copy")])

        assert [(aside.item_id, aside.run) for aside in catalog.asides(pets)] == [("copy", "first")]
        assert catalog.item(pets, "new").state == "pending"

    def test_duplicates_of_what_turns_out_bad_come_back(self, catalog: Catalog, pets: Collection) -> None:
        """Else neither the item nor what was set aside for it would be found."""
        catalog.set_aside(pets, [Aside("copy", "cat", "first")])
        catalog.requeue(pets, ["cat"])
        catalog.reject(pets, [Rejection("/pictures/cat.jpg", "cat", "decode", "bad")])

        assert catalog.known(pets, ["cat", "copy"]) == {"cat": "rejected", "copy": "ready"}
        assert catalog.asides(pets) == []

    def test_an_item_can_be_brought_back(self, catalog: Catalog, pets: Collection) -> None:
        """It is searched again, and nothing remembers that it was aside; others that are named stay as they are."""
        catalog.set_aside(pets, [Aside("copy", "cat", "first"), Aside("dog", "cat", "first")])

        assert catalog.bring_back(pets, ["cat", "copy", "nothing"]) == ["copy"]
        assert segment_id("copy", 0) in catalog.segment_ids(pets, "image")
        assert [aside.item_id for aside in catalog.asides(pets)] == ["dog"]
        assert catalog.bring_back(pets, ["copy"]) == []

    def test_finishing_does_not_bring_back(self, catalog: Catalog, pets: Collection) -> None:
        """A run that works on the item anew leaves it where it is."""
        catalog.set_aside(pets, [Aside("copy", "cat", "first")])
        catalog.claim(pets, [some_claim("copy", "/elsewhere/copy.jpg")])
        catalog.finish(pets, [finished("copy", {"width": 2})])
        found = catalog.item(pets, "copy")

        assert (found.state, found.info, len(found.sources)) == ("duplicate", {"width": 2}, 2)

    def test_what_is_forgotten_is_no_longer_aside(self, catalog: Catalog, pets: Collection) -> None:
        """Added again, it is an item like any other."""
        catalog.set_aside(pets, [Aside("copy", "cat", "first")])
        catalog.mark_deleting(pets, ["copy"])
        while_deleting = catalog.asides(pets)
        catalog.forget(pets, ["copy"])
        make_item(catalog, pets, "copy")

        assert (while_deleting, catalog.asides(pets), catalog.item(pets, "copy").state) == ([], [], "ready")

    def test_a_half_deleted_item_comes_back_as_new(self, catalog: Catalog, pets: Collection) -> None:
        """What it was set aside for is over."""
        catalog.set_aside(pets, [Aside("copy", "cat", "first")])
        catalog.mark_deleting(pets, ["copy"])
        make_item(catalog, pets, "copy")

        assert (catalog.asides(pets), catalog.item(pets, "copy").state, catalog.verify()) == ([], "ready", [])

    def test_nothing_is_a_duplicate_of_what_is_gone(self, catalog: Catalog, pets: Collection) -> None:
        """When the keeper goes, what was set aside for it is found again."""
        catalog.set_aside(pets, [Aside("copy", "cat", "first")])
        catalog.forget(pets, ["cat"])

        assert (catalog.item(pets, "copy").state, catalog.asides(pets)) == ("ready", [])
        assert segment_id("copy", 0) in catalog.segment_ids(pets, "image")

    def test_a_pair_is_remembered_either_way_round(self, catalog: Catalog, another: Catalog, pets: Collection) -> None:
        """Once, the lesser id first; a pair of an item with itself is none."""
        catalog.mark_distinct(pets, [("dog", "cat"), ("cat", "dog"), ("cat", "cat")])
        catalog.mark_distinct(pets, [("dog", "cat"), ("cat", "copy")])

        assert another.distinct(pets) == {("cat", "dog"), ("cat", "copy")}

    def test_a_pair_can_be_taken_back(self, catalog: Catalog, pets: Collection) -> None:
        """Either way round; pairs that nobody remembers are passed over."""
        catalog.mark_distinct(pets, [("dog", "cat"), ("cat", "copy")])
        catalog.unmark_distinct(pets, [("dog", "cat"), ("x", "y")])

        assert catalog.distinct(pets) == {("cat", "copy")}

    def test_pairs_belong_to_their_collection(self, catalog: Catalog, pets: Collection) -> None:
        """The same items elsewhere may be duplicates."""
        other = catalog.create_collection("other", "image", {})
        catalog.mark_distinct(pets, [("cat", "dog")])

        assert catalog.distinct(other) == set()

    def test_ids_that_run_into_each_other_are_told_apart(self, catalog: Catalog, pets: Collection) -> None:
        """``a`` and ``bc`` is another pair than ``ab`` and ``c``."""
        pairs = {("a", "bc"), ("ab", "c")}
        catalog.mark_distinct(pets, sorted(pairs))

        assert catalog.distinct(pets) == pairs

    def test_a_pair_goes_with_either_item(self, catalog: Catalog, pets: Collection) -> None:
        """What was said of an item that is gone is void."""
        catalog.mark_distinct(pets, [("cat", "copy"), ("cat", "dog"), ("copy", "dog")])
        catalog.forget(pets, ["cat"])

        assert catalog.distinct(pets) == {("copy", "dog")}

    def test_all_of_it_goes_with_the_collection(self, catalog: Catalog, pets: Collection) -> None:
        """Nothing of it stays behind."""
        catalog.set_aside(pets, [Aside("copy", "cat", "first")])
        catalog.mark_distinct(pets, [("cat", "dog")])
        catalog.drop_collection(pets)

        assert (catalog.asides(pets), catalog.distinct(pets), catalog.verify()) == ([], set(), [])
