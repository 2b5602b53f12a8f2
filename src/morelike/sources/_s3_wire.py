"""What obstore cannot ask an S3 server: every key as it is, which buckets there are, keys that are no paths."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from morelike.errors import SourceError, StoreUnreachable
from morelike.objects import explain, find_place, trusted
from morelike.settings import Settings
from morelike.signing import Ask, signed

if TYPE_CHECKING:
    import httpx

__all__ = ["Wire", "whole_refused"]

_LARGEST_ANSWER: Final = 16 * 1024**2
_LARGEST_REFUSAL: Final = 64 * 1024
_CHUNK: Final = 256 * 1024
_TIMES: Final = 4
_PAUSE: Final = 0.3
"""Seconds before a request is made again; twice as long each time."""


class Wire:
    """Requests to one bucket, or with no name to the whole service; safe from any thread.

    A request that gets no answer, or one that says to come again, is made four times. Raises SettingsError.
    """

    def __init__(self, settings: Settings, bucket: str = "") -> None:
        self._settings = settings
        self.place = find_place(settings, bucket)
        self._lock = threading.Lock()
        self._opened: httpx.Client | None = None

    def ask(self, what: str, query: Mapping[str, str], *, service: bool = False) -> bytes:
        """The whole answer to a question about the bucket, or about the service. Raises PermissionError, StoreError."""
        with self._answered(what, Ask("GET", None if service else "", query)) as answer:
            return _all_of(answer, what, _LARGEST_ANSWER)

    def head(self, what: str, key: str) -> Mapping[str, str]:
        """An object's headers. Raises FileNotFoundError, PermissionError, StoreError."""
        with self._answered(what, Ask("HEAD", key)) as answer:
            return answer.headers

    def chunks(self, what: str, key: str, headers: Mapping[str, str]) -> Iterator[bytes]:
        """An object's bytes. Raises FileNotFoundError, PermissionError, SourceError where it changed, StoreError."""
        import httpx

        try:
            with self._answered(what, Ask("GET", key, headers=headers)) as answer:
                yield from answer.iter_raw(_CHUNK)
        except httpx.HTTPError as error:
            raise StoreUnreachable(f"{what}: the transfer broke off", hint="try again") from error

    @contextmanager
    def _answered(self, what: str, ask: Ask) -> Iterator[httpx.Response]:
        answer = self._sent(what, ask)
        try:
            if answer.status_code not in (200, 206):
                _refuse(what, ask.method, answer)
            yield answer
        finally:
            answer.close()

    def _sent(self, what: str, ask: Ask) -> httpx.Response:
        import httpx

        for number in range(_TIMES):
            last = number == _TIMES - 1
            ready = signed(self._settings, self.place, ask)
            client = self._client()
            request = client.build_request(
                ask.method, ready.origin, headers=ready.headers, extensions={"target": ready.target.encode()}
            )
            try:
                answer = client.send(request, stream=True)
            except httpx.HTTPError as error:
                if last or "CERTIFICATE" in str(error):
                    explain(what, str(error))
            else:
                if answer.status_code < 500 or last:
                    return answer
                answer.close()
            time.sleep(_PAUSE * 2**number)
        raise AssertionError("the last time returns or raises")

    def _client(self) -> httpx.Client:
        with self._lock:
            if self._opened is None:
                self._opened = _new_client(self._settings)
                weakref.finalize(self, self._opened.close)
            return self._opened


def _new_client(settings: Settings) -> httpx.Client:
    import httpx

    return httpx.Client(
        verify=trusted(settings),
        timeout=httpx.Timeout(20, connect=5),
        headers={"User-Agent": "morelike", "Accept-Encoding": "identity"},
        follow_redirects=False,
    )


def _all_of(answer: httpx.Response, what: str, largest: int) -> bytes:
    import httpx

    data = bytearray()
    try:
        for chunk in answer.iter_raw(_CHUNK):
            data += chunk
            if len(data) > largest:
                raise StoreUnreachable(f"{what}: the answer is larger than {largest:,} bytes", hint="is that S3?")
    except httpx.HTTPError as error:
        raise StoreUnreachable(f"{what}: the answer broke off", hint="try again") from error
    return bytes(data)


def _refuse(what: str, method: str, answer: httpx.Response) -> None:
    """Raises what obstore's own requests would, so that there is one place that explains answers."""
    said = _all_of(answer, what, _LARGEST_REFUSAL).decode("utf-8", "replace") if method != "HEAD" else ""
    number = answer.status_code
    text = f"performing {method} status code: {number} {said}"
    if number == 404 and "<Code>NoSuchBucket</Code>" not in said:
        raise FileNotFoundError(2, "not in the bucket", what)
    if number in (401, 403) and not whole_refused(text):
        raise PermissionError(13, "these keys may not read it", what)
    if number == 412:
        raise SourceError(f"{what} changed while it was read", hint="add it again when nothing writes to it")
    explain(what, text)


def whole_refused(text: str) -> bool:
    """Whether an answer refuses whoever asks, whatever it is for."""
    names = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "RequestTimeTooSkewed")
    return any(f"<Code>{name}</Code>" in text for name in names)
