"""A retriever for LlamaIndex.

>>> from morelike.adapters.llamaindex import MorelikeRetriever
>>> retriever = MorelikeRetriever(library.collection("notes"), k=4)  # doctest: +SKIP
>>> retriever.retrieve("how high did the river rise?")  # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Any, Final

from morelike.adapters.found import Found, Searched
from morelike.errors import ItemError, MissingExtra, OriginalGone

try:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import ImageNode, NodeWithScore, QueryBundle, TextNode
except ModuleNotFoundError as error:
    raise MissingExtra(
        f"the retriever for LlamaIndex needs the package {error.name!r}", hint="pip install 'morelike[llamaindex]'"
    ) from error

__all__ = ["MorelikeRetriever"]

IMAGE: Final = "image"
"""The kind of what has a picture: a picture, a film's frame."""
FOR_MODELS: Final = ("source", "where", "tags", "metadata")
"""So much of the record a language model is shown; all of it is in ``metadata``."""


class MorelikeRetriever(BaseRetriever):
    """Finds nodes in a collection, or in several of a library; local or remote.

    A text node has the text that a hit stands for; a picture and a film's frame are image nodes with a picture of
    ``side`` pixels inside (0: none, text nodes instead), and what and where they are as text. A query is words, a
    picture (``QueryBundle.image_path``: a path, an address), or both; with ``as_example`` the words name an example: a
    file's path, an address, an item's id.

    ``mode``: how to search; None: the collection's or the library's own default. Raises UsageError unless exactly one
    of ``collection`` and ``library`` is given.
    """

    def __init__(
        self,
        collection: Any = None,
        *,
        library: Any = None,
        collections: Sequence[str] | None = None,
        k: int = 4,
        filter: str | None = None,
        threshold: float | None = None,
        mode: str | None = None,
        as_example: bool = False,
        side: int = 512,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self._searched = Searched(collection, library, collections)
        self._asked: dict[str, Any] = {"k": k, "filter": filter, "threshold": threshold, "mode": mode}
        self._as_example = as_example
        self._side = side

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """The nodes, best first. Raises QueryError, ItemError, NoSuchItem."""
        words = query_bundle.query_str
        if query_bundle.image_path:
            found = self._searched.search(query_bundle.image_path, words.strip() or None, **self._asked)
        else:
            found = self._searched.asked(words, as_example=self._as_example, **self._asked)
        return [NodeWithScore(node=self._node(one), score=float(one.hit.score)) for one in found]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """The same, from a thread."""
        return await asyncio.to_thread(self._retrieve, query_bundle)

    def _node(self, found: Found) -> TextNode:
        record = found.record
        hidden = [name for name in record if name not in FOR_MODELS]
        told: dict[str, Any] = {
            "id_": found.id,
            "text": found.words,
            "metadata": record,
            "excluded_llm_metadata_keys": hidden,
            "excluded_embed_metadata_keys": hidden,
        }
        picture = self._picture(found) if self._side and found.hit.kind == IMAGE else None
        if picture is None:
            return TextNode(**told)
        media_type, data = picture
        return ImageNode(image=data, image_mimetype=media_type, **told)

    def _picture(self, found: Found) -> tuple[str, str] | None:
        """(media type, base64); None where the original is gone or cannot be read any more."""
        try:
            made = self._searched.collection(found.collection).preview(
                found.hit.item, side=self._side, span=found.hit.span
            )
        except (ItemError, OriginalGone):
            return None
        return made.media_type, base64.b64encode(made.data).decode()
