"""An animated WebP as a film: FFmpeg does not read it, Pillow does."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

import numpy as np
from PIL import Image

from morelike.errors import DecodeError
from morelike.modalities._effort import Effort
from morelike.modalities._film_pixels import THUMB_SIZE, Picture, Thumb
from morelike.modalities._opening import label, opened
from morelike.modalities._pixels import to_rgb
from morelike.types import Blob, Metadata

__all__ = ["AnimatedPicture", "opened_animation"]

_EPSILON = 1e-4
_MOST_FRAMES = 20_000
_MOST_PIXELS = 40_000_000  # as of other films
_LEAST_MILLISECONDS = 10  # up to this, browsers show a frame for a tenth of a second
_USUAL_MILLISECONDS = 100
_MOST_CHUNKS = 100_000
_COSTS = 4  # frames of a film: all four channels are copied several times


class AnimatedPicture:
    """The frames of an opened animation; the same methods as ``FilmFrames`` has."""

    def __init__(self, image: Image.Image, milliseconds: Sequence[int], effort: Effort) -> None:
        self._image = image
        self._effort = effort
        self._at = 0
        self._ends = [end / 1000 for end in accumulate(milliseconds)]
        self._starts = [0.0, *self._ends[:-1]]

    def length(self) -> float:
        return self._ends[-1]

    def facts(self) -> Metadata:
        width, height = self._image.size
        count, length = len(self._ends), round(self.length(), 3)
        return {
            "duration": length,
            "width": width,
            "height": height,
            "fps": round(count / length, 3),
            "frames": count,
            "codec": "webp",
            "has_sound": False,
        }

    def pictures(self, moments: Sequence[float], side: int = 0) -> Iterator[Picture]:
        """uint8 (h, w, 3) RGB of each of the moments, which ascend; the shorter side is about ``2 * side``."""
        for moment in moments:
            number = max(bisect_right(self._starts, moment + _EPSILON) - 1, 0)
            yield _smaller(self._frame(number), side)

    def thumbs(self, start: float, end: float, every: float) -> Iterator[tuple[float, Thumb]]:
        due = -1.0
        for number, time in enumerate(self._starts):
            if start <= time <= end and time >= due:
                due = time + every
                small = self._frame(number).resize(THUMB_SIZE, Image.Resampling.BOX).convert("YCbCr")
                luma, *colours = (np.asarray(plane) for plane in small.split())
                yield time, np.concatenate([luma.ravel(), *(colour[::2, ::2].ravel() for colour in colours)])

    def afford(self, segments: int) -> None:
        """Raises DecodeError where each run of so many segments would decode too much to get to its first frame."""
        self._effort.spend_on_runs(segments, *self._image.size, len(self._ends) * _COSTS)

    def glimpse(self, side: int) -> Picture:
        """The first frame, whatever was spent."""
        self._at = 0
        self._image.seek(0)
        return _smaller(to_rgb(self._image.copy()), side)

    def _frame(self, number: int) -> Image.Image:
        steps = number - self._at if number > self._at else number + 1  # each frame is painted over the one before
        self._effort.spend(*self._image.size, steps * _COSTS)
        self._at = number
        self._image.seek(number)
        return to_rgb(self._image.copy())


def _smaller(frame: Image.Image, side: int) -> Picture:
    width, height = frame.size
    factor = 2 * side / min(width, height) if side > 0 else 1.0
    if factor < 1:
        smaller = max(round(width * factor), 1), max(round(height * factor), 1)
        frame = frame.resize(smaller, Image.Resampling.BOX)
    return np.array(frame)


@contextmanager
def opened_animation(blob: Blob, max_pixels: int, effort: Effort) -> Iterator[AnimatedPicture]:
    """Raises DecodeError where the bytes are no WebP that moves, or are damaged; SourceError."""
    milliseconds = _durations(blob)
    with opened(blob, max_pixels) as picture:
        width, height = picture.image.size
        if width * height > _MOST_PIXELS:
            raise DecodeError(f"{label(blob)} moves {width} × {height} pixels, more than the {_MOST_PIXELS:,} allowed")
        count = int(getattr(picture.image, "n_frames", 1))
        if count < 2:
            raise DecodeError(f"{label(blob)} has one frame: it is a picture, no film")
        if count > _MOST_FRAMES:
            raise DecodeError(f"{label(blob)} has {count:,} frames, more than the {_MOST_FRAMES:,} allowed")
        shown = [_shown(milliseconds[i] if i < len(milliseconds) else 0) for i in range(count)]
        yield AnimatedPicture(picture.image, shown, effort)


def _shown(milliseconds: int) -> int:
    return milliseconds if milliseconds > _LEAST_MILLISECONDS else _USUAL_MILLISECONDS


def _durations(blob: Blob) -> list[int]:
    """Each frame's milliseconds, from the ``ANMF`` chunks (WebP container specification); nothing is decoded."""
    found: list[int] = []
    with blob.open() as stream:
        stream.read(12)
        for _ in range(_MOST_CHUNKS):
            head = stream.read(8)
            if len(head) < 8:
                break
            name, size = struct.unpack("<4sI", head)
            body: Any = stream.read(min(size, 16))
            if name == b"ANMF" and len(body) >= 15:
                found.append(int.from_bytes(body[12:15], "little"))
            _skip(stream, size + size % 2 - len(body))
    return found


def _skip(stream: Any, size: int) -> None:
    if stream.seekable():
        stream.seek(size, 1)
        return
    while size > 0 and (block := stream.read(min(size, 1 << 20))):
        size -= len(block)
