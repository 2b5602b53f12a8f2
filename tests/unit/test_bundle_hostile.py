"""Bundles that somebody else made, or that were damaged on their way: refused with a sentence, nothing of them used."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import blake3
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import morelike
from morelike.bundle import rows
from morelike.bundle.tables import schema_of, write_table
from morelike.errors import MissingExtra, MorelikeError, SourceError
from morelike.library import Library
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good bundle of five pictures."""
    folder = tmp_path_factory.mktemp("hostile")
    write_images(folder / "pictures", 5, seed=1)
    with morelike.open(library=folder / "library", offline=True) as library:
        library.collection("photos", modality="image", encoder=ToyEncoder()).add(folder / "pictures")
        library.export(folder / "bundle")
    return folder / "bundle"


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with morelike.open(library=tmp_path / "library", offline=True) as opened:
        yield opened


def _manifest(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def _sealed(bundle: Path, name: str, count: int | None = None) -> None:
    """Give a part that was tampered with its true size and digest: whoever makes a bundle can."""
    data = (bundle / name).read_bytes()

    def change(manifest: dict[str, Any]) -> None:
        for part in manifest["collections"][0]["pages"][0]["parts"]:
            if part["name"] == name:
                part.update(size=len(data), blake3=blake3.blake3(data).hexdigest())
                if count is not None:
                    part["rows"] = count

    _manifest(bundle, change)


def _part(bundle: Path, stem: str) -> str:
    return str(next(bundle.rglob(f"{stem}.*")).relative_to(bundle))


def _rewrite(bundle: Path, stem: str, change: Callable[[dict[str, list[Any]]], object]) -> None:
    """A table with other values, sealed."""
    name = _part(bundle, stem)
    columns = {"items": rows.ITEMS, "sources": rows.SOURCES, "segments": rows.SEGMENTS}.get(
        stem, {"segment": "whole", "vector": "bytes:192"}
    )
    values = pq.read_table(bundle / name).to_pydict()
    change(values)
    count = len(next(iter(values.values())))
    if "vector" in values:
        values["vector"] = np.frombuffer(b"".join(values["vector"]), np.uint8).reshape(-1, 192)
    write_table(bundle, name, columns, [values])
    _sealed(bundle, name, count)


def _refused(library: Library, bundle: Path, match: str) -> None:
    with pytest.raises(MorelikeError, match=match) as caught:
        library.import_from(bundle)
    assert caught.value.hint
    for name in library.names():
        assert library.collection(name).count() == 0


def test_the_good_one_is_taken(library: Library, bundle: Path) -> None:
    """What the others are told from."""
    assert library.import_from(bundle).added == 5


@pytest.mark.parametrize("stem", ["items", "sources", "segments", "space-0", "blobs-00000"])
def test_a_flipped_bit_is_seen(library: Library, bundle: Path, stem: str) -> None:
    """Before anything of the part is used."""
    path = bundle / _part(bundle, stem)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    _refused(library, bundle, "its checksum is wrong")


@pytest.mark.parametrize("stem", ["items", "space-0", "blobs-00000"])
def test_a_cut_or_missing_part_is_seen(library: Library, bundle: Path, stem: str) -> None:
    """As a copy that was broken off leaves it."""
    path = bundle / _part(bundle, stem)
    path.write_bytes(path.read_bytes()[:-1])
    _refused(library, bundle, "bytes, not")
    path.unlink()
    _refused(library, bundle, "is not there")


def _first_part(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["collections"][0]["pages"][0]["parts"][0]


MANIFESTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "newer": (lambda m: m.update(version=2), "version 2"),
    "another format": (lambda m: m.update(format="zip"), "is of no bundle"),
    "no list": (lambda m: m.update(collections=5), "collections"),
    "a path": (lambda m: m["collections"][0]["pages"][0]["parts"][0].update(name="../../etc/x.parquet"), "name"),
    "an absolute path": (
        lambda m: m["collections"][0]["pages"][0]["parts"][0].update(name="/etc/items.parquet"),
        "name",
    ),
    "a name": (lambda m: m["collections"][0].update(name="../x"), "name"),
    "no modality": (lambda m: m["collections"][0].update(modality="nothing"), "no modality"),
    "options": (lambda m: m["collections"][0].update(options={"window": -1}), "cannot be made|have no"),
    "a huge count": (lambda m: m["collections"][0]["pages"][0].update(items=2**40), "items"),
    "other counts": (lambda m: m["collections"][0]["pages"][0].update(items=4), "counts other items"),
    "a card": (lambda m: m["collections"][0]["spaces"][0]["card"].update(dim=10**9), "not a card"),
    "a card's name": (lambda m: m["collections"][0]["spaces"][0]["card"].update(name="../x"), "card|name"),
    "another width": (lambda m: m["collections"][0]["spaces"][0]["card"].update(dim=47), "columns"),
    "two active": (lambda m: m["collections"][0]["spaces"].append(m["collections"][0]["spaces"][0]), "contradict"),
    "twice": (lambda m: m["collections"].append(m["collections"][0]), "twice"),
    "deep": (lambda m: None, "not as it should be"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_cannot_be(library: Library, bundle: Path, name: str) -> None:
    """Newer versions, paths out of the folder, names, counts, cards: refused before a collection is made."""
    change, match = MANIFESTS[name]
    _manifest(bundle, change)
    if name == "deep":
        (bundle / "manifest.json").write_text("[" * 100_000)

    _refused(library, bundle, match)


ROWS: dict[str, tuple[str, Callable[[dict[str, list[Any]]], object], str]] = {
    "an item twice": ("items", lambda v: v["item"].__setitem__(1, v["item"][0]), "twice|not among"),
    "a state": ("items", lambda v: v["state"].__setitem__(0, "deleting"), "cannot be"),
    "a digest": ("items", lambda v: v["blake3"].__setitem__(0, "../x"), "cannot be"),
    "metadata": ("items", lambda v: v["info"].__setitem__(0, "[1]"), "no object"),
    "deep metadata": ("items", lambda v: v["info"].__setitem__(0, "[" * 90_000), "should be"),
    "not a number": ("items", lambda v: v["info"].__setitem__(0, '{"a": NaN}'), "NaN"),
    "a tag": ("items", lambda v: v["tags"].__setitem__(0, '[""]'), "tag"),
    "a long id": ("items", lambda v: v["item"].__setitem__(0, "x" * 300), "characters|not among"),
    "a stranger's source": ("sources", lambda v: v["item"].__setitem__(0, "stranger"), "not among"),
    "no source": ("sources", lambda v: [column.pop() for column in v.values()], "found nowhere"),
    "a stranger's segment": ("segments", lambda v: v["item"].__setitem__(0, "stranger"), "not among"),
    "a segment's id": ("segments", lambda v: v["segment"].__setitem__(0, 5), "not its own"),
    "a segment twice": ("segments", lambda v: [column.append(column[0]) for column in v.values()], "not its own"),
    "a span": ("segments", lambda v: v["start"].__setitem__(0, float("inf")), "nowhere"),
    "a vector's id": ("space-0", lambda v: v["segment"].__setitem__(0, 5), "no segment of these"),
    "a vector twice": ("space-0", lambda v: v["segment"].__setitem__(1, v["segment"][0]), "there twice"),
    "not a vector": ("space-0", lambda v: v["vector"].__setitem__(0, b"\xff" * 192), "not finite"),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_that_cannot_be(library: Library, bundle: Path, name: str) -> None:
    """With checksums that are right: ids that belong to nothing, twice the same, states, digests, numbers."""
    stem, change, match = ROWS[name]
    _rewrite(bundle, stem, change)

    _refused(library, bundle, match)


def test_a_vector_that_is_missing_leaves_its_item_pending(library: Library, bundle: Path) -> None:
    """It is not searchable before it is whole."""
    _rewrite(bundle, "space-0", lambda values: [column.pop() for column in values.values()])
    report = library.import_from(bundle)

    assert (report.added, report.pending) == (5, 1)
    assert library.collection("photos").count() == 4


@pytest.mark.parametrize("way", ["compressed", "dictionary"])
def test_what_unfolds_is_refused(library: Library, bundle: Path, way: str) -> None:
    """A bundle's tables weigh what they hold: a few kilobytes that unfold to gigabytes are not read."""
    name = _part(bundle, "items")
    values = pq.read_table(bundle / name).to_pydict()
    values = {column: [cells[0]] * 5 for column, cells in values.items()}
    values["info"] = ['{"a": "' + "x" * 10_000_000 + '"}'] * 5
    table = pa.table(values, schema=schema_of(rows.ITEMS))
    options: dict[str, Any] = {"compression": "ZSTD"} if way == "compressed" else {"compression": "NONE"}
    pq.write_table(table, bundle / name, use_dictionary=way == "dictionary", **options)
    _sealed(bundle, name, 5)

    _refused(library, bundle, "compressed")


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"\xff" * 200 + b"PAR1", os.urandom(500)])
def test_what_is_no_parquet_is_refused(library: Library, bundle: Path, data: bytes) -> None:
    """Whatever its name says."""
    name = _part(bundle, "items")
    (bundle / name).write_bytes(data)
    _sealed(bundle, name)

    _refused(library, bundle, "should be|cannot be read")


def test_other_columns_are_refused(library: Library, bundle: Path) -> None:
    """Neither a missing one, nor one of another type."""
    name = _part(bundle, "items")
    table = pq.read_table(bundle / name)
    at = table.schema.get_field_index("size")
    pq.write_table(table.set_column(at, "size", table["size"].cast(pa.string())), bundle / name, compression="NONE")
    _sealed(bundle, name)

    _refused(library, bundle, "its columns are")


def _tar(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def _link(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("info", "match"),
    [
        (tarfile.TarInfo("../../x"), "no blob"),
        (tarfile.TarInfo("/etc/x"), "no blob"),
        (_link("0" * 64), "no blob"),
        (tarfile.TarInfo("A" * 64), "no blob"),
    ],
    ids=["up", "absolute", "link", "no digest"],
)
def test_a_pack_holds_blobs_and_nothing_else(library: Library, bundle: Path, info: Any, match: str) -> None:
    """No paths, no links."""
    name = _part(bundle, "blobs-00000")
    (bundle / name).write_bytes(_tar([(info, b"")]))
    _sealed(bundle, name, 1)

    _refused(library, bundle, match)


def test_bytes_under_a_false_digest_are_not_kept(library: Library, bundle: Path) -> None:
    """Nothing stands in for an item's bytes."""
    name = _part(bundle, "blobs-00000")
    with tarfile.open(bundle / name) as tar:
        first = tar.getmembers()[0]
    (bundle / name).write_bytes(_tar([(tarfile.TarInfo(first.name), b"x" * first.size)]))
    _sealed(bundle, name, 1)
    with pytest.raises(MorelikeError):
        library.import_from(bundle)

    assert not library._stores.blobs.exists(first.name)
    assert library.collection("photos").count() == 0


def test_a_link_out_of_the_bundle_is_not_followed(library: Library, bundle: Path, tmp_path: Path) -> None:
    """Nor is a pipe waited for."""
    path = bundle / _part(bundle, "items")
    shutil.copy(path, tmp_path / "outside.parquet")
    path.unlink()
    path.symlink_to(tmp_path / "outside.parquet")
    _refused(library, bundle, "leads out of the bundle")
    path.unlink()
    os.mkfifo(path)
    _refused(library, bundle, "it is no file")


def test_what_is_no_bundle_is_said(library: Library, tmp_path: Path) -> None:
    """An empty folder, and one that is not there."""
    (tmp_path / "empty").mkdir()
    for name in ("empty", "missing"):
        with pytest.raises(SourceError, match="is no bundle"):
            library.import_from(tmp_path / name)


def test_without_pyarrow_the_extra_is_named(
    library: Library, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that installs it; nothing is made before."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    for call in (library.export, library.import_from):
        with pytest.raises(MissingExtra, match="pyarrow") as caught:
            call(tmp_path / "new" if call == library.export else bundle)
        assert caught.value.hint == "pip install 'morelike[parquet]'"
    assert not (tmp_path / "new").exists()
