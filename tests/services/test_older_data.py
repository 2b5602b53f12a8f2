"""An old server's data into a library: from a real MariaDB, a real Milvus and a real bucket, filled as those were."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from databases import DatabaseServer
from milvus_process import MilvusProcess
from older_data import OldServer, old_server
from radosgw_process import Gateway
from s3_traffic import put

import morelike
from morelike import faults
from morelike.cli.run import run
from morelike.collection import OpenCollection
from morelike.errors import SpaceMismatch, StoreError, UsageError
from morelike.library import Library
from morelike.modalities.image import ImageModality
from morelike.moving.older import Old
from morelike.prepare import load_segments
from morelike.progress import Progress
from morelike.server.compat.served import distance_of
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder
from morelike.types import Blob, SegmentSpec

pytestmark = pytest.mark.xdist_group("gateway")

PICTURES = 150
CARD = "toy"


@pytest.fixture(scope="module")
def old(mysql_server: DatabaseServer, milvus_server: MilvusProcess) -> Iterator[OldServer]:
    with old_server(mysql_server, milvus_server) as server:
        yield server


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The last one has the bytes of the first."""
    made = write_images(tmp_path_factory.mktemp("old pictures"), PICTURES, seed=7, size=(48, 32))
    made[-1].write_bytes(made[0].read_bytes())
    return made


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def photos(library: Library) -> OpenCollection:
    return library.collection("photos", modality="image", encoder=ToyEncoder())


def encoded(paths: list[Path]) -> np.ndarray:
    """What the old server made of its files: here by the same encoder."""
    encoder, modality = ToyEncoder(), ImageModality(Settings())
    blobs = [Blob.from_path(path) for path in paths]
    return encoder.encode(
        "image", [load_segments(modality, encoder, blob, [SegmentSpec("image")])[0] for blob in blobs]
    )


@pytest.fixture(scope="module")
def vectors(pictures: list[Path]) -> np.ndarray:
    return encoded(pictures)


@pytest.fixture(scope="module")
def where(old: OldServer, pictures: list[Path], vectors: np.ndarray) -> Old:
    """All the pictures in a table and in Milvus, as an image server had them. No test changes it."""
    ids = old.vectors("moved_img_search", vectors)
    old.table("moved_img_search", "image_path", [*zip(ids, map(str, pictures), strict=True)])
    return Old("bootcamp", old.mysql, table="moved_img_search", milvus=old.milvus)


def test_a_demo_servers_table_answers_as_before(
    *, library: Library, photos: OpenCollection, pictures: list[Path], vectors: np.ndarray, where: Old
) -> None:
    """Every path is a source in place, every vector is the old one to the bit, and a search is the old exact ranking
    with its squared distances; a second run brings nothing.
    """
    report = library.import_older("photos", where, encoder=CARD)
    again = library.import_older("photos", where, encoder=CARD)

    assert (report.added, report.same, report.rejected, report.vectors) == (PICTURES - 1, 1, 0, PICTURES - 1)
    assert (again.added, again.same, again.rejected, again.vectors) == (0, PICTURES, 0, 0)
    assert (photos.count(), photos.count_sources()) == (PICTURES - 1, PICTURES)
    items = photos.items(limit=PICTURES)
    assert all(item.in_place and item.info["width"] == 48 for item in items)
    by_path = {source.uri: item.id for item in items for source in item.sources}
    segments = [photos.segments(by_path[str(path)])[0].id for path in pictures[:-1]]
    assert (library._stores.vectors.fetch(photos.spaces[0], np.array(segments))[1] == vectors[:-1]).all()
    for asked in (3, 77):
        exact = ((vectors[:-1] - vectors[asked]) ** 2).sum(axis=1)
        hits = photos.search(pictures[asked], k=10)
        assert [hit.source for hit in hits] == [str(pictures[at]) for at in np.argsort(exact, kind="stable")[:10]]
        assert np.allclose([distance_of(hit) for hit in hits], np.sort(exact)[:10], atol=1e-5)
    assert library.doctor().ok


def test_what_cannot_be_used_stands_in_the_ledger(
    library: Library, old: OldServer, photos: OpenCollection, pictures: list[Path], tmp_path: Path
) -> None:
    """A missing file, one that is no picture, a row without a vector and one that is no unit vector are a row each of
    the ledger; the others come in, and what was mended comes in the next time.
    """
    good, absent, text, far = pictures[:20], tmp_path / "gone.jpg", tmp_path / "text.jpg", tmp_path / "far.jpg"
    text.write_text("no picture")
    far.write_bytes(pictures[30].read_bytes())
    (tmp_path / "lone.jpg").write_bytes(pictures[31].read_bytes())
    vectors = np.concatenate([encoded(good), encoded(pictures[28:31]) * [[1], [1], [3]]])
    ids = old.vectors("ledgered", vectors.astype(np.float32))
    paths = [*map(str, good), str(absent), str(text), str(far)]
    rows = [*zip(ids, paths, strict=True), (12345, str(tmp_path / "lone.jpg")), (7, "data/rel.jpg"), (8, "")]
    old.table("ledgered", "image_path", rows)
    where = Old("bootcamp", old.mysql, table="ledgered", milvus=old.milvus)

    report = library.import_older("photos", where, encoder=CARD)
    reasons = {Path(row.uri).name: row.reason for row in photos.rejected()}
    absent.write_bytes(pictures[28].read_bytes())
    again = library.import_older("photos", where, encoder=CARD)

    assert (report.added, report.rejected) == (20, 6)
    assert "cannot be read" in reasons["gone.jpg"]
    assert "not a picture" in reasons["text.jpg"]
    assert "3 long" in reasons["far.jpg"]
    assert "no vector" in reasons["lone.jpg"]
    assert "--path" in reasons["rel.jpg"]
    assert "no path" in reasons["8"]
    assert (again.added, again.same, again.rejected) == (1, 20, 5)
    assert str(absent) not in {row.uri for row in photos.rejected()}


def test_a_stopped_and_a_broken_run_are_gone_on_with(library: Library, photos: OpenCollection, where: Old) -> None:
    """Stopped after its first page, then ended between vectors and catalog: the third run has all, once."""
    stop = Event()

    def first_page(progress: Progress) -> None:
        if progress.done:
            stop.set()

    stopped = library.import_older("photos", where, encoder=CARD, progress=first_page, stop=stop)
    one_page = photos.count()

    def broken(point: str) -> None:
        if point == "catalog.writing":
            raise KeyboardInterrupt

    faults.install(broken)
    try:
        with pytest.raises(KeyboardInterrupt):
            library.import_older("photos", where, encoder=CARD)
    finally:
        faults.install(None)
    assert photos.count() == one_page
    report = library.import_older("photos", where, encoder=CARD)

    assert stopped.interrupted
    assert 0 < one_page < PICTURES - 1
    assert (report.added, photos.count(), photos.count_sources()) == (PICTURES - 1 - one_page, PICTURES - 1, PICTURES)
    assert library.doctor().ok


def test_without_an_encoder_files_are_encoded_anew(library: Library, where: Old, pictures: list[Path]) -> None:
    """Milvus is not asked for anything; the paths are the same sources, and a second run does nothing."""
    without = replace(where, milvus="")

    report = library.import_older("photos", without)
    again = library.import_older("photos", without)
    photos = library.collection("photos")

    assert (report.added, report.same, report.vectors, report.rejected) == (PICTURES - 1, 1, 0, 0)
    assert (again.added, again.same) == (0, PICTURES)
    assert photos.search(pictures[4], k=1)[0].source == str(pictures[4])


def test_another_cards_vectors_are_refused(
    library: Library, old: OldServer, photos: OpenCollection, pictures: list[Path]
) -> None:
    """Vectors that the named encoder would not make, of its width or not, come in nowhere: the message says so."""
    rng = np.random.default_rng(5)
    alien = rng.normal(size=(20, 48)).astype(np.float32)
    alien /= np.linalg.norm(alien, axis=1, keepdims=True)
    ids = old.vectors("alien", alien)
    old.table("alien", "image_path", [*zip(ids, map(str, pictures), strict=False)])
    where = Old("bootcamp", old.mysql, table="alien", milvus=old.milvus)

    with pytest.raises(SpaceMismatch, match="did not make these vectors"):
        library.import_older("photos", where, encoder=CARD)
    with pytest.raises(SpaceMismatch, match="48 numbers a vector"):
        library.import_older("other", where, encoder="classic")
    with pytest.raises(SpaceMismatch, match="made with toy, not with classic"):
        library.import_older("photos", where, encoder="classic")

    assert photos.count() == 0
    assert library.names() == ["photos"]


def test_rows_of_one_path_are_segments_of_one_item(
    library: Library, old: OldServer, photos: OpenCollection, pictures: list[Path]
) -> None:
    """Objects of a picture are a vector each; a folder that was loaded twice gives each vector once."""
    objects = encoded(pictures[:3])
    ids = old.vectors("objects", np.concatenate([objects, objects]))
    old.table("objects", "image_path", [(number, str(pictures[40])) for number in ids])

    report = library.import_older(
        "photos", Old("bootcamp", old.mysql, table="objects", milvus=old.milvus), encoder=CARD
    )
    item = photos.items()[0]

    assert (report.added, report.vectors, len(photos.segments(item.id))) == (1, 3, 3)
    assert photos.search(objects[2], k=1)[0].unit["cosine"] == pytest.approx(1, abs=1e-6)


def test_what_is_not_there_is_said(library: Library, photos: OpenCollection, where: Old) -> None:
    """A table, a collection, a server that is not there: a sentence that names it, without the password."""
    secret = replace(where, mysql=where.mysql.replace("root@", "root:s3cret@"))
    silent = replace(where, milvus="http://u:s3cret@127.0.0.1:1")

    with pytest.raises(UsageError, match="no table 'absent'") as absent:
        library.import_older("photos", replace(where, table="absent"))
    with pytest.raises(StoreError, match="refused") as denied:
        library.import_older("photos", secret)
    with pytest.raises(UsageError, match="no collection 'none'"):
        library.import_older("photos", replace(where, vectors="none"), encoder=CARD)
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1 ") as unheard:
        library.import_older("photos", silent, encoder=CARD)

    assert where.table in absent.value.hint
    assert "s3cret" not in f"{denied.value}{unheard.value}{secret!r}{silent!r}"


def test_the_old_server_is_only_read(library: Library, photos: OpenCollection, old: OldServer, where: Old) -> None:
    """Its table is as it was, and a collection that was not loaded is not afterwards."""
    old.client.release_collection(where.table)
    before = old.say(f"CHECKSUM TABLE {where.table}")

    report = library.import_older("photos", where, encoder=CARD)

    assert report.vectors == PICTURES - 1
    assert old.say(f"CHECKSUM TABLE {where.table}") == before
    assert "NotLoad" in str(old.client.get_load_state(where.table)["state"])


# -- the image engine


@pytest.fixture(scope="module")
def engine(old: OldServer, gateway: Gateway, pictures: list[Path]) -> Callable[[str], tuple[Old, list[str]]]:
    """Makes a table and objects of twelve pictures, two of them the same bytes; and their MD5s."""
    paths = [*pictures[:11], pictures[0]]
    md5s = [hashlib.md5(path.read_bytes()).hexdigest() for path in paths]
    ids = old.vectors("image_search_engine", encoded(paths), md5s)

    def make(name: str) -> tuple[Old, list[str]]:
        bucket = gateway.bucket()
        keys = [f"meta/image/{md5}.jpg" for md5 in md5s]
        for path, key in zip(paths, keys, strict=True):
            put(gateway, bucket, key, path.read_bytes())
        columns = zip(md5s, ids, keys, strict=True)
        old.uploads(
            name, [(f"uuid-{at}", md5, number, f"图片 {at}.jpg", key) for at, (md5, number, key) in enumerate(columns)]
        )
        objects = {
            "s3_endpoint": gateway.endpoint,
            "s3_access_key": gateway.root.access_key,
            "s3_secret_key": gateway.root.secret_key,
        }
        where = Old("image-engine", old.mysql, name, old.milvus, "image_search_engine", bucket, objects)
        return where, md5s

    return make


def test_uploads_come_with_bytes_vectors_and_names(
    *,
    library: Library,
    photos: OpenCollection,
    pictures: list[Path],
    gateway: Gateway,
    engine: Callable[[str], tuple[Old, list[str]]],
) -> None:
    """An upload is a source of its own with its meta_uuid, its bytes are kept, its vector is the old one; a second run
    asks for no object.
    """
    where, md5s = engine("engine_whole")

    report = library.import_older("photos", where, encoder=CARD)
    for md5 in set(md5s):
        assert gateway.ask("DELETE", where.bucket, f"meta/image/{md5}.jpg").is_success
    again = library.import_older("photos", where, encoder=CARD)

    assert (report.added, report.same, report.rejected) == (11, 1, 0)
    assert (again.added, again.same, again.rejected) == (0, 12, 0)
    assert (photos.count(), photos.count_sources()) == (11, 12)
    hit = photos.search(pictures[4], k=1)[0]
    item = photos.item(hit.item)
    assert (item.in_place, item.digest.md5, item.sources[0].uri) == (False, md5s[4], "meta:uuid-4")
    assert photos.content(item.id) == pictures[4].read_bytes()
    said = item.sources[0].metadata
    assert (said["meta_uuid"], said["hash_code"], said["file_path"]) == ("uuid-4", md5s[4], f"meta/image/{md5s[4]}.jpg")
    assert (item.sources[0].name, said["created_at"]) == ("图片 4.jpg", "2023-10-13 08:00:00")
    assert distance_of(hit) == pytest.approx(0, abs=1e-6)
    assert library.doctor().ok


def test_an_object_that_is_missing_or_another_is_a_row_of_the_ledger(
    library: Library,
    photos: OpenCollection,
    gateway: Gateway,
    engine: Callable[[str], tuple[Old, list[str]]],
) -> None:
    """Bytes whose MD5 is not the table's are not taken for the upload; with and without vectors."""
    where, md5s = engine("engine_broken")
    put(gateway, where.bucket, f"meta/image/{md5s[3]}.jpg", b"something else")
    assert gateway.ask("DELETE", where.bucket, f"meta/image/{md5s[5]}.jpg").is_success

    report = library.import_older("photos", where, encoder=CARD)
    reasons = {row.uri: row.reason for row in photos.rejected()}
    anew = library.import_older("anew", where)

    assert (report.added, report.rejected, sorted(reasons)) == (9, 2, ["meta:uuid-3", "meta:uuid-5"])
    assert "MD5" in reasons["meta:uuid-3"]
    assert "not there" in reasons["meta:uuid-5"]
    assert (anew.added, anew.rejected, library.collection("anew").count_sources()) == (9, 2, 10)


def test_a_bucket_that_does_not_answer_ends_the_run(
    library: Library, photos: OpenCollection, engine: Callable[[str], tuple[Old, list[str]]]
) -> None:
    """No upload is held against the old server's being away: nothing is written into the ledger."""
    where, _ = engine("engine_away")
    away = replace(where, objects={**where.objects, "s3_endpoint": "http://127.0.0.1:1"})

    with pytest.raises(StoreError, match="the S3 server does not answer"):
        library.import_older("photos", away, encoder=CARD)

    assert (photos.count(), photos.rejected_count()) == (0, 0)


def test_ids_that_a_table_cut_short_are_found_by_md5(
    library: Library, old: OldServer, photos: OpenCollection, engine: Callable[[str], tuple[Old, list[str]]]
) -> None:
    """The engine's column of ids may be narrower than Milvus' ids: then the collection's ``hash_code`` decides."""
    where, _ = engine("engine_short")
    old.say("UPDATE engine_short SET milvus_id = 2147483647")

    report = library.import_older("photos", where, encoder=CARD)

    assert (report.added, report.rejected, photos.count_sources()) == (11, 0, 12)


# -- the command


def test_the_command_reads_the_old_variables(
    old: OldServer,
    library: Library,
    pictures: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """MYSQL_*, MILVUS_* and DEFAULT_TABLE are where the data are; a dry run only counts; bad rows end with 3."""
    scratch = library.collection("scratch", modality="image", encoder="classic")
    scratch.add(*pictures[:8])
    by_path = {item.sources[0].uri: item.id for item in scratch.items()}
    segments = [scratch.segments(by_path[str(path)])[0].id for path in pictures[:8]]
    vectors = library._stores.vectors.fetch(scratch.spaces[0], np.array(segments))[1]
    ids = old.vectors("by_variables", vectors)
    moved = [f"/old/{path.name}" for path in pictures[:8]]
    old.table("by_variables", "image_path", [*zip(ids, moved, strict=True), (1, "/old/none.jpg")])
    host, _, port = old.milvus.removeprefix("http://").partition(":")
    variables = {"MILVUS_HOST": host, "MILVUS_PORT": port, "MYSQL_HOST": "127.0.0.1", "MYSQL_PWD": ""}
    variables |= {"MYSQL_PORT": str(old.database.port), "MYSQL_DB": old.mysql.rpartition("/")[2]}
    for name, value in (variables | {"DEFAULT_TABLE": "by_variables"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MORELIKE_LIBRARY", str(library.folder))
    command = ["import", "--from", "bootcamp", "photos", "--encoder", "classic", "--json", "--quiet"]
    command += ["--path", f"/old={pictures[0].parent}"]

    assert run([*command, "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "collection": "photos", "rows": 9, "modality": "image", "dim": vectors.shape[1],
    }  # fmt: skip
    assert run(command) == 3
    said = json.loads(capsys.readouterr().out)

    assert (said["added"], said["rejected"], said["vectors"]) == (8, 1, 8)
    assert library.collection("photos").search(pictures[5], k=1)[0].source == str(pictures[5])
