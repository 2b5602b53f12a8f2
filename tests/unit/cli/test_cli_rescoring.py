"""Molecules and sequences on the command line: parts, options, alignments in lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rdkit", reason="molecules need rdkit (extra molecules)")
pytest.importorskip("Bio", reason="alignments need biopython (extra sequences)")


@pytest.fixture
def molecules(morelike, tmp_path: Path):
    (tmp_path / "list.smi").write_text("CC(=O)Oc1ccccc1C(=O)O aspirin\nOC(=O)c1ccccc1O salicylic\nCCO ethanol\n")
    assert morelike("add", "molecules", tmp_path / "list.smi", "--modality", "molecule").code == 0
    return morelike


@pytest.fixture
def sequences(morelike, tmp_path: Path):
    draw = np.random.default_rng(0)
    letters = ["".join(draw.choice(list("ACGT"), 200)) for _ in range(5)]
    (tmp_path / "all.fasta").write_text("".join(f">s{number}\n{text}\n" for number, text in enumerate(letters)))
    (tmp_path / "query.fasta").write_text(f">q\n{letters[2][20:120]}\n")
    assert morelike("add", "sequences", tmp_path / "all.fasta", "--modality", "sequence").code == 0
    return morelike


def test_a_part_is_looked_for(molecules) -> None:
    """``--mode substructure`` with SMARTS or SMILES; the score is called by its name."""
    shown = molecules("search", "molecules", "--text", "c1ccccc1[OH]", "--mode", "substructure", "--explain")
    found = molecules("search", "molecules", "--text", "c1ccccc1[OH]", "--mode", "substructure", "--json").json

    assert shown.code == 0
    assert "Tanimoto" in shown.out
    assert "shared:" in shown.out
    assert [hit["metadata"]["smiles"] for hit in found["hits"]] == ["O=C(O)c1ccccc1O"]


def test_options_are_told_to_the_mode(molecules) -> None:
    """``--option KEY=VALUE``; one that there is not is named, with those there are."""
    found = molecules(
        *("search", "molecules", "--text", "OC(=O)c1ccccc1O", "--mode", "tversky", "--json"),
        *("--option", "alpha=1", "--option", "beta=0"),
    ).json
    wrong = molecules("search", "molecules", "--text", "CCO", "--mode", "tversky", "--option", "gamma=1")
    shapeless = molecules("search", "molecules", "--text", "CCO", "--option", "rescore")

    assert found["hits"][0]["unit"]["tversky"] == 1.0
    assert wrong.code != 0
    assert "no option 'gamma'" in wrong.err
    assert "alpha, beta" in wrong.err
    assert shapeless.code == 2


def test_an_impossible_part_is_said_with_its_place(molecules) -> None:
    """In one sentence, and nothing of RDKit's own."""
    ran = molecules("search", "molecules", "--text", "c1cc(C", "--mode", "substructure")

    assert ran.code == 2
    assert "at letter 5" in ran.err
    assert "Parse Error" not in ran.err


def test_an_alignment_is_shown_in_lines(sequences, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table says identity, aligned letters and bits; ``--explain`` shows query, bars and hit."""
    monkeypatch.setenv("COLUMNS", "160")
    shown = sequences("search", "sequences", tmp_path / "query.fasta", "-k", "2", "--explain")
    plain = sequences("search", "sequences", tmp_path / "query.fasta", "-k", "2", "--option", "rescore=false")

    assert "100.0 % identity, 100 of 100 bases" in shown.out
    assert "bits" in shown.out
    lines = shown.out.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("query"))
    assert lines[first].split()[1] == "1"
    assert set(lines[first + 1].strip()) == {"|"}
    assert lines[first + 2].split()[:2] == ["hit", "21"]
    assert "identity" not in plain.out
