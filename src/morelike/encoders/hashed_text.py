"""``hashed-text``: texts without weights, by their words and the parts of their words.

Each word, and each run of four letters in it, is hashed to one of ``dim`` columns, with a sign (feature hashing,
Weinberger et al. 2009): so texts are alike that share words, or other forms of them, in any language. A word counts
1 + ln of how often it is there; all of its runs together count twice as much as the word itself. Function words of ten
languages are left out where there are others. Scripts that are written without spaces are taken by characters and
pairs of them.

Vectors are of length one; nothing is fitted to a collection. A text without any word has a vector of its own.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.encoders._batches import check_kind, check_revision, finished, nothing
from morelike.encoders._function_words import FUNCTION_WORDS
from morelike.errors import EncodeError, ModelError
from morelike.settings import Settings
from morelike.types import Card, Kind, Payload, Vectors
from morelike.words import folded, is_unspaced

__all__ = ["HashedTextEncoder"]

_REVISION = 1
_OPTIONS = {"revision"}
_LONGEST = 1_000_000
"""Characters looked at: a text's words are known by then."""
_LONGEST_WORD = 64
_RUN = 4
_SHARE = 2.0
"""What a word's runs of letters count together, where the word itself counts 1."""


class HashedTextEncoder:
    """The registry's ``hashed-text`` family. Deterministic; needs no files."""

    def __init__(self, card: Card, files: Mapping[str, Path], settings: Settings) -> None:
        del files, settings
        check_revision(card, _REVISION)
        faults = [f"options.{name} is unknown" for name in sorted(set(card.options) - _OPTIONS)]
        if card.form != "dense" or list(card.inputs) != ["text"]:
            faults.append('it needs form = "dense" and [inputs.text] alone')
        if faults:
            raise ModelError(f"the card {card.name!r} does not fit `hashed-text`: {'; '.join(faults)}")
        self._card = card

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> NDArray[np.float32]:
        """One text (``str``) to its vector (dim,): all the work, on the caller's thread. Raises EncodeError."""
        check_kind(self._card, kind)
        if not isinstance(payload, str):
            raise EncodeError(f"a text is a str, this one is {type(payload).__name__}")
        vector = np.zeros(self._card.dim, dtype=np.float64)
        for feature, weight in _features(payload[:_LONGEST]):
            code = zlib.crc32(feature.encode())
            vector[(code >> 1) % self._card.dim] += weight if code & 1 else -weight
        if not vector.any():  # no word, or features that cancel each other out
            vector[0] = 1.0
        return vector.astype(np.float32)

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        """(n, dim) float32 of length one."""
        check_kind(self._card, kind)
        if not batch:
            return nothing(self._card)
        return finished(self._card, np.stack(batch), len(batch), unit=True)


def _features(text: str) -> Iterator[tuple[str, float]]:
    """What is hashed, and how much it counts. A word and a run of the same letters are two features."""
    words = [word[:_LONGEST_WORD] for word in folded(text)]
    told = [word for word in words if word not in FUNCTION_WORDS]
    for word, count in Counter(told or words).items():
        weight = 1 + math.log(count)
        yield f"w{word}", weight
        framed = f"<{word}>"
        runs = [framed[start : start + _RUN] for start in range(len(framed) - _RUN + 1)] if len(word) >= _RUN else []
        for run in runs:
            yield f"r{run}", weight * _SHARE / math.sqrt(len(runs))
    pairs = Counter(a + b for a, b in pairwise(words) if is_unspaced(a) and is_unspaced(b))
    for pair, count in pairs.items():
        yield f"p{pair}", _SHARE * (1 + math.log(count))
