"""Which 3D format a file is of, by its first bytes and its name."""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from pathlib import PurePath

__all__ = ["NOT_READ", "MeshFormat", "named_like_a_mesh", "recognise"]


@dataclass(frozen=True, slots=True)
class MeshFormat:
    """``name``: the reader; ``sure``: the confidence, 0 to 1."""

    name: str
    media_type: str
    sure: float


_TYPES = {
    "3mf": "model/3mf",
    "glb": "model/gltf-binary",
    "gltf": "model/gltf+json",
    "obj": "model/obj",
    "off": "model/x-off",
    "ply": "model/x-ply",
    "stl": "model/stl",
}
NOT_READ = {
    ".3ds": "3D Studio",
    ".amf": "AMF",
    ".blend": "Blender",
    ".dae": "COLLADA",
    ".fbx": "FBX",
    ".iges": "IGES",
    ".igs": "IGES",
    ".step": "STEP",
    ".stp": "STEP",
    ".usd": "USD",
    ".usdz": "USDZ",
    ".wrl": "VRML",
    ".x3d": "X3D",
}
"""What is known by its name only: enough to say what to do with it."""

_BY_CONTENT, _BY_BOTH, _BY_LINES, _BY_NUMBERS, _CUT_OFF = 1.0, 0.95, 0.6, 0.4, 0.1
_OFF = re.compile(rb"\s*(?:#[^\n]*\n\s*)*(?:ST)?C?N?OFF(?=[\s\d])(?:\s|#[^\n]*\n)*\d+\s+\d+")
_PLY = re.compile(rb"ply[ \t]*\r?\n(?:(?:comment|obj_info)[^\n]*\n)*format ", re.IGNORECASE)
_ASCII_STL = re.compile(rb"\s*solid\b[^\n]*\n\s*(?:facet\s+normal|endsolid)", re.IGNORECASE)
_OBJ_LINE = re.compile(
    rb"[ \t]*(?:$|#|v[tn]?[ \t]+[-+.\d]|vp[ \t]|f[ \t]+-?\d|[lp][ \t]+-?\d|[og](?:[ \t]|$)|s[ \t]+(?:off|\d)"
    rb"|mtllib[ \t]|usemtl(?:[ \t]|$))"
)
_VERTEX = re.compile(rb"^[ \t]*v(?:[ \t]+[-+]?[\d.][-+.\deE]*){3}", re.MULTILINE)
_STL_HEAD, _STL_FACE = 84, 50
_FACES_LOOKED_AT = 8


def recognise(head: bytes, name: str) -> MeshFormat | None:
    """The format of a file that begins with ``head`` (4 KiB, or all of it); None where it is no 3D model."""
    suffix = PurePath(name[-300:]).suffix.lower()
    for known, sure in (
        ("glb", _BY_CONTENT if head[:4] == b"glTF" else 0.0),
        ("ply", _BY_CONTENT if _PLY.match(head) else 0.0),
        ("3mf", _three_mf(head, suffix)),
        ("gltf", _gltf(head, suffix)),
        ("off", _BY_BOTH if _OFF.match(head) else 0.0),
        ("stl", _stl(head, suffix)),
        ("obj", _obj(head, suffix)),
    ):
        if sure:
            return MeshFormat(known, _TYPES[known], sure)
    return None


def named_like_a_mesh(name: str) -> bool:
    """Whether the name's ending is one of 3D models, read here or not."""
    suffix = PurePath(name[-300:]).suffix.lower()
    return suffix[1:] in _TYPES or suffix in NOT_READ


def _three_mf(head: bytes, suffix: str) -> float:
    if head[:4] != b"PK\x03\x04":
        return 0.0
    return _BY_BOTH if suffix == ".3mf" or b"3D/3dmodel.model" in head or b"3dmodel.model" in head else 0.0


def _gltf(head: bytes, suffix: str) -> float:
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return 0.0
    if suffix == ".gltf":
        return _BY_BOTH
    return _BY_LINES if b'"asset"' in head and b'"version"' in head and b'"scene' in head else 0.0


def _stl(head: bytes, suffix: str) -> float:
    if _ASCII_STL.match(head):
        return _BY_BOTH
    if len(head) < _STL_HEAD:
        return 0.0
    (count,) = struct.unpack_from("<I", head, 80)
    if len(head) < 4096 and len(head) < _STL_HEAD + count * _STL_FACE:  # a file shorter than a head is here as a whole
        return _CUT_OFF if suffix == ".stl" else 0.0
    if suffix == ".stl" and not head.startswith((b"solid ", b"PK")):
        return _BY_BOTH
    return _BY_NUMBERS if count and _are_facets(head, count) else (_BY_NUMBERS if suffix == ".stl" else 0.0)


def _are_facets(head: bytes, count: int) -> bool:
    """Whether what follows is facets: a normal of length one or nought, and corners of an everyday size."""
    looked = min(count, _FACES_LOOKED_AT, (len(head) - _STL_HEAD) // _STL_FACE)
    flat = 0
    for face in range(looked):
        values = struct.unpack_from("<12f", head, _STL_HEAD + face * _STL_FACE)
        if not all(math.isfinite(value) and (value == 0 or 1e-12 < abs(value) < 1e9) for value in values):
            return False
        length = math.hypot(*values[:3])
        if not (length == 0 or 0.99 < length < 1.01):
            return False
        flat += values[3:6] == values[6:9] == values[9:12]
    return looked > 0 and flat < looked


def _obj(head: bytes, suffix: str) -> float:
    if b"\0" in head:
        return 0.0
    lines = head.replace(b"\r", b"\n").split(b"\n")
    lines = lines[:-1] if len(lines) > 1 and len(head) >= 4096 else lines  # the last one may be cut
    if not all(_OBJ_LINE.match(line) for line in lines):
        return _BY_NUMBERS if suffix == ".obj" and _VERTEX.search(head) else 0.0
    if suffix == ".obj":
        return _BY_BOTH if _VERTEX.search(head) or b"#" in head or b"mtllib" in head else 0.0
    return _BY_NUMBERS if len(_VERTEX.findall(head)) >= 3 else 0.0
