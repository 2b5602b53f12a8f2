"""A retriever for LangChain.

>>> from morelike.adapters.langchain import MorelikeRetriever
>>> retriever = MorelikeRetriever(collection=library.collection("notes"), k=4)  # doctest: +SKIP
>>> retriever.invoke("how high did the river rise?")  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field, PrivateAttr

from morelike.adapters.found import Found, Searched
from morelike.errors import MissingExtra

try:
    from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import run_in_executor
except ModuleNotFoundError as error:
    raise MissingExtra(
        f"the retriever for LangChain needs the package {error.name!r}", hint="pip install 'morelike[langchain]'"
    ) from error

__all__ = ["MorelikeRetriever"]


class MorelikeRetriever(BaseRetriever):
    """Finds documents in a collection, or in several of a library; local or remote.

    ``page_content`` is the text that a hit stands for (a chunk, a passage), of pictures, sounds and films what and
    where it is; ``metadata`` has item, source, score, percentile, unit, span, tags … A query is words; with
    ``as_example`` it names an example: a file's path, an address, an item's id. ``k``, ``filter``, ``threshold``,
    ``mode`` and ``as_example`` can be given to a single call too: ``retriever.invoke(query, k=3)``.

    Raises UsageError unless exactly one of ``collection`` and ``library`` is given.
    """

    collection: Any = Field(None, description="An open collection.")
    library: Any = Field(None, description="An open library, of which `collections` are searched, or all.")
    collections: Sequence[str] | None = Field(None, description="Names or globs.")
    k: int = Field(4, ge=1, description="How many documents.")
    filter: str | None = Field(None, description="Only items that match: \"tag = 'holiday'\".")
    threshold: float | None = Field(None, description="Leave out what has a lower score.")
    mode: str | None = Field(None, description="How to search; None: the collection's or the library's own default.")
    as_example: bool = Field(default=False, description="A query is no words: it names an example.")
    _searched: Searched = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        self._searched = Searched(self.collection, self.library, self.collections)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 # the signature is LangChain's
        **asked: Any,
    ) -> list[Document]:
        """The documents, best first. Raises QueryError, ItemError, NoSuchItem; TypeError on what no call takes."""
        return [_document(found) for found in self._found(query, **asked)]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **asked: Any
    ) -> list[Document]:
        """The same, from a thread."""
        manager = run_manager.get_sync()
        return await run_in_executor(None, self._get_relevant_documents, query, run_manager=manager, **asked)

    def _found(
        self,
        query: str,
        *,
        k: int | None = None,
        filter: str | None = None,
        threshold: float | None = None,
        mode: str | None = None,
        as_example: bool | None = None,
    ) -> list[Found]:
        return self._searched.asked(
            query,
            as_example=self.as_example if as_example is None else as_example,
            k=self.k if k is None else k,
            filter=self.filter if filter is None else filter,
            threshold=self.threshold if threshold is None else threshold,
            mode=self.mode if mode is None else mode,
        )


def _document(found: Found) -> Document:
    return Document(id=found.id, page_content=found.words, metadata=found.record)
