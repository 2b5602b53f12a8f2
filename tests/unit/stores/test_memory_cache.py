"""The cache in memory: what it drops when it is full."""

from __future__ import annotations

from morelike.settings import Settings
from morelike.stores.cache import MemoryCache


def test_the_longest_unused_goes_first() -> None:
    """When the room is used up, the entry that was not read or written for longest is dropped."""
    cache = MemoryCache(Settings(cache_bytes=3 * 1300))
    for key in "abc":
        cache.put(key, bytes(1000))
    cache.get("a")
    cache.put("d", bytes(1000))

    assert [cache.get(key) is not None for key in "abcd"] == [True, False, True, True]


def test_bounded_by_bytes() -> None:
    """However much is put, no more than the setting's bytes are kept; small entries have a cost too."""
    cache = MemoryCache(Settings(cache_bytes=10_000))
    for number in range(5000):
        cache.put(f"{number}", b"")

    kept = sum(cache.get(f"{number}") is not None for number in range(5000))
    assert 10 < kept < 100


def test_too_large_to_keep() -> None:
    """A value larger than the whole cache is not kept, drops no other, and replaces its own old one."""
    cache = MemoryCache(Settings(cache_bytes=2000))
    cache.put("small", b"x")
    cache.put("large", b"old")
    cache.put("large", bytes(5000))

    assert cache.get("small") == b"x"
    assert cache.get("large") is None


def test_replacing_does_not_add_up() -> None:
    """Putting one key again and again keeps the others."""
    cache = MemoryCache(Settings(cache_bytes=3000))
    cache.put("other", bytes(500))
    for _ in range(100):
        cache.put("key", bytes(1000))

    assert cache.get("other") == bytes(500)


def test_no_room_at_all() -> None:
    """A cache of 0 bytes keeps nothing and works."""
    cache = MemoryCache(Settings(cache_bytes=0))
    cache.put("key", b"value")

    assert cache.get("key") is None
