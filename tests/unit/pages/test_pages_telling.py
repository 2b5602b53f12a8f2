"""Hits in their field's own words: units, alignments in lines, names of records."""

from __future__ import annotations

from typing import Any

import pytest

from morelike.server.pages.telling import alignment_lines, facts_of, record_name, units_of
from morelike.types import WHOLE, Hit, Source

BLOCKS = [
    {"query": "ACG-T", "bars": "||| |", "hit": "ACGGT", "query_at": 9, "hit_at": 99},
    {"query": "AC", "bars": "||", "hit": "AC", "query_at": 13, "hit_at": 104},
]


def hit(unit: dict[str, float], why: dict[str, Any] | None = None) -> Hit:
    return Hit("a" * 12, "a.fasta#record=1", 1.0, unit, WHOLE, {}, why=why or {})


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ({"cosine": 0.5}, []),
        ({"tanimoto": 0.8333}, ["Tanimoto 0.833"]),
        ({"tversky": 0.5, "tanimoto": 0.25}, ["Tversky 0.500", "Tanimoto 0.250"]),
        (
            {"bits": 2500.4, "identity": 0.9724, "aligned": 1410.0, "length": 1450.0},
            ["97.2 % identity", "1\u2009410 of 1\u2009450 bases", "2\u2009500 bits"],
        ),
        ({"containment": 0.5, "jaccard": 0.1, "ani": 0.967}, ["50.0 % contained", "ANI 96.7 %"]),
        ({"bits": 0.0, "identity": 0.0, "aligned": 0.0, "length": 10.0}, ["not aligned"]),
    ],
)
def test_units_are_those_of_the_field(unit: dict[str, float], words: list[str]) -> None:
    """Figures are written as people of the field write them; where the score says all there are none."""
    assert units_of(hit(unit)) == words


def test_residues_and_the_other_strand() -> None:
    """A protein has residues, and the strand is named where it is the other one."""
    unit = {"bits": 10.0, "identity": 1.0, "aligned": 5.0, "length": 5.0}

    assert "5 of 5 residues" in units_of(hit(unit, {"alignment": {"alphabet": "protein", "strand": "+"}}))
    assert units_of(hit(unit, {"alignment": {"alphabet": "dna", "strand": "-"}}))[-1] == "other strand"


def test_an_alignment_is_three_lines_a_block() -> None:
    """Query, bars and hit stand below one another, with the places of their ends counted from 1."""
    lines = alignment_lines(hit({}, {"alignment": {"blocks": BLOCKS, "strand": "+"}}))

    assert lines.splitlines() == [
        "query  10 ACG-T 13",
        "          ||| |",
        "hit   100 ACGGT 104",
        "",
        "query  14 AC 15",
        "          ||",
        "hit   105 AC 106",
    ]


def test_the_other_strand_is_counted_down() -> None:
    """Places of a hit's other strand are those of its own letters: they go down."""
    lines = alignment_lines(hit({}, {"alignment": {"blocks": BLOCKS[:1], "strand": "-"}}))

    assert lines.splitlines()[2] == "hit   100 ACGGT 96"


def test_without_an_explanation_there_are_no_lines() -> None:
    """A hit that nobody aligned has none."""
    assert alignment_lines(hit({"cosine": 1.0})) == ""


def test_a_record_is_called_by_its_own_name() -> None:
    """A record of a file has its name, without the ending that says how it is written; a file has none here."""
    assert record_name(Source("/a/list.smi#record=3", "aspirin.smi", 10)) == "aspirin"
    assert record_name(Source("/a/b.fasta#record=1", "gi|5.1", 10)) == "gi|5.1"
    assert record_name(Source("/a/aspirin.mol", "aspirin.mol", 10)) == ""


@pytest.mark.parametrize(
    ("modality", "info", "words"),
    [
        ("molecule", {"formula": "C9H8O4"}, "C9H8O4"),
        ("sequence", {"length": 1450, "alphabet": "dna"}, "1\u2009450 bases"),
        ("sequence", {"length": 120, "alphabet": "protein"}, "120 residues"),
        ("image", {"width": 10}, ""),
    ],
)
def test_what_is_no_picture_has_a_line_of_facts(modality: str, info: dict[str, Any], words: str) -> None:
    """A molecule has its formula, a sequence its length."""
    assert facts_of(modality, info) == words
