"""Decoded frames to RGB as a screen shows them, or to thumbnails: colours, shape of the pixels, and which way is up."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

__all__ = ["THUMB_SIZE", "Painter", "Thumb", "Turn", "turn_of"]

Picture = NDArray[np.uint8]
"""uint8 (h, w, 3), RGB."""
Thumb = NDArray[np.uint8]
"""uint8 (3456,): the luma of 64 × 36 pixels, then both colour differences of 32 × 18."""
THUMB_SIZE = (64, 36)

_SPC_RGB, _SPC_709, _SPC_UNKNOWN, _SPC_240M = 0, 1, 2, 7  # AVColorSpace
_SPC_2020 = frozenset({9, 10})
_SWS_709, _SWS_601, _SWS_240M, _SWS_2020 = 1, 5, 7, 9
_LIMITED, _FULL = 1, 2
_HD_LINES = 720  # from here on an unmarked film is taken to be BT.709, as browsers do
_MOST_SHAPE = 8.0  # a pixel's aspect ratio beyond this is a damaged header


@dataclass(frozen=True, slots=True)
class Turn:
    """How a decoded frame is brought upright: transposed, then mirrored from left to right, from top to bottom."""

    transposed: bool = False
    left_right: bool = False
    up_down: bool = False

    @property
    def degrees(self) -> int:
        """Clockwise, of the turn that is left where a mirrored picture is mirrored back first."""
        if self.transposed:
            return 90 if not self.up_down else 270
        return 180 if self.up_down else 0

    @property
    def mirrored(self) -> bool:
        """Whether left and right are swapped besides."""
        return self.transposed ^ self.left_right ^ self.up_down

    def apply(self, picture: NDArray[Any]) -> NDArray[Any]:
        """The upright picture, as a view."""
        if self.transposed:
            picture = picture.swapaxes(0, 1)
        return picture[:: -1 if self.up_down else 1, :: -1 if self.left_right else 1]


def turn_of(frame: VideoFrame) -> Turn:
    """By the frame's display matrix, to the nearest right angle: (x, y) is shown at (ax + cy, bx + dy)."""
    sides: Any = frame.side_data
    try:
        matrix = bytes(sides["DISPLAYMATRIX"])
        a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    except (KeyError, struct.error):
        return Turn()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Turn(left_right=a < 0, up_down=d < 0)
    return Turn(transposed=True, left_right=c < 0, up_down=b < 0)


class Painter:
    """Converts the frames of one film; ``turn`` and ``shape`` (a pixel's width by its height) hold for all of them."""

    def __init__(self, turn: Turn, shape: float, max_pixels: int) -> None:
        from av.video.reformatter import VideoReformatter

        self._turn = turn
        self._shape = shape if 1 / _MOST_SHAPE <= shape <= _MOST_SHAPE else 1.0
        self._max_pixels = max_pixels
        self._paint: VideoReformatter = VideoReformatter()
        self._shrink: VideoReformatter = VideoReformatter()

    def size(self, frame: VideoFrame, side: int = 0) -> tuple[int, int]:
        """(width, height) with square pixels, before the turn; the shorter is twice ``side`` where it is longer."""
        width, height = float(frame.width), float(frame.height)
        if self._shape > 1:
            width *= self._shape
        else:
            height /= self._shape
        factor = min(1.0, math.sqrt(self._max_pixels / (width * height)))
        if side > 0:
            factor = min(factor, 2 * side / min(width, height))
        return max(round(width * factor), 1), max(round(height * factor), 1)

    def stands(self, frame: VideoFrame) -> tuple[int, int]:
        """(width, height) as a screen shows the frame."""
        width, height = self.size(frame)
        return (height, width) if self._turn.transposed else (width, height)

    def picture(self, frame: VideoFrame, side: int = 0) -> Picture:
        """uint8 (h, w, 3) RGB, upright, square pixels, C-contiguous and writable; transparency over white."""
        from av.video.reformatter import Interpolation

        width, height = self.size(frame, side)
        clear = any(component.is_alpha for component in frame.format.components)
        smaller = width < frame.width or height < frame.height
        painted = self._paint.reformat(
            frame,
            width,
            height,
            "rgba" if clear or "pal" in frame.format.name else "rgb24",
            src_colorspace=_matrix(frame),
            src_color_range=_range(frame),
            dst_color_range=_FULL,
            interpolation=Interpolation.AREA if smaller else Interpolation.BICUBIC,
            threads=1,
        )
        pixels = self._turn.apply(painted.to_ndarray())
        return _over_white(pixels) if pixels.shape[2] == 4 else np.array(pixels, order="C")

    def thumb(self, frame: VideoFrame) -> Thumb:
        """The frame as shot detection sees it: not turned, not in proportion."""
        from av.video.reformatter import Interpolation

        small = self._shrink.reformat(frame, *THUMB_SIZE, "yuv420p", interpolation=Interpolation.AREA, threads=1)
        planes = [
            np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
            for plane in small.planes
        ]
        return np.concatenate([plane.ravel() for plane in planes])


def _matrix(frame: VideoFrame) -> int:
    """swscale's number for the frame's colour matrix; what is not marked is guessed as browsers guess it."""
    space = frame.colorspace
    if space in _SPC_2020:
        return _SWS_2020
    if space == _SPC_240M:
        return _SWS_240M
    if space in {_SPC_RGB, _SPC_UNKNOWN}:
        return _SWS_709 if frame.height >= _HD_LINES else _SWS_601
    return _SWS_709 if space == _SPC_709 else _SWS_601


def _range(frame: VideoFrame) -> int:
    if frame.color_range in {_LIMITED, _FULL}:
        return int(frame.color_range)
    return _FULL if frame.format.is_rgb or frame.format.name.startswith(("yuvj", "gray", "pal")) else _LIMITED


def _over_white(pixels: NDArray[Any]) -> Picture:
    """(h, w, 4) with straight alpha over a white ground, as the image modality does."""
    alpha = pixels[..., 3:].astype(np.uint16)
    mixed = pixels[..., :3] * alpha + 255 * (255 - alpha)
    return np.ascontiguousarray(((mixed + 127) // 255).astype(np.uint8))
