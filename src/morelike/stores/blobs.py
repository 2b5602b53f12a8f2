"""Blobs as files in a folder, under their BLAKE3 digest."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3

from morelike import faults
from morelike.errors import SourceError, StoreDamaged, UsageError
from morelike.settings import Settings
from morelike.stores.disk import make_folder, remove, sync, translated, tree_bytes
from morelike.types import Blob, ContentDigest

__all__ = ["FolderBlobStore"]

_CHUNK = 1 << 20
_SYNC_THREADS = 4
"""Waiting side by side lets the file system's journal commit several files at once."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


class FolderBlobStore:
    """``<first two hex digits>/<the other 62>``; files are complete or absent, and never change."""

    def __init__(self, folder: Path, settings: Settings, library_id: str = "") -> None:  # noqa: ARG002  every store is made alike
        self._folder = folder
        self._unfinished = folder / "tmp"
        self._pool = ThreadPoolExecutor(_SYNC_THREADS, thread_name_prefix="blob-sync")

    def put_many(self, blobs: Sequence[tuple[ContentDigest, Blob]]) -> None:
        """Where one blob of the group cannot be had, the others are stored before its SourceError is raised."""
        wanted = {digest.blake3: (digest, blob) for digest, blob in blobs if not self._complete(digest)}
        refused: SourceError | None = None
        written: dict[Path, Path] = {}
        try:
            if wanted:
                with translated(self._unfinished):
                    make_folder(self._unfinished)
            for digest, blob in wanted.values():
                try:
                    written[self._write(digest, blob)] = self._file(digest.blake3)
                except SourceError as error:
                    refused = refused or error
            with translated(self._folder):
                self._publish(written, {self._file(digest.blake3).parent for digest, _ in blobs})
        except BaseException:
            for part in written:
                remove(part)
            raise
        if refused is not None:
            raise refused

    def open(self, blake3: str) -> BinaryIO:
        file = self._file(blake3)
        try:
            return file.open("rb")
        except FileNotFoundError as error:
            raise StoreDamaged(f"the blob {blake3} is not in {self._folder}", hint="run `morelike doctor --fix`") from (
                error
            )
        except OSError as error:
            raise StoreDamaged(f"the blob {blake3} cannot be read: {error}", hint="run `morelike doctor`") from error

    def path(self, blake3: str) -> Path | None:
        file = self._file(blake3)
        return file if file.is_file() else None

    def exists(self, blake3: str) -> bool:
        return self._file(blake3).is_file()

    def delete(self, blake3s: Iterable[str]) -> None:
        with translated(self._folder):
            for blake3 in blake3s:
                self._file(blake3).unlink(missing_ok=True)

    def digests(self) -> Iterator[str]:
        return (name for name, _ in self._entries())

    def sizes(self) -> Iterator[tuple[str, int]]:
        for name, entry in self._entries():
            try:
                size = entry.stat().st_size
            except FileNotFoundError:  # removed while we look
                continue
            yield name, size

    def sweep(self, *, dry_run: bool = False) -> int:
        parts = list(self._unfinished.iterdir()) if self._unfinished.is_dir() else []
        if dry_run:
            return len(parts)
        with translated(self._unfinished):
            for part in parts:
                part.unlink(missing_ok=True)
        return len(parts)

    def bytes_used(self) -> int:
        return tree_bytes(self._folder)

    def close(self) -> None:
        self._pool.shutdown()

    def _entries(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        if not self._folder.is_dir():
            return
        for folder in sorted(self._folder.iterdir()):
            if len(folder.name) == 2 and folder.is_dir():
                found = sorted((folder.name + entry.name, entry) for entry in os.scandir(folder) if entry.is_file())
                yield from (one for one in found if _DIGEST.fullmatch(one[0]))

    def _file(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):  # it becomes a path: nothing but hex may pass
            raise UsageError(f"{digest!r} is no BLAKE3 digest", hint="64 hexadecimal digits in lower case")
        return self._folder / digest[:2] / digest[2:]

    def _complete(self, digest: ContentDigest) -> bool:
        try:
            return self._file(digest.blake3).stat().st_size == digest.size
        except OSError:
            return False

    def _write(self, digest: ContentDigest, blob: Blob) -> Path:
        """Copy one blob to a temporary file of its own, making sure that the bytes are still those of the digest."""
        part = self._unfinished / uuid.uuid4().hex
        hasher = blake3()
        try:
            with translated(part), part.open("xb") as target:
                for chunk in _chunks(blob, digest.size):
                    hasher.update(chunk)
                    target.write(chunk)
                os.fchmod(target.fileno(), 0o444)
            if hasher.hexdigest() != digest.blake3:
                raise _changed(blob)
            faults.reached("blob.written")
        except BaseException:
            remove(part)
            raise
        return part

    def _publish(self, written: dict[Path, Path], folders: set[Path]) -> None:
        """Bytes first, then names, then folders: a name never shows before its bytes are safe. Raises OSError.

        The folders of blobs that were there already are synced too: a crash may have kept their names from the disk.
        """
        list(self._pool.map(sync, written))
        for part, file in written.items():
            file.parent.mkdir(exist_ok=True)
            part.replace(file)
            faults.reached("blob.renamed")
        there = [folder for folder in sorted(folders) if folder.is_dir()]
        if there:
            list(self._pool.map(sync, [*there, self._folder]))
        if written:
            faults.reached("blob.synced")


def _chunks(blob: Blob, size: int) -> Iterator[bytes]:
    """The blob's bytes; stops with SourceError as soon as there are more or fewer than ``size``."""
    left = size
    try:
        with blob.open() as stream:
            while chunk := stream.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    break
                yield chunk
    except OSError as error:
        raise SourceError(f"{blob.uri} cannot be read: {error}", hint="check that it is still there") from error
    if left:
        raise _changed(blob)


def _changed(blob: Blob) -> SourceError:
    return SourceError(f"{blob.uri} changed while it was read", hint="add it again when nothing writes to it")
