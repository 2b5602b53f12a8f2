"""Any Python function as an encoder: ``from_callable(function, name="mine", dim=64)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from morelike.encoders._batches import check_kind, finished, nothing
from morelike.errors import EncodeError, MorelikeError, UsageError
from morelike.protocols import Encoder
from morelike.settings import Settings
from morelike.types import Card, Kind, Metric, Payload, Vectors

__all__ = ["from_callable", "reopen"]


def from_callable(
    function: Callable[[Any], Any],
    *,
    name: str,
    dim: int,
    kind: Kind = "image",
    metric: Metric = "cosine",
    version: str = "1",
    batched: bool = False,
) -> Encoder:
    """An encoder whose ``encode`` calls ``function`` on payloads of ``kind`` (a picture is uint8 (h, w, 3) RGB).

    ``function`` takes one payload and returns ``dim`` numbers, or, ``batched``, a list of payloads and returns
    (n, dim). It is called from one thread at a time. Change ``version`` whenever its answers change: a collection
    is bound to it.
    """
    if dim < 1:
        raise UsageError(f"dim = {dim}: a vector has at least one number")
    identity = "\n".join((name, kind, str(dim), metric, version))
    card = Card(
        name=name,
        family="callable",
        form="dense",
        dim=dim,
        metric=metric,
        inputs={kind: {}},
        options={"version": version},
        description="a Python function",
        fingerprint=blake2b(identity.encode(), digest_size=6).hexdigest(),
    )
    return _CallableEncoder(card, function, batched=batched)


def reopen(card: Card, files: Mapping[str, Path], settings: Settings) -> NoReturn:
    """What the registry has for the family: a function cannot be found again by its name. Raises UsageError."""
    del files, settings
    raise UsageError(
        f"the collection's encoder {card.name!r} is a Python function",
        hint="open it from Python: collection(…, encoder=from_callable(…)) with the same function",
    )


class _CallableEncoder:
    def __init__(self, card: Card, function: Callable[[Any], Any], *, batched: bool) -> None:
        self._card = card
        self._function = function
        self._batched = batched

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> Payload:
        check_kind(self._card, kind)
        return payload

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        check_kind(self._card, kind)
        if not batch:
            return nothing(self._card)
        try:
            answers = self._function(list(batch)) if self._batched else [self._function(payload) for payload in batch]
            vectors = np.asarray(answers, dtype=np.float32)
        except MorelikeError:
            raise
        except Exception as error:
            raise EncodeError(f"the function of the encoder {self._card.name!r} failed: {error!r}") from error
        return finished(self._card, vectors, len(batch), unit=self._card.metric == "cosine")
