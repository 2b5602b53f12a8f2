"""What every catalog promises. A database's test file subclasses this and says how to open one, twice."""

from __future__ import annotations

from morelike.testing.kits.catalog_collections import CatalogCollectionsKit
from morelike.testing.kits.catalog_duplicates import CatalogDuplicatesKit
from morelike.testing.kits.catalog_fields import CatalogFieldsKit
from morelike.testing.kits.catalog_filters import CatalogFilterKit
from morelike.testing.kits.catalog_ingest import CatalogIngestKit
from morelike.testing.kits.catalog_jobs import CatalogJobsKit
from morelike.testing.kits.catalog_library import CatalogLibraryKit
from morelike.testing.kits.catalog_reading import CatalogReadingKit
from morelike.testing.kits.catalog_records import CatalogKeysKit, CatalogSpacesKit
from morelike.testing.kits.catalog_restoring import CatalogRestoringKit
from morelike.testing.kits.catalog_storage import CatalogAmountsKit

__all__ = ["CatalogKit"]


class CatalogKit(
    CatalogCollectionsKit,
    CatalogIngestKit,
    CatalogReadingKit,
    CatalogFilterKit,
    CatalogFieldsKit,
    CatalogJobsKit,
    CatalogKeysKit,
    CatalogSpacesKit,
    CatalogDuplicatesKit,
    CatalogRestoringKit,
    CatalogAmountsKit,
    CatalogLibraryKit,
):
    """Every promise of ``morelike.protocols.Catalog``. Fixtures to override: those of ``CatalogFixtures``."""
