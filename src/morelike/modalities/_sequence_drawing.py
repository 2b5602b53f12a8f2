"""A sequence as a picture: a square a letter where it is short, else what each stretch is made of."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray

from morelike.modalities._sequence_letters import alphabet_of
from morelike.types import Preview

__all__ = ["drawn"]

_GREY, _PAPER = (170, 170, 170), (255, 255, 255)
_BASES = {"A": (58, 148, 74), "C": (45, 104, 178), "G": (226, 158, 35), "T": (196, 66, 58)}
_GROUPS = {
    "AVLIMC": (112, 130, 190),  # greasy
    "FWY": (60, 130, 135),  # with rings
    "STNQ": (96, 160, 90),
    "KRH": (196, 66, 58),  # positive
    "DE": (160, 80, 170),  # negative
    "GP": (226, 158, 35),  # bends
}
_WIDEST_ROW = 64
_MOST_LETTERS = 2048
_SMALLEST = 3  # pixels a letter


def drawn(letters: str, side: int) -> Preview:
    """A PNG no larger than ``side`` a side, half as high as wide where the sequence is long."""
    from PIL import Image

    side = max(1, min(side, 2048))
    codes, colours = _coloured(letters)
    columns = min(len(letters), max(8, min(_WIDEST_ROW, math.ceil(math.sqrt(2 * len(letters))))))
    rows = -(-len(letters) // columns)
    step = side // max(columns, rows)
    picture = (
        _squares(codes, colours, columns, rows, step)
        if len(letters) <= _MOST_LETTERS and step >= _SMALLEST
        else _shares(codes, colours, side)
    )
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", optimize=True)
    return Preview(stream.getvalue(), "image/png", picture.shape[1], picture.shape[0])


def _coloured(letters: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(n,) the group of each letter, and (groups, 3) their colours, the unknown's last."""
    table = _BASES if alphabet_of(letters) == "dna" else _GROUPS
    lut = np.full(256, len(table), dtype=np.uint8)
    for group, members in enumerate(table):
        lut[[ord(letter) for letter in members]] = group
    codes: NDArray[np.uint8] = lut[np.frombuffer(letters.encode("ascii"), dtype=np.uint8)]
    return codes, np.array([*table.values(), _GREY], dtype=np.uint8)


def _squares(
    codes: NDArray[np.uint8], colours: NDArray[np.uint8], columns: int, rows: int, step: int
) -> NDArray[np.uint8]:
    """Line by line, a white pixel between two letters."""
    grid = np.full((rows * columns, 3), _PAPER, dtype=np.uint8)
    grid[: len(codes)] = colours[codes]
    picture = grid.reshape(rows, columns, 3).repeat(step, axis=0).repeat(step, axis=1)
    picture[step - 1 :: step] = _PAPER
    picture[:, step - 1 :: step] = _PAPER
    return picture


def _shares(codes: NDArray[np.uint8], colours: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """From left to right: how much of each stretch every group of letters has, one above the other."""
    width, height = side, max(side // 2, 1)
    edges = np.linspace(0, len(codes), width + 1).astype(np.int64)
    stretch = np.searchsorted(edges, np.arange(len(codes)), "right") - 1 if len(codes) < width else None
    counts = np.zeros((width, len(colours)))
    for group in range(len(colours)):
        sums = np.concatenate([[0], np.cumsum(codes == group)])
        counts[:, group] = sums[edges[1:]] - sums[edges[:-1]]
    if stretch is not None:  # fewer letters than pixels: each pixel shows the letter that it lies in
        letter = np.minimum((np.arange(width) * len(codes)) // width, len(codes) - 1)
        counts = np.eye(len(colours))[codes[letter]]
    tops = np.cumsum(counts, axis=1) / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    level = (np.arange(height) + 0.5) / height
    group = (level[:, None, None] > tops[None]).sum(axis=2).clip(max=len(colours) - 1)
    picture: NDArray[np.uint8] = colours[group]
    return picture
