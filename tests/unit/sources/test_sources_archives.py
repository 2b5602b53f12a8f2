"""Archives as a source, well made and hostile."""

from __future__ import annotations

import bz2
import gc
import gzip
import io
import lzma
import random
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from morelike.errors import SourceError
from morelike.settings import Settings
from morelike.sources.archives import ArchiveSource
from morelike.types import Blob

MEMBERS = {"a.jpg": b"first", "in/b.jpg": b"second" * 1000, "in/c.jpg": b""}


def tar_bytes(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zip_bytes(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


PACKERS: dict[str, Callable[[Mapping[str, bytes]], bytes]] = {
    "zip": zip_bytes,
    "stored zip": lambda members: zip_bytes(members, zipfile.ZIP_STORED),
    "bzip2 zip": lambda members: zip_bytes(members, zipfile.ZIP_BZIP2),
    "lzma zip": lambda members: zip_bytes(members, zipfile.ZIP_LZMA),
    "tar": tar_bytes,
    "gzip": lambda members: gzip.compress(tar_bytes(members)),
    "bzip2": lambda members: bz2.compress(tar_bytes(members)),
    "xz": lambda members: lzma.compress(tar_bytes(members), preset=0),
    "zstd": lambda members: zstandard.compress(tar_bytes(members)),
}
STREAMS = ("gzip", "bzip2", "xz", "zstd")


def blobs_of(path: Path, data: bytes, settings: Settings, *exclude: str) -> list[Blob]:
    path.write_bytes(data)
    return list(ArchiveSource(settings, exclude).blobs(str(path)))


def reasons(blobs: list[Blob]) -> Iterator[str]:
    """What each failing blob says."""
    for blob in blobs:
        try:
            blob.read()
        except SourceError as error:
            yield str(error)


@pytest.mark.parametrize("kind", PACKERS)
def test_members_of_every_kind(tmp_path: Path, settings: Settings, kind: str) -> None:
    """Each kind is known by its content, whatever its name, and gives its members in stored order."""
    path = tmp_path / "unnamed"

    blobs = blobs_of(path, PACKERS[kind](MEMBERS), settings)

    assert 0.5 < ArchiveSource(settings).accepts(str(path)) < 1
    assert [blob.uri for blob in blobs] == [f"{path}!/{name}" for name in MEMBERS]
    assert [blob.name for blob in blobs] == ["a.jpg", "b.jpg", "c.jpg"]
    assert [blob.read() for blob in blobs] == list(MEMBERS.values())
    assert [blob.size for blob in blobs] == [len(data) for data in MEMBERS.values()]
    assert {blob.modified_ns for blob in blobs} == {path.stat().st_mtime_ns}


@pytest.mark.parametrize("packing", ["gzip", "xz", "zstd", "bzip2"])
def test_packed_in_parts(tmp_path: Path, settings: Settings, packing: str) -> None:
    """Parallel packers write several streams one after another; all are read."""
    data = tar_bytes({"a.jpg": bytes(range(256)) * 2000})
    pack = {"gzip": gzip.compress, "xz": lzma.compress, "zstd": zstandard.compress, "bzip2": bz2.compress}[packing]

    (blob,) = blobs_of(tmp_path / "x", pack(data[:100_000]) + pack(data[100_000:]), settings)

    assert blob.read() == bytes(range(256)) * 2000


@pytest.mark.parametrize("kind", PACKERS)
def test_blobs_outlive_the_walk_in_any_thread(tmp_path: Path, settings: Settings, kind: str) -> None:
    """Members can be opened again, at once from many threads, after the archive was walked."""
    members = {f"{number}.jpg": bytes([number]) * 50_000 for number in range(20)}
    blobs = blobs_of(tmp_path / "x", PACKERS[kind](members), settings)

    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(Blob.read, blobs * 3))

    assert read == list(members.values()) * 3


@pytest.mark.parametrize("kind", ["zip", "tar", "gzip"])
def test_hidden_system_and_excluded_members(tmp_path: Path, settings: Settings, kind: str) -> None:
    """What a folder would not show, an archive does not either."""
    members = dict.fromkeys(("__MACOSX/._a.jpg", ".git/a.jpg", "Thumbs.db", "no/a.jpg", "a.gif", "yes/a.jpg"), b"x")

    blobs = blobs_of(tmp_path / "x", PACKERS[kind](members), settings, "no/**", "*.gif")

    assert [blob.uri for blob in blobs] == [f"{tmp_path}/x!/yes/a.jpg"]


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/etc/passwd", "etc/passwd"),
        ("../../a.jpg", "a.jpg"),
        ("a/../../b/./c.jpg", "a/b/c.jpg"),
        ("C:\\photos\\a.jpg", "photos/a.jpg"),
        ("a\nb\x1b[31m.jpg", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31m.jpg"),
        ("..", "member-1"),
        ("Zoë.jpg", "Zoë.jpg"),
    ],
)
def test_names_are_only_names(tmp_path: Path, settings: Settings, kind: str, name: str, shown: str) -> None:
    """A member's name can lead nowhere and holds nothing that a terminal would act on."""
    (blob,) = blobs_of(tmp_path / "x", PACKERS[kind]({name: b"bytes"}), settings)

    assert blob.uri == f"{tmp_path}/x!/{shown}"
    assert blob.read() == b"bytes"


def test_two_members_of_one_name(tmp_path: Path, settings: Settings) -> None:
    """Both are there, under two uris, the same ones each time."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for data in (b"one", b"two"):
            info = tarfile.TarInfo("a.jpg")
            info.size = 3
            archive.addfile(info, io.BytesIO(data))

    blobs = blobs_of(tmp_path / "x.tar", out.getvalue(), settings)

    assert [(blob.uri.partition("!/")[2], blob.read()) for blob in blobs] == [("a.jpg", b"one"), ("a.jpg#2", b"two")]


def test_utf8_names_that_do_not_say_so(tmp_path: Path, settings: Settings) -> None:
    """Names that many zip programs write without the UTF-8 flag are readable."""
    data = bytearray(zip_bytes({"Zoë.jpg": b"x"}))
    for flags in (6, data.index(b"PK\x01\x02") + 8):
        assert data[flags + 1] == 8
        data[flags + 1] = 0

    (blob,) = blobs_of(tmp_path / "x.zip", bytes(data), settings)

    assert blob.name == "Zoë.jpg"


def test_links_and_devices_are_passed_over(tmp_path: Path, settings: Settings) -> None:
    """A tar gives its regular files only."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
            info = tarfile.TarInfo("odd")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)

    assert blobs_of(tmp_path / "x.tar", out.getvalue(), settings) == []


def test_archives_in_archives(tmp_path: Path, settings: Settings) -> None:
    """An archive inside another is opened, whatever both are, and its uri spells the way."""
    inner = gzip.compress(tar_bytes({"d.jpg": b"deep"}))
    data = zip_bytes({"b.tar": tar_bytes({"c.tgz": inner}), "e.zip": b"not really"})

    blobs = blobs_of(tmp_path / "a.zip", data, settings)

    assert [blob.uri for blob in blobs] == [f"{tmp_path}/a.zip!/b.tar!/c.tgz!/d.jpg", f"{tmp_path}/a.zip!/e.zip"]
    assert [blob.read() for blob in blobs] == [b"deep", b"not really"]


def test_too_deep_an_archive_fails_alone(tmp_path: Path) -> None:
    """Beyond the depth limit the inner archive is one failing blob."""
    data = zip_bytes({"b.zip": zip_bytes({"c.jpg": b"x"}), "d.jpg": b"y"})

    blobs = blobs_of(tmp_path / "a.zip", data, Settings(max_archive_depth=0))

    assert len(blobs) == 2
    assert [reason for reason in reasons(blobs) if "MORELIKE_MAX_ARCHIVE_DEPTH" in reason]
    assert blobs[1].read() == b"y"


@pytest.mark.parametrize("kind", [kind for kind in PACKERS if kind not in ("tar", "stored zip")])
def test_bombs_are_refused(tmp_path: Path, settings: Settings, kind: str) -> None:
    """What unpacks to far more than it holds fails, naming the setting, before it has taken any room."""
    data = PACKERS[kind]({"a.jpg": bytes(40 * 1024**2), "b.jpg": b"x"})

    said = list(reasons(blobs_of(tmp_path / "x", data, settings)))

    assert len(said) == 1
    assert "MORELIKE_MAX_ARCHIVE_RATIO" in said[0]


@pytest.mark.parametrize("kind", PACKERS)
def test_large_members_are_refused(tmp_path: Path, kind: str) -> None:
    """A member above the file limit fails alone, and the next one is read."""
    data = PACKERS[kind]({"a.jpg": bytes(range(256)) * 8, "b.jpg": b"x"})

    large, small = blobs_of(tmp_path / "x", data, Settings(max_file_size=2000))

    with pytest.raises(SourceError, match="MORELIKE_MAX_FILE_SIZE"):
        large.open()
    assert small.read() == b"x"


@pytest.mark.parametrize("kind", PACKERS)
def test_too_many_members(tmp_path: Path, kind: str) -> None:
    """An archive of more members than allowed ends in a blob that names the setting."""
    data = PACKERS[kind]({f"{number}.jpg": b"x" for number in range(300)})

    said = list(reasons(blobs_of(tmp_path / "x", data, Settings(max_archive_members=200))))

    assert len(said) == 1
    assert "MORELIKE_MAX_ARCHIVE_MEMBERS" in said[0]


@pytest.mark.parametrize("kind", ["tar", *STREAMS])
@pytest.mark.parametrize("keep", [0.55, 0.8])
def test_truncated_tars_give_what_they_have(tmp_path: Path, settings: Settings, kind: str, keep: float) -> None:
    """Members before the cut are whole; one blob tells of the cut."""
    numbers = random.Random(1)
    members = {f"{number}.jpg": numbers.randbytes(40_000) for number in range(50)}
    data = PACKERS[kind](members)

    *good, broken = blobs_of(tmp_path / "x", data[: int(len(data) * keep)], settings)

    assert [blob.read() for blob in good] == list(members.values())[: len(good)]
    with pytest.raises(SourceError, match="cannot be read to its end"):
        broken.open()
    assert broken.uri == f"{tmp_path}/x"


def test_a_broken_header_is_noticed(tmp_path: Path, settings: Settings) -> None:
    """tarfile alone takes a broken header in the middle for the end."""
    data = bytearray(tar_bytes({"a.jpg": b"x", "b.jpg": b"y"}))
    data[1024:1124] = b"?" * 100

    *_, broken = blobs_of(tmp_path / "x.tar", bytes(data), settings)

    with pytest.raises(SourceError, match="header after 1 members"):
        broken.open()


def test_a_truncated_zip_is_one_failing_blob(tmp_path: Path, settings: Settings) -> None:
    """A zip's directory is at its end: without it nothing is found."""
    data = zip_bytes(MEMBERS)

    said = list(reasons(blobs_of(tmp_path / "x.zip", data[:-30], settings)))

    assert len(said) == 1
    assert "cannot be read to its end" in said[0]


def test_a_damaged_member_fails_alone(tmp_path: Path, settings: Settings) -> None:
    """Wrong bytes under one checksum spoil one member."""
    data = bytearray(zip_bytes({"a.jpg": b"aaaa", "b.jpg": b"bbbb"}, zipfile.ZIP_STORED))
    data[data.index(b"aaaa")] = ord("x")

    bad, good = blobs_of(tmp_path / "x.zip", bytes(data), settings)

    with pytest.raises(SourceError, match=r"a\.jpg cannot be unpacked"):
        bad.open()
    assert good.read() == b"bbbb"


def test_a_member_that_lies_about_its_size(tmp_path: Path, settings: Settings) -> None:
    """Sizes are counted while unpacking, not believed."""
    data = bytearray(zip_bytes({"a.jpg": bytes(range(256)) * 100}))
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = struct.pack("<I", 10)

    (blob,) = blobs_of(tmp_path / "x.zip", bytes(data), settings)

    with pytest.raises(SourceError, match="cannot be unpacked"):
        blob.open()


def test_overlapping_members_are_refused(tmp_path: Path, settings: Settings) -> None:
    """Members that share bytes make a small file unpack to a huge one; none of them is read."""
    data = bytearray(zip_bytes({f"{number}.jpg": bytes(range(256)) * 40 for number in range(3)}))
    directory = data.index(b"PK\x01\x02")
    for record in range(3):
        place = directory + record * (46 + 5)
        data[place + 42 : place + 46] = struct.pack("<I", 0)

    blobs = blobs_of(tmp_path / "x.zip", bytes(data), settings)

    assert ["shares its bytes" in reason for reason in reasons(blobs)] == [True] * 3


def test_encrypted_members_say_so(tmp_path: Path, settings: Settings) -> None:
    """An encrypted member names what keeps it from being read."""
    data = bytearray(zip_bytes({"a.jpg": b"x"}))
    directory = data.index(b"PK\x01\x02")
    data[directory + 8] |= 1

    (reason,) = reasons(blobs_of(tmp_path / "x.zip", bytes(data), settings))

    assert "is encrypted" in reason


def test_unknown_packing_fails_alone(tmp_path: Path, settings: Settings) -> None:
    """A method that the library does not know is that member's failure."""
    data = bytearray(zip_bytes({"a.jpg": b"x"}))
    directory = data.index(b"PK\x01\x02")
    for place in (8, directory + 10):
        data[place : place + 2] = struct.pack("<H", 97)

    (reason,) = reasons(blobs_of(tmp_path / "x.zip", bytes(data), settings))

    assert "cannot be unpacked" in reason


def tar_header(size: bytes, kind: bytes = b"0") -> bytes:
    """A header whose size field is written as given."""
    header = bytearray(tarfile.TarInfo("a.jpg").tobuf(tarfile.USTAR_FORMAT))
    header[124:136] = size
    header[156:157] = kind
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


@pytest.mark.parametrize("kind", [b"0", b"x", b"L", b"g", b"K"])
@pytest.mark.parametrize("size", [b"\xff" * 12, b"77777777777\0", b"\x80" + b"\x7f" * 11, b"\xff" * 10 + b"\xfe\x00"])
@pytest.mark.parametrize("packed", [False, True])
def test_lying_tar_headers(tmp_path: Path, settings: Settings, size: bytes, kind: bytes, packed: bool) -> None:
    """A negative or huge size neither loops nor takes memory: it is one failing blob."""
    data = tar_bytes({"good.jpg": b"x"})[:1024] + tar_header(size, kind) + bytes(4096)

    blobs = blobs_of(tmp_path / "x", gzip.compress(data) if packed else data, settings)

    assert blobs[0].read() == b"x"
    assert list(reasons(blobs))


def test_sparse_members_are_refused(tmp_path: Path, settings: Settings) -> None:
    """A sparse member's size costs its writer nothing, so it is not unpacked."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.jpg")
        info.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(2**40)}
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))

    said = list(reasons(blobs_of(tmp_path / "x.tar", out.getvalue(), settings)))

    assert len(said) == 1


def test_documents_that_are_zips_inside(tmp_path: Path, settings: Settings) -> None:
    """An e-book or an office file is one document, not an archive of its parts, whichever of these comes first."""
    for first in ("mimetype", "[Content_Types].xml", "word/numbering.xml", "ppt/theme/theme1.xml", "docProps/app.xml"):
        path = tmp_path / "document"
        path.write_bytes(zip_bytes({first: b"application/epub+zip", "cover.jpg": b"x"}))

        assert ArchiveSource(settings).accepts(str(path)) == 0, first
        with pytest.raises(SourceError, match="no zip or tar"):
            ArchiveSource(settings).blobs(str(path))


def test_packed_files_that_are_no_archives(tmp_path: Path, settings: Settings) -> None:
    """A packed single file is not taken for a tar."""
    path = tmp_path / "x.jpg.gz"
    path.write_bytes(gzip.compress(b"x" * 5000))

    assert ArchiveSource(settings).accepts(str(path)) == 0


def test_large_members_wait_in_files_that_go_away(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Members too large for memory lie in temporary files, which their blobs take along."""
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    large = bytes(range(256)) * (17 * 4096)

    blobs = blobs_of(tmp_path / "x", PACKERS["zstd"]({"a.bin": large, "b.bin": b"x"}), Settings(max_archive_ratio=1e6))

    assert len(list(spool.iterdir())) == 1
    assert blobs[0].read() == large
    del blobs
    gc.collect()
    assert list(spool.iterdir()) == []


def test_a_walk_cut_short_leaves_nothing_open(tmp_path: Path, settings: Settings) -> None:
    """Who stops after the first member leaks no file (an open one would be a warning, and so an error)."""
    for kind, pack in PACKERS.items():
        path = tmp_path / kind
        path.write_bytes(pack(MEMBERS))
        blobs = ArchiveSource(settings).blobs(str(path))
        assert next(blobs).read() == b"first"
        del blobs
    gc.collect()


@profile(max_examples=60, deadline=None)
@given(
    names=st.lists(st.text(min_size=1, max_size=40).filter(lambda name: "\0" not in name), min_size=1, max_size=4),
    tar=st.booleans(),
)
def test_no_name_breaks_an_archive(tmp_path_factory: pytest.TempPathFactory, names: list[str], tar: bool) -> None:
    """Whatever its members are called, an archive is read, its uris are distinct and can be stored."""
    names = [name.encode("utf-8", "replace").decode() for name in names]
    data = tar_bytes(dict.fromkeys(names, b"x")) if tar else zip_bytes(dict.fromkeys(names, b"x"))

    blobs = blobs_of(tmp_path_factory.getbasetemp() / "names", data, Settings())

    uris = [blob.uri for blob in blobs]
    assert len(set(uris)) == len(uris)
    assert all(uri.encode() and ".." not in uri.partition("!/")[2].split("/") for uri in uris)
    assert all("/" not in blob.name and blob.name for blob in blobs)


@profile(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(sorted(PACKERS)),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12),
)
def test_no_damage_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, kind: str, changes: list[tuple[float, int]]
) -> None:
    """Whatever bytes are changed, a member reads or fails with SourceError."""
    data = bytearray(PACKERS[kind]({"a.jpg": b"first", "b/c.jpg": bytes(range(256)), "d.tar": tar_bytes({"e": b"e"})}))
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(data)
    try:
        blobs = list(ArchiveSource(Settings()).blobs(str(path)))
    except SourceError:
        blobs = []

    assert len(list(reasons(blobs))) <= len(blobs)
