"""Every registered vector store keeps the promises of its seam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from milvus_process import MilvusProcess, have_milvus_lite

from morelike.protocols import VectorStore
from morelike.registry import VECTOR_STORES
from morelike.settings import Settings
from morelike.testing.kits.vector_store import DENSE, SPACES, VectorStoreKit
from morelike.types import Space

EMBEDDED = [name for name in VECTOR_STORES if name != "milvus"]
_PLAIN = str.maketrans("", "", "_-[]+")


class TestVectorStores(VectorStoreKit):
    @pytest.fixture(params=EMBEDDED)
    def store(self, request: pytest.FixtureRequest, tmp_path: Path, settings: Settings) -> Iterator[VectorStore]:
        store = VECTOR_STORES.load(request.param)(tmp_path / "vectors", settings)
        yield store
        store.close()


class TestMilvusLite(VectorStoreKit):
    keeps_bits = False

    @pytest.fixture(params=DENSE)
    def space(self, request: pytest.FixtureRequest) -> Space:
        return SPACES[request.param]

    @pytest.fixture
    def store(self, tmp_path: Path, settings: Settings) -> Iterator[VectorStore]:
        have_milvus_lite()
        store = VECTOR_STORES.load("milvus")(tmp_path, settings.model_copy(update={"vectors": "kit.db"}))
        yield store
        store.close()


class TestMilvusServer(VectorStoreKit):
    @pytest.fixture
    def store(
        self, request: pytest.FixtureRequest, milvus_server: MilvusProcess, tmp_path: Path, settings: Settings
    ) -> Iterator[VectorStore]:
        """Making a collection takes three seconds: tests of one space use one, which each leaves empty."""
        words = getattr(request.node, "callspec", None)
        kept = words is not None and "space" in words.params
        library = "kit" + (words.params["space"] if kept else request.node.name).translate(_PLAIN)
        settings = settings.model_copy(update={"vectors": milvus_server.address})
        store = VECTOR_STORES.load("milvus")(tmp_path, settings, library)
        yield store
        for space_id in list(store.space_ids()):
            if kept and space_id == 1:
                space = SPACES[words.params["space"]]
                for block in store.ids(space):
                    store.delete(space, block)
            else:
                store.drop(space_id)
        store.close()
