"""Molecules as a modality, through the kit."""

from __future__ import annotations

from typing import Any

import pytest
from rdkit import Chem

from morelike.protocols import Modality
from morelike.registry import MODALITIES
from morelike.settings import Settings
from morelike.testing.kits.modality import ModalityKit, Sample

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


def _block(smiles: str, *, newer: bool = False) -> bytes:
    block: str = Chem.MolToMolBlock(Chem.MolFromSmiles(smiles), forceV3000=newer)
    return block.encode()


class TestMoleculeModality(ModalityKit):
    """SMILES, with a name and without one, InChI, and MOL files of both makes."""

    @pytest.fixture
    def modality(self, settings: Settings) -> Modality:
        return MODALITIES.load("molecule")(settings)

    @pytest.fixture
    def samples(self) -> list[Sample]:
        return [
            (b"CCO\n", "ethanol.smi"),
            (f"{ASPIRIN} aspirin".encode(), "aspirin.smi"),
            (b"[Na+].CC(=O)[O-]", "salt.smiles"),
            (b"InChI=1S/C6H6/c1-2-4-6-5-3-1/h1-6H", "benzene.inchi"),
            (_block(ASPIRIN), "aspirin.mol"),
            (_block("C[C@H](N)C(=O)O", newer=True), "alanine.mol"),
        ]


class TestWholeMolecules(TestMoleculeModality):
    """The same of a collection that keeps every fragment and every charge."""

    @pytest.fixture
    def modality(self, settings: Settings, options: dict[str, Any]) -> Modality:
        return MODALITIES.load("molecule")(settings).configured(options)

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"fragment": "all", "neutralise": False}
