"""A molecule's atoms where they stand in its drawing, and the part that somebody picks of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from morelike.errors import QueryError
from morelike.modalities._molecule_drawing import drawing_places
from morelike.modalities._molecule_rdkit import from_smiles
from morelike.rdkit_log import quiet

__all__ = ["fragment_of", "picking_of"]

_MOST_PICKED: Final = 250
"""Atoms of a part that is looked for."""


def picking_of(smiles: str, side: int) -> Mapping[str, Any]:
    """``width`` and ``height`` of the drawing, its ``atoms`` (``symbol``, ``x``, ``y`` in pixels) in the order of the
    SMILES, its ``bonds`` as pairs of their numbers. Raises DecodeError.
    """
    molecule, (width, height), places = drawing_places(smiles, side)
    return {
        "smiles": smiles,
        "width": width,
        "height": height,
        "atoms": [
            {"symbol": atom.GetSymbol(), "x": round(x, 1), "y": round(y, 1)}
            for atom, (x, y) in zip(molecule.GetAtoms(), places, strict=True)
        ],
        "bonds": [[bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()] for bond in molecule.GetBonds()],
    }


def fragment_of(smiles: str, atoms: Sequence[int]) -> str:
    """The part with these atoms, counted from 0, as SMILES where that is a molecule of its own, else as SMARTS: some
    atoms of a ring. Raises DecodeError; QueryError where the atoms are none of it, or do not hang together.
    """
    from rdkit import Chem

    molecule = from_smiles(smiles, "the molecule")
    picked = sorted(set(atoms))
    if not picked:
        raise QueryError("no atom is picked", hint="pick at least one")
    if picked[0] < 0 or picked[-1] >= molecule.GetNumAtoms():
        raise QueryError(f"the molecule has {molecule.GetNumAtoms()} atoms", hint="they are counted from 0")
    if len(picked) > _MOST_PICKED:
        raise QueryError(f"{len(picked)} atoms are too many", hint=f"a part has at most {_MOST_PICKED}")
    if not _together(molecule, picked):
        raise QueryError("the picked atoms do not hang together", hint="pick those between them, too")
    with quiet():
        written: str = Chem.MolFragmentToSmiles(molecule, picked, isomericSmiles=False)
        alone = Chem.MolFromSmiles(written)
        if alone is not None and alone.GetNumAtoms() == len(picked) and molecule.HasSubstructMatch(alone):
            return written
        pattern: str = Chem.MolFragmentToSmarts(molecule, picked, isomericSmarts=False)
    return pattern


def _together(molecule: Any, picked: Sequence[int]) -> bool:
    left, reached = set(picked[1:]), [picked[0]]
    while reached:
        near = {one.GetIdx() for one in molecule.GetAtomWithIdx(reached.pop()).GetNeighbors()} & left
        left -= near
        reached += near
    return not left
