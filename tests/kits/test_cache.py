"""Every registered cache keeps the promises of its seam."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from morelike.protocols import Cache
from morelike.registry import CACHES
from morelike.settings import Settings
from morelike.testing.kits.cache import CacheKit


class TestCaches(CacheKit):
    @pytest.fixture(params=list(CACHES))
    def cache(self, request: pytest.FixtureRequest, settings: Settings) -> Iterator[Cache]:
        cache = CACHES.load(request.param)(settings)
        yield cache
        cache.close()
