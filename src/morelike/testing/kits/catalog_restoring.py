"""What every catalog promises to whoever brings whole items from another one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from morelike.errors import NoSuchCollection, UsageError
from morelike.expressions import Compare
from morelike.protocols import Catalog
from morelike.records import Aside
from morelike.testing.kits.catalog_samples import ODD_TEXTS, CatalogFixtures, digest_of, make_item, some_claim
from morelike.types import WHOLE, Collection, Item, ItemState, Rejection, Segment, Source, Span, segment_id

__all__ = ["CatalogRestoringKit"]

ADDED, UPDATED = "2020-01-02T03:04:05Z", "2021-01-02T03:04:05Z"


def whole_item(name: str, state: ItemState = "ready", *uris: str, tags: tuple[str, ...] = ()) -> Item:
    """An item as another catalog had it, found at ``uris``."""
    sources = tuple(
        Source(uri, uri.rpartition("/")[2], 7, modified_ns=9, metadata={"n": at}, origin="/there", added_at=ADDED)
        for at, uri in enumerate(uris or (f"/pictures/{name}.jpg",))
    )
    digest = digest_of(name)
    return Item(
        name,
        state,
        digest,
        "image/jpeg",
        {"width": 3},
        tags,
        sources,
        in_place=False,
        added_at=ADDED,
        updated_at=UPDATED,
    )


def segments_for(item: Item, n: int = 1) -> list[Segment]:
    """So many, one second after the other."""
    spans = [WHOLE if n == 1 else Span("seconds", at, at + 1) for at in range(n)]
    return [Segment(segment_id(item.id, at), at, "image", span, item.id) for at, span in enumerate(spans)]


class CatalogRestoringKit(CatalogFixtures):
    """``CatalogIngest.restore``."""

    def test_restored_items_are_as_they_were(self, catalog: Catalog, another: Catalog, photos: Collection) -> None:
        """State, digest, sources, tags, metadata, times and segments; every process sees them."""
        cat = whole_item("cat", "ready", "/a/cat.jpg", "/b/cat.jpg", tags=("b", "pet"))
        film = whole_item("film")
        kept = {item.id: segments_for(item, n) for item, n in ((cat, 1), (film, 3))}
        left = catalog.restore(photos, [cat, film], kept)

        assert left == []
        assert another.items(photos) == [cat, film]
        assert another.segments_of(photos, ["cat", "film"]) == kept
        assert another.segment_ids(photos, "image").tolist() == sorted(s.id for own in kept.values() for s in own)
        assert another.count(photos, filter=Compare("n", "=", 1)) == 1
        assert catalog.verify() == []

    def test_restored_items_keep_their_order(self, catalog: Catalog, photos: Collection) -> None:
        """More than fit into one statement; those of a later call come after those of an earlier one."""
        names = [f"item-{i:05}" for i in reversed(range(2500))]
        items = [whole_item(name, tags=("t",)) for name in names]
        catalog.restore(photos, items[:1300], {item.id: segments_for(item) for item in items})
        catalog.restore(photos, items[1300:], {item.id: segments_for(item) for item in items})

        assert [item.id for item in catalog.items(photos, limit=3000)] == names

    def test_states_are_kept(self, catalog: Catalog, photos: Collection) -> None:
        """What is set aside, with of what it is a copy; what was rejected; what is pending."""
        items = [
            whole_item("cat"),
            whole_item("copy", "duplicate"),
            whole_item("bad", "rejected"),
            whole_item("new", "pending"),
        ]
        aside = Aside("copy", "cat", "run", 0.25, ADDED)
        catalog.restore(photos, items, {item.id: segments_for(item) for item in items[:2]}, asides=[aside])

        assert catalog.items(photos, state=None) == items
        assert catalog.asides(photos) == [aside]
        assert catalog.items(photos) == items[:1]
        assert catalog.verify() == []
        assert catalog.bring_back(photos, ["copy"]) == ["copy"]

    def test_a_restored_item_replaces_the_one_that_is_there(self, catalog: Catalog, photos: Collection) -> None:
        """With all it had: tags, sources, segments, having been set aside."""
        make_item(catalog, photos, "cat", uris=["/a", "/b"], tags=["old"], metadata={"old": 1})
        make_item(catalog, photos, "dog")
        catalog.set_aside(photos, [Aside("cat", "dog", "run")])
        cat = whole_item("cat", "ready", "/c", tags=("new",))
        left = catalog.restore(photos, [cat], {"cat": segments_for(cat, 2)})

        assert left == []
        assert catalog.item(photos, "cat") == cat
        assert catalog.segments_of(photos, ["cat"]) == {"cat": segments_for(cat, 2)}
        assert catalog.asides(photos) == []
        assert list(catalog.known_sources(photos, ["/a", "/b", "/c"])) == ["/c"]
        assert [item.id for item in catalog.items(photos)] == ["dog", "cat"]

    def test_what_is_being_deleted_is_taken_up_again(self, catalog: Catalog, photos: Collection) -> None:
        """Nothing of what it was is left."""
        make_item(catalog, photos, "cat", tags=["old"])
        catalog.mark_deleting(photos, ["cat"])
        catalog.restore(photos, [whole_item("cat")], {"cat": segments_for(whole_item("cat"))})

        assert catalog.item(photos, "cat") == whole_item("cat")

    def test_a_restored_source_moves(self, catalog: Catalog, photos: Collection) -> None:
        """From the item that had it; the one that is left without any is named."""
        make_item(catalog, photos, "one", uris=["/a"])
        make_item(catalog, photos, "two", uris=["/b", "/c"])
        cat = whole_item("cat", "ready", "/a", "/b")
        left = catalog.restore(photos, [cat], {"cat": segments_for(cat)})

        assert left == ["one"]
        assert {uri: found[1] for uri, found in catalog.known_sources(photos, ["/a", "/b", "/c"]).items()} == {
            "/a": "cat",
            "/b": "cat",
            "/c": "two",
        }

    def test_other_collections_are_not_touched(self, catalog: Catalog, photos: Collection) -> None:
        """The same item, source and segment in two collections are two."""
        other = catalog.create_collection("other", "image", {})
        make_item(catalog, other, "cat", tags=["theirs"])
        cat = whole_item("cat")
        catalog.restore(photos, [cat], {"cat": segments_for(cat)})

        assert catalog.item(other, "cat").tags == ("theirs",)
        assert len(catalog.segments_of(other, ["cat"])["cat"]) == 1

    def test_the_ledger_is_restored_as_it_was(self, catalog: Catalog, photos: Collection) -> None:
        """Attempts and times too; a row that is there is replaced, and no item is touched."""
        make_item(catalog, photos, "cat")
        catalog.reject(photos, [Rejection("/a", "", "source", "gone")])
        rows = [
            Rejection("/a", "", "decode", "bad", 5, ADDED, 1, 2),
            Rejection("/b", "cat", "decode", "worse", 2, UPDATED, None, None),
        ]
        catalog.restore(photos, [], {}, ledger=rows)

        assert sorted(catalog.ledger(photos), key=lambda row: row.uri) == rows
        assert catalog.known(photos, ["cat"]) == {"cat": "ready"}

    @pytest.mark.parametrize("odd", ODD_TEXTS, ids=ascii)
    def test_any_text_is_restored(self, catalog: Catalog, photos: Collection, odd: str) -> None:
        """A path, tag or metadata of any characters."""
        source = Source(f"/pictures/{odd}", odd, 1, metadata={odd: [odd]}, origin=odd, added_at=ADDED)
        cat = replace(whole_item("cat"), sources=(source,), tags=(odd[:200],), info={odd: odd})
        catalog.restore(photos, [cat], {"cat": segments_for(cat)})

        assert catalog.item(photos, "cat") == cat

    def test_restoring_grows_the_revision(self, catalog: Catalog, another: Catalog, photos: Collection) -> None:
        """So that what is kept in memory of a filter's answer is asked anew."""
        make_item(catalog, photos, "dog")
        before, known = another.revision(photos), another.segment_ids(photos, "image")
        cat = whole_item("cat")
        catalog.restore(photos, [cat], {"cat": segments_for(cat)})

        assert another.revision(photos) > before
        assert another.segment_ids(photos, "image").tolist() == sorted([*known.tolist(), segment_id("cat", 0)])

    def test_nothing_of_a_refused_call_is_there(self, catalog: Catalog, photos: Collection) -> None:
        """A tag that cannot be, or a collection that was dropped."""
        catalog.claim(photos, [some_claim("dog")])
        with pytest.raises(UsageError):
            catalog.restore(photos, [whole_item("cat"), whole_item("dog", tags=("",))], {})
        assert catalog.known(photos, ["cat", "dog"]) == {"dog": "pending"}

        catalog.drop_collection(photos)
        with pytest.raises(NoSuchCollection):
            catalog.restore(photos, [whole_item("cat")], {})
