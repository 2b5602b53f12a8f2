"""``kmers``: sequences without weights, by the k-mers that they are made of (Blaisdell 1986; Vinga & Almeida 2003).

Of DNA a k-mer and its reverse complement count as one, so that both strands of a molecule have one vector; U counts as
T. A k-mer with a letter that stands for several (N, R, X …) is left out. The card's options:

- ``alphabet``: ``dna`` or ``protein``;
- ``k``: the letters of a k-mer;
- ``hashed``: whether k-mers are hashed to ``dim`` columns, with a sign (Weinberger et al. 2009), or have one each;
- ``weight``: ``count``, how often a k-mer is there, or ``excess``: the root of that, less the root of how often it
  would be in a random sequence of that length. So neither what is frequent everywhere nor a repeat hides the rest, and
  distant homologues come nearer than what is merely of the same composition. (With proteins it does harm.)

Vectors are of length one; nothing is fitted to a collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.encoders._batches import check_kind, check_revision, finished, nothing
from morelike.encoders._kmer_codes import AMINO_ACIDS, blocks, canonical, codes_of, hashed_columns, is_dna, kmers
from morelike.errors import EncodeError, ModelError
from morelike.settings import Settings
from morelike.types import Card, Kind, Payload, Vectors

__all__ = ["KmerEncoder"]

_REVISION = 1
_OPTIONS = {"revision", "alphabet", "k", "hashed", "weight", "rescorer"}
_MOST = 1 << 22
"""K-mers that a card may count."""
_DNA_BY_CHANCE = 30
"""A protein of so many letters is not made of A, C, G, T and N alone."""


class KmerEncoder:
    """The registry's ``kmers`` family. Deterministic; needs no files."""

    def __init__(self, card: Card, files: Mapping[str, Path], settings: Settings) -> None:
        del files, settings
        options = dict(card.options)
        check_revision(card, _REVISION)
        faults = _faults(card, options)
        if faults:
            raise ModelError(f"the card {card.name!r} does not fit `kmers`: {'; '.join(faults)}")
        self._dna = options["alphabet"] == "dna"
        self._k = int(options["k"])
        self._groups = ("A", "C", "G", "TU") if self._dna else (*AMINO_ACIDS,)
        number = len(self._groups) ** self._k
        self._fold: NDArray[np.int64]
        self._fold, columns = canonical(self._k) if self._dna else (np.arange(number, dtype=np.int64), number)
        if not options.get("hashed") and columns != card.dim:
            hint = f"there are {columns} k-mers: write dim = {columns}, or hashed = true"
            raise ModelError(f"the card {card.name!r} says dim = {card.dim}", hint=hint)
        self._excess = options.get("weight", "count") == "excess"
        self._expected = np.sqrt(np.bincount(self._fold, minlength=columns) / number)
        self._hash = hashed_columns(columns, card.dim) if options.get("hashed") else None
        self._columns = columns
        self._card = card

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> NDArray[np.float32]:
        """One sequence (``str``, upper case) to its vector (dim,): all the work, on the caller's thread.

        Raises EncodeError over one of the other alphabet, or without a k-mer of plain letters.
        """
        check_kind(self._card, kind)
        data = str(payload).encode("ascii", "replace")
        self._check(data)
        codes = codes_of(data, self._groups)
        counts = np.zeros(self._columns, dtype=np.int64)
        for block in blocks(codes, self._k):
            found = self._fold[kmers(block, self._k, len(self._groups))]
            counts += np.bincount(found, minlength=self._columns)
        if not counts.any():
            what = f"the sequence has {len(data):,} letters, and nowhere {self._k} plain ones in a row"
            raise EncodeError(what, hint=f"the card {self._card.name} needs them; N and X are not plain")
        weights: NDArray[Any] = counts
        if self._excess:
            weights = np.sqrt(counts) - np.sqrt(counts.sum()) * self._expected
        if self._hash is not None:
            column, sign = self._hash
            weights = np.bincount(column, weights * sign, minlength=self._card.dim)
        return weights.astype(np.float32)

    def _check(self, data: bytes) -> None:
        """Raises EncodeError where the sequence is of the other alphabet."""
        name = self._card.name
        if self._dna and not is_dna(data):
            raise EncodeError(
                f"the sequence is a protein, and the card {name} takes DNA and RNA",
                hint="make the collection with --encoder protein-kmers",
            )
        if not self._dna and len(data) > _DNA_BY_CHANCE and is_dna(data):
            raise EncodeError(
                f"the sequence is DNA, and the card {name} takes proteins",
                hint="make the collection with --encoder dna-kmers",
            )

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        """(n, dim) float32 of length one."""
        check_kind(self._card, kind)
        if not batch:
            return nothing(self._card)
        return finished(self._card, np.stack(batch), len(batch), unit=True)


def _faults(card: Card, options: Mapping[str, Any]) -> list[str]:
    """What is wrong with the card, a few words each."""
    faults = [f"options.{name} is unknown" for name in sorted(set(options) - _OPTIONS)]
    if card.form != "dense" or list(card.inputs) != ["sequence"]:
        faults.append('it needs form = "dense" and [inputs.sequence] alone')
    if options.get("alphabet") not in ("dna", "protein"):
        return [*faults, 'options.alphabet is neither "dna" nor "protein"']
    k, letters = options.get("k"), 4 if options["alphabet"] == "dna" else len(AMINO_ACIDS)
    if type(k) is not int or k < 1 or letters**k > _MOST:
        faults.append(f"options.k is {k!r}: 1 or more, and at most {_MOST:,} k-mers")
    if options.get("weight", "count") not in ("count", "excess"):
        faults.append('options.weight is neither "count" nor "excess"')
    return faults
