"""Rows of tables: CSV and TSV, JSON lines, a JSON array, Parquet. One row at a time, each with its number."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, TextIO

from morelike.errors import MissingExtra, SourceError

__all__ = ["READERS", "Row", "reader_for"]

_LONGEST_LINE: Final = 1024**2
_MOST_COLUMNS: Final = 512
_LARGEST_JSON: Final = 64 * 1024**2
_LARGEST_GROUP: Final = 1024**3
_BATCH: Final = 64  # rows of Parquet that are in memory together; each may hold a picture
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,30}(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Row:
    """``number`` counts rows from 1 (in CSV after the header, in JSON lines with empty lines).

    ``problem`` (the end of a sentence) says why the values are not there.
    """

    number: int
    values: Mapping[str, Any]
    problem: str = ""


Reader = Callable[[BinaryIO, Callable[[list[str]], bool]], Iterator[Row]]
"""(stream, whether a list of columns names a file) to rows. Raises SourceError where reading cannot go on."""


def reader_for(name: str, head: bytes) -> Reader | None:
    """By the extension, and by first bytes that fit it. None: no table."""
    if head.startswith(b"PAR1"):
        return READERS[".parquet"]
    suffix = "." + name.rpartition(".")[2].lower()
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if suffix in (".jsonl", ".ndjson"):
        return READERS[suffix] if start[:1] == b"{" else None
    if suffix == ".json":
        return READERS[suffix] if start[:1] == b"[" and start[1:].lstrip()[:1] == b"{" else None
    if suffix in (".csv", ".tsv"):
        return READERS[suffix] if start and (_encoding(head) == "utf-16" or b"\0" not in head) else None
    return None


def _encoding(head: bytes) -> str:
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


@contextmanager
def _text(stream: BinaryIO) -> Iterator[TextIO]:
    """Bytes that are no UTF-8 become surrogates, so that the one row they are in can be named."""
    encoding = _encoding(stream.read(2))
    stream.seek(0)
    errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
    text = io.TextIOWrapper(stream, encoding=encoding, errors=errors, newline="")
    try:
        yield text
    finally:
        text.detach()  # who opened the stream closes it


def _lines(text: TextIO) -> Iterator[str]:
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and not line.endswith("\n"):
            raise SourceError(f"a line is longer than {_LONGEST_LINE:,} characters")
        yield line


def _not_utf8(cells: list[str]) -> str:
    for cell in cells:
        try:
            cell.encode()
        except UnicodeEncodeError as error:
            byte = ord(cell[error.start]) - 0xDC00
            return f"is not UTF-8 (byte 0x{byte:02x}); save the table as UTF-8" if byte >= 0 else "is not UTF-8"
    return ""


def _csv_rows(stream: BinaryIO, names_file: Callable[[list[str]], bool], delimiters: str = ",;\t|") -> Iterator[Row]:
    with _text(stream) as text:
        yield from _csv_records(_lines(text), names_file, delimiters)


def _csv_records(lines: Iterator[str], names_file: Callable[[list[str]], bool], delimiters: str) -> Iterator[Row]:
    header_line = next((line for line in lines if line.strip()), "")
    header, delimiter = _csv_header(header_line, names_file, delimiters)
    _check_columns(header, names_file)
    cells = csv.reader(lines, delimiter=delimiter)
    number = 0
    while True:
        number += 1
        try:
            values = next(cells, None)
        except csv.Error as error:
            raise SourceError(f"row {number} cannot be read: {error}", hint="is a quotation mark left open?") from error
        if values is None:
            return
        if any(values):
            yield _csv_row(number, header, values)


def _csv_header(line: str, names_file: Callable[[list[str]], bool], delimiters: str) -> tuple[list[str], str]:
    """The delimiter is the one under which the header names a file, else the one that makes the most columns."""
    found: list[tuple[bool, int, list[str], str]] = []
    for delimiter in delimiters:
        try:
            header = [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
        except csv.Error:
            continue
        found.append((names_file(header), len(header), header, delimiter))
    if not found:
        raise SourceError("its header cannot be read")
    _, _, header, delimiter = max(found, key=lambda one: one[:2])
    return header, delimiter


def _csv_row(number: int, header: list[str], cells: list[str]) -> Row:
    if len(cells) > len(header):
        return Row(number, {}, f"has {len(cells)} fields, the header {len(header)}")
    if problem := _not_utf8(cells):
        return Row(number, {}, problem)
    return Row(number, {name: _scalar(cell) for name, cell in zip(header, cells, strict=False) if name and cell})


def _scalar(cell: str) -> str | int | float | bool:
    """Numbers and truth values as such; what merely resembles a number (``007``, ``12e4``) stays text."""
    if len(cell) <= 40:
        if _WHOLE.fullmatch(cell):
            return int(cell)
        if _DECIMAL.fullmatch(cell):
            return float(cell)
        if cell.lower() in ("true", "false"):
            return cell.lower() == "true"
    return cell


def _check_columns(columns: list[str], names_file: Callable[[list[str]], bool]) -> None:
    if len(columns) > _MOST_COLUMNS:
        raise SourceError(f"it has {len(columns):,} columns, more than {_MOST_COLUMNS}")
    if not names_file(columns):
        listed = ", ".join(repr(column) for column in columns[:20]) + (" …" if len(columns) > 20 else "")
        raise SourceError(
            f"no column names a file: there are {listed or 'none'}", hint="name one of them `path`, `file` or `url`"
        )


def _tsv_rows(stream: BinaryIO, names_file: Callable[[list[str]], bool]) -> Iterator[Row]:
    return _csv_rows(stream, names_file, "\t,;|")


def _jsonl_rows(stream: BinaryIO, names_file: Callable[[list[str]], bool]) -> Iterator[Row]:
    with _text(stream) as text:
        yield from _json_records(_lines(text), names_file)


def _json_records(lines: Iterator[str], names_file: Callable[[list[str]], bool]) -> Iterator[Row]:
    checked = False
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        problem = _not_utf8([line])
        row = Row(number, {}, problem) if problem else _json_row(number, line)
        if not checked and not row.problem:
            _check_columns(list(row.values), names_file)
            checked = True
        yield row


def _json_row(number: int, line: str) -> Row:
    try:
        return _object_row(number, json.loads(line))
    except (ValueError, RecursionError) as error:
        return Row(number, {}, f"is no JSON: {error}")


def _object_row(number: int, value: Any) -> Row:
    if not isinstance(value, dict):
        return Row(number, {}, "is no JSON object")
    if len(value) > _MOST_COLUMNS:
        return Row(number, {}, f"has {len(value):,} values, more than {_MOST_COLUMNS}")
    return Row(number, value)


def _json_rows(stream: BinaryIO, names_file: Callable[[list[str]], bool]) -> Iterator[Row]:
    data = stream.read(_LARGEST_JSON + 1)
    if len(data) > _LARGEST_JSON:
        raise SourceError(
            f"it has more than {_LARGEST_JSON:,} bytes", hint="a large table is better kept as JSON lines (.jsonl)"
        )
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"it is no JSON: {error}") from error
    first = values[0] if isinstance(values, list) and values else None
    if not isinstance(first, dict):
        raise SourceError("it is no array of objects")
    _check_columns(list(first), names_file)
    for number, value in enumerate(values, 1):
        yield _object_row(number, value)


def _parquet_rows(stream: BinaryIO, names_file: Callable[[list[str]], bool]) -> Iterator[Row]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra(
            "Parquet tables need the package 'pyarrow'", hint="pip install 'morelike[parquet]'"
        ) from error

    number = 0
    try:
        table = parquet.ParquetFile(stream)
        _check_columns(table.schema_arrow.names, names_file)
        for group in range(table.num_row_groups):
            if table.metadata.row_group(group).total_byte_size > _LARGEST_GROUP:
                raise SourceError(f"row group {group} has more than {_LARGEST_GROUP:,} bytes")
            for batch in table.iter_batches(batch_size=_BATCH, row_groups=[group]):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(number, values)
    except (OSError, ValueError, NotImplementedError) as error:  # pyarrow's own errors are among these
        raise SourceError(f"row {number + 1} cannot be read: {error}") from error


READERS: Final[Mapping[str, Reader]] = {
    ".csv": _csv_rows,
    ".json": _json_rows,
    ".jsonl": _jsonl_rows,
    ".ndjson": _jsonl_rows,
    ".parquet": _parquet_rows,
    ".tsv": _tsv_rows,
}
