"""Every registered vector store keeps the promises of its seam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from morelike.protocols import VectorStore
from morelike.registry import VECTOR_STORES
from morelike.settings import Settings
from morelike.testing.kits.vector_store import VectorStoreKit


class TestVectorStores(VectorStoreKit):
    @pytest.fixture(params=list(VECTOR_STORES))
    def store(self, request: pytest.FixtureRequest, tmp_path: Path, settings: Settings) -> Iterator[VectorStore]:
        store = VECTOR_STORES.load(request.param)(tmp_path / "vectors", settings)
        yield store
        store.close()
