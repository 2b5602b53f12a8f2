"""How much a library takes and where, how fast it grows, and when there will be no room."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from morelike.deletion import kind_in, store_of
from morelike.errors import MorelikeError
from morelike.records import CollectionStorage, StorageReading
from morelike.settings import Settings
from morelike.stores.disk import tree_bytes
from morelike.types import Collection, Form, ItemState, Kind, Space
from morelike.wiring import Stores

__all__ = [
    "CollectionFigures",
    "Disk",
    "Forecast",
    "SpaceFigures",
    "StorageReport",
    "days_in_words",
    "forecast",
    "growth_in_words",
    "measure",
    "note",
    "note_now",
]

NOTE_EVERY: Final = 3600.0
"""Seconds between two readings that are kept."""
LOOK_BACK: Final = 30
"""Days whose growth a forecast goes by."""
FURTHEST: Final = 3650.0
"""Days: what is further away is no forecast."""
_DAY: Final = 86400.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SpaceFigures:
    """One space: how many rows, and their bytes as numbers alone, without what a store needs around them."""

    kind: Kind
    encoder: str
    form: Form
    active: bool
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class CollectionFigures:
    """One collection. ``kept`` items have their bytes in the blob store, others refer to them in place."""

    name: str
    modality: str
    items: int
    states: Mapping[ItemState, int]
    segments: Mapping[Kind, int]
    kept: int
    kept_bytes: int
    in_place: int
    in_place_bytes: int
    spaces: tuple[SpaceFigures, ...]


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk of this machine that holds parts of the library."""

    path: str
    total: int
    free: int
    share: float
    """How much of it is taken, 0 to 1, as ``df`` counts."""
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """How the library grows, and when the room ends: a disk's, or what the settings allow.

    ``per_day``: the median of the slopes between any two of the last thirty days (Theil 1950, Sen 1968), each with its
    last reading; a day without one is as the day before. ``days_left``: None where nothing fills up.
    """

    per_day: float
    days: int
    """How many days were looked at."""
    days_left: float | None
    limit: str
    """What ends then; empty where nothing does."""


@dataclass(frozen=True, slots=True)
class StorageReport:
    """Bytes by part, by collection and by disk. ``needed``: those of the blobs that items need; the rest of what the
    blob store holds, where it was listed, is ``doctor``'s to tell.
    """

    at: str
    parts: Mapping[str, int]
    needed: int
    collections: tuple[CollectionFigures, ...]
    disks: tuple[Disk, ...]
    forecast: Forecast | None
    """None until there are readings of two days."""
    warnings: tuple[str, ...]

    @property
    def total(self) -> int:
        return sum(self.parts.values())

    @property
    def items(self) -> int:
        return sum(collection.items for collection in self.collections)

    @property
    def reading(self) -> StorageReading:
        """The same measure each time, whoever takes it."""
        return StorageReading(self.at, self.items, {**self.parts, "blobs": self.needed})


def measure(stores: Stores, *, listed: bool = False) -> StorageReport:
    """Ask every store. A second or two at a million items; with ``listed`` the blob store lists what it really holds,
    which takes longer, instead of the catalog's saying what it should hold.

    Raises StoreError.
    """
    counted = {one.collection_id: one for one in stores.catalog.storage_by_collection()}
    figures = tuple(
        _figures(stores, found, counted[found.id])
        for found in sorted(stores.catalog.collections(), key=lambda found: found.name)
        if found.id in counted
    )
    needed = stores.catalog.blob_bytes()
    parts = {"catalog": stores.catalog.bytes_used(), "vectors": stores.vectors.bytes_used()}
    parts["blobs"] = stores.blobs.bytes_used() if listed else needed
    parts["previews"] = tree_bytes(stores.folder / "previews")
    others = {
        "maps": tree_bytes(stores.folder / "maps"),
        "sketches": stores.sketches.bytes_used(),
        "words": tree_bytes(stores.folder, "terms.sqlite*"),
    }
    parts.update({name: size for name, size in others.items() if size})
    disks = _disks(stores.folder, stores.settings, parts)
    now = _now()
    reading = StorageReading(now, sum(one.items for one in figures), {**parts, "blobs": needed})
    growth = forecast([*stores.catalog.storage_readings(), reading], disks, stores.settings)
    return StorageReport(now, parts, needed, figures, disks, growth, _warnings(disks, parts, stores.settings))


def note(stores: Stores, report: StorageReport, *, every: float = NOTE_EVERY) -> bool:
    """Keep the figures as a reading, unless the last one is younger than ``every`` seconds; whether they were kept."""
    readings = stores.catalog.storage_readings()
    if readings and 0 <= _seconds(report.at) - _seconds(readings[-1].at) < every:
        return False
    stores.catalog.note_storage(report.reading)
    return True


def note_now(stores: Stores) -> None:
    """Measure and keep a reading where one is due. Work that was done is done: what fails here is only logged."""
    try:
        readings = stores.catalog.storage_readings()
        if not readings or not 0 <= _seconds(_now()) - _seconds(readings[-1].at) < NOTE_EVERY:
            note(stores, measure(stores))
    except MorelikeError as error:
        _log.info("how much the library takes was not noted: %s", error)


def forecast(readings: Sequence[StorageReading], disks: Sequence[Disk], settings: Settings) -> Forecast | None:
    """From readings, the oldest first; the last one is now. None where they span less than a day."""
    last = _seconds(readings[-1].at) if readings else 0.0
    recent = [one for one in readings if last - LOOK_BACK * _DAY <= _seconds(one.at) <= last]
    if not recent or last - _seconds(recent[0].at) < _DAY:
        return None
    per_day, days = _growth(recent, last, None)
    soonest: tuple[float, str] | None = None
    rooms = [(disk.free, f"the disk of {disk.path}", disk.parts) for disk in disks]
    if settings.storage_warn_bytes:
        taken = sum(recent[-1].parts.values())
        rooms.append((settings.storage_warn_bytes - taken, "storage_warn_bytes", tuple(recent[-1].parts)))
    for room, limit, parts in rooms:
        slope, _ = _growth(recent, last, parts)
        if slope > 0 and (soonest is None or room / slope < soonest[0]):
            soonest = max(room, 0) / slope, limit
    if soonest is None or soonest[0] > FURTHEST:
        return Forecast(per_day, days, None, "")
    return Forecast(per_day, days, *soonest)


def growth_in_words(forecast: Forecast | None, size: Callable[[int], str]) -> str:
    """``1.1 GB a day (median slope of 30 days); … is full in about 82 days``; ``size`` writes bytes for people."""
    if forecast is None:
        return "not known before there are figures of two days"
    if round(forecast.per_day) == 0:
        return f"none in {forecast.days} days"
    sign = "-" if forecast.per_day < 0 else ""
    text = f"{sign}{size(round(abs(forecast.per_day)))} a day (median slope of {forecast.days} days)"
    if forecast.days_left is None:
        return text
    return f"{text}; {forecast.limit} is full {days_in_words(forecast.days_left)}"


def days_in_words(days: float) -> str:
    whole = round(days)
    return "within a day" if whole < 1 else f"in about {whole} {'day' if whole == 1 else 'days'}"


def _growth(readings: Sequence[StorageReading], last: float, parts: Sequence[str] | None) -> tuple[float, int]:
    """Bytes a day of some parts, or of all, and how many days were looked at."""
    by_day: dict[int, float] = {}
    for reading in readings:  # days back from now; the latest of a day counts
        sizes = (size for part, size in reading.parts.items() if parts is None or part in parts)
        by_day[int((last - _seconds(reading.at)) // _DAY)] = float(sum(sizes))
    values: list[float] = []
    for day in range(max(by_day), -1, -1):
        values.append(by_day[day] if day in by_day else values[-1])
    series = np.array(values)
    first, second = np.triu_indices(len(series), 1)
    return float(np.median((series[second] - series[first]) / (second - first))), len(series)


def _figures(stores: Stores, collection: Collection, counted: CollectionStorage) -> CollectionFigures:
    spaces = stores.catalog.spaces(collection)
    return CollectionFigures(
        name=collection.name,
        modality=collection.modality,
        items=counted.states.get("ready", 0),
        states=counted.states,
        segments=counted.segments,
        kept=counted.kept,
        kept_bytes=counted.kept_bytes,
        in_place=counted.in_place,
        in_place_bytes=counted.in_place_bytes,
        spaces=tuple(_space(stores, space) for space in spaces),
    )


def _space(stores: Stores, space: Space) -> SpaceFigures:
    card = space.card
    rows = store_of(stores, space).count(space)
    width = {"dense": 4 * card.dim, "bits": card.dim // 8}.get(card.form, 0)
    return SpaceFigures(kind_in(space), card.id, card.form, space.active, rows, rows * width)


def _disks(folder: Path, settings: Settings, parts: Mapping[str, int]) -> tuple[Disk, ...]:
    """The disks of this machine that hold the parts; what a server keeps lies on none of them."""
    found: dict[int, tuple[Path, list[str]]] = {}
    for part in parts:
        place = _place(part, folder, settings)
        while place is not None and not place.exists() and place != place.parent:
            place = place.parent
        if place is not None:
            with suppress(OSError):
                device = place.stat().st_dev
                nearest, held = found.setdefault(device, (place, []))
                held.append(part)
                found[device] = min(nearest, place, key=lambda path: len(path.parts)), held
    disks = []
    for place, held in found.values():
        with suppress(OSError):
            usage = shutil.disk_usage(place)
            share = usage.used / max(usage.used + usage.free, 1)
            disks.append(Disk(os.fspath(place), usage.total, usage.free, round(share, 4), tuple(held)))
    return tuple(disks)


def _place(part: str, folder: Path, settings: Settings) -> Path | None:
    """Where on this machine a part lies; None: elsewhere."""
    if part == "catalog":
        return folder if settings.catalog == "sqlite" else None
    if part == "vectors":
        if settings.vectors.endswith(".db"):
            return folder / Path(settings.vectors).expanduser()
        return folder if settings.vectors == "faiss" else None
    if part == "blobs":
        if settings.blobs.lower().startswith("s3://"):
            return None
        return folder if settings.blobs == "folder" else Path(settings.blobs).expanduser()
    return folder


def _warnings(disks: Sequence[Disk], parts: Mapping[str, int], settings: Settings) -> tuple[str, ...]:
    found = [
        f"the disk of {disk.path} is {disk.share:.0%} full: {disk.free / 1e9:.1f} GB are free"
        for disk in disks
        if settings.storage_warn_share < 1 and disk.share >= settings.storage_warn_share
    ]
    total = sum(parts.values())
    if settings.storage_warn_bytes and total >= settings.storage_warn_bytes:
        found.append(
            f"the library takes {total} bytes; the setting storage_warn_bytes is {settings.storage_warn_bytes}"
        )
    return tuple(found)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(at: str) -> float:
    try:
        return datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:  # another program's: as old as can be
        return 0.0
