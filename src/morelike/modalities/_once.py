"""Media decoded once where it is wanted several times at about the same time: a short recording by two encoders, each
at its own rate, a picture for each of its regions. Decoding is most of the work."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from morelike.types import Blob

__all__ = ["Once", "decoded_once"]

T = TypeVar("T")
Decoded = tuple[NDArray[np.float32], int]

_KEPT = 4
_LONGEST = 1 << 21  # samples, 8 MiB: what is longer is not kept


class Once(Generic[T]):
    """The last few things that were made of blobs, each for whoever asks next for the same of the very same blob.

    ``keep`` says of a thing whether it may stay; where there is ``size_of``, all that stay are no larger than ``most``
    together. ``handed_on``: the second to get one is the last. Safe from any thread; nobody may write to what it gives.
    """

    def __init__(
        self,
        keep: Callable[[T], bool] = lambda _: True,
        *,
        handed_on: bool = False,
        kept: int = _KEPT,
        size_of: Callable[[T], int] = lambda _: 0,
        most: int = 0,
    ) -> None:
        self._keep = keep
        self._handed_on = handed_on
        self._kept = kept
        self._size_of = size_of
        self._most = most
        self._lock = Lock()
        self.recent: OrderedDict[tuple[int, str], tuple[Blob, Future[T]]] = OrderedDict()
        """By the blob's identity, which the entry keeps from being given to another one."""

    def get(self, blob: Blob, what: str, make: Callable[[], T]) -> T:
        """What ``make`` gives, now or to whoever asked first. Raises what it raises."""
        key = (id(blob), what)
        with self._lock:
            known = self.recent.pop(key, None)
            if known is None or not self._handed_on:
                self.recent[key] = known or (blob, Future())
            mine = None if known is not None else self.recent[key][1]
            while len(self.recent) > self._kept:
                self.recent.popitem(last=False)
        if known is not None:
            return known[1].result()
        assert mine is not None  # noqa: S101 - for mypy: who found none has made one
        try:
            made = make()
        except BaseException as error:
            self._forget(key, mine)
            mine.set_exception(error)
            raise
        if not self._keep(made) or self._size_of(made) > self._most:
            self._forget(key, mine)
        mine.set_result(made)
        self._make_room()
        return made

    def _make_room(self) -> None:
        """The oldest go first; what is still being made has no size yet."""
        with self._lock:
            sizes = {key: self._size_of(one.result()) for key, (_, one) in self.recent.items() if one.done()}
            left = sum(sizes.values())
            for key, size in sizes.items():
                if left <= self._most:
                    return
                del self.recent[key]
                left -= size

    def _forget(self, key: tuple[int, str], mine: Future[T]) -> None:
        with self._lock:
            known = self.recent.get(key)
            if known is not None and known[1] is mine:
                del self.recent[key]


def _short(decoded: Decoded) -> bool:
    samples, _ = decoded
    samples.flags.writeable = False
    return len(samples) <= _LONGEST


_recordings: Once[Decoded] = Once(_short, handed_on=True)
_recent = _recordings.recent


def decoded_once(blob: Blob, what: str, decode: Callable[[], Decoded]) -> Decoded:
    """(samples, rate) of a whole recording. Whoever asks second, for the very same blob, gets the first one's, which
    nobody may write to, and is the last to get them. Raises what ``decode`` raises.
    """
    return _recordings.get(blob, what, decode)
