"""A surface as GLB: one mesh, without colours, which any viewer of glTF 2.0 shows."""

from __future__ import annotations

import json
import struct

import numpy as np

from morelike.modalities._mesh_surface import Surface, y_up

__all__ = ["written_glb"]

_JSON, _BINARY = 0x4E4F534A, 0x004E4942
_FLOAT, _INTEGER = 5126, 5125


def written_glb(surface: Surface, *, z_up: bool = False) -> bytes:
    """The bytes of a GLB file, about its middle, y upwards; ``z_up``: the surface's z points upwards."""
    vertices = (y_up(surface.vertices) if z_up else surface.vertices).astype("<f4")
    faces = surface.faces.astype("<u4")
    parts = (vertices.tobytes(), faces.tobytes())
    tree = {
        "asset": {"version": "2.0", "generator": "morelike"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "material": 0}]}],
        "materials": [
            {
                "doubleSided": True,
                "pbrMetallicRoughness": {
                    "baseColorFactor": [0.35, 0.35, 0.35, 1],
                    "metallicFactor": 0,
                    "roughnessFactor": 0.9,
                },
            }
        ],
        "buffers": [{"byteLength": sum(map(len, parts))}],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": len(parts[0]), "target": 34962},
            {"buffer": 0, "byteOffset": len(parts[0]), "byteLength": len(parts[1]), "target": 34963},
        ],
        "accessors": [
            {
                "bufferView": 0,
                "componentType": _FLOAT,
                "count": len(vertices),
                "type": "VEC3",
                "min": np.min(vertices, axis=0).tolist(),
                "max": np.max(vertices, axis=0).tolist(),
            },
            {"bufferView": 1, "componentType": _INTEGER, "count": faces.size, "type": "SCALAR"},
        ],
    }
    text = json.dumps(tree, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    body = b"".join(parts)
    head = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(body))
    return b"".join([head, struct.pack("<II", len(text), _JSON), text, struct.pack("<II", len(body), _BINARY), body])
