"""What every catalog promises of keys and calibrations."""

from __future__ import annotations

import pytest

from morelike.errors import MorelikeError, UsageError
from morelike.protocols import Catalog
from morelike.records import ApiKey, Calibration
from morelike.testing.kits.catalog_samples import CARD, OTHER_CARD, CatalogFixtures
from morelike.types import Collection

__all__ = ["CatalogKeysKit", "CatalogSpacesKit"]


def key_of(name: str) -> ApiKey:
    return ApiKey(name, "writer", "ml_ab", name.encode().hex().ljust(64, "0"), "2024-01-01T00:00:00Z")


class CatalogKeysKit(CatalogFixtures):
    """``CatalogKeys``."""

    def test_a_key_is_found_by_its_digest(self, catalog: Catalog, another: Catalog) -> None:
        """By every opening, as it was written; another digest finds nothing."""
        key = key_of("laptop")
        catalog.add_key(key)

        assert another.key_of_digest(key.digest) == key
        assert another.key_of_digest("f" * 64) is None

    def test_keys_are_listed_by_name(self, catalog: Catalog) -> None:
        """Names may be any text."""
        for name in ("b", "a b", "ä"):
            catalog.add_key(key_of(name))

        assert [key.name for key in catalog.keys()] == ["a b", "b", "ä"]  # noqa: SIM118  # not a mapping

    def test_a_key_says_when_it_was_made(self, catalog: Catalog) -> None:
        """Where nobody says it, the catalog does."""
        catalog.add_key(ApiKey("laptop", "reader", "ml_", "0" * 64))

        assert catalog.keys()[0].created_at

    def test_the_name_of_a_key_is_taken_once(self, catalog: Catalog) -> None:
        """The second is refused, and the first stays."""
        catalog.add_key(key_of("laptop"))
        with pytest.raises(UsageError, match="laptop"):
            catalog.add_key(ApiKey("laptop", "admin", "ml_", "1" * 64))

        assert catalog.keys() == [key_of("laptop")]

    def test_a_dropped_key_is_gone(self, catalog: Catalog, another: Catalog) -> None:
        """For every opening at once."""
        catalog.add_key(key_of("laptop"))
        another.drop_key("laptop")

        assert (catalog.keys(), catalog.key_of_digest(key_of("laptop").digest)) == ([], None)

    def test_dropping_an_unknown_key_names_those_there_are(self, catalog: Catalog) -> None:
        """A slip of the finger is not taken for done."""
        catalog.add_key(key_of("laptop"))
        with pytest.raises(UsageError, match="lap top") as raised:
            catalog.drop_key("lap top")

        assert "laptop" in raised.value.hint


class CatalogSpacesKit(CatalogFixtures):
    """``CatalogSpaces``."""

    def test_a_space_has_no_calibration_until_it_is_measured(self, catalog: Catalog, photos: Collection) -> None:
        """Nothing is made up."""
        space = catalog.add_space(photos, "image", CARD, active=True)

        assert catalog.calibration(space) is None

    def test_a_calibration_comes_back_as_it_was(self, catalog: Catalog, another: Catalog, photos: Collection) -> None:
        """To the last bit of each number; each space has its own."""
        space = catalog.add_space(photos, "image", CARD, active=True)
        other = catalog.add_space(photos, "image", OTHER_CARD, active=False)
        measured = Calibration(10**6, (-0.1, 1 / 3, 0.5), (0.1 + 0.2, 1.0), "2024-01-01T00:00:00Z")
        catalog.calibrate(space, measured)

        assert another.calibration(space) == measured
        assert another.calibration(other) is None

    def test_a_later_calibration_replaces_the_earlier(self, catalog: Catalog, photos: Collection) -> None:
        """And the collection's revision grows, so that others notice."""
        space = catalog.add_space(photos, "image", CARD, active=True)
        catalog.calibrate(space, Calibration(1, (0.0,), (0.5,)))
        before = catalog.revision(photos)
        catalog.calibrate(space, Calibration(2, (0.25,), (0.75,)))
        found = catalog.calibration(space)

        assert found is not None
        assert (found.items, found.background, found.nearest) == (2, (0.25,), (0.75,))
        assert found.made_at
        assert catalog.revision(photos) > before

    def test_a_calibration_goes_with_its_space(self, catalog: Catalog, photos: Collection) -> None:
        """And cannot be written to one that was dropped."""
        space = catalog.add_space(photos, "image", CARD, active=True)
        catalog.calibrate(space, Calibration(1, (0.0,), (0.5,)))
        catalog.drop_space(space)

        assert catalog.calibration(space) is None
        with pytest.raises(MorelikeError, match="dropped"):
            catalog.calibrate(space, Calibration(1, (0.0,), (0.5,)))

    def test_a_calibration_goes_with_its_collection(self, catalog: Catalog, photos: Collection) -> None:
        """Nothing of it stays behind."""
        space = catalog.add_space(photos, "image", CARD, active=True)
        catalog.calibrate(space, Calibration(1, (0.0,), (0.5,)))
        catalog.drop_collection(photos)

        assert (catalog.calibration(space), catalog.verify()) == (None, [])
