"""What every cache promises."""

from __future__ import annotations

import threading

import pytest

from morelike.protocols import Cache

__all__ = ["CacheKit"]


class CacheKit:
    """Subclass it and give a fixture ``cache``: an empty cache with room for a megabyte at least."""

    @pytest.fixture
    def cache(self) -> Cache:
        raise NotImplementedError

    @pytest.mark.parametrize("value", [b"", b"value", bytes(range(256)) * 100])
    def test_round_trip(self, cache: Cache, value: bytes) -> None:
        """What was put comes back."""
        cache.put("key", value)

        assert cache.get("key") == value

    def test_a_miss_is_none(self, cache: Cache) -> None:
        """A key that was never put is None."""
        assert cache.get("never") is None

    def test_put_replaces(self, cache: Cache) -> None:
        """The last value put under a key is the one that counts."""
        cache.put("key", b"old")
        cache.put("key", b"new")

        assert cache.get("key") == b"new"

    def test_forget_a_prefix(self, cache: Cache) -> None:
        """``forget`` drops the keys that begin so, literally, and no others."""
        for key in ("a:1", "a:2", "ab", "b:1", "a*"):
            cache.put(key, b"x")
        cache.forget("a:")
        cache.forget("a*")

        assert [cache.get(key) for key in ("a:1", "a:2", "ab", "b:1", "a*")] == [None, None, b"x", b"x", None]

    def test_any_text_is_a_key(self, cache: Cache) -> None:
        """Keys may hold spaces, line breaks and any letters, and may be long."""
        keys = ["", " ", "a\nb", "ключ", "🦊", "k" * 5000]
        for number, key in enumerate(keys):
            cache.put(key, b"%d" % number)

        assert [cache.get(key) for key in keys] == [b"%d" % number for number in range(len(keys))]

    def test_many_threads(self, cache: Cache) -> None:
        """Threads may use it at once: a get answers with that key's value or None."""
        wrong: list[bytes] = []

        def work(seed: int) -> None:
            for number in range(300):
                key = f"{(seed * 7 + number) % 50}"
                cache.put(key, key.encode())
                value = cache.get(f"{number % 50}")
                if value not in (None, b"%d" % (number % 50)):
                    wrong.append(value or b"")
                if number % 100 == 0:
                    cache.forget("1")

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert wrong == []
