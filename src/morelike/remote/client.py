"""Requests to one server: its key, bounds in bytes and time, what is tried again, its problems as our own errors."""

from __future__ import annotations

import json
import logging
import random
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any, Final, NoReturn
from urllib.parse import quote

import httpx

from morelike.errors import MorelikeError, StoreUnreachable, UsageError
from morelike.remote.problems import error_of

__all__ = ["Answer", "Client", "address_of", "part"]

API: Final = "/api/v1"
VERSION: Final = version("morelike")
ATTEMPTS: Final = 5
WAITS: Final = 60
"""Attempts where a server is too busy for what nobody sits waiting for."""
FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 10.0
"""Seconds between two attempts, whatever the server asks for."""
CONNECT_SECONDS: Final = 10.0
SILENT_SECONDS: Final = 300.0
"""The longest silence of a server that was asked something: the first search loads its encoder's weights."""
UPLOAD_SECONDS: Final = 3600.0
"""The same after an upload, which is answered when all of it is encoded and durable."""
LARGEST_ANSWER: Final = 64 * 1024**2
LARGEST_PROBLEM: Final = 64 * 1024
CHUNK: Final = 256 * 1024
JSON: Final = ("application/json", "application/problem+json")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer within its bound."""

    status: int
    headers: httpx.Headers
    body: bytes


class Client:
    """Safe to use from several threads. No redirect is followed, certificates are checked, keys are never shown."""

    def __init__(
        self,
        address: str,
        key: str = "",
        *,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """``transport`` and ``pause`` stand in for the network and the clock. Raises UsageError on a bad address."""
        self.address = address_of(address)
        self._pause = pause or threading.Event().wait
        self._stored: httpx.Client | None = None
        self._lock = threading.Lock()
        headers = {"Accept": "application/json, */*;q=0.5", "User-Agent": f"morelike/{VERSION}"}
        if key:
            headers["Authorization"] = f"Bearer {_checked(key)}"
        if key and self.address.startswith("http://") and not _is_loopback(self.address):
            _log.warning("the key goes to %s unencrypted: everybody on the way can read it; use https", self.address)
        if transport is None and _is_loopback(self.address):
            transport = httpx.HTTPTransport()  # never through a proxy that the environment names
        self._http = httpx.Client(
            base_url=self.address,
            headers=headers,
            timeout=_timeout(SILENT_SECONDS),
            follow_redirects=False,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"<client of {self.address}>"

    def close(self) -> None:
        self._http.close()
        if self._stored is not None:
            self._stored.close()

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """The JSON object at a path below ``/api/v1``; parameters that are None are left out."""
        return self.json("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, Any], *, repeat: bool = True) -> dict[str, Any]:
        """``repeat``: whether the same request twice does no harm, so that it is tried again when its line drops."""
        return self.json("POST", path, body=body, repeat=repeat)

    def json(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        repeat: bool = True,
    ) -> dict[str, Any]:
        """Raises what the server answers with, and StoreUnreachable where it does not answer."""
        given = {name: value for name, value in (params or {}).items() if value is not None}
        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        headers = {} if data is None else {"Content-Type": "application/json"}

        def request() -> httpx.Request:
            return self._http.build_request(method, API + path, params=given, content=data, headers=headers)

        return self._object(self._asked(request, repeat=repeat))

    def form(
        self,
        path: str,
        content_type: str,
        chunks: Callable[[], Iterable[bytes]],
        patient: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:
        """Post a body that ``chunks`` yields anew for each attempt. A server that is too busy is asked for minutes, as
        long as ``patient`` says so. Raises what ``json`` and ``chunks`` raise.
        """

        def request() -> httpx.Request:
            headers = {"Content-Type": content_type}
            timeout = _timeout(UPLOAD_SECONDS)
            return self._http.build_request("POST", API + path, content=chunks(), headers=headers, timeout=timeout)

        return self._object(self._asked(request, patient=patient))

    def bytes(self, path: str, *, most: int, headers: Mapping[str, str] | None = None, **params: Any) -> Answer:
        """What is at a path, at most ``most`` bytes of it; a link that the server gives instead is followed once."""
        given = {name: value for name, value in params.items() if value is not None}
        told = {"Accept": "*/*", "Accept-Encoding": "identity", **(headers or {})}

        def request() -> httpx.Request:
            return self._http.build_request("GET", API + path, params=given, headers=told)

        answer = self._asked(request, most=most, linked=True)
        if answer.status == 307 and "location" in answer.headers:
            answer = self._elsewhere(answer.headers["location"], most, told)
        if answer.status >= 400:
            self._refuse(answer)
        return answer

    def link(self, path: str) -> str | None:
        """Where the server says that a path's bytes are instead; None where it gives them itself."""

        def request() -> httpx.Request:
            return self._http.build_request("GET", API + path, headers={"Range": "bytes=0-0"})

        answer = self._asked(request, linked=True)
        if answer.status >= 400 and answer.status != 416:
            self._refuse(answer)
        return answer.headers.get("location") if answer.status == 307 else None

    def ready(self) -> dict[str, Any]:
        """What the server says of its stores, well or not. Raises what ``json`` raises."""
        answer = self._asked(lambda: self._http.build_request("GET", "/readyz"), repeat=False)
        document = _document(answer) if answer.status in {200, 503} else None
        if document is None or not (document.get("status") == "ready" or "failing" in document):
            return self._object(answer)
        return document

    def _elsewhere(self, link: str, most: int, headers: Mapping[str, str]) -> Answer:
        """From a presigned link of the server's own object store, which must not see the key."""
        with self._lock:
            if self._stored is None:
                self._stored = httpx.Client(timeout=_timeout(SILENT_SECONDS), follow_redirects=False)
        stored = self._stored
        return self._asked(lambda: stored.build_request("GET", link, headers=dict(headers)), most=most, http=stored)

    def _asked(
        self,
        request: Callable[[], httpx.Request],
        *,
        most: int = LARGEST_ANSWER,
        repeat: bool = True,
        linked: bool = False,
        patient: Callable[[], bool] = lambda: False,
        http: httpx.Client | None = None,
    ) -> Answer:
        """An answer of any status but a redirect; ``linked``: a 307 is one, too.

        Tried again: what never reached the server, and with ``repeat`` what it was too busy for or did not answer.
        """
        dropped = busy = 0
        while True:
            after = None
            try:
                answer = self._sent(http or self._http, request(), most)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                dropped += 1
                if dropped >= ATTEMPTS or _is_certificate(error):
                    self._unreachable(error)
            except httpx.TransportError as error:
                dropped += 1
                if dropped >= ATTEMPTS or not repeat:
                    self._unreachable(error)
            except (httpx.InvalidURL, httpx.DecodingError) as error:
                raise MorelikeError(f"the answer of {self.address} cannot be read: {error}") from error
            else:
                busy += 1
                after = _retry_after(answer)
                if answer.status != 503 or after is None or not repeat or busy >= (WAITS if patient() else ATTEMPTS):
                    if 300 <= answer.status < 400 and not (linked and answer.status == 307):
                        self._moved(answer)
                    return answer
            longer = 2 ** min(dropped + busy - 1, 6)
            pause = FIRST_PAUSE * longer * random.uniform(0.75, 1.25)  # noqa: S311 # not all at once
            self._pause(min(max(pause, after or 0.0), LONGEST_PAUSE))

    def _sent(self, http: httpx.Client, request: httpx.Request, most: int) -> Answer:
        response = http.send(request, stream=True)
        try:
            bound = most if response.status_code < 400 else LARGEST_PROBLEM
            data = bytearray()
            for chunk in response.iter_bytes(CHUNK):
                data += chunk
                if len(data) > bound:
                    raise MorelikeError(
                        f"the answer of {self.address} has more than {bound:,} bytes", hint="ask for less at a time"
                    )
            return Answer(response.status_code, response.headers, bytes(data))
        finally:
            response.close()

    def _object(self, answer: Answer) -> dict[str, Any]:
        if answer.status >= 400:
            self._refuse(answer)
        if answer.status == 204:
            return {}
        document = _document(answer)
        if document is None:
            self._no_morelike(answer)
        return document

    def _refuse(self, answer: Answer) -> NoReturn:
        document = _document(answer)
        if document is None or not str(document.get("type", "")).startswith("urn:morelike:"):
            if answer.status in {502, 503, 504}:
                raise StoreUnreachable(
                    f"what stands before the server {self.address} answers {answer.status}: the server does not answer",
                    hint="is `morelike serve` running behind it?",
                )
            self._no_morelike(answer)
        raise error_of(document, answer.status)

    def _no_morelike(self, answer: Answer) -> NoReturn:
        raise UsageError(
            f"what answers at {self.address} is no morelike server (status {answer.status})",
            hint="give the address that `morelike serve` says, with its port",
        )

    def _moved(self, answer: Answer) -> NoReturn:
        place = answer.headers.get("location", "elsewhere")[:200]
        raise UsageError(
            f"{self.address} sends requests on to {place}, and no key is sent after a redirect",
            hint="give the address that the server itself has",
        )

    def _unreachable(self, error: httpx.TransportError) -> NoReturn:
        if _is_certificate(error):
            raise StoreUnreachable(
                f"the certificate of {self.address} cannot be trusted: {error}",
                hint="SSL_CERT_FILE names a file of the authorities that are",
            ) from error
        late = isinstance(error, httpx.TimeoutException)
        why = "no answer in time" if late else str(error) or type(error).__name__
        raise StoreUnreachable(
            f"the server {self.address} cannot be reached: {why}",
            hint="is `morelike serve` running there, and is this its address?",
        ) from error

    @contextmanager
    def reading(self, theirs: str = "") -> Iterator[None]:
        """Around what reads an answer's fields: one that lacks them comes from another version."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            there = f"the server has morelike {theirs}" if theirs else "the server may have another version"
            raise MorelikeError(
                f"the answer of {self.address} is not as expected: {type(error).__name__}: {error}",
                hint=f"{there}, here is {VERSION}",
            ) from error


def part(name: str) -> str:
    """One part of a path."""
    return quote(name, safe="")


def address_of(text: str) -> str:
    """``https://HOST:PORT`` or below a path of it, without a slash at its end. Raises UsageError on anything else."""
    hint = "for example: https://example.org:8000"
    try:
        url = httpx.URL(text.strip())
    except (httpx.InvalidURL, TypeError) as error:
        raise UsageError("the server's address cannot be read", hint=hint) from error
    if url.userinfo:  # it is not repeated: it is a secret
        raise UsageError("the server's address carries a password", hint="the key goes to api_key or MORELIKE_API_KEY")
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment:
        raise UsageError(f"{text[:200]!r} is no server's address", hint=hint)
    return str(url).rstrip("/")


def _checked(key: str) -> str:
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError("the API key has characters that no key has", hint="it begins with ml_; copy it whole")
    return key


def _is_loopback(address: str) -> bool:
    host = httpx.URL(address).host
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _timeout(silent: float) -> httpx.Timeout:
    return httpx.Timeout(silent, connect=CONNECT_SECONDS, pool=None)


def _retry_after(answer: Answer) -> float | None:
    """Seconds; None where the server does not say that it is worth another try."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _document(answer: Answer) -> dict[str, Any] | None:
    if answer.headers.get("content-type", "").partition(";")[0].strip().lower() not in JSON:
        return None
    with suppress(ValueError, RecursionError):
        document = json.loads(answer.body)
        if isinstance(document, dict):
            return document
    return None


def _is_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
