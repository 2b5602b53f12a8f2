"""Milvus Lite inside this process: one for each directory, shared by all who open it here, ended with the last."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from morelike.errors import MissingExtra, StoreBusy, StoreDamaged
from morelike.stores import disk

__all__ = ["LiteServer", "close_lite", "open_lite"]

_SECONDS_TO_END = 2.0


@dataclass(slots=True)
class LiteServer:
    """A server on the loopback interface over one directory.

    Its log of writes reaches the operating system with every call, and the disk when ``make_durable`` returns.
    """

    path: Path
    port: int
    server: Any
    database: Any
    users: int = 0
    writing: threading.RLock = field(default_factory=threading.RLock)
    """Concurrent writers would lose rows."""
    synced: dict[Path, tuple[int, int]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def make_durable(self) -> None:
        """Wait until all that was written so far would survive a power cut. Raises StoreError."""
        with self.writing, disk.translated(self.path):
            now: dict[Path, tuple[int, int]] = {}
            folders: set[Path] = set()
            for path, state in _states(self.path):
                now[path] = state
                if self.synced.get(path) != state:
                    with contextlib.suppress(FileNotFoundError):  # a log that was folded into a segment meanwhile
                        disk.sync(path)
                    if path not in self.synced:
                        folders.update(parent for parent in path.parents if parent.is_relative_to(self.path))
            for folder in folders:
                with contextlib.suppress(FileNotFoundError):
                    disk.sync(folder)
            self.synced = now


_open: dict[Path, LiteServer] = {}
_lock = threading.Lock()


def open_lite(path: Path) -> LiteServer:
    """Raises StoreBusy where another process has it, StoreDamaged, MissingExtra, StoreReadOnly, StoreFull."""
    path = path.resolve()
    with _lock:
        lite = _open.get(path)
        if lite is None:
            lite = _open[path] = _start(path)
        lite.users += 1
        return lite


def close_lite(lite: LiteServer) -> None:
    with _lock:
        lite.users -= 1
        if lite.users:
            return
        if _open.get(lite.path) is lite:
            del _open[lite.path]
        try:
            lite.server.stop(_SECONDS_TO_END).wait()
        finally:
            lite.database.close()


def _start(path: Path) -> LiteServer:
    with disk.translated(path):
        disk.make_folder(path.parent)
    if path.is_file():
        raise StoreDamaged(
            f"{path} is a file, not a Milvus Lite directory",
            hint="older forms of Milvus Lite wrote such files: name another path, and add the collections again",
        )
    try:
        from milvus_lite import exceptions  # type: ignore[import-untyped]  # it has no types
        from milvus_lite.adapter.grpc.server import start_server_in_thread  # type: ignore[import-untyped]  # likewise
    except ModuleNotFoundError as error:
        raise MissingExtra("Milvus Lite is not installed", hint="pip install 'morelike[milvus]'") from error
    logging.getLogger("milvus_lite").setLevel(logging.CRITICAL)
    try:
        with disk.translated(path):
            server, database, port = start_server_in_thread(str(path))
    except exceptions.DataDirLockedError as error:
        raise StoreBusy(
            f"another process has {path} open, and Milvus Lite lets in one at a time",
            hint="end it (a `morelike serve` or `add`?), or use a Milvus server or MORELIKE_VECTORS=faiss",
        ) from error
    except exceptions.MilvusLiteError as error:
        raise StoreDamaged(
            f"{path} cannot be opened: {error}",
            hint="move it away; `morelike doctor --fix` then takes the items up anew",
        ) from error
    return LiteServer(path, port, server, database)


def _states(folder: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                yield path, (stat.st_mtime_ns, stat.st_size)
