"""Small 3D models, written as text: boxes that only a number decides."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

__all__ = ["write_box"]

_SIDES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
"""Of a box whose corners are counted in binary, each seen from without."""


def write_box(path: Path, seed: int, *, scale: float = 1.0, turned: int = 0, holes: int = 0) -> Path:
    """A box of its own proportions, as OFF, or as OBJ where the path ends so.

    ``turned``: which edge comes first. ``holes``: how many of its twelve triangles are missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    edges = [scale, scale * chance.uniform(1.2, 2.5), scale * chance.uniform(3.0, 9.0)]
    edges = edges[turned:] + edges[:turned]
    corners = list(itertools.product(*((0.0, edge) for edge in edges)))
    faces = [(a, b, c) for one in _SIDES for a, b, c in ((one[0], one[1], one[2]), (one[0], one[2], one[3]))]
    faces = faces[holes:]
    if path.suffix.lower() == ".obj":
        lines = [f"v {x} {y} {z}" for x, y, z in corners]
        lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in faces]
    else:
        lines = ["OFF", f"{len(corners)} {len(faces)} 0"]
        lines += [f"{x} {y} {z}" for x, y, z in corners]
        lines += [f"3 {a} {b} {c}" for a, b, c in faces]
    path.write_text("\n".join(lines) + "\n")
    return path
