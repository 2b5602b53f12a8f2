"""From what a person wrote to blobs: the source that is surest of an argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from morelike.errors import MissingExtra, SourceError
from morelike.protocols import OpenSource
from morelike.registry import SOURCES
from morelike.settings import Settings
from morelike.sources._s3_address import SCHEME, check_object_allowed, is_address
from morelike.sources.files import FileSource
from morelike.sources.opening import check_allowed, clean_text, local_path, open_regular
from morelike.types import Blob

__all__ = ["open_source", "origin"]

HEAD = 4096


def open_source(
    argument: str,
    settings: Settings,
    exclude: Sequence[str] = (),
    *,
    holds: Callable[[bytes, str], bool] | None = None,
) -> tuple[str, Iterator[Blob]]:
    """(the source's name, its blobs). Raises SourceError where no source can use the argument.

    ``holds``: whether a file with these first 4 KiB and this name holds items itself; such a table is no list of files.
    """
    if settings.allow_roots is not None:
        _check_place(argument, settings)
    best: tuple[float, str, OpenSource | None] = (0.0, "", None)
    for name in SOURCES:
        try:
            source: OpenSource = SOURCES.load(name)(settings, tuple(exclude))
        except MissingExtra:
            continue  # a plugin without its packages must not keep the others from working
        sure = source.accepts(argument)
        if sure > best[0]:
            best = (sure, name, source)
    if best[2] is None:
        raise _not_found(argument)
    if holds is not None and best[1] == "table" and _held(argument, holds):
        return "files", FileSource(settings, tuple(exclude)).blobs(argument)
    return best[1], best[2].blobs(argument)


def _held(argument: str, holds: Callable[[bytes, str], bool]) -> bool:
    path = local_path(argument)
    with open_regular(path) as stream:
        return holds(stream.read(HEAD), path[path.rfind("/") + 1 :])


def _check_place(argument: str, settings: Settings) -> None:
    """Before any source looks at it. Raises SourceError on all but http(s) URLs and places that are allowed."""
    if argument[:8].lower().startswith(("http://", "https://")):
        return
    if is_address(argument):
        check_object_allowed(argument, settings.s3_roots)
        return
    scheme, colon, rest = argument.partition(":")
    if colon and rest.startswith("//") and scheme.lower() != "file":
        raise SourceError(f"{clean_text(scheme)}:// addresses are not read here", hint="http and https are")
    path = rest if colon and scheme == "urls" else argument
    check_allowed(local_path(path), settings.allow_roots)


def _not_found(argument: str) -> SourceError:
    scheme, colon, _ = argument.partition("://")
    if colon and scheme.isalnum() and scheme.lower() != "file":
        return SourceError(
            f"no source reads {clean_text(scheme)}:// addresses", hint=f"there are: {', '.join(SOURCES)}"
        )
    return SourceError(
        f"no such file or folder: {clean_text(argument)}",
        hint="give a file, a folder, a glob in quotes, an archive, a table, a URL with http:// or https://, or s3://BUCKET/PREFIX",
    )


def origin(argument: str) -> str:
    """The argument in the one form that ``--sync`` knows it by: an absolute path or glob, or the URL.

    A slash at the end of an ``s3://`` address makes no other one of it.
    """
    if is_address(argument):
        return clean_text(SCHEME + argument[len(SCHEME) :].removesuffix("/"))
    scheme, colon, rest = argument.strip().partition(":")
    if scheme == "urls" and colon:
        return f"urls:{clean_text(local_path(rest))}"
    if colon and rest.startswith("//") and scheme.lower() != "file":
        return clean_text(argument.strip())
    return clean_text(local_path(argument))
