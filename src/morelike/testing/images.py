"""Seeded pictures for tests and benchmarks: clearly different from one another, the same ones for the same seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

__all__ = ["synthetic_image", "write_images"]

_STEPS = 1024  # shades of one background
_QUALITY = 90


def synthetic_image(seed: int, size: int | tuple[int, int] = (128, 96)) -> NDArray[np.uint8]:
    """uint8 (h, w, 3): a textured gradient with shapes on it. ``size`` is (width, height), or the side of a square."""
    width, height = (size, size) if isinstance(size, int) else size
    rng = np.random.default_rng(seed)
    image = Image.fromarray(_background(rng, width, height))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(3, 7)):
        _shape(rng, draw, width, height)
    return np.array(image)


def _background(rng: np.random.Generator, width: int, height: int) -> NDArray[np.uint8]:
    """Bands or rings of two colours and a texture, by one look-up a pixel."""
    shades = np.linspace(0, 1, _STEPS, dtype=np.float32)[:, None]
    ramp = 1 - np.abs(2 * shades - 1)  # there and back, so that it wraps without a seam
    wave = np.sin(2 * np.pi * rng.integers(2, 24) * shades)
    first, second, texture = rng.uniform(0, 255, (3, 3)).astype(np.float32)
    table = first + ramp * (second - first) + 0.25 * wave * (texture - 128)
    table = np.clip(table, 0, 255).astype(np.uint8)

    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    along, across, rings = rng.uniform(-1, 1, 3)
    centre_x, centre_y = rng.uniform(-1, 1, 2)
    phase = along * x + across * y + rings * ((x - centre_x) ** 2 + (y - centre_y) ** 2)
    index = np.asarray(phase * _STEPS).astype(np.int32) & (_STEPS - 1)
    background: NDArray[np.uint8] = table[index]
    return background


def _shape(rng: np.random.Generator, draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    colour = tuple(int(level) for level in rng.integers(0, 256, 3))
    centre = rng.uniform(0.1, 0.9, 2)
    reach = rng.uniform(0.08, 0.35, 2)
    scale = np.array([width, height])
    left, top = (centre - reach) * scale
    right, bottom = (centre + reach) * scale
    box: list[Any] = [left, top, right, bottom]
    kind = rng.integers(4)
    if kind == 0:
        draw.ellipse(box, fill=colour)
    elif kind == 1:
        draw.rectangle(box, fill=colour)
    elif kind == 2:
        corners = (centre + rng.uniform(-1, 1, (3, 2)) * reach * 1.5) * scale
        draw.polygon([(float(px), float(py)) for px, py in corners], fill=colour)
    else:
        draw.line(box, fill=colour, width=max(1, int(min(width, height) * 0.08)))


def write_images(
    folder: Path, n: int, seed: int = 0, *, size: int | tuple[int, int] = (128, 96), suffix: str = ".jpg"
) -> list[Path]:
    """Write ``n`` pictures as ``00000.jpg`` … and return their paths; picture ``i`` has the seed ``seed + i``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for i in range(n):
        path = folder / f"{i:05d}{suffix}"
        Image.fromarray(synthetic_image(seed + i, size)).save(path, quality=_QUALITY)
        paths.append(path)
    return paths
