"""Files of many molecules, a record at a time: SMILES and InChI lists, SDF, tables with a column of SMILES or InChI."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from morelike.errors import SourceError
from morelike.modalities._molecule_lines import (
    LONGEST_LINE,
    Line,
    column_of,
    failing,
    lines_of,
    metadata_of,
    packed_head,
    plain_name,
    record_blob,
    rows_of,
    table_header,
)
from morelike.modalities._molecule_smiles import looks_like_smiles
from morelike.types import Blob

__all__ = [
    "COLUMNS",
    "LARGEST_BLOCK",
    "holds_records",
    "is_block",
    "is_inchi",
    "is_smiles_line",
    "records_in",
    "suffix_of",
    "table_of",
]

COLUMNS: Final = (
    "smiles",
    "canonical_smiles",
    "isomeric_smiles",
    "smi",
    "inchi",
    "standard_inchi",
    "molecule_smiles",
    "structure_smiles",
)
"""A table's columns that write molecules down, letters of any case; the first that is there."""
_TITLES: Final = (
    "name",
    "title",
    "compound_name",
    "compound_id",
    "molecule_name",
    "mol_id",
    "molecule_id",
    "molecule_chembl_id",
    "chembl_id",
    "id",
)
LARGEST_BLOCK: Final = 1024**2
"""Bytes of a record of an SDF with its properties, and of a MOL file."""
LISTS: Final = (".smi", ".smiles", ".ism", ".can", ".inchi")
SD_FILES: Final = (".sdf", ".sd")
TABLES: Final = (".csv", ".tsv", ".tab")
_END: Final = "$$$$"
_BLOCK: Final = re.compile(rb"^M  END\s*$|^.{33}.?V[23]000\s*$", re.MULTILINE)
_SEVERAL: Final = re.compile(rb"^\$\$\$\$\s*$", re.MULTILINE)
_FIELD: Final = re.compile(r"^>.*<([^<>]+)>")
_HEADS: Final = frozenset({"smiles", "canonical_smiles", "isomeric_smiles", "smi", "inchi"})


def suffix_of(name: str) -> str:
    """``.smi`` of ``a.SMI`` and, packed, of ``a.smi.gz``."""
    inner = name[:-3] if name[-3:].lower() == ".gz" else name
    dot = inner.rfind(".")
    return inner[dot:].lower() if dot >= 0 else ""


def is_block(head: bytes) -> bool:
    """Whether it begins as a MOL file does."""
    return _BLOCK.search(head) is not None


def is_inchi(head: bytes) -> bool:
    return head.startswith(b"InChI=")


def is_smiles_line(line: str) -> bool:
    """Whether its first word is made of signs of a SMILES alone."""
    words = line.split(None, 1)
    return bool(words) and looks_like_smiles(words[0])


def table_of(head: bytes, name: str) -> bool:
    """Whether it is a table with a column of molecules."""
    head, _ = packed_head(head, name)
    return suffix_of(name) in TABLES and table_header(head, COLUMNS) is not None


def holds_records(head: bytes, name: str) -> bool:
    suffix = suffix_of(name)
    if suffix in LISTS or suffix in SD_FILES:
        return True
    if suffix in TABLES:
        return table_of(head, name)
    plain, inner = packed_head(head, name)
    if suffix == ".mol":
        return inner != name  # packed, it is unpacked as a file of one record is
    if suffix == ".txt":
        return _is_list(plain)
    return is_block(plain) and _SEVERAL.search(plain) is not None


def _is_list(head: bytes) -> bool:
    """Of a text whose name says nothing each whole line must look like a SMILES or InChI, and not like a word alone."""
    lines = [line for line in head.decode("utf-8", "replace").splitlines() if line.strip()]
    whole = lines if len(head) < 4096 else lines[:-1]
    words = [line.split(None, 1)[0] for line in whole]
    return (
        bool(words)
        and all(word.startswith("InChI=") or looks_like_smiles(word) for word in words)
        and any(not word.isalpha() for word in words)
    )


def records_in(blob: Blob) -> Iterator[Blob]:
    """One blob a molecule. Raises SourceError where nothing of the file can be used."""
    suffix = suffix_of(blob.name)
    found = _sd_records(blob) if suffix in SD_FILES or suffix == ".mol" else None
    if found is None and suffix in TABLES:
        found = _table_records(blob)
    if found is None:
        found = _list_records(blob) if suffix in LISTS or suffix == ".txt" else _sd_records(blob)
    number = 0
    try:
        for record in found:
            number += 1
            yield record
    except SourceError as error:  # what came before it is good
        yield failing(blob, 0, blob.name, error.message, error.hint)
        return
    if not number:
        yield failing(blob, 0, blob.name, f"{blob.name} holds no molecules", "is it empty?")


def _stem(blob: Blob) -> str:
    suffix = suffix_of(blob.name)
    inner = blob.name[:-3] if blob.name[-3:].lower() == ".gz" else blob.name
    return inner[: len(inner) - len(suffix)] or "molecule"


def _list_records(blob: Blob) -> Iterator[Blob]:
    """A molecule a line: SMILES or InChI, a blank, and a name. Empty lines and comments (#) do not count."""
    stem, number = _stem(blob), 0
    for line in lines_of(blob):
        words = [] if line.text is None else line.text.split(None, 1)
        if line.text is not None and (not words or words[0].startswith("#") or _is_header(line, words)):
            continue
        number += 1
        name = f"{stem}-{number}"
        if line.text is None:
            reason = f"line {line.number} of {blob.name} is longer than {LONGEST_LINE:,} bytes"
            yield failing(blob, number, name, reason)
            continue
        title = words[1].strip() if len(words) > 1 else ""
        data, ending = _written(words[0], title)
        yield record_blob(blob, number, data, plain_name(title, name) + ending)


def _is_header(line: Line, words: list[str]) -> bool:
    return line.number == 1 and words[0].lower() in _HEADS


def _written(text: str, title: str) -> tuple[bytes, str]:
    """(a record's bytes, its name's ending) of what was written on one line."""
    line = f"{text} {title}".strip() + "\n"
    return line.encode("utf-8", "replace"), ".inchi" if text.startswith("InChI=") else ".smi"


def _table_records(blob: Blob) -> Iterator[Blob]:
    stem = _stem(blob)
    for row in rows_of(blob, COLUMNS):
        name = f"{stem}-{row.number}"
        if row.problem:
            yield failing(blob, row.number, name, f"row {row.number} of {blob.name} {row.problem}")
            continue
        column = column_of(list(row.values), COLUMNS)
        text = " ".join(row.values[column].split()) if column else ""
        if not text:
            yield failing(blob, row.number, name, f"row {row.number} of {blob.name} has no molecule")
            continue
        text, _, rest = text.partition(" ")
        titled = column_of(list(row.values), _TITLES)
        title = plain_name(row.values[titled] if titled else rest, "")
        data, ending = _written(text, title)
        yield record_blob(blob, row.number, data, (title or name) + ending, metadata_of(row.values, (column,)))


def _sd_records(blob: Blob) -> Iterator[Blob]:
    """MOL blocks, each with properties, up to a line of ``$$$$``."""
    stem, number = _stem(blob), 0
    for lines in _sd_groups(blob):
        number += 1
        name = f"{stem}-{number}"
        if lines is None:
            reason = f"record {number} of {blob.name} has more than {LARGEST_BLOCK:,} bytes"
            yield failing(blob, number, name, reason)
            continue
        end = next((at + 1 for at, line in enumerate(lines) if line.rstrip() == "M  END"), len(lines))
        block = "\n".join(lines[:end]) + "\n"
        title = plain_name(lines[0].strip(), name) if lines else name
        metadata = metadata_of(_properties(lines[end:]), ())
        yield record_blob(blob, number, block.encode("utf-8", "replace"), title + ".mol", metadata)


def _sd_groups(blob: Blob) -> Iterator[list[str] | None]:
    """The lines of each record; None of one that is too large."""
    lines: list[str] | None = []
    size = 0
    for line in lines_of(blob):
        if line.text is not None and line.text.rstrip() == _END:
            yield lines
            lines, size = [], 0
            continue
        size += LARGEST_BLOCK + 1 if line.text is None else len(line.text) + 1
        if size > LARGEST_BLOCK:
            lines = None
        elif lines is not None:
            lines.append(line.text or "")
    if lines is None or any(line.strip() for line in lines):
        yield lines


def _properties(lines: list[str]) -> dict[str, str]:
    """``> <KEY>`` and the lines below it, up to an empty one."""
    found: dict[str, str] = {}
    key = ""
    for line in lines:
        if field := _FIELD.match(line):
            key = field.group(1)
        elif not line.strip():
            key = ""
        elif key:
            found[key] = f"{found[key]}\n{line.strip()}" if key in found else line.strip()
    return found
