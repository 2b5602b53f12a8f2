"""The language of a page: who chooses it, how long it is kept, and that its files are whole."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

import morelike
from morelike.server.app import create_app
from morelike.server.pages import language
from morelike.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
PAGE = {"Accept": "text/html"}


def asked(accept: str = "", cookie: str = "") -> Request:
    headers = [(b"accept-language", accept.encode("latin-1")), (b"cookie", cookie.encode("latin-1"))]
    return Request({"type": "http", "headers": headers})


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """An empty library, and one with a collection named ``photos``."""
    with morelike.open(settings.model_copy(update={"allow_roots": ()})) as library:
        library.collection("photos", modality="image", encoder="classic")
        with TestClient(
            create_app(library), base_url="http://127.0.0.1", headers=PAGE, follow_redirects=False
        ) as opened:
            yield opened


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("ZH-Hant-TW", "zh"),
        ("en-GB,zh;q=0.9", "en"),
        ("fr,de;q=0.9", "en"),
        ("fr,zh;q=0.2,en;q=0.7", "en"),
        ("fr;q=0.9,zh;q=0.4", "zh"),
        ("zh;q=0,en;q=0.1", "en"),
        ("zh;q=0", "en"),
        ("*", "en"),
        ("zh;q=much,en;q=0.1", "en"),
        ("zh;q=nan", "en"),
        ("zh;q=7", "en"),
        (";;,,q=1;zh", "en"),
        ("fr," * 5000 + "zh", "en"),
        ("../../zh", "en"),
    ],
)
def test_what_the_browser_asks_for(accept: str, expected: str) -> None:
    """The dearest language that there is; nonsense, refusals and what is beyond the first 500 letters count nothing."""
    assert language.language_of(asked(accept)) == expected


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        ("morelike_language=zh", "zh"),
        ("morelike_language=en", "en"),
        ("morelike_language=fr", "zh"),
        ("morelike_language=../../etc/passwd", "zh"),
        ("morelike_language=", "zh"),
        ("other=en", "zh"),
    ],
)
def test_what_was_chosen_goes_first(cookie: str, expected: str) -> None:
    """A choice is above what the browser asks for; one that there is not is none."""
    assert language.language_of(asked("zh-CN", cookie)) == expected


def test_a_page_says_its_language(client: TestClient) -> None:
    """In its root and in a header; what lies between must know that it depends on who asks."""
    for wanted in ("zh", "en"):
        answer = client.get("/jobs", headers={"Accept-Language": wanted})

        assert f'<html lang="{wanted}">' in answer.text
        assert answer.headers["content-language"] == wanted
        assert {"Accept-Language", "Cookie"} <= set(answer.headers["vary"].split(", "))


def test_a_choice_is_kept(client: TestClient) -> None:
    """For a year, from every page back to the same one with its query; no script reads it."""
    here = "http://127.0.0.1/c/photos?filter=width+%3E+1&text=a%26b"
    answer = client.post("/language", data={"language": "zh"}, headers={"Referer": here})
    cookie = SimpleCookie(answer.headers["set-cookie"])[language.COOKIE]

    assert (answer.status_code, answer.headers["location"]) == (303, "/c/photos?filter=width+%3E+1&text=a%26b")
    assert (cookie.value, cookie["max-age"], cookie["path"]) == ("zh", str(365 * 24 * 3600), "/")
    assert (bool(cookie["httponly"]), cookie["samesite"], bool(cookie["secure"])) == (True, "lax", False)
    assert '<html lang="zh">' in client.get("/", headers={"Accept-Language": "en"}).text


@pytest.mark.parametrize(
    ("referer", "led"),
    [
        ("", "/"),
        ("https://evil.example/c/photos", "/"),
        ("http://127.0.0.1//evil.example/x", "/"),
        ("http://127.0.0.1/\\evil.example", "/"),
        ("http://127.0.0.1/c/photos\r\nSet-Cookie: a=b", "/c/photos"),
        ("javascript:alert(1)", "/"),
        ("http://[::1/c/photos", "/"),
        ("http://127.0.0.1/c/photos/upload", "/c/photos"),
        ("http://127.0.0.1/c/photos/upkeep/dedup?x=1", "/c/photos/upkeep"),
        ("http://127.0.0.1/nowhere/at/all", "/"),
        ("http://127.0.0.1" + "/x" * 3000, "/"),
    ],
)
def test_a_choice_leads_back_to_pages_alone(client: TestClient, referer: str, led: str) -> None:
    """Never elsewhere; from what was only the answer to a form to the page above it."""
    answer = client.post("/language", data={"language": "en"}, headers={"Referer": referer})

    assert answer.status_code == 303
    assert answer.headers["location"].split("Set-Cookie")[0].rstrip() == led
    assert len(answer.headers.get_list("set-cookie")) == 1


@pytest.mark.parametrize("chosen", ["fr", "", "zh\r\nX: y", "../zh", "zh" * 1000])
def test_a_language_that_there_is_not(client: TestClient, chosen: str) -> None:
    """Is refused with those that there are, and nothing is kept."""
    answer = client.post("/language", data={"language": chosen})

    assert answer.status_code == 400
    assert "en, zh" in answer.text
    assert "set-cookie" not in answer.headers
    assert client.post("/language", data={}).status_code == 400
    assert client.post("/language", files={"language": ("zh", b"zh")}).status_code == 400


def test_failures_speak_the_language(client: TestClient) -> None:
    """A page that there is not says so in the reader's language, as far as the sentence is the page's own."""
    said = client.get("/nowhere", headers={"Accept-Language": "zh"})

    assert said.status_code == 404
    assert '<html lang="zh">' in said.text
    with language.speaking("zh"):
        assert language._("Not here") in said.text
        assert language._("Not here") != "Not here"


def test_sentences_are_said_and_filled() -> None:
    """Without values a sentence is said as it stands, a percent sign too; what nobody translated is English."""
    with language.speaking("zh"):
        assert language.spoken() == "zh"
        assert language._("100 % of %(nothing)s that anybody translated") == (
            "100 % of %(nothing)s that anybody translated"
        )
        assert language.ngettext("%(n)s of no kind", "%(n)s of no kinds", 2, n=2) == "2 of no kinds"
    assert language.spoken() == "en"
    assert language._("Not here") == "Not here"


def test_the_files_of_the_languages_are_whole() -> None:
    """Each sentence of the code is translated, with its fields; all files are as ``scripts/strings`` writes them."""
    command = [sys.executable, ROOT / "scripts" / "strings", "--check"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)

    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout[-4000:]


@pytest.mark.parametrize(
    "template", sorted((ROOT / "src/morelike/server/templates").rglob("*.html")), ids=lambda one: one.name
)
def test_templates_say_only_sentences_of_their_own(template: Path) -> None:
    """What ``_`` and ``ngettext`` of a template are given counts as markup: a variable goes through ``said``."""
    text = template.read_text(encoding="utf-8")

    assert re.findall(r"\b(?:_|n?gettext)\(\s*(?![\"'])\S+", text) == []
