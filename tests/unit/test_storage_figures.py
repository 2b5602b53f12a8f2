"""What a library takes, how it grows, and when there will be no room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import morelike
from morelike import storage
from morelike.collection import OpenCollection
from morelike.errors import StoreReadOnly, StoreUnreachable
from morelike.library import Library
from morelike.records import StorageReading
from morelike.settings import Settings
from morelike.storage import Disk, forecast, measure, note_now
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder

NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)
DISK = Disk("/data", 10_000, 1_000, 0.9, ("catalog", "blobs"))


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def photos(library: Library, tmp_path: Path) -> OpenCollection:
    """Four pictures that are kept, two that stay in place."""
    write_images(tmp_path / "kept", 4, seed=1)
    write_images(tmp_path / "placed", 2, seed=30)
    collection = library.collection("photos", modality="image", encoder=ToyEncoder())
    collection.add(tmp_path / "kept")
    collection.add(tmp_path / "placed", in_place=True)
    return collection


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_each_collection_is_told(library: Library, photos: OpenCollection, tmp_path: Path) -> None:
    """Items, segments, rows of vectors and their bytes, what is kept and what stays in place."""
    (found,) = library.storage().collections

    assert (found.name, found.modality, found.items, found.segments) == ("photos", "image", 6, {"image": 6})
    assert (found.kept, found.kept_bytes) == (4, bytes_in(tmp_path / "kept"))
    assert (found.in_place, found.in_place_bytes) == (2, bytes_in(tmp_path / "placed"))
    (space,) = found.spaces
    assert (space.kind, space.form, space.active, space.rows, space.bytes) == ("image", "dense", True, 6, 6 * 48 * 4)


def test_parts_add_up(library: Library, photos: OpenCollection) -> None:
    """Each store's own figure, small pictures too."""
    (library.folder / "previews").mkdir()
    (library.folder / "previews" / "x.jpg").write_bytes(b"x" * 100)

    report = library.storage(listed=True)

    assert report.total == sum(report.parts.values())
    assert report.parts["previews"] == 100
    assert report.parts["blobs"] == report.needed == bytes_in(library.folder / "blobs")
    assert report.parts["vectors"] == library._stores.vectors.bytes_used() > 0


def test_a_listing_finds_what_nobody_needs(library: Library, photos: OpenCollection) -> None:
    """What lies in the blob store beside items' bytes shows where it is listed, and is not taken for needed."""
    stray = library.folder / "blobs" / "ab"
    stray.mkdir(exist_ok=True)
    (stray / ("c" * 62)).write_bytes(b"x" * 1000)

    listed, counted = library.storage(listed=True), library.storage()

    assert listed.parts["blobs"] - listed.needed == 1000
    assert counted.parts["blobs"] == counted.needed == listed.needed


def test_an_empty_library_has_figures(library: Library) -> None:
    """Nothing is divided by nothing."""
    report = library.storage()

    assert (report.items, report.needed, report.collections, report.forecast) == (0, 0, (), None)


def test_adding_keeps_a_reading_an_hour(library: Library, photos: OpenCollection, tmp_path: Path) -> None:
    """The first ``add`` keeps one; what comes within the hour, by whomever, does not."""
    library.storage()
    photos.add(tmp_path / "kept")

    (reading,) = library.storage_history()

    assert reading.items == 4
    assert set(reading.parts) >= {"catalog", "vectors", "blobs"}


def test_an_old_reading_is_followed_by_another(
    library: Library, photos: OpenCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an hour the next figures are kept; a clock that went back keeps them too."""
    for at in ("2026-01-01T00:00:00Z", "2026-01-01T00:30:00Z", "2026-01-01T01:31:00Z", "2025-12-31T00:00:00Z"):
        monkeypatch.setattr(storage, "_now", lambda at=at: at)
        library.storage()

    assert [reading.at[:16] for reading in library.storage_history()[1:]] == [
        "2026-01-01T00:00",
        "2026-01-01T01:31",
        "2025-12-31T00:00",
    ]


def test_a_reading_that_fails_is_no_failure_of_adding(library: Library, photos: OpenCollection) -> None:
    """What was added is added, whether or not somebody could count it."""

    class Down:
        def storage_readings(self) -> Any:
            raise StoreUnreachable("the catalog does not answer")

    note_now(replace(library._stores, catalog=Down()))  # type: ignore[arg-type]  # as much of one as is asked


def test_a_library_that_cannot_be_written_is_measured(
    library: Library, photos: OpenCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is kept, and everything is told."""

    def refuse(*_: object) -> None:
        raise StoreReadOnly("the catalog cannot be written")

    monkeypatch.setattr(storage, "_now", lambda: "2036-01-01T00:00:00Z")
    monkeypatch.setattr(library._stores.catalog, "note_storage", refuse, raising=False)

    assert library.storage().items == 6


@pytest.mark.parametrize(
    ("changed", "disks"),
    [
        ({}, {"catalog", "vectors", "blobs", "previews"}),
        ({"catalog": "mysql://root:secret@host/db", "vectors": "http://host:19530"}, {"blobs", "previews"}),
        ({"blobs": "s3://bucket/prefix", "vectors": "lite.db"}, {"catalog", "vectors", "previews"}),
    ],
)
def test_only_local_parts_lie_on_disks(library: Library, changed: dict[str, str], disks: set[str]) -> None:
    """What a server keeps fills none of this machine's."""
    stores = library._stores
    report = measure(replace(stores, settings=stores.settings.model_copy(update=changed)))

    assert {part for disk in report.disks for part in disk.parts} == disks
    assert all(0 < disk.free < disk.total and 0 < disk.share < 1 for disk in report.disks)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"storage_warn_share": 1.0}, []),
        ({"storage_warn_share": 1e-9}, ["full"]),
        ({"storage_warn_share": 1.0, "storage_warn_bytes": 1}, ["storage_warn_bytes is 1"]),
        ({"storage_warn_share": 1.0, "storage_warn_bytes": 10**15}, []),
    ],
)
def test_limits_are_warned_of(library: Library, changed: dict[str, float], words: list[str]) -> None:
    """A disk that is full, and more bytes than were allowed."""
    stores = library._stores
    warnings = measure(replace(stores, settings=stores.settings.model_copy(update=changed))).warnings

    assert len(warnings) == len(words)
    assert all(word in warning for word, warning in zip(words, warnings, strict=True))


def readings(sizes: Sequence[float], *, every: timedelta = timedelta(days=1), part: str = "blobs") -> list[Any]:
    """The last one is now."""
    first = NOW - every * (len(sizes) - 1)
    return [
        StorageReading((first + every * at).strftime("%Y-%m-%dT%H:%M:%SZ"), 1, {part: int(size)})
        for at, size in enumerate(sizes)
    ]


def test_steady_growth_fills_the_disk(settings: Settings) -> None:
    """A hundred bytes a day fill a thousand in ten days."""
    found = forecast(readings([100 * day for day in range(1, 11)]), [DISK], settings)

    assert found is not None
    assert (found.per_day, found.days, found.days_left, found.limit) == (100.0, 10, 10.0, "the disk of /data")


def test_what_lies_elsewhere_fills_no_disk(settings: Settings) -> None:
    """Only the parts on a disk count against it; all of them against what the settings allow."""
    sizes = readings([100 * day for day in range(1, 11)], part="vectors")
    allowed = settings.model_copy(update={"storage_warn_bytes": 1_500})

    elsewhere, limited = forecast(sizes, [DISK], settings), forecast(sizes, [DISK], allowed)

    assert elsewhere is not None
    assert limited is not None
    assert (elsewhere.per_day, elsewhere.days_left) == (100.0, None)
    assert (limited.days_left, limited.limit) == (5.0, "storage_warn_bytes")


def test_one_large_import_is_no_growth(settings: Settings) -> None:
    """Before and after it nothing came: the median of the slopes is what usually happens."""
    found = forecast(readings([100] * 20 + [900] * 3), [DISK], settings)

    assert found is not None
    assert (found.per_day, found.days_left) == (0.0, None)


def test_days_without_readings_are_still_days(settings: Settings) -> None:
    """Readings come with work; in between nothing grew."""
    busy = [
        StorageReading("2026-05-11T12:00:00Z", 1, {"blobs": 100}),
        StorageReading("2026-05-12T12:00:00Z", 1, {"blobs": 200}),
    ]
    found = forecast([*busy, StorageReading("2026-05-31T12:00:00Z", 1, {"blobs": 200})], [DISK], settings)

    assert found is not None
    assert (found.per_day, found.days) == (0.0, 21)


def test_a_day_is_needed(settings: Settings) -> None:
    """From hours of one large import nothing is foretold."""
    assert forecast([], [DISK], settings) is None
    assert forecast(readings([100]), [DISK], settings) is None
    assert forecast(readings([100 * at for at in range(20)], every=timedelta(hours=1)), [DISK], settings) is None


def test_what_was_long_ago_does_not_count(settings: Settings) -> None:
    """Thirty days are looked at."""
    found = forecast(readings([0] * 40 + [100 * day for day in range(31)]), [DISK], settings)

    assert found is not None
    assert (found.per_day, found.days_left) == (100.0, 10.0)


@given(
    days=st.lists(st.floats(0, 80), min_size=0, max_size=30),
    sizes=st.lists(st.integers(0, 2**62), min_size=30, max_size=30),
    free=st.integers(-5, 2**62),
)
def test_any_readings_can_be_looked_at(days: list[float], sizes: list[int], free: int) -> None:
    """However irregular: a forecast is none, or days that are not negative and not endless."""
    taken = [
        StorageReading((NOW - timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%SZ"), 1, {"blobs": size})
        for day, size in zip(sorted(days, reverse=True), sizes, strict=False)
    ]

    found = forecast(taken, [replace(DISK, free=free)], Settings(storage_warn_bytes=10))

    assert found is None or found.days_left is None or 0 <= found.days_left <= storage.FURTHEST


def test_odd_times_are_old(settings: Settings) -> None:
    """A reading that another program wrote does not stop anything."""
    odd = [StorageReading("yesterday", 1, {"blobs": 1}), *readings([100, 200, 300])]

    found = forecast(odd, [DISK], settings)

    assert found is not None
    assert found.per_day == 100.0
