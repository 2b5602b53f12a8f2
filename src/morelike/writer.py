"""The one thread on which a run writes, in order, a little behind the rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

__all__ = ["Writer"]


class Writer:
    """After one failure nothing later is written, or an item could lack its blob. For one calling thread."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._behind: deque[Future[None]] = deque()
        self._broken: BaseException | None = None

    def do(self, action: Callable[..., object], *arguments: Any) -> None:
        """After all that was given before; raises what it raises, or what broke an earlier one."""
        self._pool.submit(self._run, action, *arguments).result()

    def later(self, action: Callable[..., object], *arguments: Any) -> Future[None]:
        """The same, without waiting."""
        return self._pool.submit(self._run, action, *arguments)

    def next(self, action: Callable[..., object], *arguments: Any) -> None:
        """One such action is done while the next is made ready: waits for the one before."""
        self._behind.append(self.later(action, *arguments))
        self.wait(1)

    def wait(self, behind: int = 0) -> None:
        """Until no more than so many of them are left. Raises what one of them raised."""
        while len(self._behind) > behind:
            self._behind.popleft().result()

    def close(self) -> None:
        self._pool.shutdown(wait=True)

    def _run(self, action: Callable[..., object], *arguments: Any) -> None:
        if self._broken is not None:
            raise self._broken
        try:
            action(*arguments)
        except BaseException as error:
            self._broken = error
            raise
