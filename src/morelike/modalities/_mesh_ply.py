"""PLY (Turk 1994): text, and binary of either byte order."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from morelike.errors import DecodeError
from morelike.modalities._mesh_lines import integers
from morelike.modalities._mesh_soup import Soup, check_corners, check_faces, fans, numbers

__all__ = ["read_ply"]

_LONGEST_HEAD = 1 << 16
_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
_CORNERS = ("vertex_indices", "vertex_index")
_CUT_OFF = "the file may be cut off"


@dataclass(frozen=True, slots=True)
class _Property:
    name: str
    type: str
    """As numpy writes it, without the byte order."""
    count: str = ""
    """The type of a list's length; empty: it is no list."""


@dataclass(slots=True)
class _Element:
    name: str
    rows: int
    properties: list[_Property] = field(default_factory=list)

    def place(self, names: tuple[str, ...]) -> int:
        """Of the first property with one of these names; -1: there is none."""
        return next((at for at, one in enumerate(self.properties) if one.name in names), -1)


def read_ply(data: bytes) -> Soup:
    """Corners and faces; colours, normals and elements of other names are passed over. Raises DecodeError."""
    form, elements, body = _head(data)
    rows = _text_rows(data[body:]) if form == "ascii" else None
    vertices: NDArray[np.float64] | None = None
    corners, sizes = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    for element in elements:
        if element.name == "face":
            check_faces(element.rows)
        elif element.name == "vertex":
            check_corners(element.rows)
        if rows is not None:
            found = _from_text(rows, element)
        else:
            found, body = _from_bytes(data, body, element, "<" if form == "binary_little_endian" else ">")
        if element.name == "vertex":
            vertices = found[0].reshape(-1, 3)
        elif element.name == "face":
            corners, sizes = found[0].astype(np.int64), found[1]
    if vertices is None:
        raise DecodeError("has no corners", hint="a PLY model has an element `vertex` with x, y and z")
    return Soup(vertices, fans(corners, sizes, len(vertices)))


def _head(data: bytes) -> tuple[str, list[_Element], int]:
    """(form, elements, where the body begins). Raises DecodeError."""
    end = data.find(b"end_header", 0, _LONGEST_HEAD)
    newline = data.find(b"\n", end)
    if end < 0 or newline < 0:
        raise DecodeError("has a head without an end", hint=_CUT_OFF)
    form, elements = "", list[_Element]()
    for line in data[:end].decode("ascii", "replace").splitlines():
        words = line.split()
        if words[:1] == ["format"] and len(words) >= 2:
            form = words[1]
        elif words[:1] == ["element"] and len(words) == 3 and words[2].isdecimal() and len(words[2]) < 12:
            elements.append(_Element(words[1], int(words[2])))
        elif words[:1] == ["property"] and elements:
            elements[-1].properties.append(_property(words))
        elif words[:1] in (["element"], ["property"]):
            raise DecodeError(f"has a line in its head that cannot be: {line[:60]!r}")
    if form not in ("ascii", "binary_little_endian", "binary_big_endian"):
        raise DecodeError(f"is in the form {form[:40]!r}, which is none of PLY's")
    for element in elements:
        if element.name == "vertex" and min(element.place((axis,)) for axis in "xyz") < 0:
            raise DecodeError("has corners without x, y and z")
        if element.name == "vertex" and any(one.count for one in element.properties if one.name in "xyz"):
            raise DecodeError("has corners whose x, y and z are lists")
        if element.name == "face" and element.rows and not _corner_lists(element):
            raise DecodeError("has faces without a list of corners")
    return form, elements, newline + 1


def _property(words: list[str]) -> _Property:
    if len(words) == 3 and words[1] in _TYPES:
        return _Property(words[2], _TYPES[words[1]])
    if len(words) == 5 and words[1] == "list" and words[2] in _TYPES and words[3] in _TYPES:
        return _Property(words[4], _TYPES[words[3]], _whole(_TYPES[words[2]]))
    raise DecodeError(f"has a property that cannot be: {' '.join(words)[:60]!r}")


def _whole(kind: str) -> str:
    """Raises DecodeError where a list's length were no whole number."""
    if kind.startswith("f"):
        raise DecodeError("has a list whose length is no whole number")
    return kind


def _corner_lists(element: _Element) -> bool:
    at = element.place(_CORNERS)
    return at >= 0 and bool(element.properties[at].count) and not element.properties[at].type.startswith("f")


def _text_rows(body: bytes) -> Iterator[list[bytes]]:
    return (words for words in (line.split() for line in io.BytesIO(body)) if words)


def _from_text(rows: Iterator[list[bytes]], element: _Element) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """What ``_from_bytes`` gives, of lines."""
    wanted = [element.place((axis,)) for axis in "xyz"] if element.name == "vertex" else [element.place(_CORNERS)]
    kept: list[bytes] = []
    sizes: list[int] = []
    for _ in range(element.rows):
        words = next(rows, None)
        if words is None:
            raise DecodeError(f"ends before its {element.rows:,} rows of {element.name[:40]!r}", hint=_CUT_OFF)
        if element.name not in ("vertex", "face"):
            continue
        at, cells = 0, list[list[bytes]]()
        for one in element.properties:
            length = 1
            if one.count:
                length = int(words[at]) if at < len(words) and words[at].isdigit() and len(words[at]) < 9 else -1
                at += 1
            cells.append(words[at : at + length] if length >= 0 else [])
            if length < 0 or len(cells[-1]) < length:
                raise DecodeError(f"has a row of {element.name!r} that is too short", hint=_CUT_OFF)
            at += length
        found = list(chain.from_iterable(cells[place] for place in wanted))
        kept += found
        sizes.append(len(found))
        check_corners(len(kept) // (3 if element.name == "vertex" else 1))
    return numbers(kept, f"rows of {element.name[:40]!r}"), integers(sizes, "faces")


def _from_bytes(
    data: bytes, at: int, element: _Element, order: str
) -> tuple[tuple[NDArray[np.float64], NDArray[np.int64]], int]:
    """((values one after the other, how many of them each row has), where the next element begins)."""
    nothing = np.empty(0), np.empty(0, dtype=np.int64)
    if not element.rows or not element.properties:
        return nothing, at
    lengths = _first_lengths(data, at, element, order)
    row = _row_of(element, order, lengths)
    end = at + element.rows * row.itemsize
    if end <= len(data):
        table = np.frombuffer(data, dtype=row, count=element.rows, offset=at)
        if all((table[f"{place} count"] == length).all() for place, length in lengths.items()):
            return _of_table(table, element), end
    elif not lengths:
        raise DecodeError(f"ends before its {element.rows:,} rows of {element.name[:40]!r}", hint=_CUT_OFF)
    return _row_by_row(data, at, element, order)


def _first_lengths(data: bytes, at: int, element: _Element, order: str) -> dict[int, int]:
    """How long the lists of the first row are, by property: mostly those of all rows. Raises DecodeError."""
    lengths = {}
    for place, one in enumerate(element.properties):
        size = 1
        if one.count:
            count = np.dtype(order + one.count)
            size = int(np.frombuffer(data, count, 1, at)[0]) if at + count.itemsize <= len(data) else -1
            at += count.itemsize
            lengths[place] = size
        at += size * np.dtype(one.type).itemsize
        if size < 0 or at > len(data):
            raise DecodeError(f"ends before its {element.rows:,} rows of {element.name[:40]!r}", hint=_CUT_OFF)
    return lengths


def _row_of(element: _Element, order: str, lengths: dict[int, int]) -> np.dtype[np.void]:
    fields: list[tuple[str, str] | tuple[str, str, tuple[int, ...]]] = []
    for place, one in enumerate(element.properties):
        if one.count:
            fields.append((f"{place} count", order + one.count))
            fields.append((str(place), order + one.type, (lengths[place],)))
        else:
            fields.append((str(place), order + one.type))
    return np.dtype(fields)


def _of_table(table: NDArray[np.void], element: _Element) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    if element.name == "vertex":
        places = [table[str(element.place((axis,)))] for axis in "xyz"]
        return np.stack(places, axis=1).astype(np.float64), np.empty(0, dtype=np.int64)
    if element.name != "face":
        return np.empty(0), np.empty(0, dtype=np.int64)
    corners = table[str(element.place(_CORNERS))]
    check_corners(corners.size)
    return corners.astype(np.float64).ravel(), np.full(len(corners), corners.shape[1], dtype=np.int64)


def _row_by_row(
    data: bytes, at: int, element: _Element, order: str
) -> tuple[tuple[NDArray[np.float64], NDArray[np.int64]], int]:
    """For lists of different lengths. Each row takes at least a byte, so that the file's size bounds the work."""
    wanted = [element.place((axis,)) for axis in "xyz"] if element.name == "vertex" else [element.place(_CORNERS)]
    steps = [
        (struct.Struct(order + _CODES[one.type]), struct.Struct(order + _CODES[one.count]) if one.count else None)
        for one in element.properties
    ]
    kept: list[float] = []
    sizes: list[int] = []
    try:
        for _ in range(element.rows):
            cells: list[tuple[float, ...]] = []
            for value, count in steps:
                length = 1
                if count is not None:
                    (length,) = count.unpack_from(data, at)
                    at += count.size
                end = at + length * value.size
                if length < 0 or end > len(data):
                    raise DecodeError(f"ends before its {element.rows:,} rows of {element.name[:40]!r}", hint=_CUT_OFF)
                cells.append(tuple(chain.from_iterable(value.iter_unpack(data[at:end]))))
                at = end
            if element.name in ("vertex", "face"):
                found = list(chain.from_iterable(cells[place] for place in wanted))
                kept += found
                sizes.append(len(found))
                check_corners(len(kept) // len(wanted))
    except struct.error as error:
        raise DecodeError(f"ends before its {element.rows:,} rows of {element.name[:40]!r}", hint=_CUT_OFF) from error
    return (np.array(kept, dtype=np.float64), np.array(sizes, dtype=np.int64)), at


_CODES = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d"}
