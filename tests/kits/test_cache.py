"""Every registered cache keeps the promises of its seam."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis_process import running_redis

from morelike.protocols import Cache
from morelike.registry import CACHES
from morelike.settings import Settings
from morelike.stores.cache import CountedCache, MemoryCache
from morelike.testing.kits.cache import CacheKit


@pytest.fixture(scope="module")
def redis_address() -> Iterator[str]:
    with running_redis() as process:
        yield process.address


class TestCaches(CacheKit):
    @pytest.fixture(params=list(CACHES))
    def cache(self, request: pytest.FixtureRequest, settings: Settings) -> Iterator[Cache]:
        if request.param == "redis":
            settings = settings.model_copy(update={"cache": request.getfixturevalue("redis_address")})
        cache = CACHES.load(request.param)(settings)
        yield cache
        cache.close()


class TestCountedCache(CacheKit):
    @pytest.fixture
    def cache(self, settings: Settings) -> Iterator[Cache]:
        cache = CountedCache(MemoryCache(settings))
        yield cache
        cache.close()
