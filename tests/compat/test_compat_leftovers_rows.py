"""Sources as rows: read in their order through an index, however many other collections have."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, inspect

from morelike.settings import Settings
from morelike.stores.catalog import versions
from morelike.stores.catalog.catalog import SqlCatalog, open_sqlite_catalog
from morelike.stores.catalog.engine.sqlite import SqliteDatabase
from morelike.testing.kits.catalog_samples import make_item

INDEX = "ix_sources_collection_id_number"


@pytest.fixture
def catalog(tmp_path: Path, settings: Settings) -> Iterator[SqlCatalog]:
    opened = open_sqlite_catalog(tmp_path / "library", settings)
    yield opened
    opened.close()


def test_a_page_is_read_in_order_and_no_foreign_row(catalog: SqlCatalog, tmp_path: Path) -> None:
    """The statement searches the collection's own part of an index, and sorts nothing."""
    photos = catalog.create_collection("photos", "image", {})
    for name in ("a", "b"):
        make_item(catalog, photos, name)
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append((statement, parameters))

    engine = catalog._database.engine
    event.listen(engine, "before_cursor_execute", note)
    rows = catalog.sources(photos, limit=10)
    event.remove(engine, "before_cursor_execute", note)
    statement, parameters = next((text, given) for text, given in asked if "FROM sources" in text)
    with closing(sqlite3.connect(tmp_path / "library" / "catalog.sqlite")) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]

    assert [row.item_id for row in rows] == ["a", "b"]
    assert plan[0] == f"SEARCH sources USING INDEX {INDEX} (collection_id=?)"
    assert not [step for step in plan if step.startswith("SCAN") or "TEMP B-TREE" in step]


@pytest.mark.parametrize("interrupted", [False, True])
def test_an_older_catalog_gets_the_index(tmp_path: Path, settings: Settings, interrupted: bool) -> None:
    """With all its rows; also one whose migration ended between the index and its new version, as servers can."""
    folder = tmp_path / "library"
    older = SqliteDatabase(folder / "catalog.sqlite", timeout=1)
    with older.engine.connect() as connection, connection.begin():
        versions.upgrade(connection, "0004")
        if interrupted:
            connection.exec_driver_sql(f"CREATE INDEX {INDEX} ON sources (collection_id, number)")
    before = SqlCatalog(older)
    photos = before.create_collection("photos", "image", {})
    make_item(before, photos, "a")
    before.close()

    migrated = open_sqlite_catalog(folder, settings)
    with migrated._database.engine.connect() as connection:
        found = {index["name"]: index["column_names"] for index in inspect(connection).get_indexes("sources")}
    rows = [row.item_id for row in migrated.sources(migrated.collection("photos"))]
    migrated.close()

    assert found[INDEX] == ["collection_id", "number"]
    assert rows == ["a"]
    assert (folder / "catalog.sqlite.backup-0004").exists()
