"""Rows of an old server's table as files, and its vectors as segments: without any of its servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import morelike
from morelike.cli.import_older import Asked
from morelike.cli.run import run
from morelike.collection import OpenCollection
from morelike.errors import SettingsError, SourceError, SpaceMismatch, UsageError
from morelike.library import Library
from morelike.modalities.audio import AudioModality
from morelike.modalities.image import ImageModality
from morelike.modalities.video import VideoModality
from morelike.moving.moves import Move, MoveReport
from morelike.moving.places import MOST_VECTORS, demo_places, engine_places, parse_moved
from morelike.moving.tables import LONGEST, Column, OldTable
from morelike.moving.vectors import OldVectors
from morelike.settings import Settings
from morelike.testing.films import film
from morelike.testing.images import write_images
from morelike.testing.sounds import write_sounds
from morelike.testing.toys import ToyEncoder, ToySounds
from morelike.types import WHOLE, Span


@dataclass
class Table:
    """What ``OldTable`` gives, in the order in which the server would."""

    given: Sequence[tuple[Any, ...]]
    columns: list[Column] = field(
        default_factory=lambda: [Column("milvus_id", "text"), Column("image_path", "longtext")]
    )
    name: str = "milvus_img_search"

    def rows(self, names: Sequence[str], *, order: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """The columns are asked for as they were given."""
        assert order
        assert all(len(row) == len(names) for row in self.given)
        return iter(self.given)


@dataclass
class Kept:
    """What ``OldVectors`` gives."""

    vectors: dict[int, np.ndarray]
    dim: int = 48
    where: str = "collection 'x' of Milvus at nowhere"
    asked: list[int] = field(default_factory=list)

    def fetch(self, ids: Sequence[int]) -> dict[int, np.ndarray]:
        self.asked.append(len(ids))
        return {number: self.vectors[number] for number in ids if number in self.vectors}

    def fetch_by_hash(self, md5s: Sequence[str]) -> dict[str, np.ndarray]:
        return {}


def units(n: int, dim: int = 48, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


Moved = Callable[..., MoveReport]


@pytest.fixture
def move(library: Library) -> Moved:
    """Moves a table with its vectors into an open collection."""

    def move(opened: OpenCollection, modality: Any, table: Table, kept: Kept) -> MoveReport:
        run = Move(
            library._stores,
            opened._record,
            modality(library.settings),
            opened.spaces[0],
            kept,  # type: ignore[arg-type]
            keep=False,
            origin="bootcamp:test",
            check=lambda space, taken: None,
        )
        return run.run(demo_places(table, library.settings, {}))  # type: ignore[arg-type]

    return move


def places(rows: Sequence[tuple[Any, ...]], settings: Settings, **moved: str) -> list[Any]:
    return list(demo_places(Table(rows), settings, moved))  # type: ignore[arg-type]


def test_a_folder_that_was_moved(settings: Settings) -> None:
    """The longest old folder that a path lies in is replaced; the empty one stands for where relative paths began; a
    folder whose name merely begins like it stays.
    """
    moved = parse_moved(["/data=/srv/data", "/data/deep/=/mnt/deep/", "=/app", "./own=/own"])
    rows = [("1", path) for path in ("/data/a.jpg", "/data/deep/b.jpg", "/database/c.jpg", "tmp/d.jpg", "./own/e.jpg")]

    found = [place.uri for place in demo_places(Table(rows), settings, moved)]  # type: ignore[arg-type]

    assert found == ["/srv/data/a.jpg", "/mnt/deep/b.jpg", "/database/c.jpg", "/app/tmp/d.jpg", "/own/e.jpg"]
    for wrong in ("/data", "/data=relative"):
        with pytest.raises(UsageError, match="--path"):
            parse_moved([wrong])


def test_paths_that_lead_nowhere_say_why(settings: Settings, tmp_path: Path) -> None:
    """A relative path, one that is too long, one that is a folder or a pipe, one that is missing or not allowed: a
    reason each, and nothing waits.
    """
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    outside = settings.model_copy(update={"allow_roots": (tmp_path / "folder.jpg",)})
    paths = ["rel.jpg", "/" + "x" * LONGEST, *(str(tmp_path / f"{name}.jpg") for name in ("folder", "pipe", "none"))]

    found = places([("1", path) for path in paths], settings)
    reasons = []
    for place in [*found, *places([("1", str(tmp_path / "pipe.jpg"))], outside)]:
        with pytest.raises(SourceError) as refused:
            place.find()
        reasons.append(str(refused.value))

    words = ["--path", "more than", "no regular file", "no regular file", "no such file", "may be read"]
    assert all(word in reason.replace("not a", "no") for word, reason in zip(words, reasons, strict=True)), reasons


def test_rows_of_one_path_come_together(settings: Settings) -> None:
    """A row's id is its place's; what is no number is none; rows without a path are named one by one; of a path with
    too many rows no more are kept than say so.
    """
    many = [(str(at), "/many.gif") for at in range(MOST_VECTORS + 5)]
    rows = [(None, ""), ("8", None), ("1", "/a.gif"), ("x", "/a.gif"), ("99999999999999999999", "/a.gif"), *many]

    found = places(rows, settings)

    assert [place.uri for place in found] == [f"milvus_img_search/{n}" for n in (None, 8)] + ["/a.gif", "/many.gif"]
    assert found[2].ids == (1, None, None)
    assert len(found[3].ids) == MOST_VECTORS + 1
    assert places([("7", "/one.jpg")], settings)[0].metadata == {"milvus_id": "7"}


def test_other_tables_are_refused(settings: Settings) -> None:
    """A table without ids, with several texts of unknown names, or without an upload's columns: named as it is."""
    text, number = Column("image_path", "text"), Column("milvus_id", "bigint")
    questions = [number, Column("question", "text"), Column("answer", "text")]

    for columns in ([text], questions):
        with pytest.raises(UsageError, match=columns[-1].name):
            demo_places(Table([], columns), settings, {})  # type: ignore[arg-type]
    uploads = [number, *(Column(name, "varchar") for name in ("meta_uuid", "hash_code", "file_path"))]
    with pytest.raises(UsageError, match="has no column file_path"):
        engine_places(Table([], [text, number]), settings, "bucket")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="names no bucket"):
        engine_places(Table([], uploads), settings, "B")  # type: ignore[arg-type]
    assert list(demo_places(Table([], [number, Column("melody", "varchar")]), settings, {})) == []  # type: ignore[arg-type]


def test_a_films_vectors_lie_where_its_frames_were(library: Library, move: Moved, tmp_path: Path) -> None:
    """The nth row of a film stands for its nth second; an equal vector is one segment, and those after it keep their
    seconds.
    """
    pytest.importorskip("av")
    (tmp_path / "film.mp4").write_bytes(film(scenes=(2.0, 1.5)))
    films = library.collection("films", modality="video", encoder=ToyEncoder(), options={"every": 1.0})
    rows = units(4)
    kept = Kept({1: rows[0], 2: rows[1], 3: rows[1], 4: rows[3]})
    table = Table([(str(number), str(tmp_path / "film.mp4")) for number in (1, 2, 3, 4)])

    report = move(films, VideoModality, table, kept)
    item = films.items()[0]

    assert (report.added, report.vectors, report.rejected) == (1, 3, 0)
    seconds = [Span("seconds", 0, 1), Span("seconds", 1, 2), Span("seconds", 3, 3.5)]
    spans = [segment.span for segment in films.segments(item.id)]
    assert [(span.unit, span.start) for span in spans] == [(span.unit, span.start) for span in seconds]
    assert [span.end for span in spans] == pytest.approx([span.end for span in seconds], abs=0.05)
    assert films.search(rows[3], k=1)[0].span.start == 3


def test_a_sounds_one_vector_is_of_the_whole(library: Library, move: Moved, tmp_path: Path) -> None:
    """An old server made one vector of a recording, however long: it is one segment, and windows are not made up."""
    pytest.importorskip("av")
    (path,) = write_sounds(tmp_path, 1, seconds=20.0, rate=8000)
    encoder = ToySounds()
    sounds = library.collection("sounds", modality="audio", encoder=encoder, options={"window": 2.0, "hop": 2.0})
    kept = Kept({5: units(1, encoder.card.dim)[0]}, encoder.card.dim)

    report = move(sounds, AudioModality, Table([("5", str(path))]), kept)
    own = [one for one in sounds.segments(sounds.items()[0].id) if one.kind == "audio"]

    assert (report.added, [segment.span for segment in own]) == (1, [WHOLE])


def test_memory_is_a_few_vectors(
    library: Library, move: Moved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many rows a table has, so many vectors are asked for at once, or those of one path."""
    monkeypatch.setattr("morelike.moving.moves._VECTORS", 10)
    photos = library.collection("photos", modality="image", encoder=ToyEncoder())
    paths = [str(path) for path in write_images(tmp_path / "pictures", 9, size=(16, 16))]
    rows = units(60)
    owners = [paths[at] for at in (0, 1, 2, 3)] + [paths[4]] * 25 + [paths[5]] * 6 + paths[6:]
    kept = Kept(dict(enumerate(rows)))

    report = move(photos, ImageModality, Table([(str(at), path) for at, path in enumerate(owners)]), kept)

    assert (report.added, report.vectors) == (9, len(owners))
    assert max(asked for asked in kept.asked if asked != 25) <= 10
    assert sum(kept.asked) == len(owners)


def test_a_changed_file_is_another_item(library: Library, move: Moved, tmp_path: Path) -> None:
    """Other bytes at a path that came in before: the old item goes, and the path leads to the new one."""
    photos = library.collection("photos", modality="image", encoder=ToyEncoder())
    first, second = write_images(tmp_path / "pictures", 2, size=(16, 16))
    kept, table = Kept({1: units(1)[0]}), Table([("1", str(first))])
    move(photos, ImageModality, table, kept)
    before = photos.items()[0].id
    first.write_bytes(second.read_bytes() + b"\n")

    report = move(photos, ImageModality, table, kept)

    assert (report.added, photos.count(), photos.items()[0].id != before) == (1, 1, True)
    assert library.doctor().ok


def test_another_width_is_refused_before_anything_is_read(library: Library, move: Moved) -> None:
    """The collection's card and the old vectors have to be as wide."""
    photos = library.collection("photos", modality="image", encoder=ToyEncoder())

    with pytest.raises(SpaceMismatch, match="24 numbers"):
        move(photos, ImageModality, Table([]), Kept({}, dim=24))


@pytest.mark.parametrize(
    "address", ["ftp://host", "http://", "http://h:port", "http://u:s3cret@h:1/a/b", "http://u:s3cret@h?x=1"]
)
def test_addresses_that_cannot_be_are_refused_unspoken(address: str, settings: Settings) -> None:
    """What is no address of Milvus, MySQL or MinIO is refused before anything connects, and never repeated."""
    pytest.importorskip("pymysql")
    with pytest.raises(SettingsError) as milvus:
        OldVectors(address, "x", settings)
    with pytest.raises(SettingsError) as mysql:
        OldTable(address.replace("http://", "postgresql://"), "x")
    asked = Asked("image-engine", ("photos",), None, None, "mysql://h/x", None, None, (), address)
    if "/a/b" in address or "?" in address or not address.startswith("http://u"):
        with pytest.raises(SettingsError) as minio:
            asked.old()
        assert "s3cret" not in str(minio.value)

    assert "s3cret" not in f"{milvus.value}{mysql.value}{asked!r}"


def test_options_say_where_everything_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options beat the old server's variables; a collection behind a colon; keys of MinIO decoded; the bucket named."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"MYSQL_HOST": "db", "MYSQL_PWD": "p@ss", "MILVUS_HOST": "vec", "MILVUS_TABLE": "told"}.items():
        monkeypatch.setenv(name, value)

    plain = Asked("bootcamp", ("photos",), None, None, None, None, None, ("/a=/b",), None).old()
    named = Asked("bootcamp", ("photos",), None, None, "mysql://o/n", "http://m:1", "t:c", (), None).old()
    engine = Asked("image-engine", ("photos",), None, None, None, None, None, (), "http://k:s%2F@h:9/b").old()

    assert (plain.mysql, plain.milvus) == ("mysql://root:p%40ss@db:3306/mysql", "http://vec:19530")
    assert (plain.table, plain.vectors, plain.moved) == ("told", "", {"/a": "/b"})
    assert (named.mysql, named.milvus, named.table, named.vectors) == ("mysql://o/n", "http://m:1", "t", "c")
    assert (engine.bucket, engine.objects["s3_endpoint"], engine.objects["s3_secret_key"]) == ("b", "http://h:9", "s/")


def test_the_image_engines_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``config.yaml`` of this folder, by RUN_MODE, says where its MySQL, its Milvus and its bucket are."""
    pytest.importorskip("yaml")
    section = {
        "mysql": {"host": "db", "port": 3307, "username": "root", "password": "123456", "database_name": "engine"},
        "milvus": {"host": "vec", "port": 19531, "collection": {"name": "image_search_engine"}},
        "minio": {"access_key": "key", "secret_key": "word", "end_point": "store:9000", "bucket": "pictures"},
    }
    (tmp_path / "config.yaml").write_text(json.dumps({"docker": section}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUN_MODE", "DOCKER")

    old = Asked("image-engine", ("photos",), None, None, None, None, None, (), None).old()

    assert (old.mysql, old.milvus) == ("mysql://root:123456@db:3307/engine", "http://vec:19531")
    assert (old.vectors, old.bucket, old.objects["s3_endpoint"]) == (
        "image_search_engine",
        "pictures",
        "http://store:9000",
    )


@pytest.mark.parametrize(
    "words",
    [
        ("--from", "bootcamp", "a", "b"),
        ("--from", "bootcamp", "a"),
        ("--from", "bootcamp", "a", "--table", "t"),
        ("--from", "bootcamp", "a", "--metric", "l2"),
        ("--from", "bootcamp", "a", "--minio", "http://h"),
        ("--from", "image-engine", "a", "--path", "/a=/b"),
        ("bundle", "--mysql", "mysql://h/n"),
        ("vectors", "a", "b.npy", "--table", "t"),
    ],
)
def test_what_does_not_go_together_is_a_mistake(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 with a sentence, and no collection is made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MORELIKE_LIBRARY", str(tmp_path / "library"))

    assert run(["import", *words]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert run(["ls", "--json"]) in (0, 2)
    assert '"a"' not in capsys.readouterr().out


def test_the_facade_loads_no_driver() -> None:
    """``--help`` and an import of a bundle need neither PyMySQL nor pymilvus: they are loaded when a table is."""
    code = "import sys, morelike.moving.older; print(sorted({'pymysql', 'pymilvus'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)

    assert done.stdout.strip() == "[]"
