"""The client of a server, held against a transport that answers as the test says."""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from morelike import errors
from morelike.errors import (
    MorelikeError,
    SourceError,
    StoreFull,
    StoreUnreachable,
    TooBusy,
    UsageError,
    problem_name,
)
from morelike.remote.client import ATTEMPTS, LARGEST_PROBLEM, LONGEST_PAUSE, Client, address_of
from morelike.remote.problems import error_named, error_of
from morelike.remote.server import connect
from morelike.server.errors import problem_of, status_of
from morelike.settings import Settings

KEY = "ml_" + "k" * 43
Handler = Callable[[httpx.Request], httpx.Response]
KINDS = [getattr(errors, name) for name in errors.__all__ if isinstance(getattr(errors, name), type)]


class Far:
    """A client whose requests are handled here, and what it did."""

    def __init__(self, handler: Handler, address: str = "https://far.example", key: str = KEY) -> None:
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []

        def handle(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            return handler(request)

        self.client = Client(address, key, transport=httpx.MockTransport(handle), pause=self.pauses.append)


def problem(status: int, kind: str = "usage-error", hint: str = "", **headers: str) -> httpx.Response:
    document = {"type": f"urn:morelike:problem:{kind}", "status": status, "detail": "it cannot be", "hint": hint}
    return httpx.Response(
        status, content=json.dumps(document), headers={"content-type": "application/problem+json", **headers}
    )


def answers(*responses: httpx.Response | Exception) -> Handler:
    """One after the other; the last one again and again."""
    left = list(responses)

    def handle(_: httpx.Request) -> httpx.Response:
        one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(one, Exception):
            raise one
        return one

    return handle


@pytest.mark.parametrize("kind", KINDS, ids=problem_name)
def test_every_error_comes_over_as_it_is(kind: type[MorelikeError]) -> None:
    """Class, message and hint, by the server's own problem document."""
    given = kind("a sentence", hint="what to do")

    back = error_of(problem_of(given), status_of(given))

    assert (type(back), back.message, back.hint) == (kind, "a sentence", "what to do")
    assert type(error_named(problem_name(kind), "", "")) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, UsageError),
        (403, UsageError),
        (404, UsageError),
        (405, UsageError),
        (413, UsageError),
        (422, UsageError),
        (429, TooBusy),
        (500, MorelikeError),
        (503, StoreUnreachable),
        (507, StoreFull),
    ],
)
def test_what_only_a_server_says_is_told_by_its_status(status: int, kind: type[MorelikeError]) -> None:
    """A problem of a name that no exception has."""
    assert type(error_of({"type": "urn:morelike:problem:something-new", "detail": "x"}, status)) is kind


def test_a_key_that_is_refused_names_the_way_to_one() -> None:
    """And a route that is not there an older server."""
    far = Far(answers(problem(401, "unauthorized")))

    with pytest.raises(UsageError, match="MORELIKE_API_KEY"):
        far.client.get("/info")
    with pytest.raises(UsageError, match="older"):
        Far(answers(problem(404, "not-found"))).client.get("/info")


def test_the_key_and_the_version_go_with_each_request() -> None:
    """Below /api/v1, and below the path of the address."""
    far = Far(lambda _: httpx.Response(200, json={}), "https://far.example/below/")

    far.client.get("/jobs", limit=3, state=None)

    (request,) = far.requests
    assert str(request.url) == "https://far.example/below/api/v1/jobs?limit=3"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["user-agent"].startswith("morelike/")


def test_a_busy_server_is_asked_again() -> None:
    """After as long as it says, and no longer than is bearable; in the end its own words are told."""
    busy = problem(503, "too-busy", **{"retry-after": "1"})
    far = Far(answers(busy, problem(503, "too-busy", **{"retry-after": "9999"}), httpx.Response(200, json={"ok": 1})))

    assert far.client.get("/jobs") == {"ok": 1}
    assert far.pauses[0] >= 1
    assert far.pauses[1] == LONGEST_PAUSE
    always = Far(answers(busy))
    with pytest.raises(TooBusy, match="it cannot be"):
        always.client.get("/jobs")
    assert len(always.requests) == ATTEMPTS


def test_what_may_not_be_repeated_is_asked_once() -> None:
    """A job that a dropped line may have begun; but what never left is tried again."""
    once = Far(answers(httpx.ReadError("reset")))
    with pytest.raises(StoreUnreachable, match="cannot be reached"):
        once.client.post("/doctor", {}, repeat=False)
    assert len(once.requests) == 1

    again = Far(answers(httpx.ConnectError("refused"), httpx.Response(202, json={"id": "x"})))
    assert again.client.post("/doctor", {}, repeat=False) == {"id": "x"}
    assert len(again.requests) == 2


@pytest.mark.parametrize(
    "error", [httpx.ReadError("x"), httpx.RemoteProtocolError("x"), httpx.ReadTimeout("x"), httpx.ConnectTimeout("x")]
)
def test_a_line_that_drops_is_tried_again(error: Exception) -> None:
    """A few times, each pause longer than the one before, about."""
    far = Far(answers(error))

    with pytest.raises(StoreUnreachable) as caught:
        far.client.get("/jobs")

    assert len(far.requests) == ATTEMPTS
    assert len(far.pauses) == ATTEMPTS - 1
    assert far.pauses[-1] > far.pauses[0]
    assert "morelike serve" in caught.value.hint


def test_a_certificate_that_cannot_be_trusted_is_not_tried_again() -> None:
    """It says where further authorities go."""
    error = httpx.ConnectError("verify failed")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
    far = Far(answers(error))

    with pytest.raises(StoreUnreachable, match="certificate") as caught:
        far.client.get("/jobs")

    assert len(far.requests) == 1
    assert "SSL_CERT_FILE" in caught.value.hint


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, html="<h1>hello</h1>"),
        httpx.Response(404, html="<h1>nothing here</h1>"),
        httpx.Response(200, json=[1, 2]),
        httpx.Response(200, content=b"{", headers={"content-type": "application/json"}),
        httpx.Response(500, json={"type": "about:blank", "detail": "x"}),
    ],
)
def test_another_program_is_no_server(response: httpx.Response) -> None:
    """Whatever it answers."""
    with pytest.raises(UsageError, match="is no morelike server"):
        Far(answers(response)).client.get("/info")


def test_a_proxy_without_its_server_says_so() -> None:
    """502 from what stands before it."""
    with pytest.raises(StoreUnreachable, match="what stands before the server"):
        Far(answers(httpx.Response(502, html="bad gateway"))).client.get("/info")


def test_no_redirect_is_followed() -> None:
    """The key goes to the address that was given, and nowhere else."""
    far = Far(answers(httpx.Response(302, headers={"location": "https://evil.example/"})))

    with pytest.raises(UsageError, match=r"evil\.example"):
        far.client.get("/info")

    assert len(far.requests) == 1


def test_a_presigned_link_does_not_see_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of an object store are fetched from there, with the range that was asked for."""
    far = Far(answers(httpx.Response(307, headers={"location": "https://bucket.example/x?sig=1"})))
    seen: list[httpx.Request] = []

    def bucket(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(206, content=b"abc")

    monkeypatch.setattr(far.client, "_stored", httpx.Client(transport=httpx.MockTransport(bucket)))

    answer = far.client.bytes("/x", most=10, headers={"Range": "bytes=0-2"})

    assert answer.body == b"abc"
    assert "authorization" not in seen[0].headers
    assert seen[0].headers["range"] == "bytes=0-2"
    assert far.client.link("/x") == "https://bucket.example/x?sig=1"


def test_an_answer_is_bounded() -> None:
    """Of a problem too, which is read as far as its bound."""

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    for status in (200, 500):
        far = Far(answers(httpx.Response(status, content=endless())))
        with pytest.raises(MorelikeError, match="more than") as caught:
            far.client.bytes("/x", most=1000)
        assert (f"{LARGEST_PROBLEM:,}" if status == 500 else "1,000") in str(caught.value)


def test_an_answer_of_another_version_is_a_sentence() -> None:
    """It names both versions."""
    told = {"version": "9.9.9", "library": "x", "modalities": []}
    far = Far(answers(httpx.Response(200, json=told)))

    with pytest.raises(MorelikeError, match=r"not as expected.*9\.9\.9"):
        connect(far.client, Settings())


@pytest.mark.parametrize(
    "address",
    ["", "far.example", "ftp://far.example", "https://", "https://far.example?x=1", "https://me:secret@far.example"],
)
def test_a_bad_address_is_refused(address: str) -> None:
    """And a password in it is not repeated."""
    with pytest.raises(UsageError) as caught:
        address_of(address)
    assert "secret" not in str(caught.value)


def test_a_key_with_strange_characters_is_refused_unshown() -> None:
    """It would break the header."""
    with pytest.raises(UsageError) as caught:
        Client("https://far.example", "ml_secret\r\nX: y")
    assert "secret" not in str(caught.value)


def test_a_key_on_an_open_line_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """Once, without it; not on this machine, not with TLS, not without a key."""
    with caplog.at_level(logging.WARNING, "morelike"):
        for address, key in (
            ("http://far.example", KEY),
            ("http://127.0.0.1:8000", KEY),
            ("https://far.example", KEY),
            ("http://far.example", ""),
        ):
            Far(answers(httpx.Response(200)), address, key).client.close()

    (record,) = caplog.records
    assert "unencrypted" in record.getMessage()
    assert KEY not in record.getMessage()


def test_nothing_shows_the_key() -> None:
    """Neither a repr of the client nor one of the settings."""
    settings = Settings(server="https://far.example", api_key=KEY)

    assert KEY not in repr(settings) + repr(Far(answers(httpx.Response(200))).client)


def test_a_body_is_made_anew_for_each_attempt() -> None:
    """And what goes wrong in making it is told as it is."""
    made: list[int] = []

    def chunks() -> Iterator[bytes]:
        made.append(1)
        yield b"one"
        yield b"two"

    bodies: list[bytes] = []

    def handle(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        return problem(503, "store-busy", **{"retry-after": "0"}) if len(bodies) == 1 else httpx.Response(200, json={})

    far = Far(handle)
    far.client.form("/x", "text/plain", chunks)
    assert bodies == [b"onetwo", b"onetwo"]

    def broken() -> Iterator[bytes]:
        yield b"one"
        raise SourceError("the disk is gone")

    with pytest.raises(SourceError, match="the disk is gone"):
        far.client.form("/x", "text/plain", broken)


def test_an_upload_waits_for_a_busy_server() -> None:
    """Longer than a person would, until it is told to end."""
    busy = problem(503, "too-busy", **{"retry-after": "1"})

    patient = Far(answers(*[busy] * 3 * ATTEMPTS, httpx.Response(200, json={"ok": 1})))
    assert patient.client.form("/x", "text/plain", lambda: [b"x"], lambda: True) == {"ok": 1}
    assert max(patient.pauses) <= LONGEST_PAUSE

    told = iter([True] * 10)
    ended = Far(answers(busy))
    with pytest.raises(TooBusy):
        ended.client.form("/x", "text/plain", lambda: [b"x"], lambda: next(told, False))
    assert len(ended.requests) == 11


def test_readiness_is_told_well_or_not() -> None:
    """503 with the parts that fail is an answer; any other 503 is none."""
    document: dict[str, Any] = {"type": "urn:morelike:problem:not-ready", "detail": "blobs: gone", "failing": ["blobs"]}
    unwell = httpx.Response(503, json=document, headers={"content-type": "application/problem+json"})

    assert Far(answers(unwell)).client.ready()["failing"] == ["blobs"]
    assert Far(answers(httpx.Response(200, json={"status": "ready"}))).client.ready() == {"status": "ready"}
    with pytest.raises(TooBusy):
        Far(answers(problem(503, "too-busy"))).client.ready()
