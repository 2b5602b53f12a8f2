"""A million molecules grown from some thousands of real ones by seeded edits, as Morgan fingerprints.

Half of them are two pieces of other molecules, cut at single bonds outside of rings and joined anew; the rest are real
ones, or earlier ones, of which an atom was replaced or to which a group was added, up to three times. Each has passed
RDKit's sanitisation, and none has more than 70 heavy atoms.
"""

from __future__ import annotations

import csv
import functools
import gzip
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BITS = 2048
QUERIES = 200
_PART = 25_000
_LARGEST = 70
_GROUPS = ("C", "CC", "O", "N", "F", "Cl", "Br", "OC", "C(F)(F)F", "C#N", "C(=O)O", "C(N)=O", "S(C)(=O)=O", "N(C)C")
_GROUPS += ("c1ccccc1", "c1ccncc1", "C1CC1", "N1CCOCC1", "N1CCNCC1", "c1ccsc1", "C(C)(C)C", "[N+](=O)[O-]")


def grown(data: Path, rows: int) -> Path:
    """A folder with ``rows.npy`` (rows, BITS / 8), all that are real first, and ``asked.npy`` (QUERIES, BITS / 8): real
    molecules that nothing was grown from.

    They are made once, two cores at it some minutes for a million, and kept in the system's temporary folder.
    """
    kept = Path(tempfile.gettempdir()) / "morelike-bench" / f"molecules-{rows}"
    if not (kept / "asked.npy").is_file():
        kept.mkdir(parents=True, exist_ok=True)
        asked, parents = _real(data)
        made = [_bits(parents)]
        with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=_quiet) as pool:
            parts = range(-(-max(0, rows - len(parents)) // _PART))
            made += pool.map(_grown, [parents] * len(parts), parts)
        np.save(kept / "rows.npy", np.concatenate(made)[:rows])
        np.save(kept / "asked.npy", _bits(asked))  # last: it says that all is there
    return kept


def _real(data: Path) -> tuple[list[str], list[str]]:
    """Canonical SMILES of the queries and of all other molecules of the two tables."""
    from rdkit import Chem

    _quiet()
    with (data / "delaney-processed.csv").open(newline="") as one, gzip.open(data / "tox21.csv.gz", "rt") as two:
        given = [row["smiles"] for file in (one, two) for row in csv.DictReader(file)]
    read = (Chem.MolFromSmiles(smiles) for smiles in given)
    canonical = sorted({Chem.MolToSmiles(_main(mol)) for mol in read if mol is not None and mol.GetNumHeavyAtoms() > 1})
    order = np.random.default_rng(0).permutation(len(canonical))
    shuffled = [canonical[place] for place in order]
    return shuffled[:QUERIES], shuffled[QUERIES:]


def _main(mol: Any) -> Any:
    from rdkit import Chem

    return max(Chem.GetMolFrags(mol, asMols=True), key=lambda part: part.GetNumHeavyAtoms())


def _bits(smiles: list[str]) -> NDArray[np.uint8]:
    from rdkit import Chem

    return np.stack(list(map(_fingerprint, map(Chem.MolFromSmiles, smiles))))


def _fingerprint(mol: Any) -> NDArray[np.uint8]:
    return np.packbits(_generator().GetFingerprintAsNumPy(mol), bitorder="little")


@functools.cache
def _generator() -> Any:
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=BITS)


def _quiet() -> None:
    from rdkit import RDLogger

    RDLogger.DisableLog("rdApp.*")


def _grown(parents: list[str], part: int) -> NDArray[np.uint8]:
    """Fingerprints of one part of the collection."""
    from rdkit import Chem

    random = np.random.default_rng([1, part])
    mols = [Chem.MolFromSmiles(parents[place]) for place in random.choice(len(parents), 2_000, replace=False)]
    groups = [Chem.MolFromSmiles(smiles) for smiles in _GROUPS]
    found: list[NDArray[np.uint8]] = []
    for mol in _children(mols, groups, random):
        found.append(_fingerprint(mol))
        if len(found) == _PART:
            break
        if random.random() < 0.05:
            mols.append(mol)
    return np.stack(found)


def _children(mols: list[Any], groups: list[Any], random: np.random.Generator) -> Iterator[Any]:
    from rdkit import Chem

    pieces: dict[int, list[tuple[Any, int]]] = {}
    while True:
        one, two = (int(place) for place in random.integers(len(mols), size=2))
        if random.random() < 0.5:
            child = _joined(_piece(mols[one], pieces, random), _piece(mols[two], pieces, random))
        else:
            child = mols[one]
            for _ in range(int(random.integers(1, 4))):
                edit = _replaced if random.random() < 0.4 else _added
                child = edit(child, groups, random) if child is not None else None
        if child is None or not 2 < child.GetNumHeavyAtoms() <= _LARGEST:
            continue
        try:
            Chem.SanitizeMol(child)
        except ValueError:
            continue
        yield child


def _piece(mol: Any, pieces: dict[int, list[tuple[Any, int]]], random: np.random.Generator) -> tuple[Any, int] | None:
    """One of some pieces of a molecule, which are cut once."""
    if id(mol) not in pieces:
        cuts = (_cut(mol, random) for _ in range(8))
        pieces[id(mol)] = [cut for cut in cuts if cut is not None]
    found = pieces[id(mol)]
    return found[int(random.integers(len(found)))] if found else None


def _cut(mol: Any, random: np.random.Generator) -> tuple[Any, int] | None:
    """One side of a single bond outside of rings, and the atom where it was cut."""
    from rdkit import Chem

    bonds = [b for b in mol.GetBonds() if b.GetBondTypeAsDouble() == 1 and not b.IsInRing()]
    if not bonds:
        return None
    bond = bonds[int(random.integers(len(bonds)))]
    ends = [bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()]
    keep = ends[int(random.integers(2))]
    edited = Chem.RWMol(mol)
    edited.RemoveBond(*ends)
    atoms = next(atoms for atoms in Chem.GetMolFrags(edited) if keep in atoms)
    edited.BeginBatchEdit()
    for atom in set(range(mol.GetNumAtoms())) - set(atoms):
        edited.RemoveAtom(atom)
    edited.CommitBatchEdit()
    return edited, sum(atom < keep for atom in atoms)


def _joined(one: tuple[Any, int] | None, two: tuple[Any, int] | None) -> Any:
    from rdkit import Chem

    if one is None or two is None:
        return None
    both = Chem.RWMol(Chem.CombineMols(one[0], two[0]))
    both.AddBond(one[1], one[0].GetNumAtoms() + two[1], Chem.BondType.SINGLE)
    return both.GetMol()


def _added(mol: Any, groups: list[Any], random: np.random.Generator) -> Any:
    from rdkit import Chem

    mol.UpdatePropertyCache(strict=False)  # an edit before this one left it undone
    free = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() == 6 and atom.GetTotalNumHs() > 0]
    if not free:
        return None
    group = groups[int(random.integers(len(groups)))]
    return _joined((_bare(mol), free[int(random.integers(len(free)))]), (Chem.RWMol(group), 0))


def _replaced(mol: Any, groups: list[Any], random: np.random.Generator) -> Any:  # noqa: ARG001  as the other edit
    edited = _bare(mol)
    atom = edited.GetAtomWithIdx(int(random.integers(edited.GetNumAtoms())))
    atom.SetAtomicNum(int(random.choice((6, 7, 8, 9, 16, 17))))
    atom.SetNumExplicitHs(0)
    atom.SetFormalCharge(0)
    return edited.GetMol()


def _bare(mol: Any) -> Any:
    from rdkit import Chem

    return Chem.RWMol(mol)


if __name__ == "__main__":
    print(grown(Path(sys.argv[1]), int(sys.argv[2])))
