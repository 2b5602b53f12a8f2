"""What one request may cost: bytes, parts, depth, time, and room in the queues."""

from __future__ import annotations

import asyncio
import json
import select
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving_library import API, PHOTOS, Served, problem_in, running

from morelike.collection import OpenCollection
from morelike.errors import OriginalGone, StoreBusy, StoreFull, StoreReadOnly, TooBusy
from morelike.library import Library
from morelike.server import limits, patience
from morelike.server.limits import Gate
from morelike.server.routes import search as search_routes
from morelike.settings import Settings


@pytest.fixture
def server_settings(settings: Settings, pictures: Path) -> Settings:
    """Small limits, so that they are reached."""
    return settings.model_copy(
        update={
            "allow_roots": (pictures,),
            "max_upload_bytes": 200_000,
            "max_concurrent_searches": 1,
            "max_waiting_searches": 1,
        }
    )


def raw(served: Served, *chunks: bytes) -> bytes:
    """Send bytes as they are; all that comes back until the server closes, or a whole answer has come."""
    with socket.create_connection(("127.0.0.1", served.port), 120) as connection:
        for chunk in chunks:
            try:
                connection.sendall(chunk)
            except (BrokenPipeError, ConnectionResetError):
                break
        received = b""
        try:
            while data := connection.recv(65536):
                received += data
        except ConnectionResetError:
            pass
        return received


def test_an_announced_body_that_is_too_large(served: Served) -> None:
    """413 by its Content-Length alone, before anything of it is read."""
    head = f"POST {PHOTOS}/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"

    answer = raw(served, f"{head}Content-Length: 900000000\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"MORELIKE_MAX_UPLOAD_BYTES" in answer


def test_a_streamed_body_that_becomes_too_large(served: Served) -> None:
    """Without a Content-Length it is refused when it has grown too large."""
    part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'

    def chunks() -> Iterator[bytes]:
        yield part
        for _ in range(64):
            yield b"x" * 10_000

    with httpx.Client(base_url=served.url, timeout=120) as client:
        try:
            answer = client.post(
                f"{PHOTOS}/items", content=chunks(), headers={"Content-Type": "multipart/form-data; boundary=x"}
            )
        except httpx.WriteError:  # the server has closed while we were still sending
            return
    problem_in(answer, 413)


def test_json_is_bounded_apart(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON may be a megabyte at most, however large uploads may be."""
    assert limits.LARGEST_JSON == 1024**2

    problem_in(served.search(examples=[{"text": "x" * 300_000}]), 413)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"examples": [{"text": "\\ud800"}]}',
        b'{"k": NaN, "examples": [{"text": "red"}]}',
        b'{"k": 1e999, "examples": [{"text": "red"}]}',
        b"[" * 50_000,
        b'{"examples":' * 5_000,
        b'{"k": ' + b"9" * 5_000 + b"}",
    ],
)
def test_json_that_is_none(reading: Served, body: bytes) -> None:
    """Broken, deep and odd JSON is a client's mistake."""
    answer = reading.client.post(f"{PHOTOS}/search", content=body, headers={"Content-Type": "application/json"})

    assert problem_in(answer, answer.status_code)["status"] in (400, 422)


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"{}", 415),
        ("", b"{}", 415),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=x", b"nonsense", 400),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\n', 400),
        ("multipart/form-data; boundary=\xff".encode("latin-1"), b"--x", 400),
    ],
)
def test_bodies_that_cannot_be_read(reading: Served, kind: str | bytes, body: bytes, status: int) -> None:
    """A wrong type is 415, a broken form 400: neither is the server's fault."""
    for place in (f"{PHOTOS}/items", f"{PHOTOS}/search", f"{API}/search"):
        answer = reading.client.post(place, content=body, headers={"Content-Type": kind})
        assert problem_in(answer, answer.status_code)["status"] in (status, 422), place


def test_examples_are_counted(reading: Served) -> None:
    """More files than a query may have parts are refused before any is decoded."""
    files = [("example", (f"{number}.jpg", b"x")) for number in range(33)]

    problem_in(reading.client.post(f"{PHOTOS}/search", files=files), 400)


def test_a_full_folder_for_temporary_files(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload that finds no room on the way in is 507, and nothing of it is added."""
    import errno

    from starlette.datastructures import UploadFile

    async def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(UploadFile, "write", full)

    assert "TMPDIR" in problem_in(served.upload(("a.jpg", b"x" * 100)), 507)["hint"]


def test_who_waits_to_write_keeps_no_reader_waiting(served: Served) -> None:
    """While another writer has the library, dozens of changes wait, and reading goes on."""
    place = f"{served.url}{PHOTOS}/items/{served.item()}"

    with ThreadPoolExecutor(45) as pool:
        with served.library._stores.lock.hold("a long write"):
            changes = [
                pool.submit(httpx.patch, place, json={"add_tags": [f"t{number}"]}, timeout=300) for number in range(45)
            ]
            while served.parts.writes.waiting < 41:
                assert served.client.get("/healthz").status_code == 200
            assert served.client.get(f"{PHOTOS}/items").status_code == 200
            assert served.search(examples=[{"item": served.item()}]).status_code == 200
        assert {change.result().status_code for change in changes} == {200}

    assert len(served.client.get(place).json()["tags"]) == 45


def test_the_pages_changes_keep_no_reader_waiting(served: Served) -> None:
    """Forms that wait for the library's lock wait in the same queue as the API's, which nobody else stands in."""
    item = served.item()
    forms = [
        (f"/i/photos/{item}/tags", {"add": "x"}),
        (f"/i/photos/{item}/remove", {}),
        ("/collections", {"name": "made", "encoder": "classic"}),
        ("/c/photos/drop", {"confirm": "photos"}),
    ]

    for place, form in forms:
        with ThreadPoolExecutor(1) as pool:
            with served.library._stores.lock.hold("a long write"):
                change = pool.submit(httpx.post, f"{served.url}{place}", data=form, timeout=300)
                while not served.parts.writes.running and not change.done():
                    assert served.client.get("/healthz").status_code == 200
                assert served.parts.writes.running == 1, place
            assert change.result().status_code == 303


def test_one_request_fetches_so_many_addresses(reading: Served) -> None:
    """However its queries share them: each may be a large file. None is fetched where there are too many."""
    one = {"examples": [{"url": "http://192.0.2.1/x"}] * 13}

    assert "64 addresses" in problem_in(reading.search(queries=[one] * 5), 422)["detail"]


def test_the_addresses_of_a_request_share_one_memory(reading: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """What all of its queries fetch is held within one bound, not within one each."""
    made: list[object] = []
    real = search_routes.UrlBlobs
    monkeypatch.setattr(search_routes, "UrlBlobs", lambda settings: (made.append(settings), real(settings))[1])
    two = {"examples": [{"url": "http://127.0.0.1:1/x"}] * 2}
    answers = reading.search(queries=[two] * 2).json()["answers"]

    assert ["problem" in answer for answer in answers] == [True, True]
    assert len(made) == 1


def test_what_is_no_http(reading: Served) -> None:
    """Even that is answered with a problem document."""
    answer = raw(reading, b"GARBAGE\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer


def test_parts_are_counted(reading: Served) -> None:
    """More than a hundred files in one request are refused, and none of them is added."""
    problem_in(reading.upload(*[(f"{number}.jpg", b"x") for number in range(101)]), 400)

    assert reading.client.get(f"{PHOTOS}/rejected").json()["rejected"] == []


def test_an_upload_of_nothing(reading: Served) -> None:
    """A form without a file says what is missing."""
    answer = reading.client.post(f"{PHOTOS}/items", files={"tags": (None, "beach")})

    assert "`files`" in problem_in(answer, 422)["hint"]


@pytest.mark.parametrize("metadata", ["[1]", "nonsense", "{", "[" * 5000])
def test_metadata_of_an_upload_is_an_object(reading: Served, metadata: str) -> None:
    """Anything else is refused before a file is added."""
    problem_in(reading.upload(("a.jpg", b"x"), metadata=metadata), 422)


class Held:
    """Searches that wait until they are let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.let_go = threading.Event()
        self.began = threading.Semaphore(0)
        search = OpenCollection.search

        def held(collection: OpenCollection, *given: Any, **more: Any) -> Any:
            self.began.release()
            assert self.let_go.wait(120)
            return search(collection, *given, **more)

        monkeypatch.setattr(OpenCollection, "search", held)


def test_a_full_queue_says_so_at_once(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """One search runs, one waits, the third is 503 with Retry-After; the others are answered as ever."""
    held = Held(monkeypatch)
    query = {"examples": [{"item": served.item()}]}

    with ThreadPoolExecutor(2) as pool:
        first = [pool.submit(httpx.post, f"{served.url}{PHOTOS}/search", json=query, timeout=300) for _ in range(2)]
        assert held.began.acquire(timeout=120)
        while served.parts.searches.waiting < 1:
            httpx.get(f"{served.url}/healthz", timeout=120)
        refused = served.search(**query)
        assert problem_in(refused, 503)["type"].endswith("too-busy")
        assert int(refused.headers["retry-after"]) >= 1
        held.let_go.set()
        assert [future.result().status_code for future in first] == [200, 200]

    assert served.search(**query).status_code == 200
    assert "morelike_refused_total 1.0" in served.client.get("/metrics").text


def test_other_requests_pass_a_full_queue(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """While every search waits, the server still lists, shows and says that it is alive."""
    held = Held(monkeypatch)
    query = {"examples": [{"item": served.item()}]}

    with ThreadPoolExecutor(1) as pool:
        search = pool.submit(httpx.post, f"{served.url}{PHOTOS}/search", json=query, timeout=300)
        assert held.began.acquire(timeout=120)
        codes = {served.client.get(place).status_code for place in ("/healthz", "/readyz", PHOTOS, f"{PHOTOS}/items")}
        held.let_go.set()
        search.result()

    assert codes == {200}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TooBusy("x"), 503),
        (StoreBusy("x"), 503),
        (StoreReadOnly("x", hint="check who owns it"), 503),
        (StoreFull("x", hint="free some"), 507),
        (OriginalGone("x"), 410),
    ],
)
def test_what_the_library_raises(
    reading: Served, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    """Each of its errors has a status of its own; those that pass say when to come again."""

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(OpenCollection, "search", fail)

    answer = reading.search(examples=[{"item": reading.item()}])

    problem_in(answer, status)
    passes = not isinstance(error, StoreReadOnly)  # until somebody has made it writable
    assert ("retry-after" in answer.headers) is (status == 503 and passes)


def test_a_fault_is_not_shown(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody expected is 500 with the id under which the log has the traceback, and none of its words."""

    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("secret words")

    monkeypatch.setattr(OpenCollection, "search", fail)

    problem = problem_in(served.search(examples=[{"item": served.item()}]), 500)

    assert "secret" not in json.dumps(problem)
    assert problem["request_id"] in caplog.text
    assert "secret words" in caplog.text


def test_a_gate_counts_right() -> None:
    """What fails leaves the queue too."""

    async def try_it() -> tuple[int, int]:
        gate = Gate("tests", 1, 0)
        for _ in range(3):
            with pytest.raises(ValueError, match="no"):
                await gate.run(_fail)
        gate.close()
        return gate.running, gate.waiting

    with ThreadPoolExecutor(1) as pool:  # a browser's tests may have left a loop running in this thread
        assert pool.submit(asyncio.run, try_it()).result() == (0, 0)


def _fail() -> None:
    raise ValueError("no")


def test_slow_headers_are_given_up(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does not say what he wants is cut off, and so is an endless header."""
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.2)
    with running(library) as served:
        assert raw(served, b"GET / HTTP/1.1\r\nHost: loc") == b""
        assert raw(served, b"") == b""
        assert raw(served, b"GET / HTTP/1.1\r\n", *[b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(200)]) == b""
        monkeypatch.setattr(patience, "HEAD_SECONDS", 120.0)
        assert served.client.get("/healthz").status_code == 200


def test_a_body_that_stops_coming_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """408 after so many seconds of silence."""
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.2)
    head = f"POST {PHOTOS}/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

    answer = raw(served, f"{head}Content-Length: 100\r\n\r\n{{".encode())

    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_body_that_drips_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """408 where bytes come, but too few for the time that they take: silence is not the only way to hold on."""
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.3)
    head = f"POST {PHOTOS}/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=120) as connection:
        connection.sendall(f"{head}Content-Length: 100000\r\n\r\n".encode())
        with suppress(OSError):
            while not select.select([connection], [], [], 0.02)[0]:  # until it is answered no byte is the last
                connection.sendall(b" ")
        answer = connection.recv(100)

    assert answer.startswith(b"HTTP/1.1 408 ")


def test_the_login_form_is_small(served: Served) -> None:
    """Whoever has no key yet may send a few fields, and no more."""
    fields = {"key": "x" * 20_000}

    problem_in(served.client.post("/login", data=fields), 413)
    assert served.client.post("/login", data={"key": "ml_x"}).status_code == 401


def test_a_slow_address_holds_no_search(
    served: Served, monkeypatch: pytest.MonkeyPatch, fetch_held: Callable[[], threading.Event]
) -> None:
    """While a query waits for somebody else's server, other queries are answered."""
    let_go = fetch_held()
    query = {"examples": [{"url": "http://example.org/slow.jpg"}]}

    with ThreadPoolExecutor(3) as pool:
        slow = [pool.submit(httpx.post, f"{served.url}{PHOTOS}/search", json=query, timeout=300) for _ in range(3)]
        while served.parts.fetches.running < 3:
            assert served.search(examples=[{"item": served.item()}]).status_code == 200
        assert served.search(examples=[{"item": served.item()}]).status_code == 200
        let_go.set()
        assert {future.result().status_code for future in slow} == {422}


@pytest.fixture
def fetch_held(monkeypatch: pytest.MonkeyPatch) -> Callable[[], threading.Event]:
    """Addresses that answer only when they are let go, and then with an error."""
    from morelike.errors import SourceError
    from morelike.sources.fetch import Fetcher

    def hold() -> threading.Event:
        let_go = threading.Event()

        def fetch(*_: object) -> None:
            assert let_go.wait(120)
            raise SourceError("it did not answer")

        monkeypatch.setattr(Fetcher, "fetch", fetch)
        return let_go

    return hold


def test_an_iterator_that_ends_hangs_nobody() -> None:
    """No future can carry StopIteration: it comes out of a gate's thread as another error."""
    with pytest.raises(RuntimeError, match="iterator ended"):
        limits.whole(next, iter(()))
