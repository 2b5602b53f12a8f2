"""What a molecule is, however it was drawn: salts and solvents off, charges off, one SMILES, one key; and its figures.

The largest fragment and the neutral form are those of RDKit's MolStandardize; the key is the InChIKey (Heller et al.
2015), which also takes the tautomers that InChI knows for one molecule.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import blake3

from morelike.errors import DecodeError
from morelike.rdkit_log import quiet

__all__ = ["Standard", "Standards", "figures"]

_KEPT: Final = 1024
_MOST_FOR_INCHI: Final = 250
"""Heavy atoms: InChI takes seconds and more for some of the larger ones."""


@dataclass(frozen=True, slots=True)
class Standard:
    """``smiles`` is canonical; ``key`` the InChIKey, "" where there is none; ``fragments`` as it was written."""

    smiles: str
    key: str
    fragments: int
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """The key; where InChI has none (open ends, very large molecules) the digest of the canonical SMILES."""
        return self.key or blake3.blake3(self.smiles.encode()).hexdigest()


class Standards:
    """Makes molecules standard in one way, and remembers the last thousand by their bytes. Safe from any thread."""

    def __init__(self, *, fragment: str, neutralise: bool) -> None:
        self._fragment = fragment
        self._neutralise = neutralise
        self._lock = threading.Lock()
        self._recent: OrderedDict[bytes, Standard] = OrderedDict()

    def get(self, data: bytes, parse: Callable[[], Any]) -> Standard:
        """Of what ``parse`` makes of the bytes. Raises what it raises, DecodeError."""
        with self._lock:
            known = self._recent.get(data)
        if known is not None:
            return known
        made = self._made(parse())
        with self._lock:
            self._recent[data] = made
            while len(self._recent) > _KEPT:
                self._recent.popitem(last=False)
        return made

    def _made(self, molecule: Any) -> Standard:
        from rdkit import Chem

        with quiet():
            fragments = len(Chem.GetMolFrags(molecule))
            molecule = self._standard(molecule, fragments)
            return Standard(Chem.MolToSmiles(molecule), _key(molecule), fragments, figures(molecule))

    def _standard(self, molecule: Any, fragments: int) -> Any:
        from rdkit.Chem.MolStandardize import rdMolStandardize

        try:
            if self._fragment == "largest" and fragments > 1:
                molecule = _read_again(rdMolStandardize.LargestFragmentChooser().choose(molecule)) or molecule
            if self._neutralise and any(atom.GetFormalCharge() for atom in molecule.GetAtoms()):
                molecule = _read_again(rdMolStandardize.Uncharger().uncharge(molecule)) or molecule
        except (RuntimeError, ValueError) as error:
            raise DecodeError(f"the molecule cannot be made standard: {error}") from error
        return molecule


def _read_again(molecule: Any) -> Any:
    """As whoever reads its SMILES has it; None where nobody can: a ring that is aromatic through its charge alone."""
    from rdkit import Chem

    return Chem.MolFromSmiles(Chem.MolToSmiles(molecule))


def _key(molecule: Any) -> str:
    from rdkit import Chem

    if molecule.GetNumHeavyAtoms() > _MOST_FOR_INCHI:
        return ""
    try:
        return str(Chem.MolToInchiKey(molecule))
    except (RuntimeError, ValueError):
        return ""


def figures(molecule: Any) -> dict[str, Any]:
    """What is calculated from the graph alone: weight in daltons, TPSA in Å² (Ertl 2000), logP (Crippen 1999)."""
    from rdkit import Chem
    from rdkit.Chem import Crippen, Descriptors, rdMolDescriptors

    return {
        "formula": rdMolDescriptors.CalcMolFormula(molecule),
        "weight": round(float(Descriptors.MolWt(molecule)), 3),
        "logp": round(float(Crippen.MolLogP(molecule)), 3),
        "tpsa": round(float(rdMolDescriptors.CalcTPSA(molecule)), 2),
        "heavy_atoms": int(molecule.GetNumHeavyAtoms()),
        "rings": int(rdMolDescriptors.CalcNumRings(molecule)),
        "charge": int(Chem.GetFormalCharge(molecule)),
        "donors": int(rdMolDescriptors.CalcNumHBD(molecule)),
        "acceptors": int(rdMolDescriptors.CalcNumHBA(molecule)),
        "rotatable": int(rdMolDescriptors.CalcNumRotatableBonds(molecule)),
    }
