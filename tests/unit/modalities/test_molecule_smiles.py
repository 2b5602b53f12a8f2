"""Where a SMILES is wrong: the grammar here is RDKit's, and says at which character."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem, rdBase

from morelike.modalities._molecule_smiles import looks_like_smiles, syntax_fault

ATOMS = ["C", "c", "N", "O", "Cl", "Br", "*", "[Na+]", "[nH]", "[C@@H]", "[13C]", "[#6]", "[H]", "[C:1]", "[OH-]"]
RARE_ATOMS = ["[Fe+2]", "[Fe++]", "[C@TH1]", "[2H]", "[se]"]
MARKS = [
    "(",
    ")",
    "(",
    ")",
    "1",
    "2",
    "1",
    "%10",
    "%(100)",
    "=",
    "#",
    "-",
    ":",
    "/",
    "\\",
    ".",
    "$",
    "~",
    "->",
    "<-",
    "0",
]
WRONG = ["A", "q", "a", "H", "%1", "[Xx]", "[R]", "[]", "]", "[", "[C", ">"]
SIGNS = [*ATOMS, *ATOMS, *RARE_ATOMS, *MARKS, *WRONG]


@settings(max_examples=2000)
@given(st.lists(st.sampled_from(SIGNS), min_size=1, max_size=14).map("".join))
def test_the_grammar_is_rdkits(smiles: str) -> None:
    """A text has a fault exactly where RDKit refuses to read it, and the fault lies within the text."""
    with rdBase.BlockLogs():
        read = Chem.MolFromSmiles(smiles, sanitize=False) is not None
    fault = syntax_fault(smiles)
    assert (fault is None) == read, (smiles, fault)
    assert fault is None or 1 <= fault[1] <= len(smiles)


@pytest.mark.parametrize(
    ("smiles", "at", "word"),
    [
        ("c1ccccc", 2, "ring 1"),
        ("CC(=O", 3, "not closed"),
        ("CC)O", 3, "never opened"),
        ("CqC", 2, "q is no atom"),
        ("C[Xx]C", 2, "no element"),
        ("C[Fe", 2, "not closed"),
        ("CC=", 3, "leads nowhere"),
        ("C==C", 3, "two bonds"),
        ("(C)C", 1, "follows an atom"),
        ("CC.", 3, "two parts"),
        ("CCO>>CC=O", 4, "reactions"),
        ("C C", 2, "blank"),
        ("C%1", 2, "two digits"),
        ("C11", 3, "its own atom"),
        ("C1C1", 4, "beside it"),
        ("hello", 1, "h is no atom"),
        ("Cé", 2, "no sign of a SMILES"),
    ],
)
def test_the_place_is_said(smiles: str, at: int, word: str) -> None:
    """Each kind of fault is said in words, with the character at which a person would mend it, counted from 1."""
    fault = syntax_fault(smiles)
    assert fault is not None
    assert word in fault[0]
    assert fault[1] == at


@pytest.mark.parametrize("smiles", ["CCO", "C[C@H](N)C(=O)O", "c1ccc2c(c1)[nH]c1ccccc12", "[13CH4]", "C1CC%10CC1C%10"])
def test_a_molecule_looks_like_one(smiles: str) -> None:
    """What RDKit reads is known by its signs, and so is what lacks but the end of a ring."""
    assert looks_like_smiles(smiles)
    assert looks_like_smiles(smiles + "1")


@pytest.mark.parametrize("text", ["", "hello", "name,smiles", "{", ">seq", "Amigdalin", "The", "1,2-ethanediol"])
def test_words_do_not_look_like_molecules(text: str) -> None:
    """Prose, table heads and names are none."""
    assert not looks_like_smiles(text)
