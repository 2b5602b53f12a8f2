"""What every catalog leaves of a few items under a filter."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from morelike.expressions import All, Compare, Expression, Has, In, Like, Not
from morelike.expressions import Any as AnyOf
from morelike.protocols import Catalog
from morelike.testing.kits.catalog_samples import (
    CatalogFixtures,
    make_item,
    some_claim,
)
from morelike.types import Collection, segment_id

__all__ = ["CatalogFilterKit"]


class CatalogFilterKit(CatalogFixtures):
    """What each filter leaves of four items."""

    @pytest.fixture
    def filled(self, catalog: Catalog, photos: Collection) -> Collection:
        at_2020 = 1_577_923_445 * 10**9  # 2020-01-02T00:04:05Z
        make_item(
            catalog,
            photos,
            "cat",
            uris=["/home/pets/Cat_1.JPG"],
            info={"width": 1000, "taken": "2020-05-01T10:00:00", "ratio": 1.5, "flash": True},
            metadata={"by": "Ann", "width": 7},
            modified_ns=at_2020,
            tags=["pet", "fur"],
        )
        make_item(catalog, photos, "dog", uris=["/home/pets/100%.png"], info={"width": 10}, metadata={"by": "ann"})
        make_item(catalog, photos, "car", uris=["/a/b.jpg", "/b/c.jpg"], metadata={"width": "wide", "flash": False})
        catalog.claim(photos, [some_claim("car", "/c/Ünïcode.jpg", metadata={"only": "here", "n": None})])
        make_item(catalog, photos, "bare", uris=["/z"])
        return photos

    CASES: Sequence[tuple[Expression, str]] = (
        (Compare("width", ">=", 1000), "cat"),
        (Compare("width", "<", 1000.5), "cat dog"),
        (Compare("width", "!=", 10), "cat"),
        (Compare("width", "=", "wide"), "car"),
        (Not(Compare("width", ">=", 1000)), "dog car bare"),
        (Compare("meta.width", "=", 7), "cat"),
        (Compare("width", "=", 7), ""),
        (Compare("ratio", "=", 1.5), "cat"),
        (Compare("ratio", "=", float("nan")), ""),
        (Compare("ratio", "<", 10**400), "cat"),
        (Compare("flash", "=", value=True), "cat"),
        (Compare("flash", "!=", value=True), "car"),
        (Compare("flash", "=", 1), ""),
        (Compare("taken", ">=", "2020-05"), "cat"),
        (Compare("taken", "<", "2020-05"), ""),
        (Compare("modified", ">=", "2020-01-02"), "cat"),
        (Compare("modified", "=", "2020-01-02T00:04:05Z"), "cat"),
        (Compare("added", ">", "2020"), "cat dog car bare"),
        (Compare("by", "=", "Ann"), "cat"),
        (Compare("path", "=", "/b/c.jpg"), "car"),
        (Compare("folder", "=", "pets"), "cat dog"),
        (Compare("name", "=", "b.jpg"), "car"),
        (Compare("size", "=", 3), "cat dog car"),
        (Compare("media_type", "=", "image/jpeg"), "cat dog car bare"),
        (Compare("id", "=", "dog"), "dog"),
        (Compare("state", "=", "ready"), "cat dog car bare"),
        (Compare("tag", "=", "pet"), "cat"),
        (Compare("tag", "!=", "pet"), ""),
        (Compare("tag", "!=", "other"), "cat"),
        (Not(Compare("tag", "=", "pet")), "dog car bare"),
        (In("tag", ("fur", "x")), "cat"),
        (In("by", ("Ann", "ann", 3)), "cat dog"),
        (In("width", (10, "wide", True)), "dog car"),
        (In("flash", (True, False)), "cat car"),
        (In("width", ()), ""),
        (Not(In("width", ())), "cat dog car bare"),
        (Like("name", "cat*"), "cat"),
        (Like("path", "*.jpg"), "cat car"),
        (Like("name", "cat?1.jpg"), "cat"),
        (Like("name", "c_t*"), ""),
        (Like("name", "100%.*"), "dog"),
        (Like("name", "1%0"), ""),
        (Like("name", "ünÏcode*"), "car"),
        (Like("tag", "P*"), "cat"),
        (Like("by", "ANN"), "cat dog"),
        (Like("width", "*"), "car"),
        (Has("width"), "cat dog car"),
        (Has("tag"), "cat"),
        (Has("modified"), "cat"),
        (Has("meta.n"), ""),
        (Not(Has("by")), "car bare"),
        (All(()), "cat dog car bare"),
        (AnyOf(()), ""),
        (All((Compare("by", "=", "Ann"), Compare("width", ">", 1))), "cat"),
        (AnyOf((Compare("by", "=", "ann"), Compare("only", "=", "here"))), "dog car"),
        # The whole of it must hold of one source, not each part of some source.
        (All((Compare("path", "=", "/b/c.jpg"), Compare("only", "=", "here"))), ""),
        (All((Compare("path", "=", "/b/c.jpg"), Not(Compare("only", "=", "here")))), "car"),
        (Compare("'); drop table items; --", "=", "x"), ""),
        (Compare('a"b\\c.d[0]', "=", "x"), ""),
    )

    @pytest.mark.parametrize(("expression", "expected"), CASES, ids=lambda value: str(value)[:60])
    def test_a_filter_leaves(self, catalog: Catalog, filled: Collection, expression: Expression, expected: str) -> None:
        """The list, the count and the segments agree on what is left."""
        names = expected.split()

        assert [item.id for item in catalog.items(filled, filter=expression)] == names
        assert catalog.count(filled, filter=expression) == len(names)
        ids = catalog.segment_ids(filled, "image", filter=expression)
        assert ids.tolist() == sorted(segment_id(name, 0) for name in names)
