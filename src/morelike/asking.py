"""What a person asks of a collection, turned into a query: the same for one on this machine and behind a server."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from mimetypes import guess_type
from typing import Any, Final, Literal

import blake3

from morelike.errors import DecodeError, NoSuchItem, QueryError
from morelike.examples import as_example, words_too
from morelike.hits import Hits
from morelike.prepare import decoding
from morelike.protocols import Modality, ReadsText
from morelike.search.filter import parse_filter
from morelike.settings import Settings
from morelike.types import Blob, Example, Item, Query, Span
from morelike.unpacking import HEAD, holds_of

__all__ = ["Asking"]

TERMS: Final = "terms"
"""The kind that a modality of words has: a text that is no place is words there."""
CHUNK: Final = 1024**2
SHOWN: Final = 12
"""So many letters of an id are shown, and it has digits among them nearly always."""
ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_\-]{5,254}")


class Asking(ABC):
    """The part of a collection that needs its modality and no store."""

    @property
    @abstractmethod
    def _reader(self) -> Modality | None:
        """None where its packages are missing on the machine that asks: the one that answers has them."""

    @property
    @abstractmethod
    def _settings(self) -> Settings:
        """By which examples are read."""

    @abstractmethod
    def item(self, item_id: str) -> Item:
        """By id, or a unique prefix of it. Raises NoSuchItem."""

    @abstractmethod
    def _answered(self, query: Query) -> Hits:
        """The answer. Raises QueryError, ItemError, NoSuchItem."""

    @property
    def reads_text(self) -> bool:
        """Whether its items can be written down: a molecule as SMILES, a sequence as its letters."""
        return self._reader is None or isinstance(self._reader, ReadsText)

    def holds_records(self, blob: Blob) -> bool:
        """Whether ``add`` makes many items of this file. Raises SourceError, OSError."""
        holds = holds_of(self._reader, self._settings)
        return holds is not None and holds(blob.read(HEAD), blob.name)

    def identity(self, blob: Blob) -> str:
        """The id of the item that it is, or would be. Raises SourceError, OSError."""
        digest = blake3.blake3()
        with blob.open() as stream:
            while data := stream.read(CHUNK):
                digest.update(data)
        if self._reader is not None:
            with suppress(DecodeError), decoding(blob):
                return self._reader.identity(blob) or digest.hexdigest()
        return digest.hexdigest()

    def means(self, text: str) -> Literal["item", "text"]:
        """What a text means where items can be written down, or are words: one that is there by its id, else itself."""
        if not ID.fullmatch(text) or (len(text) < SHOWN and text.isalpha()):  # "decade" is a word
            return "text"
        try:
            self.item(text)
        except NoSuchItem:
            return "text"
        return "item"

    def search(
        self,
        example: Any = None,
        *,
        text: str | None = None,
        plus: Sequence[Any] = (),
        minus: Sequence[Any] = (),
        crop: tuple[float, float, float, float] | None = None,
        at: Span | tuple[float, float] | None = None,
        filter: str | None = None,
        threshold: float | None = None,
        k: int = 10,
        offset: int = 0,
        mode: str = "similar",
        options: Mapping[str, Any] | None = None,
        explain: bool = False,
    ) -> Hits:
        """The items most like an example: a path, URL, item id, bytes, PIL image, array, or a whole Query; a SMILES or
        a sequence itself, too.

        ``text`` are words, where the card has a text tower; to a card that composes, how the example is to change.
        ``plus`` and ``minus`` are further examples, ``"text:red"`` for words, each alone or as (example, weight).
        ``crop`` is (left, top, right, bottom) in fractions of the first example, ``at`` (from, to) in seconds of it.
        An item given by its id is left out of the answer.

        Raises QueryError, ItemError, NoSuchItem.
        """
        if not isinstance(example, Query):
            parts: list[Example] = []
            if example is not None:
                parts.append(self._example(example, crop=crop, at=at))
            if text is not None:
                parts.append(Example("text", text))
            parts.extend(self._example(words_too(other)) for other in plus)
            parts.extend(self._example(words_too(other), weight=-1.0) for other in minus)
            expression = parse_filter(filter) if filter else None
            example = Query(tuple(parts), mode, k, offset, expression, threshold, explain, dict(options or {}))
        return self._answered(example)

    def _example(self, example: Any, **told: Any) -> Example:
        settings, kinds = self._settings, self._reader.kinds if self._reader is not None else ()
        means = self._meant if TERMS in kinds else self.means if self.reads_text else None
        holds = holds_of(self._reader, settings)
        if holds is None and "text" in kinds:  # a table of texts is no list of examples either
            holds = holds_of(None, settings)
        return as_example(example, settings, means=means, holds=holds, **told)

    def _meant(self, text: str) -> Literal["item", "text"]:
        """Raises QueryError on a file's name: whoever mistypes one should not search for it."""
        if guess_type(text)[0] and not any(map(str.isspace, text)):
            raise QueryError(f"there is no file {text[:200]!r}", hint="as words it goes to --text")
        return self.means(text)
