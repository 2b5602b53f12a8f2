"""Blobs in buckets of a real gateway: who may what, what is whose, and what is damaged."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from cut_line import line_to
from ports import free_ports
from radosgw_process import Gateway, User

from morelike.errors import (
    MorelikeError,
    SettingsError,
    StoreDamaged,
    StoreError,
    StoreReadOnly,
    StoreUnreachable,
)
from morelike.protocols import BlobStore
from morelike.settings import Settings
from morelike.testing.kits.blob_store import digest_of
from morelike.types import Blob, ContentDigest

LIBRARY = "0123456789ab"
Make = Callable[..., BlobStore]


@pytest.fixture
def make() -> Iterator[Make]:
    """Stores that are closed after the test."""
    from morelike.stores.s3 import S3BlobStore  # the package may be absent

    opened: list[BlobStore] = []

    def made(settings: Settings, library: str = LIBRARY) -> BlobStore:
        opened.append(S3BlobStore(Path("unused"), settings, library))
        return opened[-1]

    yield made
    for one in opened:
        one.close()


@pytest.fixture
def bucket(gateway: Gateway) -> str:
    return gateway.bucket()


@pytest.fixture
def store(gateway: Gateway, bucket: str, make: Make) -> BlobStore:
    return make(gateway.settings(f"s3://{bucket}/lib"))


def pair(data: bytes) -> tuple[ContentDigest, Blob]:
    return digest_of(data), Blob.from_bytes(data, "x.bin")


def noise(count: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(count)


def key_of(digest: ContentDigest, prefix: str = "lib/") -> str:
    return f"{prefix}{digest.blake3[:2]}/{digest.blake3[2:]}"


def allow(gateway: Gateway, bucket: str, user: User | None, *actions: str) -> None:
    who = "*" if user is None else {"AWS": [f"arn:aws:iam:::user/{user.name}"]}
    statement = {
        "Effect": "Allow",
        "Principal": who,
        "Action": [f"s3:{action}" for action in actions],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    answer = gateway.ask("PUT", bucket, body=json.dumps(policy).encode(), policy="")
    assert answer.is_success, answer.text


CALLS: dict[str, Callable[[BlobStore], object]] = {
    "put": lambda store: store.put_many([pair(b"x")]),
    "open": lambda store: store.open(digest_of(b"x").blake3),
    "exists": lambda store: store.exists(digest_of(b"x").blake3),
    "digests": lambda store: list(store.digests()),
    "delete": lambda store: store.delete([digest_of(b"x").blake3]),
    "sweep": lambda store: store.sweep(),
    "bytes_used": lambda store: store.bytes_used(),
    "ping": lambda store: store.ping(),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("given", "kind", "sentence"),
    [
        ({"s3_access_key": "nobody"}, StoreError, "the access key is not known"),
        ({"s3_secret_key": "a-wrong-S3cret"}, StoreError, "the secret key is not the one of the access key"),
        ({"blobs": "s3://no-such-bucket/lib"}, StoreError, "there is no such bucket"),
    ],
)
def test_refusals(  # noqa: PLR0917 - pytest names them
    gateway: Gateway, bucket: str, make: Make, call: str, given: dict[str, str], kind: type[StoreError], sentence: str
) -> None:
    """A wrong key, a wrong secret and a bucket that is not there are told by every call, never taken for absence."""
    store = make(gateway.settings(f"s3://{bucket}/lib").model_copy(update=given))
    with pytest.raises(kind, match=sentence) as caught:
        CALLS[call](store)

    assert caught.value.hint
    for secret in ("a-wrong-S3cret", gateway.root.secret_key):
        assert secret not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__} {store!r}"


@pytest.mark.parametrize("call", ["put", "open", "sweep", "ping"])
def test_nothing_listens(gateway: Gateway, bucket: str, make: Make, call: str) -> None:
    """A server that is not there is StoreUnreachable, and is named."""
    endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
    store = make(gateway.settings(f"s3://{bucket}/lib", s3_endpoint=endpoint))

    with pytest.raises(StoreUnreachable, match=endpoint):
        CALLS[call](store)


def test_a_silent_server(gateway: Gateway, make: Make) -> None:
    """A server that takes connections and says nothing is given up by ``ping``."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(StoreUnreachable):
            CALLS["ping"](make(gateway.settings("s3://bucket/lib", s3_endpoint=endpoint)))


def test_nothing_is_said_aloud(
    gateway: Gateway, store: BlobStore, make: Make, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the log nor what is printed of a store or of a failure has a secret, whatever the level."""
    caplog.set_level(logging.DEBUG)
    secret = "another-S3cret-word"
    wrong = make(gateway.settings(f"s3://{bucket}/lib", s3_secret_key=secret))
    store.put_many([pair(b"x")])
    store.sweep()
    for call in CALLS.values():
        with pytest.raises(MorelikeError):
            call(wrong)

    assert gateway.root.secret_key not in caplog.text + repr(store)
    assert secret not in caplog.text + repr(wrong)
    assert "Signature" not in caplog.text


def test_who_may_only_read(gateway: Gateway, bucket: str, store: BlobStore, make: Make) -> None:
    """Keys with a reader's policy read, list and look, and are refused whatever writes, which stays undone."""
    reader = gateway.user(f"reader-{bucket}")
    store.put_many([pair(b"x")])
    allow(gateway, bucket, reader, "GetObject", "ListBucket")
    theirs = make(gateway.settings(f"s3://{bucket}/lib", user=reader))

    with theirs.open(digest_of(b"x").blake3) as stream:
        assert stream.read() == b"x"
    assert list(theirs.digests()) == [digest_of(b"x").blake3]
    assert theirs.sweep() == 0
    assert not theirs.exists(digest_of(b"y").blake3)
    for work in (lambda: theirs.put_many([pair(b"y")]), lambda: theirs.delete([digest_of(b"x").blake3])):
        with pytest.raises((StoreReadOnly, StoreError), match="may not change anything"):
            work()
    assert list(store.digests()) == [digest_of(b"x").blake3]


def test_who_may_nothing(gateway: Gateway, bucket: str, store: BlobStore, make: Make) -> None:
    """Keys that are known, in a bucket that is not theirs, are told so."""
    stranger = gateway.user(f"stranger-{bucket}")
    store.put_many([pair(b"x")])
    theirs = make(gateway.settings(f"s3://{bucket}/lib", user=stranger))

    for call in CALLS.values():
        if call is CALLS["sweep"]:
            continue
        with pytest.raises(StoreError, match="these keys may not"):
            call(theirs)


def test_a_public_bucket(gateway: Gateway, bucket: str, store: BlobStore, make: Make) -> None:
    """Without keys a public bucket can be read, and no sweep is tried."""
    store.put_many([pair(b"x")])
    allow(gateway, bucket, None, "GetObject", "ListBucket")
    settings = gateway.settings(f"s3://{bucket}/lib", s3_access_key="", s3_secret_key="", s3_anonymous=True)
    public = make(settings)

    assert list(public.digests()) == [digest_of(b"x").blake3]
    assert public.open(digest_of(b"x").blake3).read() == b"x"
    assert public.sweep() == 0
    with pytest.raises(StoreError, match="may not change"):
        public.put_many([pair(b"y")])


def test_host_style(gateway: Gateway, bucket: str, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket's name may stand before the host's."""
    for name in ("http_proxy", "HTTP_PROXY"):  # so that BUCKET.localhost need not be a name that this machine knows
        monkeypatch.setenv(name, gateway.endpoint)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    endpoint = f"http://localhost:{gateway.port}"
    store = make(gateway.settings(f"s3://{bucket}/lib", s3_endpoint=endpoint, s3_host_style=True))
    store.put_many([pair(b"x")])

    assert store.open(digest_of(b"x").blake3).read() == b"x"
    assert store.sweep() == 0
    assert gateway.ask("HEAD", bucket, key_of(digest_of(b"x"))).is_success


def test_a_prefix_of_another_library(gateway: Gateway, bucket: str, store: BlobStore, make: Make) -> None:
    """A second library may neither add to nor delete from the first one's prefix, and is told whose it is."""
    store.put_many([pair(b"first")])
    other = make(gateway.settings(f"s3://{bucket}/lib"), "ba9876543210")

    for work in (lambda: other.put_many([pair(b"second")]), lambda: other.delete([digest_of(b"first").blake3])):
        with pytest.raises(StoreError, match=f"belongs to another library.*{LIBRARY}") as caught:
            work()
        assert "prefix" in caught.value.hint
    assert list(store.digests()) == [digest_of(b"first").blake3]


def test_two_libraries_at_once(gateway: Gateway, bucket: str, make: Make) -> None:
    """Of several libraries that take one empty prefix at the same moment exactly one gets it."""
    stores = [make(gateway.settings(f"s3://{bucket}/race"), f"{number:012x}") for number in range(6)]
    start = threading.Barrier(len(stores))
    refused: list[int] = []

    def put(number: int) -> None:
        start.wait()
        try:
            stores[number].put_many([pair(b"%d" % number)])
        except StoreError:
            refused.append(number)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(len(stores))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (winner,) = set(range(len(stores))) - set(refused)
    assert list(stores[0].digests()) == [digest_of(b"%d" % winner).blake3]


def test_side_by_side(gateway: Gateway, bucket: str, make: Make) -> None:
    """Libraries in one bucket under several prefixes, one of them none, see their own blobs only."""
    prefixes = ("", "/a", "/ab", "/a/b", "/ä ö+%25")
    stores = [make(gateway.settings(f"s3://{bucket}{prefix}"), f"{n:012x}") for n, prefix in enumerate(prefixes)]
    for number, one in enumerate(stores):
        one.put_many([pair(b"%d" % number)])

    for number, one in enumerate(stores):
        assert list(one.digests()) == [digest_of(b"%d" % number).blake3]
        assert one.bytes_used() == 1


def test_what_else_lies_there(gateway: Gateway, bucket: str, store: BlobStore) -> None:
    """Objects that are not ours, even with keys that no path can have, hide no blob and are left alone."""
    digests = sorted(digest_of(b"%d" % number).blake3 for number in range(20))
    store.put_many([pair(b"%d" % number) for number in range(20)])
    for key in ("lib/readme.txt", "lib/8//odd", "lib/aa/short"):
        assert gateway.ask("PUT", bucket, key, b"theirs").is_success

    assert list(store.digests()) == digests
    assert store.sweep() == 0
    assert gateway.ask("GET", bucket, "lib/readme.txt").content == b"theirs"


@pytest.mark.parametrize("size", [1000, 3 << 20])
@pytest.mark.parametrize("cut", ["changed", "cut", "emptied", "gone"])
def test_damage_behind_our_back(gateway: Gateway, bucket: str, store: BlobStore, size: int, cut: str) -> None:
    """A blob that was changed, cut or deleted in the bucket is never handed out whole; putting it again mends a cut."""
    data = noise(size)
    digest, blob = pair(data)
    store.put_many([(digest, blob)])
    key = key_of(digest)
    if cut == "gone":
        gateway.ask("DELETE", bucket, key)
    else:
        now = {"changed": data[:-1] + bytes([data[-1] ^ 1]), "cut": data[: size // 2], "emptied": b""}[cut]
        gateway.ask("PUT", bucket, key, now)

    with pytest.raises(StoreDamaged) as caught:
        store.open(digest.blake3).read()
    assert "doctor" in caught.value.hint
    if cut != "changed":  # which has the size that it should have
        store.put_many([(digest, blob)])
        assert store.open(digest.blake3).read() == data


def test_damage_while_it_is_read(gateway: Gateway, bucket: str, store: BlobStore) -> None:
    """A blob that is deleted while it is read ends with StoreDamaged, not with fewer bytes."""
    data = noise(4 << 20)
    digest, blob = pair(data)
    store.put_many([(digest, blob)])
    with store.open(digest.blake3) as stream:
        assert stream.read(100) == data[:100]
        gateway.ask("DELETE", bucket, key_of(digest))
        with pytest.raises(StoreDamaged):
            stream.read()


def test_unfinished_uploads(gateway: Gateway, bucket: str, store: BlobStore) -> None:
    """Parts that nobody put together are found and swept; those of others are not."""
    store.put_many([pair(b"x")])
    digest = digest_of(b"never finished")
    for key in (key_of(digest), "lib/else", key_of(digest, "other/")):
        assert gateway.ask("POST", bucket, key, uploads="").is_success

    assert store.sweep(dry_run=True) == 1
    assert store.sweep() == 1
    assert store.sweep() == 0
    left = gateway.ask("GET", bucket, uploads="").text
    assert (left.count("<Upload>"), "lib/else" in left) == (2, True)


def test_cut_in_the_middle(gateway: Gateway, bucket: str, store: BlobStore, make: Make) -> None:
    """A line that drops inside a long upload leaves nothing to be seen; the next sweep and put find their way."""
    data = noise(20 << 20)
    digest, blob = pair(data)
    with line_to(gateway.port, after=9 << 20) as line:
        cut = make(gateway.settings(f"s3://{bucket}/lib", s3_endpoint=line.endpoint))
        with pytest.raises(StoreUnreachable):
            cut.put_many([(digest, blob), pair(b"small")])
        assert line.reached.is_set()
        assert not store.exists(digest.blake3)
        assert digest.blake3 not in list(store.digests())
        line.mend()
        assert cut.sweep() == 1
        cut.put_many([(digest, blob)])

    assert store.open(digest.blake3).read() == data
    assert store.sweep() == 0


def test_a_line_that_drops_and_is_back(gateway: Gateway, bucket: str, make: Make) -> None:
    """Requests that are lost are sent again: a short interruption is not seen at all."""
    blobs = [pair(noise(100_000, number)) for number in range(30)]
    with line_to(gateway.port, after=1 << 20) as line:
        store = make(gateway.settings(f"s3://{bucket}/lib", s3_endpoint=line.endpoint))
        mending = threading.Thread(target=lambda: (line.reached.wait(120), line.mend()))
        mending.start()
        store.put_many(blobs)
        mending.join()

    assert line.reached.is_set()
    check = make(gateway.settings(f"s3://{bucket}/lib"))
    assert list(check.digests()) == sorted(digest.blake3 for digest, _ in blobs)


def test_without_conditional_puts(store: BlobStore) -> None:
    """On a server that knows no condition blobs are put plainly, with the same outcome."""
    store._conditional = False  # type: ignore[attr-defined]
    store.put_many([pair(b"x"), pair(b"y")])
    store.put_many([pair(b"x")])

    assert len(list(store.digests())) == 2


def test_settings_are_told_at_once(gateway: Gateway, make: Make) -> None:
    """What cannot be an address, or half a pair of keys, is told when the store is made."""
    for given in ({"blobs": "s3://"}, {"s3_secret_key": ""}, {"s3_endpoint": "localhost:1"}):
        with pytest.raises(SettingsError):
            make(gateway.settings("s3://bucket").model_copy(update=given))
