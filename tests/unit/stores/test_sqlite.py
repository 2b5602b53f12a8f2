"""The SQLite file that stores share among threads and processes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from morelike.errors import SchemaTooNew, StoreBusy, StoreDamaged, StoreError, StoreFull, StoreReadOnly
from morelike.stores.sqlite import Database, store_error

SCHEMA = "CREATE TABLE numbers (number INTEGER PRIMARY KEY, data BLOB)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "folder" / "numbers.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path, schema=SCHEMA, version=3, wait=120)
    yield database
    database.close()


def insert(database: Database, *numbers: int) -> None:
    with database.writing() as connection:
        connection.executemany("INSERT INTO numbers (number) VALUES (?)", [(number,) for number in numbers])


def numbers(database: Database) -> list[int]:
    with database.reading() as reader:
        assert reader is not None
        return [number for (number,) in reader.connection.execute("SELECT number FROM numbers ORDER BY number")]


def test_reading_makes_nothing(database: Database, path: Path) -> None:
    """A database that was never written is None to a reader, and no file appears."""
    with database.reading() as reader:
        assert reader is None
    database.tidy()

    assert not path.parent.exists()


def test_a_failed_block_is_undone(database: Database) -> None:
    """What a writing block did before it raised is not there, and the next block works."""
    insert(database, 1)
    with pytest.raises(StoreError), database.writing() as connection:
        connection.executemany("INSERT INTO numbers (number) VALUES (?)", [(2,), (1,)])
    insert(database, 3)

    assert numbers(database) == [1, 3]


def test_commits_survive_without_close(database: Database, path: Path) -> None:
    """What a block committed is read by another opening of the file, though nobody closed it."""
    insert(database, 1)
    other = Database(path, schema=SCHEMA, version=3, wait=120)

    assert numbers(other) == [1]
    other.close()


def test_durable_settings(database: Database) -> None:
    """Commits are synced: the write-ahead log is on and synchronous is FULL."""
    with database.writing() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_remembered_until_somebody_commits(database: Database, path: Path) -> None:
    """``remembered`` reads once, and again after a commit by anyone."""
    insert(database, 1)
    other = Database(path, schema=SCHEMA, version=3, wait=120)
    reads: list[int] = []

    def count(connection: sqlite3.Connection) -> int:
        reads.append(1)
        return int(connection.execute("SELECT count(*) FROM numbers").fetchone()[0])

    with database.reading() as reader:
        assert reader is not None
        assert [reader.remembered(count) for _ in range(3)] == [1, 1, 1]
        insert(other, 2)
        assert [reader.remembered(count) for _ in range(3)] == [2, 2, 2]
    assert len(reads) == 2
    other.close()


def test_a_newer_format_is_refused(database: Database, path: Path) -> None:
    """A file with a higher format version raises SchemaTooNew for readers and writers."""
    insert(database, 1)
    database.close()
    older = Database(path, schema=SCHEMA, version=2, wait=120)

    with pytest.raises(SchemaTooNew, match="format 3"), older.reading():
        pass
    with pytest.raises(SchemaTooNew), older.writing():
        pass
    older.close()


@pytest.mark.parametrize("damage", ["garbage", "truncated", "scrambled"])
def test_damage(database: Database, path: Path, damage: str) -> None:
    """A damaged file raises StoreDamaged with the command that mends it; ``verify`` says so in a sentence."""
    insert(database, *range(5000))
    database.close()
    data = path.read_bytes()
    path.write_bytes(
        {
            "garbage": b"this is no database" * 100,
            "truncated": data[:4096],
            "scrambled": data[:4096] + bytes(byte ^ 0x55 for byte in data[4096:]),
        }[damage]
    )
    again = Database(path, schema=SCHEMA, version=3, wait=120)

    with pytest.raises(StoreDamaged) as caught:
        numbers(again)
    assert "doctor --fix" in caught.value.hint
    assert again.verify() != []
    again.close()


def test_one_writer_at_a_time(path: Path) -> None:
    """While another process writes, a writer waits; after its timeout it raises StoreBusy."""
    first = Database(path, schema=SCHEMA, version=3, wait=120)
    impatient = Database(path, schema=SCHEMA, version=3, wait=0.05)
    with first.writing(), pytest.raises(StoreBusy), impatient.writing():
        pass
    insert(impatient, 1)

    assert numbers(first) == [1]
    first.close()
    impatient.close()


def test_processes_that_start_together(path: Path) -> None:
    """Several processes that make the same file at once all succeed, and no row is lost."""
    code = (
        "import sys, pathlib\n"
        "from morelike.stores.sqlite import Database\n"
        "database = Database(pathlib.Path(sys.argv[1]), schema=sys.argv[2], version=3, wait=300)\n"
        "for number in range(int(sys.argv[3]), 60, 3):\n"
        "    with database.writing() as connection:\n"
        "        connection.execute('INSERT INTO numbers (number) VALUES (?)', (number,))\n"
        "database.close()\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path), SCHEMA, str(start)]) for start in range(3)]

    assert [process.wait(300) for process in processes] == [0, 0, 0]
    database = Database(path, schema=SCHEMA, version=3, wait=120)
    assert numbers(database) == list(range(60))
    database.close()


def test_threads_share_it(database: Database) -> None:
    """Threads may read and write through one Database."""
    seen: list[int] = []

    def work(start: int) -> None:
        for number in range(start, 40, 4):
            insert(database, number)
            seen.append(len(numbers(database)))

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert numbers(database) == list(range(40))
    assert max(seen) == 40


def test_closed(database: Database) -> None:
    """After ``close`` every use raises StoreError."""
    insert(database, 1)
    database.close()

    with pytest.raises(StoreError, match="was closed"):
        numbers(database)
    with pytest.raises(StoreError, match="was closed"):
        insert(database, 2)


def test_freed_pages_return_to_the_disk(database: Database) -> None:
    """``tidy`` after a large deletion makes the file small again."""
    with database.writing() as connection:
        connection.executemany("INSERT INTO numbers (data) VALUES (?)", [(bytes(2000),)] * 500)
    database.tidy()
    before = database.bytes_used()
    with database.writing() as connection:
        connection.execute("DELETE FROM numbers")
    database.tidy()

    assert database.bytes_used() < before / 5


def test_a_full_disk(small_disk) -> None:
    """On a full disk a write raises StoreFull and leaves what was there; with space again it works."""
    database = Database(small_disk.path / "numbers.sqlite", schema=SCHEMA, version=3, wait=120)
    insert(database, 1)
    filler = small_disk.fill()

    with pytest.raises(StoreFull) as caught, database.writing() as connection:
        connection.executemany("INSERT INTO numbers (data) VALUES (?)", [(bytes(4000),)] * 1000)
    assert "space" in caught.value.hint
    assert numbers(database) == [1]
    filler.unlink()
    insert(database, 2)
    assert numbers(database) == [1, 2]
    database.close()


def test_a_read_only_disk(small_disk) -> None:
    """On a read-only disk everything can be read; a write raises StoreReadOnly."""
    path = small_disk.path / "numbers.sqlite"
    database = Database(path, schema=SCHEMA, version=3, wait=120)
    insert(database, 1)
    database.close()
    small_disk.freeze()
    frozen = Database(path, schema=SCHEMA, version=3, wait=120)

    assert numbers(frozen) == [1]
    with pytest.raises(StoreReadOnly):
        insert(frozen, 2)
    assert numbers(frozen) == [1]
    frozen.close()
    nowhere = Database(small_disk.path / "new" / "numbers.sqlite", schema=SCHEMA, version=3, wait=120)
    with pytest.raises(StoreReadOnly):
        insert(nowhere, 1)
    nowhere.close()


def test_unmerged_changes_on_a_read_only_disk(small_disk, database: Database, path: Path) -> None:
    """A file whose last changes still lie in its log is never read without them: it is refused."""
    insert(database, 1)
    for name in ("numbers.sqlite", "numbers.sqlite-wal"):
        (small_disk.path / name).write_bytes((path.parent / name).read_bytes())
    small_disk.freeze()
    frozen = Database(small_disk.path / "numbers.sqlite", schema=SCHEMA, version=3, wait=120)

    with pytest.raises(StoreReadOnly, match="never merged"):
        numbers(frozen)
    frozen.close()


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (sqlite3.SQLITE_FULL, StoreFull),
        (sqlite3.SQLITE_READONLY_DBMOVED, StoreReadOnly),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, StoreReadOnly),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreBusy),
        (sqlite3.SQLITE_LOCKED, StoreBusy),
        (sqlite3.SQLITE_CORRUPT_INDEX, StoreDamaged),
        (sqlite3.SQLITE_NOTADB, StoreDamaged),
        (sqlite3.SQLITE_IOERR_READ, StoreError),
        (0, StoreError),
    ],
)
def test_errors_are_translated(code: int, meaning: type[StoreError], tmp_path: Path) -> None:
    """Each of SQLite's codes, extended ones too, becomes the leaf that says what it means."""
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code

    translated = store_error(error, tmp_path / "x.sqlite")

    assert type(translated) is meaning
    assert "x.sqlite" in translated.message
    assert translated.hint
