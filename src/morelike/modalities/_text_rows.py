"""The rows of a table of texts: CSV, JSON lines, a JSON array, packed or not; one at a time, whatever the size."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, TextIO, cast

from morelike.errors import DecodeError, SourceError
from morelike.modalities._forward import ForwardStream, LimitedStream
from morelike.modalities._text_bytes import encoding_of
from morelike.modalities._text_formats import GZIP, Form, header_of
from morelike.types import Blob

__all__ = ["Row", "rows_of"]

_BUFFER: Final = 256 * 1024
_LONGEST_ROW: Final = 8 * 1024**2
"""Characters."""
_MOST_COLUMNS: Final = 512


@dataclass(frozen=True, slots=True)
class Row:
    """``number`` counts from 1: rows of CSV after the header, lines of JSON lines, objects of an array.

    ``problem`` (the end of a sentence) where it has no values. ``written``: its numbers are as somebody wrote them.
    """

    number: int
    values: Mapping[str, Any]
    problem: str = ""
    written: bool = False


def rows_of(blob: Blob, form: Form, label: str, most: int) -> Iterator[Row]:
    """Raises SourceError on a file that cannot be read, or not be read on, or unpacks to more than ``most`` bytes."""
    try:
        with _characters(blob, label, most) as text:
            if form == "csv":
                yield from _csv_rows(text, label)
            elif form == "lines":
                yield from _json_lines(text)
            else:
                yield from _json_array(text, label)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        reason = f"{label} cannot be read to its end: {error}"
        raise SourceError(reason, hint="the gzip file is damaged: copy or download it again") from error


@contextmanager
def _characters(blob: Blob, label: str, most: int) -> Iterator[TextIO]:
    """Bytes that are no UTF-8 become lone surrogates, so that the one row they are in can be named."""
    with blob.open() as stream:
        buffered: io.BufferedReader[Any] = io.BufferedReader(ForwardStream(stream), _BUFFER)
        if buffered.peek(len(GZIP)).startswith(GZIP):
            unpacked = cast("BinaryIO", gzip.GzipFile(fileobj=buffered))
            buffered = io.BufferedReader(LimitedStream(unpacked, most, label), _BUFFER)
        try:
            name = encoding_of(buffered.peek(_BUFFER), label)
        except DecodeError as error:
            raise SourceError(error.message, hint=error.hint) from error
        errors = "surrogateescape" if name == "utf-8-sig" else "replace"
        yield io.TextIOWrapper(buffered, encoding=name, errors=errors, newline="")


def _lines(text: TextIO) -> Iterator[str | None]:
    """None stands for a line that is too long to be kept."""
    while line := text.readline(_LONGEST_ROW + 1):
        if len(line) > _LONGEST_ROW:
            while line and not line.endswith(("\n", "\r")):
                line = text.readline(_BUFFER)
            yield None
        else:
            yield line


class _TooLongError(Exception):
    """A row of CSV goes on and on."""


class _Feed:
    """Lines for the reader of CSV, no more of them for one row than it may be long."""

    def __init__(self, lines: Iterator[str | None]) -> None:
        self._lines = lines
        self.left = _LONGEST_ROW

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        if line is None or len(line) > self.left:
            raise _TooLongError
        self.left -= len(line)
        return line


def _csv_rows(text: TextIO, label: str) -> Iterator[Row]:
    lines = _lines(text)
    first = next((line for line in lines if line is None or line.strip()), None)
    names, delimiter = header_of(first) if first is not None else ([], ",")
    if not 0 < len(names) <= _MOST_COLUMNS or not any(names):
        raise SourceError(f"{label} has no line of columns that can be read", hint="the first line names the columns")
    feed = _Feed(lines)
    cells = csv.reader(feed, delimiter=delimiter)
    number = 0
    while True:
        number += 1
        feed.left = _LONGEST_ROW
        try:
            values = next(cells, None)
        except csv.Error as error:
            yield Row(number, {}, f"cannot be read: {error}; is a quotation mark left open?")
            continue
        except _TooLongError:
            yield Row(number, {}, f"has more than {_LONGEST_ROW:,} characters; is a quotation mark left open?")
            continue
        if values is None:
            return
        if not any(values):
            number -= 1
        else:
            yield _csv_row(number, names, values)


def _csv_row(number: int, names: list[str], cells: list[str]) -> Row:
    if len(cells) > len(names):
        return Row(number, {}, f"has {len(cells):,} fields, the first line names {len(names)}")
    if not _is_text(cells):
        return Row(number, {}, "is not UTF-8, as rows before it are; save the table as UTF-8")
    cells += [""] * (len(names) - len(cells))
    return Row(number, {name: cell for name, cell in zip(names, cells, strict=True) if name}, written=True)


def _is_text(cells: list[str]) -> bool:
    return not any("\udc80" <= letter <= "\udcff" for cell in cells if not cell.isascii() for letter in cell)


def _json_lines(text: TextIO) -> Iterator[Row]:
    for number, line in enumerate(_lines(text), 1):
        if line is None:
            yield Row(number, {}, f"has more than {_LONGEST_ROW:,} characters")
        elif line.strip():
            yield _object(number, line)


def _object(number: int, line: str) -> Row:
    if not _is_text([line]):
        return Row(number, {}, "is not UTF-8")
    try:
        return _values(number, _DECODER.decode(line))
    except (ValueError, RecursionError) as error:
        return Row(number, {}, f"is no JSON: {str(error)[:200]}")


def _values(number: int, value: Any) -> Row:
    if not isinstance(value, dict):
        return Row(number, {}, "is no object with columns")
    if len(value) > _MOST_COLUMNS:
        return Row(number, {}, f"has {len(value):,} columns, more than {_MOST_COLUMNS}")
    return Row(number, value)


def _json_array(text: TextIO, label: str) -> Iterator[Row]:
    """Object by object; beyond one that is broken nobody can say where the next begins."""
    window = _Window(text)
    window.skip("[", label)
    number = 0
    while not window.at("]"):
        number += 1
        if number > 1:
            window.skip(",", label)
        try:
            value = window.value()
        except (ValueError, RecursionError) as error:
            reason = f"{label} cannot be read beyond object {number - 1:,}: {str(error)[:200]}"
            raise SourceError(reason, hint="JSON lines (.jsonl) lose one line only") from error
        yield _values(number, value)


class _Window:
    """The part of a text that is looked at: what is behind it is forgotten."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._held = text.read(_BUFFER)
        self._at = 0

    def at(self, letter: str) -> bool:
        """Whether it comes next, blanks aside."""
        self._pass_blanks()
        return self._held.startswith(letter, self._at)

    def skip(self, letter: str, label: str) -> None:
        """Raises SourceError where it does not come next."""
        if not self.at(letter):
            raise SourceError(f"{label} is no array of objects: {letter} is missing", hint="is it complete?")
        self._at += 1

    def value(self) -> Any:
        """The next one. Raises ValueError, RecursionError on what is none, and on one that is too long."""
        self._pass_blanks()
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._held, self._at)
            except ValueError:
                if len(self._held) - self._at > _LONGEST_ROW or not self._more():
                    raise
            else:
                return value

    def _pass_blanks(self) -> None:
        while True:
            while self._at < len(self._held) and self._held[self._at] in " \t\r\n":
                self._at += 1
            if self._at < len(self._held) or not self._more():
                return

    def _more(self) -> bool:
        """Twice as much as is left is held then, so that a long value is not begun too often."""
        left = self._held[self._at :]
        new = self._text.read(max(_BUFFER, len(left)))
        self._held, self._at = left + new, 0
        return bool(new)


def _no_number(_: str) -> None:
    """What stands for NaN and the infinities, which are no JSON."""


_DECODER: Final = json.JSONDecoder(parse_constant=_no_number)
