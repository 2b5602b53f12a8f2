"""The embedded vector store: durable, shared by processes, honest about its disk."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from morelike.errors import SchemaTooNew, SpaceMismatch, StoreDamaged, StoreError, StoreFull, StoreReadOnly
from morelike.settings import Settings
from morelike.stores.vectors.faiss import FaissVectorStore
from morelike.stores.vectors.layers import LayeredIndex
from morelike.testing.kits.vector_store import dense_space, seeded_vectors, within

SPACE = dense_space()
VECTORS = seeded_vectors(SPACE, 400)

PRELUDE = """
import os, pathlib, sys
import numpy as np
from morelike import faults
from morelike.settings import Settings
from morelike.stores.vectors.faiss import FaissVectorStore
from morelike.testing.kits.vector_store import dense_space, seeded_vectors
SPACE = dense_space()
VECTORS = seeded_vectors(SPACE, 400)
store = FaissVectorStore(pathlib.Path(sys.argv[1]), Settings())
"""


def elsewhere(folder: Path, code: str) -> subprocess.Popen[str]:
    """Another process with ``store``, ``SPACE`` and ``VECTORS``; it reads lines and prints them."""
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(code), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vectors"


@pytest.fixture
def store(folder: Path) -> Iterator[FaissVectorStore]:
    store = FaissVectorStore(folder, Settings())
    yield store
    store.close()


def reopened(folder: Path) -> FaissVectorStore:
    return FaissVectorStore(folder, Settings())


def test_nothing_is_made_before_the_first_write(store: FaissVectorStore, folder: Path) -> None:
    """A store that was only read and kept leaves no file."""
    store.search(SPACE, VECTORS[:1], 1)
    store.delete(SPACE, np.array([1]))
    store.drop(SPACE.id)
    store.checkpoint()

    assert store.verify() == []
    assert not folder.exists()


def test_it_survives_without_close(store: FaissVectorStore, folder: Path) -> None:
    """What ``upsert`` returned from is there for the next opening, though nobody closed the first."""
    store.upsert(SPACE, np.arange(400), VECTORS)
    store.delete(SPACE, np.arange(100))
    other = reopened(folder)

    assert other.count(SPACE) == 300
    np.testing.assert_array_equal(other.search(SPACE, VECTORS[:9], 5)[0], store.search(SPACE, VECTORS[:9], 5)[0])
    other.close()


def test_vectors_come_back_bit_for_bit(store: FaissVectorStore, folder: Path) -> None:
    """``fetch`` gives what was given, for cosine spaces too, after a reopening too."""
    store.upsert(SPACE, np.arange(400), VECTORS)
    store.close()
    other = reopened(folder)

    assert other.fetch(SPACE, np.arange(400))[1].tobytes() == VECTORS.tobytes()
    other.close()


def test_another_process_sees_each_write(store: FaissVectorStore, folder: Path) -> None:
    """A search in another process that has the store open finds what was written, overwritten, deleted, dropped."""
    store.upsert(SPACE, np.arange(100), VECTORS[:100])
    other = elsewhere(
        folder,
        """
        for line in sys.stdin:
            print(store.search(SPACE, VECTORS[int(line)][None], 1)[0][0, 0], flush=True)
        """,
    )
    assert other.stdin is not None
    assert other.stdout is not None

    def ask(query: int) -> int:
        other.stdin.write(f"{query}\n")
        other.stdin.flush()
        return int(other.stdout.readline())

    try:
        assert ask(50) == 50
        store.upsert(SPACE, np.array([7777]), VECTORS[300:301])
        assert ask(300) == 7777
        store.upsert(SPACE, np.array([8, 7777]), VECTORS[[300, 8]])
        assert ask(300) == 8
        store.delete(SPACE, np.array([50]))
        assert ask(50) != 50
        store.checkpoint()
        store.drop(SPACE.id)
        assert ask(50) == -1
        store.upsert(SPACE, np.array([5]), VECTORS[:1])
        assert ask(50) == 5
    finally:
        other.stdin.close()
        assert other.wait(300) == 0
        other.stdout.close()


def test_two_processes_write(store: FaissVectorStore, folder: Path) -> None:
    """Two processes that write at once take turns, and no row is lost."""
    other = elsewhere(
        folder,
        """
        for start in range(0, 200, 10):
            store.upsert(SPACE, np.arange(start, start + 10), VECTORS[start : start + 10])
        store.close()
        """,
    )
    for start in range(200, 400, 10):
        store.upsert(SPACE, np.arange(start, start + 10), VECTORS[start : start + 10])
        store.search(SPACE, VECTORS[:1], 1)
    other.communicate(timeout=300)

    assert other.returncode == 0
    assert store.count(SPACE) == 400
    assert store.search(SPACE, VECTORS, 1)[0][:, 0].tolist() == list(range(400))


@pytest.mark.parametrize(("point", "expected"), [("vectors.written", 10), ("vectors.synced", 30)])
def test_a_killed_writer(store: FaissVectorStore, folder: Path, point: str, expected: int) -> None:
    """A process that dies inside the transaction leaves nothing of it; one that dies after the commit, all."""
    store.upsert(SPACE, np.arange(10), VECTORS[:10])
    other = elsewhere(
        folder,
        f"""
        faults.install(lambda reached: os._exit(9) if reached == {point!r} else None)
        store.upsert(SPACE, np.arange(30), VECTORS[:30])
        """,
    )
    other.communicate(timeout=300)

    assert other.returncode == 9
    assert store.count(SPACE) == expected
    assert store.search(SPACE, VECTORS[:5], 1)[0][:, 0].tolist() == [0, 1, 2, 3, 4]
    store.upsert(SPACE, np.arange(40), VECTORS[:40])
    assert store.count(SPACE) == 40


def test_another_card_is_refused(store: FaissVectorStore) -> None:
    """A space holds vectors of one card; another of the same width is refused when it writes and when it asks."""
    other = dense_space(name="other")
    store.upsert(SPACE, np.array([1]), VECTORS[:1])

    with pytest.raises(SpaceMismatch, match=r"toy@.*other@"):
        store.upsert(other, np.array([2]), VECTORS[:1])
    with pytest.raises(SpaceMismatch):
        store.search(other, VECTORS[:1], 1)
    assert store.count(SPACE) == 1


def test_a_space_made_again_with_another_card(store: FaissVectorStore, folder: Path) -> None:
    """Where a space was dropped and made anew, an open reader answers from the new one."""
    wide = dense_space(dim=16, name="wide")
    reader = reopened(folder)
    store.upsert(SPACE, np.arange(50), VECTORS[:50])
    reader.search(SPACE, VECTORS[:1], 1)
    store.drop(SPACE.id)
    store.upsert(wide, np.array([3]), seeded_vectors(wide, 1))

    assert reader.search(wide, seeded_vectors(wide, 1), 2)[0].tolist() == [[3, -1]]
    with pytest.raises(SpaceMismatch):
        reader.search(SPACE, VECTORS[:1], 1)
    reader.close()


def test_a_filter_that_cannot_change_is_looked_up_once(
    store: FaissVectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of a read-only array of ids are found once, until something is written."""
    store.upsert(SPACE, np.arange(100), VECTORS[:100])
    only = within(np.arange(50))
    only.ids().flags.writeable = False
    looked_up: list[int] = []
    real = LayeredIndex.pick

    def pick(index, ids):
        looked_up.append(len(ids))
        return real(index, ids)

    monkeypatch.setattr(LayeredIndex, "pick", pick)
    for _ in range(3):
        store.search(SPACE, VECTORS[:1], 1, within=only)
    store.upsert(SPACE, np.array([100]), VECTORS[100:101])
    store.search(SPACE, VECTORS[:1], 1, within=only)

    assert looked_up == [50, 50]


def test_disk_space_comes_back(store: FaissVectorStore) -> None:
    """After a drop and a checkpoint the files are small again."""
    space = dense_space(dim=512)
    store.upsert(space, np.arange(2000), seeded_vectors(space, 2000))
    store.checkpoint()
    full = store.bytes_used()
    store.drop(space.id)
    store.checkpoint()

    assert full > 2000 * 512 * 4
    assert store.bytes_used() < full / 10


def test_a_full_disk(small_disk) -> None:
    """On a full disk ``upsert`` raises StoreFull and nothing of it shows; searches go on, and writes once there is
    space."""
    store = FaissVectorStore(small_disk.path / "vectors", Settings())
    store.upsert(SPACE, np.arange(10), VECTORS[:10])
    filler = small_disk.fill()
    wide = dense_space(2, dim=512)

    with pytest.raises(StoreFull):
        store.upsert(wide, np.arange(2000), seeded_vectors(wide, 2000))
    assert store.count(wide) == 0
    assert store.search(SPACE, VECTORS[:2], 1)[0].tolist() == [[0], [1]]
    filler.unlink()
    store.upsert(SPACE, np.arange(20), VECTORS[:20])
    assert store.count(SPACE) == 20
    store.close()


def test_a_read_only_disk(small_disk) -> None:
    """On a read-only disk searches work, with a snapshot too; writes raise StoreReadOnly."""
    folder = small_disk.path / "vectors"
    store = FaissVectorStore(folder, Settings())
    store.upsert(SPACE, np.arange(400), VECTORS)
    store.close()
    small_disk.freeze()
    store = reopened(folder)

    assert store.search(SPACE, VECTORS[:9], 1)[0][:, 0].tolist() == list(range(9))
    assert store.fetch(SPACE, np.array([3]))[0].tolist() == [3]
    assert store.verify() == []
    for write in (
        lambda: store.upsert(SPACE, np.array([1]), VECTORS[:1]),
        lambda: store.delete(SPACE, np.array([1])),
        lambda: store.drop(SPACE.id),
    ):
        with pytest.raises(StoreReadOnly):
            write()
    assert store.search(SPACE, VECTORS[:1], 1)[0].tolist() == [[0]]
    store.close()


def test_a_damaged_log(store: FaissVectorStore, folder: Path) -> None:
    """A damaged log raises StoreDamaged with what to do; opening the store does not, so that it can be mended."""
    store.upsert(SPACE, np.arange(400), VECTORS)
    store.close()
    data = bytearray((folder / "vectors.sqlite").read_bytes())
    data[16384:] = bytes(len(data) - 16384)
    (folder / "vectors.sqlite").write_bytes(data)
    damaged = reopened(folder)

    with pytest.raises(StoreDamaged) as caught:
        damaged.search(SPACE, VECTORS[:1], 1)
    assert "doctor --fix" in caught.value.hint
    assert damaged.verify() != []
    damaged.close()


def test_vectors_of_a_wrong_length(store: FaissVectorStore) -> None:
    """``verify`` finds rows whose vectors do not have the space's length."""
    store.upsert(SPACE, np.arange(5), VECTORS[:5])
    with store._rows._database.writing() as connection:
        connection.execute("UPDATE rows_1 SET data = x'00' WHERE id = 2")

    assert len(store.verify()) == 1
    assert "1 vector of space 1 has a wrong length" in store.verify()[0]
    with pytest.raises(StoreDamaged):
        store.search(SPACE, VECTORS[:1], 1)


def test_a_newer_format(store: FaissVectorStore, folder: Path) -> None:
    """A log that a newer version wrote is refused."""
    store.upsert(SPACE, np.array([1]), VECTORS[:1])
    with store._rows._database.writing() as connection:
        connection.execute("PRAGMA user_version = 99")
    older = reopened(folder)

    with pytest.raises(SchemaTooNew):
        older.search(SPACE, VECTORS[:1], 1)
    with pytest.raises(SchemaTooNew):
        older.upsert(SPACE, np.array([1]), VECTORS[:1])
    older.close()


def test_after_close(store: FaissVectorStore) -> None:
    """A closed store raises StoreError; closing again does nothing."""
    store.upsert(SPACE, np.array([1]), VECTORS[:1])
    store.close()
    store.close()

    with pytest.raises(StoreError, match="was closed"):
        store.search(SPACE, VECTORS[:1], 1)


def test_importing_it_does_not_load_faiss() -> None:
    """Making the store is light: faiss is loaded by the first search."""
    code = (
        "import sys, pathlib\n"
        "from morelike.settings import Settings\n"
        "from morelike.stores.vectors.faiss import FaissVectorStore\n"
        "FaissVectorStore(pathlib.Path(sys.argv[1]), Settings())\n"
        "print('faiss' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, "nowhere"], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
