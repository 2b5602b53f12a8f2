"""A part of a molecule to look for: read from SMARTS or SMILES, and matched against molecules within bounds."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from morelike.errors import QueryError, TooBusy
from morelike.rdkit_log import quiet

__all__ = ["Crew", "Part", "holds", "is_held", "matched", "molecule_of", "part_of_smiles", "part_of_text"]

T = TypeVar("T")

LONGEST = 2000
"""Letters of a SMARTS."""
MOST_ATOMS = 250
MOST_RECURSIVE = 20
"""How many ``$(…)`` a SMARTS may have."""
DEEPEST = 40
"""How deep its brackets may lie in one another."""
MOST_STUCK = 4
"""Threads of earlier queries that are still at a match that takes for ever; with so many no further query begins."""
_AT = re.compile(r"position (\d+)")
_REASON = re.compile(r"SMARTS Parse Error: (?!check|Failed)(.+?)(?: while parsing| for input|$)")

_log_turn = threading.Lock()
_stuck: list[threading.Thread] = []


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What to look for. ``bits``: its pattern fingerprint, packed, lowest bit first; ``read``: smarts or smiles."""

    molecule: Any
    bits: NDArray[np.uint8]
    read: str


def part_of_text(text: str, read: str, dim: int) -> Part:
    """SMILES where it is one, else SMARTS; ``read`` says which it has to be (``auto``, ``smarts``, ``smiles``).

    A SMILES with open valences or ``*`` is read as SMARTS: ``[OH]`` means a hydroxyl. So it does inside of a SMILES:
    hydrogens that are written count, but for those of ``[nH]`` and ``[C@H]``, which cannot be left out. Raises
    QueryError, which says where the text is wrong.
    """
    if read not in {"auto", "smarts", "smiles"}:
        raise QueryError(f"the option read cannot be {read!r}", hint="auto, smarts or smiles")
    text = text.strip()
    _check_text(text)
    if read != "smarts":
        plain = _of_smiles(text)
        if plain is not None and (read == "smiles" or not _is_pattern(plain)):
            return _part(_with_hydrogens(plain), "smiles", dim)
        if read == "smiles":
            raise QueryError(f"this is no SMILES: {text[:60]}", hint="--option read=smarts reads it as SMARTS")
    return _part(_of_smarts(text), "smarts", dim)


def part_of_smiles(smiles: str, dim: int) -> Part:
    """A whole molecule as what to look for. Raises QueryError."""
    molecule = _of_smiles(smiles)
    if molecule is None:
        raise QueryError(f"this is no SMILES: {smiles[:60]}", hint="give a molecule")
    return _part(molecule, "smiles", dim)


def holds(part: Part, *, stereo: bool) -> Callable[[str], bool]:
    """Whether the molecule of a SMILES has the part."""
    parameters = _parameters(stereo=stereo)

    def test(smiles: str) -> bool:
        molecule = molecule_of(smiles)
        return molecule is not None and bool(molecule.HasSubstructMatch(part.molecule, parameters))

    return test


def is_held(part: Part, *, stereo: bool) -> Callable[[str], bool]:
    """Whether the part, a whole molecule, has the molecule of a SMILES in it."""
    parameters = _parameters(stereo=stereo)

    def test(smiles: str) -> bool:
        molecule = molecule_of(smiles)
        return molecule is not None and bool(part.molecule.HasSubstructMatch(molecule, parameters))

    return test


def matched(outer: Any, inner: Any, *, stereo: bool) -> dict[str, list[int]]:
    """The atoms and bonds of ``outer`` on which the first match of ``inner`` lies; numbered from 0."""
    atoms = list(outer.GetSubstructMatch(inner, _parameters(stereo=stereo)))
    bonds = []
    for bond in inner.GetBonds() if atoms else ():
        found = outer.GetBondBetweenAtoms(atoms[bond.GetBeginAtomIdx()], atoms[bond.GetEndAtomIdx()])
        bonds += [] if found is None else [found.GetIdx()]
    return {"atoms": sorted(atoms), "bonds": sorted(bonds)}


@lru_cache(maxsize=4096)
def molecule_of(smiles: str) -> Any:
    """RDKit's molecule, or None."""
    from rdkit import Chem

    return Chem.MolFromSmiles(smiles)


class Crew:
    """Threads that test one thing after the other until a moment; matching leaves Python, and nothing can stop it.

    So whoever waits does not wait for a thread: after that moment it goes on without it, and says so.
    """

    def __init__(self, work: Callable[[str], T], threads: int, seconds: float) -> None:
        with _log_turn:
            _stuck[:] = [thread for thread in _stuck if thread.is_alive()]
            if len(_stuck) >= MOST_STUCK:
                raise TooBusy("earlier searches for substructures are still at it", hint="try again in a while")
        self._work = work
        self._until = monotonic() + seconds
        self._seconds = seconds
        self._late = False
        self._todo: SimpleQueue[tuple[int, str] | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[int, Any]] = SimpleQueue()
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name="substructure", daemon=True) for _ in range(max(threads, 1))
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        interrupted = kind is not None and not issubclass(kind, Exception)
        self._over.set()
        for none in [None] * len(self._threads):
            self._todo.put(none)
        if self._late or interrupted:
            with _log_turn:
                _stuck.extend(thread for thread in self._threads if thread.is_alive())

    def over(self, texts: Sequence[str]) -> list[Any]:
        """What the work gives for each, in order. Raises QueryError where it takes too long, and what the work does."""
        for task in enumerate(texts):
            self._todo.put(task)
        results: list[Any] = [None] * len(texts)
        for _ in texts:
            try:
                place, result = self._done.get(timeout=max(self._until - monotonic(), 0.001))
            except Empty:
                self._late = True
                raise QueryError(
                    f"the search for this part took more than {self._seconds:g} s",
                    hint="make the part more special, or leave items out with --filter",
                ) from None
            if isinstance(result, BaseException):
                raise result
            results[place] = result
        return results

    def _run(self) -> None:
        while (task := self._todo.get()) is not None and not self._over.is_set():
            place, text = task
            try:
                self._done.put((place, self._work(text)))
            except BaseException as error:  # whoever waits for it raises it
                self._done.put((place, error))


def _check_text(text: str) -> None:
    hint = "look for a smaller part"
    if not text:
        raise QueryError("the part to look for is empty", hint="a SMARTS or a SMILES: c1ccccc1")
    if len(text) > LONGEST:
        raise QueryError(f"the part has {len(text):,} letters, more than {LONGEST:,}", hint=hint)
    if text.count("$(") > MOST_RECURSIVE:
        raise QueryError(f"the part has more than {MOST_RECURSIVE} recursive patterns $(…)", hint=hint)
    depth = 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if depth > DEEPEST:
            raise QueryError(f"the part has brackets more than {DEEPEST} deep", hint=hint)


def _of_smiles(text: str) -> Any:
    from rdkit import Chem

    with _log_turn, quiet():
        return Chem.MolFromSmiles(text)


def _of_smarts(text: str) -> Any:
    from rdkit import Chem, rdBase

    with _log_turn, rdBase.CaptureErrorLog() as log:
        found = Chem.MolFromSmarts(text)
        said = str(log.messages)
    if found is None:
        raise QueryError(_wrong(text, said), hint="a part is written as c1ccccc1 or [#6]-[OH]")
    return found


def _wrong(text: str, said: str) -> str:
    """``this is no SMARTS: extra open parentheses, at letter 5: c1cc(C``."""
    reason, at = _REASON.search(said), _AT.search(said)
    words = reason.group(1).strip() if reason else "it cannot be read"
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    where = f", at letter {at.group(1)}" if at else ""
    return f"this is neither SMILES nor SMARTS: {words}{where}: {shown}"


def _is_pattern(molecule: Any) -> bool:
    return any(atom.GetNumRadicalElectrons() or not atom.GetAtomicNum() for atom in molecule.GetAtoms())


def _with_hydrogens(molecule: Any) -> Any:
    """Hydrogens in brackets become part of what is looked for."""
    from rdkit import Chem
    from rdkit.Chem import rdqueries

    plain = Chem.ChiralType.CHI_UNSPECIFIED
    for number in range(molecule.GetNumAtoms()):
        atom = molecule.GetAtomWithIdx(number)
        hydrogens = atom.GetNumExplicitHs() if atom.GetNoImplicit() else 0
        if hydrogens and not atom.GetIsAromatic() and atom.GetChiralTag() == plain:
            query = rdqueries.ReplaceAtomWithQueryAtom(molecule, atom)  # the old atom is gone then
            query.ExpandQuery(rdqueries.HCountEqualsQueryAtom(hydrogens))
    return molecule


def _part(molecule: Any, read: str, dim: int) -> Part:
    from rdkit import Chem, DataStructs

    if not 0 < molecule.GetNumAtoms() <= MOST_ATOMS:
        raise QueryError(
            f"the part has {molecule.GetNumAtoms()} atoms", hint=f"1 to {MOST_ATOMS} atoms can be looked for"
        )
    with suppress(RuntimeError, ValueError):  # a pattern whose rings are not plain
        Chem.FastFindRings(molecule)
    found = Chem.PatternFingerprint(molecule, fpSize=dim)
    bits = np.frombuffer(DataStructs.BitVectToBinaryText(found), dtype=np.uint8)
    return Part(molecule, bits, read)


def _parameters(*, stereo: bool) -> Any:
    from rdkit import Chem

    parameters: Any = Chem.SubstructMatchParameters()
    parameters.useChirality = stereo
    parameters.maxMatches = 1
    return parameters
