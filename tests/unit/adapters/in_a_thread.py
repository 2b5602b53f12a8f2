"""Coroutines in a thread of their own: in the tests' own a browser's loop may be running, of other tests."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import anyio

__all__ = ["ran"]

Given = TypeVar("Given")


def ran(run: Callable[[], Coroutine[Any, Any, Given]]) -> Given:
    """What the coroutine gives."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(anyio.run, run).result()
