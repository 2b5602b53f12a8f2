"""``minhash``: what a genome is made of, as a sketch: FracMinHash (Irber et al. 2022), as sourmash makes it.

Of every k-mer the lesser of itself and its reverse complement is hashed as text (MurmurHash3), and the hash is kept
where it is no more than 2 ** 64 / ``scaled``. What two sketches share says how much of one is in the other
(containment), however different their sizes are. Order does not matter: ``at`` is 0. The card's options: ``k`` (up to
31), ``scaled``. Hashes are equal to those of sourmash with the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.encoders._batches import check_kind, check_revision
from morelike.encoders._kmer_codes import blocks, canonical_kmers, codes_of, is_dna
from morelike.encoders._murmur import hashes_of
from morelike.errors import EncodeError, ModelError
from morelike.settings import Settings
from morelike.types import Card, Kind, Payload, Sketch

__all__ = ["MinHashEncoder"]

_REVISION = 1
_LONGEST = 31
_BASES = ("A", "C", "G", "TU")


class MinHashEncoder:
    """The registry's ``minhash`` family. Deterministic; needs no files."""

    def __init__(self, card: Card, files: Mapping[str, Path], settings: Settings) -> None:
        del files, settings
        check_revision(card, _REVISION)
        k, scaled = card.options.get("k"), card.options.get("scaled")
        if card.form != "sketch" or type(k) is not int or not 1 <= k <= _LONGEST:
            raise ModelError(f"the card {card.name!r} does not fit `minhash`", hint="form = sketch, options.k 1 to 31")
        if type(scaled) is not int or scaled < 1:
            raise ModelError(f"the card {card.name!r} has scaled = {scaled!r}", hint="one of so many hashes is kept")
        self._k = k
        self._largest = np.uint64(min(round(2**64 / scaled), 2**64 - 1))
        self._card = card

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> Sketch:
        """A sequence (``str``, upper case) to its sketch, each hash once: all the work, on the caller's thread.

        Raises EncodeError over a protein. What is too short has an empty sketch.
        """
        check_kind(self._card, kind)
        data = str(payload).encode("ascii", "replace")
        if not is_dna(data):
            raise EncodeError(f"the sequence is no DNA, and the card {self._card.name} takes DNA and RNA")
        kept = [self._kept(block) for block in blocks(codes_of(data, _BASES), self._k)]
        hashes = np.unique(np.concatenate(kept)) if kept else np.empty(0, dtype=np.uint64)
        return Sketch(hashes, np.zeros(len(hashes), dtype=np.int32))

    def encode(self, kind: Kind, batch: Sequence[Any]) -> NDArray[np.object_]:
        """An object array (n,) of ``Sketch``."""
        check_kind(self._card, kind)
        sketches = np.empty(len(batch), dtype=object)
        sketches[:] = batch
        return sketches

    def _kept(self, codes: NDArray[np.uint8]) -> NDArray[np.uint64]:
        hashes = hashes_of(canonical_kmers(codes, self._k).astype(np.uint64), self._k)
        kept: NDArray[np.uint64] = hashes[hashes <= self._largest]
        return kept
