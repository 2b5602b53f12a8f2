"""Molecules: SMILES, InChI and MOL files, one a molecule; lists, SDF and tables of many. RDKit reads them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from morelike.errors import DecodeError, MissingExtra, QueryError, UsageError
from morelike.modalities._molecule_drawing import drawn, picture_of, size_of
from morelike.modalities._molecule_files import (
    LARGEST_BLOCK,
    LISTS,
    SD_FILES,
    holds_records,
    is_block,
    is_inchi,
    is_smiles_line,
    records_in,
    suffix_of,
    table_of,
)
from morelike.modalities._molecule_lines import packed_head
from morelike.modalities._molecule_picking import fragment_of, picking_of
from morelike.modalities._molecule_rdkit import LONGEST_TEXT, from_inchi, from_mol_block, from_smiles
from morelike.modalities._molecule_standard import Standard, Standards
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, Kind, Metadata, Preview, SegmentSpec, Span

__all__ = ["MoleculeModality"]

_DEFAULTS: Metadata = {"fragment": "largest", "neutralise": True}
_FRAGMENTS = ("largest", "all")
_BY_NAME, _BY_CONTENT, _NAMED_ONLY = 0.9, 0.3, 0.05
_INCHIKEY = re.compile(r"[A-Z]{14}-[A-Z]{10}-[A-Z]")
_WORDS = {"true": True, "yes": True, "false": False, "no": False}


class MoleculeModality:
    """Two segments an item, the canonical SMILES of the standardised molecule each: ``molecule`` is what it is like,
    ``substructure`` what it may hold (mode ``substructure``).

    ``options``: ``fragment`` (``largest``: without salts and solvents, or ``all``) and ``neutralise`` (take off charges
    that an added or taken proton explains). Molecules of more than 1 000 heavy atoms are refused. Safe from any thread.
    """

    name = "molecule"
    kinds: tuple[Kind, ...] = ("molecule", "substructure")

    def __init__(self, settings: Settings, options: Metadata | None = None) -> None:
        """Raises MissingExtra where RDKit is not installed."""
        if find_spec("rdkit") is None:
            raise MissingExtra("molecules need the package 'rdkit'", hint="pip install 'morelike[molecules]'")
        self._settings = settings
        known = self.settle(options or {})
        self._standards = Standards(fragment=known["fragment"], neutralise=known["neutralise"])

    def configured(self, options: Metadata) -> MoleculeModality:
        """The same for a collection with these options."""
        return MoleculeModality(self._settings, options)

    def sniff(self, head: bytes, name: str) -> float:
        """By the name's ending where the content may be such, and less by the content alone."""
        plain, _ = packed_head(head, name)
        suffix = suffix_of(name)
        if is_block(plain) or is_inchi(plain) or table_of(head, name):
            return _BY_NAME
        if suffix in LISTS or suffix in SD_FILES or suffix == ".mol":
            return _NAMED_ONLY if b"\0" in plain else _BY_NAME
        if suffix == ".txt":
            return _BY_CONTENT if holds_records(head, name) else 0.0
        line = _first_line(plain)
        return _BY_CONTENT if is_smiles_line(line) and not line.isalpha() else _word_alone(line, suffix)

    def media_type(self, head: bytes, name: str) -> str:
        """By the content, else by the name."""
        plain, _ = packed_head(head, name)
        suffix = suffix_of(name)
        if suffix in SD_FILES:
            return "chemical/x-mdl-sdfile"
        if is_block(plain) or suffix == ".mol":
            return "chemical/x-mdl-molfile"
        return "chemical/x-inchi" if is_inchi(plain) else "chemical/x-daylight-smiles"

    def describe(self, blob: Blob) -> Metadata:
        """Of the standardised molecule ``smiles``, ``inchikey``, ``formula``, ``weight``, ``logp``, ``tpsa``,
        ``heavy_atoms``, ``rings``, ``charge``, ``donors``, ``acceptors``, ``rotatable``; ``fragments`` as written.
        ``identity`` is ``smiles`` where there is no InChIKey. Raises DecodeError.
        """
        found = self._standard(blob)
        key = {"inchikey": found.key} if found.key else {"identity": "smiles"}
        return {"smiles": found.smiles, **key, **found.facts, "fragments": found.fragments}

    def settle(self, given: Metadata) -> Metadata:
        """``fragment``: ``largest`` (the default) or ``all``; ``neutralise``: true (the default) or false."""
        unknown = sorted(set(given) - set(_DEFAULTS))
        if unknown:
            raise UsageError(
                f"molecules have no {', '.join(unknown)}", hint="they have fragment (largest, all) and neutralise"
            )
        fragment = given.get("fragment", _DEFAULTS["fragment"])
        if fragment not in _FRAGMENTS:
            raise UsageError(f"fragment is {fragment!r}", hint="largest, or all")
        neutralise = given.get("neutralise", _DEFAULTS["neutralise"])
        neutralise = _WORDS.get(neutralise.lower(), neutralise) if isinstance(neutralise, str) else neutralise
        if not isinstance(neutralise, bool):
            raise UsageError(f"neutralise is {neutralise!r}", hint="true, or false")
        return {"fragment": fragment, "neutralise": neutralise}

    def split(self, blob: Blob, options: Metadata, at: Span = WHOLE) -> Iterator[SegmentSpec]:
        """The molecule, by each kind. Raises QueryError where a part is asked for."""
        del options  # the payload depends on them, and is made by whoever is ``configured``
        if at != WHOLE:
            raise QueryError(f"{blob.name} is a molecule: it has no {at.unit}", hint="leave --at out")
        for kind in self.kinds:
            yield SegmentSpec(kind)

    def load(self, blob: Blob, spec: SegmentSpec, want: Mapping[str, Any]) -> str:
        """Canonical SMILES. Raises DecodeError."""
        del want
        if spec.kind not in self.kinds:
            raise DecodeError(f"{blob.name}: a molecule has no segment of kind {spec.kind!r}")
        return self._standard(blob).smiles

    def preview(self, blob: Blob, span: Span, side: int) -> Preview:
        """A PNG of its formula, 4 to 3, no wider than ``side``. Raises DecodeError."""
        del span
        width, height = size_of(side)
        return Preview(picture_of(self._standard(blob).smiles, side), "image/png", width, height)

    def highlighted(self, blob: Blob, side: int, parts: Sequence[int]) -> Preview:
        """The same with these atoms marked, numbered from 0 as in the canonical SMILES. Raises DecodeError."""
        width, height = size_of(side)
        return Preview(picture_of(self._standard(blob).smiles, side, parts), "image/png", width, height)

    def drawing(self, info: Metadata, side: int, parts: Sequence[int]) -> Preview:
        """An SVG of the formula with these atoms marked. Raises DecodeError where nothing is known of it."""
        smiles = info.get("smiles")
        if not isinstance(smiles, str):
            raise DecodeError("nothing says what the molecule is", hint="add it anew")
        width, height = size_of(side)
        return Preview(drawn(smiles, side, parts), "image/svg+xml", width, height)

    def picking(self, smiles: str, side: int) -> Metadata:
        """Its atoms where they stand in a drawing of this width, and its bonds. Raises DecodeError."""
        return picking_of(smiles, side)

    def fragment(self, smiles: str, atoms: Sequence[int]) -> str:
        """The part with these atoms, as SMILES or SMARTS. Raises DecodeError; QueryError where they are no part."""
        return fragment_of(smiles, atoms)

    def identity(self, blob: Blob) -> str | None:
        """The InChIKey of the standardised molecule, else the digest of its SMILES; None of what is no molecule."""
        try:
            return self._standard(blob).identity
        except DecodeError:  # ``describe`` says why
            return None

    def holds(self, head: bytes, name: str) -> bool:
        """SMILES and InChI lists, SDF, tables with a column ``smiles`` or ``inchi``; each may be packed (.gz)."""
        return holds_records(head, name)

    def records(self, blob: Blob) -> Iterator[Blob]:
        """One blob a molecule; a table's other columns and an SDF's properties are its metadata."""
        return records_in(blob)

    def of_text(self, text: str) -> Blob:
        """SMILES or InChI, perhaps with a name behind a blank. Raises DecodeError with the character that is wrong."""
        written = text.strip()
        if _INCHIKEY.fullmatch(written):
            raise DecodeError(
                f"{written} is an InChIKey: no molecule can be read from it", hint="give a SMILES, or an item's id"
            )
        data = written.encode("utf-8", "replace")
        blob = Blob.from_bytes(data, "query.inchi" if is_inchi(data) else "query.smi", uri="text:")
        _parsed(written, "this")
        return blob

    def _standard(self, blob: Blob) -> Standard:
        data = blob.read(LARGEST_BLOCK + 1)
        if len(data) > LARGEST_BLOCK:
            raise DecodeError(
                f"{blob.name} has more than {LARGEST_BLOCK:,} bytes: that is no single molecule",
                hint="a file of many ends in .smi, .sdf or .csv",
            )
        return self._standards.get(data, lambda: _molecule(data, blob.name or blob.uri))


def _first_line(head: bytes) -> str:
    text = head.decode("utf-8", "replace").lstrip("\ufeff")
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _word_alone(line: str, suffix: str) -> float:
    """``CCO`` is a molecule, ``Iron`` no SMILES; but ``No`` may be either, and a name with another ending decides."""
    return _BY_CONTENT if not suffix and is_smiles_line(line) and line.isupper() else 0.0


def _molecule(data: bytes, label: str) -> Any:
    """The one molecule that a record's bytes write down. Raises DecodeError."""
    if is_block(data):
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        head, _, rest = text.partition("$$$$")
        if rest.strip():
            raise DecodeError(f"{label} holds several molecules", hint="give one of them")
        return from_mol_block(head, label)
    stream = io.BytesIO(data.removeprefix(b"\xef\xbb\xbf"))
    lines = [line for line in (stream.readline(LONGEST_TEXT + 1), stream.readline(LONGEST_TEXT + 1)) if line.strip()]
    if len(lines) > 1 or stream.read(LONGEST_TEXT).strip():
        raise DecodeError(
            f"{label} is no single molecule", hint="a SMILES, an InChI or a MOL file is; give one of them"
        )
    return _parsed(lines[0].decode("utf-8", "replace").strip() if lines else "", label)


def _parsed(text: str, label: str) -> Any:
    words = text[: LONGEST_TEXT + 1].split(None, 1)  # what is longer than that is refused by its length
    word = words[0] if words else ""
    return from_inchi(word, label) if word.startswith("InChI=") else from_smiles(word, label)
