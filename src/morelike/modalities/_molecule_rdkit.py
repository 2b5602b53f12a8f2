"""RDKit, quietly, and within bounds: bytes and texts to molecules, or a DecodeError that says what is wrong."""

from __future__ import annotations

import re
from typing import Any, Final

from morelike.errors import DecodeError
from morelike.modalities._molecule_smiles import syntax_fault
from morelike.rdkit_log import quiet

__all__ = [
    "LONGEST_TEXT",
    "MOST_ATOMS",
    "from_inchi",
    "from_mol_block",
    "from_smiles",
]

MOST_ATOMS: Final = 1000
"""Heavy atoms: beyond it ring search, InChI and drawings may take minutes, and a fingerprint says little."""
LONGEST_TEXT: Final = 16 * 1024
"""Characters of a SMILES or InChI; what has ``MOST_ATOMS`` atoms is shorter."""
_SHOWN: Final = 60
_NUMBERS: Final = re.compile(r"[A-Z][a-z]?(\d*)")


def from_smiles(smiles: str, label: str) -> Any:
    """A sanitised molecule. ``label`` begins the sentence of the DecodeError."""
    from rdkit import Chem

    _check_length(smiles, label, "SMILES")
    if not smiles:
        raise DecodeError(f"{label} is empty", hint="a SMILES is wanted: CCO")
    if not (smiles.isascii() and smiles.isprintable()):  # RDKit reads no further than there, and says nothing
        raise _smiles_error(smiles, label)
    with quiet():
        if len(smiles) > MOST_ATOMS:  # a shorter one cannot have more atoms: only a longer one is read twice
            _check_size(Chem.MolFromSmiles(smiles, sanitize=False), label)
        found = Chem.MolFromSmiles(smiles)
        if found is None:
            raise _smiles_error(smiles, label)
    return _checked(found, label)


def from_inchi(inchi: str, label: str) -> Any:
    """The same of an InChI."""
    from rdkit import Chem

    _check_length(inchi, label, "InChI")
    parts = inchi.split("/")
    formula = parts[1] if len(parts) > 1 else ""
    if sum(int(number or 1) for number in _NUMBERS.findall(formula) if len(number) < 9) > 4 * MOST_ATOMS:
        raise _too_large(label)
    with quiet():
        found = Chem.MolFromInchi(inchi)
    if found is None:
        raise DecodeError(f"{label} is no InChI: {_cut(inchi)}", hint="it is read from its first letter to its last")
    return _checked(found, label)


def from_mol_block(block: str, label: str) -> Any:
    """The same of the text of a MOL file (V2000 or V3000)."""
    lines = block.split("\n", 4)
    if len(lines) < 5:
        raise DecodeError(f"{label} is no MOL file: it ends before line 4, which says how many atoms there are")
    with quiet():
        raw = _parsed_block(block, sanitize=False)
        if raw is None:
            raise DecodeError(f"{label} is no MOL file that can be read", hint=_block_hint(lines[3]))
        _check_size(raw, label)
        found = _parsed_block(block, sanitize=True)
        if found is None:
            raise DecodeError(f"{label} is no possible molecule: {_chemistry(raw)}")
    return _checked(found, label)


def _parsed_block(block: str, *, sanitize: bool) -> Any:
    from rdkit import Chem

    try:
        return Chem.MolFromMolBlock(block, sanitize=sanitize, removeHs=sanitize)
    except (RuntimeError, ValueError):  # a broken invariant: the block's own fault
        return None


def _block_hint(counts: str) -> str:
    return f"line 4 says how many atoms and bonds follow: {counts.strip()[:40]!r}"


def _checked(molecule: Any, label: str) -> Any:
    if molecule.GetNumAtoms() == 0:
        raise DecodeError(f"{label} has no atoms")
    _check_size(molecule, label)
    return molecule


def _check_length(text: str, label: str, what: str) -> None:
    if len(text) > LONGEST_TEXT:
        raise DecodeError(
            f"{label} has more than {LONGEST_TEXT:,} characters, too many for a {what} that is read",
            hint=f"molecules of up to {MOST_ATOMS:,} atoms are read",
        )


def _check_size(molecule: Any, label: str) -> None:
    if molecule is not None and molecule.GetNumHeavyAtoms() > MOST_ATOMS:
        raise _too_large(label)


def _too_large(label: str) -> DecodeError:
    return DecodeError(
        f"{label} has more than {MOST_ATOMS:,} atoms", hint="what is larger is better kept as a sequence"
    )


def _smiles_error(smiles: str, label: str) -> DecodeError:
    """What is wrong with a SMILES that RDKit does not take, and at which character."""
    from rdkit import Chem

    fault = syntax_fault(smiles)
    if fault is not None:
        reason, at = fault
        return DecodeError(f"{label} is no SMILES: {reason}, at character {at}: {_around(smiles, at)}")
    raw = Chem.MolFromSmiles(smiles, sanitize=False)
    if raw is None:
        return DecodeError(f"{label} is no SMILES that can be read: {_cut(smiles)}")
    return DecodeError(f"{label} is no possible molecule: {_chemistry(raw)}: {_cut(smiles)}")


def _chemistry(raw: Any) -> str:
    """The first fault that makes a molecule impossible, its atoms counted from 1."""
    from rdkit import Chem

    for problem in Chem.DetectChemistryProblems(raw):
        kind = problem.GetType()
        if kind == "AtomValenceException":
            atom = raw.GetAtomWithIdx(problem.GetAtomIdx())
            return f"the atom {atom.GetIdx() + 1}, {atom.GetSymbol()}, has more bonds than it can have"
        if kind == "KekulizeException":
            atoms = ", ".join(str(index + 1) for index in sorted(problem.GetAtomIndices())[:10])
            return f"the rings of the aromatic atoms {atoms} have no double bonds that fit"
        if kind == "AtomKekulizeException":
            return f"the atom {problem.GetAtomIdx() + 1} is aromatic outside of a ring"
        return str(problem.Message())
    return "RDKit does not take it"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _around(text: str, at: int) -> str:
    """The text, or its part around a place, counted from 1."""
    start = max(0, at - 1 - _SHOWN // 2)
    end = start + _SHOWN
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
