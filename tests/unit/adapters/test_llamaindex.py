"""The retriever for LlamaIndex, in the package's own query engine."""

from __future__ import annotations

import base64
import io
import sys
from typing import Any

import pytest
from in_a_thread import ran
from PIL import Image

from morelike.errors import MissingExtra, QueryError, UsageError
from morelike.library import Library

pytest.importorskip("llama_index.core")

from llama_index.core.llms import MockLLM  # it may be missing
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import ImageNode, MetadataMode, QueryBundle, TextNode

from morelike.adapters.llamaindex import MorelikeRetriever

RIVER = "The river rose two metres in the night. The bridge held."


@pytest.fixture
def notes(library: Library) -> MorelikeRetriever:
    return MorelikeRetriever(library.collection("notes"), k=2)


def test_retrieve(notes: MorelikeRetriever) -> None:
    """Words find the text that answers them, with its score and its record."""
    best, other = notes.retrieve("how high the river rose")

    assert type(best.node) is TextNode
    assert best.node.text == RIVER
    assert best.score is not None
    assert other.score is not None
    assert best.score > other.score
    assert best.node.metadata["source"].endswith("river.txt")
    assert best.node.node_id.startswith(f"notes/{best.node.metadata['item']}/")


def test_models_are_shown_little(notes: MorelikeRetriever) -> None:
    """A language model is shown the words and where they are from, not the digests and the figures."""
    best = notes.retrieve("how high the river rose")[0].node

    shown = best.get_content(MetadataMode.LLM)

    assert RIVER in shown
    assert "river.txt" in shown
    assert best.metadata["item"] not in shown
    assert "percentile" not in shown


def test_aretrieve(notes: MorelikeRetriever) -> None:
    """Asked without waiting, the answer is the same."""
    nodes = ran(lambda: notes.aretrieve("how high the river rose"))

    assert [one.node.node_id for one in nodes] == [
        one.node.node_id for one in notes.retrieve("how high the river rose")
    ]


def test_picture(library: Library, shared: Any) -> None:
    """A query that has a picture finds pictures: nodes with the picture inside, that lead nowhere else."""
    path = str(shared.pictures / "00003.png")
    photos = MorelikeRetriever(library.collection("photos"), k=1, side=64)

    (found,) = photos.retrieve(QueryBundle("", image_path=path))

    node = found.node
    assert isinstance(node, ImageNode)
    assert node.metadata["source"] == path
    assert node.text == f"image: {path}"
    assert (node.image_path, node.image_url) == (None, None)
    assert max(Image.open(io.BytesIO(base64.b64decode(node.image or ""))).size) <= 64


def test_example_by_id(library: Library) -> None:
    """With ``as_example`` a query names an item; with ``side=0`` no picture is made."""
    item = library.collection("photos").items()[0].id

    nodes = MorelikeRetriever(library.collection("photos"), as_example=True, side=0, k=6).retrieve(item)

    assert len(nodes) == 5
    assert {type(one.node) for one in nodes} == {TextNode}


def test_several_collections(library: Library) -> None:
    """Over a library the collections that can answer do; where none can, the reason is raised."""
    nodes = MorelikeRetriever(library=library, k=1).retrieve("how high the river rose")

    assert [one.node.get_content() for one in nodes] == [RIVER]
    with pytest.raises(QueryError, match="words"):
        MorelikeRetriever(library=library, collections=["photos"]).retrieve("river")
    with pytest.raises(UsageError):
        MorelikeRetriever()


def test_query_engine(notes: MorelikeRetriever) -> None:
    """In a query engine, what it finds is what the model is asked about, and what the answer names as its source."""
    engine = RetrieverQueryEngine.from_args(notes, llm=MockLLM())

    response = engine.query("how high did the river rise?")

    assert RIVER in str(response)  # this model says what it was asked
    assert response.source_nodes[0].node.get_content() == RIVER


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where LlamaIndex is not installed, the error names the extra."""
    monkeypatch.setitem(sys.modules, "llama_index.core.retrievers", None)
    monkeypatch.delitem(sys.modules, "morelike.adapters.llamaindex")

    with pytest.raises(MissingExtra) as caught:
        __import__("morelike.adapters.llamaindex")

    assert "morelike[llamaindex]" in caught.value.hint
