"""One download: redirects followed by hand, size, time and addresses bounded."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from morelike.errors import SourceError
from morelike.settings import Settings
from morelike.sources.opening import safe_name
from morelike.sources.spool import Held, Spool

if TYPE_CHECKING:
    import httpx

    from morelike.sources.guard import Deadline

__all__ = ["Fetched", "Fetcher", "name_in_url"]

_MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_SLOWEST: Final = 128 * 1024
"""Bytes a second: a transfer slower than this is given up once ``url_timeout`` has passed."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a URL gave, and the name that the server or the last URL has for it."""

    held: Held
    name: str


class Fetcher:
    """Fetches http(s) URLs, from any thread. Proxies named in the environment are not used, see guard.py.

    A transfer may last ``settings.url_timeout`` seconds and one more for every 128 KiB that arrived.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._spool = Spool()
        self._lock = threading.Lock()
        self._opened: httpx.Client | None = None

    def fetch(self, url: str) -> Fetched:
        """Raises SourceError."""
        import httpx

        from morelike.sources.guard import deadline

        if self._settings.offline:
            raise SourceError(f"{url} is not fetched offline", hint="unset MORELIKE_OFFLINE")
        try:
            with deadline(self._settings.url_timeout) as clock:
                return self._follow(url, clock)
        except httpx.TimeoutException as error:
            raise SourceError(
                f"{url} did not answer within {self._settings.url_timeout:g} s, or too slowly",
                hint="raise MORELIKE_URL_TIMEOUT",
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError, ValueError) as error:
            raise SourceError(f"{url} cannot be fetched: {error}") from error

    def _follow(self, url: str, clock: Deadline) -> Fetched:
        here = url
        for _ in range(_MOST_REDIRECTS + 1):
            _check(here)
            with self._client().stream("GET", here) as answer:
                if answer.status_code in _REDIRECTS and "location" in answer.headers:
                    here = str(answer.url.join(answer.headers["location"]))
                    continue
                return self._take(url, answer, clock)
        raise SourceError(f"{url} redirects more than {_MOST_REDIRECTS} times")

    def _take(self, url: str, answer: httpx.Response, clock: Deadline) -> Fetched:
        if answer.status_code != 200:
            raise SourceError(f"{url} answered {answer.status_code} {answer.reason_phrase}")
        encoding = answer.headers.get("content-encoding", "identity").lower()
        if encoding not in ("", "identity"):
            raise SourceError(f"{url} came encoded as {encoding!r}, though it was asked for as it is")
        largest = self._settings.max_url_size
        declared = answer.headers.get("content-length", "")
        too_large = _too_large(url, largest)
        if declared.isdecimal() and int(declared[:20]) > largest:
            raise too_large()
        held = self._spool.keep(_chunks(answer, clock), largest, too_large)
        return Fetched(held, _name_in_header(answer.headers) or name_in_url(str(answer.url)))

    def _client(self) -> httpx.Client:
        with self._lock:
            if self._opened is None:
                self._opened = _new_client(self._settings)
                weakref.finalize(self, self._opened.close)
            return self._opened


def _new_client(settings: Settings) -> httpx.Client:
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    import httpx

    from morelike.sources.guard import GuardedTransport

    return httpx.Client(
        transport=GuardedTransport(allow_private=settings.allow_private_urls),
        timeout=settings.url_timeout,
        headers={"User-Agent": "morelike", "Accept-Encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # no site learns of another visit
        follow_redirects=False,
        trust_env=False,
    )


def _check(url: str) -> None:
    """Raises SourceError on what is no plain http(s) URL; ValueError where it cannot even be read."""
    parts = urlsplit(url)
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise SourceError(f"{url} is no http or https address")
    if "@" in parts.netloc:
        raise SourceError("an address with a password inside is not fetched, nor where it redirects from")


def _chunks(answer: httpx.Response, clock: Deadline) -> Iterator[bytes]:
    for chunk in answer.iter_raw():
        clock.put_off(len(chunk) / _SLOWEST)
        yield chunk


def _too_large(url: str, largest: int) -> Callable[[], SourceError]:
    return lambda: SourceError(f"{url} has more than {largest:,} bytes", hint="raise MORELIKE_MAX_URL_SIZE")


def name_in_url(url: str) -> str:
    """The last part of the URL's path, else its host."""
    parts = urlsplit(url)
    return safe_name(unquote(parts.path), safe_name(parts.netloc))


def _name_in_header(headers: httpx.Headers) -> str:
    """The file's name in Content-Disposition (RFC 6266), or nothing."""
    message = Message()
    try:
        message["content-disposition"] = headers.get("content-disposition", "")
        return safe_name(message.get_filename() or "", "")
    except (ValueError, LookupError, TypeError):
        return ""
