"""For those who run it: alive and ready, what it counts, what it logs."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
from serving_library import PHOTOS, Served, bearer, problem_in, running

from morelike.errors import StoreUnreachable
from morelike.library import Library
from morelike.server import logs


def test_alive_and_ready(reading: Served) -> None:
    """Both answer; neither needs anything of the request."""
    assert reading.client.get("/healthz").json() == {"status": "ok"}
    assert reading.client.get("/readyz").json() == {"status": "ready"}


def test_not_ready_names_the_part(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 says which part does not answer; the process is alive all the same."""
    monkeypatch.setattr(Library, "failing", lambda _: {"vectors": "they are gone"})

    problem = problem_in(served.client.get("/readyz"), 503)

    assert problem["failing"] == ["vectors"]
    assert "they are gone" in problem["detail"]
    assert served.client.get("/healthz").status_code == 200


def test_a_damaged_catalog_is_not_ready(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library itself finds out, by asking."""
    from morelike.errors import StoreDamaged

    def fail() -> None:
        raise StoreDamaged("no such table")

    monkeypatch.setattr(served.library._stores.catalog, "collections", fail, raising=False)

    assert problem_in(served.client.get("/readyz"), 503)["failing"] == ["catalog"]


@pytest.mark.parametrize("keyed", [False, True])
def test_nobody_can_say_who_asks(library: Library, monkeypatch: pytest.MonkeyPatch, keyed: bool) -> None:
    """A catalog that does not answer when it is asked for keys: the process is alive, ``readyz`` names the catalog, and
    nobody else is let in.
    """
    headers = bearer(library.keys.make("one", "admin")) if keyed else {}

    def fail(*_: object) -> bool:
        raise StoreUnreachable("the catalog's server does not answer")

    monkeypatch.setattr(library.keys, "check" if keyed else "any", fail)
    with running(library, **headers) as served:
        alive, ready = served.client.get("/healthz"), served.client.get("/readyz")
        others = [served.client.get(path).status_code for path in (f"{PHOTOS}/items", "/metrics", "/")]

    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert problem_in(ready, 503)["failing"] == ["catalog"]
    assert others == [503] * 3


def metrics_of(served: Served) -> dict[str, float]:
    lines = [line for line in served.client.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_what_is_counted(served: Served) -> None:
    """Requests by template, stages of searches, items, ledger, jobs and queues."""
    served.search(examples=[{"item": served.item()}])
    served.upload(("broken.jpg", b"\xff\xd8\xff"))
    served.client.get("/nope")
    served.client.get(f"{PHOTOS}/items/{served.item()}")

    found = metrics_of(served)

    search = '{method="POST",route="/api/v1/collections/{collection}/search",status="200"}'
    assert found[f"morelike_request_seconds_count{search}"] == 1
    assert found['morelike_request_seconds_count{method="GET",route="none",status="404"}'] == 1
    one = '{method="GET",route="/api/v1/collections/{collection}/items/{item}",status="200"}'
    assert found[f"morelike_request_seconds_count{one}"] == 1
    assert found['morelike_search_stage_seconds_count{stage="catalog"}'] == 1
    assert found['morelike_items{collection="photos"}'] == 6
    assert found['morelike_rejected{collection="photos"}'] == 1
    assert found['morelike_work_waiting{queue="searches"}'] == 0
    assert found['morelike_encoder_payloads_total{encoder="toy-joint",work="add"}'] == 6
    assert not [name for name in found if served.item() in name]


def test_metrics_do_not_grow_with_paths(served: Served) -> None:
    """Paths and methods that somebody made up are counted together."""
    for number in range(5):
        served.client.get(f"/made-up/{number}")
        served.client.request("PROPFIND", "/healthz")

    names = [name for name in metrics_of(served) if "request_seconds_count" in name]

    assert sum("made-up" in name or "PROPFIND" in name for name in names) == 0
    assert sum('method="other"' in name for name in names) == 1


def test_a_request_keeps_a_sane_id(reading: Served) -> None:
    """A caller's own id comes back; one that could write into a log is replaced."""
    assert reading.client.get("/healthz", headers={"X-Request-ID": "abc-1.2_3"}).headers["x-request-id"] == "abc-1.2_3"
    for odd in ("a b", "x" * 65, 'a"b', ""):
        assert re.fullmatch(
            r"[0-9a-f]{16}", reading.client.get("/healthz", headers={"X-Request-ID": odd}).headers["x-request-id"]
        )


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the server writes, as JSON lines."""
    stream = io.StringIO()
    with logs.written("json", stream):
        yield stream


def test_one_line_a_request(library: Library, lines: io.StringIO) -> None:
    """Time, id, route, status, seconds, client and the key's name; never a key, a cookie or a query string."""
    key = library.keys.make("the key", "admin")
    with running(library) as served:
        headers = {**bearer(key), "X-Request-ID": "mine", "Cookie": "morelike_session=cookiesecret"}
        served.client.get(f"{PHOTOS}/items", params={"filter": "tag = 'querysecret'"}, headers=headers)

    written = [json.loads(line) for line in lines.getvalue().splitlines()]
    line = next(line for line in written if line.get("id") == "mine")

    assert (line["method"], line["status"], line["key"]) == ("GET", 200, "the key")
    assert line["route"] == "/api/v1/collections/{collection}/items"
    assert 0 < line["seconds"] < 30
    assert line["client"] == "127.0.0.1"
    assert line["time"].endswith("Z")
    assert key not in lines.getvalue()
    assert "secret" not in lines.getvalue()


def test_a_fault_has_its_traceback_under_the_same_id(
    library: Library, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line with the traceback names the request."""

    def fail(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Library, "collections", fail)
    with running(library) as served:
        served.client.get("/api/v1/collections", headers={"X-Request-ID": "faulty"})

    traced = [json.loads(line) for line in lines.getvalue().splitlines() if "traceback" in line]

    assert len(traced) == 1
    assert "faulty" in traced[0]["message"]
    assert "ZeroDivisionError" in traced[0]["traceback"]


def test_text_lines_cannot_be_forged() -> None:
    """A value with a line's end or a blank is quoted."""
    stream = io.StringIO()
    with logs.written("text", stream):
        logs.requests_log.info("x", extra={"fields": {"path": "/a\nb c", "status": 200}})

    assert len(stream.getvalue().splitlines()) == 1
    assert r'path="/a\nb c" status=200' in stream.getvalue()


def test_quiet_leaves_the_requests_out() -> None:
    """Only what goes wrong is written then; afterwards nothing goes to that stream."""
    stream = io.StringIO()
    with logs.written("text", stream, quiet=True):
        logs.requests_log.info("x", extra={"fields": {"path": "/"}})
        logging.getLogger("morelike.server").error("wrong")
    logging.getLogger("morelike.server").error("later")

    assert stream.getvalue().endswith("error wrong\n")
    assert "path" not in stream.getvalue()
