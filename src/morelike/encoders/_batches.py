"""What every family checks in the same words: the kind it is given and the vectors it gives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.errors import EncodeError, ModelError, UsageError
from morelike.types import Card, Kind, Vectors
from morelike.vecmath import normalise

__all__ = ["check_kind", "check_revision", "finished", "named_file", "nothing"]


def check_kind(card: Card, kind: Kind) -> None:
    """Raises UsageError where the card does not take that kind."""
    if kind not in card.inputs:
        raise UsageError(
            f"the card {card.name!r} takes {' and '.join(card.kinds)}, not {kind}",
            hint=f"`morelike encoders` lists the cards that take {kind}",
        )


def check_revision(card: Card, revision: int) -> None:
    """Raises ModelError where the card is of another revision of its family than ``revision``, the present one."""
    found = card.options.get("revision", revision)
    if found != revision:
        raise ModelError(
            f"the card {card.id} is of revision {found} of `{card.family}`; this morelike has revision {revision}",
            hint=f"`morelike reembed COLLECTION --encoder {card.name}` changes to the present one",
        )


def named_file(card: Card, files: Mapping[str, Path], values: Mapping[str, Any], key: str, usual: str) -> Path:
    """The file that one of the card's values names. Raises ModelError where it is not among the card's weights."""
    name = str(values.get(key, usual))
    if name not in files:
        raise ModelError(
            f"the card {card.name!r} says {key} = {name!r}, which is not among its weights",
            hint=f"they are {', '.join(files) or 'none'}",
        )
    return files[name]


def nothing(card: Card) -> Vectors:
    """(0, dim): what an empty batch gives."""
    return np.empty((0, card.dim), dtype=np.float32)


def finished(card: Card, vectors: NDArray[Any], count: int, *, unit: bool) -> Vectors:
    """(count, dim) float32, C-contiguous, of length one where ``unit``. Raises ModelError, EncodeError."""
    if vectors.shape != (count, card.dim):
        raise ModelError(
            f"the card {card.name!r} says dim = {card.dim}, its encoder gave {vectors.shape} for {count} items",
            hint="mend dim, or the output, in the card",
        )
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if not np.isfinite(rows).all():
        raise EncodeError(f"the encoder of the card {card.name!r} gave numbers that are not finite")
    return normalise(rows) if unit else rows
