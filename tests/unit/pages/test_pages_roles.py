"""What the pages offer, each key, and what they refuse: the same."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from every_page import ACTIONS, PAGES, PIECES, ROLES, addresses, fields_of, make_library, posts_of, routes_of
from starlette.testclient import TestClient

import morelike
from morelike.library import Library
from morelike.records import Role
from morelike.server import security
from morelike.server.app import create_app
from morelike.server.options import ServerOptions

PAGE = {"Accept": "text/html"}
NAMED = {"name": "photos", "collection": "photos", "item_id": "0" * 12, "job_id": "0" * 32, "kind": "none"}
UNSEEN = {
    "/c/{name}/compare/ask": "offered where two encoders are held against one another",
    "/c/{name}/upkeep/compare/drop": "offered where two encoders are held against one another",
    "/c/{name}/duplicates/alike": "takes back what was just done",
    "/c/{name}/upkeep/duplicates/back": "takes back what was just done",
    "/c/{name}/upkeep/duplicates/purge": "offered where something is set aside",
    "/jobs/{job_id}/cancel": "offered while a job is under way",
}
"""Actions that no page of the library offers as it is."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with morelike.open(make_library(tmp_path_factory.mktemp("every"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def keys(library: Library) -> dict[str, dict[str, str]]:
    """By role, the headers of its key."""
    roles: tuple[Role, ...] = ("reader", "writer", "admin")
    made = {role: library.keys.make(f"the {role}", role) for role in roles}
    return {"": {}, **{role: {"Authorization": f"Bearer {key}"} for role, key in made.items()}}


@pytest.fixture(scope="module")
def client(library: Library, keys: dict[str, dict[str, str]]) -> Iterator[TestClient]:  # with its keys
    app = create_app(library, ServerOptions(job_workers=0))
    with TestClient(app, base_url="http://127.0.0.1", headers=PAGE, follow_redirects=False) as opened:
        yield opened


def place_of(template: str) -> str:
    return template.format(**NAMED)


def needed_for(client: TestClient, path: str) -> str:
    """The role that a form's address needs: of the first route that takes it."""
    if path.startswith("/api/"):
        return "writer"
    for template, methods in routes_of(client.app):
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if "POST" in methods and re.fullmatch(pattern, path.partition("?")[0]):
            return ACTIONS[template]
    raise AssertionError(f"a form leads to {path}, which takes none")


def test_every_route_is_known(client: TestClient) -> None:
    """A page, a piece of one and an action each stand in a table, so that the tests here hold for all of them."""
    found = {
        method: {path for path, methods in routes_of(client.app) if method in methods} for method in ("GET", "POST")
    }
    others = {method for _, methods in routes_of(client.app) for method in methods} - {"GET", "HEAD", "POST"}

    assert found == {"GET": PAGES.keys() | PIECES.keys(), "POST": set(ACTIONS)}
    assert others == set()


def test_each_action_is_refused_below_its_role(client: TestClient, keys: dict[str, dict[str, str]]) -> None:
    """With too little of a key 403 as a page that says so, without any the form to log in; else it is looked at."""
    wrong = []
    for template, needed in ACTIONS.items():
        for role in ROLES:
            answer = client.post(place_of(template), data={"x": "y"}, headers=keys[role])
            if needed and not role:
                led = answer.status_code == 303 and answer.headers["location"].startswith("/login?next=%2F&ended=form")
                wrong += [] if led else [(template, role, answer.status_code)]
            elif (answer.status_code == 403) is not (ROLES.index(role) < ROLES.index(needed)):
                wrong.append((template, role, answer.status_code))
            elif answer.status_code == 403:
                assert f"the role {needed}" in answer.text

    assert wrong == []


def test_each_page_offers_what_is_not_refused(
    client: TestClient, library: Library, keys: dict[str, dict[str, str]]
) -> None:
    """No page has a form that its reader's key may not send, and an admin finds every action on some page."""
    refused, offered = [], set()
    for role in ROLES[1:]:
        for address in addresses(library):
            answer = client.get(address, headers=keys[role])
            assert answer.status_code == 200, address
            for path in posts_of(answer.text):
                needed = needed_for(client, path)
                if ROLES.index(role) < ROLES.index(needed):
                    refused.append((role, address, path))
                offered |= {
                    template for template in ACTIONS if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
                }

    assert refused == []
    assert ACTIONS.keys() - offered - UNSEEN.keys() - {"/logout"} == set()


def test_a_reader_sees_tags_and_no_form(client: TestClient, library: Library, keys: dict[str, dict[str, str]]) -> None:
    """The tags of an item are words to a reader, who cannot change them; a writer has a form for them."""
    photos = library.collection("photos")
    tagged, bare = (item.id for item in photos.items(limit=2))
    photos.tag([tagged], ["seen by all"])
    for role, forms in (("reader", 0), ("writer", 1), ("admin", 1)):
        for item in (tagged, bare):
            text = client.get(f"/i/photos/{item}", headers=keys[role]).text

            assert all(tag in text for tag in photos.item(item).tags)
            assert ('class="tags"' in text) is bool(forms or photos.item(item).tags)
            assert text.count(f'action="/i/photos/{item}/tags"') == text.count('id="add"') == forms


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "http://127.0.0.1:81"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1"},
    ],
    ids=str,
)
def test_no_action_is_another_sites(
    client: TestClient, keys: dict[str, dict[str, str]], headers: dict[str, str]
) -> None:
    """Whatever a page of another site sends with an admin's cookie is refused, the way in and out of a session too."""
    for template in ACTIONS:
        answer = client.post(place_of(template), data={"x": "y"}, headers={**keys["admin"], **headers})

        assert answer.status_code == 403, template
        assert "set-cookie" not in answer.headers


def test_a_collection_may_be_called_like_an_action(client: TestClient, library: Library) -> None:
    """What a form needs is told by its place in the address, not by a word that a name may be, too."""
    writer = {"Authorization": f"Bearer {library.keys.make('another writer', 'writer')}"}
    for name in ("upkeep", "drop", "ask"):
        library.collection(name, modality="image", encoder="classic")
        uploaded = client.post(f"/c/{name}/upload", files={"files": ("x.txt", b"x")}, headers=writer)
        dropped = client.post(f"/c/{name}/drop", data={"confirm": name}, headers=writer)
        library.drop(name)

        assert uploaded.status_code == 200, name
        assert dropped.status_code == 403, name


def test_a_session_that_ended_leads_back(client: TestClient, keys: dict[str, dict[str, str]], library: Library) -> None:
    """To the page where somebody was: of a form and of a part of a page, the page that they stood on."""
    item = fields_of(library)["item"]
    here = "http://127.0.0.1"
    cases = [
        ("POST", "/c/photos/retry", {"Referer": f"{here}/c/photos/rejected?x=1"}, "%2Fc%2Fphotos%2Frejected%3Fx%3D1"),
        ("POST", "/c/photos/sources", {"Referer": f"{here}/c/photos/sources"}, "%2Fc%2Fphotos"),
        ("POST", f"/i/photos/{item}/tags", {"Referer": "https://evil.example/c/photos"}, "%2F"),
        ("POST", "/c/photos/retry", {"Referer": f"{here}//evil.example/"}, "%2F"),
        ("POST", "/c/photos/retry", {"Referer": "http://[::1"}, "%2F"),
        (
            "GET",
            "/c/photos/results?x=1",
            {"HX-Request": "true", "HX-Current-URL": f"{here}/c/photos?x=1"},
            "%2Fc%2Fphotos%3Fx%3D1",
        ),
        ("GET", "/c/photos?x=1", {}, "%2Fc%2Fphotos%3Fx%3D1"),
    ]
    client.cookies.set("morelike_session", "over")
    for method, path, headers, led in cases:
        answer = client.request(method, path, headers=headers)
        ended = "form" if method == "POST" else "page"

        assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={led}&ended={ended}"), path
    client.cookies.clear()

    assert "was not done" in client.get("/login?ended=form").text
    assert "session has ended" in client.get("/login?ended=page").text
    assert client.post("/c/photos/retry", headers={"Accept": "*/*"}).status_code == 401
    assert client.get("/api/v1/collections").status_code == 401


def test_the_cookie_of_a_session(client: TestClient, library: Library) -> None:
    """No script reads it, no other site sends it, and over https it goes no other way; logging out takes it away."""
    key = library.keys.make("a browser", "reader")
    cookie = client.post("/login", data={"key": key}).headers["set-cookie"]
    client.cookies.clear()
    secure = client.post("https://127.0.0.1/login", data={"key": key}).headers["set-cookie"]
    client.cookies.clear()
    gone = client.post("/logout", headers={"Authorization": f"Bearer {key}"}).headers["set-cookie"]

    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))
    assert "Secure" not in cookie.split("; ")
    assert "Secure" in secure.split("; ")
    assert re.match(r'morelike_session="";.*Max-Age=0', gone)


def test_a_dropped_key_takes_its_pages_along(
    client: TestClient, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two seconds after a key was dropped at the latest, a browser that showed it is led to the form."""
    client.post("/login", data={"key": library.keys.make("short", "reader")})
    assert client.get("/jobs").status_code == 200
    library.keys.drop("short")
    later = time.monotonic() + 2.0
    monkeypatch.setattr(security, "time", SimpleNamespace(monotonic=lambda: later))
    led = client.get("/jobs")
    client.cookies.clear()

    assert (led.status_code, led.headers["location"]) == (303, "/login?next=%2Fjobs&ended=page")


@pytest.mark.parametrize("next", ["//evil.example", "/\\evil.example", "https://evil.example", "http://[", "/a\nb", ""])
def test_the_form_leads_nowhere_else(client: TestClient, next: str) -> None:
    """Where the form leads to is a path of this server, or the first page."""
    answer = client.get("/login", params={"next": next})

    assert answer.status_code == 200
    assert '<input type="hidden" name="next" value="/">' in answer.text
