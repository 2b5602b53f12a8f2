"""Several items as one file that is made while it is sent: originals in a ZIP, or what is known of them as a table."""

from __future__ import annotations

import csv
import io
import logging
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from morelike.collection import OpenCollection
from morelike.errors import MorelikeError
from morelike.server.answers import dumps
from morelike.server.asked_downloads import Found
from morelike.shapes import item_shape, source_name
from morelike.types import Item

__all__ = ["Picked", "cell_of", "csv_of", "json_of", "names_of", "picked", "zip_of"]

_log = logging.getLogger(__name__)

CHUNK: Final = 256 * 1024
"""Bytes of an original that are in memory at once."""
ROWS: Final = 50
"""Rows of a table that are sent together."""
LONGEST_NAME: Final = 150
"""Bytes in UTF-8; with a folder and a number it is well below what file systems take."""
COLUMNS: Final = ("id", "name", "source", "media type", "bytes", "tags", "score", "percentile", "span")
MOST_COLUMNS: Final = 500
"""Keys of metadata that become columns; records of a foreign hand may have any number."""
ERRORS: Final = "errors.txt"
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)
_FORMULAS: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BLANKS: Final = ("\t", "\r", "\n")
_DEFLATED: Final = ("text/", "application/json", "application/xml", "chemical/", "image/svg", "model/")
"""Types that become much smaller; pictures, sounds and films are small already."""


@dataclass(frozen=True, slots=True)
class Picked:
    """One item of a download; ``item`` is None where it is not in the collection any more."""

    found: Found
    item: Item | None


def picked(opened: OpenCollection, asked: Sequence[str | Found]) -> list[Picked]:
    """Each item once, in the order asked for."""
    wanted = [one if isinstance(one, Found) else Found(item=one, span="") for one in asked]
    there = opened.items_of([one.item for one in wanted])
    seen: set[str] = set()
    chosen = []
    for one in wanted:
        item = there.get(one.item) or _of_beginning(opened, one.item)
        identifier = one.item if item is None else item.id
        if identifier not in seen:
            seen.add(identifier)
            chosen.append(Picked(one, item))
    return chosen


def _of_beginning(opened: OpenCollection, beginning: str) -> Item | None:
    try:
        return opened.item(beginning)
    except MorelikeError:
        return None


def zip_of(opened: OpenCollection, chosen: Sequence[Picked]) -> Iterator[bytes]:
    """A ZIP of the originals, ``CHUNK`` by ``CHUNK``. What cannot be read is named in its last file, ``errors.txt``."""
    sink = _Sink()
    errors = [f"{one.found.item}: it is not in the collection" for one in chosen if one.item is None]
    items = [one.item for one in chosen if one.item is not None]
    with zipfile.ZipFile(sink, "w") as archive:
        for item, name in zip(items, names_of(items), strict=True):
            try:
                yield from _entry(archive, sink, opened, item, name)
            except (MorelikeError, OSError) as error:
                errors.append(f"{name} ({item.id}): {error}")
        if errors:
            archive.writestr(_info(ERRORS, "text/plain"), "\r\n".join([*map(_line, errors), ""]))
    yield sink.taken()


def _entry(archive: zipfile.ZipFile, sink: _Sink, opened: OpenCollection, item: Item, name: str) -> Iterator[bytes]:
    """Raises MorelikeError or OSError before anything of it is written, or with a part of it written."""
    info = _info(name, item.media_type, item.added_at)
    with opened.blob(item.id).open() as stream:
        data = stream.read(CHUNK)  # before the entry begins: what cannot be read leaves no empty file
        # a file in place may have grown since it was added
        with archive.open(info, "w", force_zip64=item.digest.size >= 2**31 or info.file_size >= 2**31) as entry:
            left = item.digest.size
            while data and left > 0:
                entry.write(data[:left])
                left -= len(data)
                yield sink.taken()
                data = stream.read(CHUNK)
    if left:
        raise OSError("it has not the size that it had when it was added")


def csv_of(chosen: Sequence[Picked]) -> Iterator[bytes]:
    """A table with a row an item, for spreadsheets: UTF-8 with a mark, and no cell that they would reckon out."""
    known = [_known(one.item) for one in chosen]
    keys = list(dict.fromkeys(key for one in known for key in one))[:MOST_COLUMNS]
    text = io.StringIO(newline="")
    text.write("\ufeff")
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, *(cell_of(key) for key in keys)])
    for start in range(0, len(chosen), ROWS):
        for one, values in zip(chosen[start : start + ROWS], known[start : start + ROWS], strict=True):
            writer.writerow([cell_of(cell) for cell in [*_row(one), *(values.get(key) for key in keys)]])
        yield text.getvalue().encode("utf-8", "replace")
        text.seek(0)
        text.truncate()


def json_of(chosen: Sequence[Picked]) -> Iterator[bytes]:
    """The items as the API gives them, each with what the search said of it; ``missing``: ids that are not there."""
    yield b'{"items":['
    between = b""
    for one in chosen:
        if one.item is not None:
            said = one.found.model_dump(exclude={"item"}, exclude_defaults=True)
            yield between + dumps({**item_shape(one.item), **said})
            between = b","
    yield b'],"missing":' + dumps([one.found.item for one in chosen if one.item is None]) + b"}"


def names_of(items: Sequence[Item]) -> list[str]:
    """What each is called in the archive: safe on any system, and no two alike. Where two files have one name, all
    stand in folders, which are called as those that they were found in.
    """
    plain = [_safe(_name(item)) for item in items]
    if len({name.casefold() for name in plain}) < len(plain):
        plain = [
            f"{folder}/{name}" if (folder := _folder(item)) else name for item, name in zip(items, plain, strict=True)
        ]
    taken = {ERRORS.casefold()}
    names = []
    for name in plain:
        unique, number = name, 1
        while unique.casefold() in taken:
            number += 1
            stem, dot, ending = name.rpartition(".")
            unique = f"{stem} ({number}).{ending}" if dot and "/" not in ending and stem else f"{name} ({number})"
        taken.add(unique.casefold())
        names.append(unique)
    return names


class _Sink(io.RawIOBase):
    """What the archive writes into, and where it is taken from; it cannot be gone back in."""

    def __init__(self) -> None:
        super().__init__()
        self._data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._data += data
        return len(data)

    def taken(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data


def _info(name: str, media_type: str, added_at: str = "") -> zipfile.ZipInfo:
    try:
        moment = datetime.fromisoformat(added_at) if added_at else datetime.now(UTC)
    except ValueError:
        moment = datetime.now(UTC)
    info = zipfile.ZipInfo(name, (max(moment.year, 1980), moment.month, moment.day, moment.hour, moment.minute, 0))
    smaller = media_type.startswith(_DEFLATED)
    info.compress_type = zipfile.ZIP_DEFLATED if smaller else zipfile.ZIP_STORED
    info.external_attr = 0o644 << 16
    return info


def _name(item: Item) -> str:
    source = item.sources[0] if item.sources else None
    return (source.name or source.uri) if source else item.id


def _folder(item: Item) -> str:
    uri = item.sources[0].uri if item.sources else ""
    parts = uri.removeprefix("upload:").split("#", 1)[0].replace("\\", "/").rstrip("/").split("/")
    return _safe(parts[-2]) if len(parts) > 1 and parts[-2] else ""


def _safe(name: str) -> str:
    """One part of a path, which no system reads as anything else."""
    name = re.split(r"[/\\]", name.encode("utf-8", "replace").decode())[-1]
    name = _UNSAFE.sub("_", name).strip().rstrip(". ")
    stem, dot, ending = name.rpartition(".")
    if dot and stem and len(ending.encode()) <= 20:
        name = f"{_shorter(stem, LONGEST_NAME - len(ending.encode()) - 1)}.{ending}"
    else:
        name = _shorter(name, LONGEST_NAME)
    if not name.strip("."):
        return "unnamed"
    return f"_{name}" if _RESERVED.fullmatch(name.partition(".")[0].strip()) else name


def _shorter(text: str, most: int) -> str:
    return text.encode()[:most].decode("utf-8", "ignore").rstrip(". ")


def _line(text: str) -> str:
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _known(item: Item | None) -> Mapping[str, Any]:
    if item is None:
        return {}
    return {**item.info, **(item.sources[0].metadata if item.sources else {})}


def _row(one: Picked) -> list[Any]:
    found, item = one.found, one.item
    if item is None:
        return [found.item, "", "", "", "", "", found.score, found.percentile, found.span]
    said = [found.score, found.percentile, found.span]
    tags = ", ".join(item.tags)
    return [item.id, _name(item), source_name(item), item.media_type, item.digest.size, tags, *said]


def cell_of(value: Any) -> Any:
    """A number as it is; of a text that a spreadsheet would take for a formula, the text."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else dumps(value).decode()
    text = text.replace("\0", "")
    return f"'{text}" if text.startswith(_BLANKS) or text.lstrip().startswith(_FORMULAS) else text
