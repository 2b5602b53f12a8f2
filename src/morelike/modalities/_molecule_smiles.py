"""Where a SMILES is wrong: RDKit says it on standard error alone, and not at which character of what was given.

Positions count characters from 1. What is checked here is the grammar (Weininger 1988; OpenSMILES); valences and rings
that cannot be aromatic are RDKit's to find.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["looks_like_smiles", "syntax_fault"]

_BRACKET: Final = re.compile(
    r"\[(?P<isotope>\d{0,5})(?P<symbol>#\d{1,3}|\*|[A-Z][a-z]?|[a-z][a-z]?)"
    r"(?P<chiral>@(?:@|[A-Z]{2}\d{1,2})?)?(?P<hydrogens>H\d?)?(?P<charge>\++\d{0,2}|-+\d{0,2})?(?P<map>:\d+)?\]"
)
_PLAIN: Final = re.compile(r"Br|Cl|[BCNOPSFI*]|[bcnops]")
_BOND: Final = re.compile(r"->|<-|[-=#$:/\\~]")
_RING: Final = re.compile(r"%\(\d{1,5}\)|%\d\d|\d")
_TOKEN: Final = re.compile(rf"\[[^\[\]\s]{{1,40}}\]|{_PLAIN.pattern}|{_BOND.pattern}|{_RING.pattern}|[().]")
_AROMATIC: Final = frozenset({"b", "c", "n", "o", "p", "s", "as", "se", "te", "si"})
_NAMES: Final = (
    "HHeLiBeBCNOFNeNaMgAlSiPSClArKCaScTiVCrMnFeCoNiCuZnGaGeAsSeBrKrRbSrYZrNb"
    "MoTcRuRhPdAgCdInSnSbTeIXeCsBaLaCePrNdPmSmEuGdTbDyHoErTmYbLuHfTaWReOsIrPtAu"
    "HgTlPbBiPoAtRnFrRaAcThPaUNpPuAmCmBkCfEsFmMdNoLrRfDbSgBhHsMtDsRgCnNhFlMcLvTs"
    "Og"
)
_ELEMENTS: Final = frozenset(re.findall("[A-Z][a-z]?", _NAMES))


def looks_like_smiles(text: str) -> bool:
    """Whether all of it are signs of a SMILES, right or wrong; never raises."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            return False
        at = found.end()
    return bool(text)


def syntax_fault(smiles: str) -> tuple[str, int] | None:
    """(what is wrong, at which character) of a SMILES, None where its grammar is right."""
    return _Reader(smiles).fault()


class _Reader:
    """One pass from left to right: what is open, and what has to come next."""

    def __init__(self, smiles: str) -> None:
        self._smiles = smiles
        self._rings: dict[int, tuple[int, int, str]] = {}
        """By number: where it was opened, the atom, the bond."""
        self._branches: list[tuple[int, int]] = []
        """Where each open branch begins, and its atom."""
        self._atoms = 0
        self._atom = 0
        """The atom that a bond, a ring's number or a branch would belong to, counted from 1; 0: none."""
        self._bond = 0
        """Where a bond stands that has no second atom yet; 0: none."""
        self._dot_at = 0
        self._branch_is_empty = False
        self._pairs: set[tuple[int, int]] = set()
        """Which atoms are bound to one another."""

    def fault(self) -> tuple[str, int] | None:
        at = 0
        while at < len(self._smiles):
            wrong, length = self._step(at)
            if wrong:
                return wrong, at + 1
            at += length
        return self._left_open()

    def _left_open(self) -> tuple[str, int] | None:
        found = []
        if self._bond:
            found.append(("a bond leads nowhere", self._bond))
        if self._branches:
            found.append(("a bracket ( is not closed", self._branches[-1][0]))
        if self._dot_at and not self._atom:
            found.append(("a . stands between two parts", self._dot_at))
        found += [(f"the ring {number} is not closed", at) for number, (at, _, _) in self._rings.items()]
        return min(found, key=lambda one: one[1]) if found else None

    def _step(self, at: int) -> tuple[str, int]:
        """(what is wrong here, else "", how many characters were read)."""
        letter = self._smiles[at]
        if letter == "[":
            return self._bracket(at)
        if found := _PLAIN.match(self._smiles, at):
            return self._an_atom(), found.end() - at
        if letter in "()":
            return (self._opened(at) if letter == "(" else self._closed()), 1
        if letter == ".":
            return self._dot(at), 1
        if found := _BOND.match(self._smiles, at):
            return self._a_bond(at), found.end() - at
        if found := _RING.match(self._smiles, at):
            return self._ring(found.group(), at), found.end() - at
        return self._stranger(letter), 1

    def _stranger(self, letter: str) -> str:
        if letter == ">":
            return "a > stands in reactions, not in molecules"
        if letter == "%":
            return "a % is followed by the two digits of a ring"
        if letter == "]":
            return "a bracket ] was never opened"
        if letter.isspace():
            return "there is a blank in the middle"
        if letter.isascii() and letter.isalpha():
            return f"{letter} is no atom here; other elements stand in brackets: [Na+]"
        return f"{letter!r} is no sign of a SMILES"

    def _an_atom(self) -> str:
        self._atoms += 1
        if self._atom:
            self._pairs.add((self._atom, self._atoms))
        self._atom, self._bond, self._branch_is_empty = self._atoms, 0, False
        return ""

    def _bracket(self, at: int) -> tuple[str, int]:
        end = self._smiles.find("]", at)
        if end < 0:
            return "a bracket [ is not closed", 1
        found = _BRACKET.fullmatch(self._smiles, at, end + 1)
        text = self._smiles[at : end + 1]
        if found is None:
            return f"{_short(text)} is no atom", 1
        symbol = found["symbol"]
        known = symbol[0] in "#*" or symbol in _ELEMENTS or symbol in _AROMATIC
        return ("" if known and not self._an_atom() else f"{_short(text)} is no element"), len(text)

    def _opened(self, at: int) -> str:
        if not self._atom or self._bond:
            return "a branch ( follows an atom"
        self._branches.append((at + 1, self._atom))
        self._branch_is_empty = True
        return ""

    def _closed(self) -> str:
        if not self._branches:
            return "a bracket ) was never opened"
        if self._bond or self._branch_is_empty:
            return "a branch ends without an atom"
        self._atom = self._branches.pop()[1]
        return ""

    def _dot(self, at: int) -> str:
        if not self._atom or self._bond:
            return "a . stands between two parts"
        self._atom, self._dot_at = 0, at + 1
        return ""

    def _a_bond(self, at: int) -> str:
        if not self._atom:
            return "a bond follows an atom"
        if self._bond:
            return "two bonds follow one another"
        self._bond = at + 1
        return ""

    def _ring(self, text: str, at: int) -> str:
        if not self._atom or self._branch_is_empty:
            return "the number of a ring follows an atom"
        number = int(text.strip("%()"))
        bond = self._smiles[self._bond - 1] if self._bond else ""
        self._bond = 0
        if number not in self._rings:
            self._rings[number] = (at + 1, self._atom, bond)
            return ""
        _, other, begun = self._rings.pop(number)
        pair = (min(other, self._atom), max(other, self._atom))
        if other == self._atom or pair in self._pairs:
            return f"the ring {number} closes on {'its own atom' if other == self._atom else 'the atom beside it'}"
        if bond and begun and bond != begun and not {bond, begun} <= set("/\\-"):
            return f"the ring {number} begins with the bond {begun} and ends with {bond}"
        self._pairs.add(pair)
        return ""


def _short(text: str) -> str:
    return text if len(text) <= 20 else f"{text[:17]}…"
