"""The retriever for LangChain, in the package's own chains."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from in_a_thread import ran

from morelike.errors import MissingExtra, QueryError, SourceError, UsageError
from morelike.library import Library

pytest.importorskip("langchain_core")

from langchain_core.language_models.fake_chat_models import FakeListChatModel  # it may be missing
from langchain_core.messages import BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from morelike.adapters.langchain import MorelikeRetriever

RIVER = "The river rose two metres in the night. The bridge held."


@pytest.fixture
def notes(library: Library) -> MorelikeRetriever:
    return MorelikeRetriever(collection=library.collection("notes"), k=2)


def test_invoke(notes: MorelikeRetriever) -> None:
    """Words find the text that answers them: its words, and a record of what and where it is."""
    best, _ = notes.invoke("how high the river rose")

    assert best.page_content == RIVER
    assert best.metadata["source"].endswith("river.txt")
    assert best.metadata["collection"] == "notes"
    assert best.metadata["span"]["unit"] == "whole"
    assert best.id is not None
    assert best.id.startswith(f"notes/{best.metadata['item']}/")


def test_ainvoke(notes: MorelikeRetriever) -> None:
    """Asked without waiting, the answer is the same, with what a single call asks for."""
    documents = ran(lambda: notes.ainvoke("how high the river rose", k=1))

    assert [document.page_content for document in documents] == [RIVER]


def test_batch(notes: MorelikeRetriever) -> None:
    """Several queries have an answer each, in order."""
    found = notes.batch(["how high the river rose", "flour and salt"])

    assert [documents[0].metadata["source"].rpartition("/")[2] for documents in found] == ["river.txt", "bread.txt"]


def test_a_call_may_ask_for_more(notes: MorelikeRetriever) -> None:
    """k, filter, threshold and mode of one call stand above those of the retriever; a misspelt one is no silent one."""
    assert len(notes.invoke("river", k=3)) == 3
    assert len(notes.invoke("river", filter="name = 'stars.txt'")) == 1
    assert len(notes.invoke("river", mode="keyword")) == 1
    assert notes.invoke("river", threshold=5.0) == []
    with pytest.raises(TypeError, match="treshold"):
        notes.invoke("river", treshold=0.5)


def test_example(library: Library, shared: Any) -> None:
    """With ``as_example`` a query is a picture's path or an item's id; what is found is described."""
    photos = MorelikeRetriever(collection=library.collection("photos"), as_example=True, k=1)
    path = str(shared.pictures / "00003.png")

    (by_path,) = photos.invoke(path)
    (by_id,) = photos.invoke(by_path.metadata["item"])

    assert (by_path.page_content, by_path.metadata["source"]) == (f"image: {path}", path)
    assert by_path.metadata["tags"] == ["shown"]
    assert by_path.metadata["metadata"]["camera"] == "toy"
    assert by_id.metadata["item"] != by_path.metadata["item"]


def test_words_name_no_file(library: Library, shared: Any) -> None:
    """Words are words, whatever they look like: no file is read that a question names."""
    retriever = MorelikeRetriever(collection=library.collection("photos"))

    with pytest.raises(QueryError, match="words"):
        retriever.invoke(str(shared.pictures / "00003.png"))


def test_examples_stay_inside(library: Library, shared: Any) -> None:
    """Examples are read as the library's settings allow."""
    photos = MorelikeRetriever(collection=library.collection("photos"), as_example=True)

    with pytest.raises(SourceError, match="below a folder that may be read"):
        photos.invoke(str(shared.secret))


def test_several_collections(library: Library) -> None:
    """Over a library the collections that can answer do."""
    found = MorelikeRetriever(library=library, collections=["note*", "photos"], k=1).invoke("how high the river rose")

    assert [document.page_content for document in found] == [RIVER]


def test_nobody_answers(library: Library) -> None:
    """Where none can, the reason is raised, not an empty answer."""
    with pytest.raises(QueryError, match="words"):
        MorelikeRetriever(library=library, collections=["photos"]).invoke("river")


@pytest.mark.parametrize("given", [set(), {"collection", "library"}, {"collection", "collections"}])
def test_one_thing_to_search(library: Library, given: set[str]) -> None:
    """A retriever is made of a collection, or of a library with names; of nothing else."""
    all_of_them = {"collection": library.collection("notes"), "library": library, "collections": ["notes"]}

    with pytest.raises(UsageError):
        MorelikeRetriever(**{name: all_of_them[name] for name in given})


def test_pipe(notes: MorelikeRetriever) -> None:
    """It pipes into whatever takes documents."""
    chain = notes | RunnableLambda(lambda documents: [document.page_content[:9] for document in documents])

    assert chain.invoke("how high the river rose")[0] == "The river"


def test_chain(notes: MorelikeRetriever) -> None:
    """In a chain, what it finds is what the model is asked about."""
    asked: list[list[BaseMessage]] = []
    prompt = ChatPromptTemplate.from_template("By this alone:\n{context}\n\n{question}")
    context = notes | (lambda documents: "\n".join(document.page_content for document in documents))
    seen = RunnableLambda(lambda value: asked.append(value.to_messages()) or value)
    model = FakeListChatModel(responses=["Two metres."])
    chain = {"context": context, "question": RunnablePassthrough()} | prompt | seen | model | StrOutputParser()

    answer = chain.invoke("how high did the river rise?")

    assert answer == "Two metres."
    assert RIVER in str(asked[0][0].content)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where LangChain is not installed, the error names the extra."""
    monkeypatch.setitem(sys.modules, "langchain_core.callbacks", None)
    monkeypatch.delitem(sys.modules, "morelike.adapters.langchain")

    with pytest.raises(MissingExtra) as caught:
        __import__("morelike.adapters.langchain")

    assert "morelike[langchain]" in caught.value.hint
