"""Every registered term store keeps the promises of its seam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from morelike.protocols import TermStore
from morelike.registry import TERM_STORES
from morelike.settings import Settings
from morelike.testing.kits.term_store import TermStoreKit


class TestTermStores(TermStoreKit):
    @pytest.fixture(params=list(TERM_STORES))
    def store(self, request: pytest.FixtureRequest, tmp_path: Path, settings: Settings) -> Iterator[TermStore]:
        store = TERM_STORES.load(request.param)(tmp_path / "terms", settings)
        yield store
        store.close()
