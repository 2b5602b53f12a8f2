"""Molecules from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

ETHANOL = "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"


@pytest.fixture
def listed(morelike: Any, tmp_path: Path) -> Any:
    """Three molecules and one that is none, in the collection ``m``, which was guessed."""
    (tmp_path / "a.smi").write_text("CCO ethanol\nc1ccccc1 benzene\nc1ccccc broken\nCC(=O)O vinegar\n")
    ran = morelike("add", "m", "a.smi")
    assert ran.code == 3, ran.err
    assert "a collection of molecule" in ran.err
    assert "the ring 1 is not closed, at character 2" in ran.out
    return morelike


def test_a_smiles_is_an_example(listed: Any) -> None:
    """Beside paths and ids, and as --text; more hits than there are is no fault."""
    for asked in (("OCC",), ("--text", "OCC")):
        found = listed("search", "m", *asked, "-k", "50", "--json")
        assert found.code == 0, found.err
        assert found.json["hits"][0]["item"] == ETHANOL
        assert found.json["hits"][0]["unit"] == {"tanimoto": 1.0}
        assert len(found.json["hits"]) == 3
    assert listed("search", "m", ETHANOL[:12], "-k", "1", "--json").code == 0


@pytest.mark.parametrize(
    ("text", "said"), [("c1ccc", "at character 2: c1ccc"), ("", "empty"), ("C" * 100_000, "16,384 characters")]
)
def test_what_is_no_molecule_is_said_on_one_line(listed: Any, text: str, said: str) -> None:
    """The reason is on standard error, which has nothing else; the exit code is a failure's."""
    ran = listed("search", "m", "--text", text)
    assert ran.code in {1, 2}
    assert said in ran.err
    assert ran.out == ""
    assert len(ran.err.strip().splitlines()) <= 2


def test_a_large_example_is_refused(listed: Any, tmp_path: Path) -> None:
    """A file of 10 MB is no single molecule."""
    (tmp_path / "large.mol").write_bytes(b"C" * 10_000_000)
    ran = listed("search", "m", "large.mol")
    assert ran.code == 1
    assert "no single molecule" in ran.err


def test_a_large_file_is_one_reject(morelike: Any, tmp_path: Path) -> None:
    """A line of 10 MB is put down with its reason; the lines beside it come in."""
    (tmp_path / "long.smi").write_bytes(b"CCO\n" + b"C" * 10_000_000 + b"\nCC\n")
    ran = morelike("add", "m", "long.smi")
    assert ran.code == 3
    assert "longer than 65,536 bytes" in " ".join(ran.out.split())
    assert morelike("count", "m").out.strip() == "2"


def test_an_empty_file_is_no_example(listed: Any, tmp_path: Path) -> None:
    """It is said to be empty."""
    (tmp_path / "empty.mol").write_text("")
    ran = listed("search", "m", "empty.mol")
    assert ran.code == 1
    assert "empty.mol is empty" in ran.err


def test_an_option_is_given_by_name(morelike: Any, tmp_path: Path) -> None:
    """--option reaches the modality, which refuses what it does not know."""
    (tmp_path / "salt.smi").write_text("[Na+].CC(=O)[O-]\n")
    assert morelike("add", "w", "salt.smi", "--option", "fragment=all", "--option", "neutralise=false").code == 0
    assert morelike("ls", "w", "--json").json["items"][0]["info"]["smiles"] == "CC(=O)[O-].[Na+]"
    refused = morelike("add", "x", "salt.smi", "--option", "radius=3")
    assert refused.code == 2
    assert "radius" in refused.err


def test_an_empty_file_is_a_reject(morelike: Any, tmp_path: Path) -> None:
    """It is said to hold no molecules."""
    (tmp_path / "empty.smi").write_text("")
    ran = morelike("add", "m", "empty.smi")
    assert ran.code == 3
    assert "holds no molecules" in ran.out


def test_labels_are_evaluated(morelike: Any, tmp_path: Path) -> None:
    """``eval --labels meta:COLUMN`` says how often neighbours share a column's value."""
    rows = [f"{'C' * n}O,alcohol\n{'C' * n}N,amine" for n in range(2, 6)]
    (tmp_path / "a.csv").write_text("smiles,class\n" + "\n".join(rows) + "\n")
    assert morelike("add", "m", "a.csv").code == 0
    found = morelike("eval", "m", "--labels", "meta:class", "--json")
    assert found.code == 0, found.err
    assert found.json["queries"] == 8
