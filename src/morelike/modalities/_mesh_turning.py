"""A 3D model as a small picture, and as one that turns once."""

from __future__ import annotations

import io

from PIL import Image

from morelike.rasterise import drawn, ring
from morelike.types import Mesh, Preview

__all__ = ["turning"]

_TURNING = range(200, 641)
"""Pixels a side: smaller ones stand still, as on the contact sheet of a terminal, and so do large ones."""
_FRAMES, _MILLISECONDS = 24, 125
"""One turn takes three seconds, and then it stands: nobody has to stop it."""
_MOST_FACES = 1_000_000
"""Triangles in all frames together: a model of many turns in larger steps."""
_HEIGHT, _FROM = 20.0, 30.0
"""Degrees: from a little above, and not straight from the front."""
_LEAST_FRAMES = 6
_LARGEST, _LARGEST_TURNING = 1024, 320


def turning(mesh: Mesh, side: int) -> Preview:
    """A PNG of the model from the front, a little from above; of 200 to 640 pixels a WebP of up to 24 frames, which are
    no larger than 320 pixels.
    """
    side = min(max(side, 1), _LARGEST)
    frames = min(_FRAMES, _MOST_FACES // len(mesh.faces)) if side in _TURNING else 1
    frames = frames if frames >= _LEAST_FRAMES else 1
    side = side if frames == 1 else min(side, _LARGEST_TURNING)
    pictures = [Image.fromarray(drawn(mesh, eye, side)) for eye in ring(frames, _HEIGHT, first=_FROM)]
    stream = io.BytesIO()
    if frames == 1:
        pictures[0].save(stream, "PNG")
        return Preview(stream.getvalue(), "image/png", side, side)
    pictures[0].save(
        stream, "WEBP", save_all=True, append_images=pictures[1:], duration=_MILLISECONDS * _FRAMES // frames, loop=1,
        quality=80, method=2,
    )  # fmt: skip
    return Preview(stream.getvalue(), "image/webp", side, side)
