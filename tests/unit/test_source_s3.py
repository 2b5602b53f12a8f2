"""Objects in buckets as sources, as far as no server is needed: addresses, signatures, answers, and who may read."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from morelike import signing
from morelike.cli.serve import _roots
from morelike.errors import MissingExtra, SettingsError, SourceError, StoreError, UsageError
from morelike.objects import Place
from morelike.server.adding import check_sources
from morelike.server.errors import Refused
from morelike.settings import Settings
from morelike.signing import Ask, signed
from morelike.sources import _s3_objects, open_source, origin
from morelike.sources._s3_address import check_object_allowed, split_address
from morelike.sources._s3_listing import Entry, Folder, list_buckets, list_objects
from morelike.sources._s3_objects import Room
from morelike.sources._s3_wire import Wire

PAGE = "<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>{}</ListBucketResult>"
ROW = "<Contents><Key>{}</Key><LastModified>2024-01-02T03:04:05.678Z</LastModified><Size>{}</Size></Contents>"


class Answers:
    """A wire that gives these answers, one after the other."""

    place = Place("bucket", "https://host", "region", host_style=False)

    def __init__(self, *answers: str) -> None:
        self._answers = iter(answers)
        self.queries: list[dict[str, str]] = []

    def ask(self, what: str, query: dict[str, str], *, service: bool = False) -> bytes:
        self.queries.append(dict(query))
        return next(self._answers).encode()


def listed(*answers: str, **more: Any) -> list[Entry | Folder]:
    return list(list_objects(Answers(*answers), "", **more))  # type: ignore[arg-type]


def test_a_signature_is_that_of_the_manual(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worked example "GET Bucket (List Objects)" of Amazon's "Using the Authorization Header" comes out."""

    class Then(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2013, 5, 24, tzinfo=UTC)

    monkeypatch.setattr(signing, "datetime", Then)
    example = {"s3_access_key": "AKIAIOSFODNN7EXAMPLE", "s3_secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
    place = Place("examplebucket", "https://s3.amazonaws.com", "us-east-1", host_style=True)

    ready = signed(settings.model_copy(update=example), place, Ask("GET", "", {"max-keys": "2", "prefix": "J"}))

    signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    assert ready.headers["authorization"].endswith(signature)
    assert (ready.origin, ready.target) == ("https://examplebucket.s3.amazonaws.com", "/?max-keys=2&prefix=J")
    assert "EXAMPLEKEY" not in repr(ready)


@pytest.mark.parametrize("key", ["a//b", "../x", "/x", "%41 ?#&+=", "ü\n\x01"])
def test_a_key_is_sent_as_it_is(settings: Settings, key: str) -> None:
    """Nothing is tidied on the way: what the server decodes is the key."""
    from urllib.parse import unquote

    place = Place("b", "https://host:1", "r", host_style=False)
    ready = signed(settings.model_copy(update={"s3_anonymous": True}), place, Ask("GET", key))

    assert unquote(ready.target) == f"/b/{key}"
    assert ready.target.isascii()
    assert not {"?", "#", " ", "\n"} & set(ready.target)


def test_keys_of_a_listing_are_decoded() -> None:
    """A plus that stands for a space, escapes, bytes that are no UTF-8, and a server that escapes nothing."""
    coded = "<EncodingType>url</EncodingType>" + "".join(ROW.format(key, 1) for key in ("a+b%2Bc", "%FF", "%C3%BC"))
    plain = ROW.format("a+b%2B &amp; c", 5)

    assert [one.key for one in listed(PAGE.format(coded)) if isinstance(one, Entry)] == ["a b+c", "\udcff", "ü"]
    assert listed(PAGE.format(plain)) == [Entry("a+b%2B & c", 5, 1_704_164_645_678_000_000)]


def test_pages_are_followed_to_their_end() -> None:
    """Each with the token of the one before; folders where a delimiter was asked for."""
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t1</NextContinuationToken>"
    folders = "<CommonPrefixes><Prefix>f/</Prefix></CommonPrefixes>"
    wire = Answers(PAGE.format(ROW.format("a", 1) + more), PAGE.format(folders))

    found = list(list_objects(wire, "", delimiter="/"))  # type: ignore[arg-type]

    assert found[1:] == [Folder("f/")]
    assert [query.get("continuation-token") for query in wire.queries] == [None, "t1"]


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "<html>no",
        "<html/>",
        PAGE.format(ROW.format("a", -1)),
        PAGE.format(ROW.format("a", "x")),
        PAGE.format(ROW.format("", 1)),
        PAGE.format("<Contents><Key>a</Key><Size>1</Size></Contents>"),
        PAGE.format(ROW.format("a", 1) + "<IsTruncated>true</IsTruncated>"),
        '<!DOCTYPE x [<!ENTITY a "b">]>' + PAGE.format("&b;"),
    ],
)
def test_what_is_no_listing_is_refused(answer: str) -> None:
    """Whatever a server answers, it is a sentence, and never half a listing taken for a whole one."""
    with pytest.raises(StoreError):
        listed(answer)


def test_a_listing_cannot_name_what_was_not_asked_for() -> None:
    """A key that does not begin with the prefix is passed over."""
    page = PAGE.format(ROW.format("in/a", 1) + ROW.format("out/b", 1))

    assert [one.key for one in list_objects(Answers(page), "in/")] == ["in/a"]  # type: ignore[arg-type, union-attr]


def test_buckets_come_by_name() -> None:
    """With the time when they were made."""
    rows = "".join(f"<Bucket><Name>{name}</Name><CreationDate>2024</CreationDate></Bucket>" for name in "ba")
    answer = f"<ListAllMyBucketsResult><Buckets>{rows}</Buckets></ListAllMyBucketsResult>"

    assert list_buckets(Answers(answer)) == [("a", "2024"), ("b", "2024")]  # type: ignore[arg-type]


def test_an_address_is_not_escaped() -> None:
    """What comes after the bucket is the key, whatever it looks like."""
    assert split_address("s3://bb/a%20b/../c#d?e ") == ("bb", "a%20b/../c#d?e ")
    assert split_address("S3://bb") == ("bb", "")
    assert split_address("s3://") == ("", "")


@pytest.mark.parametrize(
    "address", ["s3://bb\0", "s3://bb/\0", "s3://user:word@host/x", "s3://bb/" + "ü" * 513, "s3://?"]
)
def test_what_no_bucket_can_be_called_is_refused(address: str) -> None:
    """Before any request."""
    with pytest.raises(SourceError):
        split_address(address)


def test_a_slash_at_the_end_is_the_same_place() -> None:
    """``--sync`` knows a prefix again however it is written; another prefix is another one."""
    assert origin("s3://b/a/") == origin("S3://b/a") == "s3://b/a"
    assert origin("s3://b/") == origin("s3://b") == "s3://b"
    assert origin("s3://b/a//") != origin("s3://b/a")


def test_only_addresses_below_a_root_are_allowed() -> None:
    """A root is a whole name: what merely begins like it is another one."""
    roots = ("s3://one", "s3://two/a/b/")
    for good in ("s3://one", "s3://one/", "s3://one/x/../y", "s3://two/a/b", "s3://two/a/b/", "S3://two/a/b/c*"):
        check_object_allowed(good, roots)
    for bad in ("s3://", "s3://ones", "s3://two", "s3://two/", "s3://two/a/bc", "s3://two/a/b*", "s3://two//a/b/c"):
        with pytest.raises(SourceError, match=r"may be read|no bucket"):
            check_object_allowed(bad, roots)


def test_the_server_refuses_buckets_unless_they_are_allowed(settings: Settings) -> None:
    """403 with a hint that names the option, before anything is asked of the bucket."""
    closed = settings.model_copy(update={"allow_roots": ()})
    half = settings.model_copy(update={"allow_roots": (), "s3_roots": ("s3://open/in",)})
    for given, hint in ((closed, "--allow-root s3://BUCKET/PREFIX"), (half, "s3://open/in")):
        with pytest.raises(Refused) as caught:
            check_sources(["s3://secret/x"], (), given)
        assert caught.value.status == 403
        assert hint in str(caught.value.hint)


def test_allow_root_takes_folders_and_addresses(tmp_path: Any) -> None:
    """Each becomes the setting that it belongs to."""
    given = _roots([str(tmp_path), "s3://bb/x", "S3://cc"])

    assert given == {"allow_roots": (tmp_path,), "s3_roots": ("s3://bb/x", "S3://cc")}
    with pytest.raises(UsageError, match="names no bucket"):
        _roots(["s3://"])


def test_roots_come_from_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several are separated by spaces."""
    monkeypatch.setenv("MORELIKE_S3_ROOTS", "s3://a/b  s3://c")

    assert Settings().s3_roots == ("s3://a/b", "s3://c")


def test_offline_leaves_the_clouds_buckets_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of one's own, named in the settings, is no reason to go out."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    pytest.importorskip("obstore")

    with pytest.raises(SourceError, match="offline"):
        open_source("s3://bucket/x", settings)


def test_without_the_package_its_name_is_said(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra to install, not that no source reads it."""
    real = builtins.__import__

    def without(name: str, *args: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "obstore":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **more)

    for name in [name for name in sys.modules if name.partition(".")[0] == "obstore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(MissingExtra, match="obstore") as caught:
        open_source("s3://bucket/x", settings.model_copy(update={"offline": False}))
    assert "morelike[s3]" in caught.value.hint


def test_room_comes_back() -> None:
    """What was given back can be taken again, and no more than that."""
    room = Room(10)

    assert room.take(6)
    assert not room.take(5)
    room.give(6)
    assert room.take(10)


def test_no_more_bytes_come_than_were_asked_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers a part with everything, and more, does not fill the memory."""
    given: list[int] = []

    def endless(self: object, entry: Entry, start: int, end: int | None) -> Iterator[bytes]:
        while True:
            given.append(1)
            yield b"x" * 1024

    monkeypatch.setattr(_s3_objects.Bucket, "_chunks", endless)
    monkeypatch.setattr(_s3_objects, "open_bucket", lambda settings, name: None)
    bucket = _s3_objects.Bucket(settings, "bucket")

    with pytest.raises(SourceError, match="changed while it was read"):
        b"".join(bucket.chunks(Entry("a//b", 1 << 40, 0), 0, 4096))

    assert len(given) == 5


def test_a_file_that_holds_no_certificates_is_named(settings: Settings, tmp_path: Path) -> None:
    """Also where nothing but the list of buckets is asked for."""
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    wire = Wire(settings.model_copy(update={"s3_ca": tmp_path / "ca.pem", "s3_anonymous": True}))

    with pytest.raises(SettingsError, match="no certificates"):
        wire.ask("the buckets", {}, service=True)
