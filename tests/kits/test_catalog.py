"""The catalogs of the registry, through the kit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from morelike.protocols import Catalog
from morelike.registry import CATALOGS
from morelike.settings import Settings
from morelike.testing.kits.catalog import CatalogKit


@pytest.fixture(params=sorted(CATALOGS))
def opener(request: pytest.FixtureRequest) -> str:
    return request.param


class TestCatalog(CatalogKit):
    @pytest.fixture
    def catalog(self, opener: str, tmp_path: Path, settings: Settings) -> Iterator[Catalog]:
        catalog = CATALOGS.load(opener)(tmp_path / "library", settings)
        yield catalog
        catalog.close()

    @pytest.fixture
    def another(self, opener: str, tmp_path: Path, settings: Settings, catalog: Catalog) -> Iterator[Catalog]:
        another = CATALOGS.load(opener)(tmp_path / "library", settings)
        yield another
        another.close()
