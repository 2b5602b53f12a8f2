"""What the embedded stores share about folders: durable directory entries, and OSError in morelike's words."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from morelike.errors import StoreError, StoreFull, StoreReadOnly

__all__ = ["disk_full", "make_folder", "nearly_full", "read_only", "remove", "sync", "translated", "tree_bytes"]

_FULL = {errno.ENOSPC, errno.EDQUOT}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


def disk_full(path: Path) -> StoreFull:
    return StoreFull(
        f"no space is left for {path}", hint="free some space or move the library, then run the same command again"
    )


def read_only(path: Path) -> StoreReadOnly:
    return StoreReadOnly(f"{path} cannot be written", hint="check who owns the library and how its disk is mounted")


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """OSError as StoreFull, StoreReadOnly or StoreError about ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full(path) from error
        if error.errno in _READ_ONLY:
            raise read_only(path) from error
        raise StoreError(f"{path}: {error.strerror or error}", hint="check the disk that holds the library") from error


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's entries, would survive a power cut. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make ``folder`` with its parents, durably. Raises OSError."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        sync(new.parent)


def remove(path: Path) -> None:
    """Unlink a file that may be gone already; one that cannot be removed does no harm here."""
    with contextlib.suppress(OSError):
        path.unlink()


def tree_bytes(folder: Path, pattern: str = "**/*") -> int:
    """The sizes of the files below ``folder`` that match, in bytes."""
    total = 0
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):  # removed while we look
            total += path.stat().st_size if path.is_file() else 0
    return total


def nearly_full(folder: Path) -> bool:
    """Whether less than a mebibyte is free: some libraries report a full disk as a failed write only."""
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free < 1 << 20
    return False
