"""3MF: a zip with XML in it. Entities and document types are refused, and all is counted before it is kept."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from morelike.errors import DecodeError
from morelike.modalities._mesh_lines import integers
from morelike.modalities._mesh_soup import LARGEST, Soup, check_corners, check_faces, fans, joined, numbers

__all__ = ["read_3mf"]

_MOST_ENTRIES, _LARGEST_DIRECTORY = 10_000, 2 * 1024**2
_MOST_PARTS, _DEEPEST, _MOST_FILES = 10_000, 16, 200
_CHUNK = 1 << 16
_USUAL = "3D/3dmodel.model"
_ROOT_RELATION = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"
_NO_PACKAGE = "is a zip without a model in it"
_PRODUCTION = "http://schemas.microsoft.com/3dmanufacturing/production/2015/06"


@dataclass(slots=True)
class _Part:
    """A mesh, or other objects where they stand: (file, id, matrix)."""

    vertices: list[bytes] = field(default_factory=list)
    corners: list[bytes] = field(default_factory=list)
    components: list[tuple[str, str, NDArray[np.float64]]] = field(default_factory=list)
    prints: bool = True
    """Whether it is part of the model: supports are not."""
    soup: Soup | None = None

    def mesh(self) -> Soup:
        if self.soup is None:
            vertices = numbers(self.vertices, "corners").reshape(-1, 3)
            corners = integers(self.corners, "faces")
            sizes = np.full(len(corners) // 3, 3, dtype=np.int64)
            self.soup = Soup(vertices, fans(corners, sizes, len(vertices)))
        return self.soup


def read_3mf(data: bytes) -> Soup:
    """What is to be built, each object where the build puts it. Raises DecodeError."""
    _check_directory(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            return joined(_Package(package).placed())
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error) as error:
        raise DecodeError("is a damaged zip, or one that is not read", hint="write the model anew") from error


def _check_directory(data: bytes) -> None:
    """Before zipfile makes an object of each entry. Raises DecodeError."""
    at = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_557))
    if at < 0 or at + 22 > len(data):
        raise DecodeError("is a zip without an end", hint="the file may be cut off")
    entries, size = struct.unpack_from("<HI", data, at + 10)
    if entries > _MOST_ENTRIES or size > _LARGEST_DIRECTORY or data[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        raise DecodeError(f"holds {entries:,} files or more, and {_MOST_ENTRIES:,} are looked at")


class _Package:
    """The models of one zip, each read when it is wanted."""

    def __init__(self, package: zipfile.ZipFile) -> None:
        self._package = package
        self._names = {name.lstrip("/").lower(): name for name in package.namelist()}
        self._files: dict[str, _Model] = {}
        self._left = LARGEST
        self._parts = 0

    def placed(self) -> Iterator[Soup]:
        root = self._root()
        build = self._file(root).build
        for file, number, matrix in build:
            yield from self._object(file or root, number, matrix, 0)

    def _object(self, file: str, number: str, matrix: NDArray[np.float64], depth: int) -> Iterator[Soup]:
        self._parts += 1
        if self._parts > _MOST_PARTS or depth > _DEEPEST:
            raise DecodeError("has objects within objects without an end", hint="write the model anew")
        part = self._file(file).objects.get(number)
        if part is None:
            raise DecodeError(f"names an object {number[:20]!r} that it does not have", hint="write the model anew")
        if not part.prints:
            return
        if part.corners:
            mesh = part.mesh()
            with np.errstate(all="ignore"):
                yield Soup(mesh.vertices @ matrix[:3] + matrix[3], mesh.faces)
        for inner, other, place in part.components:
            with np.errstate(all="ignore"):
                below = np.concatenate([place[:3] @ matrix[:3], place[3:] @ matrix[:3] + matrix[3]])
            yield from self._object(inner or file, other, below, depth + 1)

    def _root(self) -> str:
        """The model that the package says is it, else the one with the usual name."""
        targets: list[str] = []

        def relation(name: str, attributes: dict[str, str]) -> None:
            if _plain(name) == "Relationship" and attributes.get("Type") == _ROOT_RELATION:
                targets.append(attributes.get("Target", ""))

        if "_rels/.rels" in self._names:
            self._parse("_rels/.rels", relation)
        return next((one for one in targets if one.lstrip("/").lower() in self._names), _USUAL)

    def _file(self, name: str) -> _Model:
        key = name.lstrip("/").lower()
        if key not in self._files:
            if key not in self._names or len(self._files) >= _MOST_FILES:
                raise DecodeError(_NO_PACKAGE if not self._files else f"names a file that is not in it: {name[:60]}")
            self._files[key] = model = _Model()
            self._parse(key, model.begin, model.end)
        return self._files[key]

    def _parse(self, key: str, begin: Any, end: Any = None) -> None:
        info = self._package.getinfo(self._names[key])
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
            raise DecodeError("is packed in a way that is not read", hint="write the model anew")
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse  # no entity without it
        parser.EntityDeclHandler = _refuse
        parser.StartElementHandler = begin
        parser.EndElementHandler = end
        try:
            with self._package.open(info) as stream:
                while chunk := stream.read(_CHUNK):
                    self._left -= len(chunk)
                    if self._left < 0:
                        raise DecodeError(f"unpacks to more than {LARGEST:,} bytes")
                    parser.Parse(chunk, False)  # noqa: FBT003 - the parser's own signature
                parser.Parse(b"", True)  # noqa: FBT003 - likewise
        except expat.ExpatError as error:
            raise DecodeError("has a model that is no XML", hint="the file may be cut off") from error


class _Model:
    """One ``.model``: its objects by id, and what of them is to be built."""

    def __init__(self) -> None:
        self.objects: dict[str, _Part] = {}
        self.build: list[tuple[str, str, NDArray[np.float64]]] = []
        self._part: _Part | None = None

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        plain, part = _plain(name), self._part
        if plain == "object":
            self._part = self.objects[attributes.get("id", "")] = _Part()
            self._part.prints = attributes.get("type", "model") not in ("support", "solidsupport", "other")
        elif plain == "vertex" and part is not None:
            part.vertices += (attributes.get(axis, "").encode() for axis in "xyz")
            check_corners(len(part.vertices) // 3)
        elif plain == "triangle" and part is not None:
            part.corners += (attributes.get(corner, "").encode() for corner in ("v1", "v2", "v3"))
            check_faces(len(part.corners) // 3)
        elif plain == "component" and part is not None:
            part.components.append(_place(attributes))
        elif plain == "item":
            self.build.append(_place(attributes))
        if len(self.build) + len(self.objects) + (len(part.components) if part else 0) > 3 * _MOST_PARTS:
            raise DecodeError(f"has more than {_MOST_PARTS:,} objects")

    def end(self, name: str) -> None:
        if _plain(name) == "object":
            self._part = None


def _plain(name: str) -> str:
    """Without its namespace."""
    return name.rpartition(" ")[2]


def _place(attributes: dict[str, str]) -> tuple[str, str, NDArray[np.float64]]:
    """(file, "" the same one; object; matrix (4, 3), which rows are multiplied with from the right)."""
    matrix = np.eye(4)[:, :3]
    if "transform" in attributes:
        words = attributes["transform"].encode().split()
        if len(words) != 12:
            raise DecodeError("has an object in a place that is none", hint="write the model anew")
        matrix = numbers(words, "places").reshape(4, 3)
    return attributes.get(f"{_PRODUCTION} path", ""), attributes.get("objectid", ""), matrix


def _refuse(*_: Any) -> None:
    raise DecodeError("has a model with a document type of its own, which no 3MF file needs", hint="write it anew")
