"""The few EXIF facts that people search by, read within bounds from bytes that may be hostile.

Pillow reads every entry and makes an object of each number; a crafted block of a few megabytes then costs gigabytes.
This reader looks at a fixed list of tags, at no more than 1 KiB of each, and never raises on bad data.

The layout is TIFF 6.0's image file directory; tags and their meaning are those of EXIF 2.32 (CIPA DC-008).
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, BinaryIO

__all__ = ["Exif", "printable", "read_exif"]

_MAX_ENTRIES = 1024
_MAX_VALUE = 1024  # bytes of one value
_MAX_TEXT = 200  # characters that are kept of it

_ORIENTATION, _EXIF_OFFSET, _GPS_OFFSET = 0x0112, 0x8769, 0x8825
_MAKE, _MODEL, _SOFTWARE, _MODIFIED = 0x010F, 0x0110, 0x0131, 0x0132
_EXPOSURE, _F_NUMBER, _ISO, _FOCAL, _LENS = 0x829A, 0x829D, 0x8827, 0x920A, 0xA434
_TAKEN, _DIGITISED, _TAKEN_OFFSET = 0x9003, 0x9004, 0x9011
_MAIN = frozenset({_ORIENTATION, _EXIF_OFFSET, _GPS_OFFSET, _MAKE, _MODEL, _SOFTWARE, _MODIFIED})
_CAMERA = frozenset({_EXPOSURE, _F_NUMBER, _ISO, _FOCAL, _LENS, _TAKEN, _DIGITISED, _TAKEN_OFFSET})
_GPS = frozenset({1, 2, 3, 4})

_NUMBERS = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4), 8: ("h", 2), 9: ("i", 4), 11: ("f", 4), 12: ("d", 8)}
_RATIONALS = {5: "I", 10: "i"}
_TEXT = {2, 7, 129}  # ASCII, undefined, UTF-8

_DATE = re.compile(r"(\d{4})[:\-/](\d{2})[:\-/](\d{2})[ T](\d{2}):(\d{2}):(\d{2})")
_ZONE = re.compile(r"([+-])(\d{2}):?(\d{2})$")

_Values = dict[int, Any]


def printable(text: str, limit: int = _MAX_TEXT) -> str:
    """One line of at most ``limit`` characters, without control characters or lone surrogates."""
    text = text[: 4 * limit].encode("utf-8", "replace").decode("utf-8")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:limit].strip()


@dataclass(frozen=True, slots=True)
class Exif:
    """``orientation`` 1 to 8, and the ``facts`` that are there: flat, JSON values."""

    orientation: int = 1
    facts: dict[str, str | int | float] = field(default_factory=dict)


def read_exif(stream: BinaryIO) -> Exif:
    """Read a block that begins with a TIFF header, or a TIFF file itself. What cannot be read is left out."""
    start = _after_prefix(stream)
    head = stream.read(8)
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(head[:4])
    if order is None or len(head) < 8:
        return Exif()
    reader = _Reader(stream, order, start)
    main = reader.directory(struct.unpack(order + "I", head[4:])[0], _MAIN)
    camera = reader.directory(_whole(main.get(_EXIF_OFFSET)) or 0, _CAMERA)
    gps = reader.directory(_whole(main.get(_GPS_OFFSET)) or 0, _GPS)
    orientation = _whole(main.get(_ORIENTATION)) or 1
    return Exif(orientation if 1 <= orientation <= 8 else 1, _facts(main, camera, gps))


def _after_prefix(stream: BinaryIO) -> int:
    """Blocks cut from JPEG files begin with ``Exif\\0\\0``, some of them twice."""
    stream.seek(0)
    prefix = stream.read(12)
    start = 0
    while prefix[start : start + 6] == b"Exif\x00\x00":
        start += 6
    stream.seek(start)
    return start


@dataclass(frozen=True, slots=True)
class _Reader:
    stream: BinaryIO
    order: str
    start: int

    def directory(self, offset: int, wanted: frozenset[int]) -> _Values:
        """tag to value for the wanted tags: text as str, numbers as a list of float or int."""
        if offset < 8:
            return {}
        data = self._bytes(offset, 2)
        if len(data) < 2:
            return {}
        (count,) = struct.unpack(self.order + "H", data)
        entries = self._bytes(offset + 2, 12 * min(count, _MAX_ENTRIES))
        values: _Values = {}
        for tag, type_, length, inline in struct.iter_unpack(self.order + "HHI4s", entries[: len(entries) // 12 * 12]):
            if tag in wanted and tag not in values:
                value = self._value(type_, length, inline)
                if value is not None:
                    values[tag] = value
        return values

    def _bytes(self, offset: int, size: int) -> bytes:
        self.stream.seek(self.start + offset)
        return self.stream.read(size)

    def _value(self, type_: int, length: int, inline: bytes) -> str | list[float] | None:
        if type_ in _TEXT:
            data = self._data(min(length, _MAX_VALUE), inline)
            return printable(data.split(b"\x00", 1)[0].decode("utf-8", "replace").replace("\ufffd", "")) or None
        if type_ in _RATIONALS:
            code, size = _RATIONALS[type_] * 2, 8
        elif type_ in _NUMBERS:
            code, size = _NUMBERS[type_]
        else:
            return None
        length = min(length, _MAX_VALUE // size)
        data = self._data(length * size, inline)
        numbers = list(struct.iter_unpack(self.order + code, data[: len(data) // size * size]))
        if type_ in _RATIONALS:
            return [n[0] / n[1] if n[1] else math.nan for n in numbers] or None
        return [n[0] for n in numbers] or None

    def _data(self, size: int, inline: bytes) -> bytes:
        if size <= 4:
            return inline[:size]
        return self._bytes(struct.unpack(self.order + "I", inline)[0], size)


def _facts(main: _Values, camera: _Values, gps: _Values) -> dict[str, str | int | float]:
    iso = _whole(camera.get(_ISO))
    found: dict[str, str | int | float | None] = {
        "taken": _taken(main, camera),
        "camera_make": _text(main.get(_MAKE)),
        "camera_model": _text(main.get(_MODEL)),
        "lens": _text(camera.get(_LENS)),
        "iso": iso if iso and iso > 0 else None,
        "f_number": _positive(camera.get(_F_NUMBER)),
        "exposure_s": _positive(camera.get(_EXPOSURE)),
        "focal_mm": _positive(camera.get(_FOCAL)),
        **_place(gps),
        "software": _text(main.get(_SOFTWARE)),
    }
    return {name: value for name, value in found.items() if value is not None}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object, index: int = 0) -> float | None:
    if not isinstance(value, list) or len(value) <= index:
        return None
    number = float(value[index])
    return number if math.isfinite(number) else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and abs(number) < 2**53 else None


def _positive(value: object) -> float | None:
    """Six significant digits: more is the noise of a division."""
    number = _number(value)
    return float(f"{number:.6g}") if number is not None and number > 0 else None


def _taken(main: _Values, camera: _Values) -> str | None:
    """``2024-05-01T12:30:00``, with ``+02:00`` where the camera knew its zone."""
    for value in (camera.get(_TAKEN), camera.get(_DIGITISED), main.get(_MODIFIED)):
        match = _DATE.match(value) if isinstance(value, str) else None
        if match is None:
            continue
        try:
            moment = datetime(*(int(part) for part in match.groups()), tzinfo=_zone(camera.get(_TAKEN_OFFSET)))  # type: ignore[misc,arg-type]  # six parts, by the pattern
        except ValueError:
            continue
        return moment.isoformat()
    return None


def _zone(value: object) -> timezone | None:
    match = _ZONE.match(value) if isinstance(value, str) else None
    if match is None:
        return None
    hours, minutes = int(match[2]), int(match[3])
    if hours > 14 or minutes > 59:
        return None
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if match[1] == "-" else offset)


def _place(gps: _Values) -> dict[str, float]:
    """Decimal degrees, north and east positive; both or neither."""
    latitude, longitude = _degrees(gps.get(2), gps.get(1), "S", 90), _degrees(gps.get(4), gps.get(3), "W", 180)
    if latitude is None or longitude is None:
        return {}
    return {"latitude": latitude, "longitude": longitude}


def _degrees(value: object, reference: object, negative: str, limit: float) -> float | None:
    degrees = _number(value)
    if degrees is None:
        return None
    minutes, seconds = _number(value, 1), _number(value, 2)
    degrees = round(degrees + (minutes or 0) / 60 + (seconds or 0) / 3600, 7)
    if not 0 <= degrees <= limit:
        return None
    return -degrees if isinstance(reference, str) and reference.upper().startswith(negative) else degrees
