"""Any picture that Pillow decoded to 8-bit RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["eight_bits", "oriented", "to_rgb"]

_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DEEP = frozenset({"F", "I", "I;16", "I;16B", "I;16L", "I;16N"})
_WHITE = (255, 255, 255)


def to_rgb(image: Image.Image) -> Image.Image:
    """Decode to mode RGB: deep greys scaled, transparency composited over white, CMYK by Pillow's plain formula."""
    image.load()
    if image.mode in _DEEP:
        return Image.fromarray(eight_bits(np.asarray(image))).convert("RGB")
    if image.mode == "LAB":
        return _from_lab(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        ground = Image.new("RGB", layer.size, _WHITE)
        ground.paste(layer, mask=layer.getchannel("A"))
        return ground
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_lab(image: Image.Image) -> Image.Image:
    """CIELAB, which Pillow converts through colour profiles only."""
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert converted is not None  # noqa: S101  # for mypy: only an in-place conversion returns None
    return converted


def eight_bits(grey: NDArray[Any]) -> NDArray[np.uint8]:
    """(h, w) greys of 16 or 32 bits, whole or floating, to uint8 without clipping.

    Unsigned 16-bit values use their full range. Wider types do not say their range: values within [0, 1] (floating
    only), [0, 255] (floating only) or [0, 65535] are taken to use it; anything else is stretched from its least to
    its greatest value. NaN becomes black.
    """
    if grey.dtype.kind == "u" and grey.dtype.itemsize == 2:
        return ((grey.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    floating = grey.dtype.kind == "f"
    values = grey.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low >= 0 and high <= 1 and floating:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255 and floating:
        low, high = 0.0, 255.0
    elif low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0
    values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    # Halved, because high - low can be beyond the largest float64.
    scaled = (values / 2 - low / 2) / (high / 2 - low / 2) if high > low else np.zeros_like(values)
    return np.rint(scaled * 255).astype(np.uint8)


def oriented(image: Image.Image, orientation: int) -> Image.Image:
    """Turned and mirrored so that it stands as EXIF's ``orientation`` (1 to 8) says."""
    method = _TRANSPOSES.get(orientation)
    return image if method is None else image.transpose(method)
