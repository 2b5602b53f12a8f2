"""Files of sequences, record by record: each with its own bytes, its name, and what its header says of it."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from morelike.errors import SourceError
from morelike.modalities._sequence_formats import SequenceFormat, table_of
from morelike.modalities._sequence_headers import GenBankHeader, of_fasta, plain, printable
from morelike.modalities._sequence_held import Held

__all__ = ["LARGEST", "Record", "cut", "opened"]

LARGEST = 512 * 1024**2
"""Bytes of one record; the longest human chromosome has 253 million."""
_PIECE = 1 << 20
_LONGEST_HEADER = 1 << 16
_LONGEST_ROW = 16 << 20
_LONGEST_READ = 64 << 20


@dataclass(slots=True)
class Record:
    """One record. ``fault`` says why it cannot be used, where that was seen already; then ``held`` is of no use."""

    name: str
    held: Held
    metadata: dict[str, str | int | float] = field(default_factory=dict)
    fault: str = ""


@contextmanager
def opened(stream: BinaryIO, packed: bool, largest: int) -> Iterator[Iterator[bytes]]:
    """The stream's lines, those longer than 1 MiB in pieces. Raises SourceError where it is damaged, or unpacks to more
    than ``largest`` bytes.
    """
    if not packed:
        yield _pieces(stream, largest)
        return
    with gzip.GzipFile(fileobj=stream, mode="rb") as plain_stream:
        yield _pieces(plain_stream, largest)


def _pieces(stream: BinaryIO | gzip.GzipFile, largest: int) -> Iterator[bytes]:
    size = 0
    try:
        while piece := stream.readline(_PIECE):
            size += len(piece)
            if size > largest:
                told = f"it has more than {largest:,} bytes, unpacked"
                raise SourceError(told, hint="cut it into several files, or raise MORELIKE_MAX_FILE_SIZE")
            yield piece
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(f"the gzip file is damaged: {error}", hint="copy or download it again") from error


def cut(lines: Iterator[bytes], known: SequenceFormat) -> Iterator[Record]:
    """The records, one after the other. A damaged one has a ``fault``; what cannot be read on after it ends there."""
    return {"fasta": _fasta, "fastq": _fastq, "genbank": _genbank, "table": _table}[known.name](lines)


def _fasta(lines: Iterator[bytes]) -> Iterator[Record]:
    record: Record | None = None
    begins = True
    for piece in lines:
        ends = piece.endswith(b"\n")
        if begins and piece.startswith(b">"):
            if record is not None:
                yield _closed(record)
            record = Record(*of_fasta(piece))
            _put(record, piece if ends and len(piece) <= _LONGEST_HEADER else piece[:_LONGEST_HEADER].strip() + b"\n")
            if not ends:
                _rest_of_line(lines)
            continue
        if record is not None and not (begins and piece.startswith(b";")):
            _put(record, piece)
        begins = ends
    if record is not None:
        yield _closed(record)


def _rest_of_line(lines: Iterator[bytes]) -> None:
    for piece in lines:
        if piece.endswith(b"\n"):
            return


def _put(record: Record, piece: bytes) -> None:
    if record.fault:
        return
    if record.held.size + len(piece) > LARGEST:
        record.fault, record.held = f"it has more than {LARGEST:,} bytes", Held()
        return
    record.held.put(piece)


def _closed(record: Record) -> Record:
    record.held.close()
    return record


def _fastq(lines: Iterator[bytes]) -> Iterator[Record]:
    """A read: ``@`` and its name, its letters, ``+``, and as many marks of quality as letters."""
    header = _next_filled(lines)
    number = 0
    while header:
        number += 1
        record = Record(*of_fasta(header))
        if not header.startswith(b"@"):
            record.fault = f"read {number:,} does not begin with @; nothing after it is read"
        else:
            _put(record, header[:_LONGEST_HEADER].rstrip() + b"\n")
            record.fault = _read(lines, record)
        yield _closed(record)
        if record.fault:
            return
        header = _next_filled(lines)


def _read(lines: Iterator[bytes], record: Record) -> str:
    """Fill the record with the lines of one read after its first; what is wrong with them, if anything is."""
    letters = 0
    for line in lines:
        if line.startswith(b"+"):
            break
        _put(record, line)
        letters += len(line.strip())
        if letters > _LONGEST_READ:
            return f"the read has more than {_LONGEST_READ:,} letters; nothing after it is read"
    else:
        return "the file ends within this read"
    _put(record, b"+\n")
    marks = 0
    while marks < letters or not letters:
        line = next(lines, b"")
        _put(record, line)
        marks += len(line.strip(b"\r\n"))
        if not line or not letters:
            break
    if marks != letters:
        return f"the read has {letters:,} letters and {marks:,} marks of quality; nothing after it is read"
    return ""


def _next_filled(lines: Iterator[bytes]) -> bytes:
    return next((line for line in lines if line.strip()), b"")


def _genbank(lines: Iterator[bytes]) -> Iterator[Record]:
    about, record = GenBankHeader(), Record("", Held())
    begins = True
    for piece in lines:
        _put(record, piece)
        if begins:
            about.read(piece)
        begins = piece.endswith(b"\n")
        if piece.rstrip() == b"//":
            record.name, record.metadata = about.name, about.metadata
            yield _closed(record)
            about, record = GenBankHeader(), Record("", Held())
    if about.name:
        record.name, record.metadata, record.fault = about.name, about.metadata, "the file ends within this record"
        yield _closed(record)


def _table(lines: Iterator[bytes]) -> Iterator[Record]:
    """Each row as a FASTA record of its letters; the other columns are metadata."""
    first = _whole_row(_next_filled(lines), lines)
    found = table_of(first or b"")
    if first is None or found is None:
        raise SourceError("no column holds sequences", hint="name one of them `sequence`")
    delimiter, column, names = found
    number = 0
    if not names:
        number, names = 1, ["sequence", "class"]
        yield _row(first, number, delimiter, column, names)
    for line in lines:
        number += 1
        if line.strip():
            yield _row(_whole_row(line, lines), number, delimiter, column, names)


def _whole_row(line: bytes, lines: Iterator[bytes]) -> bytes | None:
    """The line with its further pieces; None where it is too long, which is then passed over."""
    pieces, size = [line], len(line)
    while pieces[-1] and not pieces[-1].endswith(b"\n"):
        pieces.append(next(lines, b""))
        size += len(pieces[-1])
        if size > _LONGEST_ROW:
            if not pieces[-1].endswith(b"\n"):
                _rest_of_line(lines)
            return None
    return b"".join(pieces)


def _row(line: bytes | None, number: int, delimiter: str, column: int, names: list[str]) -> Record:
    record = Record(f"row {number}", Held())
    cells = [] if line is None else _cells(line.decode("utf-8", "replace").strip("\r\n"), delimiter)
    if line is None:
        record.fault = f"the row has more than {_LONGEST_ROW:,} bytes"
    elif column >= len(cells) or not cells[column].strip():
        record.fault = "the row has no sequence"
    else:
        values = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if name and cell.strip()}
        letters = cells[column].strip()
        others = {name: plain(cell) for name, cell in values.items() if name != names[column]}
        named = next((str(others[name]) for name in ("id", "name", "accession") if name in others), "")
        record.name, record.metadata = printable(named) or record.name, dict(list(others.items())[:64])
        _put(record, f">{record.name}\n{letters}\n".encode())
    return _closed(record)


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == "\t" or '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # a field of more than 128 KiB, or a quotation mark left open
        return line.replace('"', "").split(delimiter)
