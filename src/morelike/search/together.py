"""The same work on several things at once, and not for ever: what fails or comes late is left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from morelike.errors import ItemError, OriginalGone
from morelike.settings import Settings

__all__ = ["in_time"]

In = TypeVar("In")
Out = TypeVar("Out")

MOST_THREADS = 8


def in_time(
    work: Callable[[In], Out], things: Sequence[In], settings: Settings, *, seconds: float, name: str
) -> list[tuple[In, Out]]:
    """Each thing with what came of it, in their order; without those that raised ItemError or OriginalGone, and those
    that were not done after ``seconds``.
    """
    if not things:
        return []
    threads = min(MOST_THREADS, settings.workers or os.cpu_count() or 1, len(things))
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    try:
        futures: list[Future[Out]] = [pool.submit(work, thing) for thing in things]
        wait(futures, timeout=seconds)
        done = []
        for thing, future in zip(things, futures, strict=True):
            if not future.done():
                continue
            try:
                done.append((thing, future.result()))
            except (ItemError, OriginalGone):
                continue
        return done
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
