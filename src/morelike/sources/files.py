"""Files of this machine: one file, a folder with all that it holds, or a glob."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from morelike.errors import SourceError
from morelike.settings import Settings
from morelike.sources.archives import ArchiveWalk, archive_box, is_archive
from morelike.sources.containers import has_archive_name
from morelike.sources.globs import Globs, States, has_wildcards, is_hidden
from morelike.sources.opening import check_allowed, clean_text, failing_blob, file_blob, local_path, safe_name, why
from morelike.sources.spool import Spool
from morelike.types import Blob

__all__ = ["FileSource"]

_FILE, _FOLDER, _LINK, _OTHER = range(4)


class FileSource:
    """A path, a ``file:`` URL, or a glob (``photos/**/*.jpg``); a real path that contains wildcards wins.

    Folders are walked depth first in the order of the names' code points, one folder's names in memory at a time.
    Links are followed, each folder is entered once. Hidden and system files and folders below the argument are passed
    over, and so is what is no regular file. Archives inside a folder (known by name, then by content) give their
    members, as if they were folders. What cannot be read is one failing blob.
    """

    def __init__(self, settings: Settings, exclude: Sequence[str] = ()) -> None:
        self._settings = settings
        self._exclude = Globs(exclude)

    def accepts(self, argument: str) -> float:
        try:
            path = local_path(argument)
            if os.path.lexists(path):
                return 0.5
        except (SourceError, ValueError):
            return 0.0
        return 0.4 if has_wildcards(argument) and "://" not in argument else 0.0

    def blobs(self, argument: str) -> Iterator[Blob]:
        path = local_path(argument)
        try:
            found = os.stat(path)  # noqa: PTH116 - a str is what there is, here and below
        except (OSError, ValueError) as error:
            if has_wildcards(argument) and "\0" not in argument:
                return self._glob(path)
            raise SourceError(
                f"{clean_text(path)} cannot be read: {why(error)}", hint="check the path; quote one that holds spaces"
            ) from error
        if stat.S_ISDIR(found.st_mode):
            return self._folder(path)
        if not stat.S_ISREG(found.st_mode):
            raise SourceError(f"{clean_text(path)} is no file or folder", hint="pipes and devices are not read")
        return iter((file_blob(path, found, self._settings.max_file_size),))

    def _folder(self, path: str) -> Iterator[Blob]:
        try:
            return _Walk(self._settings, self._exclude, Globs(("**",))).blobs(path)
        except OSError as error:
            raise SourceError(f"the folder {clean_text(path)} cannot be read: {why(error)}") from error

    def _glob(self, pattern: str) -> Iterator[Blob]:
        """Walk the part before the first wildcard, and below it only where the pattern can lead."""
        parts = pattern.split("/")
        fixed = next(number for number, part in enumerate(parts) if has_wildcards(part))
        root, below = "/".join(parts[:fixed]) or "/", "./" + "/".join(parts[fixed:])
        try:
            blobs = _Walk(self._settings, self._exclude, Globs((below,))).blobs(root)
        except OSError as error:
            raise SourceError(f"the folder {clean_text(root)} cannot be read: {why(error)}") from error
        first = next(blobs, None)
        if first is None:
            raise SourceError(f"nothing matches {clean_text(pattern)}", hint="`**` is any number of folders")
        return chain((first,), blobs)


@dataclass(slots=True)
class _Level:
    """A folder on the way down: what is left of it, and where the patterns stand."""

    path: str
    entries: Iterator[tuple[str, int]]
    wanted: States
    excluded: States


class _Walk:
    """One walk; an own stack instead of recursion, because a tree may be deeper than Python's."""

    def __init__(self, settings: Settings, exclude: Globs, want: Globs) -> None:
        self._settings = settings
        self._exclude = exclude
        self._want = want
        self._entered: set[tuple[int, int]] = set()
        self._stack: list[_Level] = []
        self._spool = Spool()  # one for all archives on the way: they share its memory

    def blobs(self, root: str) -> Iterator[Blob]:
        """Raises OSError at once where the root cannot be listed."""
        excluded = self._exclude.start(root)
        if not self._exclude.matched(excluded):
            found = os.stat(root)  # noqa: PTH116
            self._enter(root, (found.st_dev, found.st_ino), self._want.start(), excluded)
        return self._descend()

    def _descend(self) -> Iterator[Blob]:
        while self._stack:
            level = self._stack[-1]
            for name, kind in level.entries:
                if is_hidden(name) or kind == _OTHER:
                    continue
                wanted = self._want.step(level.wanted, name)
                excluded = self._exclude.step(level.excluded, name)
                if not wanted or self._exclude.matched(excluded):
                    continue
                path = f"{level.path.rstrip('/')}/{name}"
                yield from self._visit(path, kind, wanted, excluded)
                if self._stack[-1] is not level:
                    break
            else:
                self._stack.pop()

    def _visit(self, path: str, kind: int, wanted: States, excluded: States) -> Iterator[Blob]:
        """What one entry gives; a folder gives nothing here and goes onto the stack."""
        matched = self._want.matched(wanted)
        if kind == _FILE and not matched:
            return
        try:
            if kind == _LINK:  # what is none lies where its folder does
                check_allowed(path, self._settings.allow_roots)
            found = os.stat(path)  # noqa: PTH116
            if stat.S_ISDIR(found.st_mode):
                self._enter(path, (found.st_dev, found.st_ino), wanted, excluded)
                return
        except SourceError as error:
            if matched:
                yield failing_blob(path, safe_name(path), error.message, hint=error.hint)
            return
        except OSError as error:
            if matched or kind == _FOLDER:
                what = {_FOLDER: "the folder ", _LINK: "the link "}.get(kind, "")
                yield failing_blob(path, safe_name(path), f"{what}{path} cannot be read: {why(error)}")
            return
        if not matched or not stat.S_ISREG(found.st_mode):
            return
        if has_archive_name(path) and _is_archive(path):
            yield from ArchiveWalk(self._settings, self._exclude, self._spool).blobs(archive_box(path, found))
        else:
            yield file_blob(path, found, self._settings.max_file_size)

    def _enter(self, path: str, identity: tuple[int, int], wanted: States, excluded: States) -> None:
        """A folder that two paths lead to is entered by the first, so that a loop of links ends."""
        if identity not in self._entered:
            entries = iter(_listed(path))
            self._entered.add(identity)
            self._stack.append(_Level(path, entries, wanted, excluded))


def _listed(folder: str) -> list[tuple[str, int]]:
    """(name, kind) sorted by name, from the folder's own records: no file is looked at."""
    with os.scandir(folder) as entries:
        return sorted((entry.name, _kind(entry)) for entry in entries)


def _kind(entry: os.DirEntry[str]) -> int:
    if entry.is_file(follow_symlinks=False):
        return _FILE
    if entry.is_dir(follow_symlinks=False):
        return _FOLDER
    return _LINK if entry.is_symlink() else _OTHER


def _is_archive(path: str) -> bool:
    try:
        return is_archive(path)
    except (SourceError, OSError):
        return False
