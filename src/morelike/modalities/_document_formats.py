"""Which format a document is in, by its first bytes; the name helps where these say too little."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

__all__ = ["DocumentFormat", "named_like_a_document", "recognise"]


@dataclass(frozen=True, slots=True)
class DocumentFormat:
    """``sure``: the confidence, 0 to 1."""

    name: str
    media_type: str
    sure: float


_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_PDF: Final = DocumentFormat("PDF", "application/pdf", 1.0)
_DOCX: Final = DocumentFormat("DOCX", f"{_OFFICE}wordprocessingml.document", 1.0)
_PPTX: Final = DocumentFormat("PPTX", f"{_OFFICE}presentationml.presentation", 1.0)
_EPUB: Final = DocumentFormat("EPUB", "application/epub+zip", 1.0)
_HTML: Final = DocumentFormat("HTML", "text/html", 0.1)
"""Less than what the modality of texts says of it: a folder of pages is one of texts."""
_OLD: Final = DocumentFormat("OLE", "application/x-ole-storage", 0.05)
"""What an encrypted DOCX is in, and DOC and PPT: enough to say what is wrong."""
_BY_SUFFIX: Final = {".docx": _DOCX, ".docm": _DOCX, ".dotx": _DOCX, ".pptx": _PPTX, ".pptm": _PPTX, ".ppsx": _PPTX}
_SUFFIXES: Final = frozenset({*_BY_SUFFIX, ".pdf", ".epub", ".doc", ".ppt"})

_PDF_WITHIN: Final = 1024
_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FIRST_NAME: Final = 30
_BOOK: Final = b"mimetypeapplication/epub+zip"
_OFFICE_FIRST: Final = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"word/", b"ppt/", b"customXml/")
_PAGE: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,500}?-->\s*)*<(?:!doctype\s+html|html)\b", re.I | re.S
)


def recognise(head: bytes, name: str) -> DocumentFormat | None:
    """From the first 4 KiB. Never raises."""
    if b"%PDF-" in head[:_PDF_WITHIN]:
        return _PDF
    if head.startswith(_ZIP):
        return _zipped(head, name)
    if head.startswith(_OLE) and _suffix(name) in _SUFFIXES:
        return _OLD
    return _HTML if _PAGE.match(head) else None


def named_like_a_document(name: str) -> bool:
    return _suffix(name) in _SUFFIXES


def _zipped(head: bytes, name: str) -> DocumentFormat | None:
    """By the names of the members that begin within the head; of an Office file they may say nothing yet."""
    if head[_FIRST_NAME:].startswith(_BOOK):
        return _EPUB
    if not head[_FIRST_NAME:].startswith(_OFFICE_FIRST):
        return None
    if b"ppt/" in head:
        return _PPTX
    if b"word/" in head:
        return _DOCX
    return None if b"xl/" in head or b"visio/" in head else _BY_SUFFIX.get(_suffix(name))


def _suffix(name: str) -> str:
    return PurePath(name.replace("\0", "")).suffix.lower()
