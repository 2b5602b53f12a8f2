"""The letters of a sequence: what counts as one, what it is written in, and where it is wrong."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from morelike.errors import DecodeError

__all__ = ["ALPHABETS", "Alphabet", "alphabet_of", "checked", "facts", "unknown_letters"]

Alphabet = Literal["dna", "protein"]

ALPHABETS: tuple[Alphabet, ...] = ("dna", "protein")
_BASES = b"ACGTU"
_DNA = _BASES + b"RYSWKMBDHVN"
"""Bases, and the IUPAC codes for several at once (Cornish-Bowden 1985)."""
_PROTEIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
"""Every letter stands for an amino acid or several of them; ``*`` for a stop."""
_PLAIN_SHARE = 0.75
"""A text in nucleotide letters alone, of which fewer than this share are bases or N, is a protein."""
_AWAY = bytes(range(33)) + b"-."
"""White space, control characters, and the gaps of an alignment."""
_SHOWN = 12


def checked(raw: bytes, name: str, wanted: str = "auto") -> str:
    """The sequence that is written as ``raw``: upper case, without white space and gaps; of DNA, U as T.

    ``wanted``: an alphabet that it has to be of, or ``auto``. Raises DecodeError, which names the first letter that is
    none and its place, counted from 1 in what was given.
    """
    letters = raw.translate(None, _AWAY).upper()
    if strange := letters.translate(None, _PROTEIN):
        raise DecodeError(_wrong(raw, strange[:1], name), hint="a sequence has the letters A to Z and * alone")
    letters = letters.rstrip(b"*")
    if not letters:
        raise DecodeError(f"{name} has no letters", hint="a sequence is one letter or more")
    if wanted == "dna" and (strange := letters.translate(None, _DNA)):
        hint = "the collection's alphabet is dna; RNA, and codes as N and R, are part of it"
        raise DecodeError(_wrong(raw, strange[:1], name, "no DNA"), hint=hint)
    if wanted == "dna" or (wanted == "auto" and _alphabet(letters) == "dna"):
        letters = letters.replace(b"U", b"T")
    return letters.decode("ascii")


def alphabet_of(letters: str) -> Alphabet:
    """``dna`` where all letters are nucleotide codes and most are bases or N, else ``protein``."""
    return _alphabet(letters.encode("ascii", "replace"))


def _alphabet(letters: bytes) -> Alphabet:
    if letters.translate(None, _DNA):
        return "protein"
    codes = len(letters.translate(None, _BASES + b"N"))
    return "dna" if codes <= (1 - _PLAIN_SHARE) * len(letters) else "protein"


def _wrong(raw: bytes, strange: bytes, name: str, what: str = "no sequence") -> str:
    """Where the first strange letter, which was made upper case, stands in what was given."""
    at = raw.upper().index(strange)
    around = raw[max(at - _SHOWN, 0) : at + _SHOWN].decode("ascii", "replace")
    shown = "".join(letter if letter.isprintable() else "·" for letter in around)
    letter = strange.decode("ascii", "replace")
    told = repr(letter) if letter.isprintable() and letter.isascii() else f"the byte 0x{strange[0]:02x}"
    return f"{name} is {what}: {told} at letter {at + 1:,}: … {shown} …"


def facts(letters: str, alphabet: Alphabet) -> dict[str, str | int | float]:
    """``length``, ``alphabet``, ``ambiguous`` (letters that stand for several); of DNA ``gc``, the share of G and C
    among A, C, G and T, to four digits.
    """
    data = letters.encode("ascii")
    told: dict[str, str | int | float] = {"length": len(letters), "alphabet": alphabet}
    if alphabet == "dna":
        bases = [data.count(base) for base in (b"A", b"C", b"G", b"T")]
        plain = sum(bases)
        told["gc"] = round((bases[1] + bases[2]) / plain, 4) if plain else 0.0
        told["ambiguous"] = len(letters) - plain
    else:
        told["ambiguous"] = sum(data.count(letter) for letter in (b"B", b"J", b"X", b"Z"))
    return told


def unknown_letters(letters: str, alphabet: Alphabet) -> NDArray[np.bool_]:
    """(n,) Which letters say nothing: N in DNA, X in a protein."""
    unknown = b"N" if alphabet == "dna" else b"X"
    mask: NDArray[np.bool_] = np.frombuffer(letters.encode("ascii"), dtype=np.uint8) == unknown[0]
    return mask
