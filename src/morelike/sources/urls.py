"""Files behind http and https URLs: one URL, or a list of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urldefrag, urlsplit

from morelike.errors import SourceError
from morelike.settings import Settings
from morelike.sources.archives import ArchiveWalk
from morelike.sources.containers import Box, container
from morelike.sources.fetch import Fetcher, name_in_url
from morelike.sources.globs import Globs
from morelike.sources.opening import clean_text, failing_blob, local_path, open_regular, safe_name
from morelike.sources.spool import Lazily
from morelike.types import Blob, Metadata

__all__ = ["UrlBlobs", "UrlSource", "is_fetched", "is_url"]

_LIST: Final = "urls:"
_LISTS: Final = (".txt", ".urls")
_LONGEST_URL: Final = 8192
_HEAD: Final = 64 * 1024


def is_url(text: str) -> bool:
    return text[:8].lower().startswith(("http://", "https://"))


class UrlSource:
    """An http(s) URL; or a list, one URL a line (``#`` starts a comment), in a .txt or .urls file or as ``urls:FILE``.

    A single URL is fetched when its blob is asked for, and opened if it is an archive; a list's URLs when each blob is
    first opened, and what was fetched is kept as long as the blob is. Only public addresses are reached (see guard.py)
    unless ``settings.allow_private_urls``; proxies named in the environment are not used.
    """

    def __init__(self, settings: Settings, exclude: Sequence[str] = ()) -> None:
        self._settings = settings
        self._exclude = Globs(exclude)

    def accepts(self, argument: str) -> float:
        if is_url(argument) or argument.startswith(_LIST):
            return 1.0
        if not argument.lower().endswith(_LISTS):
            return 0.0
        try:
            path = local_path(argument)
            if not os.path.isfile(path):  # noqa: PTH113 - a str is what there is
                return 0.0
            with open_regular(path) as stream:
                head = stream.read(_HEAD).decode("utf-8-sig", "replace")
        except (SourceError, OSError, ValueError):
            return 0.0
        lines = (line.strip() for line in head.splitlines())
        return 0.9 if is_url(next((line for line in lines if line and not line.startswith("#")), "")) else 0.0

    def blobs(self, argument: str) -> Iterator[Blob]:
        if self._settings.offline:
            what = "" if is_url(argument) else "a list of URLs, and "
            raise SourceError(f"{clean_text(argument)} is {what}not fetched offline", hint="unset MORELIKE_OFFLINE")
        if is_url(argument):
            return self._one(argument.strip())
        path = local_path(argument.removeprefix(_LIST))
        open_regular(path).close()
        return self._list(path)

    def _one(self, url: str) -> Iterator[Blob]:
        blobs = UrlBlobs(self._settings)
        plain = blobs.blob(url)
        try:
            blobs.check(url)
            fetched = blobs.fetcher.fetch(url)
        except SourceError as error:
            yield failing_blob(plain.uri, plain.name, error.message, hint=error.hint)
            return
        with fetched.held.open() as stream:
            archive = container(stream) is not None
        if archive:
            box = Box(plain.uri, fetched.held.open, fetched.held.size, None)
            yield from ArchiveWalk(self._settings, self._exclude).blobs(box)
        else:
            yield Blob(plain.uri, fetched.name, fetched.held.open, fetched.held.size)

    def _list(self, path: str) -> Iterator[Blob]:
        blobs = UrlBlobs(self._settings)
        shown = clean_text(path)
        with open_regular(path) as stream:
            number = 0
            while line := stream.readline(_LONGEST_URL):
                number += 1
                url = line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip()
                if not url or url.startswith("#"):
                    continue
                if is_url(url) and len(line) < _LONGEST_URL:
                    if not self._exclude.match(urlsplit(url).path if _is_readable(url) else ""):
                        yield blobs.blob(url)
                else:
                    reason = f"line {number} of {shown} is no http or https address"
                    yield failing_blob(f"{shown}#line={number}", safe_name(path), reason)


class UrlBlobs:
    """Makes blobs of URLs that are fetched by their first ``open``; they share connections and memory."""

    def __init__(self, settings: Settings) -> None:
        self.fetcher = Fetcher(settings)

    def blob(self, url: str, metadata: Metadata | None = None) -> Blob:
        """The uri is the URL without its fragment. One that cannot be fetched makes a blob that fails."""
        try:
            self.check(url)
        except SourceError as error:
            return failing_blob(_without_password(url), "unnamed", error.message, metadata=metadata)
        plain = clean_text(urldefrag(url).url)
        fetcher = self.fetcher
        held = _Fetching(lambda: fetcher.fetch(plain).held)
        return Blob(plain, name_in_url(plain), held.open, metadata=metadata or {})

    def check(self, url: str) -> None:
        """Raises SourceError on a URL that will never be fetched."""
        if not _is_readable(url):
            raise SourceError(f"{clean_text(_without_password(url))} is no address that can be read")
        if "@" in urlsplit(url).netloc:
            raise SourceError(f"{clean_text(_without_password(url))} carries a password, which would be kept with it")


class _Fetching(Lazily):
    """The bytes of one URL: its blob's uri says all that is needed to fetch them again."""


def is_fetched(blob: Blob) -> bool:
    """Whether ``UrlBlobs`` makes the same blob of its uri."""
    return isinstance(getattr(blob.open, "__self__", None), _Fetching)


def _is_readable(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname) and all(letter.isprintable() and letter != " " for letter in url)
    except ValueError:
        return False


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
