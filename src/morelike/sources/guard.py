"""Connections to public addresses only, and none that outlasts its deadline.

A URL that somebody else wrote must not reach this machine or its neighbours. The guard stands where the connection is
made: it resolves the name itself and connects to the very address that it checked, so neither a redirect nor a name
that resolves to another address a moment later gets past it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from ssl import SSLContext
from typing import Any, Final

import httpcore
import httpx

from morelike.errors import SourceError

__all__ = ["Deadline", "GuardedTransport", "deadline", "is_public", "public_addresses"]

_MOST_ADDRESSES = 4
_NAT64: Final = ip_network("64:ff9b::/96")
_REFUSED: Final = tuple(
    ip_network(network)
    for network in (  # what older ipaddress modules take for global
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo among them, which carries any IPv4 address inside
        "2002::/16",  # 6to4, likewise
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address lies on the public internet; for an IPv4 address inside an IPv6 one, whether that does."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    if any(_contains(network, address) for network in _REFUSED):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _contains(network: IPv4Network | IPv6Network, address: IPv4Address | IPv6Address) -> bool:
    return network.version == address.version and address in network


def public_addresses(host: str, port: int, *, allow_private: bool = False) -> list[str]:
    """The addresses of ``host`` that may be connected to. Raises SourceError where there is none."""
    try:
        records = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceError(f"the host {host} cannot be found: {error}") from error
    found = list(dict.fromkeys(str(record[4][0]) for record in records))
    allowed = [text for text in found if allow_private or is_public(ip_address(text.partition("%")[0]))]
    if not allowed:
        raise SourceError(
            f"the host {host} is {found[0]}, which is no public address"
            if found
            else f"the host {host} has no address",
            hint="MORELIKE_ALLOW_PRIVATE_URLS=1 lets URL sources reach private addresses",
        )
    return allowed[:_MOST_ADDRESSES]


class Deadline:
    """The moment when this thread gives up; it may be put off as bytes arrive."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def put_off(self, seconds: float) -> None:
        self._until += seconds

    def sooner(self, timeout: float | None) -> float:
        """The timeout or what is left, whichever is less. Raises httpcore's ReadTimeout where nothing is left."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline has passed")
        return left if timeout is None else min(timeout, left)


class _Current(threading.local):
    deadline: Deadline | None = None


_current = _Current()


@contextmanager
def deadline(seconds: float) -> Iterator[Deadline]:
    """Whatever this thread reads and writes through a guarded connection inside the block ends in time."""
    before = _current.deadline
    _current.deadline = Deadline(seconds)
    try:
        yield _current.deadline
    finally:
        _current.deadline = before


def _timeout(timeout: float | None) -> float | None:
    return timeout if _current.deadline is None else _current.deadline.sooner(timeout)


class _GuardedBackend(httpcore.NetworkBackend):
    """Connects only to checked addresses. Host header and TLS name stay those of the URL."""

    def __init__(self, *, allow_private: bool) -> None:
        self._inner = httpcore.SyncBackend()
        self._allow_private = allow_private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = public_addresses(host, port, allow_private=self._allow_private)
        for address in addresses[:-1]:
            try:
                return self._connect(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(addresses[-1], port, timeout, local_address, socket_options)

    def _connect(
        self,
        address: str,
        port: int,
        timeout: float | None,
        local_address: str | None,
        socket_options: Iterable[Any] | None,
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._inner.connect_tcp(address, port, _timeout(timeout), local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every step ends at the current deadline: a timeout a step alone never ends a slow drip."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _timeout(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _timeout(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, _timeout(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class GuardedTransport(httpx.BaseTransport):
    """A transport for ``httpx.Client``. It knows no proxy: behind one, the guard could not see the address."""

    def __init__(self, *, allow_private: bool = False, connections: int = 32) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=connections,
            keepalive_expiry=5.0,
            network_backend=_GuardedBackend(allow_private=allow_private),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        inner = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx():
            answer = self._pool.handle_request(inner)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        with _as_httpx():
            self._answer.close()


@contextmanager
def _as_httpx() -> Iterator[None]:
    """httpx gives each of httpcore's exceptions one of the same name."""
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.ProxyError,
        httpcore.UnsupportedProtocol,
    ) as error:
        raise getattr(httpx, type(error).__name__, httpx.TransportError)(str(error)) from error
