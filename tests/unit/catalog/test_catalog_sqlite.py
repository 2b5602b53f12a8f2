"""The catalog as a file: opened by several, read-only, full, locked, damaged, killed."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import numpy as np
import pytest

from morelike.errors import NoSuchCollection, StoreBusy, StoreDamaged, StoreError, StoreFull, StoreReadOnly
from morelike.settings import Settings
from morelike.stores.catalog.catalog import SqlCatalog, open_sqlite_catalog
from morelike.testing.kits.catalog_samples import finished, make_item, some_claim
from morelike.types import Claim, Collection, segment_id

Without = Callable[[Path], AbstractContextManager[None]]


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture
def raw(catalog: SqlCatalog, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """The catalog's file, by hand."""
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite", isolation_level=None)) as connection:
        yield connection


def test_each_connection_is_set_up_for_durability(catalog: SqlCatalog) -> None:
    """A write-ahead log, synced at each commit; foreign keys are looked after."""
    with catalog._database.engine.connect() as connection:
        answers = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    assert answers == ["wal", 2, 1]


def test_writers_queue_at_their_first_statement(
    catalog: SqlCatalog, photos: Collection, raw: sqlite3.Connection
) -> None:
    """A writing transaction that begins by reading could not be saved when another commits in between."""
    raw.execute("PRAGMA busy_timeout=0")
    with catalog._writing(photos), pytest.raises(sqlite3.OperationalError, match="locked"):
        raw.execute("BEGIN IMMEDIATE")


def test_a_failed_transaction_leaves_nothing(catalog: SqlCatalog, photos: Collection) -> None:
    """All of a group or nothing of it, also when the failure lies between the statements."""
    before = catalog.revision(photos)

    def fail() -> None:
        with catalog._writing(photos) as connection:
            connection.exec_driver_sql("DELETE FROM collections")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert catalog.revision(photos) == before


def test_a_locked_catalog_is_busy(tmp_path: Path) -> None:
    """After the time-out, with the reason."""
    catalog = open_sqlite_catalog(tmp_path, Settings(library=tmp_path, lock_timeout=0.05))
    photos = catalog.create_collection("photos", "image", {})
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy):
            catalog.claim(photos, [some_claim("cat")])
        seen = catalog.count(photos, state=None)
        other.execute("ROLLBACK")
    catalog.close()

    assert seen == 0


def test_a_full_disk_is_named_and_loses_nothing(catalog: SqlCatalog, photos: Collection) -> None:
    """What was acknowledged is there; after room was made the same call succeeds."""
    make_item(catalog, photos, "cat")
    many = [some_claim(f"item-{i}", metadata={"text": "x" * 500}) for i in range(200)]
    with catalog._database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.connection.driver_connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreFull) as raised:
        catalog.claim(photos, many)
    seen = catalog.known(photos, ["cat", "item-0"])
    with catalog._database.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA max_page_count=1000000")
    catalog.claim(photos, many)

    assert "nothing acknowledged was lost" in raised.value.hint
    assert seen == {"cat": "ready"}
    assert catalog.count(photos, state="pending") == 200
    assert catalog.verify() == []


def test_a_file_that_cannot_grow_stops_the_write(tmp_path: Path, settings: Settings) -> None:
    """The operating system's own refusal, here a limit on the size of files, is an error of ours."""
    catalog = open_sqlite_catalog(tmp_path, settings)
    photos = catalog.create_collection("photos", "image", {})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = max(path.stat().st_size for path in tmp_path.glob("catalog.sqlite*"))
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 8192, hard))
    try:
        with pytest.raises(StoreError):
            catalog.claim(photos, [some_claim(f"item-{i}", metadata={"text": "x" * 500}) for i in range(200)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    make_item(catalog, photos, "cat")
    verdict = catalog.verify()
    catalog.close()

    assert verdict == []


@pytest.mark.parametrize("log_left", [False, True], ids=["closed", "still-open"])
def test_a_read_only_library_can_be_read(
    open_folder: Path, settings: Settings, without_rights: Without, log_left: bool
) -> None:
    """Everything is found, whether its writer is gone or still there; a write is refused with what to do."""
    writer = open_sqlite_catalog(open_folder, settings)
    photos = writer.create_collection("photos", "image", {})
    make_item(writer, photos, "cat")
    if not log_left:
        writer.close()
    with without_rights(open_folder):
        reader = open_sqlite_catalog(open_folder, settings)
        found = [item.id for item in reader.items(reader.collection("photos"))]
        refusals: list[Callable[[], object]] = [
            lambda: reader.claim(photos, [some_claim("dog")]),
            lambda: reader.create_collection("more", "image", {}),
            lambda: reader.tag(photos, ["cat"], ["t"], []),
        ]
        for refused in refusals:
            with pytest.raises(StoreReadOnly):
                refused()
        verdict = reader.verify()
        reader.close()
    writer.close()

    assert (found, verdict) == (["cat"], [])


def test_a_read_only_library_with_a_log_nobody_minds_says_so(
    open_folder: Path, settings: Settings, without_rights: Without, tmp_path: Path
) -> None:
    """A copy of an open library on read-only media: its log cannot be applied, and without it the file is not true."""
    writer = open_sqlite_catalog(tmp_path, settings)
    writer.create_collection("photos", "image", {})
    for name in ("catalog.sqlite", "catalog.sqlite-wal"):
        (open_folder / name).write_bytes((tmp_path / name).read_bytes())
    writer.close()
    with without_rights(open_folder), pytest.raises(StoreReadOnly) as raised:
        open_sqlite_catalog(open_folder, settings).collections()

    assert "open the library once where it can be written" in raised.value.hint


def test_no_library_in_a_read_only_folder_is_an_error(
    open_folder: Path, settings: Settings, without_rights: Without
) -> None:
    """Nothing is there and nothing can be made."""
    with without_rights(open_folder):
        for folder in (open_folder, open_folder / "deeper"):
            with pytest.raises(StoreReadOnly):
                open_sqlite_catalog(folder, settings)


@pytest.mark.parametrize("damage", ["noise", "cut", "middle"])
def test_a_damaged_file_is_named(tmp_path: Path, settings: Settings, damage: str) -> None:
    """A file that is no catalog, half a catalog, or one with a hole: opening or checking it says so."""
    catalog = open_sqlite_catalog(tmp_path, settings)
    photos = catalog.create_collection("photos", "image", {})
    catalog.claim(photos, [some_claim(f"item-{i}") for i in range(500)])
    catalog.close()
    path = tmp_path / "catalog.sqlite"
    data = bytearray(path.read_bytes())
    if damage == "noise":
        data[:] = b"not a database at all " * 1000
    elif damage == "cut":
        del data[len(data) // 2 :]
    else:
        data[8192:-4096] = bytes(len(data) - 12288)
    path.write_bytes(data)

    def use() -> None:
        with closing(open_sqlite_catalog(tmp_path, settings)) as opened:
            verdicts.append(opened.verify())
            opened.items(opened.collection("photos"), state=None, limit=1000)

    verdicts: list[list[str]] = []
    with pytest.raises(StoreDamaged) as raised:
        use()

    assert "doctor" in raised.value.hint
    assert [] not in verdicts


def test_an_empty_file_is_a_fresh_catalog(tmp_path: Path, settings: Settings) -> None:
    """As a crash in the first moment leaves it."""
    (tmp_path / "catalog.sqlite").touch()
    catalog = open_sqlite_catalog(tmp_path, settings)
    found = catalog.collections()
    catalog.close()

    assert found == []


def test_rows_that_do_not_fit_together_are_told(
    catalog: SqlCatalog, photos: Collection, raw: sqlite3.Connection
) -> None:
    """One sentence a fault, with the collection's name and how many."""
    for name in ("a", "b", "c"):
        make_item(catalog, photos, name)
    raw.execute("UPDATE items SET state = 'pending' WHERE item_id = 'a'")
    raw.execute("UPDATE items SET state = 'duplicate' WHERE item_id = 'c'")
    raw.execute("UPDATE items SET state = 'odd' WHERE item_id = 'b'")
    raw.execute("DELETE FROM sources WHERE name = 'a.jpg'")
    raw.execute("INSERT INTO item_tags VALUES (99, 'stray')")

    assert catalog.verify() == [
        "1 row of the table item_tags belongs to a row of items that is not there",
        "photos: 1 item is set aside as a duplicate of nothing",
        "photos: 1 item has no source",
        "photos: 2 segments belong to items that are not ready",
        "photos: 1 item has a state that does not exist",
    ]


def test_two_processes_may_make_the_library_at_once(tmp_path: Path) -> None:
    """Each finds it made, and both work in it."""
    code = """
import sys
from pathlib import Path
from morelike.settings import Settings
from morelike.stores.catalog.catalog import open_sqlite_catalog
folder, name = Path(sys.argv[1]), sys.argv[2]
settings = Settings(library=folder)
print("ready", flush=True)
sys.stdin.readline()
catalog = open_sqlite_catalog(folder, settings)
catalog.create_collection(name, "image", {})
catalog.close()
"""
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "library")]
    processes = [
        subprocess.Popen([*command, f"c{i}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for i in range(3)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=300)
    catalog = open_sqlite_catalog(tmp_path / "library", Settings(library=tmp_path))
    names = [collection.name for collection in catalog.collections()]
    catalog.close()

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert names == ["c0", "c1", "c2"]


def test_an_undecodable_file_name_is_kept(catalog: SqlCatalog, photos: Collection, tmp_path: Path) -> None:
    """A real file whose name is not UTF-8 is found under its uri, and its bytes can be opened by it."""
    path = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    path.write_bytes(b"here")
    make_item(catalog, photos, "cat", uris=[str(path)])
    (source,) = catalog.item(photos, "cat").sources

    assert Path(source.uri).read_bytes() == b"here"


@pytest.mark.parametrize("name", ["with space", "per%cent", "que?ry#x", os.fsdecode(b"caf\xe9")], ids=ascii)
def test_a_library_may_lie_anywhere(tmp_path: Path, settings: Settings, name: str) -> None:
    """The folder's name means nothing to the database."""
    catalog = open_sqlite_catalog(tmp_path / name / "deep", settings)
    catalog.close()

    assert (tmp_path / name / "deep" / "catalog.sqlite").is_file()


def test_numbers_beyond_64_bits_do_not_break_a_run(catalog: SqlCatalog, photos: Collection) -> None:
    """A time or size that no file has counts as unknown."""
    claim = some_claim("cat", modified_ns=10**30)
    catalog.claim(
        photos, [claim, Claim("dog", claim.digest, "", some_claim("dog", modified_ns=-(2**63)).source, in_place=False)]
    )
    catalog.finish(photos, [finished("cat"), finished("dog")])

    assert [item.sources[0].modified_ns for item in catalog.items(photos)] == [None, -(2**63)]


def test_kept_ids_are_few_and_cannot_be_spoiled(catalog: SqlCatalog, photos: Collection) -> None:
    """An answer is handed to several callers: none may change it; the memory for them is bounded."""
    make_item(catalog, photos, "cat")
    first = catalog.segment_ids(photos, "image")
    for kind in range(40):
        catalog.segment_ids(photos, f"kind-{kind}")

    assert len(catalog._answers) == 16
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0
    assert catalog.segments(photos, np.array([segment_id("cat", 0)])) != {}


def test_a_claim_of_a_hundred_takes_few_statements(
    catalog: SqlCatalog, photos: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is done item by item, and revision is one statement."""
    from sqlalchemy import event

    from morelike.stores.catalog.quick import Quick

    statements: list[str] = []
    run = Quick.run
    monkeypatch.setattr(Quick, "run", lambda quick, *rest: statements.append(str(quick.statement)) or run(quick, *rest))
    event.listen(
        catalog._database.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_rest: statements.append(statement),
    )
    names = [f"item-{i}" for i in range(100)]
    counted = {}
    for call, do in {
        "claim": lambda: catalog.claim(photos, [some_claim(name, tags=["t"]) for name in names]),
        "finish": lambda: catalog.finish(photos, [finished(name) for name in names]),
        "get_items": lambda: catalog.get_items(photos, names),
        "segments": lambda: catalog.segments(photos, np.array([segment_id(name, 0) for name in names])),
        "revision": lambda: catalog.revision(photos),
    }.items():
        statements.clear()
        do()
        counted[call] = len([statement for statement in statements if not statement.startswith("BEGIN")])

    assert counted == {"claim": 8, "finish": 5, "get_items": 3, "segments": 1, "revision": 1}


def test_closing_leaves_nothing_open(tmp_path: Path) -> None:
    """No warning about a forgotten connection, and no log beside the file; closing twice is allowed."""
    code = """
import gc, sys, threading
from pathlib import Path
from morelike.settings import Settings
from morelike.stores.catalog.catalog import open_sqlite_catalog
folder = Path(sys.argv[1])
catalog = open_sqlite_catalog(folder, Settings(library=folder))
photos = catalog.create_collection("photos", "image", {})
threads = [threading.Thread(target=catalog.revision, args=(photos,)) for _ in range(30)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
next(catalog.sources_of_origin(photos, "/x"), None)
catalog.close()
catalog.close()
del catalog
gc.collect()
"""
    result = run_python(code, tmp_path)

    assert (result.returncode, result.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["catalog.sqlite"]


def test_a_collection_dropped_elsewhere_is_told(catalog: SqlCatalog, photos: Collection) -> None:
    """A late writer gets an error that names it, not rows that belong to nothing."""
    catalog.drop_collection(photos)

    with pytest.raises(NoSuchCollection, match="photos"):
        catalog.tag(photos, ["cat"], ["t"], [])


def test_a_lease_counts_from_when_it_was_got(catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long another writer kept the job's own waiting: else it would be anybody's at once."""
    clock = [1000.0]
    writing = SqlCatalog._writing

    def waiting(self: SqlCatalog, collection: Collection | None = None) -> AbstractContextManager[object]:
        clock[0] += 50.0
        return writing(self, collection)

    catalog.enqueue("add", "photos", {})
    monkeypatch.setattr(time, "time", lambda: clock[0])
    monkeypatch.setattr(SqlCatalog, "_writing", waiting)
    taken = catalog.lease_job("me", 30.0)
    assert taken is not None
    renewed = catalog.renew_job(taken.id, "me", 30.0, {})
    assert renewed is not None

    assert (taken.lease_until, renewed.lease_until) == (1080.0, 1130.0)
