"""PDFium in a process of its own: this file is its program, which imports nothing of the house.

PDFium is native code that one thread at a time may use, and no call of it can be ended from outside: a file of two
kilobytes, whose drawings hold one another ten times each, ten deep, takes it hours and all memory there is. So it works
here, within bounds that the system enforces, and whoever asked sees that the process ended.

A request is a line of JSON, then the document's bytes; an answer is some frames, each a line of JSON, then as many
bytes as its ``bytes`` says; the last one has ``done`` or ``error``. The program ends with its standard input.
"""

from __future__ import annotations

import ctypes
import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

__all__ = ["main"]

Frame = tuple[dict[str, Any], bytes]
Box = tuple[float, float, float, float]

_ERRORS = {3: "format", 4: "password", 5: "security"}
_POINTS = 72.0
_LONGEST_FACT = 2000
_MOST_BOXES = 2000
_BROKEN_WORD = 0x02
"""What PDFium gives for a hyphen at a line's end."""
_LINE_END = 0x0A


class _Refused(Exception):
    """The document cannot be used; the word says why."""


def main() -> None:
    """Answer requests until there are no more."""
    sys.path[:] = json.loads(sys.argv[1])
    import pypdfium2_raw  # type: ignore[import-untyped] # generated bindings

    pdfium: Any = pypdfium2_raw
    fonts = (ctypes.POINTER(ctypes.c_char) * 1)()  # PDFium's own ones alone: pages look alike on every machine
    pdfium.FPDF_InitLibraryWithConfig(pdfium.FPDF_LIBRARY_CONFIG(version=2, m_pUserFontPaths=fonts))
    bounds = _Bounds()
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        data = sys.stdin.buffer.read(request["size"])
        bounds.begin(request)
        _send(sys.stdout.buffer, _answers(pdfium, request, data, bounds))
        bounds.end()


def _send(out: BinaryIO, frames: Iterator[Frame]) -> None:
    for told, data in frames:
        out.write(json.dumps({**told, "bytes": len(data)}).encode() + b"\n")
        out.write(data)
        out.flush()


class _Bounds:
    """What one request may take, as the system enforces it; nothing where it knows no such bounds."""

    def __init__(self) -> None:
        self._page = 0.0

    def begin(self, request: dict[str, Any]) -> None:
        """So much memory, so many seconds of the processor in all, and so many a page."""
        with suppress(ImportError, OSError, ValueError):
            import resource

            used = resource.getrusage(resource.RUSAGE_SELF)
            seconds = math.ceil(used.ru_utime + used.ru_stime) + request["seconds"]
            for what, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
                resource.setrlimit(what, (most, resource.getrlimit(what)[1]))
            resource.setrlimit(resource.RLIMIT_AS, (request["memory"], resource.getrlimit(resource.RLIMIT_AS)[1]))
        self._page = float(request["page_seconds"])
        self.page()

    def page(self) -> None:
        """A further page begins."""
        with suppress(ImportError, AttributeError):
            import signal

            signal.setitimer(signal.ITIMER_PROF, self._page)

    def end(self) -> None:
        self._page = 0.0
        self.page()


def _answers(pdfium: Any, request: dict[str, Any], data: bytes, bounds: _Bounds) -> Iterator[Frame]:
    try:
        with _opened(pdfium, data) as document:
            yield from (
                _words(pdfium, document, request, bounds)
                if request["asked"] == "words"
                else _pictures(pdfium, document, request, bounds)
            )
    except (_Refused, MemoryError) as error:
        yield {"error": str(error) or "memory"}, b""
    else:
        yield {"done": True}, b""


@contextmanager
def _opened(pdfium: Any, data: bytes) -> Iterator[Any]:
    document = pdfium.FPDF_LoadMemDocument64(data, len(data), None)
    if not document:
        raise _Refused(_ERRORS.get(pdfium.FPDF_GetLastError(), "format"))
    try:
        yield document
    finally:
        pdfium.FPDF_CloseDocument(document)


@contextmanager
def _page(pdfium: Any, document: Any, number: int) -> Iterator[Any]:
    """None where it is damaged, or of no size."""
    page = pdfium.FPDF_LoadPage(document, number)
    try:
        size = (pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page)) if page else (0.0, 0.0)
        yield page if all(math.isfinite(side) and side > 0 for side in size) else None
    finally:
        if page:
            pdfium.FPDF_ClosePage(page)


@contextmanager
def _text_of(pdfium: Any, page: Any) -> Iterator[Any]:
    text = pdfium.FPDFText_LoadPage(page)
    try:
        yield text
    finally:
        if text:
            pdfium.FPDFText_ClosePage(text)


def _words(pdfium: Any, document: Any, request: dict[str, Any], bounds: _Bounds) -> Iterator[Frame]:
    """First what is said of the whole, then each page's text."""
    count = pdfium.FPDF_GetPageCount(document)
    facts = {name: _fact(pdfium, document, name.encode()) for name in ("Title", "Author", "CreationDate")}
    yield {"count": count, **facts}, b""
    if count > request["pages"]:
        raise _Refused("pages")
    left = request["characters"]
    for number in range(count):
        bounds.page()
        with _page(pdfium, document, number) as page:
            if page is None:
                yield {"text": "", "drawn": False, "broken": True}, b""
                continue
            with _text_of(pdfium, page) as text_page:
                left -= max(pdfium.FPDFText_CountChars(text_page), 0) if text_page else 0
                if left < 0:
                    raise _Refused("characters")
                text = _read(pdfium, text_page)[0] if text_page else ""
            yield {"text": text, "drawn": pdfium.FPDFPage_CountObjects(page) > 0, "broken": False}, b""


def _fact(pdfium: Any, document: Any, name: bytes) -> str:
    size = pdfium.FPDF_GetMetaText(document, name, None, 0)
    if not 2 < size <= 2 * _LONGEST_FACT:
        return ""
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDF_GetMetaText(document, name, buffer, size)
    return buffer.raw.decode("utf-16-le", "ignore").rstrip("\0")


def _read(pdfium: Any, text_page: Any) -> tuple[str, list[int]]:
    """The page's text and, for each of its characters, the number that PDFium knows it by.

    Lines end in one line feed. A word that is parted at a line's end is put together where it goes on in small letters.
    """
    count = pdfium.FPDFText_CountChars(text_page)
    get = pdfium.FPDFText_GetUnicode
    codes = [get(text_page, at) for at in range(count)]
    found: list[str] = []
    places: list[int] = []
    for at, code in enumerate(codes):
        letter = _letter(code, codes, at)
        if letter:
            found.append(letter)
            places.append(at)
    text = "".join(found)
    return (text, places) if text.strip() else ("", [])


def _letter(code: int, codes: list[int], at: int) -> str:
    following = codes[at + 1] if at + 1 < len(codes) else 0
    if code == _BROKEN_WORD:
        return "" if _character(following).islower() else "-"
    if 0xD800 <= code < 0xDC00 and 0xDC00 <= following < 0xE000:
        return chr(0x10000 + ((code - 0xD800) << 10) + (following - 0xDC00))
    return _character(code)


def _character(code: int) -> str:
    control = code < 0x20 and code not in {0x09, _LINE_END}
    unusable = 0xD800 <= code < 0xE000 or code & 0xFFFE == 0xFFFE or code > 0x10FFFF
    return "" if control or unusable or code in {0x7F, 0xAD} else chr(code)


def _pictures(pdfium: Any, document: Any, request: dict[str, Any], bounds: _Bounds) -> Iterator[Frame]:
    """RGB, row by row, of each page asked for; ``boxes`` in pixels of what is to be marked."""
    count = pdfium.FPDF_GetPageCount(document)
    for wanted in request["wanted"]:
        bounds.page()
        if not 0 <= wanted["page"] < count:
            raise _Refused("page")
        with _page(pdfium, document, wanted["page"]) as page:
            if page is None:
                raise _Refused("broken")
            size = pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page)
            width, height = _pixels(*size, wanted["shorter"], wanted["longest"], wanted["dots"])
            boxes = _boxes(pdfium, page, wanted["marked"], width, height) if wanted["marked"] else []
            yield {"width": width, "height": height, "boxes": boxes}, _picture(pdfium, page, width, height)


def _pixels(width: float, height: float, shorter: int, longest: int, dots: float) -> tuple[int, int]:
    """As many dots an inch, or as many pixels on the shorter side, but no more than ``longest`` on the longer one."""
    scale = shorter / min(width, height) if shorter else dots / _POINTS
    scale = min(scale, longest / max(width, height))
    return max(min(round(width * scale), longest), 1), max(min(round(height * scale), longest), 1)


def _picture(pdfium: Any, page: Any, width: int, height: int) -> bytes:
    """(height, width, 3) uint8, on white, with annotations."""
    buffer = (ctypes.c_ubyte * (width * height * 3))()
    bitmap = pdfium.FPDFBitmap_CreateEx(width, height, pdfium.FPDFBitmap_BGR, buffer, width * 3)
    if not bitmap:
        raise _Refused("memory")
    try:
        pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xFFFFFFFF)
        flags = pdfium.FPDF_ANNOT | pdfium.FPDF_REVERSE_BYTE_ORDER
        pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, flags)
    finally:
        pdfium.FPDFBitmap_Destroy(bitmap)
    return bytes(buffer)


def _boxes(pdfium: Any, page: Any, marked: tuple[int, int], width: int, height: int) -> list[Box]:
    """(left, top, right, bottom) in pixels of the lines in which the characters lie."""
    with _text_of(pdfium, page) as text_page:
        places = _read(pdfium, text_page)[1][slice(*marked)] if text_page else []
        if not places:
            return []
        number = pdfium.FPDFText_CountRects(text_page, places[0], places[-1] + 1 - places[0])
        found = []
        for at in range(min(number, _MOST_BOXES)):
            left, top, right, bottom = (ctypes.c_double() for _ in range(4))
            if pdfium.FPDFText_GetRect(text_page, at, left, top, right, bottom):
                corners = [
                    _device(pdfium, page, (width, height), corner)
                    for corner in ((left.value, top.value), (right.value, bottom.value))
                ]
                found.append((*map(min, *corners), *map(max, *corners)))
    return found


def _device(pdfium: Any, page: Any, size: tuple[int, int], corner: tuple[float, float]) -> tuple[float, float]:
    """A place on the page in pixels of its picture, which lies as the page does."""
    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, *size, 0, *corner, across, down)
    return float(across.value), float(down.value)


if __name__ == "__main__":
    main()
