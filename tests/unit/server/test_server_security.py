"""Who gets in, and what nobody gets: keys, sessions, other sites' pages, files and machines that are not theirs."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from serving_library import API, PHOTOS, Served, bearer, pictures_in, problem_in, running
from starlette.datastructures import URL
from starlette.requests import Request

from morelike.library import Library
from morelike.records import Role
from morelike.server import security
from morelike.server.options import ServerOptions, is_loopback
from morelike.server.security import Sessions
from morelike.testing.images import write_images

PAGES = ("/", "/docs", "/openapi.json", "/healthz", f"{API}/collections", "/nope", "/static/docs.js", PHOTOS)


@pytest.mark.parametrize("place", PAGES)
def test_every_answer_keeps_the_browser_in(reading: Served, place: str) -> None:
    """Failures too: nothing from outside, no framing, no sniffing, no referrer."""
    headers = reading.client.get(place).headers
    policy = headers["content-security-policy"]

    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "server" not in headers


# -- without keys: only this machine, and not in the name of other sites


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "10.0.0.1", "a b", ""]
)
def test_other_names_are_refused_without_keys(reading: Served, host: str) -> None:
    """A name that was bent to loopback (DNS rebinding) reads nothing."""
    problem_in(reading.client.get(f"{API}/collections", headers={"Host": host}), 403)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", "photos.localhost", "127.8.9.1"])
def test_this_machines_names_are_let_in(reading: Served, host: str) -> None:
    """However loopback is written, with a port or without."""
    for name in (host, f"{host}:{reading.port}"):
        assert reading.client.get(f"{API}/collections", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_another_sites_page_changes_nothing(reading: Served, headers: dict[str, str]) -> None:
    """Forms, fetches and scripts of other sites are refused before the body is read."""
    for place, body in ((f"{API}/collections", {"name": "x"}), (f"{PHOTOS}/search", {"examples": []})):
        problem_in(reading.client.post(place, json=body, headers=headers), 403)
    problem_in(reading.client.delete(PHOTOS, headers=headers), 403)
    assert reading.client.get(PHOTOS).status_code == 200


def test_another_sites_page_reads_nothing(reading: Served) -> None:
    """Not even as a picture; a link that a person follows works."""
    place = f"{PHOTOS}/items/{reading.item()}/content"
    problem_in(reading.client.get(place, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}), 403)

    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert reading.client.get("/", headers=followed).status_code == 200


def test_our_own_page_may(reading: Served) -> None:
    """The same origin is let through, and so are programs, which send none."""
    own = {"Origin": reading.url, "Sec-Fetch-Site": "same-origin"}

    assert reading.search(examples=[{"item": reading.item()}]).status_code == 200
    assert reading.client.post(f"{PHOTOS}/search", json={"examples": [{"text": "red"}]}, headers=own).status_code == 200


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("10.1.2.3", False)],
)
def test_what_counts_as_this_machine(host: str, local: bool) -> None:
    """Loopback alone does; all other addresses need keys."""
    assert is_loopback(host) is local
    assert ServerOptions(host).local is local


# -- with keys


@pytest.fixture
def keys(library: Library) -> dict[str, str]:
    roles: tuple[Role, ...] = ("reader", "writer", "admin")
    return {role: library.keys.make(f"the {role}", role) for role in roles}


@pytest.fixture
def locked(library: Library, keys: dict[str, str]) -> Iterator[Served]:
    """A server whose library has a key of each role."""
    with running(library) as serving:
        yield serving


MATRIX = [
    ("GET", "/healthz", None, None),
    ("GET", "/static/docs.js", None, None),
    ("GET", "/login", None, None),
    ("GET", "/readyz", None, "reader"),
    ("GET", "/metrics", None, "reader"),
    ("GET", "/openapi.json", None, "reader"),
    ("GET", f"{API}/collections", None, "reader"),
    ("GET", f"{API}/encoders", None, "reader"),
    ("GET", f"{API}/storage", None, "reader"),
    ("GET", f"{API}/jobs", None, "reader"),
    ("GET", f"{PHOTOS}/items", None, "reader"),
    ("GET", f"{PHOTOS}/items/aaaaaa/content", None, "reader"),
    ("POST", f"{PHOTOS}/search", {"examples": [{"text": "red"}]}, "reader"),
    ("POST", f"{API}/search", {"examples": [{"text": "red"}]}, "reader"),
    ("POST", f"{PHOTOS}/items", {"sources": ["https://203.0.113.9/x"]}, "writer"),
    ("PATCH", f"{PHOTOS}/items/aaaaaa", {"add_tags": ["x"]}, "writer"),
    ("DELETE", f"{PHOTOS}/items/aaaaaa", None, "writer"),
    ("DELETE", f"{API}/jobs/{'0' * 32}", None, "writer"),
    ("POST", f"{API}/jobs/{'0' * 32}/retry", None, "writer"),
    ("POST", f"{API}/collections", {"name": "made", "encoder": "classic"}, "admin"),
    ("DELETE", f"{API}/collections/made", None, "admin"),
    ("POST", f"{PHOTOS}/reembed", {"encoder": "classic"}, "admin"),
    ("POST", f"{PHOTOS}/dedup", {}, "admin"),
    ("POST", f"{PHOTOS}/dedup/undo", {}, "admin"),
    ("POST", f"{PHOTOS}/distinct", {"items": ["aaaaaa", "bbbbbb"]}, "writer"),
    ("POST", f"{PHOTOS}/calibrate", {}, "admin"),
]
ORDER = ["", "reader", "writer", "admin"]


def test_each_role_may_do_its_part(locked: Served, keys: dict[str, str]) -> None:
    """No key: 401; a lesser role: 403; else the route itself answers."""
    for method, place, body, needed in MATRIX:
        for role in ORDER:
            headers = bearer(keys[role]) if role else {}
            answer = locked.client.request(method, place, json=body, headers=headers)
            allowed = needed is None or (role and ORDER.index(role) >= ORDER.index(needed))
            if not role and not allowed:
                assert problem_in(answer, 401)["hint"], place
                assert answer.headers["www-authenticate"].startswith("Bearer")
            elif not allowed:
                assert f"role {needed}" in problem_in(answer, 403)["detail"], place
            else:
                assert answer.status_code not in (401, 403), (method, place, role, answer.text)


def test_no_other_word_is_a_key(locked: Served) -> None:
    """Malformed and unknown ones are all the same 401."""
    for value in [
        "Bearer",
        "Bearer x",
        f"Bearer ml_{'A' * 43}",
        "Basic eDp5",
        "ml_x",
        b"Bearer \xe9\xff",
        "Bearer a b",
    ]:
        problem_in(locked.client.get(f"{API}/collections", headers={"Authorization": value}), 401)


def test_the_role_is_asked_before_the_body(locked: Served, keys: dict[str, str]) -> None:
    """A reader's upload is refused without a word of it being read as a form."""
    answer = locked.client.post(
        f"{PHOTOS}/items",
        content=b"nonsense",
        headers={**bearer(keys["reader"]), "Content-Type": "multipart/form-data"},
    )

    problem_in(answer, 403)


def test_a_dropped_key_stops(locked: Served, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the time that a key is trusted unasked."""
    monkeypatch.setattr(security, "TRUSTED_FOR", 0.0)
    headers = bearer(keys["reader"])
    assert locked.client.get(PHOTOS, headers=headers).status_code == 200

    locked.library.keys.drop("the reader")

    problem_in(locked.client.get(PHOTOS, headers=headers), 401)


def test_the_first_key_locks_the_door(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that runs without keys asks for one as soon as there is one."""
    monkeypatch.setattr(security, "TRUSTED_FOR", 0.0)
    served.client.get(PHOTOS)  # the server's own word from before counts no more
    served.parts.doorman._needed = (False, 0.0)
    assert served.client.get(PHOTOS).status_code == 200

    key = served.library.keys.make("first", "reader")

    problem_in(served.client.get(PHOTOS), 401)
    assert served.client.get(PHOTOS, headers=bearer(key)).status_code == 200


def test_a_key_logs_a_browser_in(locked: Served, keys: dict[str, str]) -> None:
    """The form's key begins a session in a cookie that no script and no other site gets; logging out ends it."""
    with httpx.Client(base_url=locked.url, timeout=120) as browser:
        answer = browser.post("/login", data={"key": keys["writer"], "next": "/jobs?x=1"})
        cookie = answer.headers["set-cookie"]

        assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?x=1")
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert keys["writer"] not in cookie
        assert browser.get(PHOTOS).status_code == 200
        problem_in(browser.delete(PHOTOS), 403)

        token = browser.cookies[security.COOKIE]
        browser.post("/logout")
        browser.cookies.set(security.COOKIE, token)
        problem_in(browser.get(PHOTOS), 401)


def test_a_session_ends_with_its_key(locked: Served, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is dropped takes its browsers with it."""
    monkeypatch.setattr(security, "TRUSTED_FOR", 0.0)
    with httpx.Client(base_url=locked.url, timeout=120) as browser:
        browser.post("/login", data={"key": keys["reader"]})
        assert browser.get(PHOTOS).status_code == 200

        locked.library.keys.drop("the reader")

        problem_in(browser.get(PHOTOS), 401)


def test_a_login_leads_nowhere_else(locked: Served, keys: dict[str, str]) -> None:
    """``next`` is a path of this server or the first page."""
    for place in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "", "/a\nb"):
        answer = locked.client.post("/login", data={"key": keys["reader"], "next": place})

        assert answer.headers["location"] == "/", place


def test_a_wrong_key_does_not_log_in(locked: Served) -> None:
    """A program gets a problem, a browser the form again; neither gets a cookie."""
    problem_in(locked.client.post("/login", data={"key": "ml_x"}), 401)
    answer = locked.client.post("/login", data={"key": "ml_x"}, headers={"Accept": "text/html"})

    assert answer.headers["location"].startswith("/login?failed=1")
    assert "set-cookie" not in answer.headers


def test_pages_lead_to_the_login(locked: Served) -> None:
    """A browser without a session is led to the form, and back afterwards."""
    answer = locked.client.get("/c/photos?filter=x", headers={"Accept": "text/html"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fc%2Fphotos%3Ffilter%3Dx")


def test_a_host_with_a_path_opens_no_door(locked: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no key is needed is told by the request's own path, not by an address that the Host header is part of."""
    bent = property(lambda _: URL("http://any/login?/c/photos"))  # as Starlette before 1.0 reads `Host: any/login?`
    monkeypatch.setattr(Request, "url", bent)

    assert locked.client.get("/c/photos").status_code == 401
    assert locked.client.post("/c/photos/drop", data={"confirm": "photos"}).status_code == 401
    assert locked.library.collection("photos").count() == 6


FORMS = [
    ("/collections", "admin"),
    ("/c/photos/drop", "admin"),
    ("/c/photos/upload", "writer"),
    ("/c/photos/sources", "writer"),
    ("/c/photos/retry", "writer"),
    ("/i/photos/aaaaaa/remove", "writer"),
    ("/c/photos/ask", "reader"),
    ("/storage/doctor", "admin"),
]


def test_the_pages_forms_need_their_roles(locked: Served, keys: dict[str, str]) -> None:
    """What a key may not do through the API it may not do through the page."""
    for place, needed in FORMS:
        for role in ORDER[1:]:
            refused = ORDER.index(role) < ORDER.index(needed)
            answer = locked.client.post(place, data={"x": "y"}, headers=bearer(keys[role]))
            assert (answer.status_code == 403) is refused, (place, role)


@pytest.mark.parametrize("place", [f"{API}/jobs", "/jobs"])
def test_a_job_is_repeated_by_who_may_ask_for_it(library: Library, keys: dict[str, str], place: str) -> None:
    """A writer cannot have an admin's failed job done again, and may do so with one of a writer's."""
    with running(library, ServerOptions(port=0, job_workers=0)) as served:
        for kind, arguments, refused in (("doctor", {"fix": True}, True), ("tag", {"labels": ["x"]}, False)):
            job = library.jobs.add(kind, "" if kind == "doctor" else "photos", arguments)
            library.jobs.cancel(job.id)

            answer = served.client.post(f"{place}/{job.id}/retry", headers=bearer(keys["writer"]))

            assert (answer.status_code == 403) is refused, kind
            assert library.jobs.get(job.id).state == ("cancelled" if refused else "queued")


def test_sessions_run_out() -> None:
    """A session ends by itself; an unknown token is none."""
    sessions = Sessions(seconds=-1.0)

    assert sessions.key_digest(sessions.begin("digest")) is None
    assert Sessions().key_digest("nonsense") is None
    lasting = Sessions()
    token = lasting.begin("digest")
    assert lasting.key_digest(token) == "digest"
    lasting.end(token)
    assert lasting.key_digest(token) is None


# -- files of the server


def add(served: Served, *sources: str, **more: object) -> httpx.Response:
    return served.client.post(f"{PHOTOS}/items", json={"sources": list(sources), **more})


def test_sources_outside_the_allowed_folders(served: Served, pictures: Path, tmp_path: Path) -> None:
    """However a path is written, a job for it is never made."""
    write_images(tmp_path / "private", 1)
    (pictures / "out").symlink_to(tmp_path / "private")
    places = [
        "/etc/passwd",
        str(tmp_path / "private"),
        f"{pictures}/../private",
        f"{pictures}/out",
        f"{pictures}/out/00000.jpg",
        f"{pictures}/*/../../private/*",
        "s3://bucket/key",
    ]
    for place in places:
        problem_in(add(served, place), 403)
    for place in ("relative/path", "~", "\0", f"file://{pictures}", f"urls:{pictures}/x.txt"):
        problem_in(add(served, place), 422)
    problem_in(add(served, str(pictures), "/etc/passwd"), 403)

    assert served.client.get(f"{API}/jobs").json()["jobs"] == []


def test_sources_inside_are_added_by_a_job(served: Served, pictures: Path, tmp_path: Path) -> None:
    """What lies below is added; a link in it that leads out becomes a row of the ledger, and stays one on a retry."""
    secret = write_images(tmp_path / "private", 1, seed=900)[0]
    write_images(pictures / "new", 2, seed=50)
    (pictures / "new" / "link.jpg").symlink_to(secret)

    for source in ({"sources": [str(pictures / "new")]}, {"retry": True}):
        answer = served.client.post(f"{PHOTOS}/items", json=source)
        assert answer.status_code == 202
        job = served.library.jobs.watch(answer.json()["id"], 20)
        while job.state not in {"done", "failed"}:
            job = served.library.jobs.watch(job.id, 20, job)
        assert job.state == "done", job.error

    assert served.client.get(PHOTOS).json()["items"] == 8
    assert "does not lie below" in served.client.get(f"{PHOTOS}/rejected").json()["rejected"][0]["reason"]


def test_without_folders_only_addresses_are_sources(library: Library, pictures: Path) -> None:
    """A server that was given no folder adds from none."""
    settings = library.settings.model_copy(update={"allow_roots": ()})
    library.settings = settings
    with running(library) as served:
        problem = problem_in(add(served, str(pictures)), 403)

    assert "--allow-root" in problem["hint"]


def test_a_source_that_is_not_there_is_said_at_once(served: Served, pictures: Path) -> None:
    """No job is made for a spelling mistake."""
    problem_in(add(served, str(pictures / "nope")), 422)


def test_an_unconfined_library_is_not_served(settings_everywhere: Library) -> None:
    """One that may read every file of the machine is refused where the application is made."""
    from morelike.errors import UsageError
    from morelike.server.app import create_app

    with pytest.raises(UsageError, match="every file"):
        create_app(settings_everywhere)


@pytest.fixture
def settings_everywhere(server_settings: object, library: Library) -> Library:
    library.settings = library.settings.model_copy(update={"allow_roots": None})
    return library


# -- machines behind the server


class Visits:
    """A server that nobody should reach from outside, and who asked it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        visits = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                visits.asked.append(self.path)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def inside() -> Iterator[Visits]:
    visits = Visits()
    yield visits
    visits.close()


HIDING = [
    "127.0.0.1",
    "localhost",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "169.254.169.254",
    "10.0.0.1",
    "[fd00::1]",
    "[fe80::1]",
]


@pytest.mark.parametrize("host", HIDING)
def test_a_query_does_not_reach_inside(reading: Served, inside: Visits, host: str) -> None:
    """However a private address is written, nothing is sent to it, and the answer says so with a hint."""
    problem = problem_in(reading.search(examples=[{"url": f"http://{host}:{inside.port}/x.jpg"}]), 422)

    assert inside.asked == []
    assert problem["hint"] or "cannot be found" in problem["detail"] or "fetched" in problem["detail"]


def test_a_name_that_resolves_inside_is_refused(
    reading: Served, inside: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A public-looking name with a private address is refused, and asked for once: nothing can change in between."""
    real, asked = socket.getaddrinfo, []

    def resolve(host: object, *rest: object, **more: object) -> list[object]:
        if host == "rebind.example":
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]
        return list(real(host, *rest, **more))

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    problem = problem_in(reading.search(examples=[{"url": f"http://rebind.example:{inside.port}/"}]), 422)

    assert inside.asked == []
    assert len(asked) == 1
    assert "no public address" in problem["detail"]


@pytest.mark.parametrize(
    "url", ["http://user:secret@example.org/", "gopher://x/", "http://", "http://exa mple/", "//x/y"]
)
def test_odd_addresses_are_refused(reading: Served, url: str) -> None:
    """Passwords, other schemes and what is no address at all."""
    problem = problem_in(reading.search(examples=[{"url": url}]), 422)

    assert "secret" not in json.dumps(problem)


def test_an_address_as_a_source_is_only_checked_by_its_form(served: Served) -> None:
    """The job fetches it, through the same guard; one with a password is refused at once."""
    problem_in(add(served, "http://user:secret@example.org/x.jpg"), 422)


def test_a_source_does_not_reach_inside(served: Served, inside: Visits, pictures: Path) -> None:
    """A job for a private address, or a list of them, fails in the ledger; nothing is sent."""
    (pictures / "list.txt").write_text(f"http://127.0.0.1:{inside.port}/a.jpg\nhttp://localhost:{inside.port}/b.jpg\n")
    answer = add(served, f"http://127.0.0.1:{inside.port}/c.jpg", str(pictures / "list.txt"))
    job = served.library.jobs.watch(answer.json()["id"], 20)
    while job.state not in {"done", "failed"}:
        job = served.library.jobs.watch(job.id, 20, job)

    rows = served.client.get(f"{PHOTOS}/rejected").json()["rejected"]

    assert inside.asked == []
    assert len(rows) == 3
    assert all("no public address" in row["reason"] for row in rows)


def test_pictures_themselves_are_found(served: Served, pictures: Path) -> None:
    """The tests' own footing: the same search without tricks answers."""
    with pictures_in(pictures)[0].open("rb") as stream:
        assert served.client.post(f"{PHOTOS}/search", files={"example": stream}).status_code == 200
