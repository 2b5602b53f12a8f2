"""3D files for tests: a box with a lid that leans, in every format that is read."""

from __future__ import annotations

import base64
import io
import json
import struct
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AREA",
    "CORNERS",
    "FACES",
    "VOLUME",
    "all_formats",
    "binary_stl",
    "glb",
    "gltf",
    "gltf_body",
    "gltf_tree",
    "model_xml",
    "obj",
    "off",
    "ply",
    "text_stl",
    "three_mf",
]

CORNERS = np.array(
    [[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0], [0, 0, 3], [2, 0, 3], [2, 1, 3.5], [0, 1, 3.5]], dtype=np.float64
)
QUADS = np.array([[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [2, 3, 7, 6], [1, 2, 6, 5], [3, 0, 4, 7]])
FACES = np.concatenate([QUADS[:, [0, 1, 2]], QUADS[:, [0, 2, 3]]])
VOLUME, AREA = 6.5, 2 + 2 * 1.25**0.5 + 6 + 7 + 2 * 3.25
"""Of it, by hand: two lids, front, back, two sides."""


def binary_stl(corners: NDArray[Any] = CORNERS, faces: NDArray[Any] = FACES, *, head: bytes = b"") -> bytes:
    """Of any mesh: corners (v, 3), faces (f, 3)."""
    table = np.zeros(len(faces), dtype=[("n", "<f4", 3), ("c", "<f4", (3, 3)), ("a", "<u2")])
    table["c"] = corners[faces]
    return head.ljust(80, b"\0") + struct.pack("<I", len(faces)) + table.tobytes()


def text_stl() -> bytes:
    """With a name that holds a word of the format."""
    lines = ["solid a vertex of mine"]
    for triangle in CORNERS[FACES]:
        lines += [" facet normal 0 0 0", "  outer loop", *(f"   vertex {x} {y} {z:e}" for x, y, z in triangle)]
        lines += ["  endloop", " endfacet"]
    return "\n".join([*lines, "endsolid", ""]).encode()


def obj(*, relative: bool = False) -> bytes:
    """``relative``: corners counted backwards from the last."""
    lines = [
        "# a box",
        "mtllib ../../etc/passwd",
        "o box",
        *(f"v {x} {y} {z}" for x, y, z in CORNERS),
        "vt 0 0",
        "s off",
    ]
    lines += ("f " + " ".join(f"{at - 8}//" if relative else f"{at + 1}/1" for at in quad) for quad in QUADS)
    return "\r\n".join(lines).encode()


def off(head: str = "OFF\n8 6 0") -> bytes:
    """With colours and comments."""
    rows = [f"{x} {y} {z} 255 0 0 # red" for x, y, z in CORNERS]
    return "\n".join([head, *rows, *(f"4 {a} {b} {c} {d} 0.5 0.5" for a, b, c, d in QUADS), ""]).encode()


def ply(form: str = "ascii", *, mixed: bool = False) -> bytes:
    """``mixed``: a quad among triangles, so that rows differ in length."""
    faces: list[Any] = [*QUADS[:3].tolist(), *FACES[3:6].tolist(), *FACES[9:12].tolist()] if mixed else QUADS.tolist()
    head = (
        f"ply\nformat {form} 1.0\ncomment a box\nelement odd 1\nproperty list uchar short inside\nelement vertex 8\n"
        "property float x\nproperty uchar red\nproperty double y\nproperty float z\n"
        f"element face {len(faces)}\nproperty uchar flags\nproperty list uchar int vertex_indices\nend_header\n"
    )
    if form == "ascii":
        rows = [
            "2 7 8",
            *(f"{x} 9 {y} {z}" for x, y, z in CORNERS),
            *(f"1 {len(f)} {' '.join(map(str, f))}" for f in faces),
        ]
        return (head + "\n".join(rows)).encode()
    order = "<" if "little" in form else ">"
    body = struct.pack(f"{order}Bhh", 2, 7, 8)
    body += b"".join(struct.pack(f"{order}fBdf", x, 9, y, z) for x, y, z in CORNERS)
    body += b"".join(struct.pack(f"{order}BB{len(f)}i", 1, len(f), *f) for f in faces)
    return head.encode() + body


def gltf_tree(**changes: Any) -> dict[str, Any]:
    """The JSON of a glTF whose node turns, stretches and moves the box so that it stands as elsewhere."""
    return {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [
            {"children": [1], "translation": [1, 2, 3]},
            {"mesh": 0, "matrix": [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, -1, -2, -3, 1]},
        ],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 8, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5123, "count": 36, "type": "SCALAR"},
        ],
        "bufferViews": [{"buffer": 0, "byteLength": 96}, {"buffer": 0, "byteOffset": 96, "byteLength": 72}],
        "buffers": [{"byteLength": 168}],
        **changes,
    }


def gltf_body() -> bytes:
    """Its corners, half as large, and its faces."""
    return (CORNERS / 2).astype("<f4").tobytes() + FACES.astype("<u2").tobytes()


def gltf(**changes: Any) -> bytes:
    """With its data inside."""
    uri = "data:application/octet-stream;base64," + base64.b64encode(gltf_body()).decode()
    return json.dumps(gltf_tree(**{"buffers": [{"byteLength": 168, "uri": uri}], **changes})).encode()


def glb(tree: dict[str, Any] | None = None, body: bytes | None = None) -> bytes:
    """``gltf_tree`` and ``gltf_body`` where nothing else is given."""
    text = json.dumps(gltf_tree() if tree is None else tree).encode()
    text += b" " * (-len(text) % 4)
    body = gltf_body() if body is None else body
    head = struct.pack("<4sIIII", b"glTF", 2, 28 + len(text) + len(body), len(text), 0x4E4F534A)
    return head + text + struct.pack("<II", len(body), 0x004E4942) + body


CORE = 'xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"'


def model_xml(*, objects: str = "", build: str = "", doctype: str = "") -> str:
    """The XML of a 3MF: the box as object 1, in halves and moved, put back by the build."""
    vertices = "".join(f'<vertex x="{x / 2}" y="{y / 2}" z="{z / 2}"/>' for x, y, z in CORNERS)
    triangles = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in FACES)
    objects = objects or (
        f'<object id="1"><mesh><vertices>{vertices}</vertices><triangles>{triangles}</triangles></mesh></object>'
        '<object id="2"><components><component objectid="1" transform="1 0 0 0 1 0 0 0 1 5 6 7"/></components></object>'
        f'<object id="3" type="support"><mesh><vertices>{vertices}</vertices><triangles>{triangles}</triangles></mesh>'
        "</object>"
    )
    build = build or '<item objectid="2" transform="2 0 0 0 2 0 0 0 2 -10 -12 -14"/><item objectid="3"/>'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{doctype}<model unit="millimeter" {CORE}>'
        f"<resources>{objects}</resources><build>{build}</build></model>"
    )


def three_mf(xml: str | None = None, **others: str) -> bytes:
    """A package with that model in it, and other files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", "<Types/>")
        package.writestr("3D/3dmodel.model", model_xml() if xml is None else xml)
        for name, text in others.items():
            package.writestr(name, text)
    return stream.getvalue()


def all_formats() -> list[tuple[bytes, str]]:
    """The same box in each format and form."""
    return [
        (binary_stl(), "box.stl"),
        (binary_stl(head=b"solid but binary"), "solid.stl"),
        (binary_stl() + b"\0\0", "longer.stl"),
        (text_stl(), "text.stl"),
        (obj(), "box.obj"),
        (obj(relative=True), "relative.obj"),
        (off(), "box.off"),
        (off("COFF 8 6 0"), "one line.off"),
        (off("OFF8 6 0"), "together.off"),
        (ply(), "box.ply"),
        (ply("binary_little_endian"), "little.ply"),
        (ply("binary_big_endian", mixed=True), "big.ply"),
        (ply(mixed=True), "mixed.ply"),
        (glb(), "box.glb"),
        (gltf(), "box.gltf"),
        (three_mf(), "box.3mf"),
    ]
