"""What every catalog promises. A database's test file subclasses this and says how to open one, twice."""

from __future__ import annotations

from morelike.testing.kits.catalog_collections import CatalogCollectionsKit
from morelike.testing.kits.catalog_duplicates import CatalogDuplicatesKit
from morelike.testing.kits.catalog_filters import CatalogFilterKit
from morelike.testing.kits.catalog_ingest import CatalogIngestKit
from morelike.testing.kits.catalog_jobs import CatalogJobsKit
from morelike.testing.kits.catalog_reading import CatalogReadingKit
from morelike.testing.kits.catalog_records import CatalogKeysKit, CatalogSpacesKit

__all__ = ["CatalogKit"]


class CatalogKit(
    CatalogCollectionsKit,
    CatalogIngestKit,
    CatalogReadingKit,
    CatalogFilterKit,
    CatalogJobsKit,
    CatalogKeysKit,
    CatalogSpacesKit,
    CatalogDuplicatesKit,
):
    """Every promise of ``morelike.protocols.Catalog``; ``catalog`` and ``another`` are the fixtures to override."""
