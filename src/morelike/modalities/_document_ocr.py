"""Words of scanned pages by RapidOCR, whose models lie in its wheel: nothing is fetched, and nothing is printed."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from morelike.errors import DecodeError
from morelike.modalities._document_columns import blocks
from morelike.modalities._document_words import Line, Piece

__all__ = ["DOTS", "LONGEST", "can_read_scans", "read_scan"]

DOTS: Final = 150.0
"""An inch, of the pictures of pages that are read …"""
LONGEST: Final = 4000
"""… and how many pixels their longer side has at most."""
_MOST_LINES: Final = 5000
_MODELS: Final = {"Det": "*_det_*.onnx", "Rec": "*_rec_*.onnx", "Cls": "*_cls_*.onnx"}

_LONG: Final = 4.0
"""In heights: lines whose slope tells how the page lies."""
_STEEPEST: Final = 0.2

_turn = Lock()
"""One page at a time: a page takes all the threads that it may."""


def can_read_scans() -> bool:
    """Whether the extra ``ocr`` is here."""
    return find_spec("rapidocr") is not None


def read_scan(picture: NDArray[np.uint8], name: str, threads: int) -> Piece:
    """The words in a picture (h, w, 3) RGB, line by line in the order of reading, each with its place.

    A word that is parted at a line's end is put together where it goes on in small letters. ``threads``: 0 is as many
    as there are cores. Raises DecodeError where the reader fails.
    """
    try:
        with _turn:
            found = _reader(threads)(np.ascontiguousarray(picture[:, :, ::-1]))
    except Exception as error:
        raise DecodeError(f"{name} has a page whose letters cannot be read: {type(error).__name__}") from error
    if found.boxes is None or not found.txts:
        return Piece("", drawn=True)
    corners = np.asarray(found.boxes, dtype=np.float64)[:_MOST_LINES]
    return _piece([str(text) for text in found.txts[:_MOST_LINES]], corners, picture.shape)


def _piece(texts: list[str], corners: NDArray[np.float64], shape: tuple[int, ...]) -> Piece:
    """The lines put together. ``corners``: (n, 4, 2) pixels of a picture of that shape, the first two on top."""
    height, width = shape[:2]
    boxes = np.clip(_around(corners) / (width, height, width, height), 0.0, 1.0)
    text = ""
    lines: list[Line] = []
    for block in blocks(
        [(left, top, right, bottom) for left, top, right, bottom in _around(_upright(corners)).tolist()]
    ):
        for number, at in enumerate(block):
            words = " ".join(texts[at].split())
            if not words:
                continue
            if text.endswith("-") and text[-2:-1].isalpha() and words[0].islower():
                text = text[:-1]
                lines[-1] = replace(lines[-1], end=len(text))
            elif text:
                text += "\n" if number else "\n\n"
            lines.append(Line(len(text), len(text) + len(words), *boxes[at].tolist()))
            text += words
    return Piece(text, drawn=True, lines=tuple(lines))


def _around(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 4): left, top, right, bottom."""
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def _upright(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """The corners as they would lie had the page been put straight on the glass: by the slope of its longer lines.

    A degree is enough to close the white between the columns of a newspaper.
    """
    across, down = (corners[:, 1] - corners[:, 0]).T
    long = across > _LONG * np.abs(corners[:, 3, 1] - corners[:, 0, 1]).clip(1.0)
    slope = float(np.median(down[long] / across[long])) if long.any() else 0.0
    if not 0 < abs(slope) < _STEEPEST:
        return corners
    cosine = 1 / math.hypot(1.0, slope)
    turned = np.array([[cosine, -slope * cosine], [slope * cosine, cosine]])
    upright: NDArray[np.float64] = corners @ turned
    return upright


@cache
def _reader(threads: int) -> Any:
    import rapidocr  # type: ignore[import-untyped, unused-ignore] # half typed

    models = Path(rapidocr.__file__).parent / "models"
    told: dict[str, Any] = {
        "Global.log_level": "critical",
        "Global.use_cls": False,  # lines upside down are rare, and short ones are often taken for such
        "Global.max_side_len": LONGEST,
    }
    if threads:
        told["EngineConfig.onnxruntime.intra_op_num_threads"] = threads
    for part, pattern in _MODELS.items():
        file = next(iter(sorted(models.glob(pattern))), None)
        if file is None:  # it would be fetched
            raise FileNotFoundError(f"the wheel of rapidocr has no {pattern}")
        told[f"{part}.model_path"] = str(file)
    return rapidocr.RapidOCR(params=told)
