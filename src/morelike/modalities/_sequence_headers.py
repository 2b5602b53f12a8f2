"""What a record's header says: a FASTA line, the lines of a GenBank record before its letters."""

from __future__ import annotations

import re
from collections import Counter

from morelike.modalities._exif import printable as _printable
from morelike.modalities._sequence_held import Held

__all__ = ["GenBankHeader", "of_fasta", "plain", "printable"]

Metadata = dict[str, str | int | float]

_LONGEST = 2000
_LONGEST_NAME = 200
_MODIFIER = re.compile(r"\[([A-Za-z][A-Za-z0-9_-]{0,30})=([^\]\[]{1,200})\]")
_ORGANISM = re.compile(r"\[([^\]\[=]{3,100})\]\s*$")
_UNIPROT = re.compile(r"\bOS=(.{3,100}?)(?: [A-Z]{2}=|$)")
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")
_DECIMAL = re.compile(r"-?\d{1,15}\.\d{1,15}")
_DATE = re.compile(r"\d\d-[A-Z]{3}-\d{4}")
_MODIFIERS = 20


def printable(text: str) -> str:
    """A name: one line without control characters, of at most 200."""
    return _printable(text, _LONGEST_NAME)


def plain(cell: str) -> str | int | float:
    """A number as one; else a text of at most 2 000 characters."""
    if _WHOLE.fullmatch(cell):
        return int(cell)
    if _DECIMAL.fullmatch(cell):
        return float(cell)
    return _printable(cell, _LONGEST)


def of_fasta(line: bytes) -> tuple[str, Held, Metadata]:
    """The name (the first word), no bytes yet, and: ``description``, the rest of the line; ``taxonomy``, ranks with
    ``;`` between, and ``taxon``, the last of them; ``organism``; and what stands as ``[key=value]``.
    """
    text = _printable(line[1 : 4 * _LONGEST].decode("utf-8", "replace"), _LONGEST)
    name, _, rest = text.partition(" ")
    told: Metadata = {"description": rest} if rest else {}
    ranks = [rank.strip() for rank in text.split(";") if rank.strip()]
    if ";" in name and len(ranks) > 1:
        told |= {"taxonomy": ";".join(ranks), "taxon": ranks[-1]}
    for key, value in _MODIFIER.findall(rest)[:_MODIFIERS]:
        told.setdefault(key.lower().replace("-", "_"), plain(value))
    organism = _ORGANISM.search(rest) or _UNIPROT.search(rest)
    if organism:
        told.setdefault("organism", organism[1].strip())
    return printable(name), Held(), told


class GenBankHeader:
    """Reads a GenBank record's lines as they come. After the last: ``name``, the accession with its version, and
    ``metadata``: ``description``, ``organism``, ``taxonomy``, ``date``, ``topology``, and how many
    features of each kind it has (``genes``, ``cds`` …).
    """

    _COUNTED = ("gene", "CDS", "rRNA", "tRNA")

    def __init__(self) -> None:
        self.name = ""
        self._told: Metadata = {}
        self._keyword = ""
        self._features: Counter[str] = Counter()
        self._lineage: list[str] = []
        self._ended = False

    def read(self, line: bytes) -> None:
        """One line, or what comes of it first."""
        if self._ended:
            return
        text = line[:_LONGEST].decode("ascii", "replace").rstrip()
        keyword, rest = text[:12].strip(), _printable(text[12:], _LONGEST)
        if keyword and not text.startswith("     "):
            self._keyword = keyword
            self._begin(keyword, rest)
        elif self._keyword == "DEFINITION" and rest:
            self._told["description"] = _printable(f"{self._told.get('description', '')} {rest}", _LONGEST)
        elif self._keyword == "ORGANISM" and rest and len(self._lineage) < 40:
            self._lineage.append(rest)
        elif self._keyword.startswith("FEATURES") and text[5:6].strip():
            self._features[text[5:21].strip()] += 1

    def _begin(self, keyword: str, rest: str) -> None:
        words = rest.split()
        if keyword == "LOCUS" and words:
            self.name = printable(words[0])
            self._told["topology"] = next((word for word in words if word in ("linear", "circular")), "")
            self._told["date"] = words[-1] if _DATE.fullmatch(words[-1]) else ""
        elif keyword == "DEFINITION":
            self._told["description"] = rest
        elif keyword == "VERSION" and words:
            self.name = printable(words[0])
        elif keyword == "ORGANISM":
            self._told["organism"] = rest
        elif keyword == "ORIGIN":
            self._ended = True

    @property
    def metadata(self) -> Metadata:
        """What was read so far."""
        told = {key: value for key, value in self._told.items() if value}
        if isinstance(told.get("description"), str):
            told["description"] = str(told["description"]).rstrip(".")
        lineage = " ".join(self._lineage).rstrip(".")
        if lineage:
            told["taxonomy"] = ";".join(rank.strip() for rank in lineage.split(";"))
        for feature in self._COUNTED:
            if self._features[feature]:
                told["genes" if feature == "gene" else feature.lower()] = self._features[feature]
        return told
