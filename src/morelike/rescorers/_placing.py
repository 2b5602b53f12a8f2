"""Where two sequences are worth aligning: the strand and the region in which they share most words.

An alignment takes time and memory with the product of both lengths. Short pairs are aligned whole. Of long ones the
words of ``k`` letters that both have say which diagonal of the table an alignment lies about (Altschul et al. 1990 look
for such seeds, too), and only the region around it is aligned.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["CELLS", "LONGEST", "WORDS", "Region", "placed", "reverse_complement"]

Ints = NDArray[np.int64]

CELLS = 4_000_000
"""A pair with no more cells in its table is aligned whole: 25 ms."""
LONGEST = 1_000_000
"""Letters of the longest query that is aligned."""
SIDE = 3500
"""A region of a longer pair has at most so many letters a side, that is 12 million cells."""
MARGIN = 300
"""Letters by which a region reaches over the outermost words in it."""
BAND = 64
"""Words whose diagonals differ by no more than this, or a twentieth of the shorter sequence, are of one region."""
OFTEN = 50
"""A word that a sequence has more often than this says nothing of where they belong together."""
WORDS = {"dna": 11, "protein": 4}
"""How many letters a word has."""
SURE = 2.0
"""A strand with so many times the other's words in common is the right one."""

_COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")
_BASES = {letter: number for number, letter in enumerate("ACGT")}
_AMINO = {letter: number for number, letter in enumerate("ARNDCQEGHILKMFPSTWYV")}


@dataclass(frozen=True, slots=True)
class Region:
    """Letters ``query[0]:query[1]`` against ``other[0]:other[1]``, both counted on the strand that is aligned."""

    reverse: bool
    """Whether the other sequence is read as its reverse complement."""
    query: tuple[int, int]
    other: tuple[int, int]
    whole: bool
    """Whether nothing is left out."""


def reverse_complement(letters: str) -> str:
    """The other strand of DNA, IUPAC codes too."""
    return letters.translate(_COMPLEMENT)[::-1]


def placed(query: str, other: str, alphabet: str) -> list[Region]:
    """What to align: one region, or one a strand where it is not clear which is the right one."""
    strands = [other, reverse_complement(other)] if alphabet == "dna" else [other]
    pairs = [_shared(query, strand, alphabet) for strand in strands]
    order = sorted(range(len(strands)), key=lambda at: -len(pairs[at][0]))
    if len(order) == 2 and len(pairs[order[0]][0]) > SURE * len(pairs[order[1]][0]):
        order = order[:1]
    return [_region(query, other, pairs[at], reverse=at == 1) for at in sorted(order)]


def _region(query: str, other: str, pairs: tuple[Ints, Ints], *, reverse: bool) -> Region:
    if len(query) * len(other) <= CELLS:
        return Region(reverse, (0, len(query)), (0, len(other)), whole=True)
    ours, theirs = pairs
    if not len(ours):
        return Region(reverse, (0, min(len(query), SIDE)), (0, min(len(other), SIDE)), whole=False)
    apart = theirs - ours
    band = max(BAND, min(len(query), len(other)) // 20)
    near = np.abs(apart - _densest(apart, band)) <= band
    ours, theirs = ours[near], theirs[near]
    return Region(reverse, _stretch(ours, len(query)), _stretch(theirs, len(other)), whole=False)


def _densest(apart: Ints, band: int) -> int:
    """The middle of the band of diagonals that has most words."""
    ordered = np.sort(apart)
    counts = np.searchsorted(ordered, ordered + band, "right") - np.arange(len(ordered))
    return int(ordered[np.argmax(counts)]) + band // 2


def _stretch(places: Ints, length: int) -> tuple[int, int]:
    start, end = max(int(places.min()) - MARGIN, 0), min(int(places.max()) + 1 + MARGIN, length)
    if end - start > SIDE:
        middle = int(np.median(places))
        start = min(max(middle - SIDE // 2, start), end - SIDE)
        end = start + SIDE
    return start, end


def _shared(query: str, other: str, alphabet: str) -> tuple[Ints, Ints]:
    """(n,), (n,) places in both where a word of the one is a word of the other."""
    words, places = _index(query, alphabet)
    asked = _words(other, alphabet)
    at = np.flatnonzero(asked >= 0)
    left = np.searchsorted(words, asked[at], "left")
    counts = np.searchsorted(words, asked[at], "right") - left
    rare = (counts > 0) & (counts <= OFTEN)
    at, left, counts = at[rare], left[rare], counts[rare]
    found = np.repeat(left - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))
    return places[found], np.repeat(at, counts)


@lru_cache(maxsize=4)
def _index(letters: str, alphabet: str) -> tuple[Ints, Ints]:
    """A sequence's words in order, and where each is."""
    words = _words(letters, alphabet)
    places = np.flatnonzero(words >= 0)
    order = np.argsort(words[places], kind="stable")
    return words[places][order], places[order]


def _words(letters: str, alphabet: str) -> Ints:
    """A number for the word that begins at each letter, (n,); -1 where an ambiguous letter is in it."""
    k, numbers = WORDS[alphabet], _BASES if alphabet == "dna" else _AMINO
    table = np.full(256, -1, dtype=np.int64)
    for letter, number in numbers.items():
        table[ord(letter)] = number
    codes = table[np.frombuffer(letters.encode("latin-1", "replace"), dtype=np.uint8)]
    if len(codes) < k:
        return np.empty(0, dtype=np.int64)
    count = len(codes) - k + 1
    words = np.zeros(count, dtype=np.int64)
    plain = np.ones(count, dtype=np.bool_)
    for start in range(k):
        part = codes[start : start + count]
        words = words * len(numbers) + part
        plain &= part >= 0
    words[~plain] = -1
    return words
