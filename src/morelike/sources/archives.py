"""Members of zip and tar archives as blobs. Nothing is ever unpacked under a member's own name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from morelike.errors import SourceError
from morelike.settings import Settings
from morelike.sources.containers import DAMAGE, ArchiveError, Box, Entry, container, has_archive_name
from morelike.sources.globs import Globs, is_hidden
from morelike.sources.opening import clean_text, failing_blob, local_path, open_regular, safe_name, why
from morelike.sources.spool import Spool
from morelike.sources.tars import tar_entries
from morelike.sources.zips import zip_entries
from morelike.types import Blob

__all__ = ["ArchiveSource", "ArchiveWalk", "archive_box", "is_archive"]


class ArchiveSource:
    """A zip, tar, tar.gz, tar.bz2, tar.xz or tar.zst file, known by its content.

    A member's uri is ``<archive>!/<member>``, also through archives in archives: ``a.zip!/b.tar!/c.png``. An archive
    inside another is looked into where its name says that it is one. Its ``modified_ns`` is the outermost archive's.
    """

    def __init__(self, settings: Settings, exclude: Sequence[str] = ()) -> None:
        self._settings = settings
        self._exclude = Globs(exclude)

    def accepts(self, argument: str) -> float:
        try:
            path = local_path(argument)
            if not os.path.isfile(path) or not is_archive(path):  # noqa: PTH113 - a str is what there is
                return 0.0
        except (SourceError, OSError, ValueError):
            return 0.0
        return 0.95 if has_archive_name(path) else 0.8

    def blobs(self, argument: str) -> Iterator[Blob]:
        path = local_path(argument)
        with open_regular(path) as stream:
            if container(stream) is None:
                raise SourceError(f"{clean_text(path)} is no zip or tar archive", hint="give it as a file or folder")
            found = os.fstat(stream.fileno())
        return ArchiveWalk(self._settings, self._exclude).blobs(archive_box(path, found))


def is_archive(path: str) -> bool:
    """By its first bytes. Raises SourceError where it cannot be opened."""
    with open_regular(path) as stream:
        return container(stream) is not None


def archive_box(path: str, found: os.stat_result) -> Box:
    """A local archive that ``found`` describes."""
    return Box(clean_text(path), lambda: open_regular(path), found.st_size, found.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a member stands: the archive that holds it, how deep that lies, and the name it is shown under."""

    box: Box
    depth: int
    path: str

    @property
    def uri(self) -> str:
        return f"{self.box.uri}!/{self.path}"

    @property
    def name(self) -> str:
        return safe_name(self.path)


class ArchiveWalk:
    """One walk through an outermost archive and those inside it, which share the limits."""

    def __init__(self, settings: Settings, exclude: Globs, spool: Spool | None = None) -> None:
        self._settings = settings
        self._exclude = exclude
        self._spool = spool or Spool()
        self._members = 0

    def blobs(self, box: Box, depth: int = 0) -> Iterator[Blob]:
        """Members in stored order. Where the archive is damaged the last blob fails and says so."""
        seen: set[str] = set()
        try:
            with box.open() as stream:
                kind = container(stream)
            entries = zip_entries if kind == "zip" else tar_entries
            for entry in entries(box, kind or "tar", self._settings, self._spool):
                self._count(box)
                path = _clean_path(entry.name, self._members)
                if self._left_out(path):
                    continue
                yield from self._member(entry, _Place(box, depth, _unused(path, seen)))
        except DAMAGE as error:
            yield _broken(box.uri, error)

    def _count(self, box: Box) -> None:
        self._members += 1
        if self._members > self._settings.max_archive_members:
            raise SourceError(
                f"{box.uri} has more than {self._settings.max_archive_members:,} members",
                hint="raise MORELIKE_MAX_ARCHIVE_MEMBERS",
            )

    def _left_out(self, path: str) -> bool:
        return any(is_hidden(part) for part in path.split("/")) or (bool(self._exclude) and self._exclude.match(path))

    def _member(self, entry: Entry, place: _Place) -> Iterator[Blob]:
        try:
            largest = self._settings.max_file_size
            if entry.problem:
                raise SourceError(f"{place.uri} {entry.problem}", hint=entry.hint)
            if entry.size > largest:
                raise _too_large(place.uri, largest)
            held = entry.open(place.uri, largest)
            if has_archive_name(place.path):
                with held() as stream:
                    nested = container(stream) is not None
                if nested:
                    yield from self._nested(Box(place.uri, held, entry.size, place.box.modified_ns), place.depth + 1)
                    return
        except SourceError as error:
            yield failing_blob(place.uri, place.name, error.message, hint=error.hint)
            return
        yield Blob(place.uri, place.name, held, entry.size, place.box.modified_ns)

    def _nested(self, box: Box, depth: int) -> Iterator[Blob]:
        deepest = self._settings.max_archive_depth
        if depth > deepest:
            raise SourceError(
                f"{box.uri} lies deeper than {deepest} archives inside archives",
                hint="raise MORELIKE_MAX_ARCHIVE_DEPTH",
            )
        yield from self.blobs(box, depth)


def _broken(uri: str, error: Exception) -> Blob:
    if isinstance(error, SourceError):
        return failing_blob(uri, safe_name(uri), error.message, hint=error.hint)
    reason = why(error) if isinstance(error, (OSError, ValueError)) else str(error)
    hint = error.hint if isinstance(error, ArchiveError) else ""
    return failing_blob(
        uri, safe_name(uri), f"{uri} cannot be read to its end: {reason or type(error).__name__}", hint=hint
    )


def _too_large(uri: str, largest: int) -> SourceError:
    return SourceError(f"{uri} unpacks to more than {largest:,} bytes", hint="raise MORELIKE_MAX_FILE_SIZE")


def _clean_path(name: str, number: int) -> str:
    """A member's name as part of a uri: relative, without ``..``, control characters and drive letters."""
    parts = (_printable(part) for part in name.replace("\\", "/").split("/"))
    kept = [part for part in parts if part.strip() not in ("", ".", "..")]
    if len(kept) > 1 and len(kept[0]) == 2 and kept[0][1] == ":" and kept[0][0].isalpha():
        kept = kept[1:]
    return "/".join(kept) or f"member-{number}"


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in clean_text(text))


def _unused(path: str, seen: set[str]) -> str:
    """Archives may hold one name twice; a uri must not be."""
    number = 2
    unused = path
    while unused in seen:
        unused = f"{path}#{number}"
        number += 1
    seen.add(unused)
    return unused
