"""Objects in buckets of a real gateway as sources: what is found, what is fetched, what is noticed."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from radosgw_process import Gateway
from s3_traffic import Watched, permit, put, remove, watched

import morelike
from morelike.collection import OpenCollection
from morelike.errors import MorelikeError, OriginalGone, SourceError, StoreError, StoreUnreachable, UsageError
from morelike.library import Library
from morelike.settings import Settings
from morelike.sources import open_source
from morelike.sources import s3 as s3_source
from morelike.sources._s3_objects import Bucket, Fetching, Room
from morelike.sources.s3 import buckets, list_folder
from morelike.sources.spool import LARGEST_IN_MEMORY, Spool
from morelike.testing.toys import ToyEncoder

pytestmark = pytest.mark.xdist_group("gateway")

ODD_KEYS = (
    "/leading.jpg",
    "a//empty.jpg",
    "./here.jpg",
    "up/../../over.jpg",
    "up/..",
    "folder/",
    "folder//",
    "space and +.jpg",
    "per%41cent%2F.jpg",
    "hash#.jpg",
    "question?.jpg",
    "ünï/日本.jpg",
    "control\x01\x07.jpg",
    "line\nbreak.jpg",
    "delete\x7f.jpg",
    "back\\slash.jpg",
    "trailing ",
    "*?[x].jpg",
    "&<amp;>\"'.jpg",
    "k" * 1020,
)


def picture(seed: int, side: int = 48) -> bytes:
    """A JPEG of 4 × 4 squares that only ``seed`` decides."""
    squares = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(squares).resize((side, side), Image.Resampling.NEAREST).save(stream, "JPEG", quality=90)
    return stream.getvalue()


@pytest.fixture
def bucket(gateway: Gateway) -> str:
    return gateway.bucket()


@pytest.fixture
def near(gateway: Gateway, tmp_path: Path) -> Settings:
    """Settings that reach the gateway; blobs are kept in a folder."""
    return gateway.settings("folder", library=tmp_path / "library", models_cache=tmp_path / "models")


@pytest.fixture
def traffic(gateway: Gateway) -> Iterator[Watched]:
    with watched(gateway) as proxy:
        yield proxy


@pytest.fixture
def library(near: Settings, traffic: Watched) -> Iterator[Library]:
    """Through the proxy."""
    with morelike.open(near.model_copy(update={"s3_endpoint": traffic.endpoint})) as opened:
        yield opened


@pytest.fixture
def photos(library: Library) -> OpenCollection:
    return library.collection("photos", modality="image", encoder=ToyEncoder())


@pytest.fixture
def fill(gateway: Gateway, bucket: str) -> Callable[..., None]:
    """Puts pictures under keys."""

    def fill(*keys: str) -> None:
        for number, key in enumerate(keys):
            put(gateway, bucket, key, picture(number))

    return fill


def uris(argument: str, settings: Settings, *exclude: str) -> list[str]:
    return [blob.uri for blob in open_source(argument, settings, exclude)[1]]


def keys(argument: str, settings: Settings, *exclude: str) -> list[str]:
    return [uri.split("/", 3)[3] for uri in uris(argument, settings, *exclude)]


def test_each_key_comes_back_with_its_own_bytes(gateway: Gateway, bucket: str, near: Settings) -> None:
    """Whatever a key is made of: its uri is the key as it is, its name has no folder, its bytes are its own."""
    for key in ODD_KEYS:
        put(gateway, bucket, key, f"bytes of {key}".encode())

    blobs = list(open_source(f"s3://{bucket}", near)[1])

    assert sorted(blob.uri for blob in blobs) == sorted(f"s3://{bucket}/{key}" for key in ODD_KEYS)
    for blob in blobs:
        assert blob.read() == f"bytes of {blob.uri.split('/', 3)[3]}".encode()
        assert blob.name.isprintable()
        assert "/" not in blob.name
        assert 0 < len(blob.name) <= 200


def test_each_odd_key_can_be_named_by_itself(gateway: Gateway, bucket: str, near: Settings) -> None:
    """What a listing shows can be given as an argument, nothing in it escaped."""
    for key in ODD_KEYS:
        put(gateway, bucket, key, key.encode())

    for key in ODD_KEYS:
        assert f"s3://{bucket}/{key}" in uris(f"s3://{bucket}/{key}", near)


def test_an_argument_is_an_object_a_prefix_or_a_bucket(bucket: str, near: Settings, fill: Callable[..., None]) -> None:
    """A key is the object and what lies below it, as if it were a folder; never what merely begins like it."""
    fill("pre", "pre/a.jpg", "pre/b/c.jpg", "prefix.jpg", "other/a.jpg")

    assert keys(f"s3://{bucket}/pre", near) == ["pre", "pre/a.jpg", "pre/b/c.jpg"]
    assert keys(f"s3://{bucket}/pre/", near) == ["pre/a.jpg", "pre/b/c.jpg"]
    assert keys(f"S3://{bucket}/pre/b/c.jpg", near) == ["pre/b/c.jpg"]
    assert keys(f"s3://{bucket}/pre/b", near) == ["pre/b/c.jpg"]
    assert len(keys(f"s3://{bucket}/", near)) == len(keys(f"s3://{bucket}", near)) == 5


def test_globs_choose_and_exclude(bucket: str, near: Settings, fill: Callable[..., None]) -> None:
    """A glob as the argument, and ``exclude``, mean what they mean for files; hidden names are passed over."""
    fill("2024/a.jpg", "2024/x/b.jpg", "2024/x/c.png", "2023/a.jpg", "2024/.hidden/d.jpg", "2024/x/Thumbs.db")

    assert keys(f"s3://{bucket}/2024/**/*.jpg", near) == ["2024/a.jpg", "2024/x/b.jpg"]
    assert keys(f"s3://{bucket}/*/a.jpg", near) == ["2023/a.jpg", "2024/a.jpg"]
    assert keys(f"s3://{bucket}/202[3]", near) == ["2023/a.jpg"]
    assert keys(f"s3://{bucket}/2024", near, "x") == ["2024/a.jpg"]
    assert keys(f"s3://{bucket}/2024", near, "*.png", "a.jpg") == ["2024/x/b.jpg"]
    with pytest.raises(SourceError, match="there is nothing at"):
        uris(f"s3://{bucket}/2022/*.jpg", near)


def test_empty_objects_that_stand_for_folders_are_passed_over(gateway: Gateway, bucket: str, near: Settings) -> None:
    """``folder/`` of no bytes is how tools write a folder; one with bytes is an object."""
    put(gateway, bucket, "folder/", b"")
    put(gateway, bucket, "folder/a.jpg", b"x")
    put(gateway, bucket, "other/", b"x")

    assert keys(f"s3://{bucket}", near) == ["folder/a.jpg", "other/"]


def test_many_pages_come_whole(
    bucket: str, near: Settings, traffic: Watched, fill: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing goes on over the server's pages, and only as far as it is asked."""
    wanted = [f"many/{number}.jpg" for number in range(7)]
    fill(*wanted)
    through = near.model_copy(update={"s3_endpoint": traffic.endpoint})
    whole = s3_source.list_objects
    monkeypatch.setattr(s3_source, "list_objects", lambda wire, prefix, **more: whole(wire, prefix, most=2))

    first = next(open_source(f"s3://{bucket}/many/", through)[1])
    asked = len(traffic.asked)

    assert first.uri.endswith("/0.jpg")
    assert asked == 1
    assert keys(f"s3://{bucket}/many/", through) == wanted
    assert len(traffic.asked) == 1 + 4


def test_an_object_is_fetched_once(
    bucket: str, photos: OpenCollection, traffic: Watched, fill: Callable[..., None]
) -> None:
    """One GET an object in an ``add``, and none in the next one."""
    wanted = [f"a/{number}.jpg" for number in range(20)]
    fill(*wanted)

    report = photos.add(f"s3://{bucket}/a")
    fetched = traffic.objects()
    traffic.asked.clear()
    again = photos.add(f"s3://{bucket}/a/")

    assert (report.added, report.rejected) == (20, 0)
    assert sorted(fetched) == sorted(wanted)
    assert (again.added, again.same) == (0, 20)
    assert traffic.objects() == []


def test_what_is_no_picture_is_not_fetched_whole(
    gateway: Gateway,
    bucket: str,
    photos: OpenCollection,
    traffic: Watched,
) -> None:
    """Only the head of an object is needed to see that it is none of the collection's; the next run does not look."""
    put(gateway, bucket, "big.bin", bytes(24 * 1024**2))

    report = photos.add(f"s3://{bucket}")
    moved = traffic.moved
    traffic.asked.clear()
    again = photos.add(f"s3://{bucket}")

    assert (report.rejected, again.rejected_before) == (1, 1)
    assert moved < 8 * 1024**2
    assert traffic.objects() == []


def test_a_changed_object_replaces_what_it_was(
    gateway: Gateway,
    bucket: str,
    photos: OpenCollection,
    fill: Callable[..., None],
) -> None:
    """Other bytes under the same key are another item, and the old one goes."""
    fill("a.jpg")
    photos.add(f"s3://{bucket}")
    put(gateway, bucket, "a.jpg", picture(77))

    report = photos.add(f"s3://{bucket}")

    assert (report.added, report.replaced, photos.count()) == (1, 1, 1)


def test_sync_drops_what_is_gone(
    gateway: Gateway,
    bucket: str,
    photos: OpenCollection,
    fill: Callable[..., None],
) -> None:
    """``--sync`` removes items whose objects are gone, whichever way the prefix is written, and nothing else."""
    fill("a/1.jpg", "a/2.jpg", "b/3.jpg")
    photos.add(f"s3://{bucket}/a/")
    photos.add(f"s3://{bucket}/b/")
    remove(gateway, bucket, "a/1.jpg")
    remove(gateway, bucket, "b/3.jpg")

    report = photos.add(f"s3://{bucket}/a", sync=True)

    assert (report.removed, photos.count()) == (1, 2)
    remove(gateway, bucket, "a/2.jpg")
    with pytest.raises(MorelikeError):
        photos.add(f"s3://{bucket}/a", sync=True)
    assert photos.count() == 2


def test_a_listing_that_breaks_off_drops_nothing(
    *,
    gateway: Gateway,
    bucket: str,
    photos: OpenCollection,
    traffic: Watched,
    fill: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was not listed is not known to be gone: the run ends and removes nothing."""
    wanted = [f"{number}.jpg" for number in range(6)]
    fill(*wanted)
    photos.add(f"s3://{bucket}")
    whole = s3_source.list_objects
    monkeypatch.setattr(s3_source, "list_objects", lambda wire, prefix, **more: whole(wire, prefix, most=2))
    monkeypatch.setattr("morelike.sources._s3_wire._PAUSE", 0.01)
    remove(gateway, bucket, "0.jpg")
    traffic.cut = lambda line: 0 if "continuation-token" in line else None

    with pytest.raises(StoreUnreachable):
        photos.add(f"s3://{bucket}", sync=True)

    assert photos.count() == 6
    traffic.cut = lambda line: None
    assert photos.add(f"s3://{bucket}", sync=True).removed == 1


def test_a_transfer_that_breaks_off_goes_on(
    gateway: Gateway,
    bucket: str,
    library: Library,
    traffic: Watched,
) -> None:
    """The rest is asked for, not the whole again, and the bytes are right."""
    data = np.random.default_rng(1).bytes(3_000_000)
    put(gateway, bucket, "a.bin", data)
    once = iter([1_000_000])
    traffic.cut = lambda line: next(once, None) if "a.bin" in line and "list-type" not in line else None

    blob = next(open_source(f"s3://{bucket}/", library.settings)[1])

    assert blob.read() == data
    assert traffic.moved < 4_500_000


def test_in_place_refers_to_the_object(
    bucket: str, library: Library, photos: OpenCollection, fill: Callable[..., None]
) -> None:
    """Nothing is kept; the bytes come from the bucket, and so do doctor's and reembed's."""
    fill("a.jpg", "ünï//../b.jpg")
    report = photos.add(f"s3://{bucket}", in_place=True)
    items = photos.items()

    assert (report.added, [item.in_place for item in items]) == (2, [True, True])
    assert not any((library.folder / "blobs").rglob("??????*"))
    assert sorted(photos.blob(item.id).read() for item in items) == sorted(picture(number) for number in range(2))
    photos.reembed(ToyEncoder("other"))
    assert photos.count() == 2
    assert library.doctor(fix=True).ok
    assert [item.in_place for item in photos.items()] == [True, True]


def test_an_object_that_changed_or_went_is_noticed(
    gateway: Gateway,
    bucket: str,
    photos: OpenCollection,
    fill: Callable[..., None],
) -> None:
    """``get`` of an item in place gives its own bytes or says that they are gone, never others."""
    fill("a.jpg", "b.jpg", "c.jpg")
    photos.add(f"s3://{bucket}", in_place=True)
    by_name = {item.sources[0].name: item.id for item in photos.items()}
    put(gateway, bucket, "a.jpg", picture(99, side=64))
    remove(gateway, bucket, "b.jpg")

    for name in ("a.jpg", "b.jpg"):
        with pytest.raises(OriginalGone, match=f"s3://{bucket}/{name}"):
            photos.blob(by_name[name]).read()
    assert photos.blob(by_name["c.jpg"]).read() == picture(2)


def test_the_same_bytes_put_again_are_no_other_ones(
    gateway: Gateway,
    bucket: str,
    photos: OpenCollection,
    fill: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where only the time differs the bytes decide."""
    fill("a.jpg")
    photos.add(f"s3://{bucket}", in_place=True)
    item = photos.items()[0]
    monkeypatch.setattr("morelike.originals._second", id)

    assert photos.blob(item.id).read() == picture(0)


@pytest.mark.parametrize("kind", ["zip", "large zip", "tar", "tar.gz"])
def test_archives_give_their_members(
    gateway: Gateway,
    bucket: str,
    near: Settings,
    traffic: Watched,
    kind: str,
) -> None:
    """Members as in a local archive, excluded by the same globs; the archive comes over the wire about once."""
    files = {f"in/{number}.jpg": picture(number) for number in range(5)}
    files["in/skip.txt"] = b"no"
    if kind == "large zip":
        files["pad.bin"] = np.random.default_rng(0).bytes(5 * 1024**2)
    suffix = kind.removeprefix("large ")
    data = _packed(suffix, files)
    key = f"x.{suffix}"
    put(gateway, bucket, key, data)
    through = near.model_copy(update={"s3_endpoint": traffic.endpoint})

    found = {blob.uri: blob.read() for blob in open_source(f"s3://{bucket}/", through, ("*.txt", "pad.bin"))[1]}

    assert found == {f"s3://{bucket}/{key}!/in/{number}.jpg": picture(number) for number in range(5)}
    assert traffic.moved < len(data) + 200_000


def _packed(kind: str, files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return out.getvalue()
    with tarfile.open(fileobj=out, mode="w:gz" if kind == "tar.gz" else "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def test_a_damaged_archive_fails_alone(
    gateway: Gateway, bucket: str, near: Settings, fill: Callable[..., None]
) -> None:
    """The rest of the prefix is read."""
    put(gateway, bucket, "a.zip", _packed("zip", {"a.jpg": b"x" * 100})[:-30])
    fill("b.jpg")
    blobs = list(open_source(f"s3://{bucket}", near)[1])

    assert blobs[-1].read() == picture(0)
    with pytest.raises(SourceError, match=r"a\.zip"):
        blobs[0].read()


def test_a_table_names_objects(gateway: Gateway, bucket: str, near: Settings, fill: Callable[..., None]) -> None:
    """Paths start at the table's prefix; the other columns become metadata; a row that names nothing fails alone."""
    fill("set/a.jpg", "set/in/b.jpg")
    rows = f"path,label\na.jpg,one\nin/b.jpg,2\ngone.jpg,3\ns3://{bucket}/set/a.jpg,4\n"
    put(gateway, bucket, "set/list.csv", rows.encode())

    blobs = list(open_source(f"s3://{bucket}/set/list.csv", near)[1])

    assert [blob.metadata.get("label") for blob in blobs] == ["one", 2, 3, 4]
    assert [blob.uri.split("/", 3)[3] for blob in blobs] == ["set/a.jpg", "set/in/b.jpg", "set/gone.jpg", "set/a.jpg"]
    assert blobs[1].read() == picture(1)
    with pytest.raises(SourceError, match=r"row 3 of .* names"):
        blobs[2].read()


def test_objects_that_may_not_be_read_are_rows_of_the_ledger(
    gateway: Gateway,
    bucket: str,
    near: Settings,
    fill: Callable[..., None],
) -> None:
    """The run goes on with the others, and ``retry`` takes them once they may be read."""
    fill("open/a.jpg", "closed/b.jpg")
    user = gateway.user("half")
    permit(gateway, bucket, user, "ListBucket", "GetObject", path="open/*")
    mine = {"s3_access_key": user.access_key, "s3_secret_key": user.secret_key}
    with morelike.open(near.model_copy(update=mine)) as library:
        photos = library.collection("photos", modality="image", encoder=ToyEncoder())
        report = photos.add(f"s3://{bucket}")
        reasons = [row.reason for row in photos.rejected()]
        permit(gateway, bucket, user, "ListBucket", "GetObject")
        again = photos.add(retry=True)

    assert (report.added, report.rejected) == (1, 1)
    assert "s3:GetObject" in reasons[0]
    assert (again.added, again.rejected) == (1, 0)


def test_who_may_not_list_can_name_one_object(
    gateway: Gateway,
    bucket: str,
    near: Settings,
    fill: Callable[..., None],
) -> None:
    """An object that may be read is read though its bucket may not be listed, which is said of a prefix."""
    fill("a.jpg", "b/c.jpg")
    user = gateway.user("reader")
    permit(gateway, bucket, user, "GetObject")
    mine = near.model_copy(update={"s3_access_key": user.access_key, "s3_secret_key": user.secret_key})

    assert next(open_source(f"s3://{bucket}/a.jpg", mine)[1]).read() == picture(0)
    for argument in ("", "/b", "/b/"):
        with pytest.raises(SourceError, match="may not be listed"):
            uris(f"s3://{bucket}{argument}", mine)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"s3_secret_key": "wrong-word"}, "secret key"),
        ({"s3_access_key": "nobody"}, "access key"),
    ],
)
def test_wrong_keys_are_said_once_and_at_once(
    bucket: str, near: Settings, change: dict[str, str], sentence: str, fill: Callable[..., None]
) -> None:
    """The argument is refused before anything is read, and no secret is in the sentence."""
    fill("a.jpg")
    wrong = near.model_copy(update=change)

    with pytest.raises(SourceError, match=sentence) as caught:
        open_source(f"s3://{bucket}", wrong)

    assert "wrong-word" not in str(caught.value)
    assert near.s3_secret_key not in str(caught.value)


def test_what_is_not_there_is_said(bucket: str, near: Settings, fill: Callable[..., None]) -> None:
    """A missing bucket, a missing prefix, no bucket's name: each its own sentence. An empty bucket is none."""
    assert uris(f"s3://{bucket}", near) == []
    fill("a.jpg")
    for argument, sentence in (
        (f"s3://{bucket}-gone/x", "no such bucket"),
        (f"s3://{bucket}/gone/", "there is nothing at"),
        (f"s3://{bucket}/gone", "there is nothing at"),
        ("s3://", "names no bucket"),
        ("s3:///x", "names no bucket"),
        ("s3://UP_!/x", "names no bucket"),
        (f"s3://{bucket}/{'k' * 1025}", "longer than a key"),
    ):
        with pytest.raises(SourceError, match=sentence):
            open_source(argument, near)


def test_a_server_that_is_not_there_may_come_back(near: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is an error of its own."""
    monkeypatch.setattr("morelike.sources._s3_wire._PAUSE", 0.01)

    with pytest.raises(StoreUnreachable):
        open_source("s3://bucket/x", near.model_copy(update={"s3_endpoint": "http://127.0.0.1:1"}))


def test_an_object_that_is_too_large_is_not_fetched(
    gateway: Gateway,
    bucket: str,
    near: Settings,
    traffic: Watched,
) -> None:
    """Its size is known from the listing."""
    put(gateway, bucket, "a.jpg", bytes(2000))
    small = near.model_copy(update={"max_file_size": 1000, "s3_endpoint": traffic.endpoint})

    with pytest.raises(SourceError, match="more than the limit"):
        next(open_source(f"s3://{bucket}", small)[1]).read()
    assert traffic.objects() == []


@pytest.mark.parametrize("most", [0, 64 * 1024**2])
def test_large_objects_are_held_only_where_there_is_room(
    *,
    gateway: Gateway,
    bucket: str,
    near: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
) -> None:
    """With room for it an object is in one temporary file as long as somebody needs it; without, in none."""
    data = np.random.default_rng(2).bytes(LARGEST_IN_MEMORY + 1000)
    put(gateway, bucket, "a.bin", data)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    opened = Bucket(near, bucket)
    fetching = Fetching(opened, opened.head("a.bin"), Spool(), Room(most))

    with fetching.open() as stream:
        first, rest = stream.read(10), stream.read()
        files = list(tmp_path.glob("morelike-*"))
        stream.seek(5_000_000)
        assert stream.read(7) == data[5_000_000:5_000_007]
        assert stream.seek(-3, 2) == len(data) - 3
        assert stream.read() == data[-3:]
    del fetching, stream

    assert first + rest == data
    assert len(files) == (1 if most else 0)
    assert list(tmp_path.glob("morelike-*")) == []


def test_an_object_that_changes_under_our_hands_is_refused(gateway: Gateway, bucket: str, near: Settings) -> None:
    """Two objects' bytes never become one item."""
    for key in ("a.jpg", "a//b.jpg"):
        put(gateway, bucket, key, picture(1))
        blob = next(open_source(f"s3://{bucket}/{key}", near)[1])
        put(gateway, bucket, key, picture(2))
        with pytest.raises(SourceError, match="changed"):
            blob.read()


def test_buckets_and_what_lies_in_them_are_listed(bucket: str, near: Settings, fill: Callable[..., None]) -> None:
    """``ls s3://`` gives the keys' own buckets, ``ls s3://BUCKET/PREFIX`` objects and folders right below."""
    fill("a.jpg", "b/c.jpg", "b/d/e.jpg")

    assert f"s3://{bucket}/" in [one.uri for one in buckets(near)]
    top = list(list_folder(near, f"s3://{bucket}"))
    assert [(one.uri, one.size is None) for one in top] == [
        (f"s3://{bucket}/a.jpg", False),
        (f"s3://{bucket}/b/", True),
    ]
    assert [one.uri for one in list_folder(near, f"s3://{bucket}/b")] == [
        f"s3://{bucket}/b/c.jpg",
        f"s3://{bucket}/b/d/",
    ]
    with pytest.raises(SourceError, match="there is nothing at"):
        list_folder(near, f"s3://{bucket}/gone")


def test_only_allowed_addresses_are_read(bucket: str, near: Settings, fill: Callable[..., None]) -> None:
    """Where ``allow_roots`` is set, buckets are closed but for ``s3_roots``, however an address is written."""
    fill("open/a.jpg", "open2/b.jpg", "secret/c.jpg")
    confined = near.model_copy(update={"allow_roots": (), "s3_roots": (f"s3://{bucket}/open/",)})

    assert keys(f"s3://{bucket}/open", confined) == ["open/a.jpg"]
    assert keys(f"S3://{bucket}/open/*", confined) == ["open/a.jpg"]
    for key in ("", "/", "/secret/c.jpg", "/open2/b.jpg", "/open*/*", "//open/a.jpg", "/o"):
        with pytest.raises(SourceError, match="may be read"):
            open_source(f"s3://{bucket}{key}", confined)
    with pytest.raises(SourceError, match="may be read"):
        open_source(f"s3://{bucket}/open/a.jpg", near.model_copy(update={"allow_roots": ()}))


def test_a_table_in_an_allowed_place_names_nothing_outside(
    gateway: Gateway,
    bucket: str,
    near: Settings,
    fill: Callable[..., None],
) -> None:
    """Its rows are held against the same addresses."""
    fill("open/a.jpg", "secret/c.jpg")
    put(gateway, bucket, "open/t.csv", f"path\na.jpg\ns3://{bucket}/secret/c.jpg\n".encode())
    confined = near.model_copy(update={"allow_roots": (), "s3_roots": (f"s3://{bucket}/open",)})

    good, bad = open_source(f"s3://{bucket}/open/t.csv", confined)[1]

    assert good.read() == picture(0)
    with pytest.raises(SourceError, match="may be read"):
        bad.read()


def test_an_object_is_an_example(bucket: str, photos: OpenCollection, fill: Callable[..., None]) -> None:
    """A search takes ``s3://bucket/key`` as it takes a file or a URL."""
    fill("a.jpg", "b.jpg")
    photos.add(f"s3://{bucket}")

    assert photos.search(f"s3://{bucket}/b.jpg", k=1)[0].source == f"s3://{bucket}/b.jpg"


def test_a_dry_run_and_the_guess_need_few_bytes(
    bucket: str, library: Library, photos: OpenCollection, fill: Callable[..., None]
) -> None:
    """Both work on a prefix, and change nothing."""
    fill(*(f"{number}.jpg" for number in range(5)))

    assert library.guess(f"s3://{bucket}").modality == "image"
    found = photos.dry_run(f"s3://{bucket}")
    assert (found.files, found.sampled, photos.count()) == (5, 5, 0)


def test_keys_of_a_role_sign_too(
    gateway: Gateway, bucket: str, near: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only obstore can ask for the keys it signs listings and odd keys as well."""
    from morelike import signing

    for name, value in (("ACCESS_KEY_ID", near.s3_access_key), ("SECRET_ACCESS_KEY", near.s3_secret_key)):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setattr(signing, "find_keys", lambda settings: None)
    for key in ("a b+ü/%41#?.jpg", "//x.jpg", "plain.jpg"):
        put(gateway, bucket, key, key.encode())

    blobs = list(open_source(f"s3://{bucket}/", near)[1])

    assert sorted(blob.read().decode() for blob in blobs) == ["//x.jpg", "a b+ü/%41#?.jpg", "plain.jpg"]
    assert f"s3://{bucket}/" in [one.uri for one in buckets(near)]


def test_a_server_that_is_no_s3_is_named(near: Settings, traffic: Watched) -> None:
    """An answer that is no listing is an error, not an empty bucket."""
    with pytest.raises((SourceError, StoreError)):
        open_source("s3://bucket-without-a-listing/x", near)


def test_an_empty_prefix_does_not_empty_a_collection(
    gateway: Gateway,
    bucket: str,
    photos: OpenCollection,
    fill: Callable[..., None],
) -> None:
    """``--sync`` of a bucket that holds nothing any more is refused, as of a disk that is not mounted."""
    fill("a.jpg")
    photos.add(f"s3://{bucket}")
    remove(gateway, bucket, "a.jpg")

    with pytest.raises(UsageError, match="would drop all"):
        photos.add(f"s3://{bucket}", sync=True)
    assert photos.count() == 1


def test_a_server_that_goes_away_ends_the_run_and_no_more(
    bucket: str, library: Library, photos: OpenCollection, traffic: Watched, fill: Callable[..., None]
) -> None:
    """One sentence instead of a row for each object; what is in stays, and the next run goes on with the rest."""
    wanted = [f"{number:02}.jpg" for number in range(24)]
    fill(*wanted)
    some = library.settings.model_copy(update={"commit_items": 4, "look_ahead": 8})
    traffic.cut = lambda line: None if "list-type" in line or line < f"GET /{bucket}/12" else 0

    with morelike.open(some) as opened, pytest.raises(StoreUnreachable):
        opened.collection("photos", encoder=ToyEncoder()).add(f"s3://{bucket}")

    there = photos.count()
    assert there <= 12
    assert photos.rejected_count() == 0
    traffic.cut = lambda line: None
    assert photos.add(f"s3://{bucket}").added == 24 - there
    assert photos.count() == 24
