"""A picture and the words that change it, made one part of a query where the space's card composes the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from morelike.errors import QueryError
from morelike.protocols import Composes, Encoder
from morelike.types import Card, Example, Kind, Payload, Space

__all__ = ["COMPOSED", "Composing", "arranged", "composer_of", "unknown_words"]

COMPOSED = "composed"
"""The kind of a pair (picture, words)."""


@dataclass(frozen=True, slots=True)
class Composing:
    """An encoder to whom a picture stands for the picture and ``words``: whoever decodes need not know of them."""

    encoder: Encoder
    words: str

    @property
    def card(self) -> Card:
        return self.encoder.card

    def prepare(self, kind: Kind, payload: Payload) -> Any:  # noqa: ARG002 - the picture's own kind
        return self.encoder.prepare(COMPOSED, (payload, self.words))

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Any:  # noqa: ARG002 - likewise
        return self.encoder.encode(COMPOSED, batch)


def arranged(space: Space, examples: Sequence[Example]) -> list[tuple[Example, str]]:
    """The parts of a query in this space, each with the words that change it ("": none).

    A card that composes takes the texts, joined, with the first example that pulls; others stay parts of their own.
    The texts' weight w, 0 to 1, slides from the picture as it is to the composition: picture · (1 - w) + composed · w.
    Texts without a picture say nothing to such a card. Raises QueryError on texts that push away or weigh more.
    """
    texts = [example for example in examples if example.form == "text"]
    if not texts or COMPOSED not in space.card.kinds:
        return [(example, "") for example in examples]
    others = [example for example in examples if example.form != "text"]
    base = next((example for example in others if example.weight > 0), None)
    if base is None:
        return []
    if isinstance(base.content, np.ndarray) and base.content.ndim == 1:
        raise QueryError("words cannot change a vector: it has no pixels", hint="give the picture, or its item's id")
    words, share = " ".join(str(text.content) for text in texts).strip(), _share(space, texts)
    if not words:
        raise QueryError("the text has no words to change the picture with", hint="leave it out, or say what changes")
    parts = [(replace(base, weight=base.weight * share), words)] if share > 0 else []
    if share < 1:
        parts.append((replace(base, weight=base.weight * (1 - share)), ""))
    return parts + [(example, "") for example in others if example is not base]


def unknown_words(encoder: Encoder, words: str) -> tuple[str, ...]:
    """Those that the encoder leaves out. Raises QueryError on too many words."""
    return encoder.unknown_words(words) if words and isinstance(encoder, Composes) else ()


def composer_of(spaces: Sequence[Space]) -> str:
    """The name of the card that composes, "" where none of the active spaces has one."""
    return next((space.card.name for space in spaces if space.active and COMPOSED in space.card.kinds), "")


def _share(space: Space, texts: Sequence[Example]) -> float:
    if against := next((text for text in texts if text.weight < 0), None):
        raise QueryError(
            f"{space.card.name} cannot push away from words: {str(against.content)[:80]!r}",
            hint='words say how the picture changes: "remove the red cube"; --minus takes a picture',
        )
    hint = "from 0 (the picture as it is) to 1 (changed by the words), one for all the words"
    weights = sorted({text.weight for text in texts})
    if len(weights) > 1:
        raise QueryError(f"the words have the weights {', '.join(f'{one:g}' for one in weights)}", hint=hint)
    if weights[0] > 1:
        raise QueryError(f"{space.card.name} cannot give the words the weight {weights[0]:g}", hint=hint)
    return weights[0]
