"""The pages as a program reads them: links, forms and failures, without a browser."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import morelike
from morelike.library import Library
from morelike.server.app import create_app
from morelike.server.options import ServerOptions
from morelike.server.pages import asked
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyJointEncoder

PAGE = {"Accept": "text/html"}


@pytest.fixture
def library(settings: Settings, tmp_path: Path) -> Iterator[Library]:
    """Four pictures in ``photos``, whose encoder knows pictures and colour words; one file that is none."""
    pictures = tmp_path / "pictures"
    write_images(pictures, 4, seed=1)
    (pictures / 'broken "<b>.jpg').write_bytes(b"\xff\xd8\xff\xe0 nothing")
    with morelike.open(settings.model_copy(update={"allow_roots": (pictures,)})) as opened:
        opened.collection("photos", modality="image", encoder=ToyJointEncoder()).add(pictures)
        yield opened


@pytest.fixture
def client(library: Library) -> Iterator[TestClient]:
    with TestClient(create_app(library, ServerOptions()), base_url="http://127.0.0.1", headers=PAGE) as client:
        yield client


def item_of(library: Library) -> str:
    return library.collection("photos").items()[0].id


def hits(text: str) -> list[str]:
    """The ids of the pictures of a page, in order."""
    return re.findall(r'data-item="([0-9a-f]+)"', text)


@pytest.mark.parametrize(
    "path",
    ["/", "/c/photos", "/c/photos/items", "/c/photos/add", "/c/photos/rejected", "/c/photos/upkeep", "/jobs", "/login"],
)
def test_every_page_is_html_without_anything_inline(client: TestClient, path: str) -> None:
    """A page has a title and one main heading, and nothing that the policy would refuse."""
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert len(re.findall(r"<h1[ >]", answer.text)) == 1
    assert re.search(r"<title>.+ · morelike</title>", answer.text)
    assert (
        re.findall(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)|javascript:|https?://(?!example)", answer.text)
        == []
    )


def test_words_are_asked(client: TestClient, library: Library) -> None:
    """Where the encoder understands words, words in the field become a search of their own address."""
    answer = client.post("/c/photos/ask", data={"q": "red things"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/c/photos?text=red+things")
    page = client.get(answer.headers["location"])

    expected = [hit.item for hit in library.collection("photos").search(text="red things", k=30)]
    assert hits(page.text) == expected


def test_an_id_is_asked(client: TestClient, library: Library) -> None:
    """An item's id, or its beginning, is an example."""
    item = item_of(library)
    answer = client.post("/c/photos/ask", data={"q": item[:10]}, follow_redirects=False)

    assert answer.headers["location"] == f"/c/photos?part=item%3A{item}"


def test_a_search_is_kept_and_added_to(client: TestClient, library: Library, tmp_path: Path) -> None:
    """An upload joins the search that the form names."""
    kept = f"part=item%3A{item_of(library)}"
    picture = (tmp_path / "pictures" / "00002.jpg").read_bytes()
    answer = client.post(
        "/c/photos/ask", data={"keep": kept}, files={"example": ("x.jpg", picture)}, follow_redirects=False
    )

    assert re.fullmatch(rf"/c/photos\?{kept}&part=upload%3A[\w-]{{22}}", answer.headers["location"])


def test_an_example_is_shown_as_a_rendering(client: TestClient, tmp_path: Path) -> None:
    """What was uploaded is never sent back as it came: only a picture that was drawn from it."""
    picture = (tmp_path / "pictures" / "00001.jpg").read_bytes() + b"<script>alert(1)</script>"
    answer = client.post("/c/photos/ask", files={"example": ("x.html", picture)})
    (token,) = set(re.findall(r"/q/([\w-]+)", answer.text))
    shown = client.get(f"/q/{token}")

    assert shown.headers["content-type"] == "image/jpeg"
    assert b"script" not in shown.content
    assert client.get("/q/AAAA").status_code == 404


@pytest.mark.parametrize(
    "words", ["/etc/passwd", "file:///etc/passwd", "~/.ssh/id_rsa", "http://127.0.0.1:9/x.png", "http://[::1]/x.png"]
)
def test_nothing_of_the_server_is_opened(client: TestClient, words: str, tmp_path: Path) -> None:
    """A path is words, and an address inside is refused: a query never opens a file or a service of the server."""
    answer = client.post("/c/photos/ask", data={"q": words}, follow_redirects=False)

    if words.startswith("http"):
        assert answer.status_code == 422
        assert "http" in html.unescape(answer.text)
    else:
        assert answer.headers["location"].startswith("/c/photos?text=")


def test_a_fragment_brings_the_next_page(client: TestClient, library: Library) -> None:
    """The fragment for further hits holds pictures alone, those behind the offset."""
    board = f"part=item:{item_of(library)}"
    whole = hits(client.get(f"/c/photos?{board}").text)
    rest = client.get(f"/c/photos/results?{board}&offset=1")

    assert "<html" not in rest.text
    assert hits(rest.text) == whole[1:]


def test_the_address_is_plain(client: TestClient, library: Library) -> None:
    """A form's empty fields do not end up in the address."""
    item = item_of(library)
    asked = f"/c/photos?part=item:{item}&weight=1&crop=&text=&filter=&threshold=-1"
    answer = client.get(asked, headers={"HX-Request": "true"})

    assert answer.headers["hx-push-url"] == f"/c/photos?part=item%3A{item}"


def test_names_are_text(client: TestClient) -> None:
    """A file's name is escaped wherever it stands."""
    text = client.get("/c/photos/rejected").text

    assert "<b>" not in text
    assert "broken &#34;&lt;b&gt;.jpg" in text


def test_files_come_in_by_a_plain_form(client: TestClient, library: Library, tmp_path: Path) -> None:
    """Without scripts the form itself adds files, and says what became of them."""
    (new,) = write_images(tmp_path / "new", 1, seed=99)
    answer = client.post(
        "/c/photos/upload",
        data={"tags": "a, b"},
        files=[("files", ("new.jpg", new.read_bytes())), ("files", ("no.jpg", b"nothing"))],
    )

    assert "1\u00a0item added." in answer.text
    assert "1 could not be used" in answer.text
    assert library.collection("photos").count(filter="tag = 'a' and tag = 'b'") == 1


def test_dropping_needs_the_name(client: TestClient, library: Library) -> None:
    """A form that does not confirm the collection's name drops nothing."""
    assert client.post("/c/photos/drop", data={"confirm": "other"}).status_code == 400
    assert [summary.name for summary in library.collections()] == ["photos"]
    assert client.post("/c/photos/drop", data={"confirm": "photos"}, follow_redirects=False).status_code == 303
    assert library.collections() == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/c/nowhere", 404),
        ("GET", "/i/photos/ffffffff", 404),
        ("GET", "/c/photos?part=nonsense", 400),
        ("GET", "/c/photos/items?filter=width%20%3E", 400),
        ("GET", "/c/photos/rejected?offset=x", 422),
        ("POST", "/jobs/ffffffffffffffffffffffffffffffff/cancel", 404),
        ("POST", "/c/photos/ask", 400),
    ],
)
def test_failures_are_pages(client: TestClient, method: str, path: str, status: int) -> None:
    """What goes wrong is said on a page, with the status that programs see."""
    answer = client.request(method, path)

    assert answer.status_code == status
    assert "<h1" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


def test_an_unknown_address_is_a_page_for_a_browser(client: TestClient) -> None:
    """Who types a wrong address gets a page; a program gets a problem document."""
    page = client.get("/nowhere", headers={"Accept": "text/html"})
    document = client.get("/api/v1/nowhere", headers={"Accept": "text/html"})

    assert (page.status_code, document.status_code) == (404, 404)
    assert "<h1" in page.text
    assert document.headers["content-type"] == "application/problem+json"


def test_a_full_queue_is_a_page(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no room is left the page says so, and when to come again."""
    monkeypatch.setattr(client.app.state.parts.searches, "_most", 0)  # type: ignore[attr-defined]
    answer = client.get("/c/photos")

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "<h1" in answer.text
    assert "morelike_refused_total 1.0" in client.get("/metrics").text


def test_upkeep_begins_jobs(client: TestClient, library: Library) -> None:
    """Each form queues its job, a look for duplicates as a dry run; the page then follows it."""
    for kind, fields, arguments in (
        ("calibrate", {}, {}),
        ("dedup", {"near": "on", "keep": "oldest"}, {"near": True, "keep": "oldest"}),
        ("dedup", {"keep": "best", "apply": "yes"}, {"near": False, "keep": "best", "apply": True}),
        ("reembed", {"encoder": "classic"}, {"encoder": "classic"}),
    ):
        answer = client.post(f"/c/photos/upkeep/{kind}", data=fields, follow_redirects=False)
        assert answer.status_code == 303
        job = library.jobs.get(answer.headers["location"].partition("job=")[2])
        assert (job.kind, job.collection, dict(job.arguments)) == (kind, "photos", arguments)
        assert job.id in client.get(answer.headers["location"]).text


@pytest.mark.parametrize("path", ["/c/photos/upkeep/nonsense", "/c/photos/upkeep/reembed"])
def test_upkeep_that_there_is_not(client: TestClient, path: str) -> None:
    """An unknown kind, or no encoder chosen, is said above the forms, and nothing is queued."""
    answer = client.post(path, data={})

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert client.app.state.library.jobs.list() == []  # type: ignore[attr-defined]


def test_a_new_collection_has_a_card_for_each_kind(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The choices become one list of cards; what is `auto` beside a named one is settled; options are seconds."""
    made: list[dict[str, object]] = []
    monkeypatch.setattr(Library, "collection", lambda self, name, **given: made.append(given))
    client.post("/collections", data={"name": "a", "modality": "image"}, follow_redirects=False)
    fields = {"name": "b", "modality": "video", "encoder-audio": "classic-audio", "window": "2s", "every": "500 ms"}
    client.post("/collections", data=fields, follow_redirects=False)

    assert made[0] == {"modality": "image", "encoder": "auto", "options": {}}
    assert made[1]["options"] == {"window": 2.0, "every": 0.5}
    chosen = str(made[1]["encoder"]).split(",")
    assert len(chosen) == 2
    assert chosen[1] == "classic-audio"


def test_nobody_is_sent_elsewhere(client: TestClient) -> None:
    """After logging in, or after a job's button, one stays on this server."""
    for place in ("//evil.example", "https://evil.example", "/\\evil.example"):
        assert "evil" not in client.get("/login", params={"next": place}).text
    job = client.app.state.library.jobs.add("calibrate", "photos", {})  # type: ignore[attr-defined]
    answer = client.post(f"/jobs/{job.id}/cancel", data={"back": "//evil.example"}, follow_redirects=False)

    assert answer.headers["location"] == "/jobs"


def test_uploads_are_held_one_at_a_time(client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight large examples of one form are not all in memory together: each goes to the bounded stash first."""
    steps: list[str] = []
    for name in ("uploaded", "stashed"):
        real = getattr(asked, name)
        monkeypatch.setattr(asked, name, lambda *given, name=name, real=real: (steps.append(name), real(*given))[1])
    pictures = sorted((tmp_path / "pictures").glob("[!b]*.jpg"))[:3]
    files = [("example", (path.name, path.read_bytes())) for path in pictures]
    answer = client.post("/c/photos/ask", files=files, follow_redirects=False)

    assert answer.status_code == 303
    assert steps == ["uploaded", "stashed"] * 3
