"""Letters to numbers, and the numbers of k-mers; numpy only, some hundred million k-mers a second."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AMINO_ACIDS",
    "UNKNOWN",
    "blocks",
    "canonical",
    "codes_of",
    "hashed_columns",
    "is_dna",
    "kmers",
]

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
UNKNOWN = 255
_NUCLEOTIDES = b"ACGTURYSWKMBDHVN"
_PLAIN_SHARE = 0.75
_BLOCK = 1 << 15


def is_dna(data: bytes) -> bool:
    """Whether all letters are nucleotide codes and most of them bases or N."""
    if data.translate(None, _NUCLEOTIDES):
        return False
    return len(data.translate(None, b"ACGTUN")) <= (1 - _PLAIN_SHARE) * len(data)


@lru_cache(maxsize=16)
def _table(groups: tuple[str, ...]) -> NDArray[np.uint8]:
    table = np.full(256, UNKNOWN, dtype=np.uint8)
    for code, letters in enumerate(groups):
        table[[ord(letter) for letter in letters]] = code
    return table


def codes_of(data: bytes, groups: Sequence[str]) -> NDArray[np.uint8]:
    """(n,) the number of each letter's group; 255 where it is in none."""
    codes: NDArray[np.uint8] = _table(tuple(groups))[np.frombuffer(data, dtype=np.uint8)]
    return codes


def blocks(codes: NDArray[np.uint8], k: int) -> list[NDArray[np.uint8]]:
    """The codes in blocks that a processor's cache holds; each k-mer is in one of them."""
    return [codes[start : start + _BLOCK + k - 1] for start in range(0, max(len(codes) - k + 1, 0), _BLOCK)]


def kmers(codes: NDArray[np.uint8], k: int, size: int) -> NDArray[np.int64]:
    """(m,) the numbers of all k-mers without an unknown letter, in order: their letters' codes as digits to the base
    ``size``, the first letter's the highest. ``size`` ** k must be below 2 ** 63.
    """
    return _known(_digits(codes, k, size), codes, k)


def canonical_kmers(codes: NDArray[np.uint8], k: int) -> NDArray[np.int64]:
    """(m,) likewise, of the codes of A, C, G, T in this order: the lesser of each k-mer and its reverse complement."""
    forth, back = _digits(codes, k, 4), _digits(3 - codes.astype(np.int64), k, 4, backwards=True)
    return _known(np.minimum(forth, back), codes, k)


def _known(numbers: NDArray[np.int64], codes: NDArray[np.uint8], k: int) -> NDArray[np.int64]:
    unknown = codes == UNKNOWN
    if not len(numbers) or not unknown.any():
        return numbers
    before = np.concatenate([[0], np.cumsum(unknown)])
    kept: NDArray[np.int64] = numbers[before[k:] == before[:-k]]
    return kept


def _digits(codes: NDArray[Any], k: int, size: int, *, backwards: bool = False) -> NDArray[np.int64]:
    """By doubling: the number of 2j letters is made of two of j. ``backwards``: the last digit is the highest."""
    if len(codes) < k:
        return np.empty(0, dtype=np.int64)

    def followed(one: NDArray[np.int64], letters: int, other: NDArray[np.int64], more: int) -> NDArray[np.int64]:
        after = other[letters:]
        before = one[: len(after)]
        joined: NDArray[np.int64] = after * size**letters + before if backwards else before * size**more + after
        return joined

    number, length = codes.astype(np.int64), 1
    whole, done = np.zeros(len(codes) + 1, dtype=np.int64), 0
    left = k
    while left:
        if left & 1:
            whole = followed(whole, done, number, length)
            done += length
        left >>= 1
        if left:
            number = followed(number, length, number, length)
            length *= 2
    return whole


@lru_cache(maxsize=4)
def canonical(k: int) -> tuple[NDArray[np.int64], int]:
    """(4 ** k,) the column of each k-mer, that of its reverse complement too, and how many columns there are."""
    numbers = np.arange(4**k, dtype=np.int64)
    other, left = np.zeros_like(numbers), numbers.copy()
    for _ in range(k):
        other = (other << 2) | (3 - (left & 3))
        left >>= 2
    least = np.minimum(numbers, other)
    kept, columns = np.unique(least, return_inverse=True)
    return columns.astype(np.int64), len(kept)


def hashed_columns(number: int, dim: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(number,) the column, and the sign, that each of so many k-mers has by splitmix64 (Steele et al. 2014)."""
    x = (np.arange(number, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    sign = np.where(x >> np.uint64(63), -1.0, 1.0)
    return ((x & np.uint64(0xFFFFFFFF)) % np.uint64(dim)).astype(np.int64), sign
