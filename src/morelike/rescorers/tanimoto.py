"""The rescorer ``tanimoto``: how much of two molecules is alike, and which atoms and bonds that is."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

from morelike.errors import DecodeError
from morelike.rdkit_log import quiet
from morelike.records import Rescored
from morelike.types import Kind, Metadata, Payload

__all__ = ["TanimotoRescorer"]

RADIUS = 2
BITS = 2048
REMEMBERED = 512
"""Molecules whose environments are kept: the query's are asked for with every hit."""


class TanimotoRescorer:
    """Tanimoto (Jaccard) of Morgan fingerprints (Rogers & Hahn 2010) of radius 2, folded to 2 048 bits.

    The shared part of two molecules: all atoms and bonds that lie in an environment, a circle of one or two bonds
    around an atom, which both of them have. Where they have none in common, the atoms of the same sort.
    """

    name = "tanimoto"
    kinds: tuple[Kind, ...] = ("molecule",)
    unit = "tanimoto"
    symmetric = True

    def takes(self, query: Payload) -> bool:
        """Any SMILES is short enough."""
        return bool(query)

    def around(self, query: Payload) -> float:  # noqa: ARG002  a molecule is whole
        """Nothing: a molecule is one piece."""
        return 0.0

    def score(self, query: Payload, candidate: Payload) -> float:
        """0 to 1. Raises DecodeError on what is no SMILES."""
        from rdkit import DataStructs

        one, other = _molecule(str(query)), _molecule(str(candidate))
        return float(DataStructs.TanimotoSimilarity(one.fingerprint, other.fingerprint))

    def explain(self, query: Payload, candidate: Payload) -> Rescored:
        """The score, and ``shared``: the candidate's atoms and bonds that the query has too; ``query``: the query's.

        They are numbered from 0 in the order of the SMILES; ``share`` is their part of the molecule's atoms.
        """
        score = self.score(query, candidate)
        one, other = _molecule(str(query)), _molecule(str(candidate))
        common = one.environments.keys() & other.environments.keys()
        shared = {**other.covered(common), "query": one.covered(common)}
        return Rescored(score, {self.unit: score}, {"shared": shared})


class _Molecule:
    """A parsed molecule, its fingerprint, and where its environments are."""

    def __init__(self, smiles: str) -> None:
        from rdkit import Chem
        from rdkit.Chem import rdFingerprintGenerator

        with quiet():
            self.molecule = Chem.MolFromSmiles(smiles)
        if self.molecule is None:
            raise DecodeError(f"{smiles[:60]} is no SMILES", hint="give it as RDKit writes it")
        self.fingerprint = _generator(redundant=False).GetFingerprint(self.molecule)
        output = rdFingerprintGenerator.AdditionalOutput()
        output.AllocateBitInfoMap()
        _generator(redundant=True).GetSparseFingerprint(self.molecule, additionalOutput=output)
        self.environments: dict[int, tuple[tuple[int, int], ...]] = output.GetBitInfoMap()
        """By the environment's number: (atom in its middle, radius) of each time that it is there."""

    def covered(self, environments: Iterable[int]) -> Metadata:
        """The atoms and bonds of these environments, those of single atoms only where there are no others."""
        from rdkit import Chem

        places = [place for number in environments for place in self.environments[number]]
        wide = [place for place in places if place[1] > 0]
        atoms: set[int] = set()
        bonds: set[int] = set()
        for atom, radius in wide or places:
            atoms.add(atom)
            around = Chem.FindAtomEnvironmentOfRadiusN(self.molecule, radius, atom) if radius else ()
            for number in around:
                bonds.add(number)
                bond = self.molecule.GetBondWithIdx(number)
                atoms.update((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))
        count = self.molecule.GetNumAtoms()
        share = round(len(atoms) / count, 4) if count else 0.0
        return {"atoms": sorted(atoms), "bonds": sorted(bonds), "share": share}


@lru_cache(maxsize=REMEMBERED)
def _molecule(smiles: str) -> _Molecule:
    return _Molecule(smiles)


@cache
def _generator(*, redundant: bool) -> Any:
    """One for all threads. ``redundant``: also environments that reach no further than others do. Fingerprints have
    none of them; but which of two is left out depends on the molecule, so that what is shared needs both.
    """
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS, includeRedundantEnvironments=redundant)
