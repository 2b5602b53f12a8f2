"""A passage as a small picture: its first lines on paper, for where only pictures are shown."""

from __future__ import annotations

import io
import textwrap
from typing import Final

from morelike.types import Preview

__all__ = ["card"]

_INK, _TITLE_INK, _PAPER = (40, 40, 40), (20, 60, 120), (252, 251, 247)
_LARGEST: Final = 2048
_LINES: Final = 14
_LETTERS: Final = 38
"""In a line, about."""
_LINE_HEIGHT: Final = 1.35
_SMALLEST_FONT: Final = 5
_LONGEST: Final = 4000


def card(title: str, text: str, side: int) -> Preview:
    """A PNG, 4 to 3, no wider than ``side``, in Pillow's own font: letters that it lacks are boxes."""
    from PIL import Image, ImageDraw, ImageFont

    width = max(1, min(side, _LARGEST))
    height = max(1, width * 3 // 4)
    picture = Image.new("RGB", (width, height), _PAPER)
    step = height / (_LINES + 1)
    size = step / _LINE_HEIGHT
    if size >= _SMALLEST_FONT:
        draw = ImageDraw.Draw(picture)
        font = ImageFont.load_default(size)
        lines = [(line, _TITLE_INK) for line in _wrapped(title)[:2]] + [(line, _INK) for line in _wrapped(text)]
        for number, (line, ink) in enumerate(lines[:_LINES]):
            draw.text((step / 2, step / 2 + number * step), line, fill=ink, font=font)
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return Preview(stream.getvalue(), "image/png", width, height)


def _wrapped(text: str) -> list[str]:
    lines: list[str] = []
    for line in text[:_LONGEST].splitlines():
        plain = "".join(letter if letter.isprintable() else " " for letter in line)
        lines += textwrap.wrap(plain, _LETTERS)
    return lines
