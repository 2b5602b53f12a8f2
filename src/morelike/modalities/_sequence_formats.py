"""Which files of sequences are read, and how their first bytes look: FASTA, FASTQ, GenBank, tables; packed by gzip."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

__all__ = ["COLUMNS", "GZIP", "SequenceFormat", "named_like_sequences", "recognise", "table_of", "unpacked"]

GZIP = b"\x1f\x8b"
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class SequenceFormat:
    """``name``: fasta, fastq, genbank or table. ``sure``: how sure its first bytes make one. ``packed``: by gzip."""

    name: str
    media_type: str
    sure: float
    packed: bool = False


_TYPES = {
    "fasta": "text/x-fasta",
    "fastq": "text/x-fastq",
    "genbank": "chemical/seq-na-genbank",
    "table": "text/tab-separated-values",
}
_NAMES = re.compile(
    r"\.(fa|fas|fasta|fna|ffn|faa|frn|fsa|mpfa|fq|fastq|gb|gbk|gbff|genbank)(\.gz)?$",
    re.IGNORECASE,
)
_TABLE_NAMES = re.compile(r"\.(csv|tsv|tab|txt)(\.gz)?$", re.IGNORECASE)
_LETTERS = re.compile(rb"[A-Za-z*.-]+")
_BASES_ALONE = re.compile(r"[ACGTUNacgtun]{8,}")
COLUMNS = ("sequence", "seq", "dna_sequence", "protein_sequence", "sequences")
"""The column of a table that holds the letters; the first of these that is there, letters of any case."""


def unpacked(head: bytes) -> bytes:
    """The first bytes, 4 KiB at the most, of what may be packed by gzip. Never raises."""
    if not head.startswith(GZIP):
        return head
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _HEAD)
    except zlib.error:
        return b""


def named_like_sequences(name: str) -> bool:
    """Whether only sequences have such a name."""
    return _NAMES.search(name[-64:]) is not None


def recognise(head: bytes, name: str) -> SequenceFormat | None:
    """The format of the first bytes (up to 4 KiB are enough), or None. Never raises."""
    packed = head.startswith(GZIP)
    head = unpacked(head)
    found, sure = _format(head.removeprefix(b"\xef\xbb\xbf").lstrip(), name)
    return SequenceFormat(found, "application/gzip" if packed else _TYPES[found], sure, packed) if found else None


def _format(head: bytes, name: str) -> tuple[str, float]:
    lines = head.splitlines()
    if not lines:
        return "", 0.0
    named, second = named_like_sequences(name), lines[1].strip() if len(lines) > 1 else b""
    if head.startswith(b">"):
        return "fasta", 0.95 if named or _LETTERS.fullmatch(second) or second.startswith(b">") else 0.3
    if head.startswith(b";"):  # the comments of the oldest files
        return ("fasta", 0.9) if named else ("", 0.0)
    if head.startswith(b"@"):
        looks = _looks_like_a_read(lines[1:], whole=len(head) < _HEAD // 2)
        return ("fastq", 0.95 if looks else 0.5) if looks or named else ("", 0.0)
    if re.match(rb"LOCUS +\S+ +\d+ (bp|aa)\b", head):
        return "genbank", 1.0
    if _TABLE_NAMES.search(name[-64:]):
        endless = len(lines) == 1 and len(head) > _HEAD // 2 and _BASES_ALONE.fullmatch(head.decode("ascii", "replace"))
        return ("table", 0.9) if endless or table_of(lines[0]) is not None else ("", 0.0)
    return "", 0.0


def _looks_like_a_read(lines: list[bytes], *, whole: bool) -> bool:
    """Whether lines of letters are followed by one with +, unless that may lie beyond the first bytes."""
    for number, line in enumerate(lines):
        if line.startswith(b"+"):
            return number > 0
        if not _LETTERS.fullmatch(line.strip()):
            return False
    return bool(lines) and not whole


def table_of(line: bytes) -> tuple[str, int, list[str]] | None:
    """(delimiter, the column of the letters, the columns' names) by a table's first line; None where it is no such one.

    Without a header the letters come first and the class after them: then the names are ``sequence`` and ``class``.
    """
    text = line.decode("utf-8-sig", "replace").strip("\r\n")
    for delimiter in "\t,;":
        cells = [cell.strip().strip('"') for cell in text.split(delimiter)]
        lower = [cell.lower() for cell in cells]
        column = next((lower.index(name) for name in COLUMNS if name in lower), None)
        if column is not None and (len(cells) > 1 or text.lower() in COLUMNS):
            return delimiter, column, cells
        if len(cells) > 1 and _BASES_ALONE.fullmatch(cells[0]):
            return delimiter, 0, []
    return None
