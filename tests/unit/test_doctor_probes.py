"""Whether each store answers: all of them, side by side, in bounded time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import morelike
from morelike.doctor import Probes
from morelike.errors import StoreUnreachable
from morelike.library import Library
from morelike.settings import Settings
from morelike.stores.cache import CountedCache, MemoryCache


class _Answers:
    """A store behind a network: ``ping`` does what the test says."""

    def __init__(self, ping: Any, store: Any = None) -> None:
        self.ping = ping
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


def refuse() -> None:
    raise StoreUnreachable("the bucket does not answer", hint="is the server up?")


def test_all_is_well(library: Library) -> None:
    """Stores in this process and in a folder answer."""
    assert library.failing() == {}
    assert library.degraded() == {}


@pytest.mark.parametrize("part", ["blobs", "catalog", "vectors"])
def test_a_server_that_does_not_answer_is_named(library: Library, part: str) -> None:
    """With its own reason; the other parts are asked all the same."""
    stores = library._stores
    down = replace(stores, **{part: _Answers(refuse, getattr(stores, part))})

    assert Probes(down).failing() == {part: "the bucket does not answer (is the server up?)"}


def test_a_driver_s_own_words_are_not_shown(library: Library) -> None:
    """They may hold an address with a password: its kind has to do."""

    def fail() -> None:
        raise RuntimeError("mysql://root:secret@host")

    down = replace(library._stores, blobs=_Answers(fail, library._stores.blobs))

    assert Probes(down).failing() == {"blobs": "it failed: RuntimeError"}


def test_a_server_that_hangs_costs_a_bounded_time(library: Library) -> None:
    """It is named like one that is down, asked once only until it answers, and well again when it does."""
    asked, go_on = threading.Semaphore(0), threading.Event()

    def hang() -> None:
        asked.release()
        go_on.wait()

    down = replace(library._stores, vectors=_Answers(hang, library._stores.vectors))
    probes = Probes(down, wait=0.05)

    first, second = (probes.failing()["vectors"] for _ in range(2))  # the others may be slow just now
    probes._wait = 120.0
    go_on.set()
    probes._asked["vectors"].join()
    third = probes.failing()

    assert first == second == "it does not answer within 0.05 s"
    assert third == {}
    assert asked.acquire(blocking=False)
    assert asked.acquire(blocking=False)
    assert not asked.acquire(blocking=False)


def test_a_cache_that_is_down_is_no_failure(library: Library, settings: Settings) -> None:
    """The library does without it, and says so."""

    class Down(MemoryCache):
        def ping(self) -> None:
            refuse()

    probes = Probes(replace(library._stores, cache=CountedCache(Down(settings))))

    assert probes.failing() == {}
    assert probes.degraded() == {"cache": "the bucket does not answer (is the server up?)"}
