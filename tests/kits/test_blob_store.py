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
    @pytest.fixture(
        params=[
            pytest.param(name, marks=pytest.mark.xdist_group("gateway")) if name == "s3" else name
            for name in BLOB_STORES
        ]
    )
    def store(self, request: pytest.FixtureRequest, tmp_path: Path, settings: Settings) -> Iterator[BlobStore]:
        if request.param == "s3":
            server = request.getfixturevalue("gateway")
            settings = server.settings(f"s3://{server.bucket()}/some/prefix", s3_links=True)
        store = BLOB_STORES.load(request.param)(tmp_path / "blobs", settings, "0123456789ab")
        yield store
        store.close()
