"""All older servers: what a compat port has, whichever it is, and that it has nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from compat_http import ask
from compat_ports import REAL
from compat_servers import CompatServers, compat_server

from morelike.server.compat.older import OLDER, parse

ROUTES = {
    "audio": """
        GET /data, GET /progress, POST /audio/load, POST /audio/search, POST /audio/search/local, GET /audio/count,
        POST /audio/drop, GET /getAudio, GET /getSpectrogram, POST /audio/insert
    """,
    "dna": """
        POST /text/load, GET /text/search, POST /text/count, POST /text/drop
    """,
    "image": """
        GET /data, GET /progress, POST /img/load, POST /img/upload, POST /img/search, POST /img/count, POST /img/drop,
        POST /api/v1/train, GET /api/v1/process, POST /api/v1/count, POST /api/v1/delete, POST /api/v1/search,
        GET /data/{image_name}
    """,
    "image-objects": """
        GET /data, GET /progress, POST /img/load, POST /img/search, POST /img/count, POST /img/drop
    """,
    "image-text": """
        GET /countTable, GET /getImage, POST /getSimilarResult
    """,
    "molecule": """
        GET /data, GET /progress, POST /data/load, POST /data/search, POST /data/count, POST /data/drop
    """,
    "objects3d": """
        GET /progress, POST /img/load, POST /img/search, POST /img/count, POST /img/drop
    """,
    "qa": """
        POST /qa/load_data, GET /qa/search, GET /qa/answer, POST /qa/count, POST /qa/drop
    """,
    "text": """
        POST /load, GET /search, POST /count, POST /drop, POST /text/load, GET /text/search, POST /text/count,
        POST /text/drop
    """,
    "video": """
        GET /data, GET /progress, POST /video/load, POST /video/search, POST /video/count, POST /video/drop
    """,
    "video-objects": """
        GET /data, GET /video/getVideo, GET /progress, POST /image/load, POST /image/count, POST /image/drop,
        POST /video/search
    """,
    "image-engine": """
        GET /, POST /meta/image/file, GET /meta/image, DELETE /meta/image/images, DELETE /meta/image/{meta_uuid},
        GET /meta/image/count, GET /meta/image/{meta_uuid}, POST /sample/file, POST /dev/init, POST /dev/flush,
        POST /dev/file_url, POST /dev/db_reconnect, POST /dev/show_mem
    """,
}
"""As the older servers had them."""
OURS = ("/api/v1/collections", "/api/v1/encoders", "/api/v1/jobs", "/healthz", "/readyz", "/metrics", "/login")
ORIGIN = "http://localhost:8001"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompatServers]:
    with compat_server(tmp_path_factory.mktemp("all") / "library", *OLDER) as found:
        yield found


@pytest.fixture(params=OLDER)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def test_the_port_is_the_one_that_its_clients_have(name: str) -> None:
    """Where ``--compat NAME`` says nothing else."""
    assert [asked.port for asked in parse([name])] == [REAL[name]]


def routes_of(name: str) -> set[tuple[str, str]]:
    """(method, path)"""
    pairs = (route.split() for route in ROUTES[name].split(","))
    return {(method, path) for method, path in pairs}


def test_it_has_its_routes_and_no_others(servers: CompatServers, name: str) -> None:
    """``/docs`` and ``/openapi.json`` are there, and describe them; what the library itself or another server has is
    not.
    """
    client = servers.client(name)
    described = client.get("/openapi.json").json()["paths"]
    mine = {(method.upper(), path) for path in described for method in described[path]}

    assert routes_of(name) <= mine
    assert client.get("/docs").status_code == 200
    for path in OURS:
        assert client.get(path).status_code == 404, path
    for method, path in {route for other in ROUTES for route in routes_of(other)} - mine:
        if "{" not in path:
            assert ask(method, client.base + path).status_code in (404, 405), path


def test_any_page_may_ask_beforehand(servers: CompatServers, name: str) -> None:
    """A browser's preflight for each route is answered with leave, whatever the method and the headers."""
    wanted = {"Access-Control-Request-Headers": "content-type,x-requested-with"}
    for method, path in routes_of(name):
        asking = {"Origin": ORIGIN, "Access-Control-Request-Method": method, **wanted}
        answer = servers.client(name).options(path, headers=asking)

        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        assert method in answer.headers["access-control-allow-methods"]
        assert "content-type" in answer.headers["access-control-allow-headers"]


def test_an_answer_that_says_no_may_be_read_too(servers: CompatServers, name: str) -> None:
    """Without that header a web client sees no sentence, only that something failed."""
    answer = servers.client(name).get("/no/such/route", headers={"Origin": ORIGIN})

    assert answer.status_code == 404
    assert answer.headers["access-control-allow-origin"] == "*"
    said = answer.json()
    if name == "image-text":
        assert said == ["Error with GET /no/such/route: not found", 400]
    else:
        assert said["succeed" if name == "image-engine" else "status"] is False
