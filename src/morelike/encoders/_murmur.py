"""MurmurHash3 x64 128 (Appleby 2011) of many DNA k-mers at once, as sourmash takes it: the lower half, seed 42.

A k-mer is hashed as the text that it is, so that hashes are those of sourmash. numpy only: the same few operations
that the C function makes for one key, made for an array of keys.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["hashes_of"]

U64 = np.uint64
_C1, _C2 = U64(0x87C37B91114253D5), U64(0x4CF5AD432745937F)
_SEED = 42
_EIGHT = 8


def hashes_of(numbers: NDArray[np.uint64], k: int) -> NDArray[np.uint64]:
    """(n,) uint64 of k-mers, ``k`` at most 32, each two bits a letter (A, C, G, T), the first letter's the highest."""
    words = _words(numbers, k)
    first = np.full(len(numbers), _SEED, dtype=U64)
    second = first.copy()
    full = k // 16
    for block in range(full):
        first ^= _mixed(words[2 * block], _C1, 31, _C2)
        first = _rotated(first, 27)
        first += second
        first *= U64(5)
        first += U64(0x52DCE729)
        second ^= _mixed(words[2 * block + 1], _C2, 33, _C1)
        second = _rotated(second, 31)
        second += first
        second *= U64(5)
        second += U64(0x38495AB5)
    tail = words[2 * full :]
    if len(tail) > 1:
        second ^= _mixed(tail[1], _C2, 33, _C1)
    if tail:
        first ^= _mixed(tail[0], _C1, 31, _C2)
    first ^= U64(k)
    second ^= U64(k)
    first += second
    second += first
    return _finished(first) + _finished(second)


def _words(numbers: NDArray[np.uint64], k: int) -> list[NDArray[np.uint64]]:
    """The k-mers' letters, eight a word, the first in the lowest byte; the last word's rest is 0."""
    texts = _texts()
    words = []
    for start in range(0, k, _EIGHT):
        here = min(_EIGHT, k - start)
        part = (numbers >> U64(2 * (k - start - here))) & U64((1 << 2 * here) - 1)
        part <<= U64(2 * (_EIGHT - here))
        word = texts[part.astype(np.int64)]
        words.append(word & U64((1 << 8 * here) - 1) if here < _EIGHT else word)
    return words


@lru_cache(maxsize=1)
def _texts() -> NDArray[np.uint64]:
    """(65 536,) the text of each eight letters, as a number whose lowest byte is the first letter."""
    numbers = np.arange(1 << 2 * _EIGHT)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8).astype(U64)
    texts = np.zeros(len(numbers), dtype=U64)
    for place in range(_EIGHT):
        texts |= letters[(numbers >> 2 * (_EIGHT - 1 - place)) & 3] << U64(8 * place)
    texts.flags.writeable = False
    return texts


def _mixed(word: NDArray[np.uint64], one: np.uint64, turn: int, other: np.uint64) -> NDArray[np.uint64]:
    mixed: NDArray[np.uint64] = _rotated(word * one, turn)
    mixed *= other
    return mixed


def _rotated(numbers: NDArray[np.uint64], turn: int) -> NDArray[np.uint64]:
    turned: NDArray[np.uint64] = numbers << U64(turn)
    turned |= numbers >> U64(64 - turn)
    return turned


def _finished(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    for factor in (U64(0xFF51AFD7ED558CCD), U64(0xC4CEB9FE1A85EC53)):
        numbers = numbers ^ (numbers >> U64(33))
        numbers *= factor
    finished: NDArray[np.uint64] = numbers ^ (numbers >> U64(33))
    return finished
