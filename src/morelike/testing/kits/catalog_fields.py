"""What every catalog tells a vector store that evaluates filters itself."""

from __future__ import annotations

import numpy as np
import pytest

from morelike.expressions import All, Compare, Expression, Has, In, Like, Not
from morelike.protocols import Catalog
from morelike.stores.catalog.encoding import pack
from morelike.testing.field_store import holds
from morelike.testing.kits.catalog_filters import CatalogFilterKit
from morelike.testing.kits.catalog_samples import (
    ODD_TEXTS,
    CatalogFixtures,
    finished,
    make_item,
    some_claim,
)
from morelike.types import Collection, Fields, Ids, segment_id

__all__ = ["CatalogFieldsKit"]


def _ids(*names: str) -> Ids:
    return np.array([segment_id(name, 0) for name in names], dtype=np.int64)


class CatalogFieldsKit(CatalogFixtures):
    """``fields_of`` and ``touched``."""

    @pytest.fixture
    def odd(self, catalog: Catalog, photos: Collection) -> Collection:
        """The items of the filter kit, and one whose every text and key is odd."""
        filled = CatalogFilterKit.filled.__wrapped__(CatalogFilterKit(), catalog, photos)  # type: ignore[attr-defined] # pytest's
        texts = list(ODD_TEXTS)
        make_item(
            catalog,
            photos,
            "odd",
            uris=[f"/odd/{number}{text}" for number, text in enumerate(texts)],
            info={text: text for text in texts} | {"whole": 2**63, "list": [1], "none": None, "float": 1e-7},
            metadata={text: number for number, text in enumerate(texts)} | {"object": {"a": 1}, "none": None},
            tags=[text for text in texts if len(text) < 100],
        )
        collection: Collection = filled
        return collection

    ASKED: tuple[Expression, ...] = (
        *(Compare(text, "=", text) for text in ODD_TEXTS),
        *(Compare(f"meta.{text}", ">=", 3) for text in ODD_TEXTS),
        *(Compare("tag", "=", text) for text in ODD_TEXTS),
        *(Compare("path", ">", text) for text in ODD_TEXTS),
        *(Like("name", f"*{text}") for text in ODD_TEXTS if len(text) < 100),
        Has("list"),
        Has("object"),
        Has("none"),
        Not(Has("none")),
        Compare("list", "=", 0),
        Compare("whole", ">", 2**62),
        Compare("float", "<", 1e-6),
        Compare("state", "=", "ready"),
        Compare("size", ">=", 3),
        In("id", ("odd", "cat")),
        All((Has("modified"), Like("media_type", "IMAGE/*"))),
        *(expression for expression, _ in CatalogFilterKit.CASES),
    )

    def test_fields_agree_with_filters(self, catalog: Catalog, odd: Collection) -> None:
        """What a filter leaves is what the same filter, asked of the fields, holds of."""
        ids = catalog.segment_ids(odd, "image")
        fields = catalog.fields_of(odd, ids)
        assert sorted(fields) == ids.tolist()
        for expression in self.ASKED:
            left = [identifier for identifier in sorted(fields) if holds(expression, fields[identifier])]

            assert left == catalog.segment_ids(odd, "image", filter=expression).tolist(), expression

    def test_the_fields_of_an_item(self, catalog: Catalog, photos: Collection) -> None:
        """One ``Fields`` a source, in their order; null is left out, and what no filter compares is only there."""
        catalog.claim(photos, [some_claim("cat", "/pets/cat.jpg", metadata={"by": "Ann", "n": None}, tags=["b", "a"])])
        catalog.claim(photos, [some_claim("cat", "/x/b\udcff.jpg", modified_ns=0, metadata={"list": [1]})])
        catalog.finish(photos, [finished("cat", {"width": 3, "deep": {"a": 1}, "no": None})])
        added = catalog.item(photos, "cat").added_at
        plain = {"id": "cat", "state": "ready", "size": 3, "media_type": "image/jpeg", "added": added}
        first = {**plain, "path": "/pets/cat.jpg", "name": "cat.jpg", "folder": "pets"}
        second = {**plain, "path": pack("/x/b\udcff.jpg"), "name": pack("b\udcff.jpg"), "folder": "x"}
        info = {"width": 3, "deep": [0]}

        assert catalog.fields_of(photos, _ids("cat")) == {
            segment_id("cat", 0): (
                Fields(first, ("a", "b"), info, {"by": "Ann"}),
                Fields({**second, "modified": "1970-01-01T00:00:00Z"}, ("a", "b"), info, {"list": [0]}),
            )
        }

    def test_fields_of_ready_items_only(self, catalog: Catalog, photos: Collection) -> None:
        """Segments of items that are not ready, of another collection, or of none, have no fields."""
        for name in ("here", "pending", "deleting"):
            make_item(catalog, photos, name)
        other = catalog.create_collection("other", "image", {})
        make_item(catalog, other, "elsewhere")
        catalog.requeue(photos, ["pending"])
        catalog.mark_deleting(photos, ["deleting"])
        asked = np.append(_ids("here", "pending", "deleting", "elsewhere"), [5])

        assert list(catalog.fields_of(photos, asked)) == _ids("here").tolist()
        assert catalog.fields_of(photos, asked[:0]) == {}

    def test_fields_of_many(self, catalog: Catalog, photos: Collection) -> None:
        """More segments than one statement takes, in the order asked for; segments of an item share its fields."""
        names = [f"item-{number}" for number in range(700)]
        catalog.claim(photos, [some_claim(name) for name in names])
        catalog.finish(photos, [finished(name, {"name-of": name}, kinds=("image", "text")) for name in names])
        asked = np.array([segment_id(name, ordinal) for ordinal in (1, 0) for name in names], dtype=np.int64)
        found = catalog.fields_of(photos, asked)

        assert list(found) == asked.tolist()
        assert [fields[0].info["name-of"] for fields in found.values()] == names * 2

    def test_what_was_touched_or_nothing_known(self, catalog: Catalog, photos: Collection) -> None:
        """Since a revision: all segments whose fields are others now, or None; none where nothing happened since."""
        for name in ("cat", "dog", "car"):
            make_item(catalog, photos, name)
        since = catalog.revision(photos)
        assert catalog.touched(photos, since)[0] == since
        assert _listed(catalog.touched(photos, since)[1]) == []

        catalog.tag(photos, ["cat"], ["pet"], [])
        catalog.annotate(photos, ["dog"], {"by": "Ann"})
        revision, touched = catalog.touched(photos, since)

        assert revision == catalog.revision(photos) > since
        assert touched is None or set(_ids("cat", "dog").tolist()) <= set(touched.tolist())
        assert touched is None or touched.tolist() == sorted(touched.tolist())
        assert catalog.touched(photos, revision + 5)[1] is None  # from a catalog that was put back since


def _listed(ids: Ids | None) -> list[int] | None:
    return None if ids is None else ids.tolist()
