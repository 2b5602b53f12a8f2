"""Every odd picture that the image modality must read exactly, and every file that it must refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import heic_files
import numpy as np
from image_files import (
    RED,
    Pixels,
    bits,
    bomb_header,
    bomb_real,
    bomb_scans,
    bomb_tile,
    cmyk,
    deep,
    exif,
    frames,
    grey3,
    grey_pixels,
    greys,
    half_grey,
    huge_exif,
    lab,
    palette,
    png,
    png_16_bit_rgb,
    quadrants,
    quality,
    saved,
    saved_tiff,
    tall,
    turned,
    upper_left_white,
    wide,
    with_alpha,
    without_adobe_marker,
    zip_file,
)
from PIL import Image

from morelike.testing.images import synthetic_image


@dataclass(frozen=True)
class Readable:
    """A file that must decode to ``pixels``, each level within ``tolerance``."""

    id: str
    make: Callable[[], bytes]
    pixels: Callable[[], Pixels]
    tolerance: int = 0
    name: str = ""
    blurred: bool = False
    """Colours are stored coarser than levels: pixels within two of an edge are not compared."""
    says: dict[str, Any] = field(default_factory=dict)
    """What ``describe`` must say, besides width and height."""


@dataclass(frozen=True)
class Refused:
    """A file that must raise DecodeError with ``reason`` in its message."""

    id: str
    make: Callable[[], bytes]
    reason: str
    name: str = ""


READABLE: list[Readable] = [
    Readable("avif", lambda: saved("AVIF", quality=95, subsampling="4:4:4"), quadrants, 4, says={"format": "AVIF"}),
    Readable("avif-alpha", lambda: saved("AVIF", with_alpha(), quality=95), upper_left_white, 5, blurred=True),
    Readable("avif-exif-6", lambda: turned(6, "AVIF", quality=95, subsampling="4:4:4"), quadrants, 4),
    Readable("bmp", lambda: saved("BMP"), quadrants, says={"format": "BMP", "mode": "RGB"}),
    Readable("bmp-palette", lambda: saved("BMP", palette()), quadrants),
    Readable("gif", lambda: saved("GIF", palette()), quadrants, says={"format": "GIF"}),
    Readable("gif-animated", lambda: saved("GIF", palette(), **frames()), quadrants, says={"animated": True}),
    Readable("gif-transparent", lambda: saved("GIF", palette(0), transparency=0), upper_left_white),
    Readable("heic", lambda: heic_files.PLAIN, quadrants, 3, "x.heic", says={"format": "HEIF", "mode": "RGB"}),
    Readable("heic-alpha", lambda: heic_files.WITH_ALPHA, upper_left_white, 3),
    # The container's own rotation counts and it has none; its EXIF orientation is a note of how it was before.
    Readable("heic-exif", lambda: heic_files.WITH_EXIF, quadrants, 3, says={"camera_make": "Toy"}),
    Readable("jpeg", quality, quadrants, 3, "x.jpg", says={"format": "JPEG", "mode": "RGB"}),
    Readable("jpeg-cmyk-adobe", lambda: quality(image=cmyk()), quadrants, 3, says={"mode": "CMYK"}),
    Readable("jpeg-cmyk-no-marker", lambda: without_adobe_marker(quality(image=cmyk())), quadrants, 3),
    *(
        Readable(f"jpeg-exif-{n}", lambda n=n: turned(n, quality=95, subsampling=0), quadrants, 3)  # type: ignore[misc]
        for n in range(1, 9)
    ),
    Readable("jpeg-exif-corrupt", lambda: quality(exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f"), quadrants, 3),
    Readable("jpeg-exif-huge", huge_exif, quadrants, 3),
    Readable("jpeg-exif-no-tiff", lambda: quality(exif=b"Exif\x00\x00nonsense" * 99), quadrants, 3),
    Readable("jpeg-grey", lambda: quality(image=greys()), grey_pixels, 6, says={"mode": "L"}),
    Readable("jpeg-name-nul", quality, quadrants, 3, "a\x00b\n.jpg"),
    Readable("jpeg-name-none", quality, quadrants, 3, ""),
    Readable("jpeg-name-upper", quality, quadrants, 3, "DSC_0001.JPG"),
    Readable("jpeg-name-wrong", quality, quadrants, 3, "x.png", says={"format": "JPEG"}),
    Readable("jpeg-progressive", lambda: quality(progressive=True), quadrants, 3),
    Readable("jpeg-trailing", lambda: quality() + b"appended by a phone" * 50, quadrants, 3),
    Readable("jpeg2000", lambda: saved("JPEG2000"), quadrants, says={"format": "JPEG2000"}),
    Readable("png", lambda: saved("PNG"), quadrants, says={"format": "PNG"}),
    Readable("png-1-bit", lambda: saved("PNG", Image.fromarray(bits()).convert("1")), lambda: grey3(bits())),
    Readable("png-16-bit-grey", lambda: saved("PNG", deep(greys())), grey_pixels, says={"mode": "I;16"}),
    Readable("png-16-bit-rgb", png_16_bit_rgb, quadrants),
    Readable("png-animated", lambda: saved("PNG", **frames()), quadrants, says={"animated": True, "frames": 2}),
    Readable("png-exif-8", lambda: turned(8, "PNG"), quadrants),
    Readable("png-grey-alpha", lambda: saved("PNG", half_grey()), lambda: np.full((2, 3, 3), 155, np.uint8), 1),
    Readable("png-one-pixel", lambda: saved("PNG", quadrants()[:1, :1]), lambda: quadrants()[:1, :1]),
    Readable("png-palette", lambda: saved("PNG", palette()), quadrants, says={"mode": "P"}),
    Readable("png-palette-alphas", lambda: saved("PNG", palette(), transparency=b"\x00\xff"), upper_left_white),
    Readable("png-palette-transparent", lambda: saved("PNG", palette(0), transparency=0), upper_left_white),
    Readable("png-rgb-transparent", lambda: saved("PNG", transparency=RED), upper_left_white),
    Readable("png-rgba", lambda: saved("PNG", with_alpha()), upper_left_white, says={"mode": "RGBA"}),
    Readable("png-tall", lambda: saved("PNG", tall()), tall),
    Readable("png-wide", lambda: saved("PNG", wide()), wide),
    Readable("pnm-grey", lambda: saved("PPM", greys()), grey_pixels, says={"format": "PPM"}),
    Readable("pnm-grey-16", lambda: b"P5\n64 16\n65535\n" + deep(greys()).astype(">u2").tobytes(), grey_pixels),
    Readable("pnm-rgb", lambda: saved("PPM"), quadrants),
    Readable("tiff", lambda: saved("TIFF"), quadrants, says={"format": "TIFF"}),
    Readable("tiff-16-bit-grey", lambda: saved_tiff(deep(greys())), grey_pixels),
    Readable("tiff-16-bit-grey-big-endian", lambda: saved_tiff(deep(greys()), byteorder=">"), grey_pixels),
    Readable("tiff-16-bit-rgb", lambda: saved_tiff(deep(quadrants()), photometric="rgb"), quadrants),
    Readable("tiff-32-bit", lambda: saved_tiff(deep(greys()).astype(np.int32)), grey_pixels, says={"mode": "I"}),
    Readable("tiff-big", lambda: saved_tiff(quadrants(), bigtiff=True, photometric="rgb"), quadrants),
    Readable("tiff-big-endian", lambda: saved_tiff(quadrants(), byteorder=">", photometric="rgb"), quadrants),
    Readable("tiff-cmyk", lambda: saved("TIFF", cmyk()), quadrants, says={"mode": "CMYK"}),
    Readable("tiff-deflate", lambda: saved_tiff(quadrants(), compression="zlib", photometric="rgb"), quadrants),
    Readable("tiff-exif-6", lambda: turned(6, "TIFF"), quadrants),
    Readable("tiff-float", lambda: saved_tiff((greys() / 255).astype(np.float32)), grey_pixels, says={"mode": "F"}),
    Readable("tiff-jpeg", lambda: saved("TIFF", compression="jpeg", quality=95), quadrants, 6),
    Readable("tiff-lab", lambda: saved("TIFF", lab()), quadrants, 9),
    Readable("tiff-lzw", lambda: saved("TIFF", compression="tiff_lzw"), quadrants),
    Readable("tiff-lzw-exif-8", lambda: turned(8, "TIFF", compression="tiff_lzw"), quadrants),
    Readable("tiff-pages", lambda: saved("TIFF", **frames()), quadrants),
    Readable("tiff-tiled", lambda: saved_tiff(quadrants(), tile=(16, 16), photometric="rgb"), quadrants),
    Readable("webp", lambda: saved("WEBP", quality=95), quadrants, 5, blurred=True, says={"format": "WEBP"}),
    Readable("webp-alpha", lambda: saved("WEBP", with_alpha(), lossless=True), upper_left_white),
    Readable(
        "webp-animated",
        lambda: saved("WEBP", lossless=True, **frames()),
        quadrants,
        says={"animated": True, "frames": 2},
    ),
    Readable("webp-exif-5", lambda: turned(5, "WEBP", lossless=True), quadrants),
    Readable("webp-lossless", lambda: saved("WEBP", lossless=True), quadrants),
]

REFUSED: list[Refused] = [
    Refused("bomb-header", bomb_header, "MORELIKE_MAX_PIXELS"),
    Refused("bomb-real", bomb_real, "12000 × 12000"),
    Refused("bomb-scans", bomb_scans, "scans"),
    Refused("bomb-tile", bomb_tile, "tiles of 65536 × 65536"),
    Refused("empty", lambda: b"", "x.jpg is empty", "x.jpg"),
    Refused("html", lambda: b"<!DOCTYPE html><html><body>404</body></html>", "an HTML page", "cat.jpg"),
    Refused("icon", lambda: saved("ICO"), "an icon, which is not read"),
    Refused("jpeg-header-only", lambda: b"\xff\xd8\xff\xe0", "x.jpg ends before its picture does", "x.jpg"),
    Refused("name-control", lambda: b"\x00\x01", "a b is of no picture format", "a\x00\x1b\nb"),
    Refused("no-format", lambda: b"\x00\x01\x02\x03" * 99, "of no picture format that is read"),
    Refused("pdf", lambda: b"%PDF-1.7\n", "a PDF document"),
    Refused("png-no-pixels", lambda: png(0, 32, 8, 2, b""), "damaged"),
    Refused("png-too-long", lambda: png(2_000_000, 1, 8, 0, b""), "no side may be longer"),
    Refused("svg", lambda: b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
    Refused("text", lambda: b"A text about pictures.\n" * 9, "text, not a picture", "x.jpg"),
    Refused("zip", zip_file, "a zip archive", "x.png"),
]


def textured() -> Iterator[tuple[str, bytes]]:
    """(format, bytes) of a picture that compresses badly, for cutting and damaging; HEIC as it is."""
    image = Image.fromarray(synthetic_image(7, (64, 48)))
    yield "avif", saved("AVIF", image)
    yield "bmp", saved("BMP", image)
    yield "gif", saved("GIF", image)
    yield "heic", heic_files.PLAIN
    yield "jpeg", saved("JPEG", image, exif=exif(x010F="Toy", x0112=6))
    yield "jpeg-progressive", saved("JPEG", image, progressive=True)
    yield "jpeg2000", saved("JPEG2000", image)
    yield "png", saved("PNG", image)
    yield "png-animated", saved("PNG", image, **frames(image))
    yield "pnm", saved("PPM", image)
    yield "tiff", saved("TIFF", image, exif=exif(x010F="Toy", x0112=6))
    yield "tiff-deflate", saved("TIFF", image, compression="tiff_adobe_deflate")
    yield "tiff-lzw", saved("TIFF", image, compression="tiff_lzw")
    yield "webp", saved("WEBP", image)
    yield "webp-animated", saved("WEBP", image, **frames(image))
    yield "webp-lossless", saved("WEBP", image, lossless=True)
