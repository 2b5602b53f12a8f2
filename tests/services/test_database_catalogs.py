"""Catalogs on MariaDB and PostgreSQL: how they are made, shared and refused."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from databases import KINDS, DatabaseServer
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from morelike.errors import (
    SchemaTooNew,
    SettingsError,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreReadOnly,
    StoreUnreachable,
)
from morelike.expressions import Compare, Like
from morelike.records import ApiKey, Aside, Calibration
from morelike.registry import CATALOGS
from morelike.settings import Settings
from morelike.stores.catalog import changes, schema, server_lock, versions
from morelike.stores.catalog.catalog import SqlCatalog
from morelike.stores.catalog.connections import retried
from morelike.stores.catalog.engine import Conflict
from morelike.stores.catalog.server_lock import ServerLock
from morelike.stores.catalog.servers import ServerCatalog
from morelike.testing.kits.catalog_samples import CARD, finished, make_item, some_claim
from morelike.types import segment_id

pytestmark = pytest.mark.xdist_group("databases")

PASSWORD = "s3cret-Wörd/@:"
WRITTEN = "s3cret-W%C3%B6rd%2F%40%3A"

Open = Callable[..., ServerCatalog]


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> DatabaseServer:
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture
def url(server: DatabaseServer) -> str:
    """A new, empty database."""
    return server.create()


@pytest.fixture
def opened(server: DatabaseServer, url: str, settings: Settings, tmp_path: Path) -> Iterator[Open]:
    """``opened()``: the catalog in the test's database; settings by name, ``url`` another address."""
    catalogs = []

    def open_one(url: str = url, folder: str = "library", **more: object) -> ServerCatalog:
        chosen = settings.model_copy(update={"catalog": url, **more})
        catalogs.append(CATALOGS.load(server.kind)(tmp_path / folder, chosen))
        return catalogs[-1]

    yield open_one
    for catalog in catalogs:
        catalog.close()


def database_of(server: DatabaseServer, url: str, folder: Path):
    """The engine alone: nothing is made yet."""
    if server.kind == "mysql":
        from morelike.stores.catalog.engine.mysql import MySqlDatabase

        return MySqlDatabase(url, folder, timeout=120)
    from morelike.stores.catalog.engine.postgresql import PostgresDatabase

    return PostgresDatabase(url, folder, timeout=120)


def old_catalog(server: DatabaseServer, url: str, folder: Path, version: str) -> SqlCatalog:
    """As an earlier morelike left it."""
    database = database_of(server, url, folder)
    with database.engine.connect() as connection, connection.begin():
        versions.upgrade(connection, version)
    return SqlCatalog(database)


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def test_migrations_make_exactly_the_tables(server: DatabaseServer, url: str, tmp_path: Path) -> None:
    """Step by step they lead to what a fresh catalog has; nothing is left to migrate."""
    database = database_of(server, url, tmp_path)
    with database.engine.connect() as connection, connection.begin():
        versions.upgrade(connection, "head")
        difference = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    database.close()

    assert difference == []
    assert {name for names in versions._MADE_BY.values() for name in names} == set(schema.metadata.tables)


def test_a_catalog_of_the_first_form_is_brought_up_to_date(
    server: DatabaseServer, url: str, opened: Open, tmp_path: Path
) -> None:
    """All that was there is there, and all that came later works. MySQL's rows are in a file beside, too."""
    old = old_catalog(server, url, tmp_path, "0001")
    photos = old.create_collection("photos", "image", {"a": 1})
    space = old.add_space(photos, "image", CARD, active=True)
    make_item(old, photos, "cat", tags=["t"], metadata={"by": "Änn"})
    before = old.item(photos, "cat")
    old.close()
    catalog = opened()
    found = catalog.collection("photos")
    catalog.calibrate(space, Calibration(1, (0.1,), (0.9,)))
    item = catalog.item(found, "cat")
    catalog.set_aside(found, [Aside("cat", "dog", "first")])
    catalog.mark_distinct(found, [("cat", "dog")])
    catalog.add_key(ApiKey("laptop", "reader", "ml_ab", "0" * 64))
    backups = list((tmp_path / "library").glob("*backup*"))

    assert (found, item, catalog.verify(), len(catalog.library_id())) == (photos, before, [], 12)
    assert [path.name for path in backups] == (["catalog.backup-0001.jsonl.gz"] if server.kind == "mysql" else [])
    for path in backups:
        lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
        assert lines[0]["catalog"] == "0001"
        assert any(isinstance(line, list) and "cat" in line for line in lines)


@pytest.mark.parametrize("version", ["0001", "0002", "0003"])
def test_an_interrupted_migration_is_done_again(
    server: DatabaseServer, url: str, opened: Open, tmp_path: Path, version: str
) -> None:
    """Tables that it had made already do not stand in the way, where the server could not take them back."""
    old = old_catalog(server, url, tmp_path, version)
    make_item(old, old.create_collection("photos", "image", {}), "cat")
    if server.kind == "mysql":
        with old._database.engine.connect() as connection, connection.begin():
            schema.storage_readings.create(connection)
    old.close()
    catalog = opened()

    assert catalog.count(catalog.collection("photos")) == 1
    assert catalog.storage_readings() == []


def test_an_interrupted_making_is_done_again(server: DatabaseServer, url: str, opened: Open, tmp_path: Path) -> None:
    """A process that ended while it made the tables leaves nothing that has to be cleared by hand."""
    if server.kind != "mysql":
        pytest.skip("PostgreSQL takes back what was not finished")
    database = database_of(server, url, tmp_path)
    with database.engine.connect() as connection, connection.begin():
        schema.version_table.create(connection)
        connection.execute(schema.version_table.insert().values(version_num="0000"))
        schema.collections.create(connection)
        schema.spaces.create(connection)
    database.close()

    assert opened().collections() == []


def test_a_newer_catalog_is_refused(server: DatabaseServer, url: str, opened: Open) -> None:
    """With a sentence that names both versions."""
    opened()
    server.say("UPDATE alembic_version SET version_num = '0099'", database=name_of(url))

    with pytest.raises(SchemaTooNew, match=rf"0099.*{schema.VERSION}"):
        opened()


def test_tables_of_another_program_are_left_alone(server: DatabaseServer, url: str, opened: Open) -> None:
    """A database that has tables of the same names, and does not say that they are ours, is refused as it is."""
    server.say("CREATE TABLE items (a int)", "INSERT INTO items VALUES (7)", database=name_of(url))
    with pytest.raises(StoreDamaged, match="items"):
        opened()

    assert server.say("SELECT a FROM items", database=name_of(url)) == [(7,)]


def test_made_by_many_at_once(opened: Open) -> None:
    """Whoever opens an empty database at the same time finds the one library that the first of them made."""
    with ThreadPoolExecutor(6) as pool:
        ids = {catalog.library_id() for catalog in pool.map(lambda _: opened(), range(6))}

    assert len(ids) == 1


def test_texts_are_told_apart_exactly(opened: Open) -> None:
    """By case, by accents, by blanks at their end; whatever the database's own rules are."""
    catalog = opened()
    photos = catalog.create_collection("photos", "image", {})
    tags = ["a", "A", "ä", "a ", "ß", "ss", "\u212a", "k", "\U0001f408"]
    make_item(catalog, photos, "cat", tags=tags, metadata={"x": "a "})

    assert set(catalog.item(photos, "cat").tags) == set(tags)
    assert catalog.count(photos, filter=Compare("x", "=", "a")) == 0
    assert catalog.count(photos, filter=Compare("x", "=", "a ")) == 1


@pytest.mark.parametrize(
    ("value", "op", "asked", "expected"),
    [
        (2**60 + 1, "=", 2**60 + 1, 1),
        (2**60 + 1, "=", 2**60, 0),
        (2**60 + 1, ">", 2**60, 1),
        (2**62, "<", 2**63 - 1, 1),
        (2**1000, ">", 10.5, 1),
        (-(2**1000), "<", 0, 1),
        (1e300, ">", 1e299, 1),
        (1e-300, ">", 0, 1),
        (0.1, "=", 0.1, 1),
        (1.0, "=", 1, 1),
        ("7", "=", 7, 0),
        (True, "=", 1, 0),
        (5_000_000_000, "=", 5_000_000_000, 1),
        (5_000_000_000, "<", 1.5, 0),
    ],
)
def test_numbers_are_compared_as_what_they_are(
    number_catalog: ServerCatalog, value: object, op: str, asked: float, expected: int
) -> None:
    """Integers to the last digit, floats by their size, texts not at all."""
    photos = number_catalog.create_collection("photos", "image", {})
    make_item(number_catalog, photos, "cat", metadata={"x": value})
    found = number_catalog.count(photos, filter=Compare("x", op, asked))
    number_catalog.drop_collection(photos)

    assert found == expected


@pytest.fixture(scope="module", params=KINDS)
def number_catalog(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerCatalog]:
    server: DatabaseServer = request.getfixturevalue(f"{request.param}_server")
    folder = tmp_path_factory.mktemp("numbers")
    catalog = CATALOGS.load(server.kind)(folder, Settings(library=folder, catalog=server.create(), offline=True))
    yield catalog
    catalog.close()


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [("i*", "\u0130x", 0), ("k*", "\u212ax", 0), ("ÜNÏ*", "ünïcode", 1), ("a_b", "axb", 0), ("a!b*", "A!bc", 1)],
)
def test_patterns_know_the_same_letters(number_catalog: ServerCatalog, pattern: str, text: str, expected: int) -> None:
    """ASCII's letters in a pattern of ASCII's letters; all letters' cases in another; no wildcard but ours."""
    photos = number_catalog.create_collection("photos", "image", {})
    make_item(number_catalog, photos, "cat", metadata={"x": text})
    found = number_catalog.count(photos, filter=Like("x", pattern))
    number_catalog.drop_collection(photos)

    assert found == expected


def test_a_page_of_hits_takes_three_statements(opened: Open) -> None:
    """And a claim of a hundred items few; nothing is asked item by item."""
    catalog = opened()
    photos = catalog.create_collection("photos", "image", {})
    statements: list[str] = []
    event.listen(
        catalog._database.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_rest: statements.append(statement),
    )
    names = [f"item-{number}" for number in range(100)]
    ids = np.array([segment_id(name, 0) for name in names[:20]])
    counted = {}
    for call, do in {
        "claim": lambda: catalog.claim(photos, [some_claim(name, tags=["t"]) for name in names]),
        "finish": lambda: catalog.finish(photos, [finished(name) for name in names]),
        "page": lambda: (catalog.segments(photos, ids), catalog.shown(photos, names[:20])),
    }.items():
        statements.clear()
        do()
        counted[call] = len([statement for statement in statements if not statement.startswith("SET TRANSACTION")])

    assert counted == {"claim": 8, "finish": 5, "page": 3}


def test_without_triggers_every_answer_is_worked_out(opened: Open) -> None:
    """A catalog whose triggers are gone, or could not be made, is slower, and right."""
    catalog = opened()
    with catalog._database.engine.connect() as connection, connection.begin():
        changes.remove(connection)
        assert not changes.noted(connection)
    photos = catalog.create_collection("photos", "image", {})
    make_item(catalog, photos, "cat")
    first = catalog.segment_ids(photos, "image").tolist()
    revision = catalog.revision(photos)
    make_item(catalog, photos, "dog")

    assert len(first) == 1
    assert len(catalog.segment_ids(photos, "image")) == 2
    assert catalog.touched(photos, revision)[1] is None


def test_who_holds_the_lock_is_told(opened: Open) -> None:
    """One who waits hears who works, and for what; after ``lock_timeout`` it gives up with the same sentence."""
    first, patient, lock = (
        catalog.write_lock() for catalog in (opened(), opened(folder="other"), opened(lock_timeout=0.5, folder="third"))
    )
    assert first is not None
    assert patient is not None
    assert lock is not None
    told: list[str] = []

    def hear(sentence: str) -> None:
        told.append(sentence)
        raise KeyboardInterrupt

    with first.hold("adding pictures"):
        with pytest.raises(KeyboardInterrupt), patient.hold("second", waiting=hear):
            pass
        with pytest.raises(StoreBusy) as raised, lock.hold("third"):
            pass
    with patient.hold("second"):
        pass
    with lock.hold("third"):
        pass

    assert "adding pictures" in told[0]
    assert "adding pictures" in raised.value.message
    assert "lock_timeout" in raised.value.hint


def test_two_take_turns(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """One who releases the lock and comes again at once lets the one pass who waited meanwhile, each time."""
    monkeypatch.setattr(server_lock, "_SLICE", float("inf"))  # both only look in: no server has a queue of them
    greedy, patient = (opened(folder=name).write_lock() for name in ("greedy", "patient"))
    assert greedy is not None
    assert patient is not None
    order: list[str] = []

    def wait(waits: threading.Event) -> None:
        with patient.hold("patient", waiting=lambda _: waits.set()):
            order.append("patient")

    with ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            waits = threading.Event()
            with greedy.hold("greedy"):
                order.append("greedy")
                waiter = pool.submit(wait, waits)
                assert waits.wait(120)  # it was told who writes: from here on it is the next one
            with greedy.hold("greedy"):
                order.append("again")
            waiter.result(120)

    assert order == ["greedy", "patient", "again"] * 3


def test_a_lock_that_came_with_its_timeout_is_held_once(
    server: DatabaseServer, url: str, opened: Open, tmp_path: Path
) -> None:
    """PostgreSQL may grant a session's lock in the moment in which it says that it took too long."""
    if server.kind != "postgresql":
        pytest.skip("MySQL says one or the other")
    from psycopg.errors import LockNotAvailable

    opened()
    database = database_of(server, url, tmp_path)
    with database.lock_connection() as late, database.lock_connection() as other:
        real = late.execute

        def granted_too_late(statement: Any, *given: Any) -> Any:
            answer = real(statement, *given)
            if "pg_advisory_lock" in str(statement):
                raise DBAPIError("", None, LockNotAvailable())
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(late, "execute", granted_too_late)
            assert database.take(late, "a lock", 1.0)
        database.give(late, "a lock")

        assert database.take(other, "a lock", 0.0)
        database.give(other, "a lock")
    database.close()


def test_a_lost_lock_undoes_the_commit(server: DatabaseServer, opened: Open) -> None:
    """Where the holder's connection was ended, what it writes next is refused, and nothing of it stays."""
    catalog = opened()
    photos = catalog.create_collection("photos", "image", {})
    lock = catalog.write_lock()
    assert isinstance(lock, ServerLock)
    end = "KILL {}" if server.kind == "mysql" else "SELECT pg_terminate_backend({})"
    with lock.hold("test"):
        catalog.claim(photos, [some_claim("cat")])
        server.say(end.format(lock._mine.session))
        _wait_until_free(catalog, lock)
        with pytest.raises(StoreUnreachable, match="lock"):
            catalog.claim(photos, [some_claim("dog")])
    with lock.hold("again"):
        known = catalog.known(photos, ["cat", "dog"])

    assert known == {"cat": "pending"}


def test_a_lost_lock_is_not_held_again(server: DatabaseServer, opened: Open) -> None:
    """Whoever makes sure of the lock before other stores lose something for good is told that it is gone."""
    catalog = opened()
    lock = catalog.write_lock()
    assert isinstance(lock, ServerLock)
    end = "KILL {}" if server.kind == "mysql" else "SELECT pg_terminate_backend({})"
    with lock.hold("test"):
        with lock.hold("test"):
            pass
        server.say(end.format(lock._mine.session))
        _wait_until_free(catalog, lock)
        with pytest.raises(StoreUnreachable), lock.hold("test"):
            pytest.fail("it was held")
    with lock.hold("again"), lock.hold("again"):
        pass


def _wait_until_free(catalog: ServerCatalog, lock: ServerLock) -> None:
    """A server takes a moment to end a connection that it was told to end."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with catalog._reading() as connection:
            if catalog._server.holder(connection, lock._write) is None:
                return
        time.sleep(0.02)
    pytest.fail("the server did not free the lock")


def test_a_conflict_is_tried_again(opened: Open) -> None:
    """Two writers that locked each other out both get through; one that never does is told."""
    tries = []

    @retried
    def twice() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise Conflict("in the way")
        return "done"

    @retried
    def never() -> None:
        raise Conflict("in the way")

    assert twice() == "done"
    with pytest.raises(StoreBusy):
        never()


def test_nothing_listens(opened: Open, server: DatabaseServer, settings: Settings, tmp_path: Path) -> None:
    """A host that is not there, and a port where nothing listens, are said without the password."""
    for host in ("127.0.0.1:1", "no-such-host.invalid:3306"):
        with pytest.raises(StoreUnreachable) as caught:
            opened(f"{server.kind}://me:{WRITTEN}@{host}/x")
        _check_secret(caught.value)
        assert caught.value.hint


def test_no_such_database(server: DatabaseServer, opened: Open) -> None:
    """The hint says how one is made."""
    with pytest.raises(StoreError) as caught:
        opened(server.url("no_such_database"))

    assert "CREATE DATABASE" in caught.value.hint


def test_users_and_passwords(server: DatabaseServer, url: str, opened: Open) -> None:
    """A password with every sort of character works, a wrong one is refused; neither is in any message."""
    host = server.address.rpartition("@")[2]
    user = f"u_{name_of(url)}"
    if server.kind == "mysql":
        server.say(
            f"CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'", f"GRANT ALL ON {name_of(url)}.* TO '{user}'@'%'"
        )
        wrong = f"mysql://{user}:{WRITTEN}x@{host}/{name_of(url)}"
        right = f"mariadb://{user}:{WRITTEN}@{host}/{name_of(url)}"
        opened(right).create_collection("photos", "image", {})
        with pytest.raises(StoreError, match="password") as caught:
            opened(wrong)
        server.say(f"DROP USER '{user}'@'%'")
    else:
        with pytest.raises(StoreError, match="password") as caught:
            opened(f"postgresql://{user}:{WRITTEN}@{host}/{name_of(url)}")
    assert not isinstance(caught.value, StoreUnreachable)
    _check_secret(caught.value)


def test_a_user_who_may_only_read(server: DatabaseServer, url: str, opened: Open) -> None:
    """Searches; whatever would write is refused as read only."""
    catalog = opened()
    photos = catalog.create_collection("photos", "image", {})
    make_item(catalog, photos, "cat")
    host, user, name = server.address.rpartition("@")[2], f"r_{name_of(url)}", name_of(url)
    if server.kind == "mysql":
        server.say(f"CREATE USER '{user}'@'%'", f"GRANT SELECT ON {name}.* TO '{user}'@'%'")
        gone = [f"DROP USER '{user}'@'%'"]
    else:
        server.say(f"CREATE ROLE {user} LOGIN", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}", database=name)
        gone = [f"DROP OWNED BY {user}", f"DROP ROLE {user}"]
    try:
        reader = opened(f"{server.kind}://{user}@{host}/{name}")
        assert reader.count(photos) == 1
        assert len(reader.segment_ids(photos, "image")) == 1
        for write in (lambda: reader.tag(photos, ["cat"], ["t"], []), lambda: reader.enqueue("add", "photos", {})):
            with pytest.raises(StoreReadOnly) as caught:
                write()
            assert "GRANT" in caught.value.hint
        reader.close()
    finally:
        server.say(*gone, database=name)


@pytest.mark.parametrize(
    "rest",
    [
        f"me:{WRITTEN}@host:port/x",
        f"me:{WRITTEN}@host:99999999/x",
        f"me:{WRITTEN}@host",
        f"me:{WRITTEN}@host/x?no_such_option=1",
    ],
)
def test_addresses_that_cannot_be(server: DatabaseServer, opened: Open, rest: str) -> None:
    """Refused before anything connects, with a hint, without the password."""
    with pytest.raises((SettingsError, StoreUnreachable)) as caught:
        opened(f"{server.kind}://{rest}")

    _check_secret(caught.value)
    assert caught.value.hint


def _check_secret(error: BaseException) -> None:
    seen: BaseException | None = error
    while seen is not None:
        for secret in (PASSWORD, WRITTEN, "s3cret"):
            assert secret not in f"{seen!s} {seen!r} {getattr(seen, 'hint', '')}"
        seen = seen.__cause__
