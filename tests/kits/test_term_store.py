"""Every registered term store keeps the promises of its seam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import KINDS, emptied

from morelike.protocols import TermStore
from morelike.registry import TERM_STORES
from morelike.settings import Settings
from morelike.testing.kits.term_store import TermStoreKit


class TestTermStores(TermStoreKit):
    @pytest.fixture(
        params=[
            pytest.param(kind, marks=pytest.mark.xdist_group("databases")) if kind in KINDS else kind
            for kind in TERM_STORES
        ]
    )
    def store(self, request: pytest.FixtureRequest, tmp_path: Path, settings: Settings) -> Iterator[TermStore]:
        kind = request.param
        if kind in KINDS:
            address = emptied(request.getfixturevalue(f"{kind}_server"), 0)
            settings = settings.model_copy(update={"catalog": address})
        store = TERM_STORES.load(kind)(tmp_path / "terms", settings)
        yield store
        store.close()
