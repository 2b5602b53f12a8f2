"""What every source needs to make a blob: clean names, safe opening of files, and blobs that explain a failure."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, NoReturn
from urllib.parse import unquote, urlsplit

from morelike.errors import SourceError
from morelike.types import Blob, Metadata

__all__ = ["check_allowed", "clean_text", "failing_blob", "file_blob", "local_path", "open_regular", "safe_name", "why"]

_LONGEST_NAME = 200


def clean_text(text: str) -> str:
    """The text with every character that UTF-8 cannot write (undecodable bytes of a file's name) escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def safe_name(text: str, fallback: str = "unnamed") -> str:
    """A file's name from text that somebody else chose: no folders, no control characters, at most 200 characters."""
    last = text.replace("\\", "/").rstrip("/").rpartition("/")[2]
    plain = "".join(letter for letter in clean_text(last) if letter.isprintable()).strip(" .")
    return plain[-_LONGEST_NAME:] or fallback


def local_path(argument: str) -> str:
    """The absolute path that an argument means: ``~`` and ``file:`` URLs are understood, links are not resolved.

    Raises SourceError on an empty one and on a URL of another machine.
    """
    if argument[:5].lower() == "file:":
        parts = urlsplit(argument)
        if parts.netloc not in ("", "localhost"):
            raise SourceError(f"{argument} names a file on another machine", hint="give a path on this one")
        argument = unquote(parts.path, errors="surrogateescape")
    if not argument:
        raise SourceError("the path is empty", hint="`.` is the current folder")
    return os.path.abspath(os.path.expanduser(argument))  # noqa: PTH100, PTH111 - one string, no Path a file


def check_allowed(path: str, roots: Sequence[Path] | None) -> None:
    """Raises SourceError where files may be read below some folders only, and ``path`` really lies elsewhere.

    ``None`` allows every place. Links are followed, in the folders too; what does not exist counts by its path.
    """
    if roots is None:
        return
    try:
        real = os.path.realpath(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"{clean_text(path)} cannot be read: {why(error)}") from error
    for root in roots:
        below = os.path.realpath(root)
        if real == below or real.startswith(below.rstrip("/") + "/"):
            return
    raise SourceError(
        f"{clean_text(path)} does not lie below a folder that may be read",
        hint="`morelike serve --allow-root DIR` allows a folder; a link that leads out of it is not followed",
    )


def why(error: OSError | ValueError) -> str:
    """The system's own words for an error, without the path that they repeat."""
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)


def failing_blob(uri: str, name: str, reason: str, *, hint: str = "", metadata: Metadata | None = None) -> Blob:
    """A blob whose ``open`` raises SourceError: how a source reports one item that cannot be had."""
    return Blob(uri=clean_text(uri), name=clean_text(name), open=partial(_fail, reason, hint), metadata=metadata or {})


def _fail(reason: str, hint: str) -> NoReturn:
    raise SourceError(clean_text(reason), hint=hint)


def file_blob(path: str, found: os.stat_result, largest: int, metadata: Metadata | None = None) -> Blob:
    """A local file that ``found`` describes. ``path`` is absolute."""
    return Blob(
        uri=clean_text(path),
        name=clean_text(path[path.rfind("/") + 1 :]),
        open=partial(open_regular, path, largest),
        size=found.st_size,
        modified_ns=found.st_mtime_ns,
        path=Path(path),
        metadata=metadata or {},
    )


def open_regular(path: str, largest: int | None = None) -> BinaryIO:
    """Open a regular file of at most ``largest`` bytes. Raises SourceError; never waits for a pipe's other end."""
    try:
        # What was a file a moment ago may be a pipe now: opening that without O_NONBLOCK would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise SourceError(f"{clean_text(path)} cannot be opened: {why(error)}") from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise SourceError(f"{clean_text(path)} is not a regular file")
        if largest is not None and found.st_size > largest:
            raise SourceError(
                f"{clean_text(path)} has {found.st_size:,} bytes, more than the limit of {largest:,}",
                hint="raise MORELIKE_MAX_FILE_SIZE",
            )
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise
