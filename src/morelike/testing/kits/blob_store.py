"""What every blob store promises."""

from __future__ import annotations

import hashlib
import io
import threading

import numpy as np
import pytest
from blake3 import blake3

from morelike.errors import MorelikeError, SourceError, StoreDamaged
from morelike.protocols import BlobStore, LinksBlobs, ListsSizes, Reachable
from morelike.types import Blob, ContentDigest

__all__ = ["BlobStoreKit", "digest_of"]


def digest_of(data: bytes) -> ContentDigest:
    return ContentDigest(blake3(data).hexdigest(), hashlib.md5(data, usedforsecurity=False).hexdigest(), len(data))


def _blob(data: bytes) -> tuple[ContentDigest, Blob]:
    return digest_of(data), Blob.from_bytes(data, "x.bin")


class BlobStoreKit:
    """Subclass it and give a fixture ``store``: an empty store."""

    @pytest.fixture
    def store(self) -> BlobStore:
        raise NotImplementedError

    @pytest.mark.parametrize("data", [b"", b"a", b"\x00" * 100, bytes(range(256)) * 9000])
    def test_round_trip(self, store: BlobStore, data: bytes) -> None:
        """What was put can be read back, and is named among the digests."""
        digest, blob = _blob(data)
        store.put_many([(digest, blob)])

        with store.open(digest.blake3) as stream:
            assert stream.read() == data
        assert store.exists(digest.blake3)
        assert list(store.digests()) == [digest.blake3]
        assert store.bytes_used() >= len(data)

    def test_path_where_there_is_one(self, store: BlobStore) -> None:
        """``path`` is None, or a file with the blob's bytes."""
        digest, blob = _blob(b"here")
        store.put_many([(digest, blob)])
        path = store.path(digest.blake3)

        assert path is None or path.read_bytes() == b"here"
        assert store.path(digest_of(b"absent").blake3) is None

    def test_streams_can_seek(self, store: BlobStore) -> None:
        """An opened blob is seekable, as decoders need it."""
        digest, blob = _blob(b"0123456789")
        store.put_many([(digest, blob)])

        with store.open(digest.blake3) as stream:
            stream.seek(4)
            assert stream.read(2) == b"45"

    def test_seeking_to_and_fro(self, store: BlobStore) -> None:
        """Wherever a decoder jumps in a long blob, it reads the bytes that are there, and nothing beyond the end."""
        jumps = np.random.default_rng(1)
        data = jumps.bytes(3 << 20)
        digest, blob = _blob(data)
        store.put_many([(digest, blob)])

        with store.open(digest.blake3) as stream:
            assert (stream.readable(), stream.seekable()) == (True, True)
            for _ in range(40):
                start = int(jumps.integers(len(data)))
                count = int(jumps.choice((1, 10, 4096, 100_000, 2_000_000)))
                assert stream.seek(start) == start
                assert stream.read(count) == data[start : start + count]
                assert stream.tell() == min(start + count, len(data))
            assert stream.seek(-5, io.SEEK_END) == len(data) - 5
            assert stream.read() == data[-5:]
            assert stream.read(10) == b""
            stream.seek(0)
            assert stream.readline() == io.BytesIO(data).readline()
            stream.seek(len(data) + 100)
            assert stream.read() == b""

    def test_streams_are_their_own(self, store: BlobStore) -> None:
        """Two streams of one blob, read in turns, do not move each other; and several threads may have one each."""
        data = bytes(range(256)) * 8192
        digest, blob = _blob(data)
        store.put_many([(digest, blob)])

        with store.open(digest.blake3) as one, store.open(digest.blake3) as two:
            two.seek(1_000_000)
            assert one.read(1000) == data[:1000]
            assert two.read(1000) == data[1_000_000:1_001_000]
        whole: list[bytes] = []

        def read() -> None:
            with store.open(digest.blake3) as stream:
                whole.append(stream.read())

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert whole == [data] * 4

    def test_long_blobs(self, store: BlobStore) -> None:
        """A long blob comes back as it went; one whose last byte changed leaves nothing behind."""
        data = np.random.default_rng(3).bytes(13 << 20)
        digest, blob = _blob(data)
        with pytest.raises(SourceError, match="changed while it was read"):
            store.put_many([(digest, Blob.from_bytes(data[:-1] + bytes([data[-1] ^ 1]), "x.bin"))])
        assert not store.exists(digest.blake3)
        assert store.sweep() == 0
        store.put_many([(digest, blob)])

        with store.open(digest.blake3) as stream:
            assert stream.read() == data
        assert list(store.digests()) == [digest.blake3]

    def test_what_is_there_is_not_read_again(self, store: BlobStore) -> None:
        """The source of a blob that is complete already is left alone."""
        digest, blob = _blob(b"there")
        store.put_many([(digest, blob)])

        def never() -> io.BytesIO:
            raise AssertionError

        store.put_many([(digest, Blob("file:x", "x", never, size=5))])

    def test_a_group(self, store: BlobStore) -> None:
        """A group may hold the same content twice, and content that is there already."""
        blobs = [_blob(b"%d" % (number % 40)) for number in range(60)]
        store.put_many(blobs[:10])
        store.put_many(blobs)
        store.put_many([])

        assert list(store.digests()) == sorted({digest.blake3 for digest, _ in blobs})

    def test_absent(self, store: BlobStore) -> None:
        """Opening what is not there raises StoreDamaged with a hint; deleting it does nothing."""
        digest = digest_of(b"absent").blake3

        assert not store.exists(digest)
        with pytest.raises(StoreDamaged) as caught:
            store.open(digest)
        assert caught.value.hint
        store.delete([digest])

    def test_delete(self, store: BlobStore) -> None:
        """A deleted blob is gone, may be put again, and leaves the others."""
        one, two = _blob(b"one"), _blob(b"two")
        store.put_many([one, two])
        store.delete([one[0].blake3])

        assert list(store.digests()) == [two[0].blake3]
        store.put_many([one])
        assert store.exists(one[0].blake3)

    def test_deleting_many(self, store: BlobStore) -> None:
        """More than a request to a server may name are deleted at once, absent ones among them."""
        kept, gone = _blob(b"kept"), [_blob(b"%d" % number) for number in range(30)]
        store.put_many([kept, *gone])
        absent = [digest_of(b"absent %d" % number).blake3 for number in range(1200)]
        store.delete(iter([*absent[:600], *(digest.blake3 for digest, _ in gone), *absent[600:]]))

        assert list(store.digests()) == [kept[0].blake3]

    def test_sizes(self, store: BlobStore) -> None:
        """A store that lists sizes lists every blob with its own, in the order of ``digests``."""
        blobs = [_blob(b"x" * number) for number in (0, 1, 5000)]
        store.put_many(blobs)
        if isinstance(store, ListsSizes):
            assert list(store.sizes()) == sorted((digest.blake3, digest.size) for digest, _ in blobs)

    def test_behind_a_network(self, store: BlobStore) -> None:
        """A store that can be pinged answers, and one that can link gives an address or None."""
        digest, blob = _blob(b"linked")
        store.put_many([(digest, blob)])
        if isinstance(store, Reachable):
            store.ping()
        if isinstance(store, LinksBlobs):
            link = store.link(digest.blake3, seconds=60, name="x.bin", media_type="image/png")
            assert link is None or link.startswith(("http://", "https://"))

    def test_changed_bytes_are_refused(self, store: BlobStore) -> None:
        """Bytes that no longer are those of the digest are not stored; the others of the group are."""
        good = _blob(b"good")
        digest = digest_of(b"as it was")

        for now in (b"as it is!", b"as it", b"as it was, and more"):
            with pytest.raises(SourceError, match="changed while it was read"):
                store.put_many([(digest, Blob.from_bytes(now, "x.bin")), good])
        assert list(store.digests()) == [good[0].blake3]
        assert store.sweep() == 0

    def test_a_source_that_fails(self, store: BlobStore) -> None:
        """A source that cannot be opened, or breaks off while it is read, becomes a SourceError."""

        class Broken(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:  # noqa: ARG002  io's signature
                raise OSError(5, "the cable was pulled")

        def gone() -> io.BytesIO:
            raise FileNotFoundError(2, "no such file")

        for fail in (gone, Broken):
            with pytest.raises(SourceError):
                store.put_many([(digest_of(b"abc"), Blob("file:x", "x", fail, size=3))])
        assert list(store.digests()) == []

    @pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "a" * 63, "A" * 64, "g" * 64, "a" * 64 + "\n"])
    def test_names_are_digests(self, store: BlobStore, name: str) -> None:
        """Nothing but a BLAKE3 digest in lower-case hex is looked for."""
        for call in (store.open, store.exists, store.path, lambda one: store.delete([one])):
            with pytest.raises(MorelikeError):
                call(name)

    def test_sweep_of_nothing(self, store: BlobStore) -> None:
        """Where no crash left anything, ``sweep`` removes nothing."""
        digest, blob = _blob(b"kept")
        store.put_many([(digest, blob)])

        assert store.sweep() == 0
        assert store.exists(digest.blake3)

    def test_two_threads_put_the_same(self, store: BlobStore) -> None:
        """Putting the same blobs from several threads at once is harmless."""
        blobs = [_blob(b"%d" % number) for number in range(20)]
        threads = [threading.Thread(target=store.put_many, args=(blobs,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(store.digests()) == sorted(digest.blake3 for digest, _ in blobs)
        for number, (digest, _) in enumerate(blobs):
            with store.open(digest.blake3) as stream:
                assert stream.read() == b"%d" % number
