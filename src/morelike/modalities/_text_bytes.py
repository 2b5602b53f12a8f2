"""Bytes to characters: byte order marks, UTF-8, what a page declares of itself, else a guess by its letters."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from itertools import islice
from typing import Final

from morelike.errors import DecodeError

__all__ = ["decoded", "decoded_head", "encoding_of"]

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as UTF-16's does
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_CONTROL_BYTES: Final = bytes([*range(0x09), *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F])
_MOST_CONTROLS: Final = 0.01
"""What has a larger share of control characters is no text."""
_STRANGE: Final = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"})
"""Codecs that no page is written in; some of them are slow."""
_WESTERN: Final = frozenset({"ascii", "iso8859-1"})
"""What browsers read as Windows-1252, of which both are a part."""
_GUESSED: Final = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "koi8_r"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949", "tis_620"),
)
"""What is guessed: where DOS and old Macs are candidates too, a short German text is taken for theirs."""
_GUESSED_FROM: Final = 1 << 15
_BEFORE: Final = 1024
_FEW_NULS: Final = 0.2
"""The share of NULs, of the bytes at even or odd places, from which on they are halves of UTF-16."""
_HALF_A_LETTER: Final = 8
_FEWEST: Final = 8
"""Bytes that show which UTF-16 it is."""


def decoded(data: bytes, label: str, declared: str = "") -> str:
    """The characters, without a byte order mark, otherwise as they are. Deterministic.

    In this order: by the byte order mark; UTF-8; UTF-16 that shows by its NULs; ``declared``, an encoding's name; what
    the letters look like (charset-normalizer, extra ``text``). Raises DecodeError on what is no text.
    """
    text = _by_mark(data, label)
    if text is None:
        text = _as(data, "utf-8")
    if text is None and (wide := _wide(data)):
        text = _as(data, wide)
    if text is None and declared and b"\0" not in data:
        text = _as(data, declared)
    if text is None:
        text = data.decode(_guess(data, label), "replace")
    if text.startswith("\ufeff"):
        text = text[1:]
    one_too_many = islice(_CONTROLS.finditer(text), int(_MOST_CONTROLS * len(text)), None)
    if next(one_too_many, None) is not None:
        raise DecodeError(f"{label} is no text: it has control characters", hint="is it a file of another kind?")
    return text


def encoding_of(sample: bytes, label: str) -> str:
    """The encoding of a long file, by its beginning: a name for ``open``. Raises DecodeError on what is no text."""
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name.removesuffix("-le").removesuffix("-be") if name != "utf-8" else "utf-8-sig"
    if _as(sample, "utf-8", _HALF_A_LETTER) is not None:
        return "utf-8-sig"
    return _wide(sample) or _guess(sample, label)


def decoded_head(head: bytes) -> str | None:
    """The characters of a file's first bytes, of which the last may be cut; None where it is no text. Never raises.

    Letters of an encoding that would have to be guessed are those of Windows-1252: what stands between them counts.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return head[len(mark) :].decode(name, "replace")
    if b"\0" in head:
        wide = _wide(head)
        return head.decode(wide, "replace") if wide else None
    if len(head) - len(head.translate(None, _CONTROL_BYTES)) > _MOST_CONTROLS * len(head):
        return None
    text = _as(head, "utf-8", _HALF_A_LETTER)
    if text is None and not any(blank in head for blank in (b" ", b"\n", b"\t", b",")):
        return None
    return head.decode("cp1252", "replace") if text is None else text


def _by_mark(data: bytes, label: str) -> str | None:
    for mark, name in _MARKS:
        if data.startswith(mark):
            body = data[len(mark) :]
            text = _as(body, name)
            if text is None:
                raise DecodeError(f"{label} begins as {name.upper()} and is none", hint="save it as UTF-8")
            return text
    return None


def _as(data: bytes, name: str, cut: int = 0) -> str | None:
    """None where it is none; ``cut``: so many bytes at the end may be part of a letter."""
    try:
        codec = codecs.lookup(name)
        if codec.name in _STRANGE or not getattr(codec, "_is_text_encoding", False):  # rot13, zip … are codecs too
            return None
        if codec.name in _WESTERN:
            with suppress(UnicodeDecodeError):
                return data.decode("cp1252")
        return data.decode(name)
    except UnicodeDecodeError as error:
        if cut and error.start > len(data) - cut and error.start > 0:
            return data[: error.start].decode(name)
        return None
    except (LookupError, UnicodeError, ValueError):
        return None


def _wide(data: bytes) -> str:
    """Which UTF-16 the NULs speak for; empty: none."""
    head = data[:4096]
    if b"\0" not in head or len(head) < _FEWEST:
        return ""
    even, odd = head[::2].count(0) / len(head[::2]), head[1::2].count(0) / len(head[1::2])
    if max(even, odd) < _FEW_NULS or min(even, odd) > _FEW_NULS / 2:
        return ""
    return "utf-16-be" if even > odd else "utf-16-le"


def _guess(data: bytes, label: str) -> str:
    if b"\0" in data:
        raise DecodeError(f"{label} is no text: it has NUL bytes", hint="is it a file of another kind?")
    try:
        from charset_normalizer import from_bytes
    except ModuleNotFoundError:
        hint = "save it as UTF-8, or install what guesses: pip install 'morelike[text]'"
        raise DecodeError(f"{label} is not UTF-8", hint=hint) from None
    first = next((at for at, byte in enumerate(data) if byte >= 0x80), 0)
    sample = data[max(first - _BEFORE, 0) : first + _GUESSED_FROM]
    found = from_bytes(sample, cp_isolation=list(_GUESSED))
    best = found.best()
    if best is None:
        raise DecodeError(f"{label} is text of no encoding that is known", hint="save it as UTF-8")
    alike = {match.encoding for match in found if match.chaos <= best.chaos}
    return "cp1252" if best.encoding == "cp1250" and "cp1252" in alike else best.encoding
