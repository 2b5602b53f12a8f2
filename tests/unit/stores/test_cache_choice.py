"""Which cache a library gets, and what is counted of it."""

from __future__ import annotations

import pytest

import morelike
from morelike.errors import SettingsError
from morelike.settings import Settings
from morelike.stores.cache import CacheCounts, CountedCache, MemoryCache


@pytest.mark.parametrize("value", ["memroy", "redis:/:s3cret@host", "http://:s3cret@host", "REDIS://:s3cret@host"])
def test_no_such_cache(settings: Settings, value: str) -> None:
    """What names no cache is told when the library is opened, before anything is made, and is not repeated."""
    with pytest.raises(SettingsError) as caught:
        morelike.open(settings.model_copy(update={"cache": value}))

    assert "s3cret" not in f"{caught.value} {caught.value.hint}"
    assert not settings.library.exists()


def test_hits_and_misses(settings: Settings) -> None:
    """Look-ups are counted by whether they found something; an empty value is something."""
    cache = CountedCache(MemoryCache(settings))
    cache.put("key", b"")
    for key in ("key", "key", "key", "other"):
        cache.get(key)

    assert cache.counts() == CacheCounts(hits=3, misses=1)
    assert cache.counts().hit_rate == 0.75


def test_no_rate_before_the_first_look_up() -> None:
    """Without look-ups the rate is 0."""
    assert CacheCounts(0, 0).hit_rate == 0
