"""Statements that are written once for all databases that are alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, Select, create_mock_engine, select
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from morelike.settings import Settings
from morelike.stores.catalog import schema
from morelike.stores.catalog.catalog import open_sqlite_catalog
from morelike.stores.catalog.engine import written
from morelike.stores.catalog.engine.written import WrittenStatements, tables_as_written
from morelike.testing.kits.catalog_samples import make_item


@pytest.fixture
def number_written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that SQLAlchemy writes out, one after another."""
    texts: list[str] = []
    plain = SQLCompiler.__init__

    def counted(compiler: SQLCompiler, *arguments: Any, **named: Any) -> None:
        plain(compiler, *arguments, **named)
        texts.append(str(compiler))

    monkeypatch.setattr(SQLCompiler, "__init__", counted)
    return texts


def use(folder: Path, settings: Settings) -> list[str]:
    """What one library's work comes to."""
    catalog = open_sqlite_catalog(folder, settings)
    try:
        for name in ("cat", "dog"):
            make_item(catalog, catalog.create_collection(name, "image", {}), name, tags=[name])
        return [item.id for item in catalog.items(catalog.collection("dog"))]
    finally:
        catalog.close()


def test_another_library_writes_nothing_anew(tmp_path: Path, settings: Settings, number_written: list[str]) -> None:
    """What one library asked, another one asks with the same statements, and finds its own rows."""
    first = use(tmp_path / "first", settings)
    number_written.clear()
    second = use(tmp_path / "second", settings)

    assert number_written == []
    assert first == second != []


def test_libraries_that_are_opened_at_once_share(tmp_path: Path, settings: Settings) -> None:
    """Each of many threads reads what it wrote itself."""
    written._statements.clear()
    folders = [tmp_path / str(number) for number in range(8)]
    with ThreadPoolExecutor(len(folders)) as pool:
        found = list(pool.map(lambda folder: use(folder, settings), folders))

    assert all(ids == found[0] != [] for ids in found)


def _key(dialect: Dialect, statement: Select[Any]) -> tuple[Any, ...]:
    return dialect, str(statement), (), False, False


def test_what_knows_something_else_does_not_share() -> None:
    """Another server, another version of it, another way to write JSON: each has its own statements."""
    kinds: list[type[Dialect]] = [sqlite_dialect, mysql.dialect, mysql.dialect, mysql.dialect, postgresql.dialect]
    dialects: list[Any] = [kind() for kind in kinds]
    dialects[1].server_version_info = (8, 0, 17)
    dialects[2].server_version_info = (11, 4)
    dialects[3].server_version_info = (11, 4)
    dialects[3]._json_serializer = _as_json
    stores = [WrittenStatements() for _ in dialects]
    statement = select(schema.items.c.number)
    for number, (store, dialect) in enumerate(zip(stores, dialects, strict=True)):
        store[_key(dialect, statement)] = number

    assert [store[_key(dialect, statement)] for store, dialect in zip(stores, dialects, strict=True)] == [0, 1, 2, 3, 4]


def _as_json(value: Any) -> str:
    return repr(value)


def test_of_statements_without_end_some_are_kept(tmp_path: Path, settings: Settings) -> None:
    """Memory is bounded, whatever filters are asked."""
    store, dialect = WrittenStatements(), sqlite_dialect()
    for number in range(3 * written._KEPT):
        store[dialect, number, (), False, False] = number

    assert len(store) <= 1.5 * written._KEPT
    assert use(tmp_path / "library", settings)


@pytest.mark.parametrize("address", ["sqlite://", "mysql+pymysql://", "postgresql+psycopg://"])
def test_tables_are_written_as_sqlalchemy_makes_them(address: str) -> None:
    """The same statements in an order in which they can be carried out, each time that they are asked for."""
    made: list[str] = []

    def make(statement: Any, *_: object, **__: object) -> None:
        made.append(str(statement.compile(dialect=engine.dialect)))

    engine: Any = create_mock_engine(address, make)
    schema.metadata.create_all(engine, checkfirst=False)
    twice = [tables_as_written(schema.metadata, engine.dialect) for _ in range(2)]

    assert sorted(twice[0]) == sorted(made) != []
    assert twice[0] == twice[1]


def test_tables_of_other_metadata_are_others() -> None:
    """Of none there is nothing to make."""
    assert tables_as_written(MetaData(), sqlite_dialect()) == ()
