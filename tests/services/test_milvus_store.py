"""What the store on Milvus says when something is not as it should be, and what it leaves behind."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from milvus_process import MilvusProcess, have_milvus_lite, running_milvus
from ports import free_ports

from morelike.errors import MorelikeError, SettingsError, SpaceMismatch, StoreDamaged, StoreError, StoreUnreachable
from morelike.registry import VECTOR_STORES
from morelike.settings import Settings
from morelike.testing.kits.vector_store import dense_space, seeded_vectors

SECRET = "Tiger-4711"


def store_at(address: str, folder: Path, library: str = "store", **more: object):  # imported late: it may be absent
    have_milvus_lite()
    return VECTOR_STORES.load("milvus")(folder, Settings(vectors=address, offline=True, **more), library)


@pytest.mark.parametrize(
    "address",
    [
        "http://",
        f"http://user:{SECRET}@localhost:19530",
        "http://localhost:port",
        "http://localhost:19530/database",
        "http://localhost:19530?x=1",
        "https://[::1",
        "http://a b:1",
    ],
)
def test_addresses_that_cannot_be(tmp_path: Path, address: str) -> None:
    """A bad address is told when the library is opened, with what it should be, and without a password in it."""
    with pytest.raises(SettingsError) as caught:
        store_at(address, tmp_path)
    assert "vectors_token" in (caught.value.hint or "")
    assert SECRET not in f"{caught.value} {caught.value.hint}"


def test_a_library_id_that_cannot_be(tmp_path: Path) -> None:
    """What becomes part of a collection's name is letters and digits."""
    with pytest.raises(SettingsError):
        store_at("http://localhost", tmp_path, 'x"; drop')


def test_nobody_there(tmp_path: Path) -> None:
    """A store opens where nothing listens; what is asked of it raises StoreUnreachable with the address, at once."""
    (port,) = free_ports(1)
    store = store_at(f"http://127.0.0.1:{port}", tmp_path)
    space = dense_space()
    for ask in (
        store.ping,
        lambda: store.count(space),
        lambda: store.upsert(space, np.array([1]), seeded_vectors(space, 1)),
        lambda: store.search(space, seeded_vectors(space, 1), 1),
        lambda: list(store.space_ids()),
    ):
        with pytest.raises(StoreUnreachable, match=str(port)):
            ask()
    assert not store.due()
    store.close()


def test_somebody_else_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes connections and says nothing is given up after the time that a read may take."""
    monkeypatch.setattr("morelike.stores.vectors._milvus_line.READ", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = store_at(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)
        with pytest.raises(StoreUnreachable):
            store.ping()
        store.close()


def test_another_card(milvus_server: MilvusProcess, tmp_path: Path) -> None:
    """Vectors of another encoder are neither written to a space nor searched in it, by this process or another."""
    space, other = dense_space(), dense_space(name="other")
    first, second = (store_at(milvus_server.address, tmp_path, "card") for _ in range(2))
    first.upsert(space, np.arange(3), seeded_vectors(space, 3))
    for store in (first, second):
        with pytest.raises(SpaceMismatch, match="toy"):
            store.upsert(other, np.arange(3), seeded_vectors(other, 3))
        with pytest.raises(SpaceMismatch, match="toy"):
            store.search(other, seeded_vectors(other, 1), 1)
        with pytest.raises(SpaceMismatch, match="toy"):
            store.fetch(other, np.arange(3))
    assert second.count(space) == 3
    first.drop(space.id)
    assert second.count(space) == 0
    for store in (first, second):
        store.close()


def test_a_collection_of_somebody_else(milvus_server: MilvusProcess, tmp_path: Path) -> None:
    """A collection with the name of a space that morelike did not make is no space: ``verify`` says so, ``repair``
    drops it, and collections with other names stay.
    """
    from pymilvus import MilvusClient

    space, store = dense_space(), store_at(milvus_server.address, tmp_path, "theirs")
    client = MilvusClient(milvus_server.address, dedicated=True)
    for name in ("morelike_theirs_1", "morelike_theirs_one", "morelike_theirs2_1"):
        client.create_collection(name, dimension=4)
    with pytest.raises(StoreDamaged, match="none that morelike made"):
        store.search(space, seeded_vectors(space, 1), 1)
    assert len(store.verify()) == 1
    store.repair()
    assert store.verify() == []
    assert store.count(space) == 0
    assert {"morelike_theirs_one", "morelike_theirs2_1"} <= set(client.list_collections())
    assert "morelike_theirs_1" not in client.list_collections()
    for name in ("morelike_theirs_one", "morelike_theirs2_1"):
        client.drop_collection(name)
    client.close()
    store.close()


def test_a_password(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server with users lets in who has the right one; a wrong password is told without either of them."""
    caplog.set_level(logging.DEBUG)
    with running_milvus(tmp_path / "milvus", authorized=True) as server:
        right = store_at(server.address, tmp_path, vectors_token="root:Milvus")
        right.ping()
        assert list(right.space_ids()) == []
        right.close()
        for token in (f"root:{SECRET}", "", SECRET):
            wrong = store_at(server.address, tmp_path, vectors_token=token)
            with pytest.raises(StoreError, match="refuses") as caught:
                list(wrong.space_ids())
            assert "vectors_token" in (caught.value.hint or "")
            assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.__cause__}"
            wrong.close()
        strange = store_at(server.address, tmp_path, vectors_token="root:Milvus", vectors_database="nowhere")
        with pytest.raises(MorelikeError, match="nowhere"):
            list(strange.space_ids())
        strange.close()
    assert SECRET not in caplog.text


def test_a_collection_that_was_released(milvus_server: MilvusProcess, tmp_path: Path) -> None:
    """A collection that somebody took out of memory is loaded again by the search that misses it."""
    space, store = dense_space(), store_at(milvus_server.address, tmp_path, "released")
    vectors = seeded_vectors(space, 5)
    store.upsert(space, np.arange(5), vectors)
    name = store._spaces.name(space.id)
    store._line.ask(lambda client, left: client.release_collection(name, timeout=left))
    assert store.search(space, vectors[2:3], 1)[0].tolist() == [[2]]
    store.drop(space.id)
    store.close()


def test_milvus_lite_ends_with_its_store(tmp_path: Path) -> None:
    """Two openings share one Milvus Lite; when both are closed no thread of it is left, and its rows are there for a
    third. Files that are no directory of it are told so.
    """
    space, before = dense_space(), set(threading.enumerate())
    first, second = store_at("vectors.db", tmp_path), store_at("vectors.db", tmp_path)
    vectors = seeded_vectors(space, 4)
    first.upsert(space, np.arange(4), vectors)
    first.close()
    assert second.count(space) == 4
    second.close()
    for left in set(threading.enumerate()) - before:  # a pool's threads see that it was shut down as they wake
        left.join(120)
    assert set(threading.enumerate()) <= before
    third = store_at(str(tmp_path / "vectors.db"), tmp_path / "elsewhere")
    np.testing.assert_array_equal(third.fetch(space, np.arange(4))[1], vectors)
    third.close()

    (tmp_path / "old.db").write_bytes(b"SQLite format 3\0")
    old = store_at("old.db", tmp_path)
    with pytest.raises(StoreDamaged, match="not a Milvus Lite directory"):
        old.ping()
    old.close()


def test_opening_reads_no_environment_file(tmp_path: Path) -> None:
    """A ``.env`` file in the current folder sets nothing, nothing is printed, nothing is imported before it is used."""
    have_milvus_lite()
    (tmp_path / ".env").write_text("MORELIKE_OFFLINE=0\nSMUGGLED=1\n")
    code = (
        "import sys, os\n"
        "from pathlib import Path\n"
        "from morelike.settings import Settings\n"
        "from morelike.stores.vectors.milvus import open_milvus\n"
        "store = open_milvus(Path('.'), Settings(vectors='lite.db'))\n"
        "assert not {'pymilvus', 'milvus_lite', 'grpc'} & set(sys.modules), 'too early'\n"
        "store.ping()\n"
        "assert 'SMUGGLED' not in os.environ\n"
        "store.close()\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


@pytest.mark.parametrize("engine", ["lite", "server"])
def test_a_collection_that_was_half_made(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    """Where whoever made a space's collection did not come to its index, nothing is in it; a write goes on."""
    have_milvus_lite()
    address = "vectors.db" if engine == "lite" else request.getfixturevalue("milvus_server").address
    space, store = dense_space(), store_at(address, tmp_path, "half")
    vectors = seeded_vectors(space, 3)
    with monkeypatch.context() as patch:
        patch.setattr(store._spaces, "_make_index", lambda *words: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.upsert(space, np.arange(3), vectors)
    assert store._spaces.space_ids() == [1]
    assert list(store.space_ids()) == []
    assert store.search(space, vectors, 1)[0].tolist() == [[-1]] * 3
    assert store.verify() == []
    store.upsert(space, np.arange(3), vectors)
    assert store.search(space, vectors, 1)[0].tolist() == [[0], [1], [2]]
    store.drop(space.id)
    store.close()
