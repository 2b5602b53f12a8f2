"""The facade end to end: toy encoders, real stores, real files."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from PIL import Image

import morelike
from morelike.collection import OpenCollection
from morelike.errors import (
    NoSuchCollection,
    NoSuchItem,
    OriginalGone,
    QueryError,
    SourceError,
    SpaceMismatch,
    UnknownMedia,
    UsageError,
)
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import COLOURS, ToyEncoder, ToyJointEncoder


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    write_images(folder, 12, seed=1)
    return folder


@pytest.fixture
def photos(library: Library, pictures: Path) -> OpenCollection:
    collection = library.collection("photos", modality="image", encoder=ToyEncoder())
    report = collection.add(pictures)
    assert (report.added, report.rejected) == (12, 0)
    return collection


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _coloured(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, colour in COLOURS.items():
        Image.new("RGB", (40, 30), colour).save(folder / f"{name}.png")
    return folder


def test_an_item_finds_itself_first(photos: OpenCollection, pictures: Path) -> None:
    """Each picture's own file is its nearest neighbour, with a cosine of one."""
    for path in _files(pictures):
        best = photos.search(path, k=1)[0]

        assert str(path) == best.source
        assert best.unit["cosine"] == pytest.approx(1.0, abs=1e-5)


def test_every_form_of_an_example_gives_the_same_answer(photos: OpenCollection, pictures: Path) -> None:
    """Path, text path, bytes, PIL image, array, URL of a file … are one preparation."""
    path = _files(pictures)[3]
    picture = Image.open(path)
    expected = [(hit.item, round(hit.score, 5)) for hit in photos.search(path)]

    for example in (str(path), path.read_bytes(), picture, np.asarray(picture.convert("RGB"))):
        assert [(hit.item, round(hit.score, 5)) for hit in photos.search(example)] == expected


def test_an_item_given_by_id_is_left_out(photos: OpenCollection) -> None:
    """More like this does not mean this."""
    item = photos.items()[0]

    hits = photos.search(item.id[:12], k=20)

    assert len(hits) == 11
    assert item.id not in {hit.item for hit in hits}


def test_pages_are_honest(photos: OpenCollection, pictures: Path) -> None:
    """Pages join to the whole ranking, without repeats, and ``more`` is true exactly when there is more."""
    example = _files(pictures)[0]
    whole = [hit.item for hit in photos.search(example, k=100)]

    pages, offset = [], 0
    while True:
        page = photos.search(example, k=5, offset=offset)
        pages.extend(hit.item for hit in page)
        offset += 5
        if not page.more:
            break

    assert len(whole) == 12
    assert whole == pages
    assert offset == 15


def test_scores_fall(photos: OpenCollection, pictures: Path) -> None:
    """The best comes first."""
    scores = [hit.score for hit in photos.search(_files(pictures)[0], k=12)]

    assert sorted(scores, reverse=True) == scores


def test_a_threshold_cuts(photos: OpenCollection, pictures: Path) -> None:
    """No hit below it, and no page promised behind it."""
    example = _files(pictures)[0]
    scores = [hit.score for hit in photos.search(example, k=12)]

    hits = photos.search(example, k=12, threshold=scores[4])

    assert len(hits) == 5
    assert not hits.more


def test_running_it_again_does_nothing(photos: OpenCollection, pictures: Path) -> None:
    """The second ``add`` of a folder reads, decodes and writes nothing."""
    before = photos._stores.catalog.revision(photos._record)

    report = photos.add(pictures)

    assert (report.added, report.same, report.rejected) == (0, 12, 0)
    assert report.stages.get("read", 0.0) == 0.0
    assert photos._stores.catalog.revision(photos._record) == before


def test_a_copy_is_a_second_source(photos: OpenCollection, pictures: Path, tmp_path: Path) -> None:
    """The same bytes at another path are the same item, with two sources; a filter matches if any does."""
    copy = tmp_path / "elsewhere" / "copy.png"
    copy.parent.mkdir()
    shutil.copy(_files(pictures)[0], copy)

    report = photos.add(copy)

    assert (report.added, report.same) == (0, 1)
    assert photos.count() == 12
    (item,) = photos.items(filter="path like '*elsewhere*'")
    assert {str(copy), str(_files(pictures)[0])} == {source.uri for source in item.sources}


def test_two_copies_in_one_run_are_one_item(library: Library, tmp_path: Path) -> None:
    """Also when both are met before either is finished."""
    write_images(tmp_path / "a", 1, seed=5)
    for name in ("b", "c"):
        shutil.copytree(tmp_path / "a", tmp_path / name)
    collection = library.collection("x", modality="image", encoder=ToyEncoder())

    report = collection.add(tmp_path / "a", tmp_path / "b", tmp_path / "c")

    assert (report.added, report.same) == (1, 2)
    assert len(collection.items()[0].sources) == 3


def test_changed_bytes_move_the_path(photos: OpenCollection, pictures: Path) -> None:
    """A path whose bytes changed belongs to the new item; the old one, without a source, goes."""
    path = _files(pictures)[0]
    old = photos.search(path, k=1)[0].item
    Image.new("RGB", (50, 50), (200, 30, 90)).save(path)

    report = photos.add(pictures)

    assert (report.added, report.replaced, report.same) == (1, 1, 11)
    assert photos.count() == 12
    with pytest.raises(NoSuchItem):
        photos.item(old)


def test_sync_drops_what_is_gone(photos: OpenCollection, pictures: Path) -> None:
    """``sync`` forgets items whose file is gone, and only those."""
    gone = _files(pictures)[0]
    gone.unlink()

    assert photos.add(pictures).removed == 0
    report = photos.add(pictures, sync=True)

    assert (report.removed, report.same) == (1, 11)
    assert photos.count() == 11
    assert photos.count(filter=f"path = '{gone}'") == 0


def test_sync_of_an_emptied_folder_is_refused(photos: OpenCollection, pictures: Path) -> None:
    """An unmounted disk must not empty a collection."""
    for path in _files(pictures):
        path.unlink()

    with pytest.raises(UsageError, match="is the disk mounted"):
        photos.add(pictures, sync=True)

    assert photos.count() == 12


def test_in_place_keeps_no_copy_and_finds_a_moved_file(library: Library, pictures: Path, tmp_path: Path) -> None:
    """Nothing is copied; after a move and another ``add`` the bytes are found at the new path."""
    collection = library.collection("x", modality="image", encoder=ToyEncoder())
    collection.add(pictures, in_place=True)
    path = _files(pictures)[0]
    data = path.read_bytes()
    item = collection.search(path, k=1)[0].item
    assert list(collection._stores.blobs.digests()) == []
    assert collection.content(item) == data

    moved = tmp_path / "moved"
    pictures.rename(moved)
    with pytest.raises(OriginalGone, match="not at"):
        collection.content(item)
    report = collection.add(moved, in_place=True)

    assert (report.added, report.same) == (0, 12)
    assert collection.content(item) == data


def test_a_changed_file_in_place_is_never_shown_as_the_old_one(library: Library, pictures: Path) -> None:
    """Other bytes at the path are not the item's bytes."""
    collection = library.collection("x", modality="image", encoder=ToyEncoder())
    collection.add(pictures, in_place=True)
    path = _files(pictures)[0]
    item = collection.search(path, k=1)[0].item
    path.write_bytes(bytes(path.stat().st_size))

    with pytest.raises(OriginalGone):
        collection.content(item)


def test_the_original_comes_back_byte_for_byte(photos: OpenCollection, pictures: Path) -> None:
    """``content`` is what was added."""
    for path in _files(pictures):
        item = photos.items(filter=f"path = '{path}'")[0]

        assert photos.content(item.id) == path.read_bytes()


def test_bad_files_are_rows_in_the_ledger(library: Library, pictures: Path) -> None:
    """A run with broken files adds the good ones and says of each bad one where and why it failed."""
    (pictures / "notes.txt").write_text("no picture")
    (pictures / "broken.png").write_bytes(_files(pictures)[0].read_bytes()[:200])
    (pictures / "empty.jpg").write_bytes(b"")
    collection = library.collection("x", modality="image", encoder=ToyEncoder())

    report = collection.add(pictures)

    assert (report.added, report.rejected) == (12, 3)
    stages = {Path(row.uri).name: row.stage for row in collection.rejected()}
    assert stages == {"notes.txt": "sniff", "broken.png": "decode", "empty.jpg": "decode"}
    assert all(row.reason and row.attempts == 1 for row in collection.rejected())


def test_rejected_files_are_tried_again_only_when_asked_or_changed(library: Library, pictures: Path) -> None:
    """A second run passes over them; ``retry`` counts another attempt; mended bytes are taken."""
    good = _files(pictures)[0].read_bytes()
    broken = pictures / "broken.png"
    broken.write_bytes(good[:200])
    collection = library.collection("x", modality="image", encoder=ToyEncoder())
    collection.add(pictures)

    assert collection.add(pictures).rejected_before == 1
    assert collection.add(pictures, retry=True).rejected == 1
    assert collection.rejected()[0].attempts == 2
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9), (1, 200, 3)).save(buffer, "PNG")
    broken.write_bytes(buffer.getvalue())
    report = collection.add(pictures)

    assert (report.added, report.rejected, collection.rejected_count()) == (1, 0, 0)


def test_retry_without_a_source_takes_the_whole_ledger(library: Library, pictures: Path, tmp_path: Path) -> None:
    """Also what came out of an archive that is gone: the rejected bytes were kept."""
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("broken.png", _files(pictures)[0].read_bytes()[:200])
    collection = library.collection("x", modality="image", encoder=ToyEncoder())
    assert collection.add(archive).rejected == 1
    archive.unlink()

    report = collection.add(retry=True)

    assert report.rejected == 1
    assert [row.attempts for row in collection.rejected()] == [2]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_archives(library: Library, pictures: Path, tmp_path: Path, kind: str) -> None:
    """Members are items; their bytes are kept, for an archive is no place to refer to."""
    archive = tmp_path / f"all.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as zipped:
            for path in _files(pictures):
                zipped.write(path, f"in/{path.name}")
    else:
        with tarfile.open(archive, "w:gz") as tarred:
            tarred.add(pictures, "in")
    collection = library.collection("x", modality="image", encoder=ToyEncoder())

    report = collection.add(archive, in_place=True)

    assert report.added == 12
    path = _files(pictures)[0]
    hit = collection.search(path, k=1)[0]
    assert hit.source == f"{archive}!/in/{path.name}"
    archive.unlink()
    assert collection.content(hit.item) == path.read_bytes()


def test_table_columns_are_metadata_to_filter_by(library: Library, pictures: Path, tmp_path: Path) -> None:
    """A CSV with a path column brings its other columns along."""
    rows = [f"{path},{10 * at},{'cat' if at % 2 else 'dog'}" for at, path in enumerate(_files(pictures))]
    (tmp_path / "table.csv").write_text("\n".join(["path,price,animal", *rows]))
    collection = library.collection("x", modality="image", encoder=ToyEncoder())
    collection.add(tmp_path / "table.csv", tags=["shop"])

    assert collection.count(filter="price >= 50 and animal = 'cat' and tag = 'shop'") == 4
    hits = collection.search(_files(pictures)[0], k=20, filter="animal = 'cat'")
    assert len(hits) == 6
    assert {hit.metadata["animal"] for hit in hits} == {"cat"}


def test_tags_and_metadata(photos: OpenCollection) -> None:
    """They are added, taken away, filtered by, and shown with a hit."""
    first, second = photos.items(limit=2)

    photos.tag([first.id, second.id], add=["blue", "sea"])
    photos.tag([second.id], remove=["sea"])
    photos.annotate([first.id], {"rating": 5})

    assert [item.id for item in photos.items(filter="tag = 'sea' and rating > 4")] == [first.id]
    assert photos.count(filter="tag = 'blue'") == 2
    (hit,) = photos.search(second.id, filter="rating = 5")
    assert (hit.item, hit.metadata["rating"], sorted(hit.metadata["tags"])) == (first.id, 5, ["blue", "sea"])


def test_removed_items_are_gone_everywhere(photos: OpenCollection, pictures: Path) -> None:
    """No hit, no row, no vector, no blob."""
    path = _files(pictures)[0]
    hit = photos.search(path, k=1)[0]

    assert photos.remove([hit.item]) == 1

    assert photos.search(path, k=1)[0].item != hit.item
    assert photos.count() == 11
    assert len(list(photos._stores.blobs.digests())) == 11
    assert photos._stores.vectors.count(photos.spaces[0]) == 11


def test_a_dropped_collection_leaves_shared_blobs(library: Library, photos: OpenCollection, pictures: Path) -> None:
    """Blobs that another collection still needs stay."""
    other = library.collection("other", modality="image", encoder=ToyEncoder())
    other.add(_files(pictures)[0])

    library.drop("photos")

    with pytest.raises(NoSuchCollection):
        library.collection("photos")
    assert other.content(other.items()[0].id) == _files(pictures)[0].read_bytes()
    assert len(list(other._stores.blobs.digests())) == 1


def test_negatives_push_away(library: Library, tmp_path: Path) -> None:
    """Yellow minus red is nearer to green than yellow alone says."""
    folder = _coloured(tmp_path / "colours")
    collection = library.collection("x", modality="image", encoder=ToyJointEncoder())
    collection.add(folder)

    plain = [Path(hit.source).stem for hit in collection.search(folder / "yellow.png")]
    pushed = [Path(hit.source).stem for hit in collection.search(folder / "yellow.png", minus=[folder / "red.png"])]

    assert plain[0] == "yellow"
    assert pushed[0] == "green"


@pytest.mark.parametrize("at", [(8, 3), (-1, 2), (1, float("inf")), 5, ("a", "b")])
def test_a_part_that_is_none_is_refused(library: Library, tmp_path: Path, at: Any) -> None:
    """``at`` is a pair of seconds, the first one smaller."""
    write_images(tmp_path / "pictures", 3)
    photos = library.collection("photos", modality="image", encoder=ToyEncoder())
    photos.add(tmp_path / "pictures")
    with pytest.raises(QueryError, match="at="):
        photos.search(photos.items()[0].id, at=at)


@pytest.mark.parametrize("weight", [1e308, -1e308, float("inf"), float("nan")])
def test_weights_have_bounds(library: Library, tmp_path: Path, weight: float) -> None:
    """A weight that no sum could hold is refused with a sentence."""
    photos = library.collection("photos", modality="image", encoder=ToyEncoder())
    write_images(tmp_path / "pictures", 3)
    photos.add(tmp_path / "pictures")
    one, other = [item.id for item in photos.items()][:2]
    with pytest.raises(QueryError, match="weight"):
        photos.search(one, plus=[(other, weight)])


def test_weights_matter(library: Library, tmp_path: Path) -> None:
    """The heavier of two examples wins."""
    folder = _coloured(tmp_path / "colours")
    collection = library.collection("x", modality="image", encoder=ToyJointEncoder())
    collection.add(folder)

    for heavy, light in (("red", "blue"), ("blue", "red")):
        hits = collection.search((folder / f"{heavy}.png", 3.0), plus=[(folder / f"{light}.png", 1.0)])

        assert Path(hits[0].source).stem == heavy


def test_words_find_pictures_where_the_card_has_a_text_tower(library: Library, tmp_path: Path) -> None:
    """Text and image meet in the joint space; alone and together."""
    folder = _coloured(tmp_path / "colours")
    collection = library.collection("x", modality="image", encoder=ToyJointEncoder())
    collection.add(folder)

    assert Path(collection.search(text="red")[0].source).stem == "red"
    between = collection.search(folder / "red.png", plus=[("text:green", 0.5)])  # words count double
    assert Path(between[0].source).stem == "yellow"


def test_words_without_a_text_tower_are_explained(photos: OpenCollection) -> None:
    """The answer names the card and what to do."""
    with pytest.raises(QueryError, match="has no text tower") as caught:
        photos.search(text="red")

    assert "morelike encoders" in caught.value.hint


def test_a_crop_searches_by_the_part(library: Library, tmp_path: Path) -> None:
    """The right half of a red and blue picture is blue."""
    folder = _coloured(tmp_path / "colours")
    both = Image.new("RGB", (80, 40), COLOURS["red"])
    both.paste(COLOURS["blue"], (40, 0, 80, 40))
    both.save(tmp_path / "both.png")
    collection = library.collection("x", modality="image", encoder=ToyEncoder())
    collection.add(folder)

    for crop, expected in (((0.5, 0.0, 1.0, 1.0), "blue"), ((0.0, 0.0, 0.5, 1.0), "red")):
        assert Path(collection.search(tmp_path / "both.png", crop=crop)[0].source).stem == expected


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        ({}, QueryError, "needs an example"),
        ({"example": "nowhere.jpg"}, QueryError, "no file 'nowhere.jpg'"),
        ({"example": "abcdef123456"}, NoSuchItem, "abcdef123456"),
        ({"example": b"no picture"}, UnknownMedia, "no format"),
        ({"example": np.zeros((3, 3), dtype=np.float64)}, QueryError, "no picture"),
        ({"example": 7}, UsageError, "int"),
        ({"k": 0}, QueryError, "k is 0"),
        ({"offset": -1}, QueryError, "offset"),
        ({"crop": (0.5, 0.0, 0.5, 1.0)}, QueryError, "crop"),
        ({"mode": "sideways"}, UsageError, "sideways"),
        ({"mode": "keyword", "text": "x"}, QueryError, "no keyword index"),
    ],
)
def test_impossible_queries_are_sentences(
    photos: OpenCollection, pictures: Path, call: dict[str, object], error: type[Exception], words: str
) -> None:
    """Each impossible query says what is wrong with it."""
    if "example" not in call and call:
        call = {"example": _files(pictures)[0], **call}
    with pytest.raises(error, match=words):
        photos.search(**call)


def test_only_negatives_are_refused(photos: OpenCollection, pictures: Path) -> None:
    """Pushing away needs something to come from."""
    with pytest.raises(QueryError, match="at least one part"):
        photos.search(minus=[_files(pictures)[0]])


def test_parts_that_cancel_are_refused(photos: OpenCollection, pictures: Path) -> None:
    """Rather than an arbitrary answer."""
    path = _files(pictures)[0]
    with pytest.raises(QueryError, match="cancel"):
        photos.search(path, minus=[path])


def test_another_card_is_refused(library: Library, photos: OpenCollection) -> None:
    """A collection remembers its card; another one's vectors never meet its own."""
    with pytest.raises(SpaceMismatch, match="was made with toy"):
        library.collection("photos", encoder=ToyJointEncoder())
    with pytest.raises(SpaceMismatch, match="was made with toy"):
        library.collection("photos", encoder="classic")


def test_a_missing_encoder_is_explained(settings: Settings, pictures: Path) -> None:
    """Opened elsewhere without the encoder's package, the collection lists, and says what a search needs."""
    with morelike.open(settings) as library:
        library.collection("x", modality="image", encoder=ToyEncoder()).add(pictures)
    with morelike.open(settings) as library:
        collection = library.collection("x")

        assert collection.count() == 12
        assert len(collection.search(collection.items()[0].id, k=3)) == 3
        with pytest.raises(UsageError, match="encoder toy, which is not installed"):
            collection.search(_files(pictures)[0])


def test_it_is_all_there_after_reopening(settings: Settings, pictures: Path) -> None:
    """What was added is found by the next process's library, in the same order."""
    with morelike.open(settings) as library:
        collection = library.collection("x", modality="image", encoder=ToyEncoder())
        collection.add(pictures)
        before = [(hit.item, hit.score) for hit in collection.search(_files(pictures)[2], k=12)]
    with morelike.open(settings) as library:
        collection = library.collection("x", encoder=ToyEncoder())

        assert [(hit.item, hit.score) for hit in collection.search(_files(pictures)[2], k=12)] == before


def test_stopping_leaves_nothing_half_done(library: Library, pictures: Path) -> None:
    """``stop`` ends a run with whole items only; the next run does the rest."""
    stop = Event()
    collection = library.collection("x", modality="image", encoder=ToyEncoder())

    stop.set()
    report = collection.add(pictures, stop=stop)

    assert report.interrupted
    assert report.added == collection.count() < 12
    assert library.doctor().findings == []
    assert collection.add(pictures).added == 12 - report.added


def test_progress_adds_up(library: Library, pictures: Path) -> None:
    """The last word of the progress is the report."""
    told = []
    collection = library.collection("x", modality="image", encoder=ToyEncoder())

    report = collection.add(pictures, progress=told.append)

    assert (told[-1].done, told[-1].rejected) == (report.added, report.rejected) == (12, 0)


def test_a_dry_run_writes_nothing(library: Library, pictures: Path) -> None:
    """It says what would be rejected and how large it gets; the collection stays empty."""
    (pictures / "notes.txt").write_text("no picture")
    collection = library.collection("x", modality="image", encoder=ToyEncoder())

    dry = collection.dry_run(pictures)

    assert (dry.files, dry.sampled, len(dry.rejected)) == (13, 13, 1)
    assert dry.bytes_on_disk > sum(path.stat().st_size for path in _files(pictures)) / 2
    assert dry.items_per_second > 0
    assert collection.count() == 0
    assert library.doctor().findings == []


def test_bytes_and_pictures_can_be_added(library: Library) -> None:
    """From memory, as well as from files."""
    collection = library.collection("x", modality="image", encoder=ToyEncoder())
    picture = Image.new("RGB", (30, 20), COLOURS["red"])

    report = collection.add(picture, np.full((8, 8, 3), 77, dtype=np.uint8))

    assert report.added == 2
    assert collection.search(picture, k=1)[0].score == pytest.approx(1.0, abs=1e-5)


def test_nothing_to_add_is_refused(photos: OpenCollection, tmp_path: Path) -> None:
    """No source, or one that is not there, is said at once."""
    with pytest.raises(UsageError, match="nothing to add"):
        photos.add()
    with pytest.raises(SourceError, match="no such file"):
        photos.add(tmp_path / "nowhere")


def test_a_collection_of_another_modality_is_not_mixed(library: Library, photos: OpenCollection) -> None:
    """The modality of a collection is for good."""
    with pytest.raises(UsageError, match="modality"):
        library.collection("new", modality="smell", encoder=ToyEncoder())


def test_explain_times_the_stages(photos: OpenCollection, pictures: Path) -> None:
    """Where a query's time goes is told when asked for, and only then."""
    hits = photos.search(_files(pictures)[0], explain=True)

    assert set(hits.timings) == {"decode", "embed", "vectors", "catalog"}
    assert photos.search(_files(pictures)[0]).timings == {}


def test_evaluation_finds_the_folders(library: Library, tmp_path: Path) -> None:
    """Pictures that lie in folders by colour are found by colour."""
    generator = np.random.default_rng(0)
    for name in ("red", "green", "blue"):
        (tmp_path / name).mkdir()
        for at in range(6):
            colour = np.clip(np.array(COLOURS[name]) + generator.integers(-40, 40, 3), 0, 255)
            Image.new("RGB", (20, 20), tuple(colour.tolist())).save(tmp_path / name / f"{at}.png")
    collection = library.collection("x", modality="image", encoder=ToyEncoder())
    collection.add(tmp_path / "red", tmp_path / "green", tmp_path / "blue")

    result = collection.evaluate()

    assert (result.p_at_1, result.p_at_5, result.map) == (1.0, 1.0, 1.0)
    assert (result.queries, result.labels) == (18, 3)
    assert result.intervals["map"] == (1.0, 1.0)


def test_words_beside_an_example_are_not_silently_dropped(photos: OpenCollection, pictures: Path) -> None:
    """A card without a text tower refuses the whole query rather than answer half of it."""
    with pytest.raises(QueryError, match="has no text tower"):
        photos.search(_files(pictures)[0], text="red")


def test_an_encoder_that_does_not_exist_is_said_first(library: Library, photos: OpenCollection) -> None:
    """A misspelt name is no mismatch of spaces."""
    with pytest.raises(UsageError, match="no encoder"):
        library.collection("photos", encoder="clasic")
