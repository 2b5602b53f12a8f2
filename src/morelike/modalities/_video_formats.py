"""Which film formats are read, and how their first bytes look. Bytes decide, never the name.

A confidence below 1 says what else the same bytes may be: an MP4 with sound only, a picture that does not move.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["FilmFormat", "film_format", "named_like_a_film"]


@dataclass(frozen=True, slots=True)
class FilmFormat:
    """One container: its short ``name``, its IANA ``media_type``, and how sure the bytes make it that it is a film."""

    name: str
    media_type: str
    confidence: float


_MP4 = FilmFormat("MP4", "video/mp4", 0.9)
_MOV = FilmFormat("MOV", "video/quicktime", 0.9)
_WEBM = FilmFormat("WebM", "video/webm", 0.8)
_MATROSKA = FilmFormat("Matroska", "video/matroska", 0.8)
_OGG = FilmFormat("Ogg", "video/ogg", 0.95)
_TS = FilmFormat("MPEG-TS", "video/mp2t", 0.9)
_PS = FilmFormat("MPEG-PS", "video/mpeg", 0.9)
_FLV = FilmFormat("FLV", "video/x-flv", 0.95)
_SOUND_FLV = FilmFormat("FLV", "video/x-flv", 0.2)
_ASF = FilmFormat("ASF", "video/x-ms-asf", 0.6)
_GIF = FilmFormat("GIF", "image/gif", 0.4)
_WEBP = FilmFormat("WEBP", "image/webp", 0.4)

_PREFIXES: tuple[tuple[bytes, FilmFormat], ...] = (
    (b"\x00\x00\x01\xba", _PS),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", _ASF),
    (b"DKIF", FilmFormat("IVF", "video/x-ivf", 0.95)),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01", FilmFormat("MXF", "application/mxf", 0.8)),
    (b"nut/multimedia container\x00", FilmFormat("NUT", "video/x-nut", 0.8)),
    (b".RMF", FilmFormat("RealMedia", "application/vnd.rn-realmedia", 0.6)),
)
_AUDIO_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})
_PICTURE_BRANDS = frozenset({b"avif", b"avis", b"heic", b"heim", b"heis", b"heix", b"hevc", b"hevm", b"mif1", b"msf1"})
_3GP = FilmFormat("3GP", "video/3gpp", 0.9)
_M4V = FilmFormat("MP4", "video/x-m4v", 0.95)
_BOXES = frozenset({b"moov", b"mdat", b"wide"})  # a QuickTime file of before ``ftyp``
_FILMS_IN_OGG = (b"\x80theora", b"OVP80", b"BBCD\x00")
_FLV_HAS_PICTURES = 1
_ANIMATED = 2  # the bit of a WebP's VP8X flags
_TS_PACKET, _M2TS_PACKET = 188, 192
_GIF_CONTROL = b"\x21\xf9\x04"
"""Before each picture: four bytes follow, of which the middle two are its hundredths of a second."""
_GIF_LOOPS = re.compile(rb"\x21\xff\x0b(NETSCAPE2\.0|ANIMEXTS1\.0)")
_SUFFIX = re.compile(
    r"\.(3g[2p]|asf|avi|dv|f4v|flv|ivf|m2?ts|m4v|mk3?v|mov|mp4|mpe?g|mxf|nut|og[mv]|qt|rmvb?|vob|webm|wmv)$",
    re.IGNORECASE,
)


def film_format(head: bytes) -> FilmFormat | None:
    """The container whose first bytes these are (up to 4 KiB), or None. Never raises."""
    for prefix, known in _PREFIXES:
        if head.startswith(prefix):
            return known
    if head[4:8] == b"ftyp":
        return _of_brand(head)
    if head[4:8] in _BOXES:
        return _MOV
    if head[:4] == b"\x1aE\xdf\xa3":
        return _of_doctype(head)
    if head[:4] == b"RIFF":
        return _of_riff(head)
    if head[:4] == b"OggS":
        return _OGG if any(mark in head for mark in _FILMS_IN_OGG) else None
    if head[:4] == b"FLV\x01":
        return _FLV if len(head) > 4 and head[4] & _FLV_HAS_PICTURES else _SOUND_FLV
    if head[:6] in {b"GIF87a", b"GIF89a"}:
        return _GIF if _may_move(head) else None
    return _TS if _is_transport(head) else None


def named_like_a_film(name: str) -> bool:
    """Whether the name ends as films' names do, in letters of any case."""
    return _SUFFIX.search(name) is not None


def _of_brand(head: bytes) -> FilmFormat | None:
    """The major brand of an ``ftyp`` box; MP4 where it is none that says otherwise (ISO/IEC 14496-12)."""
    major = head[8:12]
    if major in _AUDIO_BRANDS or major in _PICTURE_BRANDS:
        return None
    if major == b"qt  ":
        return _MOV
    if major.startswith((b"3gp", b"3g2")):
        return _3GP
    return _M4V if major.startswith(b"M4V") else _MP4


def _of_doctype(head: bytes) -> FilmFormat | None:
    start = head[:64]
    if b"webm" in start:
        return _WEBM
    return _MATROSKA if b"matroska" in start else None


def _of_riff(head: bytes) -> FilmFormat | None:
    if head[8:12] in {b"AVI ", b"AVIX"}:
        return FilmFormat("AVI", "video/vnd.avi", 1.0)
    if head[8:16] == b"WEBPVP8X" and len(head) > 20 and head[20] & _ANIMATED:
        return _WEBP
    return None


def _may_move(head: bytes) -> bool:
    """Whether a GIF says that it is played in a loop, for how long its first picture stays, or shows a second one."""
    if _GIF_LOOPS.search(head) is not None or head.count(_GIF_CONTROL) > 1:
        return True
    at = head.find(_GIF_CONTROL)
    return at >= 0 and any(head[at + 4 : at + 6])


def _is_transport(head: bytes) -> bool:
    """Three packets in a row that begin with 0x47, with or without a time stamp of four bytes before each."""
    for size, first in ((_TS_PACKET, 0), (_M2TS_PACKET, 4)):
        starts = head[first : first + 3 * size : size]
        if len(starts) == 3 and set(starts) == {0x47}:
            return True
    return False
