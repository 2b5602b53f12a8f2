"""The catalog: one class, its parts in the files beside this one by noun."""

from __future__ import annotations

from pathlib import Path

from morelike.settings import Settings
from morelike.stores.catalog.amounts import AmountRows
from morelike.stores.catalog.annotations import AnnotationRows
from morelike.stores.catalog.blobs import BlobRows
from morelike.stores.catalog.calibrations import CalibrationRows
from morelike.stores.catalog.duplicates import DuplicateRows
from morelike.stores.catalog.engine.sqlite import SqliteDatabase
from morelike.stores.catalog.fields import FieldRows
from morelike.stores.catalog.health import HealthRows
from morelike.stores.catalog.ingest_rows import IngestRows
from morelike.stores.catalog.jobs import JobRows
from morelike.stores.catalog.keys import KeyRows
from morelike.stores.catalog.reading import ReadingRows
from morelike.stores.catalog.removal import RemovalRows
from morelike.stores.catalog.restoring import RestoringRows
from morelike.stores.catalog.source_rows import SourceRows
from morelike.stores.catalog.storage_rows import StorageRows
from morelike.stores.catalog.versions import make_ready

__all__ = ["SqlCatalog", "open_sqlite_catalog"]

_LONGEST_WAIT = 60.0


class SqlCatalog(
    ReadingRows,
    IngestRows,
    RemovalRows,
    AnnotationRows,
    BlobRows,
    HealthRows,
    JobRows,
    KeyRows,
    CalibrationRows,
    DuplicateRows,
    FieldRows,
    RestoringRows,
    SourceRows,
    StorageRows,
    AmountRows,
):
    """The ``Catalog`` over any database that ``engine`` has a file for. Safe from any thread."""

    def close(self) -> None:
        """Repeatable."""
        self._closed = True
        self._database.close()


def open_sqlite_catalog(folder: Path, settings: Settings) -> SqlCatalog:
    """``catalog.sqlite`` in ``folder``: made when there is none, migrated when it is older.

    A folder that cannot be written opens for reading; each write then raises StoreReadOnly. Raises also StoreFull,
    StoreBusy, StoreDamaged, SchemaTooNew.
    """
    # Writers take turns under the library's lock before they come here, so a long wait is not to be expected.
    database = SqliteDatabase(folder / "catalog.sqlite", timeout=min(settings.lock_timeout, _LONGEST_WAIT))
    try:
        make_ready(database)
    except BaseException:
        database.close()
        raise
    return SqlCatalog(database)
