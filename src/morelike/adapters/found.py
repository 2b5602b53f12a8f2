"""Hits as retrievers give them: words to read, and a record of where they stand. One form for every framework."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from morelike.errors import MorelikeError, QueryError, UsageError
from morelike.explained import where_of
from morelike.shapes import span_shape
from morelike.types import Example, Hit

if TYPE_CHECKING:
    from morelike.hits import GroupedHits

__all__ = ["Found", "Searched", "answered"]


@dataclass(frozen=True, slots=True)
class Found:
    """A hit, and the collection that gave it."""

    collection: str
    modality: str
    hit: Hit

    @property
    def id(self) -> str:
        """The same for the same part of the same item, and no other's."""
        return f"{self.collection}/{self.hit.item}/{self.hit.segment}"

    @property
    def words(self) -> str:
        """The words that stand there, and the reply that goes with them; of what has none, what and where it is."""
        quote, hit = self.hit.quote, self.hit
        if quote is not None:
            return f"{quote.text}\n{quote.reply}" if quote.reply else quote.text
        where = where_of(hit)
        return f"{hit.kind or self.modality}: {hit.source}" + (f", {where}" if where else "")

    @property
    def record(self) -> dict[str, Any]:
        """JSON values only. ``metadata``: what the content says and what its owner wrote down; ``where``: the span in
        words.
        """
        hit = self.hit
        metadata = dict(hit.metadata)
        return {
            "source": hit.source,
            "collection": self.collection,
            "modality": self.modality,
            "item": hit.item,
            "score": float(hit.score),
            "percentile": hit.percentile,
            "unit": {name: float(value) for name, value in hit.unit.items()},
            "kind": hit.kind,
            "span": span_shape(hit.span),
            "where": where_of(hit),
            "tags": list(metadata.pop("tags", ())),
            "metadata": metadata,
        }


class Searched:
    """What a retriever searches: one collection, or some of a library's as one. Raises UsageError on both, or none."""

    def __init__(self, collection: Any, library: Any, collections: Sequence[str] | None) -> None:
        if (collection is None) == (library is None):
            raise UsageError(
                "a retriever searches a collection or a library: one of the two",
                hint='MorelikeRetriever(collection=library.collection("notes"))',
            )
        if collection is not None and collections is not None:
            raise UsageError("collections are those of a library", hint="give library=, not collection=")
        self._collection = collection
        self._library = library
        self._names = collections

    def search(self, example: Any, text: str | None, *, mode: str | None, **asked: Any) -> list[Found]:
        """The hits, best first. ``mode``: as the library has it; None: its own default.

        Raises what ``search`` raises; where no collection answers, what the first of them says.
        """
        if mode is not None:
            asked["mode"] = mode
        if self._library is None:
            opened = self._collection
            hits = opened.search(example, text=text, **asked)
            return [Found(opened.name, opened.modality, hit) for hit in hits]
        return list(answered(self._library.search(example, text=text, collections=self._names, **asked)))

    def asked(self, query: str, *, as_example: bool, **asked: Any) -> list[Found]:
        """The hits of a query that is words, or names an example: a path, an address, an item's id."""
        if as_example:
            return self.search(query, None, **asked)
        return self.search(Example("text", query), None, **asked)

    def collection(self, name: str) -> Any:
        """That one, open."""
        return self._collection if self._library is None else self._library.collection(name)


def answered(found: GroupedHits) -> Iterator[Found]:
    """The hits of several collections as one list. Raises QueryError, or what the only one says, where none answers."""
    errors = [(reply.collection, reply.answer) for reply in found.silent if isinstance(reply.answer, MorelikeError)]
    if not found.answers and errors:
        if len(errors) == 1:
            raise errors[0][1]
        reasons = "; ".join(f"{name}: {error}" for name, error in errors)
        raise QueryError(f"no collection answers this: {reasons[:2000]}", hint="name those that can")
    for one in found.fused:
        yield Found(one.collection, one.modality, one.hit)
