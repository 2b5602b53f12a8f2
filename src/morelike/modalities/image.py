"""Pictures: recognised by their bytes, decoded to RGB as a person would see them; whole, or cut into regions too."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image

from morelike.errors import DecodeError, QueryError, UsageError
from morelike.modalities._detector import digest_of, opened_detector
from morelike.modalities._formats import named_like_a_picture, picture_not_read, recognise
from morelike.modalities._opening import Opened, label, opened
from morelike.modalities._pixels import oriented, to_rgb
from morelike.modalities._regions import LONGEST_SIDE, Box, box_of, decoded, grid, region
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, Kind, Metadata, Payload, Preview, SegmentSpec, Span

__all__ = ["ImageModality"]

_NAMED_ONLY = 0.05
"""Confidence where only the name, or a format that is not read, speaks for a picture: enough to say what is wrong."""
_HEADER_COUNTS_FRAMES = frozenset({"AVIF", "PNG", "WEBP"})
_PREVIEW_QUALITY = 85
_DETECTOR = "detector:"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class ImageModality:
    """JPEG, PNG, GIF, WebP, TIFF, BMP, HEIC, AVIF, JPEG 2000 and PNM; the first frame or page of several.

    Decoding applies the EXIF orientation and composites transparency over white. Colour profiles are ignored, as in
    the published preprocessing of image encoders: their vectors would not be reproduced otherwise. CMYK JPEGs are
    taken to be inverted, as Adobe writes them and browsers assume. Safe from any thread.
    """

    name = "image"
    kinds: tuple[Kind, ...] = ("image",)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
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
        """``regions``: ``grid``, or ``detector:NAME`` for the file NAME.onnx in a folder of models, whose digest is
        kept as ``detector``; without it a picture is whole. Raises UsageError on anything else, ModelError.
        """
        unknown = sorted(set(given) - {"regions", "detector"})
        if unknown:
            raise UsageError(f"pictures have no {', '.join(unknown)}", hint="they have regions: grid, detector:NAME")
        regions, digest = given.get("regions"), given.get("detector")
        if regions is None and digest is None:
            return {}
        if isinstance(regions, str) and regions.startswith(_DETECTOR):
            if digest is None:
                name = regions.removeprefix(_DETECTOR)
                digest = digest_of(name, self._settings)
                opened_detector(name, digest, self._settings).check()
            if isinstance(digest, str) and _DIGEST.fullmatch(digest):
                return {"regions": regions, "detector": digest}
            raise UsageError(f"detector is {digest!r}", hint="leave it out: it is the digest of the detector's file")
        if regions != "grid" or digest is not None:
            raise UsageError(f"regions is {regions!r}", hint="grid, or detector:NAME for the file NAME.onnx")
        return {"regions": "grid"}

    def split(self, blob: Blob, options: Metadata, at: Span = WHOLE) -> Iterator[SegmentSpec]:
        """The whole picture, then its regions where the collection has them, the surest objects first; of a part the
        region alone. The blob is not read for the whole. Raises QueryError where there is no such part, DecodeError,
        ModelError where the detector is not the collection's.
        """
        if at.unit == "pixels":
            with opened(blob, self._max_pixels) as picture:
                box = box_of(label(blob), at, *picture.size)
            yield SegmentSpec("image", Span.region(*box))
            return
        if at.unit != "whole":
            raise QueryError(f"{label(blob)} is a picture: it has no {at.unit}", hint="leave --at out; --crop cuts it")
        yield SegmentSpec("image")
        if regions := options.get("regions"):
            for box in self._regions(blob, str(regions), str(options.get("detector", ""))):
                yield SegmentSpec("image", Span.region(*box))

    def load(self, blob: Blob, spec: SegmentSpec, want: Mapping[str, Any]) -> Payload:
        """uint8 (h, w, 3) RGB, C-contiguous and writable. Raises DecodeError.

        Where ``want["side"]`` is set, a JPEG is decoded at 1/2, 1/4 or 1/8 of its size as long as the shorter side, of
        the picture or of its region, stays at least twice that. The result depends on the bytes and ``want`` only.
        """
        if spec.kind != "image":
            raise DecodeError(f"{label(blob)}: a picture has no segment of kind {spec.kind!r}")
        side = want.get("side")
        side = side if isinstance(side, int) else 0
        if spec.span.unit == "pixels":
            return region(blob, spec.span, self._max_pixels, side)
        with opened(blob, self._max_pixels) as picture:
            return np.array(_decoded(picture, side))

    def preview(self, blob: Blob, span: Span, side: int) -> Preview:
        """A JPEG of at most ``side`` pixels a side, without metadata, of the picture or of a region of it; what is
        smaller is not enlarged.
        """
        side = max(side, 1)
        if span.unit == "pixels":
            return _small(Image.fromarray(region(blob, span, self._max_pixels, side)), side)
        with opened(blob, self._max_pixels) as picture:
            return _small(_decoded(picture, side), side)

    def identity(self, blob: Blob) -> str | None:  # noqa: ARG002  # likewise
        """None: a picture is its bytes."""
        return None

    def _regions(self, blob: Blob, regions: str, digest: str) -> Iterator[Box]:
        if not regions.startswith(_DETECTOR):
            with opened(blob, self._max_pixels) as picture:
                size = picture.size
            yield from grid(*size)
            return
        detector = opened_detector(regions.removeprefix(_DETECTOR), digest, self._settings)
        looked_at = 2 * detector.side()
        pixels, size = decoded(
            blob, self._max_pixels, lambda width, height: math.ceil(looked_at * min(width, height) / max(width, height))
        )
        if max(size) <= LONGEST_SIDE:
            yield from detector.boxes(pixels, *size)


def _decoded(picture: Opened, side: int) -> Image.Image:
    """RGB, oriented, and no smaller than needed to scale the shorter side to ``side``; 0 decodes it whole."""
    if side > 0:
        picture.image.draft(None, (2 * side, 2 * side))  # a JPEG's matter; any other format ignores it
    return oriented(to_rgb(picture.image), picture.orientation)


def _small(image: Image.Image, side: int) -> Preview:
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    image.info = {}  # a JPEG's comment would be written again
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_PREVIEW_QUALITY)
    return Preview(buffer.getvalue(), "image/jpeg", *image.size)


def _animation(picture: Opened) -> Metadata:
    """``frames`` only where the header holds the count: a GIF would have to be read to its end."""
    if picture.format.name in _HEADER_COUNTS_FRAMES:
        frames = int(getattr(picture.image, "n_frames", 1))
        return {"animated": True, "frames": frames} if frames > 1 else {}
    if picture.format.name == "GIF" and getattr(picture.image, "is_animated", False):
        return {"animated": True}
    return {}
