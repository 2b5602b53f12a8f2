"""RDKit's log, which goes to standard error: switched off while something is tried that may be no molecule."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["quiet"]

_lock = threading.Lock()
_within: list[Any] = []
"""One entry for each thread that wants quiet. The first is RDKit's own block, which the last to leave ends: a block of
each one's own would switch the log on again for the others.
"""


@contextmanager
def quiet() -> Iterator[None]:
    """RDKit writes nothing meanwhile, in any thread; afterwards it does as it did before."""
    from rdkit import rdBase

    with _lock:
        _within.append(None if _within else rdBase.BlockLogs())
    try:
        yield
    finally:
        with _lock:
            if len(_within) == 1:
                del _within[0]
            else:
                _within.pop()
