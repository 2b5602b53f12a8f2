"""The rescorer ``alignment`` beside a plain Smith-Waterman, and what it says of an alignment."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

pytest.importorskip("Bio", reason="the rescorer alignment needs biopython (extra sequences)")

from morelike.records import Rescored
from morelike.rescorers import _placing
from morelike.rescorers._placing import CELLS, placed, reverse_complement
from morelike.rescorers.alignment import SCORINGS, AlignmentRescorer

DNA, PROTEIN = "ACGT", "ARNDCQEGHILKMFPSTWYV"
CODES = {"R": "AG", "Y": "CT", "N": "ACGT", **{base: base for base in DNA}}


def dna_pair(one: str, other: str) -> int:
    """Match 2, mismatch -3; the mean over what codes may stand for, in whole numbers."""
    pairs = [2 if a == b else -3 for a in CODES[one] for b in CODES[other]]
    return round(sum(pairs) / len(pairs))


@cache
def blosum() -> Any:
    from Bio.Align import substitution_matrices

    return substitution_matrices.load("BLOSUM62")


def protein_pair(one: str, other: str) -> int:
    return int(blosum()[one, other])


def smith_waterman(query: str, other: str, pair: Any, gap: int, longer: int) -> int:
    """The best local alignment's score, cell by cell; a gap of n letters costs gap + n * longer (Gotoh 1982)."""
    rows, columns = len(query) + 1, len(other) + 1
    low = -(10**9)
    best = 0
    ending = [[0] * columns for _ in range(rows)]
    down = [[low] * columns for _ in range(rows)]
    across = [[low] * columns for _ in range(rows)]
    for i in range(1, rows):
        for j in range(1, columns):
            down[i][j] = max(ending[i - 1][j] - gap - longer, down[i - 1][j] - longer)
            across[i][j] = max(ending[i][j - 1] - gap - longer, across[i][j - 1] - longer)
            diagonal = ending[i - 1][j - 1] + pair(query[i - 1], other[j - 1])
            ending[i][j] = max(0, diagonal, down[i][j], across[i][j])
            best = max(best, ending[i][j])
    return best


def letters_of(alphabet: str, seed: int, length: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list(alphabet), length))


def mutated(sequence: str, share: float, seed: int) -> str:
    draw = np.random.default_rng(seed)
    return "".join(str(draw.choice(list(DNA))) if draw.random() < share else letter for letter in sequence)


def alignment(said: Rescored) -> dict[str, Any]:
    found: dict[str, Any] = said.why["alignment"]
    return found


@hypothesis_settings(max_examples=80)
@given(st.text("ACGTRYN", min_size=1, max_size=25), st.text("ACGTRYN", min_size=1, max_size=25))
def test_dna_scores_as_a_plain_reference(query: str, other: str) -> None:
    """The better strand's best local alignment, IUPAC codes too, in bits."""
    if any(sum(text.count(code) for code in "RY") > 0.25 * len(text) for text in (query, other)):
        return  # too few bases: it would be a protein
    scoring = SCORINGS["dna"]
    raw = max(
        smith_waterman(query, strand, dna_pair, scoring.gap, scoring.longer)
        for strand in (other, reverse_complement(other))
    )

    assert AlignmentRescorer().score(query, other) == pytest.approx(scoring.bits(raw))


@hypothesis_settings(max_examples=50)
@given(st.text(PROTEIN, min_size=1, max_size=20), st.text(PROTEIN, min_size=1, max_size=20))
def test_proteins_score_as_a_plain_reference(query: str, other: str) -> None:
    """BLOSUM62, gaps of 11 and 1 a residue. L and F, which stand for no bases, make them proteins."""
    query, other = query + "L", other + "F"
    scoring = SCORINGS["protein"]
    raw = smith_waterman(query, other, protein_pair, scoring.gap, scoring.longer)

    assert AlignmentRescorer().score(query, other) == pytest.approx(scoring.bits(raw))


@hypothesis_settings(max_examples=100)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.05, 0.2, 0.5]), st.booleans())
def test_the_lines_are_the_alignment(seed: int, share: float, back: bool) -> None:
    """The lines without gaps are the letters at the places said, and their columns add up to the score."""
    query = letters_of(DNA, seed, 90)
    other = (
        letters_of(DNA, seed + 1, 20) + mutated(query[10:40] + query[45:], share, seed) + letters_of(DNA, seed + 2, 9)
    )
    other = reverse_complement(other) if back else other

    found = alignment(AlignmentRescorer().explain(query, other))

    top, bars, bottom = ("".join(block[line] for block in found["blocks"]) for line in ("query", "bars", "hit"))
    start, end = found["hit"]
    strand = reverse_complement(other[start:end]) if found["strand"] == "-" else other[start:end]
    assert top.replace("-", "") == query[slice(*found["query"])]
    assert bottom.replace("-", "") == strand
    columns = list(zip(top, bars, bottom, strict=True))
    assert all((bar == "|") == (one == its) for one, bar, its in columns)
    gaps = sum(
        (line[at] == "-") * (7 if at == 0 or line[at - 1] != "-" else 2)
        for line in (top, bottom)
        for at in range(len(line))
    )
    assert sum(2 if one == its else -3 for one, _, its in columns if "-" not in {one, its}) - gaps == found["score"]
    assert found["equal"] == bars.count("|")


def test_bits_are_those_of_karlin_and_altschul() -> None:
    """(lambda S - ln K) / ln 2, with what BLAST measured: 40 raw are 37.4 bits of DNA, 100 raw 43.1 of a protein."""
    assert SCORINGS["dna"].bits(40) == pytest.approx((0.625 * 40 - math.log(0.41)) / math.log(2))
    assert SCORINGS["dna"].bits(40) == pytest.approx(37.35, abs=0.01)
    assert SCORINGS["protein"].bits(100) == pytest.approx(43.13, abs=0.01)
    assert SCORINGS["dna"].bits(0) == 0.0


def test_the_other_strand_is_found_and_said() -> None:
    """A reverse complement is as close as the sequence itself; its places are those of the item's own strand."""
    query = letters_of(DNA, 1, 200)
    other = "NNNNN" + reverse_complement(query)[:150] + "NNNNN"

    said = AlignmentRescorer().explain(query, other)

    found = alignment(said)
    assert (found["strand"], found["query"], found["hit"]) == ("-", [50, 200], [5, 155])
    assert (said.span.start, said.span.end) == (5.0, 155.0) if said.span else False
    assert said.unit == pytest.approx(
        {"bits": said.score, "identity": 1.0, "aligned": 150.0, "length": 200.0, "coverage": 0.75}
    )
    assert [block["hit_at"] for block in found["blocks"]] == [154, 94, 34]


def test_case_and_rna_make_no_difference() -> None:
    """U is T, small letters are letters."""
    query = letters_of(DNA, 2, 60)

    one = AlignmentRescorer().score(query, query)

    assert AlignmentRescorer().score(query.lower(), query.replace("T", "U")) == one


def test_unknown_residues_are_nobodys() -> None:
    """Letters that BLOSUM62 does not have count as X, and the alignment is made all the same."""
    assert AlignmentRescorer().score("MKLJUOWWWLLLPPP", "MKLXXXWWWLLLPPP") > 20


def test_nothing_in_common_is_no_alignment() -> None:
    """The score is 0, the identity too, and there is nothing to show."""
    said = AlignmentRescorer().explain("AAAAAAAA", "NNNNNNNN")

    assert (said.score, said.unit["identity"], said.unit["aligned"], dict(said.why), said.span) == (
        0.0,
        0.0,
        0.0,
        {},
        None,
    )


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1])
@pytest.mark.parametrize("back", [False, True])
def test_a_long_pair_is_aligned_where_it_belongs(share: float, back: bool) -> None:
    """Of sequences too long for a whole table the region with most words in common has the very alignment."""
    shared = letters_of(DNA, 3, 1200)
    query = letters_of(DNA, 4, 5000) + shared + letters_of(DNA, 5, 6000)
    copy = mutated(shared, share, 6)
    other = letters_of(DNA, 7, 3000) + (reverse_complement(copy) if back else copy) + letters_of(DNA, 8, 2500)
    assert len(query) * len(other) > CELLS

    said = AlignmentRescorer().explain(query, other)

    found = alignment(said)
    assert said.score >= AlignmentRescorer().score(shared, copy) * 0.999
    assert abs(found["query"][0] - 5000) < 40
    assert abs(found["query"][1] - 6200) < 40
    assert abs(found["hit"][0] - 3000) < 40
    assert (found["strand"], found["whole"]) == ("-" if back else "+", False)


def test_a_long_pair_without_a_word_in_common_costs_little() -> None:
    """The region is bounded, whatever the lengths."""
    regions = placed("ACGT" * 50_000, "AATT" * 2_000, "dna")

    assert all(region.query[1] - region.query[0] <= _placing.SIDE for region in regions)
    assert all(region.other[1] - region.other[0] <= _placing.SIDE for region in regions)


@hypothesis_settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 6000), st.integers(1, 6000), st.sampled_from(["ACGT", "AC", "ACGTN"]))
def test_regions_lie_inside_both(seed: int, one: int, other: int, alphabet: str) -> None:
    """No region is empty, reaches out of its sequence, or has more cells than a whole short pair or 3 500 a side."""
    query, candidate = letters_of(alphabet, seed, one), letters_of(alphabet, seed + 1, other)

    for region in placed(query, candidate, "dna"):
        assert 0 <= region.query[0] < region.query[1] <= one
        assert 0 <= region.other[0] < region.other[1] <= other
        sides = region.query[1] - region.query[0], region.other[1] - region.other[0]
        assert sides[0] * sides[1] <= max(CELLS, _placing.SIDE**2)


def test_what_is_shown_is_bounded() -> None:
    """A hundred blocks of 60 columns, and the number of all columns."""
    sequence = letters_of(DNA, 9, 1900)
    long = sequence * 4  # its diagonals are many; still it is aligned and shown within bounds

    found = alignment(AlignmentRescorer().explain(long, long))

    assert len(found["blocks"]) <= 100
    assert sum(len(block["bars"]) for block in found["blocks"]) <= found["columns"]


def test_a_query_is_bounded() -> None:
    """A million letters are taken, more are not, and nothing is not."""
    rescorer = AlignmentRescorer()

    assert rescorer.takes("A" * 1_000_000)
    assert not rescorer.takes("A" * 1_000_001)
    assert not rescorer.takes("")
    assert rescorer.around("A" * 500) == 500.0
    assert rescorer.around("A" * 50_000) == 3000.0
