"""What files of many items share: lines of text, packed or not, one bounded line at a time; tables with a header."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Final, NoReturn

from morelike.errors import SourceError
from morelike.modalities._forward import ForwardStream
from morelike.types import Blob

__all__ = [
    "LONGEST_LINE",
    "Line",
    "Row",
    "column_of",
    "failing",
    "lines_of",
    "metadata_of",
    "number_or_text",
    "packed_head",
    "plain_name",
    "record_blob",
    "rows_of",
    "table_header",
]

LONGEST_LINE: Final = 64 * 1024
"""Bytes of a line; what is longer is one bad record, and is passed over without being kept."""
LONGEST_VALUE: Final = 8192
LONGEST_KEY: Final = 128
MOST_COLUMNS: Final = 512
_LONGEST_NAME: Final = 120
_GZIP: Final = b"\x1f\x8b"
_UNPACKED_HEAD: Final = 64 * 1024
_BUFFER: Final = 256 * 1024
_LONGEST_ROW: Final = 1024**2
_TOO_LONG: Final = "\0"
"""What stands for a line that is not kept; no cell of a text file is that."""
_DELIMITERS: Final = ",;\t|"
_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,30}(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_BROKEN: Final = (EOFError, gzip.BadGzipFile, zlib.error)


@dataclass(frozen=True, slots=True)
class Line:
    """``number`` counts from 1. ``text`` is without its end; None: it is longer than ``LONGEST_LINE``."""

    number: int
    text: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A table's row, counted from 1 after the header. ``problem`` (the end of a sentence) where it has no values."""

    number: int
    values: Mapping[str, str]
    problem: str = ""


def packed_head(head: bytes, name: str) -> tuple[bytes, str]:
    """The first bytes of what a ``.gz`` holds, and its name without that ending; of what is not packed, as they are."""
    if name[-3:].lower() != ".gz":
        return head, name
    inner = name[:-3]
    if not head.startswith(_GZIP):
        return b"", inner
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _UNPACKED_HEAD), inner
    except zlib.error:
        return b"", inner


def lines_of(blob: Blob, *, longest: int = LONGEST_LINE) -> Iterator[Line]:
    """The lines of a text, which may be packed with gzip. UTF-8; what is none is replaced.

    Memory is one line, whatever the file's size unpacked. Raises SourceError where it cannot be read on.
    """
    with _unpacked(blob) as stream:
        number = 0
        while True:
            try:
                data = stream.readline(longest + 2)
                too_long = len(data.rstrip(b"\r\n")) > longest
                while too_long and not data.endswith(b"\n") and (data := stream.readline(longest)):
                    pass
            except (*_BROKEN, OSError) as error:
                raise SourceError(f"{blob.name} cannot be read beyond line {number}: {_why(error)}") from error
            if not data and not too_long:
                return
            number += 1
            if number == 1:
                data = data.removeprefix(codecs.BOM_UTF8)
            yield Line(number, None if too_long else data.decode("utf-8", "replace").rstrip("\r\n"))


@contextmanager
def _unpacked(blob: Blob) -> Iterator[IO[bytes]]:
    with blob.open() as stream:
        buffered = io.BufferedReader(ForwardStream(stream), _BUFFER)
        if buffered.peek(2)[:2] != _GZIP:
            yield buffered
            return
        with gzip.GzipFile(fileobj=buffered) as unpacked:
            yield io.BufferedReader(unpacked, _BUFFER)


def _why(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def table_header(head: bytes, columns: Sequence[str]) -> tuple[list[str], str] | None:
    """(the header's names, the delimiter) of a table, by its first bytes, that has one of ``columns``; else None."""
    text = head.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    line = next((line for line in text.splitlines() if line.strip()), "")
    return _header(line, columns)


def _header(line: str, columns: Sequence[str]) -> tuple[list[str], str] | None:
    for delimiter in _DELIMITERS:
        try:
            names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
        except csv.Error:
            continue
        if len(names) <= MOST_COLUMNS and column_of(names, columns):
            return names, delimiter
    return None


def column_of(names: Sequence[str], wanted: Sequence[str]) -> str:
    """The first of the wanted columns that is there, as it is written there; letters of any case; "" for none."""
    plain = {re.sub(r"[\s\-]+", "_", name.strip().lower()): name for name in reversed(names)}
    return next((plain[name] for name in wanted if name in plain), "")


def rows_of(blob: Blob, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a CSV or TSV table that has one of ``columns``, packed or not.

    Raises SourceError where it has none, and where it cannot be read on.
    """
    texts = (_TOO_LONG if line.text is None else line.text for line in lines_of(blob, longest=_LONGEST_ROW))
    first = next((text for text in texts if text.strip()), "")
    found = _header(first, columns)
    if found is None:
        raise SourceError(
            f"{blob.name} has no column {' or '.join(columns[:2])}", hint="name the column so in the table's first line"
        )
    header, delimiter = found
    cells = csv.reader((text + "\n" for text in texts), delimiter=delimiter)
    number = 0
    while True:
        number += 1
        try:
            values = next(cells, None)
        except csv.Error as error:
            yield Row(number, {}, f"cannot be read: {error}; is a quotation mark left open?")
            continue
        if values is None:
            return
        if not any(values):
            number -= 1
        else:
            yield _row(number, header, values)


def _row(number: int, header: list[str], cells: list[str]) -> Row:
    if _TOO_LONG in cells:
        return Row(number, {}, f"is longer than {_LONGEST_ROW:,} bytes")
    if len(cells) > len(header):
        return Row(number, {}, f"has {len(cells)} fields, the header {len(header)}")
    return Row(number, {name: cell for name, cell in zip(header, cells, strict=False) if name and cell})


def number_or_text(cell: str) -> str | int | float | bool:
    """Numbers and truth values as such; what merely resembles a number (``007``, ``12e4``) stays text, cut at 8192."""
    if len(cell) <= 40:
        if _WHOLE.fullmatch(cell):
            return int(cell)
        if _DECIMAL.fullmatch(cell) and math.isfinite(float(cell)):
            return float(cell)
        if cell.lower() in ("true", "false"):
            return cell.lower() == "true"
    return _clean(cell[:LONGEST_VALUE])


def _clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "")


def metadata_of(values: Mapping[str, str], without: Sequence[str]) -> dict[str, Any]:
    """The other columns, as a source keeps them: at most 512 of them, names cut at 128 characters."""
    kept: dict[str, Any] = {}
    for column, cell in values.items():
        key, text = _clean(column.strip())[:LONGEST_KEY], cell.strip()
        if key and text and column not in without and len(kept) < MOST_COLUMNS:
            kept[key] = number_or_text(text)
    return kept


def plain_name(title: str, fallback: str) -> str:
    """A name from text that somebody else chose: no folders, no control characters, at most 120 characters."""
    plain = "".join(letter if letter.isprintable() else " " for letter in _clean(title))
    return plain.replace("/", "_").replace("\\", "_").strip(" .")[:_LONGEST_NAME] or fallback


def record_blob(parent: Blob, number: int, data: bytes, name: str, metadata: Mapping[str, Any] | None = None) -> Blob:
    """One record of a file as a blob of its own; as old as the file, with the file's metadata and its own."""
    return Blob(
        uri=f"{parent.uri}#record={number}",
        name=name,
        open=partial(io.BytesIO, data),
        size=len(data),
        modified_ns=parent.modified_ns,
        metadata={**parent.metadata, **(metadata or {})},
    )


def failing(parent: Blob, number: int, name: str, reason: str, hint: str = "") -> Blob:
    """A record that cannot be had, for the ledger; ``number`` 0 stands for the file."""
    uri = f"{parent.uri}#record={number}" if number else parent.uri
    return Blob(uri, name, partial(_fail, reason, hint), modified_ns=parent.modified_ns)


def _fail(reason: str, hint: str) -> NoReturn:
    raise SourceError(reason, hint=hint)
