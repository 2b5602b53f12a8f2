"""Short recordings decoded once where several encoders want them at about the same time: ``add`` has two for a sound,
each at its own rate, and decoding is most of the work."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from morelike.types import Blob

__all__ = ["decoded_once"]

Decoded = tuple[NDArray[np.float32], int]

_KEPT = 4
_LONGEST = 1 << 21  # samples, 8 MiB: what is longer is not kept
_lock = Lock()
_recent: OrderedDict[tuple[int, str], tuple[Blob, Future[Decoded]]] = OrderedDict()
"""By the blob's identity, which the entry keeps from being given to another one."""


def decoded_once(blob: Blob, what: str, decode: Callable[[], Decoded]) -> Decoded:
    """(samples, rate) of a whole recording. Whoever asks second, for the very same blob, gets the first one's, which
    nobody may write to, and is the last to get them. Raises what ``decode`` raises.
    """
    key = (id(blob), what)
    with _lock:
        known = _recent.pop(key, None)
        if known is None:
            mine: Future[Decoded] = Future()
            _recent[key] = blob, mine
            while len(_recent) > _KEPT:
                _recent.popitem(last=False)
    if known is not None:
        return known[1].result()
    try:
        samples, rate = decode()
    except BaseException as error:
        _forget(key, mine)
        mine.set_exception(error)
        raise
    if len(samples) > _LONGEST:
        _forget(key, mine)
    samples.flags.writeable = False
    mine.set_result((samples, rate))
    return samples, rate


def _forget(key: tuple[int, str], mine: Future[Decoded]) -> None:
    with _lock:
        known = _recent.get(key)
        if known is not None and known[1] is mine:
            del _recent[key]
