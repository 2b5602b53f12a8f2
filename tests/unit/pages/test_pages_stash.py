"""Uploaded examples are kept for a while, and no longer than there is room."""

from __future__ import annotations

import pytest

from morelike.errors import QueryError
from morelike.server.pages.stash import Example, Stash
from morelike.types import Blob, Preview


def example(size: int = 10) -> Example:
    return Example(Blob.from_bytes(b"x" * size, "a.png"), Preview(b"", "image/jpeg", 1, 1), size)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_was_put_is_there() -> None:
    """A token brings its own example back; no two tokens are the same."""
    stash = Stash()
    one, two = example(1), example(2)
    tokens = [stash.put(one), stash.put(two)]

    assert [stash.get(token) for token in tokens] == [one, two]
    assert len(set(tokens)) == 2
    assert min(map(len, tokens)) >= 22  # 128 bits


def test_the_one_used_longest_ago_goes_first() -> None:
    """Beyond the count, what nobody asked for goes; what is in use stays."""
    stash = Stash(most=2)
    first, second = stash.put(example()), stash.put(example())
    stash.get(first)
    third = stash.put(example())

    stash.get(first)
    stash.get(third)
    with pytest.raises(QueryError, match="not kept any more"):
        stash.get(second)


def test_bytes_are_bounded() -> None:
    """Beyond the bytes the oldest go, as many as needed."""
    stash = Stash(most_bytes=100)
    small = [stash.put(example(40)) for _ in range(2)]
    large = stash.put(example(90))

    stash.get(large)
    for token in small:
        with pytest.raises(QueryError):
            stash.get(token)


def test_nothing_is_kept_for_ever() -> None:
    """An example that nobody used for so long is forgotten; each use begins the time anew."""
    clock = Clock()
    stash = Stash(seconds=10, clock=clock)
    token = stash.put(example())
    clock.now = 9
    stash.get(token)
    clock.now = 18
    stash.get(token)
    clock.now = 29

    with pytest.raises(QueryError):
        stash.get(token)
