"""Bytes that cannot be read twice from where they came: held in memory while that is cheap, else in temporary files."""

from __future__ import annotations

import io
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from morelike.errors import SourceError
from morelike.sources.opening import why

__all__ = ["Held", "Lazily", "Spool"]

_MIB = 1024**2
LARGEST_IN_MEMORY = 16 * _MIB
MEMORY_TOGETHER = 64 * _MIB


class Held:
    """Bytes that stay while this object does. ``open`` as often as wished, from any thread; the stream can seek."""

    def __init__(self, data: bytes | Path, size: int) -> None:
        self._data = data
        self.size = size

    def open(self) -> BinaryIO:
        return self._data.open("rb") if isinstance(self._data, Path) else io.BytesIO(self._data)


class Lazily:
    """Held bytes that are fetched by the first ``open``; a failed fetch is tried again by the next."""

    def __init__(self, fetch: Callable[[], Held]) -> None:
        self._fetch = fetch
        self._held: Held | None = None
        self._lock = threading.Lock()

    def open(self) -> BinaryIO:
        with self._lock:
            if self._held is None:
                self._held = self._fetch()
            return self._held.open()


class Spool:
    """Holds bytes for one source: at most 16 MiB of one item and 64 MiB of all in memory, the rest in files.

    A file goes away with its ``Held``, and all of them when the process ends in an orderly way.
    """

    def __init__(self, together: int = MEMORY_TOGETHER, each: int = LARGEST_IN_MEMORY) -> None:
        self._left = together
        self._each = each
        self._lock = threading.Lock()
        self._released: deque[int] = deque()

    def keep(self, chunks: Iterable[bytes], largest: int, too_large: Callable[[], SourceError]) -> Held:
        """Read all chunks; raises what ``too_large`` makes beyond ``largest`` bytes, and SourceError on a full disk."""
        head: list[bytes] = []
        size = 0
        remaining = iter(chunks)
        for chunk in remaining:
            size += len(chunk)
            if size > largest:
                raise too_large()
            head.append(chunk)
            if size > self._each:
                return self._keep_in_file(head, remaining, largest, too_large)
        if not self._reserve(size):
            return self._keep_in_file(head, remaining, largest, too_large)
        held = Held(b"".join(head), size)
        weakref.finalize(held, self._released.append, size).atexit = False
        return held

    def _keep_in_file(
        self, head: list[bytes], remaining: Iterable[bytes], largest: int, too_large: Callable[[], SourceError]
    ) -> Held:
        size = 0
        file = _temporary_file()
        path = Path(file.name)
        try:
            with file:
                for part in (head, remaining):
                    for chunk in part:
                        size += len(chunk)
                        if size > largest:
                            raise too_large()
                        _write(file, chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        held = Held(path, size)
        weakref.finalize(held, path.unlink, missing_ok=True)
        return held

    def _reserve(self, size: int) -> bool:
        with self._lock:
            while self._released:  # finalizers run anywhere, so they append and never take the lock
                self._left += self._released.popleft()
            if size > self._left:
                return False
            self._left -= size
            return True


def _temporary_file() -> tempfile._TemporaryFileWrapper[bytes]:
    try:
        return tempfile.NamedTemporaryFile(prefix="morelike-", delete=False)
    except OSError as error:
        raise _no_room(error) from error


def _write(file: tempfile._TemporaryFileWrapper[bytes], chunk: bytes) -> None:
    """Apart, so that a failing disk is told from a failing source of the chunks."""
    try:
        file.write(chunk)
        file.flush()
    except OSError as error:
        raise _no_room(error) from error


def _no_room(error: OSError) -> SourceError:
    return SourceError(
        f"the folder for temporary files cannot take more: {why(error)}", hint="set TMPDIR to a folder with room"
    )
