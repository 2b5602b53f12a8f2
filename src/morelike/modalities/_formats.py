"""Which picture formats are read, how their first bytes look, and what is said of those that are not.

Bytes decide, never the name. The table is an allow-list: a plugin of Pillow that is not in it is never asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Format", "named_like_a_picture", "picture_not_read", "recognise", "refusal"]


@dataclass(frozen=True, slots=True)
class Format:
    """One format that is read: Pillow's ``name`` for it and its IANA ``media_type``."""

    name: str
    media_type: str


_AVIF = Format("AVIF", "image/avif")
_BMP = Format("BMP", "image/bmp")
_HEIC = Format("HEIF", "image/heic")
_HEIF = Format("HEIF", "image/heif")
_PNM = Format("PPM", "image/x-portable-anymap")
_TIFF = Format("TIFF", "image/tiff")

_PREFIXES: tuple[tuple[bytes, Format], ...] = (
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", Format("JPEG2000", "image/jp2")),
    (b"\x89PNG\r\n\x1a\n", Format("PNG", "image/png")),
    (b"\xff\xd8\xff", Format("JPEG", "image/jpeg")),
    (b"GIF87a", Format("GIF", "image/gif")),
    (b"GIF89a", Format("GIF", "image/gif")),
    (b"II*\x00", _TIFF),
    (b"II+\x00", _TIFF),  # BigTIFF
    (b"MM\x00*", _TIFF),
    (b"MM\x00+", _TIFF),
)
_WEBP = Format("WEBP", "image/webp")

_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heim", b"heis", b"heix", b"hevc", b"hevm", b"hevs", b"hevx"})
_HEIF_BRANDS = frozenset({b"mif1", b"msf1"})

_BMP_HEADER_SIZES = frozenset({12, 40, 52, 56, 64, 108, 124})
_PNM_HEADER = re.compile(rb"P[456](?:\s|#[^\r\n]*[\r\n])+\d")  # P1 to P3 hold their pixels as text: slow, and rare

_SUFFIX = re.compile(
    r"\.(a?png|avif|bmp|dib|gif|hei[cf]s?|hif|jfif|jp2|jpe?g?|p[bgnp]m|tiff?|webp)$",
    re.IGNORECASE,
)

_PICTURES_NOT_READ: tuple[tuple[bytes, str], ...] = (
    (b"8BPS", "a Photoshop document"),
    (b"%!PS", "a PostScript program"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"II\xbc\x01", "a JPEG XR picture"),
    (b"\xffO\xffQ", "a bare JPEG 2000 stream"),
)
_OTHER_FILES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"%PDF", "a PDF document"),
)


def recognise(head: bytes) -> Format | None:
    """The format whose first bytes these are (up to 4 KiB are enough), or None. Never raises."""
    for prefix, known in _PREFIXES:
        if head.startswith(prefix):
            return known
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _WEBP
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return _BMP
    if _PNM_HEADER.match(head):
        return _PNM
    return None


def _of_brands(head: bytes) -> Format | None:
    """The ``ftyp`` box: its size, the major brand, a version, then the compatible brands (ISO/IEC 14496-12)."""
    end = min(max(int.from_bytes(head[:4], "big"), 16), len(head), 256)
    brands = {head[8:12], *(head[i : i + 4] for i in range(16, end - 3, 4))}
    if brands & _AVIF_BRANDS:
        return _AVIF
    if brands & _HEIC_BRANDS:
        return _HEIC
    return _HEIF if brands & _HEIF_BRANDS else None


def named_like_a_picture(name: str) -> bool:
    """Whether the name ends as pictures' names do, in letters of any case."""
    return _SUFFIX.search(name) is not None


def _is_svg(head: bytes) -> bool:
    start = head[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith(b"<svg") or (start.startswith((b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in head)


def picture_not_read(head: bytes) -> str:
    """What picture of a format outside the allow-list this is; empty where it is none."""
    if _is_svg(head):
        return "an SVG drawing"
    return next((noun for prefix, noun in _PICTURES_NOT_READ if head.startswith(prefix)), "")


def refusal(head: bytes) -> tuple[str, str]:
    """(what the unrecognised bytes are, what to do): ``("an HTML page", "…")``."""
    if not head:
        return "empty", ""
    if noun := picture_not_read(head):
        return f"{noun}, which is not read", "convert it to PNG or JPEG first"
    for prefix, noun in _OTHER_FILES:
        if head.startswith(prefix):
            return f"{noun}, not a picture", ""
    if head[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html")):
        return "an HTML page, not a picture", "it may be an error page that was saved under a picture's name"
    if b"\x00" not in head and _is_text(head):
        return "text, not a picture", ""
    return "of no picture format that is read", "JPEG, PNG, GIF, WebP, TIFF, BMP, HEIC, AVIF, JPEG 2000 and PNM are"


def _is_text(head: bytes) -> bool:
    try:
        head[:-3].decode()  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return True
