"""The folder of blobs: what lies on the disk, and what a crash or a full disk may leave."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from morelike import faults
from morelike.errors import SourceError, StoreFull, StoreReadOnly
from morelike.settings import Settings
from morelike.stores.blobs import FolderBlobStore
from morelike.testing.kits.blob_store import digest_of
from morelike.types import Blob, ContentDigest


class Crash(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def store(folder: Path, settings: Settings) -> Iterator[FolderBlobStore]:
    store = FolderBlobStore(folder, settings)
    yield store
    store.close()
    faults.install(None)


def blob(data: bytes) -> tuple[ContentDigest, Blob]:
    return digest_of(data), Blob.from_bytes(data, "x")


def test_layout(store: FolderBlobStore, folder: Path) -> None:
    """A blob lies under the first two digits of its digest, named by the rest, and cannot be written."""
    digest, content = blob(b"abc")
    store.put_many([(digest, content)])
    file = folder / digest.blake3[:2] / digest.blake3[2:]

    assert file.read_bytes() == b"abc"
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
    assert store.path(digest.blake3) == file
    assert list((folder / "tmp").iterdir()) == []


def test_nothing_is_made_before_the_first_blob(store: FolderBlobStore, folder: Path) -> None:
    """A store that was only read leaves no folder."""
    assert list(store.digests()) == []
    assert store.bytes_used() == 0
    assert store.sweep() == 0
    assert not folder.exists()


def test_there_already(store: FolderBlobStore) -> None:
    """A blob that is stored is not read again from its source."""
    digest, content = blob(b"abc")
    store.put_many([(digest, content)])

    def never() -> None:
        raise AssertionError

    store.put_many([(digest, Blob("x", "x", never))])  # type: ignore[arg-type]  # it is never opened
    assert store.exists(digest.blake3)


def test_a_short_file_is_replaced(store: FolderBlobStore, folder: Path) -> None:
    """A stored file of the wrong length, as a failing disk leaves it, is written anew."""
    digest, content = blob(b"abcdef")
    store.put_many([(digest, content)])
    file = folder / digest.blake3[:2] / digest.blake3[2:]
    file.chmod(0o644)
    file.write_bytes(b"abc")
    store.put_many([(digest, content)])

    assert file.read_bytes() == b"abcdef"


def test_points_in_order(store: FolderBlobStore) -> None:
    """Every blob of a group is written before the first one gets its name, and folders are synced last."""
    points: list[str] = []
    faults.install(points.append)
    store.put_many([blob(b"1"), blob(b"2")])

    assert points == ["blob.written"] * 2 + ["blob.renamed"] * 2 + ["blob.synced"]


def test_bytes_are_synced_before_names(store: FolderBlobStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is synced under its temporary name, then renamed, then its folder and the store's are synced."""
    happened: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        happened.append(str(Path(os.readlink(f"/proc/self/fd/{handle}")).relative_to(folder.parent)))
        real(handle)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("names of open files are read from /proc")
    digest, content = blob(b"abc")
    store.put_many([blob(b"first")])
    monkeypatch.setattr(os, "fsync", fsync)
    faults.install(happened.append)
    store.put_many([(digest, content)])

    written, part, renamed, *folders, synced = happened
    assert (written, renamed, synced) == ("blob.written", "blob.renamed", "blob.synced")
    assert part.startswith("blobs/tmp/")
    assert set(folders) == {f"blobs/{digest.blake3[:2]}", "blobs"}


@pytest.mark.parametrize("point", ["blob.written", "blob.renamed", "blob.synced"])
def test_an_interruption(store: FolderBlobStore, point: str) -> None:
    """Interrupted at any point, a put leaves whole blobs only; put again, everything is there."""

    def crash(reached: str) -> None:
        if reached == point:
            raise Crash

    blobs = [blob(b"%d" % number * 100) for number in range(5)]
    faults.install(crash)
    with pytest.raises(Crash):
        store.put_many(blobs)
    faults.install(None)

    for digest in store.digests():
        with store.open(digest) as stream:
            assert digest_of(stream.read()).blake3 == digest
    store.put_many(blobs)
    assert sorted(store.digests()) == sorted(digest.blake3 for digest, _ in blobs)
    assert store.sweep() == 0


def test_sweep_removes_leftovers(store: FolderBlobStore, folder: Path) -> None:
    """What a killed process left half written is counted and removed; blobs stay."""
    digest, content = blob(b"kept")
    store.put_many([(digest, content)])
    (folder / "tmp" / "half").write_bytes(b"ha")

    assert list(store.digests()) == [digest.blake3]
    assert store.sweep() == 1
    assert list((folder / "tmp").iterdir()) == []
    assert store.exists(digest.blake3)


def test_foreign_files_are_no_blobs(store: FolderBlobStore, folder: Path) -> None:
    """Files that are not named by a digest are not listed."""
    digest, content = blob(b"kept")
    store.put_many([(digest, content)])
    (folder / digest.blake3[:2] / ".DS_Store").write_bytes(b"x")
    (folder / "notes.txt").write_bytes(b"x")
    (folder / "zz").mkdir()
    (folder / "zz" / ("g" * 62)).write_bytes(b"x")

    assert list(store.digests()) == [digest.blake3]


def test_an_endless_source(store: FolderBlobStore) -> None:
    """A source that gives more bytes than announced is left after the announced size, not read to its end."""
    read = 0

    class Endless:
        def __enter__(self) -> Endless:
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def read(self, size: int) -> bytes:
            nonlocal read
            read += size
            return bytes(size)

    with pytest.raises(SourceError):
        store.put_many([(digest_of(b"abc"), Blob("x", "x", Endless))])  # type: ignore[arg-type]  # enough of a stream
    assert read <= 1 << 20


def test_a_full_disk(small_disk, settings: Settings) -> None:
    """On a full disk a put raises StoreFull and leaves no half blob; with space again it works."""
    store = FolderBlobStore(small_disk.path / "blobs", settings)
    first, second = blob(b"first"), blob(bytes(2 << 20))
    store.put_many([first])
    filler = small_disk.fill()

    with pytest.raises(StoreFull) as caught:
        store.put_many([second])
    assert caught.value.hint
    assert list(store.digests()) == [first[0].blake3]
    assert store.sweep() == 0
    filler.unlink()
    store.put_many([second])
    assert store.exists(second[0].blake3)
    store.close()


def test_a_read_only_disk(small_disk, settings: Settings) -> None:
    """On a read-only disk blobs are read as ever; a put or a delete raises StoreReadOnly."""
    store = FolderBlobStore(small_disk.path / "blobs", settings)
    first = blob(b"first")
    store.put_many([first])
    small_disk.freeze()

    with store.open(first[0].blake3) as stream:
        assert stream.read() == b"first"
    with pytest.raises(StoreReadOnly):
        store.put_many([blob(b"second")])
    with pytest.raises(StoreReadOnly):
        store.delete([first[0].blake3])
    store.close()
