"""Documents: words in passages, each with its place, and the pictures of pages."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import blake3

from morelike.errors import DecodeError, MissingExtra, QueryError, SourceError, UsageError
from morelike.modalities._document_formats import DocumentFormat, named_like_a_document, recognise
from morelike.modalities._document_kept import Kept
from morelike.modalities._document_words import MOST_PARTS, Piece, Words
from morelike.modalities._exif import printable
from morelike.modalities._text_card import card
from morelike.modalities._text_passages import settled_passages
from morelike.sentences import passages
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, Kind, Metadata, Payload, Preview, Quote, SegmentSpec, Span

if TYPE_CHECKING:
    from morelike.modalities._document_pdf import Picture

__all__ = ["DocumentModality"]

_HEAD: Final = 4096
_NAMED_ONLY: Final = 0.05
"""Confidence where only the name speaks for a document: enough to say what is wrong."""
_LARGEST: Final = 512 << 20
"""Bytes: a document is in memory twice while it is read."""
_OCR: Final = ("always", "auto", "never")
_PAGES: Final[Mapping[str, tuple[Kind, ...]]] = {
    "both": ("text", "image", "terms"),
    "images": ("image",),
    "text": ("text", "terms"),
}
_FIRST_WORDS: Final = 1000
"""Characters that stand for a whole document, or a page, where its words are shown."""
_MOST_SEGMENTS: Final = 100_000
_SEEN_TWICE: Final = 2
"""A page is drawn so many times as large as it is looked at: the encoder scales it down smoothly."""
_INSTALL: Final = "pip install 'morelike[ocr]'"
_ENCRYPTED_OFFICE: Final = "EncryptedPackage".encode("utf-16-le")

_kept = Kept()


class DocumentModality:
    """PDF, DOCX, PPTX, EPUB and HTML.

    The text of a document is that of its pages or chapters, one after the other, with a form feed between two. A
    segment of kind ``text`` is a passage of whole sentences within a page, as ``characters`` of that text. A page of a
    PDF with anything on it is besides a segment of kind ``image``, ``page`` n to n, counted from 1. Pages without words
    are read by OCR where the collection's option ``ocr`` says so. Safe from any thread.
    """

    name = "document"
    kinds: tuple[Kind, ...] = _PAGES["both"]

    def __init__(self, settings: Settings, ocr: str = "never", pages: str = "both") -> None:
        if find_spec("pypdfium2_raw") is None:
            raise MissingExtra("documents need the package 'pypdfium2'", hint="pip install 'morelike[documents]'")
        self._settings = settings
        self._ocr = ocr
        self.kinds = _PAGES[pages]

    def configured(self, options: Metadata) -> DocumentModality:
        """One that reads scans, and has segments, as the collection's ``ocr`` and ``pages`` say."""
        return DocumentModality(self._settings, str(options.get("ocr", "never")), str(options.get("pages", "both")))

    def sniff(self, head: bytes, name: str) -> float:
        """By the first bytes; of HTML less than texts say, of the name alone little."""
        known = recognise(head, name)
        if known is not None:
            return known.sure
        return _NAMED_ONLY if named_like_a_document(name) else 0.0

    def media_type(self, head: bytes, name: str) -> str:
        """By the bytes; ``application/octet-stream`` where ``sniff`` did not recognise them."""
        known = recognise(head, name)
        return known.media_type if known else "application/octet-stream"

    def describe(self, blob: Blob) -> Metadata:
        """``format``, ``words``, ``characters``, and what of these is known: ``pages`` (of PDF and PPTX), ``chapters``
        (of EPUB), ``title``, ``author``, ``created`` (ISO 8601), ``language``, ``scanned`` and ``damaged_pages`` (how
        many pages). Raises DecodeError.
        """
        known, data = _read(blob)
        return {"format": known.name, **self._words_of(blob, known, data).info}

    def settle(self, given: Metadata) -> Metadata:
        """``chunk`` and ``overlap`` of passages in characters; ``pages`` text, images or both; ``ocr``
        auto (pages without words), always or never, which it is where the extra ``ocr`` is not installed.

        Raises UsageError, MissingExtra.
        """
        if unknown := sorted(set(given) - {"chunk", "overlap", "pages", "ocr"}):
            raise UsageError(f"documents have no {', '.join(unknown)}", hint="they have chunk, overlap, pages and ocr")
        pages = _one_of("pages", given.get("pages", "both"), tuple(_PAGES))
        reads = find_spec("rapidocr") is not None
        ocr = _one_of("ocr", given.get("ocr", "auto" if reads else "never"), _OCR)
        if ocr == "always" and not reads:
            raise MissingExtra("ocr=always needs the package 'rapidocr'", hint=_INSTALL)
        return {**_sizes(given), "pages": pages, "ocr": ocr}

    def split(self, blob: Blob, options: Metadata, at: Span = WHOLE) -> Iterator[SegmentSpec]:
        """The passages, then the pages. ``at`` may be ``characters`` or ``page`` n to m. Raises DecodeError where there
        is nothing to be searched, QueryError where there is no such part.
        """
        words = self._words(blob)
        name = _label(blob)
        start, end = _range(words, at, name, QueryError)
        specs = list(_passages(words, _sizes(options), start, end)) if "text" in self.kinds else []
        if len(specs) > _MOST_SEGMENTS:
            raise DecodeError(f"{name} has {len(specs):,} passages", hint="with --option chunk=2000 it has fewer")
        if "image" in self.kinds and at.unit != "characters":
            specs.extend(
                SegmentSpec("image", Span("page", float(number), float(number)))
                for number, part in enumerate(words.parts, 1)
                if part.drawn and start <= part.start <= part.end <= end
            )
        if not specs:
            raise _nothing(words, name, self._ocr)
        yield from specs

    def load(self, blob: Blob, spec: SegmentSpec, want: Mapping[str, Any]) -> Payload:
        """``text``: str; ``image``: uint8 (h, w, 3) RGB of a page of a PDF, its shorter side twice ``want["side"]``,
        or at 150 dots an inch; 4096 pixels at most. Of the whole the first page. Raises DecodeError.
        """
        (payload,) = self.load_run(blob, [spec], want)
        return payload

    def load_run(
        self, blob: Blob, specs: Sequence[SegmentSpec], want: Mapping[str, Any]
    ) -> Generator[Payload, None, None]:
        """The payloads of segments of one kind; the document is opened once. Raises DecodeError."""
        kinds = {spec.kind for spec in specs}
        if kinds == {"text"}:
            words = self._words(blob)
            for spec in specs:
                start, end = _range(words, spec.span, _label(blob))
                yield words.text[start:end]
        elif kinds == {"image"}:
            yield from self._seen(blob, specs, want.get("side"))
        elif kinds:
            raise DecodeError(f"{_label(blob)}: a document has no segments of kind {', '.join(sorted(kinds))}")

    def preview(self, blob: Blob, span: Span, side: int) -> Preview:
        """The page as a JPEG, with the words of a span of characters marked; of what has no pages a card of the words.

        Of the whole the first page. Raises DecodeError.
        """
        known, data = _read(blob)
        words, name = self._words_of(blob, known, data), _label(blob)
        start, end = _range(words, span, name)
        number = words.at(start)
        part = words.parts[number]
        exact = span.unit == "characters"
        if known.name == "PDF":
            from morelike.modalities._document_shown import page_preview

            marked = (start - part.start, min(end, part.end) - part.start) if exact else None
            return page_preview(data, name, (number, part), marked, side)
        title = str(words.info.get("title", name))
        return card(title, words.text[start : min(end, part.end, start + _FIRST_WORDS)], side)

    def quote(self, blob: Blob, span: Span) -> Quote | None:
        """The words of that part; of a page, or of the whole, the first ones. Raises DecodeError."""
        words = self._words(blob)
        start, end = _range(words, span, _label(blob))
        if span.unit != "characters":
            start, end = next(
                ((part.start, part.end) for part in words.parts if start <= part.start < part.end <= end),
                (start, start),
            )
            end = next((start + last for _, last in passages(words.text[start:end], _FIRST_WORDS)), end)
        text = words.text[start:end]
        if not text.strip():
            return None
        return Quote(text, start, words.at(start) + 1 if words.paged else None)

    def identity(self, blob: Blob) -> str | None:  # noqa: ARG002 - the seam's
        """None: a document is its bytes."""
        return None

    def _seen(self, blob: Blob, specs: Sequence[SegmentSpec], side: object) -> Iterator[Payload]:
        from morelike.modalities._document_pdf import Wanted, pictures

        name = _label(blob)
        known, data = _read(blob)
        if known.name != "PDF":
            raise DecodeError(f"{name} has no pages to look at", hint="pages of PDF alone are drawn")
        shorter = _SEEN_TWICE * side if isinstance(side, int) and side > 0 else 0
        wanted = [Wanted(_page_of(spec.span, name), shorter=shorter) for spec in specs]
        for picture, _ in pictures(data, name, wanted):
            yield picture

    def _words(self, blob: Blob) -> Words:
        return self._words_of(blob, *_read(blob))

    def _words_of(self, blob: Blob, known: DocumentFormat, data: bytes) -> Words:
        key = f"{known.name} {self._ocr} {blake3.blake3(data).hexdigest()}"
        return _kept.get(key, lambda: self._read_words(known, data, _label(blob)))

    def _read_words(self, known: DocumentFormat, data: bytes, name: str) -> Words:
        if known.name == "PDF":
            from morelike.modalities._document_pdf import read_pdf

            return read_pdf(data, name, self._scan(name), all_scans=self._ocr == "always")
        if known.name in {"DOCX", "PPTX"}:
            from morelike.modalities._document_office import read_office

            return read_office(data, name)
        if known.name == "EPUB":
            from morelike.modalities._document_epub import read_book

            return read_book(data, name)
        from morelike.modalities._document_web import read_page

        return read_page(data, name)

    def _scan(self, name: str) -> Callable[[Picture], Piece] | None:
        """What reads scanned pages; None where they are left as they are."""
        if self._ocr == "never":
            return None
        from morelike.modalities._document_ocr import can_read_scans, read_scan

        if can_read_scans():
            return partial(read_scan, name=name, threads=self._settings.encoder_threads)

        def refuse(_: Picture) -> Piece:  # without its words, those after it would lie elsewhere than they did
            raise DecodeError(f"{name} has scanned pages, which this collection reads", hint=_INSTALL)

        return refuse


def _read(blob: Blob) -> tuple[DocumentFormat, bytes]:
    """What it is, and all its bytes. Raises DecodeError, SourceError."""
    name = _label(blob)
    try:
        data = blob.read(_LARGEST + 1)
    except OSError as error:
        raise SourceError(f"{name} cannot be read: {error.strerror or error}") from error
    known = recognise(data[:_HEAD], blob.name)
    if known is None:
        what = "is no document that is known here" if data else "is empty"
        raise DecodeError(f"{name} {what}", hint="PDF, DOCX, PPTX, EPUB and HTML are read")
    if len(data) > _LARGEST:
        raise DecodeError(f"{name} has more than {_LARGEST >> 20} MiB", hint="cut it into several")
    if known.name == "OLE":
        if _ENCRYPTED_OFFICE in data:
            raise DecodeError(f"{name} is encrypted", hint="save it without its password, and add that")
        raise DecodeError(f"{name} is in a format of before 2007", hint="save it as DOCX, PPTX or PDF")
    return known, data


def _sizes(given: Metadata) -> dict[str, Any]:
    """``chunk`` and ``overlap``, complete."""
    return settled_passages({name: given[name] for name in ("chunk", "overlap") if name in given}, "documents")


def _label(blob: Blob) -> str:
    return printable(blob.name or blob.uri) or "the document"


def _one_of(name: str, value: object, known: Sequence[str]) -> str:
    if value not in known:
        raise UsageError(f"{name} is {value!r}", hint=f"{name} is one of {', '.join(known)}")
    return str(value)


def _range(words: Words, at: Span, name: str, kind: type[QueryError | DecodeError] = DecodeError) -> tuple[int, int]:
    """(from, to) in the characters of the whole. Raises ``kind`` where there is no such part."""
    if at.unit == "whole":
        return 0, len(words.text)
    if at.unit == "characters" and 0 <= at.start < min(at.end, len(words.text)):
        return int(at.start), int(min(at.end, len(words.text)))
    if at.unit == "page" and words.paged and 1 <= at.start <= at.end <= len(words.parts):
        return words.parts[int(at.start) - 1].start, words.parts[int(at.end) - 1].end
    if at.unit in {"characters", "page"}:
        pages = f" and {len(words.parts):,} pages" if words.paged else ""
        raise kind(f"{name} has {len(words.text):,} characters{pages}, not {at.unit} {at.start:g} to {at.end:g}")
    raise kind(f"{name} is a document: it has no {at.unit}", hint="a part of it is a page, or characters from and to")


def _passages(words: Words, options: Metadata, start: int, end: int) -> Iterator[SegmentSpec]:
    """None reaches over the end of a page."""
    for part in words.parts:
        first, last = max(part.start, start), min(part.end, end)
        if first < last:
            for since, until in passages(words.text[first:last], options["chunk"], options["overlap"]):
                yield SegmentSpec("text", Span("characters", float(first + since), float(first + until)))


def _page_of(span: Span, name: str) -> int:
    """The page's number from 0; of the whole the first."""
    if span.unit not in {"whole", "page"} or (span.unit == "page" and not 1 <= span.start <= MOST_PARTS):
        raise DecodeError(f"{name} has no page {span.start:g}", hint="pages are counted from 1")
    return int(span.start) - 1 if span.unit == "page" else 0


def _nothing(words: Words, name: str, ocr: str) -> DecodeError:
    scanned = sum(part.drawn for part in words.parts)
    if scanned and ocr == "never":
        return DecodeError(
            f"{name} has no words: its {scanned:,} pages are pictures",
            hint=f"{_INSTALL}, and a new collection reads them",
        )
    return DecodeError(f"{name} has no words" + ("" if scanned else ", and nothing to be seen"))
