"""Films that were lately searched with, in a folder of this process that goes when it ends.

The folder of a process that was killed goes when the next one makes its own: each holds a lock on its folder, which the
system gives back.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import blake3

from morelike.errors import StoreFull
from morelike.registry import MODALITIES
from morelike.server.errors import Refused
from morelike.settings import Settings
from morelike.types import Blob

__all__ = ["KeptFilms"]

MOST_FILMS: Final = 64
MOST_BYTES: Final = 2 * 1024**3
_BLOCK: Final = 1024**2
_PREFIX: Final = "morelike-films-"
_NEW: Final = 60.0
"""Seconds in which a folder that was just made may not have its lock yet."""
_HEAD: Final = 4096


@dataclass(frozen=True, slots=True)
class _Film:
    path: Path
    size: int
    media_type: str


class KeptFilms:
    """Named by their content. Those not asked for longest go first; the last one stays however large it is.

    Safe from any thread.
    """

    def __init__(self, settings: Settings, *, most: int = MOST_FILMS, most_bytes: int = MOST_BYTES) -> None:
        self._settings = settings
        self._most = most
        self._most_bytes = most_bytes
        self._films: OrderedDict[str, _Film] = OrderedDict()
        self._folder: Path | None = None
        self._held: int | None = None
        """A descriptor of the folder, with the lock on it."""
        self._closed = False
        self._lock = threading.Lock()

    def keep(self, blob: Blob) -> str:
        """The name that ``get`` takes; no file of any other name is ever opened. Raises StoreFull, Refused (503)."""
        with self.copied(blob) as keep:
            return keep()

    @contextmanager
    def copied(self, blob: Blob) -> Iterator[Callable[[], str]]:
        """A copy on disk for as long as the block; what it gives keeps it, as ``keep`` does. Raises as that does."""
        media_type = MODALITIES.load("video")(self._settings).media_type(blob.read(_HEAD), blob.name)
        with _failing():
            descriptor, file = tempfile.mkstemp(dir=self._opened())
        part = Path(file)
        try:
            with _failing(), os.fdopen(descriptor, "wb") as kept:
                digest = _copied(blob, kept)
                size = kept.tell()
            yield lambda: self._named(part, f"{digest}.mp4", size, media_type)
        finally:  # under its own name it is another file
            part.unlink(missing_ok=True)

    def _opened(self) -> Path:
        with self._lock:
            if self._closed:
                raise Refused(503, "the server is being stopped")
            if self._folder is None:
                _sweep(Path(tempfile.gettempdir()))
                self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
                self._held = _locked(self._folder)
            return self._folder

    def _named(self, part: Path, name: str, size: int, media_type: str) -> str:
        with self._lock, _failing():
            if self._closed:
                raise Refused(503, "the server is being stopped")
            path = part.rename(part.with_name(name))
            self._films.pop(name, None)
            self._films[name] = _Film(path, size, media_type)
            while len(self._films) > 1 and self._beyond():
                _, film = self._films.popitem(last=False)
                film.path.unlink(missing_ok=True)
        return name

    def get(self, name: str) -> tuple[Blob, str]:
        """The film, and its media type. Raises Refused (404)."""
        with self._lock:
            film = self._films.get(name)
            if film is None:
                raise Refused(404, "there is no such film any more", hint="search with it again")
            self._films.move_to_end(name)
            path = film.path

        def opened() -> BinaryIO:
            try:
                return path.open("rb")
            except FileNotFoundError:
                raise Refused(404, "there is no such film any more", hint="search with it again") from None

        return Blob(f"film:{name}", name, opened, film.size), film.media_type

    def close(self) -> None:
        """Remove them all, and the folder."""
        with self._lock:
            self._closed = True
            self._films.clear()
            folder, self._folder = self._folder, None
            held, self._held = self._held, None
        if folder is not None:
            with suppress(OSError):
                shutil.rmtree(folder)
        if held is not None:
            os.close(held)

    def _beyond(self) -> bool:
        return len(self._films) > self._most or sum(film.size for film in self._films.values()) > self._most_bytes


@contextmanager
def _failing() -> Iterator[None]:
    """Raises Refused (503) where the folder is gone, StoreFull where nothing can be written into it."""
    try:
        yield
    except FileNotFoundError:
        raise Refused(503, "the server is being stopped") from None
    except OSError as error:
        raise StoreFull(f"the film cannot be kept: {error.strerror or error}", hint="make room in TMPDIR") from error


def _sweep(place: Path) -> None:
    """Remove folders of processes that were killed: ours, not new, and locked by nobody."""
    if os.name != "posix":
        return
    for folder in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or time.time() - found.st_mtime < _NEW:
                continue
            held = _locked(folder)
            if held is not None:
                try:
                    shutil.rmtree(folder)
                finally:
                    os.close(held)


def _locked(folder: Path) -> int | None:
    """A descriptor with the only lock on the folder, which goes with its process; None where another has it, or there
    are no such locks.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    return held


def _copied(blob: Blob, kept: BinaryIO) -> str:
    """What the copy is called."""
    digest = blake3.blake3()
    with blob.open() as stream:
        while data := stream.read(_BLOCK):
            digest.update(data)
            kept.write(data)
    return digest.hexdigest()[:32]
