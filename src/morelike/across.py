"""Searching several collections of a library at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, Literal, Protocol

from morelike.errors import MorelikeError, NoSuchCollection, NoSuchItem, OriginalGone, UsageError
from morelike.examples import as_example, words_too
from morelike.hits import GroupedHits, Hits, Reply
from morelike.search.filter import parse_filter
from morelike.search.several import AUTO, check_for_several, suited
from morelike.settings import Settings
from morelike.types import Blob, Example, Item, Query, Space, Span
from morelike.unpacking import holds_of

__all__ = ["Across"]

AT_ONCE = 8
"""Collections that are asked at a time."""


class Asked(Protocol):
    """As much of a collection as is asked here."""

    @property
    def modality(self) -> str: ...

    @property
    def spaces(self) -> tuple[Space, ...]: ...

    @property
    def reads_text(self) -> bool: ...

    def item(self, item_id: str) -> Item: ...

    def blob(self, item_id: str) -> Blob: ...

    def means(self, text: str) -> Literal["item", "text"]: ...

    def search(self, example: Query) -> Hits: ...


class Across(ABC):
    """The part of a library that asks several collections."""

    settings: Settings

    @abstractmethod
    def collection(self, name: str) -> Asked:
        """Open a collection."""

    @abstractmethod
    def names(self, modality: str | None = None) -> list[str]:
        """Of all collections."""

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
        mode: str = AUTO,
        options: Mapping[str, Any] | None = None,
        explain: bool = False,
        collections: str | Sequence[str] | None = None,
    ) -> GroupedHits:
        """The items of several collections that are most like an example: grouped by modality, and as one list.

        Everything as ``OpenCollection.search`` has it. ``collections``: their names, or globs (``"photo*"``); all where
        it is left out. Those that the query does not speak to, or that cannot be searched now, are named with the
        reason under ``silent``. ``mode``: ``auto`` looks for words by meaning and as they stand, whichever a collection
        has. An item given by its id is looked for in the other collections by its bytes.

        Raises UsageError where no collection is meant, QueryError on what none could answer, ItemError.
        """
        names = self.matching(collections)
        if not isinstance(example, Query):

            def one(other: Any, **told: Any) -> Example:
                return self._example(other, names, **told)

            parts = [] if example is None else [one(example, crop=crop, at=at)]
            parts += [] if text is None else [Example("text", text)]
            parts += [one(words_too(other)) for other in plus]
            parts += [one(words_too(other), weight=-1.0) for other in minus]
            expression = parse_filter(filter) if filter else None
            example = Query(tuple(parts), mode, k, offset, expression, threshold, explain, dict(options or {}))
        return self._answered(example, names)

    def _example(self, example: Any, names: Sequence[str], **told: Any) -> Example:
        holds = holds_of(None, self.settings)
        return as_example(example, self.settings, means=lambda word: self._means(word, names), holds=holds, **told)

    def _answered(self, query: Query, names: Sequence[str]) -> GroupedHits:
        asked = self.asked(query, names)
        with ThreadPoolExecutor(min(AT_ONCE, max(len(asked), 1)), thread_name_prefix="across") as pool:
            replies = list(pool.map(self.reply, asked, asked.values()))
        return GroupedHits(replies, k=query.k, offset=query.offset)

    def matching(self, collections: str | Sequence[str] | None = None) -> list[str]:
        """The names that are meant, each once: those of all collections, or as given, a glob for those that match it.

        A name that no collection has stays: it is answered by the reason. Raises UsageError where none is meant.
        """
        known = self.names()
        if collections is None:
            return known
        given = [collections] if isinstance(collections, str) else list(collections)
        found: dict[str, None] = {}
        for name in given:
            meant = [one for one in known if fnmatchcase(one, name)] if set(name) & set("*?[") else [name]
            found.update(dict.fromkeys(meant))
        if not found:
            raise UsageError(
                f"no collection is meant by {', '.join(map(repr, given)) or 'an empty list'}",
                hint=f"there are: {', '.join(known) or 'none yet'}",
            )
        return list(found)

    def asked(self, query: Query, names: Sequence[str]) -> dict[str, Query]:
        """What each of the collections is to be asked. Raises QueryError, UnknownName on what none could answer."""
        check_for_several(query)
        items = [example.content for example in query.examples if example.form == "item"]
        homes = {item: self._homes(item, names) for item in items}
        return {
            name: replace(query, examples=tuple(_for(name, one, homes) for one in query.examples)) for name in names
        }

    def reply(self, name: str, query: Query) -> Reply:
        """One collection's answer to its own of ``asked``, or why there is none. Safe from any thread."""
        try:
            opened = self.collection(name)
        except MorelikeError as error:
            return Reply(name, "", error)
        try:
            return Reply(name, opened.modality, opened.search(suited(query, opened.spaces, written=opened.reads_text)))
        except MorelikeError as error:
            return Reply(name, opened.modality, error)

    def _homes(self, item: str, names: Sequence[str]) -> dict[str, Asked]:
        """The collections that know an item by this id."""
        homes = {}
        for name in names:
            with suppress(NoSuchCollection, NoSuchItem):
                opened = self.collection(name)
                opened.item(item)
                homes[name] = opened
        return homes

    def _means(self, word: str, names: Sequence[str]) -> Literal["item", "text"]:
        """A word that is no place is an item, if one of the collections has it, else itself."""
        for name in names:
            with suppress(NoSuchCollection):
                if self.collection(name).means(word) == "item":
                    return "item"
        return "text"


def _for(name: str, example: Example, homes: Mapping[str, Mapping[str, Asked]]) -> Example:
    """An item that only other collections know, as its bytes."""
    known = homes[example.content] if example.form == "item" else {}
    if not known or name in known:
        return example
    with suppress(NoSuchItem, OriginalGone):  # then what this collection says to the id is true
        return replace(example, form="blob", content=next(iter(known.values())).blob(example.content))
    return example
