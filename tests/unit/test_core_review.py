"""Corners of the core where items could be lost, counted wrongly, or answered for dishonestly."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import morelike
from morelike.collection import OpenCollection
from morelike.cutting import Cutting
from morelike.engines.partition import ingest_of
from morelike.errors import (
    DecodeError,
    EncodeError,
    ModelError,
    MorelikeError,
    QueryError,
    SourceError,
    SpaceMismatch,
    StoreDamaged,
    StoreError,
    StoreFull,
)
from morelike.ingest import Ingest, Options
from morelike.known import Known
from morelike.library import Library
from morelike.modalities.image import ImageModality
from morelike.prepare import KEPT_BYTES, Budget
from morelike.registry import MODALITIES, Row
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.tiny_onnx import image_tower
from morelike.testing.toys import ToyEncoder, ToyWords
from morelike.types import Blob, Card, Example

TERMS = Card("bm25", "terms", "terms", 0, "bm25", {"text": {}}, fingerprint="1")


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    write_images(tmp_path / "pictures", 6, seed=1)
    return tmp_path / "pictures"


@pytest.fixture
def photos(library: Library) -> OpenCollection:
    return library.collection("photos", modality="image", encoder=ToyEncoder())


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _broken(folder: Path, *names: str) -> None:
    """The same truncated picture under several names."""
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (3, 90, 200)).save(buffer, "PNG")
    for name in names:
        (folder / name).write_bytes(buffer.getvalue()[:60])


def _states(photos: OpenCollection) -> dict[str, int]:
    catalog = photos._stores.catalog
    return {state: catalog.count(photos._record, state=state) for state in ("ready", "pending", "rejected")}


# -- the same bytes under several uris


def test_copies_of_a_bad_file_are_each_a_row_in_the_ledger(photos: OpenCollection, tmp_path: Path) -> None:
    """A copy is not "the same as an item" where there is no item; no row stays pending."""
    _broken(tmp_path / "a", "one.png", "two.png")

    report = photos.add(tmp_path / "a")

    assert (report.added, report.same, report.rejected) == (0, 0, 2)
    assert {Path(row.uri).name for row in photos.rejected()} == {"one.png", "two.png"}
    assert _states(photos) == {"ready": 0, "pending": 0, "rejected": 1}


def test_a_copy_in_a_later_source_does_not_leave_a_bad_item_pending(
    library: Library, photos: OpenCollection, tmp_path: Path
) -> None:
    """The ledger was written after the first source; the second one's copy is judged anew."""
    _broken(tmp_path / "a", "one.png")
    _broken(tmp_path / "b", "two.png")

    report = photos.add(tmp_path / "a", tmp_path / "b")

    assert (report.same, report.rejected) == (0, 2)
    assert _states(photos)["pending"] == 0
    assert library.doctor().findings == []


def test_retrying_copies_of_a_bad_file_keeps_every_row(photos: OpenCollection, tmp_path: Path) -> None:
    """A copy is forgiven only once its item is there."""
    _broken(tmp_path / "a", "one.png", "two.png")
    photos.add(tmp_path / "a")
    photos.add(tmp_path / "a", retry=True)

    report = photos.add(retry=True)

    assert report.rejected == 2
    assert photos.rejected_count() == 2


def test_a_good_copy_of_a_file_that_changed_under_our_hands_is_added(photos: OpenCollection, pictures: Path) -> None:
    """The first of two copies cannot be stored; the second can, in the same run."""
    data = _files(pictures)[0].read_bytes()
    reads: list[int] = []

    def unsteady() -> io.BytesIO:
        reads.append(1)
        return io.BytesIO(data if len(reads) <= 2 else data + b"more")

    first = Blob(uri="memory:first", name="first.jpg", open=unsteady)  # of unknown size: never kept in memory
    second = Blob.from_bytes(data, "second.jpg", uri="memory:second")

    report = _add_blobs(photos, [first, second])

    assert (report.added, report.same, report.rejected) == (1, 0, 1)
    assert photos.count() == 1
    assert [row.uri for row in photos.rejected()] == ["memory:first"]


def _add_blobs(photos: OpenCollection, blobs: Sequence[Blob]) -> Any:
    return ingest_of(photos._adding(Options())).run([("", iter(blobs))])


def test_a_ledger_row_goes_where_its_item_is_there_by_another_path(
    library: Library, photos: OpenCollection, tmp_path: Path
) -> None:
    """Two copies failed, one was mended by a retry of its own: the other's row goes with the next retry."""

    class Moody(ToyEncoder):
        broken = True

        def encode(self, kind: str, batch: Sequence[Any]) -> Any:
            if self.broken:
                raise EncodeError("not today")
            return super().encode(kind, batch)

    encoder = Moody("moody")
    collection = library.collection("moody", modality="image", encoder=encoder)
    write_images(tmp_path / "a", 1)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    collection.add(tmp_path / "a", tmp_path / "b")
    assert collection.rejected_count() == 2
    encoder.broken = False

    collection.add(tmp_path / "a", retry=True)
    collection.add(retry=True)

    assert (collection.count(), collection.rejected_count()) == (1, 0)


# -- rows of a table, metadata and annotations


def test_two_rows_of_one_path_settle(photos: OpenCollection, pictures: Path, tmp_path: Path) -> None:
    """The last row's words stay, in every run."""
    path = _files(pictures)[0]
    (tmp_path / "table.csv").write_text(f"path,animal\n{path},cat\n{path},dog\n")

    for _ in range(3):
        report = photos.add(tmp_path / "table.csv")
        assert report.added + report.same == 2
        assert photos.items()[0].sources[0].metadata == {"animal": "dog"}


def test_adding_again_keeps_what_people_wrote(photos: OpenCollection, pictures: Path) -> None:
    """A further tag, or a file that was only touched, does not take annotations away."""
    photos.add(pictures)
    item = photos.items()[0].id
    photos.annotate([item], {"rating": 5})

    photos.add(pictures, tags=["holiday"])

    assert photos.count(filter="tag = 'holiday'") == 6
    assert photos.item(item).sources[0].metadata == {"rating": 5}


def test_a_retry_of_the_ledger_keeps_a_table_rows_metadata_and_origin(
    library: Library, photos: OpenCollection, tmp_path: Path
) -> None:
    """What the table said of a picture is still known once its encoder got better."""

    class Moody(ToyEncoder):
        broken = True

        def encode(self, kind: str, batch: Sequence[Any]) -> Any:
            if self.broken:
                raise EncodeError("not today")
            return super().encode(kind, batch)

    encoder = Moody("moody")
    collection = library.collection("moody", modality="image", encoder=encoder)
    (path,) = write_images(tmp_path / "a", 1)
    table = tmp_path / "table.csv"
    table.write_text(f"path,animal\n{path},cat\n")
    collection.add(table)
    encoder.broken = False

    collection.add(retry=True)

    (source,) = collection.items()[0].sources
    assert (source.metadata, source.origin) == ({"animal": "cat"}, str(table))


# -- sync


def test_sync_of_bytes_touches_no_file(photos: OpenCollection, pictures: Path) -> None:
    """Bytes come from nowhere in particular: nothing else can be gone from there."""
    photos.add(pictures)

    report = photos.add(Image.new("RGB", (9, 9), (200, 3, 3)), sync=True)

    assert (report.added, report.removed) == (1, 0)
    assert photos.count() == 7


def test_sync_with_a_retry_of_the_ledger_touches_no_file(photos: OpenCollection, pictures: Path) -> None:
    """``--retry --sync`` without a source has nothing to hold the collection against."""
    _broken(pictures, "broken.png")
    photos.add(pictures)

    report = photos.add(retry=True, sync=True)

    assert (report.rejected, report.removed) == (1, 0)
    assert photos.count() == 6


def test_sync_keeps_what_an_archive_held_that_cannot_be_read_now(photos: OpenCollection, pictures: Path) -> None:
    """A damaged archive is no archive from which everything was removed."""
    archive = pictures / "more.zip"
    (extra,) = write_images(pictures.parent / "extra", 1, seed=70)
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.write(extra, "in/extra.jpg")
    assert photos.add(pictures).added == 7
    archive.write_bytes(archive.read_bytes()[:-30])

    report = photos.add(pictures, sync=True)

    assert report.removed == 0
    assert photos.count() == 7


def test_sync_keeps_what_lies_in_a_folder_that_cannot_be_listed_now(
    photos: OpenCollection, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder whose permission is missing today is not empty."""
    from morelike.sources import files

    write_images(pictures / "sub", 2, seed=40)
    assert photos.add(pictures).added == 8
    listed = files._listed

    def refusing(folder: str) -> list[tuple[str, int]]:
        if folder.endswith("/sub"):
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(files, "_listed", refusing)

    report = photos.add(pictures, sync=True)

    assert (report.rejected, report.removed) == (1, 0)
    monkeypatch.undo()
    assert photos.add(pictures, sync=True).removed == 0
    assert (photos.count(), photos.rejected_count()) == (8, 0)


def test_sync_forgets_bad_files_that_are_gone(photos: OpenCollection, pictures: Path) -> None:
    """The ledger does not complain of a file that was deleted, whether or not it could ever be read."""
    _broken(pictures, "broken.png")
    (pictures / "notes.txt").write_text("no picture")
    photos.add(pictures)
    assert photos.rejected_count() == 2
    (pictures / "broken.png").unlink()
    (pictures / "notes.txt").unlink()

    photos.add(pictures, sync=True)

    assert photos.rejected_count() == 0


def test_sync_of_one_source_leaves_the_other_alone(photos: OpenCollection, tmp_path: Path) -> None:
    """Each source of one ``add`` is held against its own items."""
    for name, seed in (("a", 1), ("b", 20)):
        write_images(tmp_path / name, 3, seed=seed)
    photos.add(tmp_path / "a", tmp_path / "b")
    _files(tmp_path / "b")[0].unlink()

    report = photos.add(tmp_path / "a", tmp_path / "b", sync=True)

    assert (report.same, report.removed) == (5, 1)


def test_sync_of_a_glob_sees_what_no_longer_matches(photos: OpenCollection, pictures: Path) -> None:
    """A glob's items are those that came through it."""
    photos.add(str(pictures / "*.jpg"))
    _files(pictures)[0].unlink()

    report = photos.add(str(pictures / "*.jpg"), sync=True)

    assert (report.same, report.removed) == (5, 1)


# -- in place and kept


def test_in_place_beside_an_archive_keeps_the_bytes(library: Library, photos: OpenCollection, pictures: Path) -> None:
    """Where one copy can only be kept, the item is kept, whichever was met first."""
    path = _files(pictures)[0]
    with zipfile.ZipFile(pictures / "0.zip", "w") as zipped:
        zipped.write(path, "copy.jpg")

    report = photos.add(pictures, in_place=True)

    assert (report.added, report.same) == (6, 1)
    assert library.doctor().findings == []


def test_bytes_added_after_an_in_place_file_are_kept(library: Library, photos: OpenCollection, pictures: Path) -> None:
    """The file may go: what was handed over as bytes is in the library."""
    photos.add(pictures, in_place=True)
    path = _files(pictures)[0]
    data = path.read_bytes()
    item = photos.search(path, k=1)[0].item

    photos.add(data)
    path.unlink()

    assert photos.content(item) == data
    assert library.doctor().findings == []
    photos.add(pictures, in_place=True, sync=True)
    assert photos.content(item) == data


def test_doctor_leaves_in_place_items_in_place(library: Library, photos: OpenCollection, pictures: Path) -> None:
    """Making vectors anew does not copy files into the library."""
    photos.add(pictures, in_place=True)
    segments = photos._stores.catalog.segment_ids(photos._record, "image")
    photos._stores.vectors.delete(photos.spaces[0], segments[:2])

    library.doctor(fix=True)

    assert library.doctor().findings == []
    assert list(photos._stores.blobs.digests()) == []
    assert all(item.in_place for item in photos.items())
    assert {source.origin for item in photos.items() for source in item.sources} == {str(pictures)}


# -- failures in the middle


def test_an_encoder_that_crashes_on_one_picture_does_not_end_the_run(library: Library, pictures: Path) -> None:
    """Whatever a foreign encoder raises on an item is that item's row in the ledger."""

    class Brittle(ToyEncoder):
        def encode(self, kind: str, batch: Sequence[Any]) -> Any:
            if any(float(row.sum()) < -3.5 for row in batch):
                raise ZeroDivisionError("too dark")
            return super().encode(kind, batch)

    Image.new("RGB", (30, 30), (0, 0, 0)).save(pictures / "dark.png")
    collection = library.collection("x", modality="image", encoder=Brittle("brittle"))

    report = collection.add(pictures)

    assert (report.added, report.rejected) == (6, 1)
    (row,) = collection.rejected()
    assert (row.stage, Path(row.uri).name) == ("encode", "dark.png")
    assert "too dark" in row.reason


def test_a_decoder_that_crashes_on_one_picture_does_not_end_the_run(
    photos: OpenCollection, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile file that makes a decoder stumble is a row in the ledger too."""
    load = ImageModality.load

    def stumbling(self: ImageModality, blob: Blob, *rest: Any) -> Any:
        if blob.name == "00003.jpg":
            raise IndexError("list index out of range")
        return load(self, blob, *rest)

    monkeypatch.setattr(ImageModality, "load", stumbling)

    report = photos.add(pictures)

    assert (report.added, report.rejected) == (5, 1)
    assert photos.rejected()[0].stage == "decode"


@pytest.mark.parametrize("broken", ["blobs.put_many", "catalog.claim", "vectors.upsert", "catalog.finish"])
def test_a_full_disk_in_the_middle_loses_nothing(
    settings: Settings, pictures: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """The run ends with its sentence, no thread hangs, all memory is given back, and the next run does the rest."""
    budgets: list[Budget] = []

    class Watched(Budget):
        def __init__(self) -> None:
            super().__init__()
            budgets.append(self)

    monkeypatch.setattr("morelike.ingest.Budget", Watched)
    write_images(pictures, 30, seed=1, size=32)
    shutil.copytree(pictures, pictures.parent / "copies")
    _broken(pictures, "broken.png")
    with morelike.open(settings.model_copy(update={"commit_items": 8, "look_ahead": 8})) as library:
        photos = library.collection("photos", modality="image", encoder=ToyEncoder())
        store, name = broken.split(".")
        whole = getattr(getattr(library._stores, store), name)
        calls: list[int] = []

        def full(*arguments: Any) -> Any:
            calls.append(1)
            if len(calls) == 2:
                raise StoreFull("no space is left")
            return whole(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(getattr(library._stores, store), name, full)
            with pytest.raises(StoreFull):
                photos.add(pictures, pictures.parent / "copies")
        before = photos.count()
        report = photos.add(pictures, pictures.parent / "copies")

        assert (before + report.added, photos.count()) == (30, 30)
        assert budgets[-1].take(KEPT_BYTES)
        assert library.doctor().findings == []


@pytest.mark.parametrize("stage", ["is_same", "_read", "_claim", "describe", "load", "_finish"])
def test_ctrl_c_in_any_stage_ends_the_run_and_loses_nothing(
    library: Library, photos: OpenCollection, pictures: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """The interruption reaches the caller, and the next run goes on."""
    owner = Ingest if stage.startswith("_") else Known if stage == "is_same" else Cutting
    whole = getattr(owner, stage)
    calls: list[int] = []

    def interrupted(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return whole(*arguments, **named)

    monkeypatch.setattr(owner, stage, interrupted)

    with pytest.raises(KeyboardInterrupt):
        photos.add(pictures)
    photos.add(pictures)

    assert photos.count() == 6
    assert library.doctor().findings == []


def test_one_text_is_one_tag_and_one_glob(photos: OpenCollection, pictures: Path) -> None:
    """Not a tag a letter, and not ``*``, which would leave everything out."""
    report = photos.add(pictures, tags="cat", exclude="*0.jpg")

    assert report.added == 5
    assert photos.items()[0].tags == ("cat",)


def test_a_missing_source_is_said_before_anything_is_added(photos: OpenCollection, pictures: Path) -> None:
    """A misspelt last argument does not come to light after hours."""
    with pytest.raises(SourceError, match="no such file"):
        photos.add(pictures, pictures.parent / "nowhere")

    assert photos.count() == 0


def test_progress_does_not_read_a_stream_twice(photos: OpenCollection, pictures: Path) -> None:
    """Counting ahead leaves a stream's bytes to whoever adds them."""
    for path in _files(pictures):
        with path.open("rb") as stream:
            assert photos.add(stream, progress=lambda _: None).added == 1


def test_encode_seconds_are_of_this_run(photos: OpenCollection, pictures: Path) -> None:
    """A run that encodes nothing reports no time for it."""
    photos.add(pictures)

    assert photos.add(pictures).stages.get("encode", 0.0) == 0.0


def test_removing_an_item_twice_in_one_call_counts_once(photos: OpenCollection, pictures: Path) -> None:
    """How many there were, not how many ids were given."""
    photos.add(pictures)
    item = photos.items()[0].id

    assert photos.remove([item, item[:12]]) == 1


# -- honest pages


def test_pages_of_ties_neither_repeat_nor_skip(photos: OpenCollection, tmp_path: Path) -> None:
    """Many pictures with one and the same vector still join to the whole, page by page."""
    folder = tmp_path / "same"
    folder.mkdir()
    for at in range(40):
        Image.new("RGB", (20 + at, 20), (10, 200, 30)).save(folder / f"{at}.png")
    photos.add(folder)
    example = folder / "0.png"
    whole = [hit.item for hit in photos.search(example, k=100)]

    pages = [hit.item for offset in range(0, 40, 3) for hit in photos.search(example, k=3, offset=offset)]

    assert len(set(pages)) == 40
    assert pages == whole


@pytest.mark.parametrize(
    "question",
    [
        {"text": "sea", "mode": "hybrid"},
        {"text": "sea and sand", "mode": "keyword"},
        {"example": Blob.from_bytes(b"sheep upon it\nabc\nzz top", "query.lines")},
    ],
    ids=["hybrid", "keyword", "many-segments"],
)
def test_pages_join_however_the_answer_came_about(
    library: Library, monkeypatch: pytest.MonkeyPatch, question: dict[str, Any]
) -> None:
    """Fused by rank, by words, or by the best of several query vectors: pages are parts of one ranking."""
    monkeypatch.setitem(MODALITIES._all, "lines", Row("morelike.testing.toys:ToyLines"))
    poems = library.collection("poems", modality="lines", encoder=ToyWords())
    poems._stores.catalog.add_space(poems._record, "terms", TERMS, active=True)
    generator = np.random.default_rng(0)
    words = ["sea", "sand", "and", "sheep", "hill", "town", "zz", "abc"]
    for at in range(40):
        lines = [" ".join(generator.choice(words, 4)) for _ in range(generator.integers(1, 6))]
        poems.add(Blob.from_bytes("\n".join(lines).encode(), f"{at}.lines", uri=f"poem {at}"))
    whole = [hit.item for hit in poems.search(**question, k=100)]

    pages = [hit.item for offset in range(0, 42, 3) for hit in poems.search(**question, k=3, offset=offset)]

    assert pages == whole


# -- examples


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "F", "I", "LA", "PA", "RGBa", "La", "P", "1"])
def test_pil_pictures_of_every_mode_are_examples(photos: OpenCollection, pictures: Path, mode: str) -> None:
    """Also those that no PNG can hold."""
    photos.add(pictures)
    grey = Image.new("L", (12, 10), 99)
    base = grey if mode in {"F", "I", "1"} else Image.new("RGB", (12, 10), (9, 99, 200))
    via = {"La": "LA", "RGBa": "RGBA", "PA": "P"}.get(mode)
    picture = (base.convert(via) if via else base).convert(mode)

    assert len(photos.search(picture, k=1)) == 1


def test_a_pil_picture_that_cannot_be_saved_is_a_sentence(photos: OpenCollection, pictures: Path) -> None:
    """Empty or truncated: no traceback of another library."""
    photos.add(pictures)
    buffer = io.BytesIO()
    Image.new("RGB", (400, 400), (9, 99, 200)).save(buffer, "PNG")

    with pytest.raises(MorelikeError):
        photos.search(Image.new("RGB", (0, 0)))
    with pytest.raises(DecodeError):
        photos.search(Image.open(io.BytesIO(buffer.getvalue()[:300])))


def test_an_example_keeps_its_sign_and_takes_a_weight(photos: OpenCollection, pictures: Path) -> None:
    """An Example among the negatives pushes away, as anything else there does."""
    photos.add(pictures)
    first, second = _files(pictures)[:2]

    plain = [(hit.item, hit.score) for hit in photos.search(first, minus=[second])]
    wrapped = [(hit.item, hit.score) for hit in photos.search(first, minus=[Example("blob", Blob.from_path(second))])]

    assert plain == wrapped


def test_a_folder_is_no_example(photos: OpenCollection, pictures: Path) -> None:
    """Rather than an answer about whichever of its files comes first."""
    photos.add(pictures)

    with pytest.raises(QueryError, match="several"):
        photos.search(pictures)


def test_an_item_that_was_rejected_is_no_example(photos: OpenCollection, pictures: Path) -> None:
    """The sentence says what became of it."""
    _broken(pictures, "broken.png")
    photos.add(pictures)
    item = photos.rejected()[0].item_id

    with pytest.raises(QueryError, match="rejected"):
        photos.search(item)


def test_an_empty_collection_and_a_large_k(photos: OpenCollection, pictures: Path) -> None:
    """Nothing is found in nothing; more than there is gives all there is."""
    assert len(photos.search(_files(pictures)[0])) == 0
    photos.add(pictures)

    hits = photos.search(_files(pictures)[0], k=10_000, offset=2)

    assert (len(hits), hits.more) == (4, False)
    assert len(photos.search(_files(pictures)[0], offset=500_000)) == 0


def test_uploads_have_no_parent_folder(photos: OpenCollection) -> None:
    """Pictures from memory share no label just because they lie nowhere."""
    photos.add(*(Image.new("RGB", (9, 9), (at, 3, 3)) for at in range(0, 250, 50)))

    with pytest.raises(QueryError, match="no items with labels"):
        photos.evaluate()


def test_a_dry_run_counts_what_the_encoder_refuses(library: Library, pictures: Path) -> None:
    """As ``add`` would: a row, not the end."""

    class Refusing(ToyEncoder):
        def encode(self, kind: str, batch: Sequence[Any]) -> Any:
            raise EncodeError("never")

    collection = library.collection("x", modality="image", encoder=Refusing("refusing"))

    dry = collection.dry_run(pictures)

    assert (dry.files, len(dry.rejected)) == (6, 6)


# -- reopening


def test_vectors_that_were_only_in_memory_are_missed_aloud(tmp_path: Path, pictures: Path) -> None:
    """Items without any vectors are a fault with a sentence, not an empty answer; doctor makes them again."""
    forgetful = Settings(library=tmp_path / "library", vectors="memory", offline=True)
    with morelike.open(forgetful) as library:
        library.collection("x", modality="image", encoder=ToyEncoder()).add(pictures)
    with morelike.open(forgetful) as library:
        collection = library.collection("x", encoder=ToyEncoder())
        for example in (_files(pictures)[0], collection.items()[0].id):
            with pytest.raises(StoreDamaged, match="vectors") as caught:
                collection.search(example)
            assert "doctor --fix" in caught.value.hint

        library.doctor(fix=True)

        assert len(collection.search(_files(pictures)[0])) == 6


def _card_toml(name: str, family: str, dim: int, **more: str) -> str:
    lines = [f'name = "{name}"', f'family = "{family}"', 'form = "dense"', f"dim = {dim}", 'metric = "cosine"']
    return "\n".join([*lines, *(f"{key} = {value}" for key, value in more.items())]) + "\n"


def _tiny(folder: Path, name: str, *, seed: int = 0, digest: str = "") -> None:
    """A card of a tiny ONNX file, with its weights."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "model.onnx").write_bytes(image_tower(8, seed=seed))
    (folder / name / "card.toml").write_text(
        _card_toml(name, "onnx", 8)
        + '[inputs.image]\nside = 32\nresize = "squash"\nmean = [0.0, 0.0, 0.0]\nstd = [1.0, 1.0, 1.0]\n'
        + '[options]\noutput = "embedding"\n[[weights]]\nname = "model.onnx"\n'
    )


def _pair(folder: Path, name: str, dim: int, *parts: str) -> None:
    inside = ", ".join(f'"{part}"' for part in parts)
    (folder / f"{name}.toml").write_text(_card_toml(name, "concat", dim, parts=f"[{inside}]") + "[inputs.image]\n")


@pytest.fixture
def with_models(tmp_path: Path) -> Settings:
    folder = tmp_path / "cards"
    _tiny(folder, "tiny-a", seed=1)
    _tiny(folder, "tiny-b", seed=2)
    _pair(folder, "pair", 16, "tiny-a", "tiny-b")
    return Settings(
        library=tmp_path / "library", models=(folder,), models_cache=tmp_path / "models", offline=True, workers=1
    )


def test_a_composite_card_from_a_folder(with_models: Settings, pictures: Path) -> None:
    """A card file that names two others is an encoder like any: added with, reopened, searched."""
    with morelike.open(with_models) as library:
        assert library.collection("x", modality="image", encoder="pair").add(pictures).added == 6
    with morelike.open(with_models) as library:
        collection = library.collection("x", encoder="pair")
        assert collection.add(pictures).same == 6
        best = collection.search(_files(pictures)[2], k=1)[0]
        assert best.source == str(_files(pictures)[2])
        assert best.score == pytest.approx(1.0, abs=1e-5)


def test_a_composite_of_composites(with_models: Settings, pictures: Path) -> None:
    """Parts may have parts."""
    _pair(with_models.models[0], "deep", 24, "pair", "tiny-a")
    for _ in range(2):
        with morelike.open(with_models) as library:
            collection = library.collection("x", modality="image", encoder="deep")
            collection.add(pictures)
            assert collection.search(_files(pictures)[2], k=1)[0].score == pytest.approx(1.0, abs=1e-5)


def test_a_composite_of_itself_is_refused(with_models: Settings) -> None:
    """With a sentence that names the card."""
    _pair(with_models.models[0], "snake", 16, "tail")
    _pair(with_models.models[0], "tail", 16, "snake")
    with morelike.open(with_models) as library, pytest.raises(MorelikeError, match="snake"):
        library.collection("x", modality="image", encoder="snake")


@pytest.mark.parametrize("encoder", ["tiny-a", "pair"])
def test_weights_that_changed_on_disk_are_refused(with_models: Settings, pictures: Path, encoder: str) -> None:
    """Vectors of other weights never meet the collection's own, neither in a search nor in an add."""
    with morelike.open(with_models) as library:
        library.collection("x", modality="image", encoder=encoder).add(pictures)
    _tiny(with_models.models[0], "tiny-a", seed=9)
    more = write_images(pictures.parent / "more", 1, seed=60)[0]
    with morelike.open(with_models) as library:
        collection = library.collection("x")
        for attempt in (collection.search, collection.add):
            with pytest.raises((SpaceMismatch, ModelError), match="tiny-a"):
                attempt(more)
        assert collection.count() == 6


def test_closing_twice_and_using_after_closing(settings: Settings, pictures: Path) -> None:
    """The second close does nothing; a closed library says that it is closed."""
    library = morelike.open(settings)
    photos = library.collection("photos", modality="image", encoder=ToyEncoder())
    photos.add(pictures)
    library.close()
    library.close()

    for attempt in (lambda: photos.search(_files(pictures)[0]), lambda: photos.add(pictures), photos.count):
        with pytest.raises(StoreError, match="closed"):
            attempt()
