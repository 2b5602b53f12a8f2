"""``image-objects`` and ``video-objects`` over one library, what they look at, and what their clients do."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compat_http import Client
from compat_servers import CompatServers, compat_server
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIZE = (200, 152)
RED, BLUE = (230, 20, 20), (20, 20, 230)
IMAGES, VIDEOS = "image-objects", "video-objects"


@dataclass(frozen=True)
class Objects:
    """Both servers over one library, with a detector of red and blue things or without, and what lies in the folder
    that they may read.
    """

    servers: CompatServers
    images: Client
    videos: Client
    root: Path


@contextmanager
def objects_servers(folder: Path, detector: bytes, *, real: str = "") -> Iterator[Objects]:
    """``detector``: the bytes of ``detector.onnx``; none: there is no detector. ``real``: which of them is to have
    its own port; both have the same.
    """
    root, models = folder / "root", folder / "models"
    _fill(root)
    models.mkdir()
    if detector:
        (models / "detector.onnx").write_bytes(detector)
    given = {"allow_roots": (root,), "models_cache": models, "real": real}
    with compat_server(folder / "library", IMAGES, VIDEOS, **given) as servers:
        yield Objects(servers, servers.client(IMAGES), servers.client(VIDEOS), root)


def _fill(root: Path) -> None:
    """``scenes``: pictures with things in them, a copy, and a file that is none; ``things``: one thing a picture."""
    (root / "scenes").mkdir(parents=True)
    (root / "things").mkdir()
    for name, things in {"red": [RED], "blue": [BLUE], "both": [RED, BLUE], "none": []}.items():
        save(scene(*things), root / "scenes" / f"{name}.png")
    shutil.copy(root / "scenes" / "blue.png", root / "scenes" / "blue &#+%? copy.PNG")
    (root / "scenes" / "broken.jpg").write_bytes(b"no picture")
    (root / "scenes" / "notes.txt").write_text("no picture")
    save(thing(RED), root / "things" / "cola.red.png")
    save(thing(BLUE), root / "things" / "water.png")


def scene(*things: tuple[int, int, int], at: int = 0) -> NDArray[np.uint8]:
    """Things as boxes, the red one on the left, the blue one on the right, on a green ground."""
    pixels = np.full((SIZE[1], SIZE[0], 3), (70, 110, 70), np.uint8)
    for colour in things:
        left = 8 + at if colour == RED else 112 + at
        pixels[40:110, left : left + 72] = thing(colour)
    return pixels


def thing(colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A thing alone, as large as the picture: a darker cross on what is red, a darker ring on what is blue."""
    picture = Image.new("RGB", (72, 70), colour)
    draw, darker = ImageDraw.Draw(picture), tuple(level * 3 // 5 for level in colour)
    if colour == RED:
        draw.line((0, 0, 72, 70), fill=darker, width=14)
        draw.line((0, 70, 72, 0), fill=darker, width=14)
    else:
        draw.ellipse((14, 14, 58, 56), outline=darker, width=12)
    return np.asarray(picture)


def save(pixels: NDArray[np.uint8], path: Path) -> None:
    Image.fromarray(pixels).save(path, "PNG")


def png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def filling() -> NDArray[np.uint8]:
    """A scene whose red thing fills the box in the middle of the grid."""
    pixels = scene()
    pixels[38:114, 50:150] = np.asarray(Image.fromarray(thing(RED)).resize((100, 76)))
    return pixels


def film(*seconds: list[tuple[int, int, int]] | NDArray[np.uint8], container: str = "mp4") -> bytes:
    """A film with these things in each second, or of these pictures."""
    av = pytest.importorskip("av", reason="the extra `video` is not installed")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream("mpeg4" if container == "avi" else "libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for things in seconds:
            for frame in range(5):
                pixels = things if isinstance(things, np.ndarray) else scene(*things, at=frame)
                output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def search_images(objects: Objects, pixels: NDArray[np.uint8], table: str, **form: Any) -> list[Any]:
    answer = objects.images.post(
        "/img/search", params={"table_name": table}, data=form, files={"image": ("query.png", png(pixels))}
    )
    assert answer.status_code == 200, answer.text
    rows: list[Any] = answer.json()
    return rows


def search_film(objects: Objects, data: bytes, table: str = "", name: str = "query.mp4") -> list[Any]:
    answer = objects.videos.post("/video/search", params={"table_name": table}, files={"video": (name, data)})
    assert answer.status_code == 200, answer.text
    rows: list[Any] = answer.json()
    return rows
