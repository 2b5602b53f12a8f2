"""STL: binary by the size that its count of facets makes it have, else text."""

from __future__ import annotations

import struct

import numpy as np

from morelike.errors import DecodeError
from morelike.modalities._mesh_lines import read_ascii_stl
from morelike.modalities._mesh_soup import Soup, check_faces

__all__ = ["read_stl"]

_HEAD = 84
_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def read_stl(data: bytes) -> Soup:
    """Each facet with three corners of its own; normals and colours are passed over. Raises DecodeError.

    Many binary files begin with ``solid`` as text does, and some have a few bytes too many: the size decides.
    """
    count = struct.unpack_from("<I", data, 80)[0] if len(data) >= _HEAD else 0
    needed = _HEAD + count * _FACET.itemsize
    written = data[:512].lstrip()[:5].lower() == b"solid"
    if written and needed != len(data):
        return read_ascii_stl(data)
    if needed > len(data) or len(data) < _HEAD:
        raise DecodeError(f"ends before its {count:,} facets", hint="the file may be cut off")
    check_faces(count)
    facets = np.frombuffer(data, dtype=_FACET, count=count, offset=_HEAD)
    vertices = facets["corners"].reshape(-1, 3).astype(np.float64)
    return Soup(vertices, np.arange(len(vertices), dtype=np.int64).reshape(-1, 3))
