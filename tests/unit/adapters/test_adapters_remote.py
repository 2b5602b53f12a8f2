"""The adapters over a library behind a server: they know no difference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from in_a_thread import ran

import morelike
from morelike.settings import Settings

pytest.importorskip("mcp")
pytest.importorskip("langchain_core")
pytest.importorskip("llama_index.core")

from llama_index.core.schema import ImageNode, QueryBundle
from mcp.client.client import Client
from serving_library import running

from morelike.adapters.langchain import MorelikeRetriever
from morelike.adapters.llamaindex import MorelikeRetriever as IndexRetriever
from morelike.adapters.mcp.reach import Limits, Reach
from morelike.adapters.mcp.server import make_server

RIVER = "The river rose two metres in the night. The bridge held."


@pytest.fixture(scope="module")
def remote(shared: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The shared library, over HTTP. Its server may read no file; this side those below the allowed folder."""
    here = Settings(library=shared.library, offline=True, workers=1, allow_roots=())
    there = {"library": tmp_path_factory.mktemp("none"), "offline": True, "allow_roots": (shared.allowed,)}
    with morelike.open(here) as library, running(library) as served, morelike.open(served.url, **there) as opened:
        yield opened


def test_tools(remote: Any, shared: Any) -> None:
    """A client searches, is shown an item and reads it; what it may not read of this side it may not upload either."""

    async def run() -> list[Any]:
        async with Client(make_server(Reach(remote, Limits(adding=True))), mode="legacy") as client:
            picture = str(shared.pictures / "00002.png")
            found = await client.call_tool("search", {"path": picture, "collections": ["photos"], "k": 1})
            item = found.structured_content["hits"][0]["item"]
            words = await client.call_tool("search", {"text": "how high the river rose"})
            shown = await client.call_tool("show", {"collection": "photos", "item": item})
            refused = [
                await client.call_tool("add", {"collection": "photos", "sources": [source]})
                for source in (str(shared.secret), f"server:{shared.secret}")
            ]
            added = await client.call_tool("add", {"collection": "photos", "sources": [picture]})
            return [found, words, shown, refused, added]

    found, words, shown, refused, added = ran(run)

    assert found.structured_content["hits"][0]["source"].endswith("00002.png")
    assert words.structured_content["hits"][0]["quote"]["text"] == RIVER
    assert [content.type for content in shown.content] == ["text", "image", "resource_link"]
    assert all(one.is_error for one in refused)
    assert (added.structured_content["added"], added.structured_content["same"]) == (0, 1)


def test_retrievers(remote: Any, shared: Any) -> None:
    """Both retrievers find over HTTP what they find here, the picture of an image node too."""
    document = MorelikeRetriever(library=remote, k=1).invoke("how high the river rose")[0]
    (node,) = IndexRetriever(remote.collection("notes"), k=1).retrieve("how high the river rose")
    picture = QueryBundle("", image_path=str(shared.pictures / "00003.png"))
    (seen,) = IndexRetriever(remote.collection("photos"), k=1).retrieve(picture)

    assert document.page_content == RIVER
    assert node.node.get_content() == RIVER
    assert node.node.node_id == document.id
    assert isinstance(seen.node, ImageNode)
    assert seen.node.image
