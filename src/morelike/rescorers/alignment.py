"""The rescorer ``alignment``: how well two sequences align locally (Smith & Waterman 1981; Gotoh 1982).

The score is the bit score (Karlin & Altschul 1990): (lambda S - ln K) / ln 2. lambda and K are those that NCBI BLAST
measured for gapped alignments with the same scoring (its source, ``blast_stat.c``; Altschul & Gish 1996).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

from morelike.records import Rescored
from morelike.rescorers._placing import LONGEST, Region, placed, reverse_complement
from morelike.types import Kind, Metadata, Payload, Span

__all__ = ["SCORINGS", "AlignmentRescorer", "Scoring"]

COLUMNS = 60
"""Letters a line."""
MOST_BLOCKS = 100
"""An alignment is shown up to so many lines."""
KEPT, KEPT_LETTERS = 1024, 10_000
"""How many pairs' scores are remembered, and up to which length: 20 MB of letters."""
READ = 32
"""Sequences that were read are remembered: the query is read again with each candidate."""
FURTHEST = 3000.0
"""Letters beyond a segment, on either side, that are looked at, at most."""

_CODES = {
    "A": "A",
    "C": "C",
    "G": "G",
    "T": "T",
    "R": "AG",
    "Y": "CT",
    "S": "CG",
    "W": "AT",
    "K": "GT",
    "M": "AC",
    "B": "CGT",
    "D": "AGT",
    "H": "ACT",
    "V": "ACG",
    "N": "ACGT",
}
"""What each IUPAC code may stand for."""
_DNA = frozenset(_CODES) | {"U"}
_AMINO = "ARNDCQEGHILKMFPSTWYVBZX*"
_PLAIN_SHARE = 0.75
"""Of fewer bases than this a text in nucleotide letters is a protein."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """What columns and gaps count, and the constants that turn a raw score into bits. A gap of n letters costs
    ``gap`` + n × ``longer``.
    """

    said: str
    gap: int
    longer: int
    lambda_: float
    k: float

    def bits(self, raw: float) -> float:
        """0 where nothing aligns."""
        return (self.lambda_ * raw - math.log(self.k)) / math.log(2) if raw > 0 else 0.0


SCORINGS = {
    "dna": Scoring("match 2, mismatch -3, gap -5 and -2 a base", 5, 2, 0.625, 0.410),
    "protein": Scoring("BLOSUM62, gap -11 and -1 a residue", 11, 1, 0.267, 0.041),
}


@dataclass(frozen=True, slots=True)
class _Aligned:
    """The best alignment of a region. ``places``: (query, other) at each of its corners, counted in the letters that
    were aligned; ``other`` is the strand that was.
    """

    region: Region
    alphabet: str
    raw: float
    query: str
    other: str
    places: tuple[tuple[int, int], ...]


class AlignmentRescorer:
    """Local alignment: of DNA both strands, match 2 and mismatch -3; of proteins BLOSUM62 (Henikoff & Henikoff 1992).

    IUPAC codes count as the mean of what they may stand for. Pairs of more than 4 million cells are aligned in the
    region where they share most words; that may miss distant ends of an alignment, and never makes one up.
    """

    name = "alignment"
    kinds: tuple[Kind, ...] = ("sequence",)
    unit = "bits"
    symmetric = True

    def takes(self, query: Payload) -> bool:
        """A query of more than a million letters is not aligned."""
        return 0 < len(query) <= LONGEST

    def around(self, query: Payload) -> float:
        """As far as the query is long: an alignment may begin in a window and end beyond it."""
        return min(float(len(query)), FURTHEST)

    def score(self, query: Payload, candidate: Payload) -> float:
        """The bit score. Raises nothing: letters that no scoring knows count as any."""
        alphabet, query, candidate = _plain(query, candidate)
        score = _raw if max(len(query), len(candidate)) <= KEPT_LETTERS else _raw.__wrapped__
        return SCORINGS[alphabet].bits(score(query, candidate, alphabet))

    def explain(self, query: Payload, candidate: Payload) -> Rescored:
        """The bit score with ``identity`` (equal columns of all, 0 to 1), ``aligned`` (letters of the query that are in
        the alignment), ``length`` (letters of the query) and ``coverage``; the alignment, as far as it can be shown.
        """
        alphabet, query, candidate = _plain(query, candidate)
        found = _best(query, candidate, alphabet)
        if found is None:
            return Rescored(0.0, {"bits": 0.0, "identity": 0.0, "aligned": 0.0, "length": float(len(query))})
        return _told(found, len(query), len(candidate))


def _plain(query: Payload, other: Payload) -> tuple[str, str, str]:
    """The alphabet of both, and both in letters that its scoring knows."""
    query, other = str(query), str(other)
    alphabet = "dna" if _is_dna(query) and _is_dna(other) else "protein"
    return alphabet, _known(query, alphabet), _known(other, alphabet)


@lru_cache(maxsize=READ)
def _known(letters: str, alphabet: str) -> str:
    return letters.upper().translate(_translation(alphabet))


@lru_cache(maxsize=READ)
def _is_dna(letters: str) -> bool:
    letters = letters.upper()
    counts = {letter: letters.count(letter) for letter in "ACGTUN"}
    codes = sum(letters.count(letter) for letter in "RYSWKMBDHV")
    plain = sum(counts.values())
    return plain + codes == len(letters) and plain >= _PLAIN_SHARE * len(letters)


class _Translation(dict[int, str]):
    """Letters that a scoring does not know stand for any."""

    def __init__(self, known: dict[str, str], other: str) -> None:
        super().__init__({ord(letter): as_this for letter, as_this in known.items()})
        self._other = other

    def __missing__(self, _: int) -> str:
        return self._other


@cache
def _translation(alphabet: str) -> _Translation:
    if alphabet == "dna":
        return _Translation({**{code: code for code in _CODES}, "U": "T"}, "N")
    return _Translation({letter: letter for letter in _AMINO}, "X")


@cache
def _aligner(alphabet: str) -> Any:
    """Biopython's, with our scoring. Raises ImportError where Biopython is missing."""
    from Bio import Align

    made: Any = Align  # it has no types
    scoring, matrices = SCORINGS[alphabet], made.substitution_matrices
    aligner = made.PairwiseAligner(mode="local")
    aligner.substitution_matrix = _means(matrices.Array) if alphabet == "dna" else matrices.load("BLOSUM62")
    aligner.open_gap_score = -(scoring.gap + scoring.longer)  # the first letter of a gap
    aligner.extend_gap_score = -scoring.longer
    return aligner


def _means(array: Any) -> Any:
    """What a pair of IUPAC codes counts: the mean over all that it may be, in whole numbers, as BLAST has it."""
    matrix = array(alphabet="".join(_CODES), dims=2)
    for one, these in _CODES.items():
        for other, those in _CODES.items():
            equal = sum(letter in those for letter in these)
            pairs = len(these) * len(those)
            matrix[one, other] = round((2 * equal - 3 * (pairs - equal)) / pairs)
    return matrix


def _letters(query: str, other: str, region: Region) -> tuple[str, str]:
    strand = reverse_complement(other) if region.reverse else other
    return query[slice(*region.query)], strand[slice(*region.other)]


@lru_cache(maxsize=KEPT)
def _raw(query: str, other: str, alphabet: str) -> float:
    """The best region's score. The next page of an answer asks for the same pairs again."""
    aligner = _aligner(alphabet)
    pairs = [_letters(query, other, region) for region in placed(query, other, alphabet)]
    return max((float(aligner.score(theirs, ours)) for ours, theirs in pairs if ours and theirs), default=0.0)


def _best(query: str, other: str, alphabet: str) -> _Aligned | None:
    aligner = _aligner(alphabet)
    regions = [(region, *_letters(query, other, region)) for region in placed(query, other, alphabet)]
    scored = [(float(aligner.score(theirs, ours)) if ours and theirs else 0.0) for _, ours, theirs in regions]
    raw = max(scored)
    if raw <= 0:
        return None
    region, ours, theirs = regions[scored.index(raw)]
    first = next(iter(aligner.align(theirs, ours)))
    corners = tuple((int(mine), int(its)) for its, mine in first.coordinates.T)
    return _Aligned(region, alphabet, raw, ours, theirs, corners)


def _told(found: _Aligned, length: int, other_length: int) -> Rescored:
    top, bars, bottom, equal = _lines(found)
    columns = len(bars)
    (first, its_first), (last, its_last) = found.places[0], found.places[-1]
    start, end = found.region.query[0] + first, found.region.query[0] + last
    its_start, its_end = found.region.other[0] + its_first, found.region.other[0] + its_last
    if found.region.reverse:
        its_start, its_end = other_length - its_end, other_length - its_start
    scoring = SCORINGS[found.alphabet]
    bits = scoring.bits(found.raw)
    why: Metadata = {
        "alphabet": found.alphabet,
        "scoring": scoring.said,
        "score": found.raw,
        "strand": "-" if found.region.reverse else "+",
        "query": [start, end],
        "hit": [its_start, its_end],
        "columns": columns,
        "equal": equal,
        "gaps": top.count("-") + bottom.count("-"),
        "whole": found.region.whole,
        "blocks": _blocks((top, bars, bottom), start, its_end if found.region.reverse else its_start, found.region),
    }
    unit = {
        "bits": bits,
        "identity": equal / columns,
        "aligned": float(end - start),
        "length": float(length),
        "coverage": (end - start) / length,
    }
    return Rescored(bits, unit, {"alignment": why}, Span("bases", float(its_start), float(its_end)))


def _lines(found: _Aligned) -> tuple[str, str, str, int]:
    """Query, bars and hit, and how many columns are equal. A bar is an equal column, ``+`` one that counts for more
    than nothing.
    """
    matrix = _aligner(found.alphabet).substitution_matrix
    top, bars, bottom = [], [], []
    for (query, other), (query_end, other_end) in pairwise(found.places):
        ours, theirs = found.query[query:query_end], found.other[other:other_end]
        if not theirs or not ours:
            top.append(ours or "-" * len(theirs))
            bottom.append(theirs or "-" * len(ours))
            bars.append(" " * len(ours or theirs))
            continue
        top.append(ours)
        bottom.append(theirs)
        bars.append("".join(_bar(one, its, matrix) for one, its in zip(ours, theirs, strict=True)))
    middle = "".join(bars)
    return "".join(top), middle, "".join(bottom), middle.count("|")


def _bar(one: str, other: str, matrix: Any) -> str:
    if matrix[one, other] <= 0:  # N and N may be different bases
        return " "
    return "|" if one == other else "+"


def _blocks(lines: tuple[str, str, str], start: int, its_start: int, region: Region) -> list[dict[str, Any]]:
    """Pieces of the three lines, with the place of each one's first letter, counted from 0 on its own strand."""
    blocks = []
    for at in range(0, min(len(lines[0]), COLUMNS * MOST_BLOCKS), COLUMNS):
        top, bars, bottom = (line[at : at + COLUMNS] for line in lines)
        place = its_start - 1 if region.reverse else its_start
        blocks.append({"query": top, "bars": bars, "hit": bottom, "query_at": start, "hit_at": place})
        start += len(top) - top.count("-")
        step = len(bottom) - bottom.count("-")
        its_start += -step if region.reverse else step
    return blocks
