"""Fingerprints of molecules as packed bits, for the Tanimoto coefficient; RDKit makes them.

``fingerprint`` in the card's options says which: ``morgan`` (ECFP, Rogers & Hahn 2010; with ``radius``), ``maccs`` (the
166 public keys, Durant et al. 2002), ``rdkit-path`` (paths of up to seven bonds, as Daylight's), ``atom-pairs``
(Carhart et al. 1985) or ``pattern`` (what substructures leave in a molecule, to screen with).

Bit i is the bit ``i % 8``, the lowest first, of byte ``i // 8``: the order of RDKit's ``BitVectToFPSText`` and of FPS
files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from morelike.encoders._batches import check_kind, check_revision
from morelike.errors import EncodeError, MissingExtra, ModelError
from morelike.rdkit_log import quiet
from morelike.settings import Settings
from morelike.types import Card, Kind, Payload, Vectors

__all__ = ["MoleculeBitsEncoder"]

_REVISION: Final = 1
_MACCS: Final = 166
_LONGEST_PATH: Final = 7
_SMALL, _FEW_BRANCHED = 100, 12
"""Atoms, and atoms with four bonds and more: what has no more of either has no more paths than are quickly found."""
_MOST_PATHS: Final = 4e6
Fingerprints = Callable[[Sequence[Any]], Sequence[Any]]
"""Molecules to bit vectors, one each."""


class MoleculeBitsEncoder:
    """The registry's ``molecule-bits`` family. Deterministic; needs no files."""

    def __init__(self, card: Card, files: Mapping[str, Path], settings: Settings) -> None:
        del files
        if find_spec("rdkit") is None:
            raise MissingExtra(
                f"the card {card.name!r} needs the package 'rdkit'", hint="pip install 'morelike[molecules]'"
            )
        self._threads = settings.workers or os.cpu_count() or 1
        check_revision(card, _REVISION)
        self._name = str(card.options.get("fingerprint", ""))
        if self._name not in _MAKERS:
            raise ModelError(
                f"the card {card.name!r} names the fingerprint {self._name!r}", hint=f"there are {', '.join(_MAKERS)}"
            )
        if card.form != "bits" or (self._name == "maccs" and card.dim != 168):
            raise ModelError(
                f"the card {card.name!r} says form = {card.form}, dim = {card.dim}", hint="bits; maccs 168"
            )
        self._card = card

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> Any:
        """A SMILES as RDKit's molecule. Raises EncodeError."""
        from rdkit import Chem

        check_kind(self._card, kind)
        with quiet():
            molecule = Chem.MolFromSmiles(payload) if isinstance(payload, str) and payload else None
        if molecule is None:
            raise EncodeError(f"the payload {str(payload)[:60]!r} is no SMILES")
        return molecule

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        """(n, dim / 8) uint8."""
        check_kind(self._card, kind)
        width = self._card.dim // 8
        if not batch:
            return np.empty((0, width), dtype=np.uint8)
        rows = np.empty((len(batch), width), dtype=np.uint8)
        for row, found in zip(rows, self._fingerprints(list(batch)), strict=True):
            row[:] = _packed(found, width)
        return rows

    @cached_property
    def _fingerprints(self) -> Fingerprints:
        return _MAKERS[self._name](self._card, self._threads)


def _packed(found: Any, width: int) -> NDArray[np.uint8]:
    from rdkit import DataStructs

    data = np.frombuffer(DataStructs.BitVectToBinaryText(found), dtype=np.uint8)
    if len(data) > width:
        raise ModelError(f"a fingerprint has {len(data)} bytes, the card says {width}", hint="mend dim in the card")
    return data


def _morgan(card: Card, threads: int) -> Fingerprints:
    from rdkit.Chem import rdFingerprintGenerator

    radius = int(card.options.get("radius", 2))
    return _generated(rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=card.dim), threads)


def _rdkit_path(card: Card, threads: int) -> Fingerprints:
    from rdkit.Chem import rdFingerprintGenerator

    generated = _generated(rdFingerprintGenerator.GetRDKitFPGenerator(fpSize=card.dim), threads)

    def make(molecules: Sequence[Any]) -> Sequence[Any]:
        for molecule in molecules:
            _check_paths(molecule)
        return generated(molecules)

    return make


def _check_paths(molecule: Any) -> None:
    """Raises EncodeError where there are more paths, with their branches, than there is time and memory for.

    A lattice of a thousand atoms has so many that RDKit would look at them for hours.
    """
    branched = sum(atom.GetDegree() > 3 for atom in molecule.GetAtoms())
    if molecule.GetNumAtoms() <= _SMALL and branched <= _FEW_BRANCHED:
        return
    pairs = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    ways = [*pairs, *((end, begin) for begin, end in pairs)]
    onward: list[list[int]] = [[] for _ in range(molecule.GetNumAtoms())]
    for number, (begin, _) in enumerate(ways):
        onward[begin].append(number)
    back = [number + len(pairs) if number < len(pairs) else number - len(pairs) for number in range(len(ways))]
    # trees of up to seven bonds that begin with each bond, by length: as if no path came back to where it was
    trees = np.zeros((len(ways), _LONGEST_PATH + 1))
    trees[:, 1] = 1.0
    for _ in range(_LONGEST_PATH - 1):
        grown = np.zeros_like(trees)
        for number, (_, end) in enumerate(ways):
            product = np.zeros(_LONGEST_PATH + 1)
            product[0] = 1.0
            for other in onward[end]:
                if other != back[number]:
                    product = product + np.convolve(product, trees[other])[: _LONGEST_PATH + 1]
            grown[number, 1:] = product[:-1]
        trees = grown
    if trees.sum() > _MOST_PATHS:
        raise EncodeError(
            f"a molecule of {molecule.GetNumAtoms()} atoms has too many paths for this fingerprint",
            hint="the card morgan takes it",
        )


def _atom_pairs(card: Card, threads: int) -> Fingerprints:
    from rdkit.Chem import rdFingerprintGenerator

    return _generated(rdFingerprintGenerator.GetAtomPairGenerator(fpSize=card.dim), threads)


def _generated(generator: Any, threads: int) -> Fingerprints:
    def make(molecules: Sequence[Any]) -> Sequence[Any]:
        made: Sequence[Any] = generator.GetFingerprints(molecules, numThreads=threads)
        return made

    return make


def _maccs(card: Card, threads: int) -> Fingerprints:
    """The 166 keys; RDKit's bit 0, which no key has, is left out."""
    del card, threads
    from rdkit import DataStructs
    from rdkit.Chem import rdMolDescriptors

    def make(molecules: Sequence[Any]) -> Sequence[Any]:
        made = []
        for molecule in molecules:
            _check_paths(molecule)
            keys = DataStructs.ExplicitBitVect(_MACCS + 2)
            keys.SetBitsFromList([bit - 1 for bit in rdMolDescriptors.GetMACCSKeysFingerprint(molecule).GetOnBits()])
            made.append(keys)
        return made

    return make


def _pattern(card: Card, threads: int) -> Fingerprints:
    del threads
    from rdkit import Chem

    def make(molecules: Sequence[Any]) -> Sequence[Any]:
        for molecule in molecules:
            _check_paths(molecule)
        return [Chem.PatternFingerprint(molecule, fpSize=card.dim) for molecule in molecules]

    return make


_MAKERS: Final[Mapping[str, Callable[[Card, int], Fingerprints]]] = {
    "atom-pairs": _atom_pairs,
    "maccs": _maccs,
    "morgan": _morgan,
    "pattern": _pattern,
    "rdkit-path": _rdkit_path,
}
