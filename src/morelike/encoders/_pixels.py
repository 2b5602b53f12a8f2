"""What encoders of pictures do to the pixels: scale, cut, and turn into a network's numbers. Pillow and numpy only.

Pictures wait between ``prepare`` and ``encode`` as uint8: a quarter of float32's memory, and the conversion of a whole
batch at once costs less than one a picture (0.17 against 0.84 ms at 224 × 224, measured on one core).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from morelike.errors import EncodeError, ModelError

__all__ = ["Pixels", "checked_picture", "squashed"]

_MAX_SIDE = 4096  # a card with larger pictures is a mistake, or an attempt to fill the memory
_KEYS = {"side", "width", "crop", "resize", "interpolation", "layout", "channels", "range", "mean", "std"}


def checked_picture(payload: Any) -> NDArray[np.uint8]:
    """The payload as uint8 (h, w, 3). Raises EncodeError on anything else."""
    picture = np.asarray(payload)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise EncodeError(
            f"a picture is an array of uint8 (height, width, 3), this one is {picture.dtype} {picture.shape}"
        )
    return picture


def squashed(picture: NDArray[np.uint8], width: int, height: int, interpolation: str = "bilinear") -> NDArray[np.uint8]:
    """(h, w, 3) to (height, width, 3) whatever the proportions, smoothed where it gets smaller."""
    from PIL import Image

    if picture.shape[:2] == (height, width):
        return picture
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    scaled = Image.fromarray(picture).resize((width, height), filters[interpolation], reducing_gap=3.0)
    return np.asarray(scaled)


@dataclass(frozen=True, slots=True)
class Pixels:
    """A card's numbers for pictures: scaled to ``side``, cut to ``crop``, then (rgb / 255 · range - mean) / std.

    With ``resize = "squash"`` a card may name a ``width``: pictures become (side, width) whatever their proportions.
    """

    side: int
    width: int
    crop: int
    resize: Literal["shorter", "squash"]
    interpolation: Literal["bilinear", "bicubic"]
    layout: Literal["nchw", "nhwc"]
    channels: Literal["rgb", "bgr"]
    scale: tuple[float, float, float]
    shift: tuple[float, float, float]

    @classmethod
    def from_card(cls, card: str, values: Mapping[str, Any]) -> Pixels:
        """Raises ModelError naming the bad number. ``values`` is the card's ``inputs.image``."""
        side = _whole(card, "side", values.get("side"))
        crop = _whole(card, "crop", values.get("crop", side))
        if crop > side:
            raise ModelError(
                f"the card {card!r} cuts {crop} pixels out of {side}", hint="crop <= side in its TOML file"
            )
        resize = _choice(card, "resize", values, ("shorter", "squash"))
        mean, std = _triple(card, "mean", values, 0.0), _triple(card, "std", values, 1.0)
        if min(abs(value) for value in std) == 0:
            raise ModelError(f"the card {card!r} divides by a std of zero")
        top = float(values.get("range", 1.0))
        return cls(
            side=side,
            width=_width(card, values, side, crop, resize),
            crop=crop,
            resize=resize,
            interpolation=_choice(card, "interpolation", values, ("bicubic", "bilinear")),
            layout=_choice(card, "layout", values, ("nchw", "nhwc")),
            channels=_choice(card, "channels", values, ("rgb", "bgr")),
            scale=(top / 255 / std[0], top / 255 / std[1], top / 255 / std[2]),
            shift=(-mean[0] / std[0], -mean[1] / std[1], -mean[2] / std[2]),
        )

    @staticmethod
    def keys() -> set[str]:
        """What ``from_card`` reads."""
        return set(_KEYS)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of what ``cut`` gives."""
        return (self.crop, self.crop) if self.width == self.side else (self.side, self.width)

    def cut(self, payload: Any) -> NDArray[np.uint8]:
        """Any picture to (height, width, 3) uint8, as ``size`` says. Safe from any thread."""
        picture = checked_picture(payload)
        height, width = picture.shape[:2]
        if self.resize == "squash":
            picture = squashed(picture, self.width, self.side, self.interpolation)
        else:
            ratio = self.side / min(height, width)
            if self.crop * 8 < self.side / min(height, width) * max(height, width):
                # a strip far longer than the cut: only the middle is ever seen, so only the middle is scaled
                picture = _middle(picture, max(1, round(self.crop * 4 / ratio)))
                height, width = picture.shape[:2]
            new = (max(self.side, round(width * ratio)), max(self.side, round(height * ratio)))
            picture = squashed(picture, *new, self.interpolation)
        return np.ascontiguousarray(_centre(picture, *self.size))

    def stack(self, batch: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Cut pictures to the network's (n, 3, height, width) or (n, height, width, 3) float32."""
        first = self.layout == "nchw"
        shape = (len(batch), 3, *self.size) if first else (len(batch), *self.size, 3)
        tensor = np.empty(shape, dtype=np.float32)
        order = (0, 1, 2) if self.channels == "rgb" else (2, 1, 0)
        for row, picture in zip(tensor, batch, strict=True):
            for out, channel in enumerate(order):
                plane = row[out] if first else row[:, :, out]
                np.multiply(picture[:, :, channel], np.float32(self.scale[out]), out=plane)
                plane += np.float32(self.shift[out])
        return tensor


def _centre(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    top, left = round((picture.shape[0] - height) / 2), round((picture.shape[1] - width) / 2)
    return picture[top : top + height, left : left + width]


def _middle(picture: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    top, left = max(0, (height - length) // 2), max(0, (width - length) // 2)
    return np.ascontiguousarray(picture[top : top + length, left : left + length])


def _width(card: str, values: Mapping[str, Any], side: int, crop: int, resize: str) -> int:
    """What pictures are squashed to where they are not to be square; modalities decode with ``side`` in mind, and give
    twice as many pixels.
    """
    width = _whole(card, "width", values.get("width", side))
    if width != side and (resize != "squash" or crop != side or width > 2 * side):
        raise ModelError(
            f"the card {card!r} says width = {width} with side = {side}, crop = {crop}, resize = {resize!r}",
            hint="a width goes with resize = 'squash' and without crop, and is at most twice the side",
        )
    return width


def _whole(card: str, key: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MAX_SIDE:
        raise ModelError(
            f"the card {card!r} says {key} = {value!r}", hint=f"inputs.image.{key} is a number of pixels, 1-{_MAX_SIDE}"
        )
    return value


def _triple(card: str, key: str, values: Mapping[str, Any], default: float) -> tuple[float, float, float]:
    value = values.get(key, default)
    numbers = [value] * 3 if isinstance(value, int | float) else value
    if not isinstance(numbers, list | tuple) or len(numbers) != 3 or not all(np.isfinite(float(n)) for n in numbers):
        raise ModelError(f"the card {card!r} says {key} = {value!r}", hint=f"inputs.image.{key} is one number or three")
    return float(numbers[0]), float(numbers[1]), float(numbers[2])


def _choice(card: str, key: str, values: Mapping[str, Any], choices: tuple[str, ...]) -> Any:
    value = values.get(key, choices[0])
    if value not in choices:
        raise ModelError(f"the card {card!r} says {key} = {value!r}", hint=f"one of {', '.join(choices)}")
    return value
