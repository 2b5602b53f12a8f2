"""Fingerprints of molecules: RDKit's own bits, in the order of FPS files."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import MACCSkeys, rdFingerprintGenerator, rdMolDescriptors

from morelike.encoders.molecule_bits import MoleculeBitsEncoder
from morelike.errors import EncodeError, ModelError
from morelike.models import cards
from morelike.settings import Settings
from morelike.types import Card
from morelike.vecmath import tanimoto

SMILES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "C[C@H](N)C(=O)O",
    "OC[C@H]1OC(O)[C@H](O)[C@@H](O)[C@@H]1O",
    "c1ccc2c(c1)[nH]c1ccccc12",
    "C",
    "*CC*",
    "[Cl-].[Na+]",
]


def encoder(name: str) -> MoleculeBitsEncoder:
    settings = Settings(offline=True)
    return MoleculeBitsEncoder(cards.find(name, settings), {}, settings)


def rows(name: str, smiles: list[str]) -> Any:
    made = encoder(name)
    kind = made.card.kinds[0]
    return made.encode(kind, [made.prepare(kind, one) for one in smiles])


def by_fps(found: Any) -> bytes:
    return bytes.fromhex(DataStructs.BitVectToFPSText(found))


def test_the_older_servers_bits_are_reproduced() -> None:
    """``morgan-512`` is ``GetMorganFingerprintAsBitVect(mol, 2, 512)``, in the order of ``BitVectToFPSText``."""
    for smiles, row in zip(SMILES, rows("morgan-512", SMILES), strict=True):
        with rdBase.BlockLogs():
            older = rdMolDescriptors.GetMorganFingerprintAsBitVect(Chem.MolFromSmiles(smiles), 2, 512)
        assert row.tobytes() == by_fps(older)


REFERENCES: dict[str, Callable[[Any], Any]] = {
    "morgan": lambda mol: rdMolDescriptors.GetMorganFingerprintAsBitVect(mol, 2, 2048),
    "rdkit-path": lambda mol: Chem.RDKFingerprint(mol, fpSize=2048),
    "atom-pairs": lambda mol: rdFingerprintGenerator.GetAtomPairGenerator(fpSize=2048).GetFingerprint(mol),
    "pattern": lambda mol: Chem.PatternFingerprint(mol, fpSize=2048),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_the_bits_are_rdkits(name: str) -> None:
    """Each card gives what RDKit's own function gives of one molecule at a time."""
    for smiles, row in zip(SMILES, rows(name, SMILES), strict=True):
        with rdBase.BlockLogs():
            expected = REFERENCES[name](Chem.MolFromSmiles(smiles))
        assert row.tobytes() == by_fps(expected)


def test_maccs_are_the_166_keys() -> None:
    """Key i is bit i - 1; RDKit's empty bit 0 is left out, and the last two of the 21 bytes' bits are never set."""
    for smiles, row in zip(SMILES, rows("maccs", SMILES), strict=True):
        keys = list(MACCSkeys.GenMACCSKeys(Chem.MolFromSmiles(smiles)).GetOnBits())
        assert len(row) == 21
        assert (np.flatnonzero(np.unpackbits(row, bitorder="little")) + 1).tolist() == keys


@given(st.lists(st.sampled_from(SMILES), min_size=2, max_size=2))
def test_tanimoto_of_the_rows_is_rdkits(pair: list[str]) -> None:
    """What the house computes from packed rows is what RDKit computes from its bit vectors."""
    made = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    one, other = (made.GetFingerprint(Chem.MolFromSmiles(smiles)) for smiles in pair)
    first, second = rows("morgan", pair)
    found = tanimoto(first[None], second[None])[0, 0]
    assert found == pytest.approx(DataStructs.TanimotoSimilarity(one, other), abs=1e-6)


def lattice(side: int) -> str:
    """Sulphur atoms with up to six neighbours, as no compound has them."""
    made, places = Chem.RWMol(), {}
    for place in itertools.product(range(side), repeat=3):
        places[place] = made.AddAtom(Chem.Atom(16))
    for (x, y, z), number in places.items():
        for other in ((x + 1, y, z), (x, y + 1, z), (x, y, z + 1)):
            if other in places:
                made.AddBond(number, places[other], Chem.BondType.SINGLE)
    return Chem.MolToSmiles(made)


@pytest.mark.parametrize("name", ["rdkit-path", "maccs", "pattern"])
def test_a_lattice_is_refused(name: str) -> None:
    """What would take hours, for each atom is bound to six, is an EncodeError; the card for such molecules is named."""
    with pytest.raises(EncodeError, match="too many paths") as caught:
        rows(name, [lattice(5)])
    assert "morgan" in caught.value.hint
    assert rows("morgan", [lattice(5)]).any()


@pytest.mark.parametrize("name", ["rdkit-path", "maccs", "pattern"])
@pytest.mark.parametrize("smiles", ["C(F)(F)" * 60 + "F", "CC(C)(C)" * 40 + "C", "NCC(=O)" * 80 + "O"])
def test_large_molecules_that_exist_are_taken(name: str, smiles: str) -> None:
    """Perfluorinated chains, polyisobutene and peptides, some hundred atoms each, have their bits."""
    assert rows(name, [smiles]).any()


@pytest.mark.parametrize("payload", ["c1ccccc", "", None, 7])
def test_a_payload_that_is_no_smiles_is_refused(payload: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """It raises EncodeError, and RDKit prints nothing."""
    with pytest.raises(EncodeError):
        encoder("morgan").prepare("molecule", payload)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"options": {"fingerprint": "other"}},
        {"options": {"fingerprint": "morgan", "revision": 9}},
        {"options": {"fingerprint": "maccs"}},
        {"form": "dense"},
    ],
)
def test_a_card_that_cannot_be_is_refused(wrong: dict[str, Any], settings: Settings) -> None:
    """A fingerprint, revision, width or form that is not there is a ModelError when the encoder is made."""
    card: Card = replace(cards.find("morgan", settings), **wrong)
    with pytest.raises(ModelError):
        MoleculeBitsEncoder(card, {}, settings)
