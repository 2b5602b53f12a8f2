"""A library into a bundle and into another library."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from bundle_libraries import ENCODERS, answers, fill, register_toys

import morelike
from morelike import progress
from morelike.bundle import pages
from morelike.errors import NoSuchCollection, SourceError, UsageError
from morelike.library import Library
from morelike.progress import Progress
from morelike.testing.equality import differences
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder, ToyJointEncoder
from morelike.types import Blob

ITEMS = 37
"""Of ``photos``."""


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Toy modalities, pages so small that there are several, and each is told of, however fast it goes."""
    register_toys(monkeypatch)
    monkeypatch.setattr(progress, "TICK", 0.0)
    monkeypatch.setattr(pages, "STEP", 8)
    monkeypatch.setattr(pages, "PAGE_ITEMS", 8)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that has some of everything."""
    folder = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patch:
        register_toys(patch)
        with morelike.open(library=folder / "library", offline=True) as library:
            fill(library, folder)
    return folder / "library"


@pytest.fixture
def source(filled: Path, tmp_path: Path) -> Iterator[Library]:
    """A copy of it."""
    shutil.copytree(filled, tmp_path / "source")
    with morelike.open(library=tmp_path / "source", offline=True) as library:
        yield library


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Library]:
    with morelike.open(library=tmp_path / "target", offline=True) as library:
        yield library


def _times(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_the_other_library_is_equal(source: Library, target: Library, tmp_path: Path) -> None:
    """Item by item, vector by vector, byte by byte: states, the ledger, what is set aside, spaces not searched too."""
    exported = source.export(tmp_path / "bundle")
    imported = target.import_from(tmp_path / "bundle")

    assert differences(source, target) == []
    assert answers(target) == answers(source)
    assert target.doctor().findings == []
    assert (exported.missing, exported.lost, imported.pending, imported.lost) == (0, 0, 0, 0)
    assert imported.added == exported.items == sum(_all_items(source).values())
    assert imported.collections == ["films", "photos", "poems"]
    assert _all_items(source)["photos"] == ITEMS


def _all_items(library: Library) -> dict[str, int]:
    catalog = library._stores.catalog
    return {found.name: catalog.count(found, state=None) for found in catalog.collections()}


def test_differences_are_seen(source: Library, target: Library, tmp_path: Path) -> None:
    """The comparison itself works: a tag, a vector, a missing collection, and other bytes."""
    source.export(tmp_path / "bundle")
    target.import_from(tmp_path / "bundle")
    photos = target.collection("photos")
    item = photos.items(limit=1)[0]
    photos.tag([item.id], ["new"])
    space = photos.spaces[0]
    ids, vectors = target._stores.vectors.fetch(space, np.array([photos.segments(item.id)[0].id]))
    target._stores.vectors.upsert(space, ids, -vectors)
    target._stores.blobs.delete([item.digest.blake3])
    target.drop("poems")
    found = " ".join(differences(source, target))

    assert "differs in tags" in found
    assert "other vectors" in found
    assert "other bytes" in found
    assert "poems is only in the first" in found


def test_a_second_export_writes_nothing(source: Library, tmp_path: Path) -> None:
    """Where nothing changed, no file is touched but the notes of what is finished."""
    first = source.export(tmp_path / "bundle")
    before = _times(tmp_path / "bundle")
    second = source.export(tmp_path / "bundle")
    after = _times(tmp_path / "bundle")

    assert (second.written, second.same) == (0, first.written)
    assert {name: at for name, at in after.items() if not name.endswith(".jsonl")} == {
        name: at for name, at in before.items() if not name.endswith(".jsonl")
    }


def test_an_export_is_brought_up_to_date(source: Library, target: Library, tmp_path: Path) -> None:
    """What changed is written anew, what did not stays, what was dropped goes."""
    source.export(tmp_path / "bundle")
    before = _times(tmp_path / "bundle")
    photos = source.collection("photos", encoder=ENCODERS["photos"])
    photos.remove([photos.items(limit=1)[0].id])
    source.drop("poems")
    source.export(tmp_path / "bundle")
    target.import_from(tmp_path / "bundle")
    after = _times(tmp_path / "bundle")

    assert differences(source, target) == []
    assert {name for name in after if name.startswith("films") and after[name] == before[name]} >= {
        name for name in before if name.startswith("films") and not name.endswith(".jsonl")
    }
    assert not [name for name in after if name.startswith("poems")]


def test_somebody_else_s_folder_in_a_bundle_stays(source: Library, tmp_path: Path) -> None:
    """Only what exports made is cleared away."""
    source.export(tmp_path / "bundle", ["photos"])
    (tmp_path / "bundle" / "notes").mkdir()
    (tmp_path / "bundle" / "notes" / "mine.parquet").write_bytes(b"mine")
    source.export(tmp_path / "bundle", ["photos"])

    assert (tmp_path / "bundle" / "notes" / "mine.parquet").read_bytes() == b"mine"


def test_what_changes_meanwhile_is_all_old_or_all_new(source: Library, target: Library, tmp_path: Path) -> None:
    """A collection that changes while it is written is written again, as it is at one moment."""
    photos = source.collection("photos", encoder=ENCODERS["photos"])
    write_images(tmp_path / "more", 1, seed=9000)
    told: list[str] = []
    added = False

    def change(so_far: Progress) -> None:
        nonlocal added
        if not added and so_far.done > 10:
            added = True
            photos.add(tmp_path / "more", in_place=True)

    source.export(tmp_path / "bundle", ["photos"], progress=change, notify=told.append)
    target.import_from(tmp_path / "bundle")

    assert added
    assert len([sentence for sentence in told if "changed while it was written" in sentence]) == 1
    assert differences(source, target, ["photos"]) == []


def test_a_stopped_export_is_gone_on_with(source: Library, target: Library, tmp_path: Path) -> None:
    """What is finished is not written again; until it is whole it is no bundle."""
    stop = Event()
    first = source.export(tmp_path / "bundle", progress=lambda p: stop.set() if p.done > 10 else None, stop=stop)
    with pytest.raises(SourceError, match="was not finished") as caught:
        target.import_from(tmp_path / "bundle")
    second = source.export(tmp_path / "bundle")
    target.import_from(tmp_path / "bundle")

    assert first.interrupted
    assert "run the same export again" in caught.value.hint
    assert second.same > 3
    assert differences(source, target) == []


def test_a_stopped_import_is_gone_on_with(source: Library, target: Library, tmp_path: Path) -> None:
    """The second run passes over what is there."""
    source.export(tmp_path / "bundle")
    stop = Event()
    first = target.import_from(tmp_path / "bundle", progress=lambda p: stop.set() if p.done > 10 else None, stop=stop)
    second = target.import_from(tmp_path / "bundle")
    third = target.import_from(tmp_path / "bundle")

    assert first.interrupted
    assert first.added > 8
    assert second.same == first.added
    assert (third.added, third.same) == (0, second.added + second.same)
    assert differences(source, target) == []


def test_collections_are_chosen_by_name(source: Library, target: Library, tmp_path: Path) -> None:
    """On both sides; a name that is not there is refused."""
    source.export(tmp_path / "bundle", ["photos", "poems"])
    with pytest.raises(UsageError, match="no collection 'films'"):
        target.import_from(tmp_path / "bundle", ["films"])
    target.import_from(tmp_path / "bundle", ["poems"])

    assert target.names() == ["poems"]
    assert differences(source, target, ["poems"]) == []


def test_a_folder_with_something_else_in_it_is_left_alone(source: Library, tmp_path: Path) -> None:
    """A stranger's folder, an export of other collections, or of another library."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="is not empty"):
        source.export(tmp_path / "mine")
    source.export(tmp_path / "bundle", ["poems"])
    with pytest.raises(UsageError, match="other collections"):
        source.export(tmp_path / "bundle", ["photos"])

    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_without_blobs_the_bytes_stay_behind(source: Library, target: Library, tmp_path: Path) -> None:
    """Everything is found; how many originals are missing is said."""
    source.export(tmp_path / "bundle", ["photos"], blobs=False)
    report = target.import_from(tmp_path / "bundle")

    assert differences(source, target, ["photos"], blobs=False) == []
    assert list((tmp_path / "bundle").rglob("*.tar")) == []
    assert report.lost == sum(not item.in_place for item in source._stores.catalog.items(_record(source), state=None))


def _record(library: Library, name: str = "photos"):
    return library._stores.catalog.collection(name)


def test_a_blob_of_two_collections_is_in_the_bundle_once(target: Library, tmp_path: Path) -> None:
    """And both have it afterwards."""
    write_images(tmp_path / "pictures", 6, seed=4)
    with morelike.open(library=tmp_path / "twice", offline=True) as library:
        for name in ("one", "two"):
            library.collection(name, modality="image", encoder=ToyEncoder()).add(tmp_path / "pictures")
        library.export(tmp_path / "bundle")
        target.import_from(tmp_path / "bundle")

        assert differences(library, target) == []
        assert len(list((tmp_path / "bundle").glob("two-*/**/*.tar"))) <= 1
        assert sum(path.stat().st_size for path in (tmp_path / "bundle").glob("two-*/**/*.tar")) < 20_000


def test_an_import_joins_a_collection(source: Library, target: Library, tmp_path: Path) -> None:
    """What is only here stays; what both have is as the bundle has it, but for bytes that are kept here already."""
    theirs = source.collection("photos", encoder=ENCODERS["photos"])
    placed = next(item for item in theirs.items(limit=50) if item.in_place)
    mine = target.collection("photos", modality="image", encoder=ToyEncoder())
    write_images(tmp_path / "own", 4, seed=7700)
    mine.add(tmp_path / "own", tags=["mine"])
    mine.add(Blob.from_path(Path(placed.sources[0].uri)), tags=["both"])  # kept, not in place
    source.export(tmp_path / "bundle", ["photos"])
    report = target.import_from(tmp_path / "bundle")
    again = target.import_from(tmp_path / "bundle")
    found = {item.id: item for item in mine.items(limit=100)}

    assert report.added == ITEMS
    assert again.added == 0
    assert len([item for item in found.values() if item.tags == ("mine",)]) == 4
    assert found[placed.id] == replace(placed, in_place=False)
    assert mine.content(placed.id) == Path(placed.sources[0].uri).read_bytes()
    assert target.doctor().findings == []


def test_a_place_leads_to_what_the_bundle_says(source: Library, target: Library, tmp_path: Path) -> None:
    """An item that only that place led to goes, with all it had."""
    theirs = source.collection("photos", encoder=ENCODERS["photos"])
    uri = theirs.items(limit=1)[0].sources[0].uri
    mine = target.collection("photos", modality="image", encoder=ToyEncoder())
    write_images(tmp_path / "own", 1, seed=7800)
    own = next((tmp_path / "own").iterdir())
    mine.add(replace(Blob.from_path(own), uri=uri))
    source.export(tmp_path / "bundle", ["photos"])
    report = target.import_from(tmp_path / "bundle")

    assert report.replaced == 1
    assert differences(source, target, ["photos"]) == []
    assert target.doctor().findings == []


def test_other_encoders_do_not_join(source: Library, target: Library, tmp_path: Path) -> None:
    """A collection of the same name made with another encoder, another modality or otherwise cut is refused first."""
    source.export(tmp_path / "bundle")
    mine = target.collection("photos", modality="image", encoder=ToyJointEncoder())
    write_images(tmp_path / "own", 2, seed=5000)
    mine.add(tmp_path / "own")
    with pytest.raises(UsageError, match=r"toy-joint@.*cannot be compared") as caught:
        target.import_from(tmp_path / "bundle")
    target.drop("photos")
    target.collection("photos", modality="film", encoder=[ToyEncoder()])
    with pytest.raises(UsageError, match="holds film, that of the bundle image"):
        target.import_from(tmp_path / "bundle")

    assert "reembed photos" in caught.value.hint
    assert target.names() == ["photos"]  # nothing of the others came


def test_another_encoder_meanwhile_ends_an_import(source: Library, target: Library, tmp_path: Path) -> None:
    """A collection that another process re-embeds between two pages gets no items that its searches would miss."""
    source.export(tmp_path / "bundle", ["photos"])
    changed = False

    def change(so_far: Progress) -> None:
        nonlocal changed
        if not changed and so_far.done:
            changed = True
            target.collection("photos", encoder=ToyEncoder()).reembed(ToyJointEncoder(), allow_missing=True)

    with pytest.raises(UsageError, match="another encoder while this came in"):
        target.import_from(tmp_path / "bundle", progress=change)

    assert changed
    assert 0 < target.collection("photos", encoder=ToyJointEncoder()).count() < ITEMS
    assert [one for one in target.doctor().findings if one.kind == "missing-vectors"] == []


def test_a_drop_meanwhile_ends_an_import(source: Library, target: Library, tmp_path: Path) -> None:
    """Nothing is written for a collection that is gone."""
    source.export(tmp_path / "bundle", ["photos"])

    def change(so_far: Progress) -> None:
        if so_far.done and target.names():
            target.drop("photos")

    with pytest.raises(NoSuchCollection, match="was dropped"):
        target.import_from(tmp_path / "bundle", progress=change)

    assert target.names() == []
    assert target.doctor().findings == []


def test_items_without_their_vectors_wait_for_doctor(source: Library, target: Library, tmp_path: Path) -> None:
    """They are pending, not half searchable, and made whole from their bytes."""
    photos = source.collection("photos", encoder=ENCODERS["photos"])
    item = photos.items(limit=1)[0]
    source._stores.vectors.delete(photos.spaces[0], np.array([photos.segments(item.id)[0].id]))
    exported = source.export(tmp_path / "bundle", ["photos"])
    report = target.import_from(tmp_path / "bundle")
    mine = target.collection("photos", encoder=ENCODERS["photos"])
    before = mine.known([item.id])
    target.doctor(fix=True)

    assert (exported.missing, report.pending) == (1, 1)
    assert before == {item.id: "pending"}
    assert mine.known([item.id]) == {item.id: "ready"}
    assert target.doctor().findings == []


def test_damaged_bytes_are_left_out(source: Library, target: Library, tmp_path: Path) -> None:
    """They are counted, and the rest goes on."""
    photos = source.collection("photos", encoder=ENCODERS["photos"])
    item = photos.items(limit=1)[0]
    path = source._stores.blobs.path(item.digest.blake3)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    exported = source.export(tmp_path / "bundle", ["photos"])
    report = target.import_from(tmp_path / "bundle")

    assert (exported.lost, report.lost) == (1, 1)
    assert not target._stores.blobs.exists(item.digest.blake3)


def test_what_would_come_is_said_first(source: Library, target: Library, tmp_path: Path) -> None:
    """Nothing is made; a file that is missing is named."""
    source.export(tmp_path / "bundle")
    found = {one.collection: one for one in target.coming_from(tmp_path / "bundle")}
    left_out = next((tmp_path / "bundle").rglob("space-0.parquet"))
    left_out.unlink()

    assert target.names() == []
    assert (found["photos"].items, found["photos"].new) == (ITEMS, True)
    assert found["photos"].encoders == ("toy@000000000000", "old@2")
    with pytest.raises(SourceError, match=r"space-0\.parquet is not there"):
        target.coming_from(tmp_path / "bundle")
