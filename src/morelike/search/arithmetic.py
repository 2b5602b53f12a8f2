"""Several parts of a query made one vector: their weighted sum, words brought level with what they are added to.

Where pictures (sounds, films …) and words share a space, each lies in a narrow cone of its own (Liang et al. 2022,
"Mind the Gap"): what two texts have in common is larger than what sets them apart, and added to a picture as it is, a
text mostly says that it is one. So words that are added to something else count from the middle of everyday words,
as a direction of length one, and twice as much. docs/composed.md has what that was measured on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import blake3
import numpy as np
from numpy.typing import NDArray

from morelike.errors import QueryError
from morelike.lane import EncoderLane
from morelike.protocols import Cache
from morelike.types import Card, Vectors
from morelike.vecmath import normalise

__all__ = ["EVERYDAY", "WORDS_COUNT", "Addend", "middle_of_words", "together"]

FAR_TOO_SMALL = 1e-6
WORDS_COUNT = 2.0
"""How much words count beside pictures or sounds, where a person gives both the same weight."""
EVERYDAY = (
    *("aeroplane", "baby", "bed", "book", "bus", "church", "colour", "cup", "door", "explosion"),
    *("flag", "fruit", "hair", "insect", "lake", "map", "music", "person", "river", "shoe"),
    *("snoring", "static", "thunder", "tree", "water", "window", "wood"),
)
"""Their middle is what texts have in common. That of five times as many lies nearly there (cosine .97, MiniLM)."""


@dataclass(frozen=True, slots=True, eq=False)
class Addend:
    """(m, dim) ``rows`` of one part of a query and how much it counts; ``words``: of a text, where items are none."""

    weight: float
    rows: Vectors
    words: bool = False


def together(card: Card, addends: Sequence[Addend], middle: Callable[[], NDArray[np.float32]]) -> Vectors:
    """(m, dim): one pulling part as it is; else (1, dim), the sum of the parts' mean directions, each by its weight.

    ``middle`` gives (dim,) as ``middle_of_words`` does; it is asked only where words stand beside something else.
    Raises QueryError where no part pulls, where the parts cancel out, or where the card's vectors have no sums.
    """
    if not addends:
        return np.empty((0, card.dim), dtype=np.float32)
    if len(addends) == 1 and addends[0].weight > 0:
        return addends[0].rows
    if card.form != "dense":
        raise QueryError(
            f"the card {card.name} has no sums: it takes one example at a time", hint="leave --plus and --minus out"
        )
    if not any(addend.weight > 0 for addend in addends):
        raise QueryError("a query needs at least one part to look for", hint="--minus only pushes away; add an example")
    mixed = len({addend.words for addend in addends}) == 2  # words alone are compared with one another as they are
    total = np.zeros(card.dim, dtype=np.float32)
    for addend in addends:
        direction = normalise(normalise(addend.rows).mean(axis=0))[0]
        if mixed and addend.words:
            direction = np.float32(WORDS_COUNT) * normalise(direction - middle())[0]
        total += np.float32(addend.weight) * direction
    if float(np.linalg.norm(total)) < FAR_TOO_SMALL:
        raise QueryError("the parts of this query cancel each other out", hint="change their weights")
    return normalise(total)


def middle_of_words(lane: EncoderLane, cache: Cache) -> NDArray[np.float32]:
    """(dim,): the mean of the directions of ``EVERYDAY``; encoded once for a card, as long as the cache keeps it.

    Raises EncodeError, TooBusy, StoreError.
    """
    card = lane.encoder.card
    key = f"middle:{card.id}:{_DIGEST}"
    found = cache.get(key)
    if found is None or len(found) != np.dtype(np.float32).itemsize * card.dim:
        rows = lane.ask("text", [lane.encoder.prepare("text", word) for word in EVERYDAY]).result()
        found = normalise(rows).mean(axis=0).astype(np.float32).tobytes()
        cache.put(key, found)
    return np.frombuffer(found, dtype=np.float32)


_DIGEST = blake3.blake3(" ".join(EVERYDAY).encode()).hexdigest()[:16]
