"""An encoder that stops a load in its middle, for what others are told meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from morelike.models import cards
from morelike.registry import ENCODERS
from morelike.settings import Settings

__all__ = ["Held"]

DEADLINE = 60.0


class Held:
    """As the card of that name, but what is ``mark``, or what that says yes to, waits for ``go`` once ``reached`` is
    set.
    """

    def __init__(self, card: str, mark: str | Callable[[Any], bool], settings: Settings) -> None:
        found = cards.find(card, settings)
        self._inner = ENCODERS.load(found.family)(found, {}, settings)
        self._mark = mark
        self.card = replace(found, name=f"{card}-held")
        self.reached = threading.Event()
        self.go = threading.Event()

    def prepare(self, kind: str, payload: Any) -> Any:
        if self._mark(payload) if callable(self._mark) else payload == self._mark:
            self.reached.set()
            assert self.go.wait(DEADLINE), "nobody let it go"
        return self._inner.prepare(kind, payload)

    def encode(self, kind: str, batch: Sequence[Any]) -> Any:
        return self._inner.encode(kind, batch)
