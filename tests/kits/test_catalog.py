"""The catalogs of the registry, through the kit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databases import KINDS, emptied

from morelike.protocols import Catalog
from morelike.registry import CATALOGS
from morelike.settings import Settings
from morelike.testing.kits.catalog import CatalogKit

Open = Callable[..., Catalog]


@pytest.fixture(
    params=[
        pytest.param(kind, marks=pytest.mark.xdist_group("databases")) if kind in KINDS else kind
        for kind in sorted(CATALOGS)
    ]
)
def opener(request: pytest.FixtureRequest, tmp_path: Path, settings: Settings) -> Iterator[Open]:
    """Opens the test's catalog, again and again; ``number`` 1 is the one of another library."""
    kind, opened = request.param, []
    server = request.getfixturevalue(f"{kind}_server") if kind in KINDS else None
    urls: dict[int, str] = {}

    def open_one(number: int = 0) -> Catalog:
        if server is not None and number not in urls:
            urls[number] = emptied(server, number)
        chosen = settings.model_copy(update={"catalog": urls.get(number, kind)})
        opened.append(CATALOGS.load(kind)(tmp_path / f"library-{number}", chosen))
        return opened[-1]

    yield open_one
    for catalog in opened:
        catalog.close()


class TestCatalog(CatalogKit):
    @pytest.fixture
    def catalog(self, opener: Open) -> Catalog:
        return opener()

    @pytest.fixture
    def another(self, opener: Open, catalog: Catalog) -> Catalog:
        return opener()

    @pytest.fixture
    def other_library(self, opener: Open) -> Catalog:
        return opener(1)
