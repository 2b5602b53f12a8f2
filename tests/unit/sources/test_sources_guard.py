"""The guard between URLs that somebody wrote and the machines around this one."""

from __future__ import annotations

import inspect
import socket
from ipaddress import ip_address
from typing import Any

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_server import SourceServer

from morelike.errors import SourceError
from morelike.settings import Settings
from morelike.sources.guard import Deadline, GuardedTransport, deadline, is_public, public_addresses
from morelike.sources.urls import UrlSource

REFUSED = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1",
    "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "::",
    "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1",
    "2002:7f00:1::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1",
    "ff02::1", "ff0e::1", "3fff::1", "5f00::1",
]  # fmt: skip
ALLOWED = [
    "1.1.1.1",
    "93.184.216.34",
    "172.32.0.1",
    "192.1.0.1",
    "2606:4700::1111",
    "::ffff:1.1.1.1",
    "64:ff9b::101:101",
]


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_of_no_public_machine(address: str) -> None:
    """Private, loopback, link-local, shared, multicast, reserved and documentation addresses are refused."""
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ALLOWED)
def test_public_addresses(address: str) -> None:
    """The public internet is reached, also where IPv6 carries an IPv4 address."""
    assert is_public(ip_address(address))


@given(number=st.integers(0, 2**32 - 1))
def test_an_embedded_address_is_judged_as_itself(number: int) -> None:
    """No IPv4 address becomes better by being written inside an IPv6 one."""
    plain = is_public(ip_address(number))

    assert is_public(ip_address((0xFFFF << 32) | number)) == plain
    assert is_public(ip_address((0x64FF9B << 96) | number)) == plain


def resolving_to(*answers: list[str]) -> Any:
    """A getaddrinfo that gives each list in turn, the last one for ever."""
    left = list(answers)

    def resolve(_host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return resolve


def test_private_answers_of_a_name_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a name's addresses only the public ones may be connected to."""
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(["10.0.0.1", "1.1.1.1", "fe80::1%eth0"]))

    assert public_addresses("example.com", 80) == ["1.1.1.1"]
    assert public_addresses("example.com", 80, allow_private=True) == ["10.0.0.1", "1.1.1.1", "fe80::1%eth0"]


def test_a_name_that_changes_its_answer(server: SourceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that was checked is the one connected to: a name resolved again would lead to loopback."""
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(["192.0.32.8"], ["127.0.0.1"]))
    connected: list[str] = []

    def connect(_self: Any, host: str, *_: Any) -> Any:
        connected.append(host)
        raise httpcore.ConnectError("not from a test")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)

    with httpx.Client(transport=GuardedTransport()) as client, pytest.raises(httpx.ConnectError):
        client.get(server.url("/x", "rebinding.example"))
    assert (connected, server.asked) == (["192.0.32.8"], [])


def test_a_redirect_from_outside_to_inside(server: SourceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A public server that redirects to this machine gets nothing from it."""
    server.give("/x", b"", 302, Location=server.url("/secret", "inside.example"))
    server.give("/secret", b"secret")
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(["192.0.32.8"], ["127.0.0.1"]))
    real = httpcore.SyncBackend.connect_tcp

    def routed(self: Any, host: str, *arguments: Any) -> Any:
        assert host == "192.0.32.8"
        monkeypatch.setattr(socket, "getaddrinfo", resolving_to(["127.0.0.1"]))
        return real(self, "127.0.0.1", *arguments)

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", routed)
    (blob,) = UrlSource(Settings(offline=False)).blobs(server.url("/x", "outside.example"))

    with pytest.raises(SourceError, match=r"the host inside\.example is 127\.0\.0\.1, which is no public address"):
        blob.open()
    assert server.asked == ["/x"]


def test_the_next_address_is_tried(server: SourceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one address of a name does not answer the next one is asked, under the name's own Host."""
    server.give("/x", b"fine")
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(["127.0.0.2", "127.0.0.1"]))
    real = httpcore.SyncBackend.connect_tcp

    def connect(self: Any, host: str, *arguments: Any) -> Any:
        if host == "127.0.0.2":
            raise httpcore.ConnectTimeout
        return real(self, "127.0.0.1", *arguments)

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    with httpx.Client(transport=GuardedTransport(allow_private=True), trust_env=False) as client:
        answer = client.get(server.url("/x", "two.example"))

    assert answer.content == b"fine"
    assert server.headers[0]["host"] == f"two.example:{server.port}"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".example", "x\0y"])
def test_names_that_lead_nowhere(host: str) -> None:
    """A host without an address is a source error."""
    with pytest.raises(SourceError, match="cannot be found"):
        public_addresses(host, 80)


def test_every_error_of_the_connection_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """No exception of the library below leaks: each becomes the one of the same name above."""
    kinds = [kind for _, kind in inspect.getmembers(httpcore, inspect.isclass) if issubclass(kind, Exception)]
    named = [kind for kind in kinds if hasattr(httpx, kind.__name__)]
    assert len(named) > 10

    for kind in named:

        def fail(*_: Any, kind: type[Exception] = kind, **__: Any) -> Any:
            raise kind("why")

        monkeypatch.setattr(httpcore.ConnectionPool, "handle_request", fail)
        with httpx.Client(transport=GuardedTransport()) as client, pytest.raises(getattr(httpx, kind.__name__)):
            client.get("http://example.com")


def test_a_deadline_shortens_timeouts() -> None:
    """A step's own timeout holds until the deadline is nearer; past it nothing more is waited for."""
    clock = Deadline(100)
    assert clock.sooner(5) == 5
    assert 99 < clock.sooner(None) <= 100
    clock.put_off(-200)
    with pytest.raises(httpcore.ReadTimeout):
        clock.sooner(5)


def test_deadlines_nest() -> None:
    """The inner block's deadline ends with it."""
    with deadline(100) as outer:
        with deadline(1) as inner:
            assert inner is not outer
        assert outer.sooner(50) == 50
