"""Texts: files of words, one an item, and tables of them, of which each row is one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import blake3

from morelike.errors import DecodeError, MissingExtra, SourceError
from morelike.modalities._exif import printable
from morelike.modalities._once import Once
from morelike.modalities._text_card import card
from morelike.modalities._text_columns import AUTO
from morelike.modalities._text_formats import TextForm, form_of
from morelike.modalities._text_passages import characters_of, passages_of, settled_passages
from morelike.modalities._text_reading import LONGEST, Words, words_in
from morelike.modalities._text_records import records_of
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, Kind, Metadata, Payload, Preview, Quote, SegmentSpec, Span
from morelike.words import folded

__all__ = ["TextModality"]

TEXT: Final = "text"
_HEAD: Final = 4096
_LARGEST: Final = 4 * LONGEST
"""Bytes that may make the longest text."""
_LONGEST_WRITTEN: Final = 100_000
_KEPT: Final = 1 << 25


class TextModality:
    """Plain text, Markdown and HTML, an item a file; CSV, JSON lines and JSON arrays of objects, an item a row.

    A segment of kind ``text`` is a passage of whole sentences; a text that is one passage is whole. Offsets count
    characters of the text as it is shown: of HTML and Markdown without their markup, of a row its searched columns.
    Keyword search goes over the same passages. Safe from any thread.
    """

    name = "text"
    kinds: tuple[Kind, ...] = (TEXT, "terms")

    def __init__(self, settings: Settings, column: str = "") -> None:
        """``column``: as ``settle`` gives it; empty: nobody has said yet that tables are to be texts."""
        self._settings = settings
        self._asked = bool(column)
        self._column = column or AUTO
        self._read: Once[Words] = Once(size_of=lambda words: len(words.text), most=_KEPT)

    def configured(self, options: Metadata) -> TextModality:
        """One that searches the collection's ``column`` of tables."""
        return TextModality(self._settings, str(options.get("column", AUTO)))

    def sniff(self, head: bytes, name: str) -> float:
        """By the name's ending where the first bytes may be such; less by the bytes alone. Tables by their columns."""
        form = form_of(head, name)
        return form.sure if form else 0.0

    def media_type(self, head: bytes, name: str) -> str:
        """By the form; ``application/octet-stream`` where ``sniff`` did not recognise one."""
        form = form_of(head, name)
        return form.media_type if form else "application/octet-stream"

    def holds(self, head: bytes, name: str) -> bool:
        """Tables, but for those that name files and have no texts themselves. Of a collection's own also those that do
        not say what is searched: the reason is told then.
        """
        form = form_of(head, name)
        return form is not None and form.holds(self._column) and (self._asked or form.sure > 0)

    def records(self, blob: Blob) -> Iterator[Blob]:
        """One blob a row: all its fields as one line of JSON. Its name is the title, the question, or an id; columns
        that are not words are its metadata. Raises SourceError where no column says that it is searched.
        """
        form = _form(blob, SourceError)
        if not form.columns:
            raise SourceError(f"{_label(blob)} is no table of texts", hint="each line of JSON lines is an object")
        yield from records_of(blob, form.name, self._column, _label(blob), self._settings.max_file_size)

    def of_text(self, text: str) -> Blob:
        """The words themselves, as one item. Raises DecodeError."""
        if len(text) > _LONGEST_WRITTEN:
            raise DecodeError(
                f"the text has {len(text):,} characters", hint=f"give more than {_LONGEST_WRITTEN:,} as a file"
            )
        return Blob.from_bytes(text.encode("utf-8", "replace"), "words.txt", uri="text:")

    def describe(self, blob: Blob) -> Metadata:
        """``words`` and ``characters``; ``title`` and ``language`` where the file states them; of a row also
        ``question``, ``answer`` and ``content``, up to 20 000 characters of each. Raises DecodeError.
        """
        read = self._words(blob)
        stated = {"title": read.title, "language": read.language, **read.facts}
        counted = {"words": len(folded(read.text)), "characters": len(read.text)}
        return {**{key: value for key, value in stated.items() if value}, **counted}

    def settle(self, given: Metadata) -> Metadata:
        """``chunk``, the most characters of a passage: 800; ``overlap``, the most that two share: 120; ``column`` of
        tables: auto, or names with + between them. Raises UsageError.
        """
        return settled_passages(given, "texts", column=True)

    def split(self, blob: Blob, options: Metadata, at: Span = WHOLE) -> Iterator[SegmentSpec]:
        """Passages of whole sentences; of the part ``at``, in characters, alone. Raises DecodeError, QueryError."""
        for span in passages_of(
            self._words(blob).text, settled_passages(options, "texts", column=True), at, _label(blob)
        ):
            yield SegmentSpec(TEXT, span)

    def load(self, blob: Blob, spec: SegmentSpec, want: Mapping[str, Any]) -> Payload:  # noqa: ARG002 - the seam's
        """The passage. Raises DecodeError."""
        return self._part(blob, spec)

    def load_run(
        self,
        blob: Blob,
        specs: Sequence[SegmentSpec],
        want: Mapping[str, Any],  # noqa: ARG002 - the seam's
    ) -> Iterator[Payload]:
        """The passages. Raises DecodeError."""
        return (self._part(blob, spec) for spec in specs)

    def preview(self, blob: Blob, span: Span, side: int) -> Preview:
        """A PNG of the passage's first lines; letters that Pillow's own font lacks are boxes. Raises DecodeError."""
        read = self._words(blob)
        start, end = characters_of(len(read.text), span)
        return card("" if read.text.startswith(read.title) else read.title, read.text[start:end], side)

    def quote(self, blob: Blob, span: Span) -> Quote | None:
        """The passage; with the answer, where a row has one. Raises DecodeError."""
        read = self._words(blob)
        start, end = characters_of(len(read.text), span)
        return Quote(read.text[start:end], start, reply=read.reply)

    def identity(self, blob: Blob) -> str | None:
        """Of a row the digest of its words, whatever its other columns say; None of a file, and of what has none."""
        try:
            if _form(blob, DecodeError).name != "record":
                return None
            read = self._words(blob)
        except DecodeError:  # ``describe`` says why
            return None
        words = json.dumps([read.text, read.title, read.reply, dict(read.facts)], sort_keys=True)
        return blake3.blake3(f"text:{words}".encode()).hexdigest()

    def _part(self, blob: Blob, spec: SegmentSpec) -> str:
        if spec.kind != TEXT:
            raise DecodeError(f"{_label(blob)}: a text has no segment of kind {spec.kind!r}")
        text = self._words(blob).text
        start, end = characters_of(len(text), spec.span)
        if start >= end:
            raise DecodeError(f"{_label(blob)} has no characters {spec.span.start:g} to {spec.span.end:g}")
        return text[start:end]

    def _words(self, blob: Blob) -> Words:
        return self._read.get(blob, "words", lambda: self._read_all(blob))

    def _read_all(self, blob: Blob) -> Words:
        form = _form(blob, DecodeError)
        if form.columns:
            raise DecodeError(
                f"{_label(blob)} is a table, and one text is asked for", hint="search with words, or a file of text"
            )
        most = min(_LARGEST, self._settings.max_file_size)
        data = blob.read(most + 1)
        if len(data) > most:
            raise DecodeError(f"{_label(blob)} has more than {most:,} bytes", hint="cut it into several files")
        try:
            return words_in(data, form.name, _label(blob), self._column)
        except MissingExtra as error:
            raise DecodeError(f"{_label(blob)}: {error.message}", hint=error.hint) from error


def _form(blob: Blob, kind: type[DecodeError | SourceError]) -> TextForm:
    head = blob.read(_HEAD)
    form = form_of(head, blob.name)
    if form is None:
        what = "is no text" if head.strip() else "is empty"
        raise kind(
            f"{_label(blob)} {what}", hint="plain text, Markdown, HTML, CSV, JSON lines and JSON arrays are read"
        )
    return form


def _label(blob: Blob) -> str:
    return printable(blob.name or blob.uri, 200) or "the text"
