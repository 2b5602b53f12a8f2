"""What the catalog's kits share: small items, and the fixtures that a database's test file provides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from morelike.protocols import Catalog
from morelike.types import WHOLE, Card, Claim, Collection, ContentDigest, Finished, Segment, Source, segment_id

__all__ = ["CARD", "ODD_TEXTS", "OTHER_CARD", "CatalogFixtures", "digest_of", "finished", "make_item", "some_claim"]

CARD = Card(
    name="toy", family="toy", form="dense", dim=4, metric="cosine", inputs={"image": {"side": 8}}, fingerprint="0" * 12
)
OTHER_CARD = Card(
    name="other", family="toy", form="dense", dim=8, metric="ip", inputs={"image": {}}, fingerprint="1" * 12
)
ODD_TEXTS = (
    "caf\u00e9",
    "\udcff\udc80.jpg",
    "␛dcff",
    "a\0b",
    '"quoted" and \\ and \'',
    "'; drop table items; --",
    "\U0001f408",
    "x" * 4096,
)
"""What file names and metadata can be, among it a name that is not valid Unicode."""


def digest_of(name: str) -> ContentDigest:
    """A digest that stands for the content ``name``."""
    blake3 = name.encode().hex().ljust(64, "0")[:64]
    return ContentDigest(blake3=blake3, md5=blake3[:32], size=len(name))


def some_claim(name: str, uri: str = "", *, in_place: bool = False, tags: Sequence[str] = (), **source: Any) -> Claim:
    """The item ``name`` found at ``uri``."""
    uri = uri or f"/pictures/{name}.jpg"
    found = Source(uri=uri, name=uri.rpartition("/")[2], size=len(name), **source)
    return Claim(name, digest_of(name), "image/jpeg", found, in_place, tuple(tags))


def finished(name: str, info: Mapping[str, Any] | None = None, *, kinds: Sequence[str] = ("image",)) -> Finished:
    """The item ``name`` with one segment for each of ``kinds``."""
    segments = tuple(Segment(segment_id(name, i), i, kind, WHOLE, name) for i, kind in enumerate(kinds))
    return Finished(name, info or {}, segments)


def make_item(
    catalog: Catalog,
    collection: Collection,
    name: str,
    *,
    uris: Sequence[str] = ("",),
    info: Mapping[str, Any] | None = None,
    **claim: Any,
) -> None:
    """A ready item with a source at each of ``uris``."""
    catalog.claim(collection, [some_claim(name, uri, **claim) for uri in uris])
    catalog.finish(collection, [finished(name, info)])


class CatalogFixtures:
    """Fixtures to override: ``catalog``, ``another`` and ``other_library``."""

    @pytest.fixture
    def catalog(self) -> Catalog:
        """A fresh, empty catalog."""
        raise NotImplementedError

    @pytest.fixture
    def another(self) -> Catalog:
        """The same database as ``catalog``, opened a second time."""
        raise NotImplementedError

    @pytest.fixture
    def other_library(self) -> Catalog:
        """Another library's catalog, in a database of its own."""
        raise NotImplementedError

    @pytest.fixture
    def photos(self, catalog: Catalog) -> Collection:
        return catalog.create_collection("photos", "image", {})
