"""Pictures: recognised by their bytes, one segment each, decoded to RGB as a person would see them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image

from morelike.errors import DecodeError, QueryError, UsageError
from morelike.modalities._formats import named_like_a_picture, picture_not_read, recognise
from morelike.modalities._opening import Opened, label, opened
from morelike.modalities._pixels import oriented, to_rgb
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, Kind, Metadata, Payload, Preview, SegmentSpec, Span

__all__ = ["ImageModality"]

_NAMED_ONLY = 0.05
"""Confidence where only the name, or a format that is not read, speaks for a picture: enough to say what is wrong."""
_HEADER_COUNTS_FRAMES = frozenset({"AVIF", "PNG", "WEBP"})
_PREVIEW_QUALITY = 85


class ImageModality:
    """JPEG, PNG, GIF, WebP, TIFF, BMP, HEIC, AVIF, JPEG 2000 and PNM; the first frame or page of several.

    Decoding applies the EXIF orientation and composites transparency over white. Colour profiles are ignored, as in
    the published preprocessing of image encoders: their vectors would not be reproduced otherwise. CMYK JPEGs are
    taken to be inverted, as Adobe writes them and browsers assume. Safe from any thread.
    """

    name = "image"
    kinds: tuple[Kind, ...] = ("image",)

    def __init__(self, settings: Settings) -> None:
        self._max_pixels = settings.max_pixels

    def sniff(self, head: bytes, name: str) -> float:
        """1 for the first bytes of a format that is read; the name alone counts for little."""
        if recognise(head) is not None:
            return 1.0
        return _NAMED_ONLY if named_like_a_picture(name) or picture_not_read(head) else 0.0

    def media_type(self, head: bytes, name: str) -> str:  # noqa: ARG002  # the seam's signature
        """By the bytes; ``application/octet-stream`` where ``sniff`` did not recognise them."""
        known = recognise(head)
        return known.media_type if known else "application/octet-stream"

    def describe(self, blob: Blob) -> Metadata:
        """``width``, ``height`` (as the picture stands), ``format``, ``mode``, and what of these is known:

        ``animated``, ``frames``, ``taken`` (ISO 8601), ``camera_make``, ``camera_model``, ``lens``, ``iso``,
        ``f_number``, ``exposure_s``, ``focal_mm``, ``latitude``, ``longitude`` (degrees), ``software``. Nothing is
        decoded. Raises DecodeError on an unreadable header or too many pixels.
        """
        with opened(blob, self._max_pixels) as picture:
            width, height = picture.size
            return {
                "width": width,
                "height": height,
                "format": picture.format.name,
                "mode": picture.image.mode,
                **_animation(picture),
                **picture.exif.facts,
            }

    def settle(self, given: Metadata) -> Metadata:
        """Nothing: a picture is whole. Raises UsageError where anything is given."""
        if given:
            raise UsageError(f"pictures have no {', '.join(given)}", hint="leave it out")
        return {}

    def split(self, blob: Blob, options: Metadata, at: Span = WHOLE) -> Iterator[SegmentSpec]:  # noqa: ARG002  # likewise
        """A picture is one segment. Raises QueryError where only a part in time is asked for."""
        if at.unit != "whole":
            raise QueryError(f"{label(blob)} is a picture: it has no {at.unit}", hint="leave --at out; --crop cuts it")
        yield SegmentSpec("image")

    def load(self, blob: Blob, spec: SegmentSpec, want: Mapping[str, Any]) -> Payload:
        """uint8 (h, w, 3) RGB, C-contiguous and writable. Raises DecodeError.

        Where ``want["side"]`` is set, a JPEG is decoded at 1/2, 1/4 or 1/8 of its size as long as its shorter side
        stays at least twice that. The result depends on the bytes and ``want`` only.
        """
        if spec.kind != "image":
            raise DecodeError(f"{label(blob)}: a picture has no segment of kind {spec.kind!r}")
        side = want.get("side")
        with opened(blob, self._max_pixels) as picture:
            return np.array(_decoded(picture, side if isinstance(side, int) else 0))

    def preview(self, blob: Blob, span: Span, side: int) -> Preview:  # noqa: ARG002  # likewise
        """A JPEG of at most ``side`` pixels a side, without metadata; a smaller picture is not enlarged."""
        side = max(side, 1)
        with opened(blob, self._max_pixels) as picture:
            image = _decoded(picture, side)
            image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
            image.info = {}  # a JPEG's comment would be written again
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=_PREVIEW_QUALITY)
            return Preview(buffer.getvalue(), "image/jpeg", *image.size)

    def identity(self, blob: Blob) -> str | None:  # noqa: ARG002  # likewise
        """None: a picture is its bytes."""
        return None


def _decoded(picture: Opened, side: int) -> Image.Image:
    """RGB, oriented, and no smaller than needed to scale the shorter side to ``side``; 0 decodes it whole."""
    if side > 0:
        picture.image.draft(None, (2 * side, 2 * side))  # a JPEG's matter; any other format ignores it
    return oriented(to_rgb(picture.image), picture.orientation)


def _animation(picture: Opened) -> Metadata:
    """``frames`` only where the header holds the count: a GIF would have to be read to its end."""
    if picture.format.name in _HEADER_COUNTS_FRAMES:
        frames = int(getattr(picture.image, "n_frames", 1))
        return {"animated": True, "frames": frames} if frames > 1 else {}
    if picture.format.name == "GIF" and getattr(picture.image, "is_animated", False):
        return {"animated": True}
    return {}
