"""Builds the bytes of odd pictures: by Pillow and tifffile where they write them, by hand where nobody does.

Most show ``quadrants()``: four flat colours, 48 × 32, no two mirror images or turns of it alike. Its edges lie on
multiples of 8, so that lossy formats keep the colours to within a few levels.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from morelike.testing.images import synthetic_image

Pixels = NDArray[np.uint8]
RED, GREEN, BLUE, YELLOW = (200, 40, 40), (40, 180, 60), (50, 60, 200), (220, 210, 60)
ORIENTATION = 0x0112


def quadrants() -> Pixels:
    """uint8 (32, 48, 3): red, green above blue, yellow."""
    pixels = np.empty((32, 48, 3), np.uint8)
    pixels[:16, :24], pixels[:16, 24:], pixels[16:, :24], pixels[16:, 24:] = RED, GREEN, BLUE, YELLOW
    return pixels


def greys() -> Pixels:
    """uint8 (16, 64): a ramp over all levels, in steps of four, each row shifted."""
    return (np.arange(64)[None, :] * 4 + np.arange(16)[:, None]).astype(np.uint8)


def grey_pixels() -> Pixels:
    return np.repeat(greys()[:, :, None], 3, axis=2)


def upper_left_white() -> Pixels:
    pixels = quadrants()
    pixels[:16, :24] = 255
    return pixels


def with_alpha() -> Pixels:
    """uint8 (32, 48, 4): the upper left quarter is transparent."""
    alpha = np.full((32, 48, 1), 255, np.uint8)
    alpha[:16, :24] = 0
    return np.concatenate([quadrants(), alpha], axis=2)


def saved(format: str, image: Image.Image | Pixels | None = None, **options: Any) -> bytes:
    """The bytes that Pillow writes; without an image, those of ``quadrants()``."""
    if not isinstance(image, Image.Image):
        image = Image.fromarray(quadrants() if image is None else image)
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def saved_tiff(pixels: NDArray[Any], **options: Any) -> bytes:
    """The bytes that tifffile writes: depths, tiles and BigTIFF that Pillow does not."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG by hand. ``rows``: filter byte and samples of each row; ``colour``: 0 grey, 2 RGB, 4 grey + alpha."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def png_16_bit_rgb() -> bytes:
    deep = quadrants().astype(">u2") * 257
    return png(48, 32, 16, 2, b"".join(b"\x00" + row.tobytes() for row in deep))


def cmyk() -> Image.Image:
    """Ink that prints as ``quadrants()`` by the plain formula."""
    ink = np.concatenate([255 - quadrants(), np.zeros((32, 48, 1), np.uint8)], axis=2)
    return Image.fromarray(ink, "CMYK")


def without_adobe_marker(data: bytes) -> bytes:
    """The same JPEG without its APP14 segment."""
    start = data.index(b"\xff\xee")
    return data[:start] + data[start + 2 + int.from_bytes(data[start + 2 : start + 4], "big") :]


def palette(transparency: int | None = None) -> Image.Image:
    image = Image.new("P", (48, 32))
    image.putpalette([level for colour in (RED, GREEN, BLUE, YELLOW) for level in colour])
    for index, box in enumerate([(0, 0, 24, 16), (24, 0, 48, 16), (0, 16, 24, 32), (24, 16, 48, 32)]):
        image.paste(index, box)
    if transparency is not None:
        image.info["transparency"] = transparency
    return image


def bits() -> Pixels:
    """uint8 (32, 48) of 0 and 255: the left half is white, and the upper right quarter."""
    pixels = np.zeros((32, 48), np.uint8)
    pixels[:, :24] = pixels[:16] = 255
    return pixels


def exif(**tags: Any) -> Image.Exif:
    block = Image.Exif()
    block.update({int(tag[1:], 16): value for tag, value in tags.items()})
    return block


def turned(orientation: int, format: str = "JPEG", **options: Any) -> bytes:
    """A file that shows ``quadrants()`` once its EXIF orientation is applied."""
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    block = Image.Exif()
    block[ORIENTATION] = orientation
    return saved(format, np.ascontiguousarray(undo(quadrants())), exif=block, **options)


def frames(image: Image.Image | None = None) -> dict[str, Any]:
    """Options that add a second frame: ``image`` upside down, without one ``quadrants()``."""
    second = (image or Image.fromarray(quadrants())).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return {"save_all": True, "append_images": [second], "duration": 100}


def lab() -> Image.Image:
    converted = ImageCms.profileToProfile(
        Image.fromarray(quadrants()),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    assert converted is not None
    return converted


def huge_exif() -> bytes:
    """A JPEG whose EXIF says orientation 6 and then carries 60 kB of maker's note."""
    block = exif(x0112=6, x010F="M" * 300)
    block.get_ifd(0x8769)[0x927C] = b"\x00" * 60_000
    return saved("JPEG", np.ascontiguousarray(np.rot90(quadrants(), 1)), exif=block, quality=95, subsampling=0)


def bomb_header() -> bytes:
    """A few bytes of PNG that claim 60000 × 60000 pixels."""
    return png(60_000, 60_000, 8, 2, b"")


def bomb_real() -> bytes:
    """12000 × 12000 one-bit pixels, all there, in 18 kB."""
    return png(12_000, 12_000, 1, 0, bytes((12_000 // 8 + 1) * 12_000))


def bomb_tile() -> bytes:
    """A TIFF of 16 × 16 pixels in one tile that claims 65536 × 65536."""
    data = saved_tiff(np.zeros((16, 16), np.uint8), tile=(16, 16), compression="zlib")
    for tag in (322, 323):
        at = max(data.find(struct.pack("<HHI", tag, kind, 1)) for kind in (3, 4))  # SHORT or LONG; then LONG
        data = data[:at] + struct.pack("<HHII", tag, 4, 1, 65_536) + data[at + 12 :]
    return data


def bomb_scans() -> bytes:
    """A progressive JPEG that repeats one scan 600 times."""
    data = saved("JPEG", synthetic_image(3, 64), progressive=True)
    start = data.rindex(b"\xff\xda")
    scan = data[start:-2]
    return data[:start] + scan * 600 + data[-2:]


def zip_file() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("cat.png", "no picture")
    return buffer.getvalue()


def quality(format: str = "JPEG", image: Image.Image | Pixels | None = None, **options: Any) -> bytes:
    return saved(format, image, quality=95, subsampling=0, **options)


def deep(pixels: Pixels) -> NDArray[np.uint16]:
    """The same picture over the whole range of 16 bits."""
    return pixels.astype(np.uint16) * 257


def grey3(pixels: Pixels) -> Pixels:
    return np.repeat(pixels[:, :, None], 3, axis=2)


def half_grey() -> Image.Image:
    """Level 55 at half opacity, which is 155 over white."""
    return Image.new("LA", (3, 2), (55, 128))


def tall() -> Pixels:
    return grey3((np.arange(10_000) % 251).astype(np.uint8)[:, None])


def wide() -> Pixels:
    return grey3((np.arange(10_000) % 241).astype(np.uint8)[None, :])
