"""The rescorer ``tanimoto``: RDKit's own score, and the part that two molecules share."""

from __future__ import annotations

import pytest

pytest.importorskip("rdkit", reason="the rescorer tanimoto needs rdkit (extra molecules)")

from morelike.errors import DecodeError
from morelike.rescorers.tanimoto import TanimotoRescorer

SMILES = ("CC(=O)Oc1ccccc1C(=O)O", "O=C(O)c1ccccc1O", "c1ccccc1", "CCO", "C", "[Na+]", "Cn1c(=O)c2c(ncn2C)n(C)c1=O")


@pytest.mark.parametrize("one", SMILES)
def test_the_score_is_rdkits_tanimoto(one: str) -> None:
    """Of Morgan fingerprints with radius 2 and 2 048 bits."""
    from rdkit import Chem, DataStructs
    from rdkit.Chem import rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    prints = [generator.GetFingerprint(Chem.MolFromSmiles(smiles)) for smiles in (one, *SMILES)]

    expected = [DataStructs.TanimotoSimilarity(prints[0], other) for other in prints[1:]]

    assert [TanimotoRescorer().score(one, other) for other in SMILES] == pytest.approx(expected)


@pytest.mark.parametrize("smiles", SMILES)
def test_all_of_a_molecule_is_shared_with_itself(smiles: str) -> None:
    """Every atom, and every bond."""
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)

    shared = TanimotoRescorer().explain(smiles, smiles).why["shared"]

    assert shared["atoms"] == list(range(molecule.GetNumAtoms()))
    assert shared["bonds"] == list(range(molecule.GetNumBonds()))
    assert shared["share"] == 1.0
    assert shared["query"] == {name: shared[name] for name in ("atoms", "bonds", "share")}


def test_the_shared_part_is_the_part_that_both_have() -> None:
    """Of two long acids with other heads the acid ends are shared, and the heads are not."""
    one, other = "OC(=O)CCCCCCCN", "OC(=O)CCCCCCCS"

    shared = TanimotoRescorer().explain(one, other).why["shared"]

    assert set(range(8)) <= set(shared["atoms"])
    assert 10 not in shared["atoms"]
    assert 10 not in shared["query"]["atoms"]


def test_what_has_no_bond_in_common_shares_its_atoms_of_a_sort() -> None:
    """Single atoms count only where there is nothing larger."""
    shared = TanimotoRescorer().explain("CO", "CS").why["shared"]
    nothing = TanimotoRescorer().explain("[Na+]", "CCS").why["shared"]

    assert (shared["atoms"], shared["bonds"]) == ([0], [])
    assert (nothing["atoms"], nothing["bonds"], nothing["share"]) == ([], [], 0.0)


def test_what_is_no_smiles_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    """In a sentence, and RDKit prints nothing."""
    with pytest.raises(DecodeError, match="no SMILES"):
        TanimotoRescorer().score("C1CC", "CCO")

    assert capfd.readouterr() == ("", "")
