"""What every catalog promises to whoever reads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import cast

import numpy as np
import pytest

from morelike.errors import NoSuchItem, UsageError
from morelike.expressions import Compare
from morelike.protocols import Catalog
from morelike.records import Aside, ItemSort
from morelike.testing.kits.catalog_samples import (
    CARD,
    ODD_TEXTS,
    CatalogFixtures,
    digest_of,
    finished,
    make_item,
    some_claim,
)
from morelike.types import WHOLE, Collection, Finished, Rejection, Segment, Span, segment_id

__all__ = ["CatalogReadingKit"]


class CatalogReadingKit(CatalogFixtures):
    """``CatalogReading``."""

    def test_the_revision_grows_with_each_change(self, catalog: Catalog, another: Catalog, photos: Collection) -> None:
        """Seen by every process; reading, and another collection's changes, leave it as it is."""
        other = catalog.create_collection("other", "image", {})
        seen = [another.revision(photos)]
        changes: list[Callable[[], object]] = [
            lambda: catalog.claim(photos, [some_claim("cat")]),
            lambda: catalog.finish(photos, [finished("cat")]),
            lambda: catalog.tag(photos, ["cat"], ["t"], []),
            lambda: catalog.annotate(photos, ["cat"], {"x": 1}),
            lambda: catalog.reject(photos, [Rejection("/a", "", "source", "gone")]),
            lambda: catalog.forgive(photos, ["/a"]),
            lambda: catalog.add_space(photos, "image", CARD, active=True),
            lambda: catalog.drop_sources(photos, ["/pictures/cat.jpg"]),
            lambda: catalog.mark_deleting(photos, ["cat"]),
            lambda: catalog.forget(photos, ["cat"]),
        ]
        for change in changes:
            change()
            catalog.claim(other, [some_claim("dog")])
            seen.append(another.revision(photos))

        assert all(later > earlier for earlier, later in pairwise(seen))
        assert another.revision(photos) == seen[-1]

    def test_another_opening_sees_what_was_written(
        self, catalog: Catalog, another: Catalog, photos: Collection
    ) -> None:
        """Without being opened anew."""
        before = another.segment_ids(photos, "image").tolist()
        make_item(catalog, photos, "cat")

        assert before == []
        assert another.segment_ids(photos, "image").tolist() == [segment_id("cat", 0)]
        assert another.item(photos, "cat") == catalog.item(photos, "cat")

    def test_an_item_is_found_by_a_prefix(self, catalog: Catalog, photos: Collection) -> None:
        """Of six characters or more, if it is the only one; the whole id always wins."""
        for name in ("abcdef1", "abcdef12", "abcxyz99"):
            make_item(catalog, photos, name)

        assert catalog.item(photos, "abcxyz").id == "abcxyz99"
        assert catalog.item(photos, "abcdef1").id == "abcdef1"
        with pytest.raises(NoSuchItem) as several:
            catalog.item(photos, "abcdef")
        assert "abcdef12" in several.value.hint
        for unknown in ("abcxy", "abcxyz_", "abcxy%", "nothing"):
            with pytest.raises(NoSuchItem):
                catalog.item(photos, unknown)

    def test_pages_follow_each_other(self, catalog: Catalog, photos: Collection) -> None:
        """Together they are the whole list, also while new items arrive."""
        for i in range(7):
            make_item(catalog, photos, f"item-{i}")
        first = catalog.items(photos, limit=3)
        make_item(catalog, photos, "item-late")
        rest = catalog.items(photos, offset=3, limit=100)

        assert [item.id for item in first + rest] == [*(f"item-{i}" for i in range(7)), "item-late"]

    SORTED: Sequence[tuple[ItemSort, str]] = (
        ("added", "b A aa é_ c"),
        ("name", "A aa b c é_"),
        ("size", "b A c aa é_"),
    )

    @pytest.mark.parametrize(("sort", "expected"), SORTED)
    def test_items_are_sorted(self, catalog: Catalog, photos: Collection, sort: ItemSort, expected: str) -> None:
        """By arrival, by name with A to Z as a to z and all else by code point, or by size; and the other way round."""
        names = expected.split()
        for name in ("b", "A", "aa", "é_", "c"):
            make_item(catalog, photos, name)
        other = catalog.create_collection("other", "image", {})
        make_item(catalog, other, "0")

        assert [item.id for item in catalog.items(photos, sort=sort)] == names
        last = catalog.items(photos, sort=sort, descending=True, limit=1)
        assert [item.id for item in last] == (["aa"] if sort == "size" else names[-1:])

    def test_items_are_sorted_by_the_name_that_they_had_first(self, catalog: Catalog, photos: Collection) -> None:
        """Whatever their other sources are called, and of those that a filter leaves; another sort is refused."""
        make_item(catalog, photos, "first", uris=["/x/M.jpg", "/x/a.jpg"])
        make_item(catalog, photos, "second", uris=["/x/L.jpg", "/x/z.jpg"])
        make_item(catalog, photos, "third", uris=["/y/0.jpg"])
        wanted = Compare("folder", "=", "x")

        assert [item.id for item in catalog.items(photos, sort="name", filter=wanted)] == ["second", "first"]
        with pytest.raises(UsageError, match="colour"):
            catalog.items(photos, sort=cast("ItemSort", "colour"))

    @pytest.mark.parametrize("sort", ["name", "size"])
    @pytest.mark.parametrize("descending", [False, True])
    def test_equal_items_stand_in_order_of_arrival(
        self, catalog: Catalog, photos: Collection, sort: ItemSort, *, descending: bool
    ) -> None:
        """So that pages never overlap, and miss nothing."""
        names = [f"item-{(i * 7) % 11:02}" for i in range(11)]
        for at, name in enumerate(names):
            make_item(catalog, photos, name, uris=[f"/{at}/{'same' if at % 2 else 'SAME'}.jpg"])
        pages = [catalog.items(photos, sort=sort, descending=descending, offset=at, limit=4) for at in (0, 4, 8)]

        assert [item.id for page in pages for item in page] == names

    def test_tags_are_counted(self, catalog: Catalog, photos: Collection) -> None:
        """Those of ready items of this collection, the most frequent first, equal ones by code point; in pages."""
        other = catalog.create_collection("other", "image", {})
        make_item(catalog, other, "cat", tags=["rare"])
        for name, tags in (("cat", ["b", "common", "é"]), ("dog", ["common", "B"]), ("cow", ["common", "b"])):
            make_item(catalog, photos, name, tags=tags)
        catalog.claim(photos, [some_claim("pending", tags=["common"])])
        make_item(catalog, photos, "copy", tags=["common"])
        catalog.set_aside(photos, [Aside("copy", "cat", "run")])
        expected = [("common", 3), ("b", 2), ("B", 1), ("é", 1)]

        assert catalog.tags(photos) == expected
        assert catalog.tags(photos, offset=1, limit=2) == expected[1:3]
        assert catalog.tags(catalog.create_collection("empty", "image", {})) == []

    PREFIXES: Sequence[tuple[str, str]] = (
        ("auto:", "auto:cat Auto:dog"),
        ("100%", "100%_sure"),
        ("1%", ""),
        ("_", "_x"),
        ("!", "!now"),
        ("ÜN", "ünïcode"),
        ("a\0", "a\0b"),
        ("x" * 300, ""),
    )

    @pytest.mark.parametrize(("prefix", "expected"), PREFIXES)
    def test_tags_are_found_by_their_beginning(
        self, catalog: Catalog, photos: Collection, prefix: str, expected: str
    ) -> None:
        """In upper or lower case; nothing in it is a wildcard."""
        tags = ["auto:cat", "Auto:dog", "automatic", "100%_sure", "100 years", "_x", "!now", "ünïcode", "a\0b"]
        make_item(catalog, photos, "cat", tags=tags)

        assert sorted(tag for tag, _ in catalog.tags(photos, prefix=prefix)) == sorted(expected.split())

    def test_all_pages_are_all_items(self, catalog: Catalog, photos: Collection) -> None:
        """Oldest first, also while items go that were passed, and while others arrive."""
        for i in range(7):
            make_item(catalog, photos, f"item-{i}")
        pages = catalog.pages(photos, size=3)
        seen = [item.id for item in next(pages)]
        catalog.mark_deleting(photos, ["item-0", "item-2"])
        make_item(catalog, photos, "item-late")
        seen += [item.id for page in pages for item in page]

        assert seen == [*(f"item-{i}" for i in range(7)), "item-late"]
        assert list(catalog.pages(photos, state="pending")) == []

    def test_ids_are_those_of_ready_items(self, catalog: Catalog, photos: Collection) -> None:
        """All of them, or those that pass a filter; oldest first, each once."""
        for name, tags in (("b", ["t"]), ("c", ["s"]), ("a", ["s", "t"])):
            make_item(catalog, photos, name, uris=[f"/{name}", f"/again/{name}"], tags=tags)
        catalog.claim(photos, [some_claim("pending")])

        assert catalog.item_ids(photos) == ["b", "c", "a"]
        assert catalog.item_ids(photos, filter=Compare("tag", "=", "t")) == ["b", "a"]

    def test_items_are_got_by_id(self, catalog: Catalog, photos: Collection) -> None:
        """In the order asked for; unknown ones are left out."""
        for name in ("a", "b", "c"):
            make_item(catalog, photos, name)

        assert list(catalog.get_items(photos, ["c", "x", "a"])) == ["c", "a"]
        assert catalog.get_items(photos, ["b"])["b"] == catalog.item(photos, "b")

    def test_what_is_shown_is_what_the_item_says(self, catalog: Catalog, photos: Collection) -> None:
        """In short: of ready items only, in the order asked for, the first source's metadata, tags in order."""
        uris = [f"/{name}.jpg" for name in "zay"]
        make_item(catalog, photos, "a", uris=uris, info={"width": 1}, tags=["t", "s"])
        catalog.claim(photos, [some_claim("a", "/late.jpg", metadata={"x": 2}), some_claim("pending")])
        make_item(catalog, photos, "b", metadata={"caf\u00e9": "␛"})
        found = catalog.shown(photos, ["b", "x", "pending", "a"])

        items = catalog.get_items(photos, ["b", "a"])
        assert list(found) == ["b", "a"]
        for item_id, shown in found.items():
            item = items[item_id]
            assert (shown.info, shown.tags) == (item.info, item.tags)
            assert shown.uris == tuple(source.uri for source in item.sources)
            assert shown.metadata == item.sources[0].metadata
        assert (found["a"].uris, found["a"].metadata) == ((*uris, "/late.jpg"), {})
        assert catalog.shown(photos, []) == {}

    def test_items_are_counted_by_state(self, catalog: Catalog, photos: Collection) -> None:
        """Ready ones unless another state is asked for."""
        make_item(catalog, photos, "ready")
        catalog.claim(photos, [some_claim("pending"), some_claim("bad")])
        catalog.reject(photos, [Rejection("/pictures/bad.jpg", "bad", "decode", "bad")])

        counted = [catalog.count(photos, state=state) for state in ("ready", "pending", "rejected", "deleting", None)]

        assert counted == [1, 1, 1, 0, 3]

    def test_segments_are_found_by_id(self, catalog: Catalog, photos: Collection) -> None:
        """With their span, in the order asked for; those of items that are not ready are left out."""
        piece = Segment(segment_id("film", 3), 3, "image", Span("seconds", 1.5, 2.25), "film")
        catalog.claim(photos, [some_claim("film"), some_claim("pending")])
        catalog.finish(
            photos, [Finished("film", {}, (Segment(segment_id("film", 0), 0, "audio", WHOLE, "film"), piece))]
        )
        ids = np.array([piece.id, segment_id("pending", 0), segment_id("film", 0)], dtype=np.int64)
        found = catalog.segments(photos, ids)

        assert list(found) == [piece.id, segment_id("film", 0)]
        assert found[piece.id] == piece

    def test_segment_ids_are_sorted_and_of_one_kind(self, catalog: Catalog, photos: Collection) -> None:
        """int64, ascending, only of ready items."""
        names = [f"item-{i}" for i in range(50)]
        catalog.claim(photos, [some_claim(name) for name in [*names, "pending"]])
        catalog.finish(photos, [finished(name, kinds=["image", "audio"]) for name in names])
        ids = catalog.segment_ids(photos, "image")

        assert ids.dtype == np.int64
        assert ids.tolist() == sorted(segment_id(name, 0) for name in names)

    def test_segment_ids_follow_every_change(self, catalog: Catalog, another: Catalog, photos: Collection) -> None:
        """What is kept in memory is dropped when the revision grows, by whomever."""
        wanted = Compare("tag", "=", "t")
        make_item(catalog, photos, "cat")
        make_item(catalog, photos, "dog", tags=["t"])
        before = catalog.segment_ids(photos, "image", filter=wanted)
        again = catalog.segment_ids(photos, "image", filter=wanted)
        another.tag(photos, ["cat"], ["t"], [])
        after = catalog.segment_ids(photos, "image", filter=wanted)

        assert before.tolist() == again.tolist() == [segment_id("dog", 0)]
        assert after.tolist() == sorted([segment_id("cat", 0), segment_id("dog", 0)])

    def test_filters_that_python_thinks_equal_are_told_apart(self, catalog: Catalog, photos: Collection) -> None:
        """1 and True are equal in Python; a number and a truth are not the same question."""
        make_item(catalog, photos, "number", metadata={"x": 1})
        make_item(catalog, photos, "truth", metadata={"x": True})

        found = [catalog.segment_ids(photos, "image", filter=Compare("x", "=", value)).tolist() for value in (1, True)]

        assert found == [[segment_id("number", 0)], [segment_id("truth", 0)]]

    def test_sources_are_rows_in_order_of_arrival(self, catalog: Catalog, photos: Collection) -> None:
        """Each is one, also of an item that has several; only ready items' count, and no other collection's."""
        other = catalog.create_collection("other", "image", {})
        make_item(catalog, photos, "cat", uris=["/1"])
        make_item(catalog, other, "dog", uris=["/2"])
        make_item(catalog, photos, "dog", uris=["/3"], metadata={"x": 1})
        catalog.claim(photos, [some_claim("cat", "/4"), some_claim("pending", "/5")])

        pages = [catalog.sources(photos, offset=offset, limit=2) for offset in (0, 2, 4)]

        assert [[row.source.uri for row in page] for page in pages] == [["/1", "/3"], ["/4"], []]
        rows = [row for page in pages for row in page]
        assert [row.number for row in rows] == sorted({row.number for row in rows})
        assert [(row.item_id, row.state) for row in rows] == [("cat", "ready"), ("dog", "ready"), ("cat", "ready")]
        assert (rows[1].digest, rows[1].media_type) == (digest_of("dog"), "image/jpeg")
        assert rows[1].source == catalog.item(photos, "dog").sources[0]
        assert catalog.count_sources(photos) == 3

    def test_sources_are_rows_by_digest(self, catalog: Catalog, photos: Collection) -> None:
        """All of those bytes, in pages; a digest that nobody has gives none."""
        make_item(catalog, photos, "cat", uris=["/1", "/2"])
        make_item(catalog, photos, "dog", uris=["/3"])
        md5 = digest_of("cat").md5

        assert [row.source.uri for row in catalog.sources(photos, md5=md5)] == ["/1", "/2"]
        assert [row.source.uri for row in catalog.sources(photos, md5=md5, offset=1, limit=1)] == ["/2"]
        assert catalog.count_sources(photos, md5=md5) == 2
        assert (catalog.sources(photos, md5="f" * 32), catalog.count_sources(photos, md5="f" * 32)) == ([], 0)

    def test_sources_are_rows_by_origin(self, catalog: Catalog, photos: Collection) -> None:
        """Those that ``sources_of_origin`` names, whatever their items' state; its letters' case counts."""
        make_item(catalog, photos, "cat", uris=["/pictures/ä_1", "/Pictures/2", "/picturesque/3"])
        catalog.claim(photos, [some_claim("pending", "/pictures/4"), some_claim("other", "/5", origin="/pictures")])

        rows = catalog.sources(photos, origin="/pictures")
        behind = catalog.sources(photos, origin="/pictures", after=rows[0].number, limit=1)

        assert [row.source.uri for row in rows] == list(catalog.sources_of_origin(photos, "/pictures"))
        assert sorted(row.source.uri for row in rows) == ["/5", "/pictures/4", "/pictures/ä_1"]
        assert behind == rows[1:2]

    @pytest.mark.parametrize("uri", ODD_TEXTS)
    def test_a_source_is_found_as_a_row(self, catalog: Catalog, photos: Collection, uri: str) -> None:
        """By its uri, its key or its item, whatever the item's state, once; not in another collection."""
        other = catalog.create_collection("other", "image", {})
        catalog.claim(photos, [some_claim("cat", uri), some_claim("cat", "/more")])
        make_item(catalog, photos, "dog")

        row, more = catalog.find_sources(photos, item_ids=["cat", "nothing"])

        assert (row.source.uri, row.state, more.source.uri) == (uri, "pending", "/more")
        assert catalog.find_sources(photos, uris=[uri]) == catalog.find_sources(photos, keys=[row.key]) == [row]
        assert catalog.find_sources(photos, uris=["/more", uri], item_ids=["cat"], keys=[row.key]) == [row, more]
        assert catalog.find_sources(other, uris=[uri], keys=[row.key], item_ids=["cat"]) == []
        catalog.mark_deleting(photos, ["cat"])
        assert catalog.find_sources(photos, uris=[uri], item_ids=["cat"]) == []

    def test_blobs_needed_are_those_of_every_item(self, catalog: Catalog, photos: Collection) -> None:
        """Each digest once, whatever the item's state; not those of files that were only referred to."""
        other = catalog.create_collection("other", "image", {})
        make_item(catalog, photos, "a")
        make_item(catalog, other, "a")
        make_item(catalog, photos, "outside", in_place=True)
        catalog.claim(photos, [some_claim("pending")])

        assert sorted(catalog.blobs_needed()) == sorted([digest_of("a").blake3, digest_of("pending").blake3])

    def test_a_sound_catalog_has_no_faults(self, catalog: Catalog, photos: Collection) -> None:
        """Items in every state are all right."""
        make_item(catalog, photos, "a", tags=["t"])
        catalog.claim(photos, [some_claim("pending"), some_claim("bad"), some_claim("going")])
        catalog.reject(photos, [Rejection("/pictures/bad.jpg", "bad", "decode", "bad")])
        catalog.mark_deleting(photos, ["going"])

        assert catalog.verify() == []
        assert catalog.bytes_used() > 0

    def test_a_ready_item_without_segments_is_a_fault(self, catalog: Catalog, photos: Collection) -> None:
        """One sentence that says how many and where."""
        catalog.claim(photos, [some_claim("empty")])
        catalog.finish(photos, [Finished("empty", {}, ())])

        assert catalog.verify() == ["photos: 1 item is ready but has no segments"]

    def test_two_threads_may_write(self, catalog: Catalog, another: Catalog, photos: Collection) -> None:
        """Through two openings at once; nothing is lost, and a reader sees the revision grow."""
        failures: list[BaseException] = []
        seen: list[int] = []
        done = threading.Event()

        def write(through: Catalog, prefix: str) -> None:
            try:
                for i in range(8):
                    make_item(through, photos, f"{prefix}{i}", tags=["t"])
            except BaseException as error:
                failures.append(error)

        def read() -> None:
            try:
                while not done.is_set():
                    seen.append(catalog.revision(photos))
                    done.wait(0.005)
            except BaseException as error:
                failures.append(error)

        writers = [threading.Thread(target=write, args=each) for each in ((catalog, "a"), (another, "b"))]
        reader = threading.Thread(target=read)
        for thread in (reader, *writers):
            thread.start()
        for thread in writers:
            thread.join()
        done.set()
        reader.join()

        assert failures == []
        assert catalog.count(photos, filter=Compare("tag", "=", "t")) == 16
        assert seen == sorted(seen)
        assert len(set(seen)) > 1
