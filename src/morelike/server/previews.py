"""Small pictures and waveforms, kept on disk under the digest of what they show. They can always be made again."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from morelike.types import Preview

__all__ = ["SIDES", "PreviewCache", "side_for"]

SIDES: Final = (64, 128, 256, 320, 512, 1024)
"""Pixels a side. Few of them, so that one picture is kept a few times at most."""
_ROOM: Final = 0.9
_RECENT: Final = 3600.0
_TYPES: Final = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "application/json": "json",  # a waveform's peaks
}
_ENDINGS: Final = {ending: media_type for media_type, ending in _TYPES.items()}


def side_for(wanted: int) -> int:
    """The least side that is kept and not smaller than the one wanted."""
    return next((side for side in SIDES if side >= wanted), SIDES[-1])


class PreviewCache:
    """A folder bounded in bytes; what was not asked for longest goes first. Safe from any thread and process.

    Nothing that goes wrong here is an error: the picture is made again.
    """

    def __init__(self, folder: Path, largest: int) -> None:
        self._folder = folder
        self._largest = largest
        self._used: int | None = None
        self._lock = threading.Lock()

    def get(self, key: str, make: Callable[[], Preview]) -> Preview:
        """The preview kept under ``key`` (hex and dashes), or the one that ``make`` makes now."""
        for ending, media_type in _ENDINGS.items():
            path = self._path(key, ending)
            with suppress(OSError):
                data = path.read_bytes()
                self._touch(path)
                return Preview(data, media_type)
        made = make()
        ending = _TYPES.get(made.media_type, "")
        if ending and 0 < len(made.data) <= self._largest:
            with suppress(OSError):
                self._keep(self._path(key, ending), made.data)
        return made

    def bytes_used(self) -> int:
        """Bytes on disk, as far as this process knows."""
        with self._lock:
            return self._count()

    def _path(self, key: str, ending: str) -> Path:
        return self._folder / key[:2] / f"{key}.{ending}"

    def _touch(self, path: Path) -> None:
        """Note that it was used; not at each request, a write would cost more than the read."""
        stat = path.stat()
        if abs(stat.st_atime - _now()) > _RECENT:
            os.utime(path, (_now(), stat.st_mtime))

    def _keep(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(data)
                file.close()
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        with self._lock:
            self._used = self._count() + len(data)
            if self._used > self._largest:
                self._used = self._evict()

    def _count(self) -> int:
        if self._used is None:
            self._used = sum(size for _, size, _ in self._files())
        return self._used

    def _files(self) -> list[tuple[float, int, str]]:
        """(last use, bytes, path) of all; a large folder is walked once a process and at each eviction."""
        found = []
        for folder, _, names in os.walk(self._folder):
            for name in names:
                path = os.path.join(folder, name)  # noqa: PTH118 - many of them
                with suppress(OSError):
                    stat = os.stat(path)  # noqa: PTH116
                    found.append((stat.st_atime, stat.st_size, path))
        return found

    def _evict(self) -> int:
        files = sorted(self._files())
        used = sum(size for _, size, _ in files)
        for _, size, path in files:
            if used <= self._largest * _ROOM:
                break
            with suppress(OSError):
                Path(path).unlink()
            used -= size
        return used


def _now() -> float:
    import time

    return time.time()
