"""The page of a collection's map, as a program reads it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import morelike
from morelike.access import ROLES
from morelike.library import Library
from morelike.server.app import create_app
from morelike.server.options import ServerOptions
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyJointEncoder

PAGE = {"Accept": "text/html"}
HOSTILE = '"><script>alert(1)</script>'
MAKE = "Make the map</button>"
ANEW = "Make it anew</button>"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Six pictures in ``photos``."""
    write_images(tmp_path / "pictures", 6, seed=1)
    settings = Settings(
        library=tmp_path / "library", models_cache=tmp_path / "models", offline=True, allow_roots=(tmp_path,)
    )
    with morelike.open(settings) as opened:
        opened.collection("photos", modality="image", encoder=ToyJointEncoder()).add(tmp_path / "pictures")
        yield opened


@pytest.fixture
def client(library: Library) -> Iterator[TestClient]:
    options = ServerOptions(job_workers=0)  # nobody works on jobs: they stay as a test leaves them
    with TestClient(create_app(library, options), base_url="http://127.0.0.1", headers=PAGE) as client:
        yield client


def text_of(client: TestClient, path: str = "/c/photos/map") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return html.unescape(answer.text)


def test_a_map_is_asked_for_once(client: TestClient, library: Library) -> None:
    """Without a map there is a button; it queues one job, which the page follows, whoever asks again."""
    assert MAKE in text_of(client)
    sent = [client.post("/c/photos/map", follow_redirects=False) for _ in range(2)]
    (job,) = library.jobs.list()

    assert [answer.headers["location"] for answer in sent] == [f"/c/photos/map?job={job.id}"] * 2
    assert (job.kind, job.collection, job.arguments) == ("map", "photos", {})
    text = text_of(client)
    assert f'events="/api/v1/jobs/{job.id}/events"' in text
    assert MAKE not in text
    library.jobs.cancel(job.id)
    assert MAKE in text_of(client)
    assert "Try again" in text_of(client, f"/c/photos/map?job={job.id}")


def test_a_map_is_shown_with_its_clusters(client: TestClient, library: Library) -> None:
    """The element knows where its points are, the legend has each cluster; it says that it is stale; nothing inline."""
    made = library.collection("photos").map()
    text = text_of(client)

    assert 'items="6"' in text
    assert 'api="/api/v1/collections/photos"' in text
    assert len(re.findall(r"<li data-cluster=", text)) == len(made.clusters)
    assert 'href="/c/photos/map" aria-current="page"' in text
    assert re.findall(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)|javascript:|https?://", text) == []
    assert ANEW not in text
    library.collection("photos").remove([made.items[0]])
    assert ANEW in text_of(client)
    assert re.search(r"<point-map [^>]+ stale>", text_of(client))


def test_each_kind_has_a_map_of_its_own(client: TestClient, library: Library) -> None:
    """The page offers the kinds that a collection compares; one that it has not is said, with those that there are."""
    assert 'aria-label="What is compared"' not in text_of(client)
    answer = client.get("/c/photos/map?kind=audio")
    assert "no vectors of the kind audio" in answer.text
    assert "there are: image" in html.unescape(answer.text)
    refused = client.post("/c/photos/map", data={"kind": "audio"}, follow_redirects=False)
    assert (refused.status_code, library.jobs.list()) == (409, [])


def test_what_cannot_be_mapped_is_said(client: TestClient, library: Library) -> None:
    """A collection without vectors says what the library says; an empty one leads to where items are added."""
    library.collection("words", modality="sequence", encoder="minhash")
    library.collection("empty", modality="image", encoder=ToyJointEncoder())
    words, empty = text_of(client, "/c/words/map"), text_of(client, "/c/empty/map")

    assert "words has no vectors to map" in words
    assert "too few" in empty
    assert 'href="/c/empty/add"' in empty
    assert MAKE not in words + empty


def test_a_card_is_text(client: TestClient, library: Library) -> None:
    """An item's few lines for its point; names and tags are text; one that is gone is 404."""
    item = library.collection("photos").items(limit=1)[0]
    library.collection("photos").tag([item.id], [HOSTILE, *(f"tag {number}" for number in range(9))])
    answer = client.get("/c/photos/map/card", params={"item": item.id})
    text = html.unescape(answer.text)

    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert "<script" not in answer.text
    assert HOSTILE in text
    assert text.count("<li>") == 7  # six tags, and how many more
    assert f'href="/c/photos?part=item:{item.id}"' in text.replace("%3A", ":")
    assert client.get("/c/photos/map/card", params={"item": "f" * 64}).status_code == 404
    assert client.get("/c/photos/map/card", params={"item": "f" * 200}).status_code == 422


def test_a_reader_only_looks(client: TestClient, library: Library) -> None:
    """Who may not write sees the map, but no button that makes one, no field to tag with; the server refuses too."""
    library.collection("photos").map()
    library.collection("photos").remove([library.collection("photos").items(limit=1)[0].id])
    keys = {role: library.keys.make(role, role) for role in ROLES}
    application = create_app(library, ServerOptions(job_workers=0))
    with TestClient(application, base_url="http://127.0.0.1", headers=PAGE) as guarded:
        seen = {}
        for name, key in keys.items():
            held = {"Authorization": f"Bearer {key}"}
            text = guarded.get("/c/photos/map", headers=held).text
            sent = guarded.post("/c/photos/map", headers=held, follow_redirects=False)
            for job in library.jobs.list("queued"):
                library.jobs.cancel(job.id)
            seen[name] = ("<point-map" in text, ANEW in text, "picked-tag" in text, sent.status_code)

    assert seen == {"reader": (True, False, False, 403), **dict.fromkeys(("writer", "admin"), (True, True, True, 303))}
