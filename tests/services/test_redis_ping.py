"""Whether a cache answers: asked by whoever watches the library, and never a reason why it fails."""

from __future__ import annotations

import pytest
from redis_process import RedisProcess

import morelike
from morelike.errors import StoreUnreachable
from morelike.settings import Settings
from morelike.stores.redis_cache import RedisCache


def test_a_server_that_is_gone_is_named(redis_server: RedisProcess, redis_settings: Settings) -> None:
    """The library is well without it, and says which part is missing."""
    with morelike.open(redis_settings) as library:
        assert library.degraded() == {}
        redis_server.kill()

        assert library.failing() == {}
        assert list(library.degraded()) == ["cache"]


def test_no_password_is_told(settings: Settings) -> None:
    """Nothing listens there, and the address that is shown has no user and no password."""
    cache = RedisCache(settings.model_copy(update={"cache": "redis://me:secret@127.0.0.1:1/0"}))

    with pytest.raises(StoreUnreachable) as raised:
        cache.ping()

    assert "127.0.0.1:1" in str(raised.value)
    assert "secret" not in str(raised.value)
    cache.close()
