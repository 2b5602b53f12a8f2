"""What every catalog promises. A database's test file subclasses this and says how to open one, twice."""

from __future__ import annotations

from morelike.testing.kits.catalog_collections import CatalogCollectionsKit
from morelike.testing.kits.catalog_filters import CatalogFilterKit
from morelike.testing.kits.catalog_ingest import CatalogIngestKit
from morelike.testing.kits.catalog_reading import CatalogReadingKit

__all__ = ["CatalogKit"]


class CatalogKit(CatalogCollectionsKit, CatalogIngestKit, CatalogReadingKit, CatalogFilterKit):
    """Every promise of ``morelike.protocols.Catalog``; ``catalog`` and ``another`` are the fixtures to override."""
