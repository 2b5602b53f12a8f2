"""Which recordings are read, how their first bytes look, and what is said of those that are not.

Bytes decide, never the name. Boxes that hold sounds and films alike (MP4, Matroska, ASF) are looked into as far as
their head goes: what shows a film there is no recording.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["SoundFormat", "named_like_a_sound", "recognise", "refusal", "stated_size"]


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """A format that is read: its ``name``, its IANA ``media_type``, FFmpeg's ``demuxers`` for it, and how ``sure``."""

    name: str
    media_type: str
    demuxers: tuple[str, ...]
    sure: float = 1.0


_WAV = SoundFormat("WAV", "audio/x-wav", ("wav",))
_AIFF = SoundFormat("AIFF", "audio/aiff", ("aiff",))
_FLAC = SoundFormat("FLAC", "audio/flac", ("flac",))
_MP3 = SoundFormat("MP3", "audio/mpeg", ("mp3",))
_ID3 = SoundFormat("MP3", "audio/mpeg", ("mp3", "aac", "flac", "tta", "ape", "wv"), 0.9)  # the tag precedes others too
_ADTS = SoundFormat("AAC", "audio/aac", ("aac",))
_AC3 = SoundFormat("AC3", "audio/ac3", ("ac3", "eac3"))
_M4A = SoundFormat("M4A", "audio/mp4", ("mov",))
_MP4 = SoundFormat("MP4", "audio/mp4", ("mov",), 0.3)
_MKA = SoundFormat("Matroska", "audio/matroska", ("matroska",), 0.9)
_MKV = SoundFormat("Matroska", "audio/matroska", ("matroska",), 0.3)
_WEBA = SoundFormat("WebM", "audio/webm", ("matroska",), 0.9)
_WEBM = SoundFormat("WebM", "audio/webm", ("matroska",), 0.3)
_WMA = SoundFormat("WMA", "audio/x-ms-wma", ("asf",), 0.9)
_ASF = SoundFormat("WMA", "audio/x-ms-wma", ("asf",), 0.3)

_PREFIXES: tuple[tuple[bytes, SoundFormat], ...] = (
    (b"#!AMR", SoundFormat("AMR", "audio/amr", ("amr",))),
    (b".snd", SoundFormat("AU", "audio/basic", ("au",))),
    (b"Creative Voice File\x1a", SoundFormat("VOC", "audio/x-voc", ("voc",))),
    (b"DSD ", SoundFormat("DSF", "audio/x-dsf", ("dsf",))),
    (b"ID3", _ID3),
    (b"MAC ", SoundFormat("APE", "audio/x-ape", ("ape",))),
    (b"MP+", SoundFormat("Musepack", "audio/x-musepack", ("mpc",))),
    (b"MPCK", SoundFormat("Musepack", "audio/x-musepack", ("mpc8",))),
    (b"TTA1", SoundFormat("TTA", "audio/x-tta", ("tta",))),
    (b"\x7f\xfe\x80\x01", SoundFormat("DTS", "audio/vnd.dts", ("dts",))),
    (b"caff\x00", SoundFormat("CAF", "audio/x-caf", ("caf",))),
    (b"fLaC", _FLAC),
    (b"qoaf", SoundFormat("QOA", "audio/x-qoa", ("qoa",))),
    (b"riff\x2e\x91\xcf\x11", SoundFormat("Wave64", "audio/x-w64", ("w64",))),
    (b"tBaK", SoundFormat("TAK", "audio/x-tak", ("tak",))),
    (b"wvpk", SoundFormat("WavPack", "audio/x-wavpack", ("wv",))),
)

_SIZE_UNKNOWN = 0x7FFF0000  # what programs write that do not know the end yet is not below

_SUFFIX = re.compile(
    r"\.(aac|ac3|aif[cf]?|amr|ape|au|caf|dsf|dts|eac3|flac|m4[abpr]|mka|mp[123]|mpc|oga|ogg|opus|qoa|snd|spx|tak|tta"
    r"|voc|w64|wave?|weba|wma|wv)$",
    re.IGNORECASE,
)

_OGG_SOUNDS = (
    (b"\x01vorbis", SoundFormat("Ogg Vorbis", "audio/ogg", ("ogg",))),
    (b"OpusHead", SoundFormat("Ogg Opus", "audio/opus", ("ogg",))),
    (b"\x7fFLAC", SoundFormat("Ogg FLAC", "audio/ogg", ("ogg",))),
    (b"Speex   ", SoundFormat("Speex", "audio/ogg", ("ogg",))),
)
_OGG_FILMS = (b"\x80theora", b"BBCD", b"OVP80", b"\x01video")

_SOUND_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P "})
_PICTURE_BRANDS = frozenset({b"avif", b"avis", b"heic", b"heim", b"heis", b"heix", b"hevc", b"hevm", b"hevs", b"hevx"})
_PICTURE_BRANDS |= {b"mif1", b"msf1", b"jp2 ", b"jxl ", b"crx "}

_ASF_HEAD = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_SOUND = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
_ASF_FILM = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")

_OTHER_FILES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"%PDF", "a PDF document"),
    (b"MThd", "a MIDI file, which holds notes and no sound"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"#EXTM3U", "a playlist, which is not followed"),
)


def recognise(head: bytes) -> SoundFormat | None:
    """The format whose first bytes these are (up to 4 KiB are enough), or None. Never raises."""
    for prefix, known in _PREFIXES:
        if head.startswith(prefix):
            return known
    if head[:4] in {b"RIFF", b"RF64", b"BW64", b"RIFX"} and head[8:12] == b"WAVE":
        return _WAV
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return _AIFF
    if head[:4] == b"OggS":
        return _of_ogg(head)
    if head[4:8] == b"ftyp":
        return _of_mp4(head)
    if head[:4] == b"\x1aE\xdf\xa3":
        return _of_matroska(head)
    if head.startswith(_ASF_HEAD):
        return None if _ASF_FILM in head else _WMA if _ASF_SOUND in head else _ASF
    return _of_frames(head)


def stated_size(head: bytes) -> int:
    """The bytes that the file should have by the head of a WAV or AIFF; 0 where it does not say."""
    order = {b"RIFF": "little", b"RIFX": "big", b"FORM": "big"}.get(head[:4])
    if order is None or len(head) < 8:
        return 0
    size = int.from_bytes(head[4:8], "little" if order == "little" else "big")
    return size + 8 if size < _SIZE_UNKNOWN else 0


def named_like_a_sound(name: str) -> bool:
    """Whether the name ends as recordings' names do, in letters of any case."""
    return _SUFFIX.search(name) is not None


def refusal(head: bytes) -> tuple[str, str]:
    """(what the unrecognised bytes are, what to do): ``("an HTML page", "…")``."""
    if not head:
        return "empty", ""
    for prefix, noun in _OTHER_FILES:
        if head.startswith(prefix):
            return f"{noun}, not a recording" if "," not in noun else noun, ""
    if head[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html")):
        return "an HTML page, not a recording", "it may be an error page that was saved under a recording's name"
    if _is_film(head):
        return "a film, not a recording", "add it to a collection of the modality video"
    return "of no sound format that is read", "WAV, AIFF, FLAC, MP3, AAC, M4A, Ogg, Opus and many others are"


def _is_film(head: bytes) -> bool:
    return (
        head[:4] in {b"OggS", b"\x1aE\xdf\xa3"}
        or head.startswith(_ASF_HEAD)
        or (head[4:8] == b"ftyp" and not _brands(head) & _PICTURE_BRANDS)
        or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
    )


def _of_ogg(head: bytes) -> SoundFormat | None:
    """By the first page of each stream in it (RFC 3533): one film among them makes it a film."""
    found = None
    at = 0
    while head[at : at + 4] == b"OggS" and len(head) > at + 27 and head[at + 5] & 2:
        segments = head[at + 26]
        start = at + 27 + segments
        payload = head[start : start + sum(head[at + 27 : start])]
        if payload.startswith(_OGG_FILMS):
            return None
        found = found or next((known for mark, known in _OGG_SOUNDS if payload.startswith(mark)), None)
        at = start + max(len(payload), 1)
    return found


def _brands(head: bytes) -> set[bytes]:
    """The ``ftyp`` box: its size, the major brand, a version, then the compatible brands (ISO/IEC 14496-12)."""
    end = min(max(int.from_bytes(head[:4], "big"), 16), len(head), 256)
    return {head[8:12], *(head[i : i + 4] for i in range(16, end - 3, 4))}


def _of_mp4(head: bytes) -> SoundFormat | None:
    brands = _brands(head)
    if brands & _PICTURE_BRANDS:
        return None
    if head[8:12] in _SOUND_BRANDS:
        return _M4A
    handlers = {head[match.end() + 8 : match.end() + 12] for match in re.finditer(b"hdlr", head)}
    if b"vide" in handlers:
        return None
    return _M4A if brands & _SOUND_BRANDS else _MP4


def _of_matroska(head: bytes) -> SoundFormat | None:
    """The codecs' names (RFC 9559) stand near the front as a rule."""
    if re.search(rb"V_[A-Z]", head):
        return None
    heard = re.search(rb"A_[A-Z]", head) is not None
    if b"webm" in head[:64]:
        return _WEBA if heard else _WEBM
    return _MKA if heard else _MKV


_MPEG_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_MPEG_KBITS = {  # (version 1?, layer) to kbit/s by index, ISO/IEC 11172-3 and 13818-3
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _of_frames(head: bytes) -> SoundFormat | None:
    """Streams without a header of their own: two frames in a row must agree, for two bytes agree by chance often."""
    if head[:2] == b"\x0b\x77":
        return _AC3 if head.find(b"\x0b\x77", 64) > 0 else None
    for known, length in ((_ADTS, _adts_frame), (_MP3, _mpeg_frame)):
        step = length(head[:7])
        if step and head[step : step + 2] == head[:2] and length(head[step : step + 7]):
            return known
    return None


def _adts_frame(header: bytes) -> int:
    """Bytes of the ADTS frame that begins so (ISO/IEC 13818-7), 0 where none does."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or (header[2] >> 2) & 15 > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0


def _mpeg_frame(header: bytes) -> int:
    """Bytes of the MPEG audio frame that begins so, 0 where none does; free-format ones are not known."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bits, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or bits in {0, 15} or rate == 3:
        return 0
    first = version == 3
    bits_a_second = 1000 * _MPEG_KBITS[first, layer][bits]
    hertz = _MPEG_RATES[version][rate]
    padding = header[2] >> 1 & 1
    if layer == 1:
        return (12 * bits_a_second // hertz + padding) * 4
    return (144 if first or layer == 2 else 72) * bits_a_second // hertz + padding
