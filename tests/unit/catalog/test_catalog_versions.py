"""Schema versions: made, migrated after a backup, refused."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from morelike.errors import SchemaTooNew, StoreDamaged, StoreReadOnly
from morelike.records import ApiKey, Aside, Calibration
from morelike.settings import Settings
from morelike.stores.catalog import catalog as catalog_module
from morelike.stores.catalog import schema, versions
from morelike.stores.catalog.catalog import open_sqlite_catalog
from morelike.stores.catalog.engine.sqlite import SqliteDatabase
from morelike.testing.kits.catalog_samples import CARD, make_item

FUTURE = f"{int(schema.VERSION) + 1:04d}"
NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "%(next)s"
down_revision = "%(newest)s"


def upgrade():
    with op.batch_alter_table("items") as table:
        table.alter_column("md5", new_column_name="old_md5")
        table.add_column(sa.Column("stars", sa.Integer(), nullable=False, server_default="3"))
    %(code)s
"""


def schema_of(path: Path) -> dict[str, str]:
    """Each table's and index's statement, without what its writer did with blanks and order of clauses."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: " ".join(sorted(sql.replace(",", " ").replace('"', "").split())) for name, sql in rows}


def set_version(folder: Path, version: str) -> None:
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))


@pytest.fixture
def library(tmp_path: Path, settings: Settings) -> Path:
    """A library with one item, closed."""
    catalog = open_sqlite_catalog(tmp_path / "library", settings)
    make_item(catalog, catalog.create_collection("photos", "image", {}), "cat", tags=["t"])
    catalog.close()
    return tmp_path / "library"


@pytest.fixture
def future(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """``future(code)``: from now on a next version exists, whose migration ends with ``code``."""

    def exist(code: str = "") -> None:
        scripts = tmp_path / "migrations 100%"
        shutil.copytree(Path(versions.__file__).with_name("migrations"), scripts, ignore=lambda *_: ["__pycache__"])
        told = {"next": FUTURE, "newest": schema.VERSION, "code": code}
        (scripts / "versions" / f"v{FUTURE}_test.py").write_text(NEXT % told)
        monkeypatch.setattr(
            catalog_module,
            "make_ready",
            lambda database: versions.make_ready(database, newest=FUTURE, scripts=str(scripts)),
        )

    return exist


def test_migrations_make_exactly_the_tables(tmp_path: Path) -> None:
    """From nothing, step by step, they lead to what a fresh catalog has, to the last constraint."""
    database = SqliteDatabase(tmp_path / "migrated.sqlite", timeout=1)
    with database.engine.connect() as connection, connection.begin():
        versions.upgrade(connection, "head")
        difference = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    database.close()
    fresh = SqliteDatabase(tmp_path / "fresh.sqlite", timeout=1)
    versions.make_ready(fresh)
    fresh.close()

    assert difference == []
    assert schema_of(tmp_path / "migrated.sqlite") == schema_of(tmp_path / "fresh.sqlite")


def test_the_newest_migration_is_the_version() -> None:
    """The constant that spares most openings Alembic is the head of its scripts."""
    scripts = ScriptDirectory(str(Path(versions.__file__).with_name("migrations")))

    assert scripts.get_heads() == [schema.VERSION]


def test_an_older_catalog_is_migrated_after_a_backup(
    library: Path, settings: Settings, future: Callable[[str], None]
) -> None:
    """Its rows are there afterwards, those that hang on a rebuilt table too; the copy is as it was before."""
    before = schema_of(library / "catalog.sqlite")
    future("")
    open_sqlite_catalog(library, settings).close()
    with closing(sqlite3.connect(library / "catalog.sqlite")) as connection:
        version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        rows = connection.execute("SELECT item_id, old_md5, stars FROM items").fetchall()
        hanging = [
            connection.execute(f"SELECT count(*) FROM {t}").fetchone() for t in ("sources", "segments", "item_tags")
        ]
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()

    assert (version, rows[0][0], rows[0][2], hanging, broken) == ((FUTURE,), "cat", 3, [(1,)] * 3, [])
    assert schema_of(library / f"catalog.sqlite.backup-{schema.VERSION}") == before
    assert sorted(path.name for path in library.iterdir()) == [
        "catalog.sqlite",
        f"catalog.sqlite.backup-{schema.VERSION}",
    ]


def test_a_catalog_of_the_first_form_is_brought_up_to_date(tmp_path: Path, settings: Settings) -> None:
    """One that the first migration made, with an item and a space in it: all there, and all that came later works."""
    folder = tmp_path / "library"
    older = SqliteDatabase(folder / "catalog.sqlite", timeout=1)
    with older.engine.connect() as connection, connection.begin():
        versions.upgrade(connection, "0001")
    catalog = catalog_module.SqlCatalog(older)
    photos = catalog.create_collection("photos", "image", {"a": 1})
    space = catalog.add_space(photos, "image", CARD, active=True)
    make_item(catalog, photos, "cat", tags=["t"])
    before = schema_of(folder / "catalog.sqlite")
    catalog.close()

    migrated = open_sqlite_catalog(folder, settings)
    found = migrated.collection("photos")
    job = migrated.enqueue("add", "photos", {})
    migrated.calibrate(space, Calibration(1, (0.1,), (0.9,)))
    migrated.set_aside(found, [Aside("cat", "dog", "first")])
    migrated.mark_distinct(found, [("cat", "dog")])
    migrated.add_key(ApiKey("laptop", "reader", "ml_ab", "0" * 64))
    asides, faults = migrated.asides(found), migrated.verify()
    migrated.close()

    assert (found, [aside.item_id for aside in asides], faults, job.state) == (photos, ["cat"], [], "queued")
    assert "jobs" not in before
    assert schema_of(folder / "catalog.sqlite.backup-0001") == before


def test_a_migration_that_fails_changes_nothing(
    library: Path, settings: Settings, future: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one transaction: the older morelike can still open the library."""
    before = schema_of(library / "catalog.sqlite")
    with monkeypatch.context():
        future("raise ZeroDivisionError")
        with pytest.raises(ZeroDivisionError):
            open_sqlite_catalog(library, settings)

    assert schema_of(library / "catalog.sqlite") == before


def test_a_newer_catalog_is_refused(library: Path, settings: Settings) -> None:
    """With a sentence that names both versions and what to do; the file is left as it is."""
    set_version(library, "0099")
    before = (library / "catalog.sqlite").read_bytes()
    with pytest.raises(SchemaTooNew, match=rf"0099.*{schema.VERSION}") as raised:
        open_sqlite_catalog(library, settings)

    assert "upgrade" in raised.value.hint
    assert (library / "catalog.sqlite").read_bytes() == before


def test_a_version_that_never_was_is_damage(library: Path, settings: Settings) -> None:
    """And so is none at all beside the catalog's tables."""
    set_version(library, "banana")
    with pytest.raises(StoreDamaged, match="banana"):
        open_sqlite_catalog(library, settings)
    with closing(sqlite3.connect(library / "catalog.sqlite")) as connection, connection:
        connection.execute("DROP TABLE alembic_version")
    with pytest.raises(StoreDamaged, match="version"):
        open_sqlite_catalog(library, settings)


def test_an_older_catalog_that_cannot_be_written_is_refused(
    open_folder: Path,
    settings: Settings,
    future: Callable[[str], None],
    without_rights: Callable[[Path], AbstractContextManager[None]],
) -> None:
    """It says that it has to be opened once where it can be written."""
    open_sqlite_catalog(open_folder, settings).close()
    future("")

    with without_rights(open_folder), pytest.raises(StoreReadOnly, match="older"):
        open_sqlite_catalog(open_folder, settings)


def test_opening_does_not_import_alembic(library: Path, tmp_path: Path) -> None:
    """Neither a fresh catalog nor one that is up to date pays for it."""
    code = """
import sys
from pathlib import Path
from morelike.settings import Settings
from morelike.stores.catalog.catalog import open_sqlite_catalog
for folder in map(Path, sys.argv[1:]):
    open_sqlite_catalog(folder, Settings(library=folder)).close()
sys.exit("alembic" in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code, library, tmp_path / "fresh"], check=False, timeout=300)

    assert result.returncode == 0


def test_the_tables_can_be_made_elsewhere() -> None:
    """The schema compiles for MariaDB and PostgreSQL, with every text of a key bounded."""
    from sqlalchemy.dialects import mysql, postgresql
    from sqlalchemy.schema import CreateIndex, CreateTable

    for dialect in (mysql.dialect(), postgresql.dialect()):
        statements = [str(CreateTable(table).compile(dialect=dialect)) for table in schema.metadata.sorted_tables]
        statements += [
            str(CreateIndex(index).compile(dialect=dialect))
            for table in schema.metadata.sorted_tables
            for index in table.indexes
        ]

        assert len(statements) == len(schema.metadata.tables) + 13
