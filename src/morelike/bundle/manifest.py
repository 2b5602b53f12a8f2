"""What a bundle says of itself: ``manifest.json``, written last and believed in nothing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

from morelike.bundle.parts import Part, read_whole
from morelike.errors import ModelError, SourceError
from morelike.models import cards
from morelike.records import Calibration
from morelike.types import Card, Form, Kind, Metadata

__all__ = [
    "FORMAT",
    "MANIFEST",
    "VERSION",
    "CollectionEntry",
    "Manifest",
    "PageEntry",
    "SpaceEntry",
    "part_of",
    "read_manifest",
]

FORMAT = "morelike bundle"
VERSION = 1
"""Grows when an older morelike could not read it."""
MANIFEST = "manifest.json"
_LARGEST = 256 * 1024**2
_MOST_ROWS = 2**32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(?:/[0-9]{1,9})?/[a-z][a-z0-9-]{0,40}\.(?:parquet|tar)")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FINGERPRINT = re.compile(r"[0-9A-Za-z]{0,64}")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SpaceEntry:
    """A space of a collection; its number in the list is that in the names of its parts."""

    kind: Kind
    card: Card
    active: bool
    calibration: Calibration | None = None

    @property
    def segments_kind(self) -> Kind:
        """The kind of the segments that it holds."""
        return "text" if self.card.form == "terms" else self.kind


@dataclass(frozen=True, slots=True)
class PageEntry:
    """Some items after one another, and all that belongs to them."""

    items: int
    segments: int
    parts: tuple[Part, ...]

    def part(self, stem: str) -> Part | None:
        """By its file name without folder and suffix."""
        return next((part for part in self.parts if Path(part.name).stem == stem), None)

    @property
    def packs(self) -> list[Part]:
        return [part for part in self.parts if part.name.endswith(".tar")]


@dataclass(frozen=True, slots=True)
class CollectionEntry:
    """One collection. ``revision``: what it was of in the library that it comes from."""

    name: str
    modality: str
    options: Metadata
    created_at: str
    revision: int
    spaces: tuple[SpaceEntry, ...]
    pages: tuple[PageEntry, ...]
    rest: tuple[Part, ...] = ()
    """The ledger, and pairs that are no duplicates."""

    @property
    def items(self) -> int:
        return sum(page.items for page in self.pages)

    @property
    def parts(self) -> list[Part]:
        return [*(part for page in self.pages for part in page.parts), *self.rest]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The whole bundle. ``library``: the id of the library that it was exported from."""

    library: str
    made_at: str
    made_by: str
    blobs: bool
    collections: tuple[CollectionEntry, ...] = field(default=())

    def to_json(self) -> bytes:
        values = {"format": FORMAT, "version": VERSION, **asdict(self)}
        return (json.dumps(values, indent=1, default=list, allow_nan=False) + "\n").encode()


def read_manifest(bundle: Path) -> Manifest:
    """Every field checked. Raises SourceError: no bundle, not finished, of a newer make, not as it should be."""
    try:
        data = read_whole(bundle, MANIFEST, _LARGEST)
    except FileNotFoundError as error:
        begun = (bundle / "export.json").exists()
        what = "is an export that was not finished" if begun else f"is no bundle: it has no {MANIFEST}"
        hint = "run the same export again" if begun else "`morelike export DIR` makes one"
        raise SourceError(f"{bundle} {what}", hint=hint) from error
    try:
        values = json.loads(data)
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise SourceError(f"{bundle / MANIFEST} is of no bundle", hint="`morelike export DIR` makes one")
        version = _Fields(values, "").whole("version")
        if version > VERSION:
            raise SourceError(
                f"{bundle} is a bundle of version {version}, and this morelike reads up to {VERSION}",
                hint="use a newer morelike",
            )
        return _manifest(_Fields(values, ""))
    except (ValueError, RecursionError, ModelError, TypeError, OverflowError) as error:
        raise SourceError(
            f"{bundle / MANIFEST} is not as it should be: {str(error)[:300]}", hint="export the bundle anew"
        ) from error


class _Fields:
    """A JSON object whose fields are asked for by type. Raises ValueError naming the field."""

    def __init__(self, values: Any, where: str) -> None:
        if not isinstance(values, dict):
            raise ValueError(f"{where or 'it'} is no object")
        self._values = values
        self._where = where

    def _get(self, name: str, kind: type[T]) -> T:
        value = self._values.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{self._where}{name} is {str(value)[:40]!r}")
        return value

    def text(self, name: str, most: int = 1000) -> str:
        value = self._get(name, str)
        if len(value) > most:
            raise ValueError(f"{self._where}{name} is too long")
        return value

    def truth(self, name: str) -> bool:
        return self._get(name, bool)

    def whole(self, name: str, most: int = 2**62) -> int:
        value = self._get(name, int)
        if not 0 <= value <= most:
            raise ValueError(f"{self._where}{name} is {value}")
        return value

    def object(self, name: str) -> dict[str, Any]:
        return self._get(name, dict)

    def maybe(self, name: str) -> _Fields | None:
        return None if self._values.get(name) is None else _Fields(self._values[name], f"{self._where}{name}.")

    def several(self, name: str, read: Callable[[_Fields], T]) -> tuple[T, ...]:
        rows = self._get(name, list)
        return tuple(read(_Fields(row, f"{self._where}{name}[{at}].")) for at, row in enumerate(rows))

    def numbers(self, name: str) -> tuple[float, ...]:
        rows = self._get(name, list)
        if len(rows) > 10_000 or not all(isinstance(row, int | float) and math.isfinite(row) for row in rows):
            raise ValueError(f"{self._where}{name} is no list of numbers")
        return tuple(float(row) for row in rows)

    def matching(self, name: str, pattern: re.Pattern[str]) -> str:
        value = self.text(name)
        if not pattern.fullmatch(value):
            raise ValueError(f"{self._where}{name} is {value[:100]!r}")
        return value


def _manifest(fields: _Fields) -> Manifest:
    found = Manifest(
        library=fields.text("library", 64),
        made_at=fields.text("made_at", 32),
        made_by=fields.text("made_by", 100),
        blobs=fields.truth("blobs"),
        collections=fields.several("collections", _collection),
    )
    names = [entry.name for entry in found.collections]
    if len(set(names)) < len(names):
        raise ValueError("a collection is in it twice")
    parts = [part.name for entry in found.collections for part in entry.parts]
    if len(set(parts)) < len(parts):
        raise ValueError("a file is in it twice")
    return found


def _collection(fields: _Fields) -> CollectionEntry:
    found = CollectionEntry(
        name=fields.matching("name", _NAME),
        modality=fields.matching("modality", _NAME),
        options=fields.object("options"),
        created_at=fields.text("created_at", 32),
        revision=fields.whole("revision"),
        spaces=fields.several("spaces", _space),
        pages=fields.several("pages", _page),
        rest=fields.several("rest", _part),
    )
    bound = [(space.kind, space.card.id) for space in found.spaces]
    searched = [space.kind for space in found.spaces if space.active]
    if len(set(bound)) < len(bound) or len(set(searched)) < len(searched):
        raise ValueError(f"the spaces of {found.name} contradict one another")
    return found


def _space(fields: _Fields) -> SpaceEntry:
    given = Card.from_dict(fields.object("card"))
    card = cards.from_text(cards.to_text(given), f"the card {str(given.name)[:60]!r}")  # every field looked at
    if not isinstance(given.fingerprint, str) or not _FINGERPRINT.fullmatch(given.fingerprint):
        raise ValueError(f"the card {card.name} has no fingerprint")
    calibration = None
    measured = fields.maybe("calibration")
    if measured is not None:
        calibration = Calibration(
            items=measured.whole("items"),
            background=measured.numbers("background"),
            nearest=measured.numbers("nearest"),
            made_at=measured.text("made_at", 32),
        )
    if card.form not in get_args(Form):
        raise ValueError(f"the card {card.name} gives {card.form}")
    return SpaceEntry(fields.text("kind", 32), given, fields.truth("active"), calibration)


def _page(fields: _Fields) -> PageEntry:
    return PageEntry(
        fields.whole("items", _MOST_ROWS), fields.whole("segments", _MOST_ROWS), fields.several("parts", _part)
    )


def _part(fields: _Fields) -> Part:
    return Part(
        name=fields.matching("name", _PART),
        rows=fields.whole("rows", _MOST_ROWS),
        size=fields.whole("size"),
        blake3=fields.matching("blake3", _DIGEST),
    )


def part_of(values: Mapping[str, Any]) -> Part:
    """A part as it was noted in JSON. Raises ValueError."""
    return _part(_Fields(values, ""))
