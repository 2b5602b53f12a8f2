"""3D models written as lines of text: OBJ, OFF, and STL."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from morelike.errors import DecodeError
from morelike.modalities._mesh_soup import Soup, check_corners, check_faces, fans, numbers

__all__ = ["integers", "read_ascii_stl", "read_obj", "read_off"]

_VERTEX = re.compile(rb"\bvertex\s+(\S+)\s+(\S+)\s+(\S+)", re.IGNORECASE)
_END = re.compile(rb"\bendsolid\b", re.IGNORECASE)
_OFF_HEAD = re.compile(rb"(?:ST)?C?N?OFF")


def integers(words: list[bytes] | list[int], what: str) -> NDArray[np.int64]:
    """(n,) of words that are whole numbers. Raises DecodeError."""
    try:
        return np.fromiter(map(int, words), dtype=np.int64, count=len(words))
    except (ValueError, OverflowError) as error:
        raise DecodeError(f"has {what} that are no whole numbers") from error


def read_ascii_stl(data: bytes) -> Soup:
    """Each facet with three corners of its own. Raises DecodeError."""
    words: list[bytes] = []
    begin = data.find(b"\n") + 1  # the first line is a name, which may hold any word
    for match in _VERTEX.finditer(data, begin):
        words += match.groups()
        check_corners(len(words) // 3)
    if len(words) % 9 or not _END.search(data):
        raise DecodeError("ends within a facet, or without `endsolid`", hint="the file may be cut off")
    vertices = numbers(words, "corners").reshape(-1, 3)
    return Soup(vertices, np.arange(len(vertices), dtype=np.int64).reshape(-1, 3))


def read_obj(data: bytes) -> Soup:
    """Corners and faces of all objects and groups; materials, lines and points are passed over, and no other file is
    opened. Raises DecodeError.
    """
    words: list[bytes] = []
    corners: list[int] = []
    sizes: list[int] = []
    if b"\\" in data:
        data = data.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    for number, line in enumerate(io.BytesIO(data), 1):
        parts = line.split(None, 1)
        if len(parts) < 2 or parts[0] not in (b"v", b"f"):
            continue
        if parts[0] == b"v":
            place = parts[1].split(None, 4)[:3]
            if len(place) < 3:
                raise DecodeError(f"has a corner without three numbers in line {number:,}")
            words += place
            if not len(words) % 3072:
                check_corners(len(words) // 3)
        else:
            found = _corners_of(parts[1], len(words) // 3, number)
            corners += found
            sizes.append(len(found))
            check_corners(len(corners))
    check_corners(len(words) // 3)
    vertices = numbers(words, "corners").reshape(-1, 3)
    return Soup(vertices, fans(integers(corners, "faces"), integers(sizes, "faces"), len(vertices)))


def _corners_of(text: bytes, so_far: int, number: int) -> list[int]:
    """Of ``1/2/3 -1//4 …``, from 0: they count from 1, or backwards from the last corner before the line."""
    text = text.partition(b"#")[0]
    try:
        named = [int(word.partition(b"/")[0]) for word in text.split()]
    except ValueError as error:
        raise DecodeError(f"has a face that is no list of corners in line {number:,}") from error
    if 0 in named:
        raise DecodeError(f"has a face with a corner 0 in line {number:,}", hint="they count from 1 in an OBJ file")
    return [at - 1 if at > 0 else so_far + at for at in named]


def read_off(data: bytes) -> Soup:
    """OFF, and its forms with colours, normals or texture places behind each corner. Raises DecodeError."""
    lines = _meaning(data)
    first = next(lines, b"")
    found = _OFF_HEAD.match(first)
    rest = first[found.end() :].strip() if found else first
    counts = (rest or next(lines, b"")).split()[:2]
    announced = integers(counts, "counts") if len(counts) == 2 else np.array([-1, -1])
    vertices, faces = int(announced[0]), int(announced[1])
    if min(vertices, faces) < 0:
        raise DecodeError("does not say how many corners and faces it has", hint="the second line of an OFF file does")
    if 2 * (vertices + faces) > len(data) + 2:
        raise DecodeError(f"says that it has {vertices:,} corners and {faces:,} faces, and is too short for them")
    check_corners(vertices)
    check_faces(faces)
    words: list[bytes] = []
    for _ in range(vertices):
        place = next(lines, b"").split(None, 3)[:3]
        if len(place) < 3:
            raise DecodeError(f"ends before its {vertices:,} corners")
        words += place
    corners: list[bytes] = []
    sizes: list[int] = []
    for _ in range(faces):
        parts = next(lines, b"").split()
        size = int(parts[0]) if parts and parts[0].isdigit() and len(parts[0]) < 9 else -1
        if not 0 <= size < len(parts):
            raise DecodeError(f"ends before its {faces:,} faces")
        corners += parts[1 : size + 1]
        sizes.append(size)
        check_corners(len(corners))
    places = numbers(words, "corners").reshape(-1, 3)
    return Soup(places, fans(integers(corners, "faces"), integers(sizes, "faces"), vertices))


def _meaning(data: bytes) -> Iterator[bytes]:
    """Lines without comments and blanks, those with nothing else left out."""
    for line in io.BytesIO(data):
        meant = line.partition(b"#")[0].strip()
        if meant:
            yield meant
