"""What every catalog promises to whoever writes."""

from __future__ import annotations

import numpy as np
import pytest

from morelike.errors import NoSuchItem, UsageError
from morelike.expressions import Compare
from morelike.protocols import Catalog
from morelike.testing.kits.catalog_samples import (
    ODD_TEXTS,
    CatalogFixtures,
    digest_of,
    finished,
    make_item,
    some_claim,
)
from morelike.types import WHOLE, Collection, Rejection, Segment, segment_id

__all__ = ["CatalogIngestKit"]


class CatalogIngestKit(CatalogFixtures):
    """``CatalogIngest``."""

    def test_a_claimed_item_is_pending(self, catalog: Catalog, photos: Collection) -> None:
        """It is known as pending, and no search sees it."""
        left = catalog.claim(photos, [some_claim("cat")])

        assert left == []
        assert catalog.known(photos, ["cat", "dog"]) == {"cat": "pending"}
        assert (catalog.items(photos), catalog.count(photos)) == ([], 0)

    def test_a_finished_item_is_ready(self, catalog: Catalog, photos: Collection) -> None:
        """With its info, digest, tags, source and segments."""
        claim = some_claim("cat", tags=["pet", "b"], modified_ns=5, metadata={"by": "me"}, origin="/pictures")
        catalog.claim(photos, [claim])
        catalog.finish(photos, [finished("cat", {"width": 3})])
        item = catalog.item(photos, "cat")
        (source,) = item.sources

        assert (item.state, item.digest, item.info, item.tags) == (
            "ready",
            digest_of("cat"),
            {"width": 3},
            ("b", "pet"),
        )
        assert (item.media_type, item.in_place) == ("image/jpeg", False)
        assert (source.uri, source.name, source.size) == ("/pictures/cat.jpg", "cat.jpg", 3)
        assert (source.modified_ns, source.metadata, source.origin) == (5, {"by": "me"}, "/pictures")
        assert source.added_at
        assert item.added_at <= item.updated_at
        assert catalog.segments_of(photos, ["cat"]) == {
            "cat": [Segment(segment_id("cat", 0), 0, "image", WHOLE, "cat")]
        }

    def test_a_group_keeps_its_order(self, catalog: Catalog, photos: Collection) -> None:
        """More items than fit into one statement arrive whole, the oldest first."""
        names = [f"item-{i:05}" for i in range(2500)]
        catalog.claim(photos, [some_claim(name, tags=["t"]) for name in names])
        catalog.finish(photos, [finished(name) for name in reversed(names)])

        assert [item.id for item in catalog.items(photos, limit=3000)] == names
        assert len(catalog.known(photos, names)) == 2500
        assert len(catalog.known_sources(photos, [f"/pictures/{name}.jpg" for name in names])) == 2500

    def test_the_same_content_at_two_places_is_one_item(self, catalog: Catalog, photos: Collection) -> None:
        """With two sources, each with its own metadata."""
        catalog.claim(photos, [some_claim("cat", "/a", metadata={"n": 1}), some_claim("cat", "/b", metadata={"n": 2})])
        catalog.finish(photos, [finished("cat")])

        assert {source.uri: source.metadata["n"] for source in catalog.item(photos, "cat").sources} == {
            "/a": 1,
            "/b": 2,
        }

    def test_a_ready_item_stays_ready_when_claimed_again(self, catalog: Catalog, photos: Collection) -> None:
        """A further source and further tags are added; a source that was there gets its new metadata."""
        make_item(catalog, photos, "cat", uris=["/a"], tags=["old"], metadata={"x": 1})
        catalog.claim(
            photos, [some_claim("cat", "/a", metadata={"y": 2}), some_claim("cat", "/b", tags=["new", "old"])]
        )
        item = catalog.item(photos, "cat")

        assert (item.state, item.tags) == ("ready", ("new", "old"))
        assert {source.uri: source.metadata for source in item.sources} == {"/a": {"y": 2}, "/b": {}}

    def test_a_uri_with_other_bytes_moves(self, catalog: Catalog, photos: Collection) -> None:
        """It belongs to the new item; the old one is named when it has no source left, and not when it has."""
        make_item(catalog, photos, "old", uris=["/a"])
        make_item(catalog, photos, "two", uris=["/b", "/c"])
        left = catalog.claim(photos, [some_claim("new", "/a"), some_claim("newer", "/b")])

        assert left == ["old"]
        assert {uri: found[1] for uri, found in catalog.known_sources(photos, ["/a", "/b", "/c"]).items()} == {
            "/a": "new",
            "/b": "newer",
            "/c": "two",
        }

    def test_a_uri_claimed_twice_in_a_group_goes_to_the_last(self, catalog: Catalog, photos: Collection) -> None:
        """A file that changed while it was read leaves its first item without a source."""
        left = catalog.claim(photos, [some_claim("first", "/a"), some_claim("second", "/a")])

        assert left == ["first"]
        assert catalog.known_sources(photos, ["/a"])["/a"][1] == "second"

    def test_collections_do_not_share_sources(self, catalog: Catalog, photos: Collection) -> None:
        """The same uri in two collections is two sources."""
        other = catalog.create_collection("other", "image", {})
        make_item(catalog, photos, "cat", uris=["/a"])
        left = catalog.claim(other, [some_claim("dog", "/a")])

        assert left == []
        assert catalog.known_sources(photos, ["/a"])["/a"][1:] == ("cat", "ready")
        assert catalog.known_sources(other, ["/a"])["/a"][1:] == ("dog", "pending")

    @pytest.mark.parametrize("odd", ODD_TEXTS, ids=ascii)
    def test_any_text_survives(self, catalog: Catalog, photos: Collection, odd: str) -> None:
        """A path, tag, key or value of any characters comes back as it was, also one that is not valid Unicode."""
        uri, tag = f"/pictures/{odd}", odd[:200]
        make_item(
            catalog, photos, "cat", uris=[uri], tags=[tag], metadata={odd: odd}, origin=odd, info={odd: [odd, {odd: 1}]}
        )
        catalog.reject(photos, [Rejection(uri, "", "decode", odd)])
        item = catalog.item(photos, "cat")

        assert [source.uri for source in item.sources] == [uri]
        assert (item.sources[0].metadata, item.sources[0].origin) == ({odd: odd}, odd)
        assert (item.info, item.tags) == ({odd: [odd, {odd: 1}]}, (tag,))
        assert list(catalog.known_sources(photos, [uri])) == [uri]
        assert list(catalog.sources_of_origin(photos, odd)) == [uri]
        assert [(row.uri, row.reason) for row in catalog.ledger(photos)] == [(uri, odd)]
        assert catalog.count(photos, filter=Compare(f"meta.{odd}", "=", odd)) == 1
        assert catalog.count(photos, filter=Compare("tag", "=", tag)) == 1

    def test_metadata_that_json_cannot_hold_does_not_break_a_run(self, catalog: Catalog, photos: Collection) -> None:
        """Not-a-number becomes no value, dates their ISO text, numpy's numbers plain ones; filters still work."""
        odd = {
            "nan": float("nan"),
            "day": np.datetime64("2020-01-02"),
            "n": np.int64(7),
            "list": (1, 2),
            "huge": 10**5000,
        }
        make_item(catalog, photos, "cat", metadata=odd)
        (source,) = catalog.item(photos, "cat").sources

        assert source.metadata == {"nan": None, "day": "2020-01-02", "n": 7, "list": [1, 2], "huge": None}
        assert catalog.count(photos, filter=Compare("n", "=", 7)) == 1

    def test_a_rejected_item_can_be_claimed_again(self, catalog: Catalog, photos: Collection) -> None:
        """It is pending again."""
        catalog.claim(photos, [some_claim("cat")])
        catalog.reject(photos, [Rejection("/pictures/cat.jpg", "cat", "decode", "truncated")])
        rejected = catalog.known(photos, ["cat"])
        catalog.claim(photos, [some_claim("cat")])

        assert rejected == {"cat": "rejected"}
        assert catalog.known(photos, ["cat"]) == {"cat": "pending"}

    def test_a_rejection_does_not_touch_a_ready_item(self, catalog: Catalog, photos: Collection) -> None:
        """One of its sources may be bad; the item itself was good."""
        make_item(catalog, photos, "cat")
        catalog.reject(photos, [Rejection("/elsewhere.jpg", "cat", "source", "gone")])

        assert catalog.known(photos, ["cat"]) == {"cat": "ready"}

    def test_the_ledger_counts_attempts_by_uri(self, catalog: Catalog, photos: Collection) -> None:
        """One row a source, with the last reason; sources without an item too."""
        catalog.reject(
            photos,
            [Rejection("/a", "", "source", "gone", size=4, modified_ns=9), Rejection("/b", "x", "decode", "bad")],
        )
        catalog.reject(photos, [Rejection("/a", "", "source", "refused", size=5, modified_ns=10)])
        first, second = catalog.ledger(photos)

        assert (first.uri, first.stage, first.reason, first.attempts) == ("/a", "source", "refused", 2)
        assert (first.size, first.modified_ns) == (5, 10)
        assert (second.uri, second.item_id, second.attempts) == ("/b", "x", 1)
        assert first.at
        assert catalog.ledger_count(photos) == 2
        assert catalog.ledger(photos, offset=1, limit=1) == [second]
        assert catalog.rejected_before(photos, ["/b", "/c"]) == {"/b": second}

    def test_forgiven_sources_leave_the_ledger(self, catalog: Catalog, photos: Collection) -> None:
        """Only those named."""
        catalog.reject(photos, [Rejection(uri, "", "source", "gone") for uri in ("/a", "/b")])
        catalog.forgive(photos, ["/a", "/c"])

        assert [row.uri for row in catalog.ledger(photos)] == ["/b"]

    def test_finishing_again_replaces_the_segments(self, catalog: Catalog, photos: Collection) -> None:
        """As when a film is cut anew; nothing of the old cut is left."""
        catalog.claim(photos, [some_claim("film")])
        catalog.finish(photos, [finished("film", kinds=["image", "audio", "image"])])
        catalog.finish(photos, [finished("film", kinds=["image"])])

        assert [segment.ordinal for segment in catalog.segments_of(photos, ["film"])["film"]] == [0]
        assert catalog.segment_ids(photos, "audio").tolist() == []

    def test_a_requeued_item_is_pending_until_it_is_finished_again(self, catalog: Catalog, photos: Collection) -> None:
        """No search sees it meanwhile; an item that is not ready stays as it is."""
        make_item(catalog, photos, "cat")
        catalog.claim(photos, [some_claim("dog")])
        catalog.requeue(photos, ["cat", "dog", "no such item"])

        assert catalog.known(photos, ["cat", "dog"]) == {"cat": "pending", "dog": "pending"}
        catalog.finish(photos, [finished("cat")])
        assert [item.id for item in catalog.items(photos)] == ["cat"]

    def test_finishing_an_item_that_was_removed_does_nothing(self, catalog: Catalog, photos: Collection) -> None:
        """Another process may have removed it meanwhile; it does not come back."""
        for name in ("gone", "going"):
            catalog.claim(photos, [some_claim(name)])
        catalog.forget(photos, ["gone"])
        catalog.mark_deleting(photos, ["going"])
        catalog.finish(photos, [finished("gone"), finished("going")])

        assert catalog.known(photos, ["gone", "going"]) == {}
        assert catalog.verify() == []

    def test_sources_below_an_origin_are_listed(self, catalog: Catalog, photos: Collection) -> None:
        """Also those that came through another argument; a neighbour that only begins alike is none of them."""
        for uri, origin in {
            "/pictures/a/1.jpg": "/pictures/a",
            "/pictures/a.zip!/2.jpg": "/pictures/a.zip",
            "/Pictures/3.jpg": "/Pictures",
            "/pictures_2/4.jpg": "/pictures_2",
        }.items():
            make_item(catalog, photos, uri.replace("/", "-"), uris=[uri], origin=origin)

        assert sorted(catalog.sources_of_origin(photos, "/pictures")) == ["/pictures/a.zip!/2.jpg", "/pictures/a/1.jpg"]
        assert list(catalog.sources_of_origin(photos, "/pictures/a.zip")) == ["/pictures/a.zip!/2.jpg"]

    def test_sources_are_listed_by_origin(self, catalog: Catalog, photos: Collection) -> None:
        """More than a page of them, and only those that came through that argument."""
        catalog.claim(photos, [some_claim(f"i{i}", origin="/pictures") for i in range(1005)])
        catalog.claim(photos, [some_claim("x", "/x", origin="/other")])

        found = list(catalog.sources_of_origin(photos, "/pictures"))

        assert found == [f"/pictures/i{i}.jpg" for i in range(1005)]

    def test_dropped_sources_leave_items_alone(self, catalog: Catalog, photos: Collection) -> None:
        """Named are the items that have no source left."""
        make_item(catalog, photos, "one", uris=["/a"])
        make_item(catalog, photos, "two", uris=["/b", "/c"])

        assert catalog.drop_sources(photos, ["/a", "/b", "/unknown"]) == ["one"]
        assert [source.uri for source in catalog.item(photos, "two").sources] == ["/c"]

    def test_a_deletion_hides_the_item_at_once(self, catalog: Catalog, photos: Collection) -> None:
        """Nothing shows it but the list that doctor asks for; its segments are still named, for their vectors' sake."""
        make_item(catalog, photos, "cat", uris=["/a"])
        make_item(catalog, photos, "dog")
        ids = catalog.segment_ids(photos, "image")
        catalog.mark_deleting(photos, ["cat"])

        assert [item.id for item in catalog.items(photos)] == ["dog"]
        assert catalog.segment_ids(photos, "image").tolist() == [segment_id("dog", 0)]
        assert list(catalog.segments(photos, ids)) == [segment_id("dog", 0)]
        assert (catalog.get_items(photos, ["cat"]), catalog.known(photos, ["cat"])) == ({}, {})
        assert catalog.known_sources(photos, ["/a"]) == {}
        with pytest.raises(NoSuchItem):
            catalog.item(photos, "cat")
        assert [item.id for item in catalog.items(photos, state="deleting")] == ["cat"]
        assert [item.id for item in catalog.items(photos, state=None)] == ["cat", "dog"]
        assert list(catalog.segments_of(photos, ["cat"])) == ["cat"]

    def test_forgetting_names_blobs_nobody_needs(self, catalog: Catalog, photos: Collection) -> None:
        """Not a shared one, and none of an item that was only referred to."""
        other = catalog.create_collection("other", "image", {})
        for name in ("mine", "shared", "kept"):
            make_item(catalog, photos, name, tags=["t"])
        make_item(catalog, photos, "outside", in_place=True)
        make_item(catalog, other, "shared")
        catalog.reject(photos, [Rejection("/bad", "mine", "decode", "bad")])
        gone = ["mine", "shared", "outside", "unknown"]
        catalog.mark_deleting(photos, gone)

        assert catalog.forget(photos, gone) == [digest_of("mine").blake3]
        assert [item.id for item in catalog.items(photos, state=None)] == ["kept"]
        assert list(catalog.segments_of(photos, gone)) == []
        assert (catalog.ledger(photos), catalog.verify()) == ([], [])

    def test_a_half_deleted_item_can_be_claimed_anew(self, catalog: Catalog, photos: Collection) -> None:
        """A crash in the middle of a deletion leaves nothing of the old one behind."""
        make_item(catalog, photos, "cat", uris=["/old"], tags=["old"])
        catalog.mark_deleting(photos, ["cat"])
        catalog.claim(photos, [some_claim("cat", "/new", tags=["new"])])
        catalog.finish(photos, [finished("cat")])
        item = catalog.item(photos, "cat")

        assert (item.state, item.tags, [source.uri for source in item.sources]) == ("ready", ("new",), ["/new"])

    def test_tags_are_added_and_removed(self, catalog: Catalog, photos: Collection) -> None:
        """Repeats do no harm, and unknown items are passed over."""
        make_item(catalog, photos, "cat", tags=["a", "b"])
        catalog.tag(photos, ["cat", "unknown"], ["c", "a", "c"], ["b", "x"])

        assert catalog.item(photos, "cat").tags == ("a", "c")

    @pytest.mark.parametrize("tag", ["", "x" * 201])
    def test_a_tag_has_a_length(self, catalog: Catalog, photos: Collection, tag: str) -> None:
        """Neither nothing nor a page of text."""
        make_item(catalog, photos, "cat")

        with pytest.raises(UsageError):
            catalog.tag(photos, ["cat"], [tag], [])
        with pytest.raises(UsageError):
            catalog.claim(photos, [some_claim("dog", tags=[tag])])
        assert catalog.known(photos, ["dog"]) == {}

    def test_annotations_are_merged(self, catalog: Catalog, photos: Collection) -> None:
        """Into every source; a None removes a key."""
        make_item(catalog, photos, "cat", uris=["/a", "/b"], metadata={"keep": 1, "drop": 2, "change": 3})
        catalog.annotate(photos, ["cat"], {"drop": None, "change": "x", "new": True})

        expected = {"keep": 1, "change": "x", "new": True}
        assert [source.metadata for source in catalog.item(photos, "cat").sources] == [expected, expected]
