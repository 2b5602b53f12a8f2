"""glTF 2.0, as one binary file (GLB) or as JSON with its data inside: the triangles of its default scene."""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.errors import DecodeError
from morelike.modalities._mesh_soup import Soup, check_corners, check_faces, joined

__all__ = ["read_gltf"]

_LARGEST_JSON = 32 * 1024**2
_MOST_NODES = 100_000
_JSON, _BINARY = 0x4E4F534A, 0x004E4942
_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC3": 3}
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_PACKED = {"KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression"}
_ANEW = "write the model anew"

Json = dict[str, Any]
Placed = tuple[int, NDArray[np.float64]]


def read_gltf(data: bytes) -> Soup:
    """All meshes that the default scene shows, each where its nodes put it; skins and shapes to morph into are passed
    over, and no other file is opened. Raises DecodeError.
    """
    text, binary = _chunks(data) if data[:4] == b"glTF" else (data, None)
    if len(text) > _LARGEST_JSON:
        raise DecodeError(f"describes itself in {len(text):,} bytes, more than {_LARGEST_JSON:,}")
    try:
        tree = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DecodeError("has a description that is no JSON", hint="the file may be cut off") from error
    if not isinstance(tree, dict) or not str(_json(tree.get("asset")).get("version", "")).startswith("2."):
        raise DecodeError("is no glTF 2.0", hint="older and other files have to be converted")
    if packed := sorted(_PACKED & set(map(str, _list(tree.get("extensionsRequired"))))):
        raise DecodeError(f"is compressed ({packed[0]})", hint="write it without compression")
    return _Reader(tree, binary).soup()


def _chunks(data: bytes) -> tuple[bytes, bytes | None]:
    """The JSON and the first binary chunk of a GLB. Raises DecodeError."""
    if len(data) < 20 or struct.unpack_from("<I", data, 4)[0] != 2:
        raise DecodeError("is no glTF 2.0", hint="older and other files have to be converted")
    found: dict[int, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        length, kind = struct.unpack_from("<II", data, at)
        if at + 8 + length > len(data):
            raise DecodeError("ends before its data", hint="the file may be cut off")
        found.setdefault(kind, data[at + 8 : at + 8 + length])
        if len(found) >= 2 and _BINARY in found:
            break
        at += 8 + length + -length % 4
        if kind not in (_JSON, _BINARY) and len(found) > 16:
            break
    if _JSON not in found:
        raise DecodeError("does not say what it holds", hint="the file may be cut off")
    return found[_JSON], found.get(_BINARY)


class _Reader:
    """One glTF tree and its binary chunk."""

    def __init__(self, tree: Json, binary: bytes | None) -> None:
        self._tree = tree
        self._binary = binary
        self._buffers: dict[int, bytes] = {}
        self._meshes: dict[int, list[Soup]] = {}

    def soup(self) -> Soup:
        return joined(self._placed())

    def _placed(self) -> Iterator[Soup]:
        for mesh, matrix in self._instances():
            if mesh not in self._meshes:
                self._meshes[mesh] = [*self._parts(mesh)]
            for part in self._meshes[mesh]:
                with np.errstate(all="ignore"):  # what overflows is left out later
                    yield Soup(part.vertices @ matrix[:3, :3].T + matrix[:3, 3], part.faces)

    def _instances(self) -> Iterator[Placed]:
        """(mesh, its place in the world) of each node that has one. Raises DecodeError on a node within itself."""
        nodes = _list(self._tree.get("nodes"))
        if not nodes:
            yield from ((at, np.eye(4)) for at in range(len(_list(self._tree.get("meshes")))))
            return
        if len(nodes) > _MOST_NODES:
            raise DecodeError(f"has {len(nodes):,} nodes, more than {_MOST_NODES:,}")
        waiting = [(at, np.eye(4)) for at in reversed(self._roots(nodes))]
        seen: set[int] = set()
        while waiting:
            at, above = waiting.pop()
            if at in seen:
                raise DecodeError("has a node that stands in several places", hint=_ANEW)
            seen.add(at)
            node = _json(_entry(nodes, at, "node"))
            with np.errstate(all="ignore"):
                matrix = above @ _matrix(node)
            if "mesh" in node:
                yield _index(node["mesh"], "mesh"), matrix
            waiting += [(_index(child, "node"), matrix) for child in reversed(_list(node.get("children")))]

    def _roots(self, nodes: list[Any]) -> list[int]:
        scenes = _list(self._tree.get("scenes"))
        if scenes:
            scene = _json(_entry(scenes, _index(self._tree.get("scene", 0), "scene"), "scene"))
            return [_index(at, "node") for at in _list(scene.get("nodes"))]
        below = {at for node in nodes for at in _list(_json(node).get("children")) if isinstance(at, int)}
        return [at for at in range(len(nodes)) if at not in below]

    def _parts(self, mesh: int) -> Iterator[Soup]:
        entry = _json(_entry(_list(self._tree.get("meshes")), mesh, "mesh"))
        for primitive in map(_json, _list(entry.get("primitives"))):
            mode = primitive.get("mode", _TRIANGLES)
            if mode not in (_TRIANGLES, _STRIP, _FAN):
                continue  # points and lines have no surface
            if packed := sorted(_PACKED & set(_json(primitive.get("extensions")))):
                raise DecodeError(f"is compressed ({packed[0]})", hint="write it without compression")
            attributes = _json(primitive.get("attributes"))
            if "POSITION" not in attributes:
                continue
            vertices = self._accessor(_index(attributes["POSITION"], "accessor"), "VEC3").astype(np.float64)
            if "indices" in primitive:
                order = self._accessor(_index(primitive["indices"], "accessor"), "SCALAR").ravel()
                if order.dtype.kind != "u":
                    raise DecodeError("has faces whose corners are no whole numbers")
            else:
                order = np.arange(len(vertices))
            faces = _triangles(order.astype(np.int64), mode)
            check_faces(len(faces))
            if len(faces) and faces.max() >= len(vertices):
                raise DecodeError(f"has a face with the corner {faces.max():,}, and there are {len(vertices):,}")
            yield Soup(vertices, faces)

    def _accessor(self, at: int, kind: str) -> NDArray[Any]:
        """(count, width) numbers, those that are normalised between -1 and 1. Raises DecodeError."""
        accessor = _json(_entry(_list(self._tree.get("accessors")), at, "accessor"))
        if accessor.get("type") != kind or accessor.get("componentType") not in _TYPES:
            raise DecodeError(f"keeps its {'corners' if kind == 'VEC3' else 'faces'} as what they cannot be")
        if "sparse" in accessor or "bufferView" not in accessor:
            raise DecodeError("keeps its shape as changes to another one", hint=_ANEW)
        count = _index(accessor.get("count"), "count")
        check_corners(count)
        dtype = np.dtype(_TYPES[accessor["componentType"]])
        width = _WIDTHS[kind]
        view, stride = self._view(_index(accessor["bufferView"], "buffer view"))
        stride = stride or width * dtype.itemsize
        begin = _index(accessor.get("byteOffset", 0), "offset")
        if stride < width * dtype.itemsize or (
            count and begin + (count - 1) * stride + width * dtype.itemsize > len(view)
        ):
            raise DecodeError("ends before its data", hint="the file may be cut off")
        if not count:
            return np.empty((0, width), dtype)
        found = np.ndarray((count, width), dtype, view, begin, (stride, dtype.itemsize))
        if accessor.get("normalized") is True and dtype.kind in "iu":
            return np.maximum(found / np.iinfo(dtype).max, -1.0)
        return found

    def _view(self, at: int) -> tuple[bytes, int]:
        view = _json(_entry(_list(self._tree.get("bufferViews")), at, "buffer view"))
        if packed := sorted(_PACKED & set(_json(view.get("extensions")))):
            raise DecodeError(f"is compressed ({packed[0]})", hint="write it without compression")
        buffer = self._buffer(_index(view.get("buffer"), "buffer"))
        begin = _index(view.get("byteOffset", 0), "offset")
        length = _index(view.get("byteLength"), "length")
        if begin + length > len(buffer):
            raise DecodeError("ends before its data", hint="the file may be cut off")
        return buffer[begin : begin + length], _index(view.get("byteStride", 0), "stride")

    def _buffer(self, at: int) -> bytes:
        if at not in self._buffers:
            uri = _json(_entry(_list(self._tree.get("buffers")), at, "buffer")).get("uri")
            if uri is None and at == 0 and self._binary is not None:
                self._buffers[at] = self._binary
            elif isinstance(uri, str) and uri.startswith("data:"):
                self._buffers[at] = _of_data_uri(uri)
            else:
                where = f" ({uri[:60]})" if isinstance(uri, str) else ""
                raise DecodeError(f"keeps its shape in another file{where}", hint="give it as .glb, which holds all")
        return self._buffers[at]


def _of_data_uri(uri: str) -> bytes:
    head, _, body = uri.partition(",")
    if not head.endswith(";base64"):
        raise DecodeError("has data that are not in base64", hint=_ANEW)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DecodeError("has data that are not in base64", hint=_ANEW) from error


def _triangles(order: NDArray[np.int64], mode: int) -> NDArray[np.int64]:
    """(f, 3) of corners that follow one another; every second triangle of a strip is turned over."""
    if mode == _TRIANGLES:
        return order[: len(order) // 3 * 3].reshape(-1, 3)
    if len(order) < 3:
        return np.empty((0, 3), dtype=np.int64)
    if mode == _FAN:
        return np.stack([np.full(len(order) - 2, order[0]), order[1:-1], order[2:]], axis=1)
    faces = np.stack([order[:-2], order[1:-1], order[2:]], axis=1)
    faces[1::2] = faces[1::2, ::-1]
    return faces


def _matrix(node: Json) -> NDArray[np.float64]:
    """(4, 4) from the node's own space to that of the one above it."""
    if "matrix" in node:
        return _floats(node["matrix"], 16).reshape(4, 4).T
    x, y, z, w = _floats(node.get("rotation", (0, 0, 0, 1)), 4)
    length = math.sqrt(x * x + y * y + z * z + w * w)
    if not 1e-6 < length < 1e6:
        raise DecodeError("has a rotation that is none", hint=_ANEW)
    x, y, z, w = x / length, y / length, z / length, w / length
    turned = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turned * _floats(node.get("scale", (1, 1, 1)), 3)
    matrix[:3, 3] = _floats(node.get("translation", (0, 0, 0)), 3)
    return matrix


def _floats(values: Any, count: int) -> NDArray[np.float64]:
    if (
        isinstance(values, list | tuple)
        and len(values) == count
        and all(isinstance(one, int | float) for one in values)
    ):
        try:
            return np.array([float(one) for one in values])
        except OverflowError:
            pass
    raise DecodeError("has a node in a place that is none", hint=_ANEW)


def _json(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _index(value: Any, what: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40:
        return value
    raise DecodeError(f"has a {what} that is no number", hint=_ANEW)


def _entry(values: list[Any], at: int, what: str) -> Any:
    if at < len(values):
        return values[at]
    raise DecodeError(f"names the {what} {at:,}, and has {len(values):,}", hint=_ANEW)
