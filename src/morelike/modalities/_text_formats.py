"""Which form a file of words has: by its name where that says it, else by its first bytes. Tables may be packed."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from typing import Final, Literal

from morelike.modalities._molecule_lines import packed_head
from morelike.modalities._text_bytes import decoded_head
from morelike.modalities._text_columns import AUTO, columns_of, names_files

__all__ = ["GZIP", "TextForm", "form_of", "header_of", "suffix_of"]

Form = Literal["plain", "markdown", "html", "record", "csv", "lines", "array"]
GZIP: Final = b"\x1f\x8b"

_NAMED_ONLY: Final = 0.02
"""Where only the name speaks for words: enough to say what is wrong."""
_SUFFIXES: Final[dict[str, tuple[Form, float]]] = {
    **dict.fromkeys((".txt", ".text"), ("plain", 0.25)),  # lists of SMILES and FASTA are named so too
    **dict.fromkeys((".log", ".rst", ".tex", ".org", ".adoc", ".asciidoc"), ("plain", 0.4)),
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mkd"), ("markdown", 0.5)),
    **dict.fromkeys((".html", ".htm", ".xhtml"), ("html", 0.6)),
    **dict.fromkeys((".csv", ".tsv"), ("csv", 0.4)),
    **dict.fromkeys((".jsonl", ".ndjson"), ("lines", 0.4)),
    ".json": ("array", 0.4),
}
_PAGE: Final = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_TYPES: Final[dict[Form, str]] = {
    "plain": "text/plain",
    "markdown": "text/markdown",
    "html": "text/html",
    "record": "application/json",
    "csv": "text/csv",
    "lines": "application/x-ndjson",
    "array": "application/json",
}
_TABLES: Final[frozenset[Form]] = frozenset({"csv", "lines", "array"})
_RECORD: Final = 0.1
_UNNAMED: Final = 0.1
_UNNAMED_PAGE: Final = 0.3
_DELIMITERS: Final = ",;\t|"
_KEY: Final = re.compile(r'"((?:[^"\\]|\\.){1,100})"\s*+:')


@dataclass(frozen=True, slots=True)
class TextForm:
    """``sure``: how sure the first bytes and the name make one. ``columns``: those of a table's first rows."""

    name: Form
    sure: float
    columns: tuple[str, ...] = ()

    @property
    def media_type(self) -> str:
        return _TYPES[self.name]

    def holds(self, wanted: str) -> bool:
        """Whether it is a table of texts, not one of files; ``wanted``: the columns that are searched."""
        if self.name not in _TABLES or not self.columns:
            return False
        found = columns_of(self.columns, wanted)
        return not names_files(self.columns) or (found is not None and (found.sure or wanted != AUTO))


def suffix_of(name: str) -> str:
    """``.md`` of ``Notes.MD``; empty where there is none."""
    base = name.replace("\\", "/").rpartition("/")[2]
    return "." + base.rpartition(".")[2].lower() if "." in base.strip(".") else ""


def form_of(head: bytes, name: str) -> TextForm | None:
    """By the first 4 KiB and the name; None of what is no file of words. Never raises.

    A record, one object of JSON on one line, is told by its bytes: its name is a title, which may be anything.
    """
    suffix = suffix_of(name)
    if suffix == ".gz" and head.startswith(GZIP):
        return _packed(*packed_head(head, name))
    known = _SUFFIXES.get(suffix)
    text = decoded_head(head)
    if text is None or not text.strip():
        return TextForm(known[0], _NAMED_ONLY) if known else None
    start = text.lstrip()
    if start.startswith('{"') and "\n" not in start.rstrip() and suffix not in {".jsonl", ".ndjson"}:
        return TextForm("record", _RECORD)
    if known is None:
        if suffix:
            return None
        return TextForm("html", _UNNAMED_PAGE) if _PAGE.match(text) else TextForm("plain", _UNNAMED)
    form, sure = known
    if form == "csv":
        return _table(form, sure, header_of(next(line for line in text.splitlines() if line.strip()))[0])
    if form == "array":
        first = start[1:].lstrip() if start.startswith("[") else ""
        return _table(form, sure, _keys(first)) if first.startswith("{") else None
    if form == "lines":
        return _table(form, sure, _keys(start)) if start.startswith("{") else TextForm(form, _NAMED_ONLY)
    return TextForm(form, sure)


def header_of(line: str) -> tuple[list[str], str]:
    """(the names of a table's columns, the character between them): where they say what is searched, else the most."""
    found: list[tuple[bool, int, list[str], str]] = []
    for delimiter in _DELIMITERS:
        try:
            names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
        except csv.Error:
            continue
        several = len(names) > 1
        found.append((several and columns_of(names) is not None, len(names), names, delimiter))
    if not found:
        return [], ","
    _, _, names, delimiter = max(found, key=lambda one: one[:2])
    return names, delimiter


def _table(form: Form, sure: float, names: list[str]) -> TextForm:
    """Of columns that do not say what is searched, or that name files, it is not sure at all."""
    found = columns_of(names)
    listed = names_files(names) and not (found is not None and found.sure)
    return TextForm(form, 0.0 if found is None or listed else sure, tuple(names))


def _packed(head: bytes, name: str) -> TextForm | None:
    """Of what gzip packed: tables alone, of which a row is read at a time."""
    known = _SUFFIXES.get(suffix_of(name))
    form = form_of(head, name) if known is not None and known[0] in _TABLES else None
    return form if form is not None and form.columns else None


def _keys(text: str) -> list[str]:
    """The keys of the first object, which may go on beyond what is there."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return list(dict.fromkeys(_KEY.findall(text)))
    return list(value) if isinstance(value, dict) else []
