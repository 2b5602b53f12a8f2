"""Every registered blob store keeps the promises of its seam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from morelike.protocols import BlobStore
from morelike.registry import BLOB_STORES
from morelike.settings import Settings
from morelike.testing.kits.blob_store import BlobStoreKit


class TestBlobStores(BlobStoreKit):
    @pytest.fixture(params=list(BLOB_STORES))
    def store(self, request: pytest.FixtureRequest, tmp_path: Path, settings: Settings) -> Iterator[BlobStore]:
        store = BLOB_STORES.load(request.param)(tmp_path / "blobs", settings)
        yield store
        store.close()
